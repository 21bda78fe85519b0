package engineio

// This file tests sessions on WebSocket, and the change to it.

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/websocket"
)

func TestSocket(t *testing.T) {
	s := start(t, nil)
	id, c := s.openSocket(sock4)
	s.write(c, "4hello")
	s.wantRead(c, "4hello")
	if err := c.Write(context.Background(), websocket.Binary, []byte{1, 2}); err != nil {
		t.Error(err)
	}
	s.wantRead(c, "[\x01\x02]")
	session := s.session(id)
	if session.Transport() != "websocket" || !session.Writable() {
		t.Error(session.Transport(), session.Writable())
	}
	s.write(c, "1")
	s.wantEnd(c, 1005)
	if r := s.reason(t, id); r != TransportClose {
		t.Error(r)
	}
}

func TestSocketRevision3(t *testing.T) {
	s := start(t, nil)
	_, c := s.openSocket(sock3)
	s.write(c, "4hello")
	s.wantRead(c, "4hello")
	if err := c.Write(context.Background(), websocket.Binary, []byte{4, 1, 2}); err != nil {
		t.Error(err)
	}
	s.wantRead(c, "[\x04\x01\x02]")
	s.write(c, "2")
	s.wantRead(c, "3")

	_, c = s.openSocket(sock3 + "&b64=1")
	s.write(c, "b4AQI=")
	s.wantRead(c, "b4AQI=")
	_, c = s.openSocket(sock4 + "&b64=1")
	s.write(c, "bAQI=")
	s.wantRead(c, "bAQI=")
}

func TestSocketHeartbeat(t *testing.T) {
	s := start(t, &Options{PingInterval: 50 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	id, c := s.openSocket(sock4)
	for range 3 {
		s.wantRead(c, "2")
		s.write(c, "3")
	}
	if r := s.reason(t, id); r != PingTimeout {
		t.Error(r)
	}
	id, c = s.openSocket(sock3)
	if r := s.reason(t, id); r != PingTimeout {
		t.Error(r)
	}
	s.wantEnd(c, 1006)
}

// How a connection ends, and what the session's end is then called.
func TestSocketEnds(t *testing.T) {
	s := start(t, &Options{MaxPayload: 1000})
	for name, tt := range map[string]struct {
		end  func(id string, c *websocket.Conn)
		want Reason
		code websocket.StatusCode // that the client hears; 0: none
	}{
		"close frame": {func(_ string, c *websocket.Conn) { _ = c.Close(1000, "") }, TransportClose, 0},
		"lost":        {func(_ string, c *websocket.Conn) { _ = c.CloseNow() }, TransportClose, 0},
		"too large":   {func(_ string, c *websocket.Conn) { s.write(c, strings.Repeat("4", 1001)) }, TransportError, 1009},
		"no packet":   {func(_ string, c *websocket.Conn) { s.write(c, "x") }, ParseError, 1005},
		"ours":        {func(id string, _ *websocket.Conn) { s.session(id).Close() }, ForcedClose, 1005},
		"discarded":   {func(id string, _ *websocket.Conn) { s.session(id).Discard() }, ForcedClose, 1005},
	} {
		t.Run(name, func(t *testing.T) {
			id, c := s.openSocket(sock4)
			tt.end(id, c)
			if r := s.reason(t, id); r != tt.want {
				t.Errorf("%s, want %s", r, tt.want)
			}
			if tt.code != 0 {
				s.wantEnd(c, tt.code)
			}
		})
	}
}

func TestSetMaxPayload(t *testing.T) {
	s := startEcho(t, nil, &echo{open: func(s *Session) error { s.SetMaxPayload(10); return nil }, message: func(s *Session, m Message) {
		s.SetMaxPayload(100)
		_ = s.Send(m)
	}})
	id, c := s.openSocket(sock4)
	s.write(c, "4hello")
	s.wantRead(c, "4hello")
	s.write(c, "4"+strings.Repeat("a", 99))
	s.wantRead(c, "4"+strings.Repeat("a", 99))
	s.write(c, "4"+strings.Repeat("a", 100))
	s.wantEnd(c, 1009)
	s.reason(t, id)
	_, q := s.openPolling(poll4)
	s.wantRefusal(s.post(q, "4"+strings.Repeat("a", 10)), 413, eio.BadRequest)
	_, q = s.openPolling(poll4)
	s.wantOK(q, "4a")
	s.wantOK(q, "4"+strings.Repeat("a", 99))
}

// Messages of several goroutines do not mix, and those that are sent together stay together.
func TestSendTogether(t *testing.T) {
	const senders, rounds = 4, 200
	o := &Options{SendBuffer: 8 << 20}
	s := start(t, o)
	id, c := s.openSocket(sock4)
	session := s.session(id)
	prepared := NewPrepared(Text("head 9"), Binary([]byte("tail 9")))
	var wg sync.WaitGroup
	for n := range senders {
		wg.Go(func() {
			for range rounds {
				var err error
				if n == 0 {
					err = session.SendPrepared(prepared)
				} else {
					err = session.Send(Text("head "+strconv.Itoa(n)), Binary([]byte("tail "+strconv.Itoa(n))))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range senders * rounds {
		head, tail := s.read(c), s.read(c)
		if strings.TrimPrefix(head, "4head") != strings.TrimSuffix(strings.TrimPrefix(tail, "[tail"), "]") {
			t.Fatalf("%s, %s", head, tail)
		}
	}
	wg.Wait()
}

func TestPrepared(t *testing.T) {
	s := start(t, &Options{Deflate: &websocket.Deflate{Takeover: true}})
	data := []byte("text")
	p := NewPrepared(Message{Data: data}, Binary([]byte{1, 2}))
	copy(data, "....") // it has its own
	q := NewPrepared(Message{Plain: true, Data: []byte(strings.Repeat("plain ", 100))})
	for query, want := range map[string][2]string{sock4: {"4text", "[\x01\x02]"}, sock3: {"4text", "[\x04\x01\x02]"}, sock4 + "&b64=1": {"4text", "bAQI="}, sock3 + "&b64=1": {"4text", "b4AQI="}} {
		id, c := s.openSocket(query)
		if err := s.session(id).SendPrepared(p); err != nil {
			t.Error(err)
		}
		s.wantRead(c, want[0])
		s.wantRead(c, want[1])
		_ = s.session(id).SendPrepared(q)
		s.wantRead(c, "4"+strings.Repeat("plain ", 100))
	}
	for query, want := range map[string]string{poll4: "4text\x1ebAQI=", poll3: "\x00\x05\xff4text\x01\x03\xff\x04\x01\x02", poll3 + "&b64=1": "5:4text6:b4AQI="} {
		id, q := s.openPolling(query)
		_ = s.session(id).SendPrepared(p)
		s.wantGet(q, want)
		s.session(id).Discard()
		if err := s.session(id).SendPrepared(p); err != ErrClosed { //nolint:errorlint // exactly this
			t.Error(err)
		}
	}
}

func TestUpgrade(t *testing.T) {
	s := start(t, nil)
	for _, q := range []string{"EIO=4", "EIO=3"} {
		id, poll := s.openPolling(q + "&transport=polling")
		session := s.session(id)
		waiting := s.later(http.MethodGet, poll, nil)
		s.eventually("the poll waits", session.Writable)
		c := s.dial(q + "&transport=websocket&sid=" + id)
		s.write(c, "2probe")
		s.wantRead(c, "3probe")
		noop := map[string]string{"EIO=4": "6", "EIO=3": "1:6"}[q]
		s.want(<-waiting, 200, noop)
		s.wantGet(poll, noop) // every poll during an upgrade
		s.wantGet(poll, noop)
		if session.Transport() != "polling" {
			t.Error(session.Transport())
		}
		_ = session.Send(Text("by polling"))
		if r := s.get(poll); !strings.HasSuffix(r.body, "4by polling") {
			t.Errorf("%q", r.body)
		}
		_ = session.Send(Text("waits"))
		s.write(c, "5")
		s.wantRead(c, "4waits")
		s.write(c, "4hello")
		s.wantRead(c, "4hello")
		if session.Transport() != "websocket" {
			t.Error(session.Transport())
		}
		s.wantRefusal(s.get(poll), 400, eio.BadRequest)
		s.wantRefusal(s.post(poll, "4"), 400, eio.BadRequest)
		s.write(c, "4still here")
		s.wantRead(c, "4still here")
	}
}

// A large message may follow the UPGRADE packet in the same segment.
func TestUpgradeLimit(t *testing.T) {
	s := start(t, nil)
	id, _ := s.openPolling(poll4)
	c := s.dial(sock4 + "&sid=" + id)
	s.write(c, "2probe")
	s.wantRead(c, "3probe")
	long := "4" + strings.Repeat("long", 10_000)
	s.write(c, "5")
	s.write(c, long)
	s.wantRead(c, long)
}

// Heartbeats rest during an upgrade, and UpgradeTimeout bounds it.
func TestUpgradeTimeout(t *testing.T) {
	s := start(t, &Options{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond, UpgradeTimeout: 400 * time.Millisecond})
	id, q := s.openPolling(poll4)
	c := s.dial(sock4 + "&sid=" + id)
	s.write(c, "2probe")
	s.wantRead(c, "3probe")
	s.wantEnd(c, 1005) // no ping came by it
	s.lives(t, id)
	s.wantGet(q, "2")
}

// A session that is closed during the upgrade goes by the new transport, if the client gets that far.
func TestCloseDuringUpgrade(t *testing.T) {
	s := start(t, nil)
	id, _ := s.openPolling(poll4)
	c := s.dial(sock4 + "&sid=" + id)
	s.write(c, "2probe")
	s.wantRead(c, "3probe")
	_ = s.session(id).Send(Text("bye"))
	s.session(id).Close()
	s.write(c, "5")
	s.wantRead(c, "4bye")
	s.wantEnd(c, 1005)
	if r := s.reason(t, id); r != ForcedClose {
		t.Error(r)
	}
}

func TestNoUpgrades(t *testing.T) {
	s := start(t, &Options{NoUpgrades: true})
	if r := s.get(poll4); !strings.Contains(r.body, `"upgrades":[]`) {
		t.Error(r.body)
	}
	id, _ := s.openPolling(poll4)
	if _, err := s.tryDial(sock4 + "&sid=" + id); err == nil {
		t.Error("an upgrade")
	}
	s.lives(t, id)
}

// Packets flow both ways while the transport changes: none is lost, doubled or out of order.
func TestUpgradeUnderTraffic(t *testing.T) {
	sessions := 1000
	if raceEnabled || testing.Short() {
		sessions = 200
	}
	const most = 20 // at once
	s := startEcho(t, &Options{SendBuffer: 8 << 20}, &echo{open: func(s *Session) error {
		go func() { // the server's own stream, beside the echoes
			for n := range streamLength {
				_ = s.Send(Text("s" + strconv.Itoa(n)))
				if n%8 == 0 {
					time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
				}
			}
		}()
		return nil
	}})
	turns := make(chan struct{}, most)
	var wg sync.WaitGroup
	for n := range sessions {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			rev := eio.V3 + eio.Revision(n%2)
			if err := newTraffic(s, rev).run(); err != nil {
				t.Errorf("session %d: %v", n, err)
			}
		})
	}
	wg.Wait()
}

// streamLength is how many messages go each way.
const streamLength = 60

// traffic is a client that polls, changes to WebSocket while messages flow, as the original's does, and checks what it gets.
type traffic struct {
	site  *site
	rev   eio.Revision
	query string
	id    string
	sent  int // of our own
	echo  int // of them came back
	own   int // of the server's own came
}

func newTraffic(s *site, rev eio.Revision) *traffic {
	return &traffic{site: s, rev: rev, query: fmt.Sprintf("EIO=%d&transport=polling", rev)}
}

func (x *traffic) run() error {
	if err := x.fetch(); err != nil {
		return err
	}
	x.query += "&sid=" + x.id
	before := rand.IntN(streamLength)
	for x.sent < before { // some traffic before
		if err := x.both(); err != nil {
			return err
		}
	}
	c, err := x.site.tryDial(strings.Replace(x.query, "polling", "websocket", 1))
	if err != nil {
		return err
	}
	defer func() { _ = c.CloseNow() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	probed := make(chan error, 1)
	go func() {
		if err := c.Write(ctx, websocket.Text, []byte("2probe")); err != nil {
			probed <- err
			return
		}
		m, err := c.Read(ctx)
		if err == nil && string(m.Data) != "3probe" {
			err = fmt.Errorf("the probe is answered with %q", m.Data)
		}
		probed <- err
	}()
	for waiting := true; waiting; { // some during the probe
		select {
		case err := <-probed:
			if err != nil {
				return err
			}
			waiting = false
		default:
			if err := x.both(); err != nil {
				return err
			}
		}
	}
	if err := c.Write(ctx, websocket.Text, []byte("5")); err != nil {
		return err
	}
	for x.sent < streamLength { // and the rest by the new transport
		if err := c.Write(ctx, websocket.Text, []byte(x.next())); err != nil {
			return err
		}
	}
	for x.echo < streamLength || x.own < streamLength {
		m, err := c.Read(ctx)
		if err != nil {
			return fmt.Errorf("after %d echoes and %d others: %w", x.echo, x.own, err)
		}
		if err := x.take(string(m.Data)); err != nil {
			return err
		}
	}
	return c.Close(1000, "")
}

func (x *traffic) next() string {
	x.sent++
	return "4c" + strconv.Itoa(x.sent-1)
}

// both polls and posts at once.
func (x *traffic) both() error {
	body := []eio.Packet{}
	for range rand.IntN(3) {
		if x.sent < streamLength {
			body = append(body, eio.Packet{Type: eio.TypeMessage, Data: []byte(x.next()[1:])})
		}
	}
	posted := make(chan error, 1)
	if len(body) > 0 {
		payload, _ := eio.AppendPayload(nil, eio.Format{Revision: x.rev}, body)
		go func() {
			r, err := x.site.try(http.MethodPost, x.query, strings.NewReader(string(payload)))
			if err == nil && r.body != "ok" {
				err = fmt.Errorf("POST: %d %s", r.status, r.body)
			}
			posted <- err
		}()
	} else {
		posted <- nil
	}
	if x.echo < x.sent || x.own < streamLength { // else nothing would come before the NOOP
		if err := x.fetch(); err != nil {
			return err
		}
	}
	return <-posted
}

// fetch polls.
func (x *traffic) fetch() error {
	r, err := x.site.try(http.MethodGet, x.query, nil)
	if err != nil || r.status != http.StatusOK {
		return fmt.Errorf("GET: %d %s: %w", r.status, r.body, err)
	}
	binary := r.header.Get("Content-Type") == "application/octet-stream"
	for p, err := range eio.Packets(x.rev, binary, []byte(r.body), 1<<20) {
		if err != nil {
			return err
		}
		if err := x.take(string(eio.AppendPacket(nil, x.rev, p, true))); err != nil {
			return err
		}
	}
	return nil
}

// take checks a packet.
func (x *traffic) take(packet string) error {
	switch {
	case packet[0] == '0':
		o, err := eio.ParseOpen([]byte(packet)[1:])
		x.id = o.SID
		return err
	case packet == "6":
	case packet == "4c"+strconv.Itoa(x.echo):
		x.echo++
	case packet == "4s"+strconv.Itoa(x.own):
		x.own++
	default:
		return fmt.Errorf("got %q after %d echoes and %d others", packet, x.echo, x.own)
	}
	return nil
}

// One session's Handler that blocks does not hold up another's.
func TestHandlerBlocks(t *testing.T) {
	free := make(chan struct{})
	s := startEcho(t, nil, &echo{message: func(s *Session, m Message) {
		if string(m.Data) == "block" {
			<-free
		}
		_ = s.Send(m)
	}})
	_, stuck := s.openSocket(sock4)
	s.write(stuck, "4block")
	_, c := s.openSocket(sock4)
	s.write(c, "4a")
	s.wantRead(c, "4a")
	_, q := s.openPolling(poll4)
	s.wantOK(q, "4b")
	s.wantGet(q, "4b")
	close(free)
	s.wantRead(stuck, "4block")
}

// The end is told after the call that is being made, by whoever ends the session.
func TestEndDuringMessage(t *testing.T) {
	inside, free := make(chan struct{}), make(chan struct{})
	e := new(echo)
	e.message = func(s *Session, _ Message) {
		close(inside)
		<-free
		e.lives(t, s.ID())
	}
	s := startEcho(t, nil, e)
	id, c := s.openSocket(sock4)
	s.write(c, "4a")
	<-inside
	s.session(id).Discard()
	s.wantEnd(c, 1005)
	time.Sleep(10 * time.Millisecond)
	close(free)
	s.reason(t, id)
}

func TestPanic(t *testing.T) {
	var log logBuffer
	s := startEcho(t, &Options{Logger: log.logger()}, &echo{
		message: func(*Session, Message) { panic("at the message") },
		open: func(s *Session) error {
			if s.Handshake().Query().Has("panic") {
				panic("at the opening")
			}
			return nil
		},
	})
	id, q := s.openPolling(poll4)
	s.ask(http.MethodPost, q, "4a")
	if r := s.reason(t, id); r != TransportError {
		t.Error(r)
	}
	id, c := s.openSocket(sock4)
	s.write(c, "4a")
	s.wantEnd(c, 1005)
	s.reason(t, id)
	s.wantRefusal(s.get(poll4+"&panic=1"), 403, eio.Forbidden)
	s.wantEnd(s.dial(sock4+"&panic=1"), 1008)
	for _, want := range []string{"at the message", "at the opening", "goroutine"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestHandshake(t *testing.T) {
	s := start(t, nil)
	_, c := s.openSocket(sock4 + "&token=a%20b")
	_ = c
	var session *Session
	s.server.mu.Lock()
	for _, session = range s.server.sessions {
	}
	s.server.mu.Unlock()
	h := session.Handshake()
	if h.Query().Get("token") != "a b" || h.Secure() || h.Addr().String() != "127.0.0.1" || time.Since(h.Issued()) > time.Minute {
		t.Errorf("%+v", h)
	}
	if v := h.HeaderValue("Upgrade"); v != "websocket" || h.HeaderValue("Up") != "" || h.HeaderValue("X") != "" {
		t.Error(v)
	}
	if v := h.Header(); v.Get("Sec-Websocket-Version") != "13" || !strings.HasPrefix(v.Get("Host"), "127.0.0.1:") {
		t.Error(v)
	}
}

func TestShutdown(t *testing.T) {
	s := start(t, &Options{ShutdownRate: 100})
	id, q := s.openPolling(poll4)
	poll := s.later(http.MethodGet, q, nil)
	s.eventually("the poll waits", s.session(id).Writable)
	var conns []*websocket.Conn
	for range 19 {
		_, c := s.openSocket(sock4)
		conns = append(conns, c)
	}
	begin := time.Now()
	if err := s.server.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d < 50*time.Millisecond || d > time.Second {
		t.Errorf("20 sessions at 100/s in %v", d)
	}
	s.want(<-poll, 200, "1")
	for _, c := range conns {
		s.wantEnd(c, 1001)
	}
	if r := s.reason(t, id); r != ServerShutdown {
		t.Error(r)
	}
	r := s.get(poll4)
	s.wantRefusal(r, 503, eio.Forbidden)
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if s.server.Len() != 0 {
		t.Error(s.server.Len())
	}
}

// When the time is up, Shutdown waits no longer.
func TestShutdownInTime(t *testing.T) {
	free := make(chan struct{})
	s := startEcho(t, &Options{ShutdownRate: 1}, &echo{message: func(*Session, Message) { <-free }})
	_, c := s.openSocket(sock4)
	s.write(c, "4a")
	for range 5 {
		s.openSocket(sock4)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := s.server.Shutdown(ctx); err != context.DeadlineExceeded || time.Since(begin) > 2*time.Second { //nolint:errorlint // exactly this
		t.Error(err, time.Since(begin))
	}
	s.eventually("all but the one that hangs are gone", func() bool { return s.server.Len() == 1 })
	close(free)
}

var _ io.Reader = new(repeated)

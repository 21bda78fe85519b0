package engineio

// This file tests sessions on WebSocket, and the change to it.

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
		session := s.session(id)
		_ = session.SendPrepared(p)
		s.wantGet(q, want)
		session.Discard()
		if err := session.SendPrepared(p); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
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
	if err := s.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 2*time.Second {
		t.Error(err, time.Since(begin))
	}
	s.eventually("all but the one that hangs are gone", func() bool { return s.server.Len() == 1 })
	close(free)
}

// socketByHand opens a session on WebSocket whose client is only a connection. r has what comes behind the OPEN packet.
func socketByHand(t testing.TB, s *site, header ...string) (session *Session, c net.Conn, r *bufio.Reader) {
	t.Helper()
	u, _ := url.Parse(s.url)
	c, err := net.Dial("tcp", u.Host) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, _ = fmt.Fprintf(c, "GET /?%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", sock4, u.Host, strings.Join(header, ""))
	r = bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	_, packet := readFrame(t, r)
	o, err := eio.ParseOpen([]byte(packet[1:]))
	if err != nil {
		t.Fatal(err)
	}
	return s.session(o.SID), c, r
}

// readFrame reads a frame of less than 64 KiB, and tells whether it is compressed.
func readFrame(t testing.TB, r *bufio.Reader) (compressed bool, payload string) {
	t.Helper()
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	head := read(2)
	n := int(head[1])
	if n == 126 {
		n = int(binary.BigEndian.Uint16(read(2)))
	}
	return head[0]&0x40 != 0, string(read(n))
}

// Messages are compressed from the threshold on, unless they say that they should not be.
func TestSocketCompression(t *testing.T) {
	s := start(t, &Options{Deflate: new(websocket.Deflate)})
	session, _, r := socketByHand(t, s, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
	long := Text(strings.Repeat("long ", 400))
	plain := long
	plain.Plain = true
	for _, tt := range []struct {
		name string
		send func() error
		want bool
	}{
		{"long", func() error { return session.Send(long) }, true},
		{"short", func() error { return session.Send(Text("short")) }, false},
		{"plain", func() error { return session.Send(plain) }, false},
		{"long, prepared", func() error { return session.SendPrepared(NewPrepared(long)) }, true},
		{"plain, prepared", func() error { return session.SendPrepared(NewPrepared(plain)) }, false},
	} {
		if err := tt.send(); err != nil {
			t.Fatal(err)
		}
		compressed, payload := readFrame(t, r)
		if compressed != tt.want || compressed != (len(payload) < 100 && tt.name != "short") {
			t.Errorf("%s: compressed %v, %d bytes", tt.name, compressed, len(payload))
		}
	}
}

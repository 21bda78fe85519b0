package engineio

// This file tests the change from polling to WebSocket.

import (
	"context"
	"fmt"
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

// After an upgrade the heartbeat goes on, and a session that is closed during one has its time.
func TestHeartbeatAfterUpgrade(t *testing.T) {
	s := start(t, &Options{PingInterval: 50 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	s.server.set.machine.CloseTimeout = 100 * time.Millisecond
	id, _ := s.openPolling(poll4)
	c := s.dial(sock4 + "&sid=" + id)
	s.write(c, "2probe")
	s.wantRead(c, "3probe")
	s.write(c, "5")
	for range 3 {
		s.wantRead(c, "2")
		s.write(c, "3")
	}
	if r := s.reason(t, id); r != PingTimeout {
		t.Error(r)
	}
	id, _ = s.openPolling(poll4)
	c = s.dial(sock4 + "&sid=" + id)
	s.write(c, "2probe")
	s.wantRead(c, "3probe")
	s.session(id).Close()
	if r := s.reason(t, id); r != ForcedClose {
		t.Error(r)
	}
	s.wantEnd(c, 1005)
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

package socketio

// This file holds the attacks on what a server bears: clients that do not join, rooms, and functions that panic or do not return.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/eio"
)

// Clients that do not join are ended in time, and may not send much.
func TestAttack_N01_NoConnect(t *testing.T) {
	attack(t, &Options{ConnectTimeout: 500 * time.Millisecond}, func(s *site) {
		s.Of("/refuses").Use(func(*Socket) error { return errors.New("not you") })
		for range many(20, 1) {
			for range many(500, 500) {
				s.open(socket4)
				s.open(poll4)
				s.open(socket4).send(`0/refuses,`, `0/unknown,`)
			}
			s.open(poll4).wantEnd()
			eventually(t, "those that hear of it are gone", func() bool { return s.waiting() == 0 })
			s.hangUp()
		}

		long := `0{"token":"` + strings.Repeat("x", 16<<10) + `"}`
		p := s.open(socket4)
		p.send(long)
		p.wantEnd()
		p = s.open(poll4)
		if r, err := s.try(http.MethodPost, s.url+"?"+p.query, "4"+long); err != nil || r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %v", r.status, err)
		}
		p, _ = s.join(socket4)
		On(s, "long", func(_ *Socket, e *Event) error { return e.Ack(len(e.Args.Raw(0))) })
		p.send(`27["long","` + strings.Repeat("x", 900_000) + `"]`) // and now it may
		p.want(`37[900002]`)
	})
}

// waiting returns how many WebSocket connections there are that have not joined.
func (s *site) waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if p.wire == nil {
			continue
		}
		if session := s.engine.Session(p.id); session != nil {
			if c, ok := session.User.(*client); ok && c.alive() {
				n++
			}
		}
	}
	return n
}

// Whatever carries a client, the same functions are asked.
func TestAttack_N02_EveryTransport(t *testing.T) {
	attack(t, &Options{Engine: engineio.Options{JSONP: true}}, func(s *site) {
		var asked atomic.Int32
		chat := s.Of("/chat")
		chat.Use(func(socket *Socket) error {
			asked.Add(1)
			if !strings.Contains(string(socket.Handshake().Auth), "secret") {
				return errors.New("not you")
			}
			return nil
		})
		s.watch(chat)
		for i, f := range []form{socket4, socket3, poll4, poll3} {
			p, _ := s.join(f)
			want, auth := `{"message":"not you"}`, `{"token":"secret"}`
			if f.rev == eio.V3 {
				want, auth = `"not you"`, `token=secret`
			}
			p.send(`0/chat,`)
			p.want(`4/chat,` + want)
			p.join("/chat", auth)
			if n := asked.Load(); n != int32(2*i+2) {
				t.Errorf("asked %d times", n)
			}
		}
		asked.Store(0)
		p, _ := s.join(poll4)
		p.upgrade()
		p.send(`0/chat,`)
		p.want(`4/chat,{"message":"not you"}`)
		p.join("/chat", `{"token":"secret"}`)

		r := s.get(s.url + "?EIO=3&transport=polling&j=0") // a script of revision 3
		_, rest, _ := strings.Cut(r.body, `\"sid\":\"`)
		sid, _, _ := strings.Cut(rest, `\"`)
		query := s.url + "?EIO=3&transport=polling&j=0&sid=" + sid
		if r, err := s.try(http.MethodPost, query, "d="+"8:40%2Fchat%2C", "Content-Type", "application/x-www-form-urlencoded"); err != nil || r.body != "ok" {
			t.Errorf("%d %s %v", r.status, r.body, err)
		}
		var body strings.Builder
		for !strings.Contains(body.String(), "not you") {
			r := s.get(query)
			if r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			body.WriteString(r.body)
		}
		if n := asked.Load(); n != 3 {
			t.Errorf("asked %d times", n)
		}
		_, _ = s.try(http.MethodPost, query, "d="+"1:1", "Content-Type", "application/x-www-form-urlencoded")
	})
}

// upgrade changes a client that polls to WebSocket.
func (p *peer) upgrade() {
	p.site.t.Helper()
	if err := p.tryUpgrade(); err != nil {
		p.site.t.Fatal(err)
	}
}

func (p *peer) tryUpgrade() error {
	w, err := p.probe()
	if err == nil {
		err = w.send("5")
	}
	if err == nil {
		p.wire, p.transport = w, "websocket"
	}
	return err
}

// probe tries WebSocket.
func (p *peer) probe() (*wire, error) {
	w, err := dialWire(p.site.addr, "/socket.io/?"+strings.Replace(p.query, "polling", "websocket", 1), nil, "2probe")
	if err != nil {
		return nil, err
	}
	if m, err := w.read(); err != nil || m != "3probe" {
		_ = w.Close()
		return nil, fmt.Errorf("the probe is answered with %q: %w", m, err)
	}
	return w, nil
}

// Clients cannot name rooms; what they are called does no harm; and rooms of one namespace are none of another.
func TestAttack_N03_Rooms(t *testing.T) {
	attack(t, nil, func(s *site) {
		other := s.Of("/other")
		s.watch(other)
		victim, victimID := s.join(socket4)
		thief, thiefID := s.join(socket4)
		_ = s.socket(victimID).Join("secret")
		for _, event := range []string{"join", "subscribe", "to", "in", "except", "broadcast", "fetchSockets", "socketsJoin"} {
			thief.send(`2["` + event + `","secret"]`)
		}
		thief.send(`0/other,{"rooms":["secret"],"room":"secret"}`)
		if got := thief.read(); !strings.HasPrefix(got, "0/other,") {
			t.Error(got)
		}
		_ = s.To("secret").Emit("x")
		victim.want(`2["x"]`)
		_ = other.To("secret").Emit("x") // of the same name, elsewhere
		_ = other.To(victimID).Emit("x")
		_ = s.Except("secret", victimID).To("secret").Emit("x")
		victim.quiet()
		thief.quiet()

		// One's own room stays one's own.
		s.socket(thiefID).Leave(thiefID)
		_ = s.To(thiefID).Emit("mine")
		thief.want(`2["mine"]`)
		if rooms := s.socket(thiefID).Rooms(); !slices.Equal(rooms, []string{thiefID}) {
			t.Errorf("%q", rooms)
		}
		for _, name := range []string{"", strings.Repeat("x", 256), strings.Repeat("x", 1<<20)} {
			if err := s.socket(thiefID).Join(name); err == nil {
				t.Errorf("a room of %d bytes", len(name))
			}
		}
		for _, name := range []string{"\x00", "\r\n", "#", "*", ">", "a,b", "/other#secret", "__proto__", "\xff"} {
			if err := s.socket(thiefID).Join(name); err != nil {
				t.Error(err)
			}
			_ = s.To(name).Emit("x")
			thief.want(`2["x"]`)
		}
		victim.quiet()
	})
}

// Rooms are bounded for each socket, and cost nothing when they are left.
func TestAttack_N04_ManyRooms(t *testing.T) {
	attack(t, nil, func(s *site) {
		_, id := s.join(socket4)
		socket := s.socket(id)
		joined := 0
		for n := range 100_000 {
			if socket.Join(fmt.Sprint("room ", n)) == nil {
				joined++
			}
		}
		if joined != 1000 {
			t.Errorf("%d rooms", joined)
		}
		socket.Leave(socket.Rooms()...)
		before := heap()
		for n := range many(1_000_000, 100_000) {
			room := fmt.Sprint("room ", n)
			if err := socket.Join(room); err != nil {
				t.Fatal(err)
			}
			socket.Leave(room)
		}
		if rooms, _ := s.Namespace.rooms.Count(""); rooms != 0 {
			t.Errorf("%d rooms are left", rooms)
		}
		if grown := heap() - before; grown > 1<<20 {
			t.Errorf("%d bytes are left of rooms", grown)
		}
		// Rooms that are as many as there can be, by many, go with them.
		names := make([]string, 1000)
		for n := range names {
			names[n] = fmt.Sprint(n)
		}
		for range many(200, 50) {
			p, id := s.join(socket4)
			if err := s.socket(id).Join(names...); err != nil {
				t.Error(err)
			}
			p.hangUp()
		}
	})
}

// A function that panics ends the connection for which it was called, is logged once with its stack, and nobody else notices.
func TestAttack_X01_Panic(t *testing.T) {
	var log journal
	o := &Options{Engine: engineio.Options{Logger: log.logger()}}
	attack(t, o, func(s *site) {
		bad := s.Of("/bad")
		s.watch(bad)
		bad.Use(func(socket *Socket) error { return mayPanic(socket, "use") })
		bad.OnConnect(func(socket *Socket) error { return mayPanic(socket, "connect") })
		bad.OnDisconnecting(func(socket *Socket, _ string) { _ = mayPanic(socket, "disconnecting") })
		bad.OnDisconnect(func(socket *Socket, _ string) { _ = mayPanic(socket, "disconnected") })
		bad.UsePacket(func(socket *Socket, _ *Event) error { return mayPanic(socket, "packet") })
		bad.OnAny(func(socket *Socket, _ *Event) error { return mayPanic(socket, "any") })
		bad.OnAnyOutgoing(func(socket *Socket, _ *Event) { _ = mayPanic(socket, "outgoing") })
		On(bad, "x", func(socket *Socket, _ struct{}) error { return mayPanic(socket, "event") })
		On(bad, "emit", func(*Socket, struct{}) error { return bad.Emit("to all") })
		On(bad, "emit to one", func(socket *Socket, _ struct{}) error { return socket.Emit("y") })
		On(bad, "ask", func(*Socket, struct{}) error { // in a goroutine of its own
			_, err := bad.EmitWithAck(t.Context(), "to all")
			return err
		})
		On(bad, "write", func(socket *Socket, _ struct{}) error { return socket.Emit("x", panics{}) })
		for _, f := range []form{socket4, poll4} {
			for where, events := range map[string][]string{
				"use": {""}, "connect": {""}, "disconnecting": {""}, "disconnected": {""}, "packet": {"x"}, "any": {"x"}, "event": {"x"},
				"outgoing": {"emit", "emit to one", "ask"}, "write": {"write"},
			} {
				for _, event := range events {
					before := log.count("socketio: panic in a handler")
					p, id := s.join(f)
					p.provoke(where, event)
					for err := error(nil); err == nil; _, err = p.tryRead() {
					}
					s.wantReason(id, "forced close")
					if n := log.count("socketio: panic in a handler") - before; n != 1 {
						t.Errorf("%s, %s: %d panics were logged", where, event, n)
					}
				}
			}
		}
		if !strings.Contains(log.text.String(), "mayPanic") {
			t.Error("no stack")
		}
	})
}

// provoke has a function of the namespace "/bad" panic.
func (p *peer) provoke(where, event string) {
	auth := `{"panic":"` + where + `"}`
	if where == "use" || where == "connect" {
		p.send("0/bad," + auth)
		return
	}
	p.join("/bad", auth)
	if event == "" {
		p.send(`1/bad,`)
		return
	}
	p.send(`2/bad,["` + event + `"]`)
}

// mayPanic panics if the client has asked for it.
func mayPanic(s *Socket, where string) error {
	if string(s.Handshake().Auth) == `{"panic":"`+where+`"}` {
		panic(where)
	}
	return nil
}

// panics cannot be written.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }

// Functions that do not return hold nobody up but their own client, which is bounded, and ended when it is not heard for too long.
func TestAttack_X02_Blocked(t *testing.T) {
	o := &Options{Engine: engineio.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 300 * time.Millisecond}}
	goOn := make(chan struct{})
	attack(t, o, func(s *site) {
		s.OnConnect(func(socket *Socket) error { socket.SetData(new(atomic.Int32)); return nil })
		On(s, "block", func(*Socket, struct{}) error { <-goOn; return nil })
		On(s, "ask", func(socket *Socket, _ struct{}) error {
			_, _ = socket.EmitWithAck(context.Background(), "never answered")
			return nil
		})
		On(s, "count", func(socket *Socket, _ struct{}) error {
			n, _ := DataOf[*atomic.Int32](socket)
			n.Add(1)
			return nil
		})
		var wg sync.WaitGroup
		turns := make(chan struct{}, 50)
		clients := many(4000, 300)
		s.slack = 4 * mapSlack * int64(clients) // the runtime keeps what described a goroutine
		for range clients {                     // that do it, and stay
			turns <- struct{}{}
			wg.Go(func() {
				defer func() { <-turns }()
				p, err := s.tryOpen(socket4, "", "0")
				if err == nil {
					err = p.trySend(`2["block"]`, `2["count"]`)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()

		// One that floods meanwhile: it is not read from, and then not heard.
		const most = 1_000_000
		for _, event := range []string{`2["block"]`, `2["ask"]`} {
			p, id := s.join(socket4)
			socket := s.socket(id)
			p.send(event)
			sent := 0
			for ; sent < most; sent++ {
				if p.wire.send(`42["count","`+strings.Repeat("x", 1000)+`"]`) != nil {
					break
				}
			}
			if sent == most {
				t.Error("a gigabyte was taken")
			}
			if event == `2["ask"]` {
				s.wantReason(id, "ping timeout")
			}
			socket.client.mu.Lock()
			if q := socket.client.queue; q != nil && len(q.jobs) > 2*maxWaiting {
				t.Errorf("%d events wait", len(q.jobs))
			}
			socket.client.mu.Unlock()
		}
		close(goOn)
	})
}

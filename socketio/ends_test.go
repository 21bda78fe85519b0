package socketio

// This file tests how sockets leave: for which reasons, who is told, and when.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/eio"
)

func TestReasons(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, tt := range []struct {
			reason string
			alone  bool // the socket in the root stays
			do     func(p *peer, chat *Socket)
		}{
			{"client namespace disconnect", true, func(p *peer, _ *Socket) { p.send("1/chat,") }},
			{"server namespace disconnect", true, func(_ *peer, chat *Socket) { chat.Disconnect(false) }},
			{"server namespace disconnect", false, func(_ *peer, chat *Socket) { chat.Disconnect(true) }},
			{"transport close", false, func(p *peer, _ *Socket) { p.leave() }},
			{"forced close", false, func(p *peer, _ *Socket) { _ = p.trySend(`2"no packet"`) }},
			{"parse error", false, func(p *peer, _ *Socket) { p.bad() }},
			{"server shutting down", false, func(_ *peer, chat *Socket) { _ = chat.client.server.Shutdown(context.Background()) }},
		} {
			t.Run(tt.reason, func(t *testing.T) {
				s := start(t, nil)
				chat := s.Of("/chat")
				var disconnecting []string
				chat.OnDisconnecting(func(socket *Socket, reason string) {
					disconnecting = append(disconnecting, reason, strings.Join(socket.Rooms(), " "))
					if list, err := chat.To("a room").FetchSockets(t.Context()); err != nil || len(list) != 1 || socket.Connected() {
						t.Error(list, err, socket.Connected())
					}
				})
				chat.OnDisconnect(func(socket *Socket, _ string) {
					if socket.Rooms() != nil || socket.Connected() || len(disconnecting) != 2 {
						t.Errorf("%q %t %q", socket.Rooms(), socket.Connected(), disconnecting)
					}
				})
				s.watch(chat)
				p, rootID := s.join(f)
				id := p.join("/chat", "")
				socket := s.socket(id)
				_ = socket.Join("a room")
				ctx := socket.Context()
				tt.do(p, socket)
				if tt.reason == "forced close" && p.wire == nil {
					p.wantEnd() // who polls has its time to hear of it
				}
				s.wantReason(id, tt.reason)
				if want := []string{tt.reason, id + " a room"}; !slices.Equal(disconnecting, want) {
					t.Errorf("OnDisconnecting: %q, want %q", disconnecting, want)
				}
				<-ctx.Done()
				if cause := context.Cause(ctx); !errors.Is(cause, ErrDisconnected) || !strings.HasSuffix(cause.Error(), ": "+tt.reason) {
					t.Errorf("cause %v", cause)
				}
				if ctx := socket.Context(); ctx.Err() == nil {
					t.Error("the context of a socket that has left")
				}
				if tt.alone {
					s.lives(rootID)
					if tt.reason == serverLeaves {
						p.want("1/chat,")
					}
					p.quiet()
				} else {
					s.wantReason(rootID, tt.reason)
				}
			})
		}
	})
}

// bad sends what is no packet of Engine.IO.
func (p *peer) bad() {
	switch {
	case p.wire != nil:
		_ = p.wire.send("x")
	case p.rev == eio.V3:
		_ = p.post("1:x")
	default:
		_ = p.post("x")
	}
}

// A client that hangs up, one that is silent, and one that does not take what it is sent.
func TestReasonsOfTransport(t *testing.T) {
	s := start(t, &Options{Engine: engineio.Options{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond, SendBuffer: 10_000}})
	p, id := s.join(socket4)
	p.hangUp()
	s.wantReason(id, "transport close")
	_, id = s.join(socket4)
	s.wantReason(id, "ping timeout")
	_, id = s.join(poll4)
	for s.socket(id).Emit("x", strings.Repeat("x", 1000)) == nil {
	}
	s.wantReason(id, "transport error")
}

// What a client said before it left is heard.
func TestLastWords(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, how := range []string{"leaves", "closes"} {
			t.Run(how, func(t *testing.T) {
				s := start(t, nil)
				var heard []string
				goOn := make(chan struct{})
				On(s, "wait", func(*Socket, struct{}) error { <-goOn; return nil })
				On(s, "say", func(socket *Socket, word string) error {
					heard = append(heard, fmt.Sprint(word, " ", socket.Connected()))
					return nil
				})
				s.OnDisconnecting(func(*Socket, string) { heard = append(heard, "gone") })
				p, id := s.join(f)
				p.send(`2["wait"]`, `2["say","one"]`, `2["say","two"]`)
				want := "transport close"
				if how == "leaves" {
					p.send("1")
					want = "client namespace disconnect"
				} else {
					p.leave()
				}
				eventually(t, "the server knows", func() bool { return !s.socket(id).Connected() })
				close(goOn)
				s.wantReason(id, want)
				if !slices.Equal(heard, []string{"one false", "two false", "gone"}) {
					t.Errorf("%q", heard)
				}
			})
		}
	})
}

// What a client says after it was disconnected is not.
func TestDisconnectIgnores(t *testing.T) {
	s := start(t, nil)
	heard := 0
	On(s, "bye", func(socket *Socket, all bool) error {
		socket.Disconnect(all)
		socket.Disconnect(all)
		if socket.Connected() {
			t.Error("it is connected still")
		}
		if err := socket.Emit("x"); !errors.Is(err, ErrDisconnected) {
			t.Error(err)
		}
		return nil
	})
	On(s, "more", func(*Socket, struct{}) error { heard++; return nil })
	for _, packet := range []string{`2["bye",true]`, `2["bye",false]`} {
		p, id := s.join(poll4)
		p.send(packet, `2["more"]`, `2["more"]`)
		p.want("1")
		s.wantReason(id, "server namespace disconnect")
	}
	if heard != 0 {
		t.Errorf("%d were handled", heard)
	}
}

// A socket may be disconnected by what lets it in: as with the original, the client hears of both. Use cannot, but close the connection.
func TestDisconnectInConnect(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		for _, all := range []bool{false, true} {
			s := start(t, nil)
			chat := s.Of("/chat")
			s.watch(chat)
			chat.OnConnect(func(socket *Socket) error {
				_ = socket.Emit("x")
				socket.Disconnect(all)
				return nil
			})
			p, rootID := s.join(f)
			id := p.join("/chat", "")
			p.want(`2/chat,["x"]`)
			if all {
				p.wantEnd("1", "1/chat,")
				s.wantReason(rootID, "server namespace disconnect")
			} else {
				p.want("1/chat,")
				p.quiet()
			}
			s.wantReason(id, "server namespace disconnect")
		}
	})
}

// A client that may not join yet can be told things, which it gets if it may; it cannot be asked.
func TestInUse(t *testing.T) {
	s := start(t, nil)
	chat := s.Of("/chat")
	s.watch(chat)
	chat.Use(func(socket *Socket) error {
		if _, err := socket.EmitWithAck(t.Context(), "who"); !errors.Is(err, errAsking) {
			t.Error(err)
		}
		socket.Disconnect(false) // it is not connected
		if list, err := chat.FetchSockets(t.Context()); err != nil || len(list) != 0 {
			t.Error("it is there for others")
		}
		_ = socket.Join("a room")
		return socket.Emit("first", socket.Handshake().HeaderValue("Host"))
	})
	p, _ := s.join(socket4)
	p.join("/chat", "")
	p.want(`2/chat,["first","` + s.addr + `"]`)
	p.quiet()
}

// A function that waits for the client, or for its context, ends when the client has gone.
func TestContextInHandler(t *testing.T) {
	s := start(t, nil)
	began, ended := make(chan bool, 1), make(chan error, 1)
	wait := func(socket *Socket, _ struct{}) error {
		began <- true
		select {
		case <-socket.Context().Done():
			ended <- context.Cause(socket.Context())
		case <-time.After(patience):
			ended <- nil
		}
		return nil
	}
	On(s, "wait", wait)
	On(s, "ask", func(socket *Socket, _ struct{}) error {
		began <- true
		_, err := socket.EmitWithAck(context.Background(), "who")
		ended <- err
		return nil
	})
	s.Of("/use").Use(func(socket *Socket) error { return wait(socket, struct{}{}) })
	s.Of("/connect").OnConnect(func(socket *Socket) error { return wait(socket, struct{}{}) })
	for _, packet := range []string{`2["wait"]`, `2["ask"]`, `0/use,`, `0/connect,`} {
		for how, end := range map[string]func(p *peer){
			"hangs up": func(p *peer) { p.hangUp() },
			"leaves": func(p *peer) {
				if packet[0] == '0' {
					p.send("1" + packet[1:])
				} else {
					p.send("1")
				}
			},
			"is disconnected": func(p *peer) { s.socket(p.id).Disconnect(true) },
		} {
			p, id := s.join(socket4)
			p.id = id
			p.send(packet)
			receive(t, began)
			end(p)
			if err := receive(t, ended); !errors.Is(err, ErrDisconnected) {
				t.Errorf("%s, the client %s: %v", packet, how, err)
			}
			p.leave()
			s.reason(id)
		}
	}
}

func TestShutdown(t *testing.T) {
	s := start(t, &Options{Engine: engineio.Options{ShutdownRate: 50}})
	c := s.gather(20)
	slow := make(chan struct{})
	runs := make(chan bool, 1)
	On(s, "slow", func(*Socket, struct{}) error { runs <- true; <-slow; return nil })
	c.peers[0].send(`2["slow"]`)
	receive(t, runs)
	begin := time.Now()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	for i := 1; i < 20; i++ {
		s.wantReason(c.ids[i], "server shutting down")
	}
	if d := time.Since(begin); d < 150*time.Millisecond || d > 5*time.Second {
		t.Errorf("20 sockets in %v", d)
	}
	if r := s.get(s.url + "?EIO=4&transport=polling"); r.status != 503 {
		t.Errorf("%d", r.status)
	}
	select {
	case err := <-done:
		t.Errorf("Shutdown did not wait for a function: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	s.lives(c.ids[0])
	close(slow)
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
	s.wantReason(c.ids[0], "server shutting down")
}

// Shutdown has a deadline, whatever functions do.
func TestShutdownDeadline(t *testing.T) {
	s := start(t, nil)
	slow := make(chan struct{})
	runs := make(chan bool, 1)
	On(s, "slow", func(*Socket, struct{}) error { runs <- true; <-slow; return nil })
	p, _ := s.join(socket4)
	p.send(`2["slow"]`)
	receive(t, runs)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	close(slow)
}

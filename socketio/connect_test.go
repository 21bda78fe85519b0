package socketio

// This file tests how a client joins, and how it is refused.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/eio"
)

func TestConnect(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		s.watch(s.Of("chat"))
		p, id := s.join(f)
		socket := s.socket(id)
		if !socket.Connected() || socket.Namespace() != s.Of("/") || socket.Recovered() || socket.Transport() != f.transport || socket.Protocol() != int(f.rev) {
			t.Errorf("%v %s %v %s %d", socket.Connected(), socket.Namespace().Name(), socket.Recovered(), socket.Transport(), socket.Protocol())
		}
		if f.rev == eio.V4 && (len(id) != 20 || id == p.id) {
			t.Errorf("id %q of session %q", id, p.id)
		}
		chat := p.join("/chat", "")
		if chat == id {
			t.Error("the same id in two namespaces")
		}
		if n := s.Len(); n != 1 {
			t.Errorf("%d connections", n)
		}
		p.send("1/chat,")
		s.wantReason(chat, "client namespace disconnect")
		s.lives(id)
		again := p.join("/chat", "")
		if (again == chat) != (f.rev == eio.V3) { // in which the id is that of the connection
			t.Errorf("%s, and then %s", chat, again)
		}
		p.quiet()
		p.leave()
		s.wantReason(id, "transport close")
	})
}

func TestConnectAuth(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		chat := s.Of("/chat")
		var auth []string
		chat.Use(func(s *Socket) error {
			auth = append(auth, string(s.Handshake().Auth))
			return nil
		})
		s.watch(chat)
		p, _ := s.join(f)
		given, want := `{"token":"é","n":[1]}`, []string{`{}`, `{"token":"é","n":[1]}`}
		if f.rev == eio.V3 {
			given, want = `token=%C3%A9&n=1&n=2`, []string{`{}`, `{"n":["1","2"],"token":"é"}`}
		}
		p.join("/chat", "")
		p.send("1/chat,")
		p.join("/chat", given)
		p.quiet()
		if len(auth) != 2 || auth[0] != want[0] || auth[1] != want[1] {
			t.Errorf("auth %q, want %q", auth, want)
		}
	})
}

// What refuses a client, and what it is told, in revision 4 of Engine.IO and in revision 3.
var refusals = []struct {
	err    error
	v4, v3 string
}{
	{errors.New("not you"), `{"message":"not you"}`, `"not you"`},
	{&Error{Message: `"no"`}, `{"message":"\"no\""}`, `"\"no\""`},
	{&Error{Message: "no", Data: map[string]any{"code": 7}}, `{"message":"no","data":{"code":7}}`, `{"code":7}`},
	{fmt.Errorf("for us: %w", &Error{Message: "for them", Data: 1}), `{"message":"for them","data":1}`, `1`},
	{&Error{Message: "no", Data: func() {}}, `{"message":"no"}`, `"no"`},
}

func TestRefusal(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		var n atomic.Int32
		asked := 0
		s.Of("/use").Use(func(*Socket) error { return refusals[n.Load()].err })
		s.Of("/use").Use(func(*Socket) error { asked++; return nil })
		s.Of("/use").OnConnect(func(*Socket) error { asked++; return nil })
		s.Of("/connect").OnConnect(func(s *Socket) error {
			_ = s.Join("a room")
			_ = s.Emit("never seen")
			return refusals[n.Load()].err
		})
		s.Of("/connect").OnConnect(func(*Socket) error { asked++; return nil })
		for _, name := range []string{"/use", "/connect"} {
			s.Of(name).OnDisconnect(func(*Socket, string) { t.Error("somebody has left who was never there") })
		}
		p, _ := s.join(f)
		for i, r := range refusals {
			n.Store(int32(i))
			want := r.v4
			if f.rev == eio.V3 {
				want = r.v3
			}
			for _, name := range []string{"/use", "/connect"} {
				p.send("0" + name + ",")
				p.want("4" + name + "," + want)
			}
		}
		p.send("0/nowhere,")
		p.want(`4/nowhere,{"message":"Invalid namespace"}`) // of revision 3 too
		p.quiet()
		if asked != 0 {
			t.Errorf("%d functions were called after a refusal", asked)
		}
	})
}

// The root can refuse too: in revision 3 a client joins it without asking.
func TestRefusalRoot(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		s.Use(func(*Socket) error { return errors.New("not you") })
		p := s.open(f)
		if f.rev == eio.V3 {
			p.want(`4"not you"`)
			return
		}
		p.send("0")
		p.want(`4{"message":"not you"}`)
	})
}

// A panic in Use or OnConnect refuses as well, and ends the connection.
func TestConnectPanic(t *testing.T) {
	var log journal
	s := start(t, &Options{Engine: engineio.Options{Logger: log.logger()}})
	s.Of("/use").Use(func(*Socket) error { panic("in use") })
	s.Of("/connect").OnConnect(func(*Socket) error { panic("in connect") })
	s.OfFunc(func(name string, _ json.RawMessage) bool {
		if name == "/match" {
			panic("in match")
		}
		return false
	})
	for i, name := range []string{"/use", "/connect", "/match"} {
		p, id := s.join(socket4)
		p.send("0" + name + ",")
		p.wantEnd()
		s.wantReason(id, "forced close")
		if n := log.count("socketio: panic in a handler"); n != i+1 {
			t.Errorf("%d panics were logged after %d", n, i+1)
		}
	}
	if log.count("connect_test.go") == 0 {
		t.Error("no stack")
	}
}

// What OnConnect emits, and what others emit to the socket meanwhile, arrives behind the news that the socket has joined.
func TestEmitInConnect(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		chat := s.Of("/chat")
		s.watch(chat)
		chat.OnConnect(func(socket *Socket) error {
			_ = socket.Emit("one", []byte("1"))
			_ = chat.Emit("two")
			_ = chat.To(socket.ID()).Emit("three")
			_ = socket.Join("a room")
			_ = chat.To("a room").Emit("four", []byte("4"))
			_ = socket.Volatile().Emit("dropped")
			return socket.Emit("five")
		})
		p, _ := s.join(f)
		p.join("/chat", "")
		p.want(`51-/chat,["one",{"_placeholder":true,"num":0}]`, `[1]`, `2/chat,["two"]`, `2/chat,["three"]`,
			`51-/chat,["four",{"_placeholder":true,"num":0}]`, `[4]`, `2/chat,["five"]`)
		p.quiet()
	})
}

// Too much is not kept for a client that has not joined.
func TestEmitInConnectTooMuch(t *testing.T) {
	s := start(t, nil)
	results := make(chan []error, 1)
	s.OnConnect(func(socket *Socket) error {
		var errs []error
		text := strings.Repeat("x", 400_000)
		for range 3 {
			errs = append(errs, socket.Emit("long", text))
		}
		results <- errs
		return errs[2]
	})
	p := s.open(socket4)
	p.send("0")
	p.want(`4{"message":"` + engineio.ErrFull.Error() + `"}`)
	if errs := receive(t, results); errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], engineio.ErrFull) {
		t.Error(errs)
	}
}

// EmitWithAck works within OnConnect: the socket has joined then.
func TestAskInConnect(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		chat := s.Of("/chat")
		s.watch(chat)
		chat.OnConnect(func(socket *Socket) error {
			_ = socket.Emit("before")
			args, err := socket.EmitWithAck(t.Context(), "who")
			if err != nil {
				return err
			}
			var name string
			if err := args.Scan(&name); err != nil {
				return err
			}
			if name == "nobody" {
				return errors.New("too late to refuse")
			}
			return socket.Emit("hello", name)
		})
		p, _ := s.join(f)
		p.join("/chat", "")
		p.want(`2/chat,["before"]`, `2/chat,0["who"]`)
		p.send(`3/chat,0["bob"]`)
		p.want(`2/chat,["hello","bob"]`)
		p.send(`1/chat,`)

		id := p.join("/chat", "")
		p.want(`2/chat,["before"]`, `2/chat,1["who"]`)
		p.send(`3/chat,1["nobody"]`)
		p.want(`1/chat,`)
		if f.rev == eio.V4 {
			s.wantReason(id, "server namespace disconnect")
		}
		p.quiet()
	})
}

// A client that does not join is disconnected.
func TestConnectTimeout(t *testing.T) {
	s := start(t, &Options{ConnectTimeout: 100 * time.Millisecond})
	s.Of("/refuses").Use(func(*Socket) error { return errors.New("not you") })
	stays, id := s.join(socket4)
	begin := time.Now()
	p := s.open(socket4)
	p.send("0/refuses,")
	p.wantEnd(`4/refuses,{"message":"not you"}`)
	if d := time.Since(begin); d < 90*time.Millisecond || d > 5*time.Second {
		t.Errorf("ended after %v", d)
	}
	s.open(poll4).wantEnd()
	eventually(t, "one is left", func() bool { return s.Len() == 1 })
	stays.quiet()
	s.lives(id)
}

// Who has gone before it could be let in is not asked about.
func TestGoneBeforeJoining(t *testing.T) {
	s := start(t, nil)
	s.Of("/chat").Use(func(*Socket) error { t.Error("Use is asked"); return nil })
	goOn := make(chan struct{})
	On(s, "wait", func(*Socket, struct{}) error { <-goOn; return nil })
	p, id := s.join(socket4)
	p.send(`2["wait"]`, `0/chat,`)
	p.hangUp()
	eventually(t, "the server knows", func() bool { return !s.socket(id).client.alive() })
	close(goOn)
	s.wantReason(id, "transport close")
}

// A client may go at any moment while it is let in: whoever was told that it came is told that it went.
func TestGoneWhileJoining(t *testing.T) {
	for _, where := range []string{"use", "connect", "ask"} {
		for _, how := range []string{"hangs up", "leaves", "closes"} {
			t.Run(where+","+how, func(t *testing.T) {
				var log journal
				s := start(t, &Options{Engine: engineio.Options{Logger: log.logger()}})
				chat := s.Of("/chat")
				inside, goOn := make(chan *Socket), make(chan struct{})
				wait := func(socket *Socket) error {
					inside <- socket
					<-goOn
					return nil
				}
				told := make(chan string, 1)
				if where == "use" {
					chat.Use(wait)
				} else {
					chat.OnDisconnect(func(_ *Socket, reason string) { told <- reason })
				}
				s.watch(chat)
				if where == "connect" {
					chat.OnConnect(wait)
				}
				if where == "ask" {
					chat.OnConnect(func(socket *Socket) error {
						go func() { _ = wait(socket) }()
						_, err := socket.EmitWithAck(context.Background(), "never answered")
						return err
					})
				}
				p := s.open(socket4)
				p.send("0/chat,")
				socket := receive(t, inside)
				if where == "ask" {
					eventually(t, "it is asked", func() bool {
						socket.mu.Lock()
						defer socket.mu.Unlock()
						return socket.told
					})
				}
				want := "transport close"
				switch how {
				case "hangs up":
					p.hangUp()
				case "leaves":
					p.send("1/chat,")
					want = "client namespace disconnect"
				case "closes":
					p.leave()
				}
				if where == "ask" || where == "connect" || how != "leaves" {
					eventually(t, "the server knows", func() bool { return !socket.client.alive() || socket.state.Load() != joining })
				}
				close(goOn)
				if where != "use" {
					if r := receive(t, told); r != want {
						t.Errorf("left for %q, want %q", r, want)
					}
				}
				eventually(t, "it is out of everything", func() bool { return socket.state.Load() == left })
				if n := log.count("panic"); n != 0 {
					t.Errorf("%s", log.text.String())
				}
			})
		}
	}
}

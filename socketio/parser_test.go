package socketio

// This file tests forms of packets other than the usual one.

import (
	"errors"
	"testing"

	"github.com/duplex-go/duplex/proto/sio"
)

func TestParsers(t *testing.T) {
	for name, parser := range map[string]sio.Parser{"msgpack": sio.Msgpack, "one's own": marked{}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, f form) { testParser(t, f, parser) })
		})
	}
}

func testParser(t *testing.T, f form, parser sio.Parser) {
	t.Helper()
	s := start(t, &Options{Parser: parser})
	chat := s.Of("/chat")
	s.watch(chat)
	chat.OnConnect(func(socket *Socket) error { return socket.Emit("hello", []byte("bytes"), 1) })
	s.Of("/refuses").Use(func(*Socket) error { return &Error{"not you", map[string]int{"a": 7}} })
	Handle(chat, "back", func(_ *Socket, v any) (any, error) { return v, nil })
	Handle(chat, "ask", func(socket *Socket, v any) (any, error) {
		args, err := socket.EmitWithAck(t.Context(), "what", v)
		return args, err
	})
	p := s.open(f)
	p.how = parser
	p.join("/", "")
	id := p.join("/chat", "")
	hole := placeholder(0)
	p.want(`51-/chat,["hello",`+hole+`,1]`, `[bytes]`)
	p.send(`51-/chat,7["back",{"a":[`+hole+`,"é",null,1.5,true]}]`, `[xy]`)
	p.want(`61-/chat,7[{"a":[`+hole+`,"é",null,1.5,true]}]`, `[xy]`)
	p.send(`51-/chat,8["ask",`+hole+`]`, `[]`)
	p.want(`51-/chat,0["what",`+hole+`]`, `[]`)
	p.send(`61-/chat,0[`+hole+`,2]`, `[z]`)
	p.want(`61-/chat,8[[`+hole+`,2]]`, `[z]`)
	_ = chat.Emit("all", map[string][]byte{"b": []byte("b")})
	p.want(`51-/chat,["all",{"b":`+hole+`}]`, `[b]`)
	p.send(`0/refuses,`)
	if got := p.read(); got != `4/refuses,{"message":"not you","data":{"a":7}}` && got != `4/refuses,{"a":7}` {
		t.Errorf("got %q", got)
	}
	chat.DisconnectSockets(false)
	p.want(`1/chat,`)
	s.wantReason(id, "server namespace disconnect")
	p.quiet()
	p.how = nil
	_ = p.trySend(`2["sync"]`) // in the usual form
	p.wantEnd()
	s.wantReason(p.site.only(), "forced close")
}

// only returns the id of the socket in the root.
func (s *site) only() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, socket := range s.came {
		if socket.ns == s.Namespace {
			return id
		}
	}
	return ""
}

// marked is text with a mark before it.
type marked struct{}

func (marked) Append(b []byte, p sio.Packet) ([]byte, error) {
	return sio.AppendText(append(b, '~'), &p), nil
}

func (marked) Parse(binary bool, b []byte, most int) (sio.Packet, int, error) {
	if binary || len(b) == 0 || b[0] != '~' {
		return sio.Packet{}, 0, errors.New("no mark")
	}
	return sio.ParseText(b[1:], most)
}

func (marked) Whole() bool { return false }

// Errors of a parser are returned by what wanted to send.
func TestParserErrors(t *testing.T) {
	s := start(t, &Options{Parser: picky{}})
	p, id := s.join(socket4)
	wantError(t, s.socket(id).Emit("x"), "picky")
	wantError(t, s.Emit("x"), "picky")
	_, err := s.socket(id).EmitWithAck(t.Context(), "x")
	wantError(t, err, "picky")
	_, err = s.EmitWithAck(t.Context(), "x")
	wantError(t, err, "picky")
	p.quiet()
}

// picky writes no events.
type picky struct{}

func (picky) Append(b []byte, p sio.Packet) ([]byte, error) {
	if p.Type == sio.TypeEvent {
		return nil, errors.New("picky")
	}
	return sio.Text.Append(b, p)
}

func (picky) Parse(binary bool, b []byte, most int) (sio.Packet, int, error) {
	return sio.Text.Parse(binary, b, most)
}

func (picky) Whole() bool { return false }

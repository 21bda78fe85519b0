package main

// This file holds what sockets can be told to do, as server.mjs has it.

import (
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/duplex-go/duplex/socketio"
)

// scenarios is what the namespaces share.
type scenarios struct {
	mu   sync.Mutex
	ends map[string][]any // what became of sockets, by the name that the client gave itself in the query of the handshake
}

// heard is what a socket keeps: the events that came.
type heard struct {
	mu    sync.Mutex
	names []string
}

func (s *scenarios) welcome(n *socketio.Namespace) {
	n.OnConnect(func(who *socketio.Socket) error {
		who.SetData(new(heard))
		h := who.Handshake()
		var color any
		if values := h.Query()["color"]; len(values) > 0 {
			color = values[0]
		}
		return who.Emit("welcome", who.Namespace().Name(), h.Auth, color)
	})
	n.UsePacket(func(who *socketio.Socket, e *socketio.Event) error {
		if e.Name != "forbidden" {
			return nil
		}
		return errors.Join(errors.New("not this one"), who.Emit("refused", "not this one"))
	})
	n.OnAny(func(who *socketio.Socket, e *socketio.Event) error {
		h, _ := socketio.DataOf[*heard](who)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.names = append(h.names, e.Name)
		return nil
	})
	socketio.Handle(n, "heard", func(who *socketio.Socket, _ struct{}) ([]string, error) {
		h, _ := socketio.DataOf[*heard](who)
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Clone(h.names), nil
	})
	n.OnDisconnecting(func(who *socketio.Socket, reason string) { s.note(who, "disconnecting", reason) })
	n.OnDisconnect(func(who *socketio.Socket, reason string) { s.note(who, "disconnect", reason) })
	s.questions(n)
	answers(n)
	rooms(n)
	broadcasts(n)
}

func (s *scenarios) note(who *socketio.Socket, what, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := who.Handshake().Query().Get("name")
	s.ends[name] = append(s.ends[name], []any{who.Namespace().Name(), what, reason, roomsOf(who.ID(), who.Rooms())})
}

// questions are the events that ask about the socket, or have it do something.
func (s *scenarios) questions(n *socketio.Namespace) {
	socketio.Handle(n, "id", func(who *socketio.Socket, _ struct{}) (string, error) { return who.ID(), nil })
	socketio.Handle(n, "transport", func(who *socketio.Socket, _ struct{}) (string, error) { return who.Transport(), nil })
	socketio.Handle(n, "ends", func(_ *socketio.Socket, name string) ([]any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return append([]any{}, s.ends[name]...), nil
	})
	socketio.On(n, "bye", func(who *socketio.Socket, all bool) error {
		who.Disconnect(all)
		return nil
	})
	socketio.On(n, "several", func(who *socketio.Socket, count int) error {
		for i := range count {
			if err := who.Emit("said", i); err != nil {
				return err
			}
		}
		return nil
	})
	socketio.On(n, "volatile", func(who *socketio.Socket, word string) error { return who.Volatile().Emit("said", word) })
	socketio.On(n, "binary", func(who *socketio.Socket, _ struct{}) error {
		bytes := []byte{0, 1, 255}
		return who.Emit("binary", map[string]any{"a": bytes, "list": []any{[]byte{2}, map[string]any{"deep": []byte{}}}, "text": "t"}, bytes)
	})
}

// event is a function that is called with an event.
type event = func(who *socketio.Socket, e *socketio.Event) error

// answers are the events that go back and forth.
func answers(n *socketio.Namespace) {
	socketio.On(n, "echo", func(who *socketio.Socket, e *socketio.Event) error {
		if e.WantsAck() {
			return e.Ack(spread(e.Args)...)
		}
		return who.Emit("echo", spread(e.Args)...)
	})
	socketio.On(n, "describe", func(_ *socketio.Socket, e *socketio.Event) error { return e.Ack(describe(spread(e.Args))) })
	socketio.On(n, "later", func(_ *socketio.Socket, e *socketio.Event) error {
		var ms int
		var value any
		if err := e.Args.Scan(&ms, &value); err != nil {
			return err
		}
		time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { _ = e.Ack(value) }) // if the client has gone, so has its script
		return nil
	})
	socketio.On(n, "twice", func(_ *socketio.Socket, e *socketio.Event) error { return errors.Join(e.Ack("first"), e.Ack("second")) })
	socketio.On(n, "ask", func(who *socketio.Socket, args socketio.Args) error {
		got, err := who.EmitWithAck(who.Context(), "question", spread(args)...)
		if err != nil {
			return err
		}
		return who.Emit("answered", spread(got)...)
	})
	socketio.On(n, "ask in time", func(who *socketio.Socket, e *socketio.Event) error {
		var ms int
		if err := e.Args.Scan(&ms); err != nil {
			return err
		}
		got, err := who.Timeout(time.Duration(ms)*time.Millisecond).EmitWithAck(who.Context(), "question", spread(e.Args)[1:]...)
		return e.Ack(append([]any{late(err)}, spread(got)...)...)
	})
}

func rooms(n *socketio.Namespace) {
	socketio.Handle(n, "join", func(who *socketio.Socket, names []string) ([]string, error) {
		err := who.Join(names...)
		return roomsOf(who.ID(), who.Rooms()), err
	})
	socketio.Handle(n, "leave", func(who *socketio.Socket, name string) ([]string, error) {
		who.Leave(name)
		return roomsOf(who.ID(), who.Rooms()), nil
	})
	socketio.Handle(n, "sockets", func(who *socketio.Socket, w where) ([][]string, error) {
		found, err := w.in(who.Namespace().Except()).FetchSockets(who.Context())
		list := [][]string{}
		for _, one := range found {
			list = append(list, roomsOf(one.ID, one.Rooms))
		}
		slices.SortFunc(list, slices.Compare)
		return list, err
	})
	many(n, "sockets join", func(b socketio.Broadcast, room string) error { return b.SocketsJoin(room) })
	many(n, "sockets leave", func(b socketio.Broadcast, room string) error { return b.SocketsLeave(room) })
	many(n, "disconnect sockets", func(b socketio.Broadcast, all bool) error { return b.DisconnectSockets(all) })
}

// many adds an event that does something with many sockets.
func many[T any](n *socketio.Namespace, name string, do func(b socketio.Broadcast, arg T) error) {
	socketio.On(n, name, acknowledged(func(who *socketio.Socket, e *socketio.Event) error {
		var w where
		var arg T
		return errors.Join(e.Args.Scan(&w, &arg), do(w.in(who.Namespace().Except()), arg))
	}))
}

// acknowledged is f with an acknowledgement without arguments.
func acknowledged(f event) event {
	return func(who *socketio.Socket, e *socketio.Event) error { return errors.Join(f(who, e), e.Ack()) }
}

func broadcasts(n *socketio.Namespace) {
	for name, from := range map[string]func(who *socketio.Socket) socketio.Broadcast{
		"to":          (*socketio.Socket).Broadcast,
		"to all":      func(who *socketio.Socket) socketio.Broadcast { return who.Namespace().Except() },
		"to volatile": func(who *socketio.Socket) socketio.Broadcast { return who.Broadcast().Volatile() },
	} {
		socketio.On(n, name, acknowledged(func(who *socketio.Socket, e *socketio.Event) error {
			var w where
			return errors.Join(e.Args.Scan(&w), w.in(from(who)).Emit("said", spread(e.Args)[1:]...))
		}))
	}
	socketio.On(n, "gather", func(who *socketio.Socket, e *socketio.Event) error {
		var w where
		var ms int
		if err := e.Args.Scan(&w, &ms); err != nil {
			return err
		}
		b := w.in(who.Namespace().Except()).Timeout(time.Duration(ms) * time.Millisecond)
		got, err := b.EmitWithAck(who.Context(), "question", spread(e.Args)[2:]...)
		firsts := []any{}
		for _, one := range got {
			firsts = append(firsts, append(spread(one), nil)[0])
		}
		return e.Ack(late(err), firsts)
	})
}

// where is the target of a broadcast.
type where struct {
	To     []string `json:"to"`
	Except []string `json:"except"`
}

func (w where) in(b socketio.Broadcast) socketio.Broadcast { return b.To(w.To...).Except(w.Except...) }

// late is how the official server calls an error of a question: there is only the one.
func late(err error) any {
	if err == nil {
		return nil
	}
	return "operation has timed out"
}

// spread returns arguments to be passed on one by one, as they came where they hold no bytes.
func spread(args socketio.Args) []any {
	list := make([]any, args.Len())
	pointers := make([]any, len(list))
	for i := range list {
		list[i] = args.Raw(i)
		pointers[i] = &list[i]
	}
	if len(args.Attachments()) == 0 {
		return list
	}
	if err := args.Scan(pointers...); err != nil {
		return []any{err.Error()}
	}
	return list
}

// describe shows what the server got, with bytes as {"bytes": "00ff"}.
func describe(v any) any {
	switch v := v.(type) {
	case []byte:
		return map[string]string{"bytes": hex.EncodeToString(v)}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = describe(v[i])
		}
		return list
	case map[string]any:
		fields := make(map[string]any, len(v))
		for key := range v {
			fields[key] = describe(v[key])
		}
		return fields
	}
	return v
}

// roomsOf are the rooms of a socket, its own as "self".
func roomsOf(id string, rooms []string) []string {
	list := []string{}
	for _, room := range rooms {
		if room == id {
			room = "self"
		}
		list = append(list, room)
	}
	slices.Sort(list)
	return list
}

package chat

// This file holds the room's second door, for clients that speak Socket.IO.

import (
	"encoding/json"
	"time"

	"github.com/duplex-go/duplex/socketio"
)

// Door lets the clients of a namespace into the room. They get the JSON events, each under the name that is its type, but for "error", which is called
// "refused". What the query says to WebSocket, they say in auth: name, id, token, room, after. They send
//
//	message  "text", or {"message": "text", "nonce": "optional"}
//	name     "Ann", or {"name": "Ann"}
//
// and a client that asks for an acknowledgement gets one: nothing, or the refusal.
func (r *Room) Door(n *socketio.Namespace) {
	n.OnConnect(r.comeIn)
	n.OnDisconnect(func(s *socketio.Socket, _ string) {
		if v, ok := socketio.DataOf[*visitor](s); ok {
			r.leave(v)
		}
	})
	socketio.On(n, "message", func(s *socketio.Socket, e *socketio.Event) error {
		return r.hear(s, e, "message", func(req *request, text string) { req.Message = &text })
	})
	socketio.On(n, "name", func(s *socketio.Socket, e *socketio.Event) error {
		return r.hear(s, e, "name", func(req *request, text string) { req.Name = &text })
	})
}

// comeIn makes a socket a visitor.
func (r *Room) comeIn(s *socketio.Socket) error {
	var auth map[string]json.RawMessage
	_ = json.Unmarshal(s.Handshake().Auth, &auth) // who says nothing is somebody new
	v := &visitor{socket: s}
	after := r.admit(v, func(key string) string {
		var text string
		if json.Unmarshal(auth[key], &text) != nil {
			text = string(auth[key]) // a number
		}
		return text
	})
	if !r.join(v, after) {
		return &socketio.Error{Message: "the room is full"}
	}
	s.SetData(v)
	return nil
}

// hear does what an event asks. bare puts an argument that is a string where it belongs.
func (r *Room) hear(s *socketio.Socket, e *socketio.Event, kind string, bare func(req *request, text string)) error {
	v, ok := socketio.DataOf[*visitor](s)
	if !ok {
		return nil
	}
	r.Messages.Add(1)
	var req request
	var text string
	var refused *refusal
	switch {
	case e.Args.Scan(&text) == nil:
		bare(&req, text)
	case e.Args.Scan(&req) != nil:
		refused = refuse("format", `expected a string, or {%q: "your text"}`, kind)
	}
	req.Type, req.UID = kind, v.UID
	if refused == nil {
		refused = req.check()
	}
	refused = r.do(v, req, refused, time.Now())
	switch {
	case refused == nil:
		return e.Ack()
	case e.WantsAck():
		return e.Ack(errorEvent{"error", refused.code, refused.text, req.Nonce})
	}
	r.tell(v, refused, req.Nonce)
	return nil
}

// Package chat is a chat room over WebSocket, with a bounded memory, for one server.
//
// A visitor is given an id (a UUID), then the history, then what is said from now on. It sends
//
//	{"uid": "its id", "message": "text", "nonce": "optional"}
//
// and everybody, the sender too, gets the message: as an HTML fragment, or as a JSON event if the subprotocol
// [Subprotocol] was agreed. A message that is not what it should be is answered on the same connection with what is
// wrong, and goes no further. Nobody can speak under another's id: "uid" must be the id of the connection.
//
// A visitor who speaks JSON may come back as who it was, and get only what it missed: it connects with the query
// parameters id and token from its last welcome, room and after (the seq of the last message that it has), and sends
// again, under the same nonce, what it has no echo of. It may give a name with ?name=, or later with
//
//	{"type": "name", "uid": "its id", "name": "Ann"}
//
// Visitors by Socket.IO, see [Room.Door], are in the same room.
package chat

// This file holds the handler: how a connection becomes a visitor, and what is done with what it sends.

import (
	"context"
	"strconv"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// readLimit bounds a visitor's message before it is understood: the longest text with every byte escaped as \u00XX,
// and room for the rest. A longer one is closed with 1009.
const readLimit = 6*maxText + 8<<10

// Options returns base with what the room needs of a connection: its subprotocol, and that a full queue closes the
// connection instead of holding up the room.
func Options(base websocket.AcceptOptions) *websocket.AcceptOptions {
	base.Subprotocols = []string{Subprotocol}
	base.WhenFull = websocket.CloseWhenFull
	return &base
}

// Handle makes the connection a visitor. The connection must have been accepted with [Options].
func (r *Room) Handle(ctx context.Context, c *websocket.Conn) error {
	c.SetReadLimit(readLimit)
	v := &visitor{json: c.Subprotocol() == Subprotocol, conn: c}
	after := r.admit(v, websocket.Request(ctx).URL.Query().Get)
	if !r.join(v, after) {
		return &websocket.CloseError{Code: websocket.StatusTryAgainLater, Reason: "the room is full"}
	}
	c.Serve(&stay{r, v})
	return nil
}

// stay is a visitor in the room, as the Handler of its connection.
type stay struct {
	r *Room
	v *visitor
}

// Open does nothing: the visitor is in.
func (*stay) Open(context.Context, *websocket.Conn) error { return nil }

// Message does what the message asks.
func (h *stay) Message(_ context.Context, _ *websocket.Conn, msg websocket.Message) error {
	h.r.Messages.Add(1)
	h.r.handle(h.v, msg, time.Now())
	return nil
}

// Closed ends the stay.
func (h *stay) Closed(*websocket.Conn, *websocket.CloseError) { h.r.leave(h.v) }

// admit works out who comes: somebody new, or one who proves its former id. After is the last message that it has of
// this room, 0 if none.
func (r *Room) admit(v *visitor, get func(key string) string) (after uint64) {
	v.UID, v.Name = newID(), cleanName(get("name"))
	if id := get("id"); id != "" && r.notary.valid(id, get("token")) {
		v.UID = id
	}
	if get("room") == r.id {
		after, _ = strconv.ParseUint(get("after"), 10, 64) // 0 if it is no number
	}
	return after
}

// handle does what a message asks, or tells its sender why not.
func (r *Room) handle(v *visitor, msg websocket.Message, now time.Time) {
	req, refused := parseRequest(msg)
	if refused = r.do(v, req, refused, now); refused != nil {
		r.tell(v, refused, req.Nonce)
	}
}

// do does what a request asks that may have been refused already, and returns why not.
func (r *Room) do(v *visitor, req request, refused *refusal, now time.Time) *refusal {
	switch {
	case !v.bucket.take(now, talkRate, talkBurst):
		return refuse("rate", "too fast: at most %d messages a second", talkRate)
	case refused != nil:
		return refused
	case req.UID != v.UID:
		return refuse("uid", `"uid" is not your id, %s: nobody can speak for another`, v.UID)
	case req.Type == "name":
		r.rename(v, cleanName(*req.Name))
	default:
		r.post(v, cleanText(*req.Message), req.Nonce, now)
	}
	return nil
}

// tell sends a refusal to the one whose message it was. It needs no turn: it is in no order with what others say.
func (r *Room) tell(v *visitor, refused *refusal, nonce string) {
	f := newForm("refused", errorEvent{"error", refused.code, refused.text, nonce})
	f.html = websocket.NewPrepared(websocket.Text, errorFragment(refused.text))
	r.send(v, f)
}

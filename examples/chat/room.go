package chat

// This file holds the room: who is in it, what was said, and the one order in which everybody hears it.

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/socketio"
	"github.com/duplex-go/duplex/websocket"
)

// The limits of a room. History and a welcome together stay well under the write queue of a connection (1 MiB unless
// set otherwise), because a visitor who comes gets them in one go.
const (
	maxText         = 4096      // bytes of a message
	maxEntries      = 200       // messages kept
	maxHistoryBytes = 256 << 10 // bytes kept, in both forms together
	maxVisitors     = 1000      // connections; welcome names everybody, and everybody hears of a join

	talkRate  = 10 // messages a second that a connection may send for long
	talkBurst = 20 // and at once
)

// A Room is a chat room with a memory. Its methods may be called from any goroutine.
//
// One mutex, turn, is held from a change until every visitor has it queued. That gives everybody one order, and cuts
// the room's past at one point for a visitor who comes: what is before it is history, what is after it is live, and
// nothing is lost or doubled between them. Holding a lock while sending is wrong where a slow reader can hold up the
// sender. Here none can: connections are opened with CloseWhenFull (see [Options]), so that a write puts bytes into
// a bounded queue or ends that connection, and never waits. Emitting to a Socket.IO client is the same.
type Room struct {
	Messages atomic.Int64 // received since the start, over all connections

	id     string // changes with every start, so that a page knows when seq starts over
	notary notary

	turn     sync.Mutex
	visitors []*visitor // in order of arrival
	history  history
	last     uint64 // seq of the latest message
	closed   bool
}

// A visitor is one connection in the room. A person may have several, with one id.
type visitor struct {
	person // guarded by the room's turn; UID never changes
	json   bool
	conn   *websocket.Conn  // nil: it came by Socket.IO
	socket *socketio.Socket // nil: it came by WebSocket
	bucket bucket           // used by its own handler alone
}

// A form is something that visitors are told, in each way in which they understand it. One that is nil tells nothing.
type form struct {
	html, json *websocket.Prepared
	event      string // for Socket.IO: its name,
	data       []byte // and its argument, which is JSON
}

// NewRoom returns an empty room.
func NewRoom() *Room {
	return &Room{id: newID(), notary: newNotary()}
}

// Close comes before the connections are closed, one after the other: what is said from now on nobody hears, its sender gets no
// answer, and says it again when it comes back. Otherwise a message could reach some of the visitors, and the others never.
func (r *Room) Close() {
	r.turn.Lock()
	defer r.turn.Unlock()
	r.closed = true
}

// join lets a visitor in, unless the room is full: it gets the welcome and what it lacks of the history, and the others
// hear of it. After is the last message that it knows.
func (r *Room) join(v *visitor, after uint64) (ok bool) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if len(r.visitors) >= maxVisitors {
		return false
	}
	known := r.present(v.UID)
	r.visitors = append(r.visitors, v)
	entries, missed := r.history.after(after)
	if after == 0 {
		missed = 0 // who asks for nothing misses nothing
	}
	r.greet(v, missed)
	for _, e := range entries {
		r.send(v, e.form)
	}
	if !known {
		r.announce("join", v, v)
	}
	return true
}

// greet sends a visitor its id: in the welcome event, or bare in the HTML format.
func (r *Room) greet(v *visitor, missed uint64) {
	f := newForm("welcome", welcomeEvent{
		Type: "welcome", Room: r.id, ID: v.UID, Token: r.notary.token(v.UID), Name: v.Name,
		Who: r.who(), Last: r.last, Missed: missed,
	})
	f.html = websocket.NewPrepared(websocket.Text, []byte(v.UID))
	r.send(v, f)
}

// leave takes a visitor out. The others hear of it when it was the last connection of its id.
func (r *Room) leave(v *visitor) {
	r.turn.Lock()
	defer r.turn.Unlock()
	r.visitors = slices.DeleteFunc(r.visitors, func(o *visitor) bool { return o == v })
	if !r.present(v.UID) {
		r.announce("leave", v, nil)
	}
}

// rename gives a person a name, on all its connections, and tells everybody.
func (r *Room) rename(v *visitor, name string) {
	r.turn.Lock()
	defer r.turn.Unlock()
	for _, o := range r.visitors {
		if o.UID == v.UID {
			o.Name = name
		}
	}
	r.announce("name", v, nil)
}

// post says a text to everybody, the sender too. A nonce that the sender used within the history is a message sent again
// because the answer was lost: the sender gets that answer, and nobody else hears it twice.
func (r *Room) post(v *visitor, text, nonce string, now time.Time) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.closed {
		return
	}
	key := ""
	if nonce != "" {
		key = v.UID + " " + nonce
		if e, ok := r.history.byKey[key]; ok {
			r.send(v, e.form)
			return
		}
	}
	r.last++
	f := newForm("message", messageEvent{
		Type: "message", Seq: r.last, UID: v.UID, Name: v.Name, Text: text,
		Time: now.UTC().Truncate(time.Millisecond), Nonce: nonce,
	})
	html := fragment(v.UID, text)
	f.html = websocket.NewPrepared(websocket.Text, html)
	e := entry{seq: r.last, key: key, size: len(html) + 2*len(f.data), form: f}
	r.history.add(e, maxEntries, maxHistoryBytes)
	for _, o := range r.visitors {
		r.send(o, e.form)
	}
}

// announce tells those who speak JSON, but one, what became of a person. The HTML format has no word for it.
func (r *Room) announce(event string, v, but *visitor) {
	f := newForm(event, presenceEvent{event, v.person})
	for _, o := range r.visitors {
		if o != but {
			r.send(o, f)
		}
	}
}

// send queues the form that a visitor understands, if there is one. A visitor whose queue is full is closed by that, and
// leaves in its own time: its handler sees the end.
func (r *Room) send(v *visitor, f form) {
	prepared := f.html
	switch {
	case v.socket != nil:
		_ = v.socket.Emit(f.event, json.RawMessage(f.data)) // never waits: see Room
		return
	case v.json:
		prepared = f.json
	}
	if prepared != nil {
		_ = v.conn.WritePrepared(context.Background(), prepared) // nor does this
	}
}

// present tells whether an id has a connection here.
func (r *Room) present(uid string) bool {
	return slices.ContainsFunc(r.visitors, func(v *visitor) bool { return v.UID == uid })
}

// who lists everybody once.
func (r *Room) who() []person {
	people := make([]person, 0, len(r.visitors))
	seen := make(map[string]bool, len(r.visitors))
	for _, v := range r.visitors {
		if !seen[v.UID] {
			seen[v.UID] = true
			people = append(people, v.person)
		}
	}
	return people
}

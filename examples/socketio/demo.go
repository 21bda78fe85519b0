// Package demo is the example that everybody knows from Flask-SocketIO: events, broadcasts and rooms, in the namespace /test.
//
// A client may send
//
//	my_event            {"data": anything}                 it is answered
//	my_broadcast_event  {"data": anything}                 everybody is told
//	join, leave         {"room": "name"}                   it is answered with its rooms
//	my_room_event       {"room": "name", "data": anything} who is in the room is told
//	close_room          {"room": "name"}                   who is in the room is told, and taken out
//	disconnect_request                                     it is answered, and disconnected when it has acknowledged that
//	my_ping                                                it is answered with my_pong
//
// All but the last are answered, and told, as my_response {"data": anything, "count": n}: the n-th that this client sent. Everybody also gets
// one of the server's own now and then.
package demo

// This file holds the namespace and its events.

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/socketio"
)

const (
	every    = 10 * time.Second // between two of the server's own events
	patience = 10 * time.Second // for the acknowledgement of a client that wants to be disconnected
)

// Demo is the namespace /test of a server. It is made with New.
type Demo struct {
	Messages atomic.Int64 // events received since the start, over all clients

	test  *socketio.Namespace
	every time.Duration
}

// request is what a client sends. Not every event has both.
type request struct {
	Data any    `json:"data"`
	Room string `json:"room"`
}

// response is the argument of my_response.
type response struct {
	Data  any `json:"data"`
	Count int `json:"count"`
}

// New sets the namespace up on io.
func New(io *socketio.Server) *Demo {
	d := &Demo{test: io.Of("/test"), every: every}
	d.test.OnConnect(welcome)
	d.on("my_event", d.echo)
	d.on("my_broadcast_event", d.broadcast)
	d.on("join", d.join)
	d.on("leave", d.leave)
	d.on("my_room_event", d.say)
	d.on("close_room", d.closeRoom)
	socketio.On(d.test, "disconnect_request", d.disconnect)
	socketio.On(d.test, "my_ping", d.ping)
	return d
}

// Run sends the server's own events, one every 10 s, until ctx ends.
func (d *Demo) Run(ctx context.Context) {
	ticker := time.NewTicker(d.every)
	defer ticker.Stop()
	for count := 1; ; count++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_ = d.test.Emit("my_response", response{"Server generated event", count}) // whoever cannot be reached is about to leave
	}
}

// welcome greets a client, and begins to count what it sends.
func welcome(s *socketio.Socket) error {
	s.SetData(new(int))
	return s.Emit("my_response", response{"Connected", 0})
}

// on has f called with an event, and its number among those of its client.
func (d *Demo) on(event string, f func(s *socketio.Socket, r request, count int) error) {
	socketio.On(d.test, event, func(s *socketio.Socket, r request) error { return f(s, r, d.count(s)) })
}

// count counts an event. It needs no lock: those of one client are handled one at a time.
func (d *Demo) count(s *socketio.Socket) int {
	d.Messages.Add(1)
	n, _ := socketio.DataOf[*int](s)
	*n++
	return *n
}

func (d *Demo) echo(s *socketio.Socket, r request, count int) error {
	return s.Emit("my_response", response{r.Data, count})
}

func (d *Demo) broadcast(_ *socketio.Socket, r request, count int) error {
	return d.test.Emit("my_response", response{r.Data, count})
}

// join puts the client into the room, or tells it why not: the name may be too long, or its rooms too many.
func (d *Demo) join(s *socketio.Socket, r request, count int) error {
	if err := s.Join(r.Room); err != nil {
		return s.Emit("my_response", response{err.Error(), count})
	}
	return tellRooms(s, count)
}

func (d *Demo) leave(s *socketio.Socket, r request, count int) error {
	s.Leave(r.Room)
	return tellRooms(s, count)
}

func tellRooms(s *socketio.Socket, count int) error {
	return s.Emit("my_response", response{"In rooms: " + strings.Join(s.Rooms(), ", "), count})
}

func (d *Demo) say(_ *socketio.Socket, r request, count int) error {
	return d.test.To(r.Room).Emit("my_response", response{r.Data, count})
}

func (d *Demo) closeRoom(_ *socketio.Socket, r request, count int) error {
	room := d.test.In(r.Room)
	if err := room.Emit("my_response", response{"Room " + r.Room + " is closing.", count}); err != nil {
		return err
	}
	return room.SocketsLeave(r.Room)
}

// disconnect says goodbye. A client that does not acknowledge it stays, or has gone by itself.
func (d *Demo) disconnect(s *socketio.Socket, _ struct{}) error {
	_, err := s.Timeout(patience).EmitWithAck(s.Context(), "my_response", response{"Disconnected!", d.count(s)})
	if err == nil {
		s.Disconnect(false)
	}
	return nil
}

func (d *Demo) ping(s *socketio.Socket, _ struct{}) error {
	d.Messages.Add(1)
	return s.Emit("my_pong")
}

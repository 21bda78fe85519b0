package socketio

// This file holds the namespace: who is in it, and what it calls.

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/duplex-go/duplex/adapter"
)

// Namespace is one of the parts of a server that a client can join. It comes from Server.Of and its kin. Its methods may be called from any goroutine.
//
// What it calls for one socket is called one at a time, in order; it may block, and even wait for that socket's answer. A panic ends the
// connection, and is logged with its stack.
type Namespace struct {
	*registry // that of its parent, if it has one

	server *Server
	name   string
	parent *parent
	ids    atomic.Int64 // of events that are to be acknowledged
	rooms  adapter.Rooms[*Socket]

	mu      sync.RWMutex
	sockets map[string]*Socket // by id, which is a room of its own
	list    []*Socket          // the same, for who wants all
	sealed  bool               // it is removed
}

func newNamespace(s *Server, name string, r *registry) *Namespace {
	return &Namespace{registry: r, server: s, name: name, sockets: make(map[string]*Socket)}
}

// Name returns the name, "" for one of OfFunc or OfPattern.
func (n *Namespace) Name() string { return n.name }

// add puts s where events find it. It reports false if the namespace was removed.
func (n *Namespace) add(s *Socket) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sealed {
		return false
	}
	n.sockets[s.id] = s
	s.place = len(n.list)
	n.list = append(n.list, s)
	return true
}

func (n *Namespace) remove(s *Socket) {
	n.mu.Lock()
	if n.sockets[s.id] == s {
		delete(n.sockets, s.id)
		last := len(n.list) - 1
		n.list[s.place] = n.list[last]
		n.list[s.place].place = s.place
		n.list[last] = nil
		n.list = n.list[:last]
	}
	empty := len(n.sockets) == 0
	n.mu.Unlock()
	if empty {
		n.server.cleanup(n)
	}
}

// seal keeps others from coming in, if nobody is in it.
func (n *Namespace) seal() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sealed = len(n.sockets) == 0
	return n.sealed
}

// pick returns the sockets in any of the rooms, or all, but not those in any of the others.
func (n *Namespace) pick(rooms, except []string) []*Socket {
	var list []*Socket
	if len(rooms) > 0 {
		list = n.rooms.Append(nil, rooms...)
	}
	n.mu.RLock()
	if len(rooms) == 0 {
		list = slices.Clone(n.list)
	}
	for _, id := range rooms {
		if s := n.sockets[id]; s != nil && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	n.mu.RUnlock()
	if len(except) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(s *Socket) bool {
		return slices.Contains(except, s.id) || n.rooms.InAny(except, s)
	})
}

// registry is what namespaces call.
type registry struct {
	mu  sync.Mutex // for changes
	now atomic.Pointer[calls]
}

// calls are replaced, never changed.
type calls struct {
	use           []func(s *Socket) error
	connect       []func(s *Socket) error
	disconnecting []func(s *Socket, reason string)
	disconnect    []func(s *Socket, reason string)
	packet        []func(s *Socket, e *Event) error
	any           []func(s *Socket, e *Event) error
	outgoing      []func(s *Socket, e *Event)
	events        map[string]*handlers
}

// handlers are those of an event's name.
type handlers struct {
	name string
	list []func(s *Socket, e *Event) error
}

var noCalls calls

func (r *registry) calls() *calls {
	if c := r.now.Load(); c != nil {
		return c
	}
	return &noCalls
}

func (r *registry) change(f func(c *calls)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := *r.calls()
	f(&c)
	r.now.Store(&c)
}

// plus returns list and v, and leaves list to those who have it.
func plus[T any](list []T, v T) []T { return append(slices.Clip(list), v) }

// Use adds a function that each client must pass that wants to join. An error refuses it: the client gets a connect_error with
// the error's text, see Error. The client cannot be asked anything yet; what it is sent it gets when it has joined.
func (r *registry) Use(f func(s *Socket) error) {
	r.change(func(c *calls) { c.use = plus(c.use, f) })
}

// OnConnect adds a function that is called with each socket that joins, after those of Use. What it emits arrives behind the news that the socket has joined.
// An error refuses the client as one of Use does, unless the function has waited for an answer: then the socket has joined, and is disconnected.
func (r *registry) OnConnect(f func(s *Socket) error) {
	r.change(func(c *calls) { c.connect = plus(c.connect, f) })
}

// OnDisconnecting adds a function that is called with each socket that leaves, while it is still in its rooms. For reason see OnDisconnect.
func (r *registry) OnDisconnecting(f func(s *Socket, reason string)) {
	r.change(func(c *calls) { c.disconnecting = plus(c.disconnecting, f) })
}

// OnDisconnect adds a function that is called with each socket that has left. reason is in the words of the original: "client namespace disconnect",
// "server namespace disconnect", "transport close", "transport error", "ping timeout", "parse error", "forced close",
// "forced server close", "server shutting down".
func (r *registry) OnDisconnect(f func(s *Socket, reason string)) {
	r.change(func(c *calls) { c.disconnect = plus(c.disconnect, f) })
}

// UsePacket adds a function that each event must pass that comes. An error is treated as that of the event's handler, which is not called.
func (r *registry) UsePacket(f func(s *Socket, e *Event) error) {
	r.change(func(c *calls) { c.packet = plus(c.packet, f) })
}

// OnAny adds a function that is called with each event that comes, first of all.
func (r *registry) OnAny(f func(s *Socket, e *Event) error) {
	r.change(func(c *calls) { c.any = plus(c.any, f) })
}

// OnAnyOutgoing adds a function that is called with each event that is sent to a socket, by whoever sends it. It must not block.
func (r *registry) OnAnyOutgoing(f func(s *Socket, e *Event)) {
	r.change(func(c *calls) { c.outgoing = plus(c.outgoing, f) })
}

func (r *registry) on(name string, f func(s *Socket, e *Event) error) {
	r.change(func(c *calls) {
		events := maps.Clone(c.events)
		if events == nil {
			events = make(map[string]*handlers)
		}
		h := &handlers{name: name}
		if old := events[name]; old != nil {
			h.list = old.list
		}
		h.list = plus(h.list, f)
		events[name] = h
		c.events = events
	})
}

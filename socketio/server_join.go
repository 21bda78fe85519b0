package socketio

// This file holds how a client joins a namespace, or is refused.

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/duplex-go/duplex/proto/sio"
)

// connect lets the client join a namespace, or refuses it.
func (c *client) connect(ev *sio.Event) {
	s := c.newSocket(ev)
	if s == nil {
		e := &Error{Message: "Invalid namespace"}
		if c.engine.Protocol() == 3 { // the original sends the same to all clients
			e.Data = map[string]string{"message": e.Message}
		}
		c.refuse(ev.Namespace, e, false)
		return
	}
	if !c.admit(s) {
		s.vanish("gone") // its namespace may have come to be for it
		return
	}
	calls := s.ns.calls()
	err := errPanic
	c.guard(func() { err = s.call(calls.use) })
	if err == nil && !c.keep(s) {
		err = ErrDisconnected
	}
	if err != nil {
		c.turnAway(s, err)
		return
	}
	err = errPanic
	c.guard(func() { err = s.call(calls.connect) })
	switch {
	case err == nil:
		if s.accept() != nil {
			c.forget(s) // a job that says that it has left is queued
		}
	case s.knows():
		s.leave()
	default:
		c.turnAway(s, err)
	}
}

// admit puts a socket that wants to join where its client's packets find it. It reports false if its client has gone, or does not want to any more.
func (c *client) admit(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || !c.session.Joining(s.ns.name) {
		c.session.Leave(s.ns.name)
		return false
	}
	c.sockets = append(c.sockets, s)
	return true
}

// turnAway is the end of a socket that may not join.
func (c *client) turnAway(s *Socket, err error) {
	c.drop(s)
	if s.state.Load() < joined {
		c.refuse(s.ns.name, err, true)
	} else {
		c.forget(s)
	}
	s.vanish("refused")
}

// forget has the session forget a wish to join that its client gave up.
func (c *client) forget(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.Leave(s.ns.name)
}

var errPanic = errors.New("socketio: panic in a handler")

// noAuth is what a client says of itself that says nothing.
var noAuth = []byte("{}")

// newSocket makes a socket that is about to join, or returns nil if there is no such namespace.
func (c *client) newSocket(ev *sio.Event) *Socket {
	s := &Socket{client: c, auth: ev.Data}
	if s.auth == nil {
		s.auth = noAuth
	}
	if ev.Query != "" || c.engine.Protocol() == 3 {
		s.auth = queryJSON(ev.Query)
	}
	c.guard(func() { s.ns = c.server.find(ev.Namespace, s.auth) })
	if s.ns == nil {
		return nil
	}
	switch {
	case c.engine.Protocol() != 3:
		s.id = newID()
	case ev.Namespace == sio.Root:
		s.id = c.engine.ID()
	default:
		s.id = ev.Namespace + "#" + c.engine.ID()
	}
	return s
}

// queryJSON returns a query as an object of JSON.
func queryJSON(query string) []byte {
	values, _ := url.ParseQuery(query)
	b, _ := json.Marshal(flat(values))
	return b
}

// keep puts a socket that may join where others see it. It reports false if its client has gone, or does not want to any more.
func (c *client) keep(s *Socket) bool {
	for !s.ns.add(s) { // the namespace was removed, when its last socket left
		n := c.server.find(s.ns.name, s.auth)
		if n == nil {
			return false
		}
		s.move(n)
	}
	return s.state.CompareAndSwap(asking, joining)
}

// drop is the end of admit.
func (c *client) drop(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.sockets, s); i >= 0 {
		c.sockets = slices.Delete(c.sockets, i, i+1)
	}
}

// call calls functions until one errs.
func (s *Socket) call(list []func(*Socket) error) error {
	for _, f := range list {
		if err := f(s); err != nil {
			return err
		}
	}
	return nil
}

// accept returns the packet that says that s has joined. It reports false if the client does not want to any more.
func (c *client) accept(s *Socket) (sio.Packet, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.session.Accept(s.ns.name, s.id)
	if ok && !c.known {
		c.known = true
		if c.timer != nil { // else the connection has ended
			c.timer.Stop()
			c.timer = nil
		}
		c.engine.SetMaxPayload(c.server.opts.Engine.MaxPayload)
	}
	return p, ok
}

// refuse tells the client why it may not join a namespace.
func (c *client) refuse(namespace string, err error, asked bool) {
	message, data := err.Error(), []byte(nil)
	if errors.Is(err, errPanic) {
		message = "internal error"
	}
	var e *Error
	if errors.As(err, &e) {
		message = e.Message
		if e.Data != nil {
			data, _ = json.Marshal(e.Data) // what cannot be written is left out
		}
	}
	if asked {
		c.server.logger().Debug("socketio: a client was refused", "namespace", short(namespace), "error", short(message))
	}
	c.mu.Lock()
	p := c.session.Refuse(namespace, message, data)
	c.mu.Unlock()
	c.send(&p)
}

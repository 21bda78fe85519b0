package socketio

// This file holds the client: a connection, what comes over it, and the goroutine that calls the functions for it.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/sio"
)

// client is a connection. What comes is parsed where it is read; functions are called in a goroutine that is there while there is something to call, so
// that one of them may wait for what comes next.
type client struct {
	server *Server
	engine *engineio.Session

	// mu is held for moments, and guards all below.
	mu      sync.Mutex
	session sio.Session
	sockets []*Socket // in the order in which they joined
	timer   *time.Timer
	queue   *queue        // nil: nothing is queued
	bytes   int           // in queue
	room    chan struct{} // closed when the queue is taken; nil: nobody waits
	running bool
	known   bool // it has joined a namespace
	ended   bool
}

// job is something that functions are to be called for.
type job struct {
	kind   jobKind
	socket *Socket
	event  sio.Event
	reason string
}

type queue struct{ jobs []job }

var queues = sync.Pool{New: func() any { return new(queue) }}

type jobKind uint8

const (
	jobEvent   jobKind = iota // an event came
	jobConnect                // the client wants to join a namespace
	jobLeft                   // the socket has left
	jobEnded                  // the connection has
)

// engineHandler is the Server as its engine sees it.
type engineHandler Server

// Open implements engineio.Handler.
func (h *engineHandler) Open(e *engineio.Session) error {
	s := (*Server)(h)
	c := &client{server: s, engine: e}
	e.User = c
	e.SetMaxPayload(s.opts.EarlyPayload)
	revision := sio.V5
	if e.Protocol() == 3 {
		revision = sio.V4
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.Reset(sio.Server, revision, &s.config)
	c.timer = time.AfterFunc(s.opts.ConnectTimeout, c.connectTimeout)
	if ev := c.session.Start(); ev.Kind == sio.EventConnect {
		c.push(job{kind: jobConnect, event: ev})
	}
	return nil
}

// Message implements engineio.Handler.
func (h *engineHandler) Message(e *engineio.Session, m engineio.Message) {
	if c, ok := e.User.(*client); ok {
		c.receive(m)
	}
}

// Close implements engineio.Handler.
func (h *engineHandler) Close(e *engineio.Session, reason engineio.Reason) {
	if c, ok := e.User.(*client); ok {
		c.end(string(reason))
	}
}

// connectTimeout closes the connection if nothing was joined.
func (c *client) connectTimeout() {
	c.mu.Lock()
	known := c.known
	c.mu.Unlock()
	if !known {
		c.engine.Close()
	}
}

// receive takes in a message.
func (c *client) receive(m engineio.Message) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	ev := c.session.Receive(m.Binary, m.Data)
	switch ev.Kind {
	case sio.EventEvent:
		c.receiveEventUnlock(ev)
	case sio.EventAck:
		s := c.find(ev.Namespace)
		c.mu.Unlock()
		s.acknowledged(ev)
	case sio.EventConnect:
		ev.Data = bytes.Clone(ev.Data)
		c.push(job{kind: jobConnect, event: ev})
		c.mu.Unlock()
	case sio.EventTooMany:
		c.mu.Unlock()
		c.refuse(ev.Namespace, &Error{Message: "Too many namespaces"}, false)
	case sio.EventDisconnect:
		s := c.find(ev.Namespace)
		if s == nil {
			c.mu.Unlock()
			return
		}
		s.state.Store(leaving)
		c.push(job{kind: jobLeft, socket: s, reason: clientLeaves})
		c.mu.Unlock()
		s.part(clientLeaves)
	case sio.EventFail:
		c.mu.Unlock()
		c.fail(ev.Err)
	default:
		c.mu.Unlock()
	}
}

// fail closes the connection of a client that broke a rule: err, or, if nil, one of order.
func (c *client) fail(err error) {
	c.server.logger().Debug("socketio: a client broke a rule", "error", err)
	c.engine.Close()
}

// find returns the socket in a namespace, or nil. c.mu is held.
func (c *client) find(namespace string) *Socket {
	for _, s := range c.sockets {
		if s.ns.name == namespace {
			return s
		}
	}
	return nil
}

// receiveEventUnlock queues an event, and waits if the functions are behind. c.mu is held and let go.
func (c *client) receiveEventUnlock(ev sio.Event) {
	ev.Data = bytes.Clone(ev.Data)
	size := len(ev.Data)
	if n := len(ev.Attachments); n > 0 {
		ev.Attachments[n-1] = bytes.Clone(ev.Attachments[n-1])
	}
	for _, a := range ev.Attachments {
		size += len(a)
	}
	c.bytes += size
	c.push(job{kind: jobEvent, socket: c.find(ev.Namespace), event: ev})
	var room chan struct{}
	if len(c.queue.jobs) > maxWaiting || c.bytes > maxWaitingBytes {
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room = c.room
	}
	c.mu.Unlock()
	if room != nil {
		c.await(room)
	}
}

// await waits for the functions to catch up, for as long as the heartbeat bears that nothing is read: it is not read either.
func (c *client) await(room <-chan struct{}) {
	timer := time.NewTimer(c.server.opts.Engine.PingInterval + c.server.opts.Engine.PingTimeout)
	defer timer.Stop()
	select {
	case <-room:
	case <-timer.C:
		c.engine.Discard()
	}
}

// acknowledged hands an answer to whoever waits for it. An answer that nobody waits for is ignored.
func (s *Socket) acknowledged(ev sio.Event) {
	f := s.forget(ev.ID)
	if f == nil {
		return
	}
	if n := len(ev.Attachments); n > 0 {
		ev.Attachments[n-1] = bytes.Clone(ev.Attachments[n-1])
	}
	f(Args{bytes.Clone(ev.Data), ev.Attachments}, nil)
}

// push has a job done. c.mu is held.
func (c *client) push(j job) {
	if c.queue == nil {
		c.queue = queues.Get().(*queue) //nolint:errcheck,forcetypeassert // New returns nothing else
	}
	c.queue.jobs = append(c.queue.jobs, j)
	if !c.running {
		c.running = true
		c.server.crew.work(c)
	}
}

// work does what is queued, until there is nothing.
func (c *client) work() {
	for q := c.take(); q != nil; q = c.take() {
		for i := range q.jobs {
			c.guard(func() { c.do(&q.jobs[i]) })
		}
		clear(q.jobs)
		if q.jobs = q.jobs[:0]; cap(q.jobs) <= maxWaiting {
			queues.Put(q)
		}
	}
}

// take returns what is queued. nil: there is nothing, and for the next job somebody else is called.
func (c *client) take() *queue {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queue
	c.queue, c.bytes = nil, 0
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
	c.running = q != nil
	return q
}

// guard calls f. If that panics, the connection ends.
func (c *client) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			c.server.loud().Error("socketio: panic in a handler", "panic", short(fmt.Sprint(v)), "stack", string(debug.Stack()))
			c.engine.Close()
		}
	}()
	f()
}

func (c *client) do(j *job) {
	switch j.kind {
	case jobEvent:
		s := j.socket
		if s.state.Load() < dismissed {
			s.dispatch(&j.event)
		}
	case jobConnect:
		c.connect(&j.event)
	case jobLeft:
		c.drop(j.socket)
		j.socket.end(j.reason)
	case jobEnded:
		c.mu.Lock()
		sockets := c.sockets
		c.sockets = nil
		c.mu.Unlock()
		for _, s := range sockets {
			s.end(j.reason)
		}
	}
}

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

// send sends a packet that concerns the connection.
func (c *client) send(p *sio.Packet) {
	buf := getBuffer()
	defer putBuffer(buf)
	if messages, err := c.server.encode(nil, buf, p, false); err == nil {
		_ = c.engine.Send(messages...) // if it has ended, all is said
	}
}

// The reasons for which a socket leaves alone.
const (
	clientLeaves = "client namespace disconnect"
	serverLeaves = "server namespace disconnect"
)

// dismiss has sockets leave, and tells the client.
func (c *client) dismiss(sockets ...*Socket) {
	var gone []*Socket
	var packets []sio.Packet
	c.mu.Lock()
	for _, s := range sockets { // all, before the client hears of one, and closes the connection
		if !s.state.CompareAndSwap(joined, dismissed) {
			continue
		}
		c.push(job{kind: jobLeft, socket: s, reason: serverLeaves})
		gone = append(gone, s)
		if p, ok := c.session.Leave(s.ns.name); ok {
			packets = append(packets, p)
		}
	}
	c.mu.Unlock()
	for i := range packets {
		c.send(&packets[i])
	}
	for _, s := range gone {
		s.part(serverLeaves)
	}
}

// disconnectAll has all sockets leave, and closes the connection.
func (c *client) disconnectAll() {
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		if s.state.Load() == joining {
			_ = s.accept() // as leave does
		}
	}
	c.dismiss(sockets...)
	c.engine.Close()
}

// end tells the sockets that the connection has ended.
func (c *client) end(reason string) {
	c.mu.Lock()
	c.ended = true
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	sockets := slices.Clone(c.sockets)
	for _, s := range sockets {
		if s.state.Load() < leaving {
			s.state.Store(leaving)
		}
	}
	c.push(job{kind: jobEnded, reason: reason})
	c.mu.Unlock()
	for _, s := range sockets {
		s.part(reason)
	}
}

// encode appends the messages of a packet. The first is put together in buf, and good until that is given back.
func (s *Server) encode(messages []engineio.Message, buf *[]byte, p *sio.Packet, plain bool) ([]engineio.Message, error) {
	b, err := s.opts.Parser.Append((*buf)[:0], *p)
	if err != nil {
		return nil, err
	}
	*buf = b
	whole := s.opts.Parser.Whole()
	messages = append(messages, engineio.Message{Binary: whole, Plain: plain, Data: b})
	if !whole {
		for _, a := range p.Attachments {
			messages = append(messages, engineio.Message{Binary: true, Plain: plain, Data: a})
		}
	}
	return messages, nil
}

// buffers are where packets are put together.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func getBuffer() *[]byte {
	return buffers.Get().(*[]byte) //nolint:errcheck,forcetypeassert // New returns nothing else
}

func putBuffer(b *[]byte) {
	if cap(*b) <= 64<<10 {
		buffers.Put(b)
	}
}

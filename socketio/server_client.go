package socketio

// This file holds the client: a connection, what comes over it, and the goroutine that calls the functions for it.

import (
	"bytes"
	"fmt"
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

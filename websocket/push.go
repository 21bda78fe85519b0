package websocket

// This file holds push mode on an event loop.

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/internal/eventloop"
)

// pushing is what push mode needs. As an eventloop.Runner it is run by one goroutine at a time.
type pushing struct {
	sock   eventloop.Socket
	place  place // of sock
	c      *Conn
	h      Handler
	ip     [16]byte // the peer's address, as it was at the start; an IPv4 address as IPv6 has it
	port   uint16
	parts  atomic.Int32 // of two: h.Closed has returned, the transport connection is closed
	tcp    bool         // ip and port are set
	looped bool         // sock is in use; else a goroutine reads
	closed bool         // h.Closed was called
}

// remote returns the peer's address, if it is kept.
func (p *pushing) remote() net.Addr {
	if !p.tcp {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(p.ip).Unmap(), p.port))
}

const (
	pushBuffer = 16 << 10 // bytes: what is read into, by who is run
	turnBytes  = 1 << 20  // bytes that a connection may be read of before the others have their turn
)

// loops are the process's event loops, one for each thread that runs Go code. They are started by the first connection that needs one.
var loops = sync.OnceValues(func() (*loopSet, error) {
	set := new(loopSet)
	for range runtime.GOMAXPROCS(0) {
		l, err := eventloop.New()
		if err != nil {
			return nil, err
		}
		set.list = append(set.list, l)
	}
	return set, nil
})

type loopSet struct {
	list []*eventloop.Loop
	next atomic.Uint32
}

func (s *loopSet) pick() *eventloop.Loop {
	return s.list[int(s.next.Add(1))%len(s.list)]
}

var turns = sync.Pool{New: func() any { return newTurn() }}

// moveToLoop moves the connection to a loop. It reports false if that is not possible, and everything is as before. wake: there is something
// to do at once. The caller holds the turns to read and to write.
func (p *pushing) moveToLoop() (moved, wake bool) {
	c := p.c
	m, ok := underTLS(c.nc).(*movable)
	if !ok || !eventloop.Supported {
		return false, false
	}
	from := m.at.Load()
	set, err := loops()
	if err != nil {
		return false, false
	}
	if a, ok := from.RemoteAddr().(*net.TCPAddr); ok && a.Zone == "" {
		p.ip, p.port, p.tcp = a.AddrPort().Addr().As16(), a.AddrPort().Port(), true
	}
	if err := set.pick().Add(&p.sock, m, p, c.set.OnLoop); err != nil {
		return false, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p.looped = true
	p.place.stream = &p.sock
	m.at.Store(&p.place)
	_ = from.Close()
	if c.flags.shutDone {
		_ = p.sock.Close()
	}
	c.in = nil
	pull := c.pull.Swap(nil)
	if pull.timer != nil {
		pull.timer.Stop()
		if c.err == nil {
			p.sock.SetTimer(c.set.PingInterval)
		}
	}
	return true, c.err != nil || c.m.Pending()
}

// wake has the end of the connection noticed. c.mu is held.
func (p *pushing) wake() {
	if p.looped {
		p.sock.Wake()
	}
}

// Run implements eventloop.Runner.
func (p *pushing) Run(ev eventloop.Events) (more bool) {
	c := p.c
	if ev&^(eventloop.Timer|eventloop.Out) != 0 && !c.flags.over.Load() { // who waits for room is woken by the socket itself
		more = p.read(ev)
	}
	if ev&eventloop.Timer != 0 { // after what came was heard
		c.keepAlive()
	}
	if c.flags.over.Load() {
		if c.feeding.TryLock() { // else finish has it
			if c.in != nil {
				c.in.forget(c)
			}
			c.feeding.Unlock()
		}
		p.tell()
		return false
	}
	return more
}

// Patience implements eventloop.Runner.
func (p *pushing) Patience() time.Time { return p.c.patience() }

// read handles the messages that are there.
func (p *pushing) read(ev eventloop.Events) (more bool) {
	c := p.c
	if !c.feeding.TryLock() {
		return false // it has ended
	}
	p.sock.Told(ev)
	t := turns.Get().(*turn) //nolint:errcheck,forcetypeassert // New returns nothing else
	if c.in == nil {
		c.in = &t.in
	}
	c.in.turn, c.in.buf, c.in.quota = t, getBuffer(pushBuffer), turnBytes
	err := p.handleAll(t)
	c.turn.Store(nil)
	if err == errTaken { //nolint:errorlint // our own value
		t.flush()
		return false
	}
	p.putAway(t)
	c.feeding.Unlock()
	t.flush()
	turns.Put(t)
	return err == errTurnOver //nolint:errorlint // our own value
}

// errTaken says that somebody else reads on, for good, and keeps what was read into: the connection was closed while the Handler ran.
var errTaken = errors.New("websocket: the turn to read was taken")

// handleAll calls the Handler with each message, until there are no more. It is called with the turn to read, and returns with it, but for errTaken.
func (p *pushing) handleAll(t *turn) (err error) {
	c := p.c
	ctx := c.Context()
	running, gathers := false, false
	defer func() {
		if running {
			c.closeFor(p.recovered(recover(), nil))
			err = errTaken
		}
	}()
	for {
		r, err := c.readLocked(ctx, true)
		if err != nil {
			return err
		}
		if pending := c.in.pending; pending != gathers {
			if gathers = pending; pending {
				c.turn.Store(t)
			} else {
				c.turn.Store(nil)
			}
		}
		c.feeding.Unlock() // a Handler may block, and somebody else close
		running = true
		err = p.h.Message(ctx, c, r.Message)
		running = false
		if err != nil {
			c.closeFor(err)
		}
		if !c.feeding.TryLock() {
			return errTaken
		}
	}
}

// putAway gives back what reading needed, but for a message that has not come whole.
func (p *pushing) putAway(t *turn) {
	in := p.c.in
	if in.buf != nil {
		putBuffer(in.buf)
		in.buf = nil
	}
	if !in.open && !in.inside {
		in.drop(p.c)
		if in != &t.in {
			*in = inbound{}
		}
		p.c.in = nil
		return
	}
	if in == &t.in {
		kept := *in
		p.c.in = &kept
		t.in = inbound{}
	}
	p.c.in.turn = nil
}

// do calls the Handler with a message, and closes the connection if it says so.
func (p *pushing) do(m Message) {
	var err error
	defer func() {
		if err = p.recovered(recover(), err); err != nil {
			p.c.closeFor(err)
		}
	}()
	err = p.h.Message(p.c.Context(), p.c, m)
}

// ping calls the Handler, if it wants to know. p is nil in pull mode.
func (p *pushing) ping(payload []byte) {
	if p == nil {
		return
	}
	if h, ok := p.h.(PingHandler); ok {
		defer p.closeOnPanic()
		h.Ping(p.c, payload)
	}
}

// pong calls the Handler, if it wants to know. p is nil in pull mode.
func (p *pushing) pong(payload []byte, rtt time.Duration) {
	if p == nil {
		return
	}
	if h, ok := p.h.(PongHandler); ok {
		defer p.closeOnPanic()
		h.Pong(p.c, payload, rtt)
	}
}

// closeOnPanic is deferred where a Handler is called that returns nothing.
func (p *pushing) closeOnPanic() {
	if err := p.recovered(recover(), nil); err != nil {
		p.c.closeFor(err)
	}
}

// tell calls Handler.Closed, once.
func (p *pushing) tell() {
	if p.closed {
		return
	}
	p.closed = true
	p.close()
	p.part()
}

func (p *pushing) close() {
	defer func() { _ = p.recovered(recover(), nil) }()
	c := p.c
	c.mu.Lock()
	e := c.err
	c.mu.Unlock()
	p.h.Closed(c, e)
}

// part is called when one of the two things has happened after which nothing is left of the connection.
func (p *pushing) part() {
	if s := p.c.set.server; p.parts.Add(1) == 2 && s != nil {
		s.gone(p.c)
	}
}

// serve reads in a goroutine, where there is no loop for the connection. It begins and ends without the turn to read.
func (p *pushing) serve() {
	c := p.c
	pull := c.pull.Load()
	for c.lockTurn(context.Background(), pull) == nil {
		r, err := c.readLocked(c.Context(), true)
		c.unlockRead()
		if err != nil {
			break
		}
		p.do(r.Message)
	}
	p.tell()
}

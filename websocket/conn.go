package websocket

// This file holds the connection: its parts, who owns which, and how it ends.

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// MessageType says what a message holds.
type MessageType uint8

// The two types (RFC 6455 section 5.6). Text is UTF-8.
const (
	Text   = MessageType(ws.OpText)
	Binary = MessageType(ws.OpBinary)
)

// String returns "text" or "binary".
func (t MessageType) String() string { return ws.Opcode(t).String() }

// Message is a whole message.
type Message struct {
	Type MessageType
	Data []byte // valid until the next read from the connection
}

// Conn is a WebSocket connection, a server's or a client's. It comes from Accept, Dial or Pair and must be closed.
//
// It is read in one of two ways. Pull: a goroutine of yours calls Read, or its kin. Push: after Serve it calls a Handler.
// All else is the same.
//
// All methods may be called from any goroutine. Reads take turns, and so do messages that are written.
//
// While nobody reads, pings are not answered and the peer's close frame is not seen: read until an error.
type Conn struct {
	nc    net.Conn
	set   *settings
	flags flags

	// Whoever reads from nc and feeds the machine holds the turn to read: in pull mode that of pull, which can be waited for with a
	// context; in push mode feeding, which is held for moments. It guards in, which is nil while there is nothing to keep.
	pull    atomic.Pointer[pulling] // nil: push mode, on a loop
	feeding sync.Mutex
	in      *inbound

	// mu is held for moments, never while waiting for the peer. It guards all below.
	mu   sync.Mutex
	m    ws.Conn
	out  outbound
	ping pinger
	push *pushing             // nil: Serve was not called
	turn atomic.Pointer[turn] // what gathers writes while the Handler has more to do; nil: nothing does
	err  *CloseError          // how the connection ended; nil: it has not
	rare *rare                // nil: nothing of it was needed
}

// flags are kept close together: a hundred thousand idle connections are to fit in little memory.
type flags struct {
	role    ws.Role
	deflate bool        // permessage-deflate was agreed
	try     bool        // nc can write without blocking: it is a tryWriter
	served  atomic.Bool // Serve was called
	over    atomic.Bool // err is set

	// Guarded by Conn.mu.
	failed   bool // it ended because the peer broke a rule: what it sends is no longer understood
	halfDone bool // our half of the transport connection was closed
	shutDone bool // somebody closes the transport connection
	isShut   bool // it is closed
}

// rare is what most connections in push mode never need while they are idle. But for what is set at the start it is guarded by Conn.mu.
type rare struct {
	subprotocol string
	taps        [2]*ws.Tap     // of what comes, by whoever reads, and of what goes out, by the writer; nil: no Trace
	closeBy     time.Time      // when the closing handshake must be over
	gone        chan struct{}  // closed when the transport connection is closed; nil: nobody asked
	ctx         *endContext    // of Context; nil: nobody asked
	request     *http.Request  // that opened the connection, while a Server's Handle runs
	room        chan struct{}  // closed when there is more room in the write queue; nil: nobody waits
	stream      *messageWriter // whose message is going out in fragments
	waiting     []*pinged      // by whoever called Ping
}

// need returns c.rare, made on first use. c.mu is held.
func (c *Conn) need() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// pulling is what pull mode needs.
type pulling struct {
	turn chan struct{} // of one
	wake wakeOnDone    // ends a Read whose context ended

	timer *time.Timer // of pings; nil: keepalive is off. Guarded by Conn.mu
}

// newConn returns the connection over nc after the opening handshake. early holds what the peer sent behind it.
// The caller starts keepalive.
func newConn(nc net.Conn, role ws.Role, set *settings, a ws.Agreement, early []byte) *Conn {
	nc = newMovable(nc)
	c := &Conn{nc: nc, set: set, in: new(inbound)}
	c.flags.role, c.flags.deflate = role, a.Deflate != nil
	_, c.flags.try = nc.(tryWriter)
	c.pull.Store(&pulling{turn: make(chan struct{}, 1)})
	c.m.Reset(role, &set.machine, a.Deflate)
	if a.Subprotocol != "" {
		c.need().subprotocol = a.Subprotocol
	}
	if set.Trace != nil {
		c.need().taps = [2]*ws.Tap{set.Trace.tap(false, 1-role, a.Deflate), set.Trace.tap(true, role, a.Deflate)}
	}
	c.watchIn(early)
	c.m.Feed(early)
	return c
}

// Subprotocol returns the subprotocol that the handshake agreed on, or "".
func (c *Conn) Subprotocol() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil {
		return ""
	}
	return c.rare.subprotocol
}

// LocalAddr returns our address.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr returns the address of whoever the transport connection leads to: the peer, or a proxy.
func (c *Conn) RemoteAddr() net.Addr {
	c.mu.Lock()
	p := c.push
	c.mu.Unlock()
	if p != nil {
		if a := p.remote(); a != nil {
			return a
		}
	}
	return c.nc.RemoteAddr()
}

// SetReadLimit replaces Options.ReadLimit from the next frame on. A server may raise it once it knows who it talks to.
// If zero or negative, there is no limit.
func (c *Conn) SetReadLimit(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m.SetReadLimit(n)
}

// Close performs the closing handshake (RFC 6455 section 7.1.2): it sends a close frame behind what is queued, discards what
// the peer was still sending, waits for its close frame, and closes the transport connection.
// It takes CloseTimeout at most, and then returns ErrCloseTimeout. A reason longer than 123 bytes is cut.
//
// After the connection has ended it returns nil if that was by a closing handshake, and else the *CloseError.
func (c *Conn) Close(code StatusCode, reason string) error {
	if !code.OnWire() && code != StatusNoStatusReceived {
		return ws.ErrStatusCode
	}
	if c.begin(&CloseError{Code: code, Reason: reason, Local: true}) {
		c.finish()
	} else {
		<-c.isGone()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err.Err != nil:
		return c.err
	case !c.m.Finished():
		return ErrCloseTimeout
	}
	return nil
}

// CloseNow closes the transport connection without a closing handshake. One that is under way already, because the
// peer closed or broke a rule, goes on without the caller, for CloseTimeout at most. It returns nil.
func (c *Conn) CloseNow() error {
	c.lost(ErrCloseNow)
	return nil
}

// begin ends the connection with e and queues the close frame. It reports false if the connection has ended before.
// The caller sees to it that finish runs.
func (c *Conn) begin(e *CloseError) bool {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return false
	}
	_ = c.m.Close(e.Code, e.Reason) // cannot err: the code was checked, and no close frame was sent
	c.setEnded(e)
	c.kickUnlock()
	return true
}

// fail closes the connection from a goroutine that must not wait, and returns the error for its caller.
func (c *Conn) fail(code StatusCode, reason string) error {
	if c.begin(&CloseError{Code: code, Reason: reason, Local: true}) {
		go c.finish()
	}
	return c.ended()
}

// ended returns the *CloseError, or nil while the connection is open.
func (c *Conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.err
}

// stopped returns why a call ends whose context has ended. The connection's end goes first: it ends the context of a Server's handler.
func (c *Conn) stopped(ctx context.Context) error {
	if err := c.ended(); err != nil {
		return err
	}
	return ctx.Err()
}

// setEnded keeps how the connection ended and wakes all who wait. c.mu is held.
func (c *Conn) setEnded(e *CloseError) {
	c.err = e
	c.need().closeBy = time.Now().Add(c.set.CloseTimeout)
	c.flags.over.Store(true)
	c.stopTimer()
	if p := c.pull.Load(); p != nil {
		p.wake.stop()
	}
	c.wakeWaiting()
	if c.rare.ctx != nil {
		c.rare.ctx.cancel(e)
	}
	if c.push != nil {
		c.push.wake()
	}
}

// isGone returns a channel that is closed when the transport connection is.
func (c *Conn) isGone() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.need()
	if r.gone == nil {
		r.gone = make(chan struct{})
		if c.flags.isShut {
			close(r.gone)
		}
	}
	return r.gone
}

// lost ends the connection without a closing handshake.
func (c *Conn) lost(cause error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.setEnded(&CloseError{Code: StatusAbnormalClosure, Local: cause == ErrCloseNow, Err: cause}) //nolint:errorlint // our own value
	c.mu.Unlock()
	if cause == ErrCloseNow { //nolint:errorlint // our own value
		c.shut(atOnce)
	} else {
		c.shut(cutOff)
	}
}

// maxDrain is how much of what a peer still sends is discarded before it is cut off, in bytes.
const maxDrain = 16 << 20

// finish is the end of every closing handshake: it discards input until the peer has closed too, and closes the transport
// connection. Our close frame is on its way: whoever writes goes on with it, so that reading never waits for writing.
func (c *Conn) finish() {
	c.takeReading()
	closeBy := c.rare.closeBy // it does not change any more
	_ = c.nc.SetReadDeadline(closeBy)
	buf := getBuffer(smallBuffer)
	defer putBuffer(buf)
	for total := 0; total < maxDrain; {
		c.mu.Lock()
		c.useUp()
		c.mu.Unlock()
		if c.settle() {
			return
		}
		n, err := c.nc.Read(buf)
		if err == io.EOF { //nolint:errorlint // the contract of io.Reader
			c.shut(politely)
			return
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() && time.Now().Before(closeBy) {
			_ = c.nc.SetReadDeadline(closeBy) // a context of a Read ended just now, and moved our deadline
			continue
		}
		if err != nil {
			break
		}
		total += n
		c.watchIn(buf[:n])
		c.mu.Lock()
		c.m.Feed(buf[:n])
		c.mu.Unlock()
	}
	c.shut(cutOff)
}

// takeReading takes the turn to read for good: after the end nobody else reads.
func (c *Conn) takeReading() {
	if p := c.pull.Load(); p != nil {
		_ = c.nc.SetReadDeadline(past) // whoever reads gives way
		p.turn <- struct{}{}
	}
	if c.pull.Load() == nil { // it may just have changed
		c.feeding.Lock()
		c.push.sock.Block()
	}
	if c.in != nil {
		c.in.forget(c)
	}
}

// useUp has the machine go through what it was fed, after the end, when nobody wants to know what it meant. The machine works on the bytes
// where they lie: a buffer may be given back only after this. c.mu is held.
func (c *Conn) useUp() {
	for ok := true; ok; {
		_, ok = c.m.Next()
	}
}

// settle does what is due when the connection has ended and nothing waits to be written. It reports whether that was to
// close the transport connection.
func (c *Conn) settle() bool {
	c.mu.Lock()
	idle := c.err != nil && !c.out.writing && c.m.Queued() == 0
	// After the closing handshake the server closes first (RFC 6455 section 7.1.1).
	over := idle && c.m.Finished() && !c.flags.failed && c.flags.role == ws.Server
	half := idle && c.flags.failed && !c.flags.halfDone
	c.flags.halfDone = c.flags.halfDone || half
	c.mu.Unlock()
	if over {
		c.shut(politely)
	}
	if nc, ok := c.nc.(interface{ CloseWrite() error }); ok && half {
		// Say that nothing follows the close frame, and go on discarding: to close now would reset the
		// connection, and the close frame might never be read.
		_ = nc.CloseWrite()
	}
	return over
}

// ending says how the transport connection is closed.
type ending uint8

const (
	politely ending = iota // TLS says goodbye
	atOnce                 // nobody waits for anything; the system sends on what it has
	cutOff                 // what the system has not sent yet is lost: the peer does not take it
)

// shut closes the transport connection, once.
func (c *Conn) shut(how ending) {
	c.mu.Lock()
	done := c.flags.shutDone
	c.flags.shutDone = true
	c.mu.Unlock()
	if done {
		return
	}
	nc := c.nc
	if how != politely {
		nc = underTLS(nc)
	}
	if s, ok := nc.(interface{ SetLinger(seconds int) error }); ok && how == cutOff {
		_ = s.SetLinger(0)
	}
	_ = nc.Close()
	c.mu.Lock()
	c.flags.isShut = true
	if c.rare != nil && c.rare.gone != nil {
		close(c.rare.gone)
	}
	push := c.push
	c.mu.Unlock()
	c.tidy()
	if push != nil {
		push.part()
	}
}

// tidy lets go of what reading borrowed when the connection is gone, unless somebody reads: he does so when he is done.
func (c *Conn) tidy() {
	p := c.pull.Load()
	if p == nil {
		return
	}
	select {
	case p.turn <- struct{}{}:
		if c.pull.Load() == p {
			c.in.forget(c)
		}
		<-p.turn
	default:
	}
}

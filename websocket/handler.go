package websocket

// This file holds push mode: a connection that calls a Handler.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
	"unsafe"
)

// Handler is what a connection calls in push mode, see Conn.Serve. One value may serve many connections.
//
// For each connection the calls come one at a time, in order: Open, Message for each message, Closed. They may block; that delays only
// the connection's own messages. ctx ends when the connection does.
//
// What Open and Message return goes as with Server.Handle: nil goes on, a *CloseError closes the connection with its code, any other error
// with 1011. A panic closes it with 1011 and is logged with its stack, to slog.Default if Options.Logger is nil.
type Handler interface {
	// Open is called before anything is read.
	Open(ctx context.Context, c *Conn) error
	// Message is called with each message. Its Data is valid during the call, see Conn.Keep.
	Message(ctx context.Context, c *Conn, m Message) error
	// Closed is called last, once, with how the connection ended.
	Closed(c *Conn, err *CloseError)
}

// PingHandler is a Handler that sees pings. They are answered without its doing. The payload is valid during the call, which must not block.
type PingHandler interface {
	Ping(c *Conn, payload []byte)
}

// PongHandler is a Handler that sees pongs, with the round-trip time, which is 0 if the pong answers no ping of ours. The payload is
// valid during the call, which must not block.
type PongHandler interface {
	Pong(c *Conn, payload []byte, rtt time.Duration)
}

// MessageFunc is a Handler that only cares for messages.
type MessageFunc func(ctx context.Context, c *Conn, m Message) error

// Open does nothing.
func (MessageFunc) Open(context.Context, *Conn) error { return nil }

// Message calls f.
func (f MessageFunc) Message(ctx context.Context, c *Conn, m Message) error { return f(ctx, c, m) }

// Closed does nothing.
func (MessageFunc) Closed(*Conn, *CloseError) {}

// ErrServed is returned by reads from a connection that is served by a Handler.
var ErrServed = errors.New("websocket: the connection is served by a Handler, which gets what comes")

// Serve hands the connection to h, calls h.Open, and returns: this is push mode. While the connection is idle it holds no goroutine and no
// buffer, if it is TCP on Linux, or TLS over a NewListener or from Dial; otherwise one goroutine reads.
//
// It is called once, while nobody reads. Called in a Server's Handle, it makes the connection outlive Handle: the Server
// counts it, and Shutdown waits for it, until h.Closed has returned.
func (c *Conn) Serve(h Handler) {
	if c.flags.served.Swap(true) {
		panic("websocket: Serve was called before")
	}
	p := &pushing{c: c, h: h}
	c.mu.Lock()
	c.push = p
	if c.flags.isShut {
		p.parts.Add(1) // that of shut, which had nobody to tell
	}
	c.mu.Unlock()
	if err := p.open(); err != nil {
		c.closeFor(err)
	}
	pull := c.pull.Load()
	if c.lockTurn(context.Background(), pull) != nil { // it has ended
		go p.tell()
		return
	}
	if !c.lockWrite() { // so it has
		<-pull.turn
		go p.tell()
		return
	}
	moved, wake := p.moveToLoop()
	c.unlockWrite()
	<-pull.turn // somebody who closes may wait for it
	if moved {
		p.sock.Start(wake)
		return
	}
	go p.serve()
}

// Keep returns the data of m for the Handler that is being called with it, to keep after the call. A large message is not copied.
func (c *Conn) Keep(m Message) []byte {
	if c.pull.Load() == nil && c.feeding.TryLock() {
		defer c.feeding.Unlock()
		if in := c.in; in != nil && len(m.Data) > 0 && len(m.Data) >= cap(in.msg)/2 && unsafe.SliceData(in.msg) == unsafe.SliceData(m.Data) {
			in.msg = nil
			return m.Data
		}
	}
	return bytes.Clone(m.Data)
}

func (p *pushing) open() (err error) {
	defer func() { err = p.recovered(recover(), err) }()
	return p.h.Open(p.c.Context(), p.c)
}

// recovered tells of a panic that was called with v, and returns what the connection is closed with. v is nil if there was none; then it is err.
func (p *pushing) recovered(v any, err error) error {
	if v == nil {
		return err
	}
	logger := p.c.set.Logger
	if logger == nil {
		logger = slog.Default() // nobody else would
	}
	logger.Error("websocket: panic in a handler", "panic", short(fmt.Sprint(v)), "stack", string(debug.Stack()))
	return errPanic
}

var errPanic = &CloseError{Code: StatusInternalError, Reason: "internal error"}

// closeFor closes the connection as a handler wants it that returned err, and does not wait.
func (c *Conn) closeFor(err error) {
	e := c.closing(err)
	_ = c.fail(e.Code, e.Reason)
}

// closing returns what a connection is closed with whose handler returned err.
func (c *Conn) closing(err error) *CloseError {
	e := &CloseError{Code: StatusNormalClosure}
	if err != nil && !errors.As(err, &e) {
		e = &CloseError{Code: StatusInternalError, Reason: "internal error"}
		if c.set.Logger != nil && !errors.Is(err, context.Canceled) {
			c.set.Logger.Warn("websocket: handler", "error", short(err.Error()))
		}
	}
	if !e.Code.OnWire() && e.Code != StatusNoStatusReceived {
		e = errPanic
	}
	return e
}

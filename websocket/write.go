package websocket

// This file holds the way of a message from the caller to the socket.
//
// Whoever queues bytes while nobody writes becomes the writer, and takes along what others queue meanwhile. A writer that
// must not wait, or has written for long enough, hands over to a goroutine, which lives until nothing waits.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// outbound is what writing needs. It is guarded by Conn.mu, but the bytes being written belong to the writer.
type outbound struct {
	writing  bool // there is a writer
	gathered bool // it is a turn, and has not begun
	taken    int  // bytes that it took and has not written all of
}

const (
	directSize = 16 << 10  // bytes: a message from this size on is written from where it is, if nothing waits
	maxChunk   = 256 << 10 // bytes: written under one deadline
	maxRounds  = 8         // how often a writer takes along what others queued, before it hands over
)

// Write sends a message. If it returns nil, the message has been sent or is queued; if it returns an error,
// nothing of it ever will be. ctx bounds the wait for room in the queue and for the socket, and what has been accepted
// when ctx ends goes out behind the caller's back. With TLS or a net.Conn of your own the same, by way of a goroutine.
//
// p is not kept. Text must be UTF-8, which is not checked here: the peer would close with 1007.
func (c *Conn) Write(ctx context.Context, t MessageType, p []byte) error {
	c.mu.Lock()
	if c.out.gathered && c.err == nil && c.stream() == nil && c.m.Queued()+len(p) < min(gatherMost, c.set.WriteQueue) {
		c.lend(len(p) + ws.MaxHeaderSize)
		err := c.m.Send(ws.Opcode(t), true, p) // the usual case in a turn: what is gathered grows
		c.mu.Unlock()
		return err
	}
	c.mu.Unlock()
	return c.send(ctx, outgoing{op: ws.Opcode(t), fin: true, data: p})
}

// WriteUncompressed is Write without compression. A message in which a secret stands beside what somebody else chose must not
// be compressed: its size tells of the secret (CRIME, BREACH).
func (c *Conn) WriteUncompressed(ctx context.Context, t MessageType, p []byte) error {
	return c.send(ctx, outgoing{op: ws.Opcode(t), fin: true, data: p, plain: true})
}

// WritePrepared is Write for a message that goes to many connections.
func (c *Conn) WritePrepared(ctx context.Context, p *Prepared) error {
	return c.send(ctx, outgoing{op: ws.Opcode(p.typ), fin: true, prepared: p.form(c.flags.deflate)})
}

// WriteJSON encodes v with encoding/json and sends it as a text message.
func (c *Conn) WriteJSON(ctx context.Context, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Write(ctx, Text, p)
}

// Queued returns how many bytes wait to be written, frame headers included.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued()
}

func (c *Conn) queued() int { return c.out.taken + c.m.Queued() }

// outgoing is a frame on its way into the machine.
type outgoing struct {
	op       ws.Opcode
	fin      bool
	plain    bool // do not compress
	data     []byte
	prepared *ws.Prepared // instead of data
	from     *messageWriter
}

func (o *outgoing) size() int {
	if o.prepared != nil {
		return o.prepared.Len()
	}
	return len(o.data)
}

// send queues a frame and, if nobody writes, writes.
func (c *Conn) send(ctx context.Context, o outgoing) error {
	c.mu.Lock()
	if err := c.waitUnlock(ctx, &o); err != nil {
		return err
	}
	if c.direct(&o) {
		c.lend(ws.MaxHeaderSize)
		_ = c.m.SendHeader(o.op, len(o.data)) // errs only where waitUnlock has
		return c.writeUnlock(ctx, o.data, c.mayWait())
	}
	c.lend(o.size() + ws.MaxHeaderSize)
	var err error
	switch {
	case o.prepared != nil:
		err = c.m.SendPrepared(o.prepared)
	case o.plain:
		err = c.m.SendUncompressed(o.op, o.fin, o.data)
	default:
		err = c.m.Send(o.op, o.fin, o.data)
	}
	if err != nil || !c.mustWrite(ctx) {
		c.mu.Unlock()
		return err
	}
	return c.writeUnlock(ctx, nil, c.mayWait())
}

// mustWrite reports whether the caller, who has queued something, becomes the writer. c.mu is held.
func (c *Conn) mustWrite(ctx context.Context) bool {
	switch {
	case c.out.gathered && c.m.Queued() >= gatherMost:
		c.out.gathered = false
		return true
	case c.out.writing:
		return false
	}
	return !c.gather(ctx)
}

// lend sees to it that the machine has room for n bytes, in a buffer from the pool. c.mu is held.
func (c *Conn) lend(n int) {
	if c.m.Room() < n {
		if old := c.m.Lend(getBuffer(2*c.m.Queued() + n)); old != nil {
			putBuffer(old)
		}
	}
}

// mayWait reports whether a write may wait for the socket.
func (c *Conn) mayWait() bool { return c.set.WhenFull == WaitWhenFull }

// direct reports whether the payload can be written from where it is: a server's, large, in one uncompressed frame.
func (c *Conn) direct(o *outgoing) bool {
	return len(o.data) >= directSize && c.flags.role == ws.Server && o.fin && o.op != ws.OpContinuation &&
		(o.plain || !c.flags.deflate) && !c.out.writing
}

// waitUnlock waits until the frame may be queued. It returns with c.mu held, or with an error and c.mu let go.
func (c *Conn) waitUnlock(ctx context.Context, o *outgoing) error {
	for {
		switch {
		case c.err != nil:
			defer c.mu.Unlock()
			return c.err
		case ctx.Err() != nil:
			c.mu.Unlock()
			return ctx.Err()
		case c.stream() != o.from && c.stream() != nil && !o.op.IsControl():
			// A message in fragments is going out; only its own may follow.
		case c.queued() == 0 || c.queued()+o.size() <= c.set.WriteQueue:
			return nil
		case c.out.gathered: // nobody has tried yet to write what waits
			c.out.gathered = false
			_ = c.writeUnlock(ctx, nil, false)
			c.mu.Lock()
			continue
		case c.set.WhenFull == DropWhenFull && o.from == nil:
			c.mu.Unlock()
			return ErrQueueFull
		case c.set.WhenFull != WaitWhenFull:
			c.mu.Unlock()
			return c.fail(StatusPolicyViolation, "slow consumer")
		}
		room := c.room()
		c.mu.Unlock()
		select {
		case <-room: // also when the connection ends
		case <-ctx.Done():
			return c.stopped(ctx)
		}
		c.mu.Lock()
	}
}

// wakeWaiting tells those who wait to look again. c.mu is held.
func (c *Conn) wakeWaiting() {
	if c.rare != nil && c.rare.room != nil {
		close(c.rare.room)
		c.rare.room = nil
	}
}

// room returns what is closed when there is more room in the queue. c.mu is held.
func (c *Conn) room() <-chan struct{} {
	r := c.need()
	if r.room == nil {
		r.room = make(chan struct{})
	}
	return r.room
}

// stream returns who writes a message in fragments, or nil. c.mu is held.
func (c *Conn) stream() *messageWriter {
	if c.rare == nil {
		return nil
	}
	return c.rare.stream
}

// lockWrite makes the caller the writer, when there is no other, without writing yet. It reports false if the connection has ended.
func (c *Conn) lockWrite() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.out.writing && c.err == nil {
		room := c.room()
		c.mu.Unlock()
		<-room
		c.mu.Lock()
	}
	if c.err != nil {
		return false
	}
	c.out.writing = true
	return true
}

// unlockWrite ends what lockWrite began, and writes what was queued meanwhile.
func (c *Conn) unlockWrite() {
	c.mu.Lock()
	c.out.writing = false
	c.wakeWaiting()
	c.kickUnlock()
}

// kickUnlock sees to it that what is queued goes out, without waiting. c.mu is held and let go.
func (c *Conn) kickUnlock() {
	if c.out.writing || c.m.Queued() == 0 {
		c.mu.Unlock()
		return
	}
	c.lend(ws.MaxHeaderSize + ws.MaxControlPayload)     // a pong may be due
	_ = c.writeUnlock(context.Background(), nil, false) // an error is kept, for whoever calls next
}

// writeUnlock makes the caller the writer: it writes what is queued and then payload, if any. wait: it may wait for the socket.
// c.mu is held and let go. An error means that the connection has ended.
func (c *Conn) writeUnlock(ctx context.Context, payload []byte, wait bool) error {
	c.out.writing = true
	for range maxRounds {
		buf := c.takeUnlock(payload)
		n, err := c.tryWrite(buf, payload)
		a, b := rest(buf, payload, n)
		if wait && err == nil {
			a, b, err = c.waitWrite(ctx, a, b)
		}
		if err != nil {
			c.lost(err)
			c.shut(cutOff) // also if it had ended before: nothing can be said any more
			return c.ended()
		}
		if len(a)+len(b) > 0 {
			go c.writeOut(append(a, b...))
			return nil
		}
		payload = nil
		if c.wrote(buf) {
			return nil
		}
		c.mu.Lock()
	}
	go c.writeOut(c.takeUnlock(nil))
	return nil
}

// rest returns what is left of a and then b after n bytes.
func rest(a, b []byte, n int) (restA, restB []byte) {
	if n < len(a) {
		return a[n:], b
	}
	return nil, b[n-len(a):]
}

// takeUnlock takes what is queued. c.mu is held and let go.
func (c *Conn) takeUnlock(payload []byte) []byte {
	buf := c.m.Take(nil)
	c.out.taken = len(buf) + len(payload)
	c.mu.Unlock()
	if c.set.Trace != nil && c.rare.taps[1] != nil {
		c.rare.taps[1].Feed(buf)
		c.rare.taps[1].Feed(payload)
	}
	return buf
}

// wrote is called after what was taken has been written. It reports whether nothing more waits; then the caller is no
// longer the writer.
func (c *Conn) wrote(buf []byte) bool {
	c.mu.Lock()
	c.out.taken = 0
	putBuffer(buf)
	c.wakeWaiting()
	c.out.writing = c.m.Queued() > 0
	done, ended := !c.out.writing, c.err != nil
	c.mu.Unlock()
	if done && ended {
		c.settle()
	}
	return done
}

// tryWrite writes what the socket takes of a and b without waiting, and returns how much that was.
func (c *Conn) tryWrite(a, b []byte) (int, error) {
	switch nc := c.nc.(type) {
	case *movable:
		return nc.TryWrite(a, b)
	case tryWriter:
		return nc.TryWrite(a, b)
	}
	return 0, nil
}

// waitWrite writes a and then b, and waits for the socket meanwhile. If ctx ends first, it returns what is left.
func (c *Conn) waitWrite(ctx context.Context, a, b []byte) (restA, restB []byte, err error) {
	if len(a)+len(b) == 0 {
		return nil, nil, nil
	}
	if !c.owns(ctx) && ctx.Done() != nil {
		if !c.flags.try {
			return a, b, nil // a write over TLS that is interrupted cannot go on
		}
		woken := make(chan struct{})
		cancel := context.AfterFunc(ctx, func() {
			_ = c.nc.SetWriteDeadline(past)
			close(woken)
		})
		defer func() {
			if !cancel() {
				<-woken // or it would end somebody else's write
			}
			_ = c.nc.SetWriteDeadline(time.Time{})
		}()
	}
	for len(a)+len(b) > 0 {
		p := a
		if len(p) == 0 {
			p = b
		}
		n, err := c.blockingWrite(ctx, p)
		a, b = rest(a, b, n)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				err = nil
			}
			return a, b, err
		}
	}
	return a, b, nil
}

// blockingWrite writes at most maxChunk bytes of p in the time that the connection gives them.
func (c *Conn) blockingWrite(ctx context.Context, p []byte) (int, error) {
	p = p[:min(len(p), maxChunk)]
	if c.pull.Load() == nil && (c.owns(ctx) || ctx.Done() == nil) {
		return c.nc.Write(p) // on a loop the socket asks for patience if it must wait, and sets no timer if not
	}
	_ = c.nc.SetWriteDeadline(c.patience())
	if ctx.Err() != nil && !c.owns(ctx) { // looked at after the deadline was set, which its end would have moved
		return 0, os.ErrDeadlineExceeded
	}
	n, err := c.nc.Write(p)
	if c.flags.try {
		_ = c.nc.SetWriteDeadline(time.Time{}) // TryWrite would heed it
	}
	return n, err
}

// patience returns until when a write that begins now may take.
func (c *Conn) patience() time.Time {
	by := time.Now().Add(c.set.WriteTimeout)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil && c.rare.closeBy.Before(by) {
		by = c.rare.closeBy
	}
	return by
}

// writeOut is the writer as a goroutine: it writes p and what is queued meanwhile, until nothing waits.
func (c *Conn) writeOut(p []byte) {
	for {
		for left := p; len(left) > 0; {
			n, err := c.blockingWrite(context.Background(), left)
			if err != nil {
				c.lost(err)
				c.shut(cutOff)
				return
			}
			left = left[n:]
			c.mu.Lock()
			c.out.taken = len(left)
			c.wakeWaiting()
			c.mu.Unlock()
		}
		if c.wrote(p) {
			return
		}
		c.mu.Lock()
		p = c.takeUnlock(nil)
	}
}

// Writer returns a writer of the next message, for one that is not in memory whole. It goes out in fragments, of 4 KiB at least but
// the last, and must be ended with Close. Until then all other messages wait; ctx holds for all calls.
// A message that cannot be ended, because ctx has ended, closes the connection with 1011.
func (c *Conn) Writer(ctx context.Context, t MessageType) (io.WriteCloser, error) {
	w := &messageWriter{c: c, ctx: ctx, op: ws.Opcode(t)}
	c.mu.Lock()
	if err := c.waitUnlock(ctx, &outgoing{op: w.op}); err != nil {
		return nil, err
	}
	c.need().stream = w
	c.mu.Unlock()
	w.buf = getBuffer(smallBuffer)[:0]
	return w, nil
}

// messageWriter is what Writer returns.
type messageWriter struct {
	c   *Conn
	ctx context.Context //nolint:containedctx // io.Writer has no place for one
	op  ws.Opcode       // of the next fragment
	buf []byte          // gathered for it; nil: the message has ended
	err error
}

var errWriterClosed = errors.New("websocket: write to a message that was ended")

// Write adds p to the message.
func (w *messageWriter) Write(p []byte) (int, error) {
	if w.buf == nil {
		return 0, errWriterClosed
	}
	if len(w.buf)+len(p) <= cap(w.buf) {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if len(w.buf) > 0 {
		if err := w.fragment(w.buf, false); err != nil {
			return 0, err
		}
		w.buf = w.buf[:0]
	}
	if len(p) <= cap(w.buf) {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	if err := w.fragment(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *messageWriter) fragment(p []byte, fin bool) error {
	if w.err == nil {
		w.err = w.c.send(w.ctx, outgoing{op: w.op, fin: fin, data: p, from: w})
		w.op = ws.OpContinuation
	}
	return w.err
}

// Close ends the message.
func (w *messageWriter) Close() error {
	if w.buf == nil {
		return errWriterClosed
	}
	err := w.fragment(w.buf, true)
	putBuffer(w.buf)
	w.buf = nil
	if err != nil {
		_ = w.c.fail(StatusInternalError, "a message was left unfinished")
		return err
	}
	c := w.c
	c.mu.Lock()
	c.rare.stream = nil
	c.wakeWaiting()
	c.mu.Unlock()
	return nil
}

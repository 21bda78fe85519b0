package websocket

// This file holds the way of a message from the socket to the caller.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net"
	"time"

	"github.com/duplex-go/duplex/internal/eventloop"
	"github.com/duplex-go/duplex/proto/ws"
)

// inbound is what reading needs. It is guarded by Conn.reading.
type inbound struct {
	buf  []byte // read into, and fed from
	msg  []byte // the message that is being joined, or was returned last
	held int    // bytes taken from the Budget for msg

	open   bool           // a message, or a frame if these are asked for, is not done with
	inside bool           // frames of the message have been given out
	typ    MessageType    // of that message
	reader *messageReader // who reads it in pieces; nil: Read joins it in msg
	piece  []byte         // what reader has not given out yet
	last   bool           // piece ends the message

	frameEnd bool // the last piece ended its frame
	pending  bool // more of what came is to be looked at

	turn  *turn // an event loop reads: it does not wait,
	quota int   // and not more than so many bytes, before others have their turn
}

// release gives back what the connection borrowed.
func (in *inbound) release(c *Conn) {
	in.drop(c)
	if in.buf != nil {
		putBuffer(in.buf)
		in.buf = nil
	}
	in.done()
}

// forget is release while somebody may still look at the message that was returned last: the buffers are left to the collector.
func (in *inbound) forget(c *Conn) {
	c.set.Budget.give(in.held)
	in.held, in.buf, in.msg = 0, nil, nil
	in.done()
}

// drop gives back the joined message.
func (in *inbound) drop(c *Conn) {
	c.set.Budget.give(in.held)
	in.held = 0
	if in.msg != nil {
		putBuffer(in.msg)
		in.msg = nil
	}
}

// done forgets the message that was coming.
func (in *inbound) done() { in.open, in.last, in.reader, in.piece = false, false, nil, nil }

// Read returns the next message. Its Data is valid until the next read: copy what is to stay.
//
// If ctx ends, Read returns its error and the connection is as before; the next Read goes on where this one stopped.
// After the connection has ended, the error is a *CloseError. What is left of a message that Reader began is skipped.
//
// A connection that is served by a Handler gives ErrServed.
func (c *Conn) Read(ctx context.Context) (Message, error) {
	r, err := c.read(ctx, true)
	return r.Message, err
}

// received is a message, or a frame of one.
type received struct {
	Message
	first, fin bool // it begins and ends its message
}

// read returns the next message, or the next frame of data.
func (c *Conn) read(ctx context.Context, whole bool) (received, error) {
	if err := c.lockRead(ctx); err != nil {
		return received{}, err
	}
	defer c.unlockRead()
	return c.readLocked(ctx, whole)
}

// readLocked is read for who holds c.reading.
func (c *Conn) readLocked(ctx context.Context, whole bool) (received, error) {
	in := c.in
	if in.reader != nil {
		if err := c.skip(ctx); err != nil {
			return received{}, err
		}
	}
	if !in.open {
		in.drop(c)
	}
	for {
		if in.open { // more of a large message may be to come
			if err := c.readAhead(ctx); err != nil {
				return received{}, err
			}
		}
		p, last, err := c.nextPiece(ctx)
		if err != nil {
			return received{}, err
		}
		end := last || !whole && in.frameEnd
		if in.open || !end { // otherwise, which is the usual case, the message is where it was read to
			in.open = true
			if err := c.join(p); err != nil {
				return received{}, err
			}
			p = in.msg
		}
		if end {
			c.set.Budget.give(in.held)
			in.held = 0
			r := received{Message{in.typ, p}, !in.inside, last}
			in.open, in.inside = false, !last
			return r, nil
		}
	}
}

// skip discards what is left of a message that a Reader began, or that a Read began whose context ended.
func (c *Conn) skip(ctx context.Context) error {
	in := c.in
	for in.open && !in.last {
		in.reader = new(messageReader) // nobody's: if ctx ends here, the next read must go on skipping
		var err error
		if _, in.last, err = c.nextPiece(ctx); err != nil {
			return err
		}
	}
	in.done()
	return nil
}

// join appends p to the message, unless readAhead put it there already.
func (c *Conn) join(p []byte) error {
	in := c.in
	n := len(in.msg)
	if len(p) == 0 || n < cap(in.msg) && &p[0] == &in.msg[:n+1][n] {
		in.msg = in.msg[:n+len(p)]
		return nil
	}
	if err := c.grow(len(p)); err != nil {
		return err
	}
	in.msg = append(in.msg, p...)
	return nil
}

// grow makes room for n bytes more in the message. It at most doubles what came, or adds what must be added: a peer that only
// announces a large message costs nothing. readAhead asks for three times what came: more often copied would cost more than it saves.
func (c *Conn) grow(n int) error {
	in := c.in
	if len(in.msg)+n <= cap(in.msg) {
		return nil
	}
	b := getBuffer(max(2*len(in.msg), len(in.msg)+n))
	if !c.set.Budget.take(cap(b) - in.held) {
		putBuffer(b)
		in.release(c)
		return c.fail(StatusTryAgainLater, "too much unfinished on this server")
	}
	in.held = cap(b)
	old := in.msg
	in.msg = b[:copy(b, old)]
	if old != nil {
		putBuffer(old)
	}
	return nil
}

// firstStep is how many bytes are made room for when a large message begins to come.
const firstStep = 16 << 10

// readAhead reads payload of a large uncompressed frame straight to its place in the message.
func (c *Conn) readAhead(ctx context.Context) error {
	c.mu.Lock()
	want := c.m.Want()
	c.mu.Unlock()
	if want < smallBuffer/2 {
		return nil
	}
	// The machine has used up what was fed before: otherwise Want would have been given out as a piece.
	in := c.in
	n := len(in.msg)
	if free := int64(cap(in.msg) - n); free < min(want, smallBuffer) {
		if err := c.grow(int(min(want, int64(max(3*n, firstStep))))); err != nil {
			return err
		}
	}
	free := in.msg[n:cap(in.msg)]
	return c.fill(ctx, free[:min(int64(len(free)), want)])
}

// nextPiece returns the next piece of a message, and handles the control frames before it.
// The piece is valid until the next call; last: it ends its message.
func (c *Conn) nextPiece(ctx context.Context) (p []byte, last bool, err error) {
	for {
		c.mu.Lock()
		if c.err != nil {
			c.mu.Unlock()
			return nil, false, c.letGo()
		}
		ev, ok := c.m.Next()
		if ok && ev.Kind != ws.EventData {
			if err := c.handleUnlock(ev); err != nil {
				return nil, false, err
			}
			continue
		}
		c.in.pending = c.m.Pending()
		c.kickUnlock() // a pong may be due
		if ok {
			c.in.typ, c.in.frameEnd = MessageType(ev.Opcode), ev.FrameEnd
			return ev.Data, ev.MessageEnd, nil
		}
		if err := c.fill(ctx, nil); err != nil {
			return nil, false, err
		}
	}
}

// handleUnlock handles what is no data. c.mu is held and let go.
func (c *Conn) handleUnlock(ev ws.Event) error {
	switch ev.Kind {
	case ws.EventPing:
		push := c.push
		c.mu.Unlock()
		push.ping(ev.Data)
		if c.set.hooks.ping != nil {
			c.set.hooks.ping(c, ev.Data)
		}
		return nil
	case ws.EventPong:
		rtt, push := c.handlePong(ev.Data), c.push
		c.mu.Unlock()
		push.pong(ev.Data, rtt)
		if c.set.hooks.pong != nil {
			c.set.hooks.pong(c, ev.Data, rtt)
		}
		return nil
	case ws.EventClose:
		err := &CloseError{Code: ev.Code, Reason: ev.Reason}
		c.setEnded(err)
		c.useUp()
		c.kickUnlock()
		c.in.release(c)
		if c.flags.role == ws.Client {
			go c.finish() // the server closes first
		} else if !c.settle() {
			_ = c.nc.SetWriteDeadline(c.rare.closeBy) // a write under way was given more time than there is now
		}
		return err
	case ws.EventFail:
		err := &CloseError{Code: ev.Code, Reason: ev.Reason, Local: true}
		c.flags.failed = true
		c.setEnded(err)
		c.useUp()
		c.kickUnlock()
		c.in.release(c)
		go c.finish()
		return err
	}
	c.mu.Unlock()
	return nil
}

// errTurnOver ends a read in push mode that has gone on for long enough.
var errTurnOver = errors.New("websocket: others must have their turn")

// fill reads into buf, or, if nil, into the connection's own, and feeds what came.
func (c *Conn) fill(ctx context.Context, buf []byte) error {
	for {
		if err := c.watch(ctx); err != nil {
			return err
		}
		p, err := c.receive(buf)
		if len(p) > 0 {
			c.watchIn(p)
			c.mu.Lock()
			if c.set.FrameRate > 0 || c.set.deflate != nil {
				c.m.Advance(time.Now())
			}
			c.ping.heard++
			c.m.Feed(p)
			c.mu.Unlock()
			return nil
		}
		if err == eventloop.ErrWouldBlock || err == errTurnOver { //nolint:errorlint // our own values
			return err
		}
		if err == nil {
			continue
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			// Somebody wants our attention: a context that ended, or the end of the connection.
			_ = c.nc.SetReadDeadline(time.Time{})
			if err := c.letGo(); err != nil {
				_ = c.nc.SetReadDeadline(past)
				return err
			}
			continue
		}
		if err == io.EOF { //nolint:errorlint // the contract of io.Reader
			err = io.ErrUnexpectedEOF
		}
		c.lost(err)
		return c.letGo()
	}
}

// receive reads once.
func (c *Conn) receive(buf []byte) ([]byte, error) {
	in := c.in
	if in.turn != nil {
		in.turn.flush() // before the end of the connection can be read
		if in.quota <= 0 {
			return nil, errTurnOver
		}
	} else if m, ok := c.nc.(*movable); ok && buf == nil { // while it waits, it needs no buffer
		if in.buf != nil {
			putBuffer(in.buf)
			in.buf = nil
		}
		p, err := m.borrow()
		if p != nil {
			in.buf = p[:cap(p)]
		}
		return p, err
	}
	if buf == nil {
		if in.buf == nil {
			in.buf = getBuffer(smallBuffer)
		}
		buf = in.buf
	}
	n, err := c.nc.Read(buf)
	in.quota -= n
	return buf[:n], err
}

// letGo returns the *CloseError, if the connection has ended, to whoever reads, and gives back what reading borrowed.
func (c *Conn) letGo() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	c.useUp()
	c.in.release(c)
	return c.err
}

// watchIn shows Trace what came, before the machine unmasks it.
func (c *Conn) watchIn(p []byte) {
	if c.set.Trace != nil && c.rare.taps[0] != nil {
		c.rare.taps[0].Feed(p)
	}
}

// past is a deadline that wakes whoever waits in a read or a write.
var past = time.Unix(1, 0)

// wakeOnDone ends the wait of a read when its context ends. The function that does so stays in place from read to read,
// as long as they come with the same context.
type wakeOnDone struct {
	done   <-chan struct{} // changed by the reader only
	cancel func() bool
}

func (w *wakeOnDone) stop() {
	if w.cancel != nil {
		w.cancel()
	}
}

// watch returns the error of ctx, or sees to it that its end wakes the read that follows.
func (c *Conn) watch(ctx context.Context) error {
	if c.owns(ctx) {
		return nil
	}
	if ctx.Err() != nil {
		return c.stopped(ctx)
	}
	w := &c.pull.Load().wake
	done := ctx.Done()
	if done == nil || done == w.done {
		return nil
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.letGo()
	}
	defer c.mu.Unlock()
	w.stop()
	w.done = done
	w.cancel = context.AfterFunc(ctx, func() { _ = c.nc.SetReadDeadline(past) })
	return nil
}

// lockRead waits for the turn to read, in pull mode.
func (c *Conn) lockRead(ctx context.Context) error {
	if c.flags.served.Load() {
		return ErrServed
	}
	return c.lockTurn(ctx, c.pull.Load())
}

func (c *Conn) lockTurn(ctx context.Context, p *pulling) error {
	select {
	case p.turn <- struct{}{}:
		return c.stillPulls(p)
	default:
	}
	select {
	case p.turn <- struct{}{}:
		return c.stillPulls(p)
	case <-c.Context().Done():
		return c.ended()
	case <-ctx.Done():
		return c.stopped(ctx)
	}
}

// stillPulls gives the turn of p back, and returns an error, if the connection has changed to push mode while its taker waited.
func (c *Conn) stillPulls(p *pulling) error {
	if c.pull.Load() == p {
		return nil
	}
	<-p.turn
	return ErrServed
}

func (c *Conn) unlockRead() {
	<-c.pull.Load().turn
	if c.flags.over.Load() {
		c.mu.Lock()
		gone := c.flags.shutDone
		c.mu.Unlock()
		if gone {
			c.tidy()
		}
	}
}

// Reader returns the type of the next message and a reader of it, for messages that need not be in memory whole. The reader
// is good until the message ends, with io.EOF, or the next read of another kind, which skips the rest. ctx holds for it too.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	if err := c.lockRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.unlockRead()
	if err := c.skip(ctx); err != nil {
		return 0, nil, err
	}
	c.in.drop(c)
	p, last, err := c.nextPiece(ctx)
	if err != nil {
		return 0, nil, err
	}
	r := &messageReader{c: c, ctx: ctx}
	c.in.open, c.in.last, c.in.reader, c.in.piece = true, last, r, p
	return c.in.typ, r, nil
}

// messageReader is what Reader returns.
type messageReader struct {
	c    *Conn
	ctx  context.Context //nolint:containedctx // io.Reader has no place for one
	over bool            // the message was read to its end
}

// Read reads from the message.
func (r *messageReader) Read(p []byte) (int, error) {
	c := r.c
	if err := c.lockRead(r.ctx); err != nil {
		return 0, err
	}
	defer c.unlockRead()
	in := c.in
	if in.reader != r { // it is over, or was skipped, or the connection has ended in the middle of it
		if err := c.ended(); err != nil && !r.over {
			return 0, err
		}
		return 0, io.EOF
	}
	for len(in.piece) == 0 {
		if in.last {
			in.done()
			r.over = true
			return 0, io.EOF
		}
		var err error
		if in.piece, in.last, err = c.nextPiece(r.ctx); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.piece)
	in.piece = in.piece[n:]
	return n, nil
}

// Messages returns the messages that come, for a range loop. The loop ends with the connection or ctx; a last
// pair holds the error, unless the peer closed with 1000, 1001 or no code at all.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			msg, err := c.Read(ctx)
			if err != nil {
				if !endedWell(err) {
					yield(Message{}, err)
				}
				return
			}
			if !yield(msg, nil) {
				return
			}
		}
	}
}

// endedWell reports whether err is the peer's going in peace.
func endedWell(err error) bool {
	var e *CloseError
	if !errors.As(err, &e) || e.Local {
		return false
	}
	return e.Code == StatusNormalClosure || e.Code == StatusGoingAway || e.Code == StatusNoStatusReceived
}

// ReadJSON reads a message and decodes it into v with encoding/json. A message that is no JSON for v is an error and leaves the
// connection open.
func (c *Conn) ReadJSON(ctx context.Context, v any) error {
	if err := c.lockRead(ctx); err != nil {
		return err
	}
	defer c.unlockRead() // when v has been filled: the next read would overwrite what it is filled from
	r, err := c.readLocked(ctx, true)
	if err != nil {
		return err
	}
	return json.Unmarshal(r.Data, v)
}

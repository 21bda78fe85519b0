package websocket

// This file holds what an App has to send: what waits, and what was sent but is not confirmed.

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// AppFullPolicy says what App.Send does when the queue is full.
type AppFullPolicy uint8

// The policies.
const (
	AppWait       AppFullPolicy = iota // wait for room, or for the context to end
	AppDropOldest                      // give the oldest message back that was not sent yet
	AppError                           // return ErrQueueFull
)

// queue is the messages of an App. Its methods may be called from any goroutine.
type queue struct {
	mu      sync.Mutex
	list    []queued
	sent    int // list[:sent] was sent on conn and is not confirmed
	bytes   int
	conn    *Conn
	changed chan struct{} // closed at the next change; nil: nobody waits
}

type queued struct {
	Message
	fence uint64 // the number of the ping that was sent behind it; 0: none was yet
}

// Send queues a message: see App for what it promises. It keeps a copy of p. ctx bounds the wait for room.
// Send may be called from any goroutine, also before Run and from the functions of App; there it must not wait, for nobody reads.
func (a *App) Send(ctx context.Context, t MessageType, p []byte) error {
	q := &a.queue
	q.mu.Lock()
	for len(q.list) > 0 && (len(q.list) >= orDefault(a.QueueMessages, 1024) || q.bytes+len(p) > orDefault(a.QueueBytes, 1<<20)) {
		switch {
		case a.WhenFull == AppError, a.WhenFull == AppDropOldest && q.sent == len(q.list):
			q.mu.Unlock()
			return ErrQueueFull
		case a.WhenFull == AppDropOldest:
			old := q.list[q.sent].Message
			q.list = append(q.list[:q.sent:q.sent], q.list[q.sent+1:]...)
			q.bytes -= len(old.Data)
			q.mu.Unlock()
			a.giveBack([]Message{old}, ErrDropped)
			q.mu.Lock()
		default:
			if err := q.waitLocked(ctx); err != nil {
				q.mu.Unlock()
				return err
			}
		}
	}
	defer q.mu.Unlock()
	q.list = append(q.list, queued{Message: Message{t, bytes.Clone(p)}})
	q.bytes += len(p)
	q.change()
	return nil
}

// Flush waits until all that was accepted has been confirmed or given back.
func (a *App) Flush(ctx context.Context) error {
	q := &a.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) > 0 {
		if q.conn != nil && q.sent == len(q.list) && q.list[q.sent-1].fence == 0 {
			q.fenceLocked()
			continue
		}
		if err := q.waitLocked(ctx); err != nil {
			return err
		}
	}
	return nil
}

// waitLocked waits for a change. q.mu is held, but not during the wait.
func (q *queue) waitLocked(ctx context.Context) error {
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) change() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// fenceEvery is how many sent messages, as a part of the bounds, share a ping that confirms them; a second after the last
// message they get one anyhow.
const (
	fenceEvery = 4
	fenceAfter = time.Second
)

// start sends what is queued on c, from a goroutine of its own, until stop is called. stop waits for the goroutine and gives back what
// is not known to have arrived.
func (q *queue) start(ctx context.Context, a *App, c *Conn) (stop func()) {
	q.mu.Lock()
	q.conn = c
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.send(ctx, a, c)
	}()
	return func() {
		<-done
		unsure := q.end(c)
		a.giveBack(unsure, ErrUnsure)
	}
}

// send is the goroutine of start. It ends with the connection.
func (q *queue) send(ctx context.Context, a *App, c *Conn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c.ended() == nil {
		if q.sent == len(q.list) {
			q.idleLocked(c)
			continue
		}
		m := q.list[q.sent].Message
		q.sent++ // before it is: nobody may drop it now
		q.mu.Unlock()
		err := c.Write(ctx, m.Type, m.Data)
		q.mu.Lock()
		if err != nil {
			q.sent-- // nothing of it was
			return
		}
		if n, size := q.openLocked(); n >= orDefault(a.QueueMessages, 1024)/fenceEvery || size >= orDefault(a.QueueBytes, 1<<20)/fenceEvery {
			q.fenceLocked()
		}
	}
}

// idleLocked waits for something to send, or until what was sent wants a ping.
func (q *queue) idleLocked(c *Conn) {
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	changed := q.changed
	n, _ := q.openLocked()
	q.mu.Unlock()
	defer q.mu.Lock()
	timer := time.NewTimer(fenceAfter)
	defer timer.Stop()
	var due <-chan time.Time
	if n > 0 {
		due = timer.C
	}
	select {
	case <-changed:
	case <-c.Context().Done():
	case <-due:
		q.mu.Lock()
		q.fenceLocked()
		q.mu.Unlock()
	}
}

// openLocked returns how much was sent and has no ping behind it.
func (q *queue) openLocked() (n, size int) {
	for i := q.sent - 1; i >= 0 && q.list[i].fence == 0; i-- {
		n++
		size += len(q.list[i].Data)
	}
	return n, size
}

// fenceLocked sends a ping behind what was sent.
func (q *queue) fenceLocked() {
	c := q.conn
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	number := uint64(c.queuePing().number)
	c.kickUnlock()
	for i := q.sent - 1; i >= 0 && q.list[i].fence == 0; i-- {
		q.list[i].fence = number
	}
}

// confirm takes a pong: what was sent before its ping has arrived.
func (q *queue) confirm(c *Conn, payload []byte) {
	number := pongNumber(payload)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conn != c {
		return
	}
	n := 0
	for n < q.sent && q.list[n].fence != 0 && q.list[n].fence <= number {
		n++
	}
	q.cutLocked(n)
}

// cutLocked takes the first n messages off.
func (q *queue) cutLocked(n int) (cut []Message) {
	for i := range n {
		cut = append(cut, q.list[i].Message)
		q.bytes -= len(q.list[i].Data)
	}
	q.list = append(q.list[:0:0], q.list[n:]...)
	q.sent = max(0, q.sent-n)
	q.change()
	return cut
}

// end forgets the connection and returns what was sent on it and may not have arrived. After a closing handshake that we began
// the peer has read all that stood before our close frame.
func (q *queue) end(c *Conn) []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	unsure := q.cutLocked(q.sent)
	q.conn = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil && c.err.Local && c.err.Err == nil && c.m.Finished() && !c.flags.failed {
		return nil
	}
	return unsure
}

// stop returns what was not sent.
func (q *queue) stop() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cutLocked(len(q.list))
}

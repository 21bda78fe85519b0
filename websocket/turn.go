package websocket

// This file holds the gathering of writes: what a Handler writes while more input waits for it goes out together.

import (
	"context"
	"sync"
	"time"
)

// turn gathers what a Handler writes, to any connection, with the context that it was given, while it still has messages to come that are here
// already. The turn is the writer of these connections until it ends: when the input is used up, or after flushAfter, lest a
// Handler that blocks holds back what it wrote before.
type turn struct {
	in inbound // what reading needs, while it needs it for the moment only

	mu    sync.Mutex
	held  []*Conn
	armed bool
	timer *time.Timer
}

const (
	flushAfter = time.Millisecond
	gatherMost = 64 << 10 // bytes: a connection that has so many does not wait for more
)

func newTurn() *turn {
	t := new(turn)
	t.timer = time.AfterFunc(time.Hour, func() {
		t.mu.Lock()
		t.armed = false
		t.mu.Unlock()
		t.flush()
	})
	t.timer.Stop()
	return t
}

// gather makes a turn the writer of c, if ctx is that of a Handler with more to come. It reports whether that was so. c.mu is held.
func (c *Conn) gather(ctx context.Context) bool {
	x, ok := ctx.(*connContext)
	if !ok {
		return false
	}
	t := x.turn.Load()
	if t == nil {
		return false
	}
	c.out.gathered, c.out.writing = true, true
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = append(t.held, c)
	if !t.armed {
		t.armed = true
		t.timer.Reset(flushAfter)
	}
	return true
}

// flush writes what was gathered, to each connection what it takes now.
func (t *turn) flush() {
	for {
		t.mu.Lock()
		n := len(t.held) - 1
		if n < 0 {
			t.mu.Unlock()
			return
		}
		c := t.held[n]
		t.held[n] = nil
		t.held = t.held[:n]
		t.mu.Unlock()
		c.mu.Lock()
		if !c.out.gathered { // it did not wait
			c.mu.Unlock()
			continue
		}
		c.out.gathered = false
		_ = c.writeUnlock(context.Background(), nil, false) // an error is kept, for whoever calls next
	}
}

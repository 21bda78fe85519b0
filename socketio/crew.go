package socketio

// This file holds the goroutines in which functions are called.

import (
	"slices"
	"sync"
	"time"
)

// crew are goroutines that do what clients have queued. Who is done rests for a while: a goroutine that is new must grow its stack first, which costs more than what
// most functions do. The zero value has nobody.
type crew struct {
	busy sync.WaitGroup

	mu     sync.Mutex
	idle   []chan *client // of one; who came last goes first
	enough int            // so many were idle all the time since the last dismissal
	timer  *time.Timer    // of dismissals; nil: nobody is idle
}

// restTime is how long a goroutine rests at most twice.
const restTime = 200 * time.Millisecond

// work has a client's jobs done by somebody.
func (w *crew) work(c *client) {
	w.busy.Add(1)
	w.mu.Lock()
	n := len(w.idle) - 1
	if n < 0 {
		w.mu.Unlock()
		go w.stay(c)
		return
	}
	member := w.idle[n]
	w.idle = w.idle[:n]
	w.enough = min(w.enough, n)
	w.mu.Unlock()
	member <- c
}

// stay does the jobs of one client after the other, until it is dismissed.
func (w *crew) stay(c *client) {
	member := make(chan *client, 1)
	for ok := true; ok; {
		c.work()
		w.busy.Done()
		w.rest(member)
		c, ok = <-member
	}
}

func (w *crew) rest(member chan *client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, member)
	if w.timer == nil {
		w.timer = time.AfterFunc(restTime, w.dismiss)
	}
}

// dismiss ends those who had nothing to do since it was called last.
func (w *crew) dismiss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, member := range w.idle[:w.enough] {
		close(member)
	}
	w.idle = slices.Delete(w.idle, 0, w.enough)
	w.enough = len(w.idle)
	if w.enough == 0 {
		w.timer = nil
		return
	}
	w.timer.Reset(restTime)
}

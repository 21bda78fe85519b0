// One direction of a connection: a bounded buffer between one end's writes and the other end's reads.

package memnet

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// half is what one end writes and the other reads. Whoever waits does so on the condition, without the lock: that
// counts as durably blocked in a testing/synctest bubble, waiting for a mutex does not.
type half struct {
	mu       sync.Mutex
	changed  *sync.Cond // anything below has changed, or a deadline has passed
	buf      bytes.Buffer
	capacity int
	writing  bool // a write is under way, perhaps waiting; others wait behind it, so that they do not mix
	ended    bool // by CloseWrite
	reader   side
	writer   side
}

// side is what a half knows of one end.
type side struct {
	closed   bool
	deadline time.Time
	timer    *time.Timer // wakes those who wait at the deadline
}

func newHalf(capacity int) *half {
	h := &half{capacity: max(capacity, 1)}
	h.changed = sync.NewCond(&h.mu)
	for _, s := range []*side{&h.reader, &h.writer} {
		s.timer = time.AfterFunc(time.Hour, h.wake)
		s.timer.Stop()
	}
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reader.closed:
			return 0, net.ErrClosed
		case h.reader.expired():
			return 0, os.ErrDeadlineExceeded
		case h.buf.Len() > 0, len(p) == 0:
			h.changed.Broadcast()
			return h.buf.Read(p)
		case h.ended, h.writer.closed:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

// write writes all of p, or, unless it may wait, what fits.
func (h *half) write(p []byte, wait bool) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for mine := false; ; h.changed.Wait() {
		switch {
		case h.writer.closed:
			err = net.ErrClosed
		case h.writer.expired():
			err = os.ErrDeadlineExceeded
		case h.ended, h.reader.closed:
			err = io.ErrClosedPipe
		case mine || !h.writing:
			mine = true
			k, _ := h.buf.Write(p[n:min(len(p), n+h.capacity-h.buf.Len())])
			n += k
		}
		done := err != nil || !wait || n == len(p) && mine
		if mine {
			h.writing = !done
			h.changed.Broadcast()
		}
		if done {
			return n, err
		}
	}
}

// close closes h.reader or h.writer.
func (h *half) close(s *side) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.closed = true
	s.timer.Stop()
	h.changed.Broadcast()
}

func (h *half) setDeadline(s *side, t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.deadline = t
	s.timer.Reset(time.Until(t)) // that of the zero time fires at once and does no harm
	return nil
}

func (s *side) expired() bool {
	return !s.deadline.IsZero() && !time.Now().Before(s.deadline)
}

// wake is called by the timers. The lock keeps it from falling between somebody's look at the deadline and their wait.
func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

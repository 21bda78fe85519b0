package eventloop

// This file holds a socket of a Loop.

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Events says what has happened to a socket.
type Events uint32

// What can happen. Events may come without a cause, and the kernel tells several at once.
const (
	In    Events = 1 << iota // there is something to read, or the end
	Out                      // there is room to write
	Hup                      // the peer has closed, at least its half
	Timer                    // the time that SetTimer was given is over
	Woken                    // Wake was called

	allEvents        = In | Out | Hup | Timer | Woken
	scheduled Events = 1 << 31
)

// Runner is called when something has happened to its socket, by one goroutine at a time. It reads until ErrWouldBlock, or
// returns true to be called again, after the others that are ready.
type Runner interface {
	Run(ev Events) (more bool)
	// Patience returns until when a Write may wait for which SetWriteDeadline has set nothing.
	Patience() time.Time
}

// ErrWouldBlock is returned by Read when there is nothing to read now. crypto/tls gives it back as it is, and can go on later: it is temporary.
var ErrWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

// Error says what it is.
func (wouldBlock) Error() string { return "eventloop: nothing to read now" }

// Timeout returns false.
func (wouldBlock) Timeout() bool { return false }

// Temporary returns true.
func (wouldBlock) Temporary() bool { return true }

// closed is the lowest bit of Socket.users; the others count.
const closed = 1

// Socket is a stream socket that a Loop watches. It is a net.Conn. One goroutine at a time may read, and one write; all
// else may be called at any time.
type Socket struct {
	loop   *Loop
	runner Runner
	next   *Socket                 // in Loop.ready
	wait   atomic.Pointer[waiting] // nil: nobody ever waited
	timer  link                    // on Loop.wheel
	fd     int32
	slot   uint32
	state  atomic.Uint32 // events that have come, and scheduled
	users  atomic.Int32  // twice the number of calls that use fd, and closed
	again  Events        // what Run has said that it has not done

	inline  bool // Loop.Add
	block   bool // Read waits
	hup     bool // the end is near: read to it
	drained bool // the last read took all that was there
}

// signal keeps that ev has happened. It reports whether the socket is to be scheduled for that: it was idle.
func (s *Socket) signal(ev Events) bool {
	was := s.state.Or(uint32(ev | scheduled))
	if w := s.wait.Load(); w != nil {
		w.wake(ev)
	}
	return Events(was)&scheduled == 0
}

// Wake has the Runner called.
func (s *Socket) Wake() {
	if s.signal(Woken) {
		s.loop.schedule(s)
	}
}

// SetTimer has the Runner called after d, unless it is set anew or stopped before. It may be late by some 10 ms, and is not early.
func (s *Socket) SetTimer(d time.Duration) { s.loop.setTimer(s, d) }

// StopTimer stops the timer.
func (s *Socket) StopTimer() { s.loop.stopTimer(s) }

// enter begins a use of the descriptor. It reports false if the socket is closed.
func (s *Socket) enter() bool {
	for {
		n := s.users.Load()
		if n&closed != 0 {
			return false
		}
		if s.users.CompareAndSwap(n, n+2) {
			return true
		}
	}
}

// leave ends a use of the descriptor. The last one closes it, if the socket has been closed meanwhile.
func (s *Socket) leave() {
	if s.users.Add(-2) == closed {
		s.loop.remove(s)
	}
}

// Close closes the socket. Calls that use the descriptor go on until they are done; those that wait end with net.ErrClosed.
func (s *Socket) Close() error {
	for {
		n := s.users.Load()
		if n&closed != 0 {
			return net.ErrClosed
		}
		if s.users.CompareAndSwap(n, n|closed) {
			if n == 0 {
				s.loop.remove(s)
			}
			if w := s.wait.Load(); w != nil {
				w.wake(In | Out)
				w.stop()
			}
			return nil
		}
	}
}

// Told tells Read what Run was told, before it reads.
func (s *Socket) Told(ev Events) {
	s.drained = s.drained && ev&In == 0
	s.hup = s.hup || ev&Hup != 0
}

// Block has Read wait from now on, as the Read of any net.Conn. It is called by who reads, once it is not for the Runner any more to do so.
func (s *Socket) Block() {
	s.waiting()
	s.block = true
}

// Read reads what is there. If nothing is, it returns ErrWouldBlock, or waits if Block was called.
func (s *Socket) Read(p []byte) (int, error) {
	for {
		n, err := s.tryRead(p)
		if err != ErrWouldBlock || !s.block { //nolint:errorlint // our own value
			return n, err
		}
		if err := s.waiting().in.wait(s); err != nil {
			return 0, err
		}
	}
}

func (s *Socket) tryRead(p []byte) (int, error) {
	if s.drained && !s.hup && !s.block {
		return 0, ErrWouldBlock // without asking: another event will tell of more
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !s.enter() {
		return 0, net.ErrClosed
	}
	n, errno := s.loop.k.recv(s.fd, p)
	for errno == syscall.EINTR {
		n, errno = s.loop.k.recv(s.fd, p)
	}
	s.leave()
	s.drained = n < len(p) // a stream gives all it has
	switch {
	case errno == syscall.EAGAIN:
		return 0, ErrWouldBlock
	case errno != 0:
		return 0, os.NewSyscallError("recv", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// TryWrite writes what the socket takes now of a and then b, with one system call as long as it takes all.
func (s *Socket) TryWrite(a, b []byte) (int, error) {
	if !s.enter() {
		return 0, net.ErrClosed
	}
	defer s.leave()
	total := 0
	for len(a)+len(b) > 0 {
		n, errno := s.loop.k.send(s.fd, a, b)
		if errno == syscall.EINTR {
			continue
		}
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 {
			return total, os.NewSyscallError("send", errno)
		}
		total += n
		if n < len(a) {
			a = a[n:]
		} else {
			a, b = nil, b[n-len(a):]
		}
	}
	return total, nil
}

// Write writes all of p, and waits for room: until the write deadline or, if there is none, as long as the Runner has patience.
func (s *Socket) Write(p []byte) (int, error) {
	total, err := s.TryWrite(p, nil)
	if err != nil || total == len(p) {
		return total, err
	}
	w := s.waiting()
	if w.out.deadline().IsZero() {
		_ = w.out.setDeadline(s, s.runner.Patience())
		defer func() { _ = w.out.setDeadline(s, time.Time{}) }()
	}
	for {
		n, err := s.TryWrite(p[total:], nil)
		if total += n; err != nil || total == len(p) {
			return total, err
		}
		if err := w.out.wait(s); err != nil {
			return total, err
		}
	}
}

// SetDeadline implements net.Conn.
func (s *Socket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.waiting().in.setDeadline(s, t) }

// SetWriteDeadline implements net.Conn.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.waiting().out.setDeadline(s, t) }

// waiting is what calls that wait need: the closing handshake, and writes to who reads slowly. Idle sockets have none.
type waiting struct{ in, out side }

// waiting returns it, made on first use.
func (s *Socket) waiting() *waiting {
	if w := s.wait.Load(); w != nil {
		return w
	}
	w := &waiting{in: side{ready: make(chan struct{}, 1)}, out: side{ready: make(chan struct{}, 1)}}
	if s.wait.CompareAndSwap(nil, w) {
		return w
	}
	return s.wait.Load()
}

func (w *waiting) wake(ev Events) {
	if ev&(In|Hup) != 0 {
		w.in.wake()
	}
	if ev&(Out|Hup) != 0 {
		w.out.wake()
	}
}

func (w *waiting) stop() {
	for _, d := range []*side{&w.in, &w.out} {
		d.mu.Lock()
		if d.timer != nil {
			d.timer.Stop()
		}
		d.mu.Unlock()
	}
}

// side is one direction of waiting.
type side struct {
	ready chan struct{} // something has happened that who waits should look at

	mu    sync.Mutex
	by    time.Time
	timer *time.Timer
}

func (d *side) wake() {
	select {
	case d.ready <- struct{}{}:
	default:
	}
}

func (d *side) deadline() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by
}

// wait waits until something has happened.
func (d *side) wait(s *Socket) error {
	if by := d.deadline(); !by.IsZero() && !time.Now().Before(by) {
		return os.ErrDeadlineExceeded
	}
	<-d.ready
	if s.users.Load()&closed != 0 {
		return net.ErrClosed
	}
	return nil
}

func (d *side) setDeadline(s *Socket, t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.by = t
	if d.timer != nil {
		d.timer.Stop()
	}
	if s.users.Load()&closed != 0 {
		return net.ErrClosed
	}
	if t.IsZero() {
		return nil
	}
	if wait := time.Until(t); wait <= 0 {
		d.wake()
	} else if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.wake)
	} else {
		d.timer.Reset(wait)
	}
	return nil
}

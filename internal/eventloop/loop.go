package eventloop

// This file holds the Loop: who is ready, who runs them, and the timers.

import (
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Loop watches sockets. Its methods may be called from any goroutine.
type Loop struct {
	k     kernel
	start time.Time     // the zero of the wheel
	wake  chan struct{} // for a worker that rests

	mu    sync.Mutex
	slots []slot
	free  []uint32 // slots that are not in use
	ready queue
	spare bool // a worker has been woken and has not looked at the queue yet
	rest  int  // workers that wait for wake
	wheel wheel
	timer *time.Timer
	due   time.Duration // when timer fires; 0: it does not run
}

// slot is where an event finds its socket.
type slot struct {
	s          *Socket
	generation uint32 // of the socket in it, or of the last
}

// event is what the kernel tells: what happened, and the tag that watch was given.
type event struct {
	what Events
	tag  uint64
}

const (
	maxEvents  = 256 // taken from the kernel at once
	maxResting = 16  // goroutines that stay when there is nothing to do: their stacks have grown already
)

// New starts a Loop. It runs until the process ends.
func New() (*Loop, error) {
	k, err := newKernel()
	if err != nil {
		return nil, err
	}
	l := newLoop(k)
	go l.run()
	return l, nil
}

func newLoop(k kernel) *Loop {
	l := &Loop{k: k, start: time.Now()}
	l.wake = make(chan struct{}, maxResting)
	l.timer = time.AfterFunc(time.Hour, l.expire)
	l.timer.Stop()
	return l
}

// run is the goroutine of the Loop.
func (l *Loop) run() {
	events := make([]event, maxEvents)
	var inline []*Socket
	for {
		n, err := l.k.wait(events)
		if err != nil {
			return // the kernel of a test is used up; the real one does not err
		}
		inline = l.take(events[:n], inline[:0])
		for i, s := range inline {
			l.runSocket(s)
			inline[i] = nil
		}
	}
}

// take schedules the sockets that events are for. Those that are run by the loop itself are appended to inline.
func (l *Loop) take(events []event, inline []*Socket) []*Socket {
	l.mu.Lock()
	started := false
	for _, ev := range events {
		at := &l.slots[uint32(ev.tag)]
		s := at.s
		if s == nil || at.generation != uint32(ev.tag>>32) {
			continue // for a socket that is gone
		}
		if !s.signal(ev.what) {
			continue
		}
		if s.inline {
			inline = append(inline, s)
			continue
		}
		l.ready.push(s)
		started = true
	}
	if started {
		l.startWorker()
	}
	l.mu.Unlock()
	if started && len(inline) == 0 {
		runtime.Gosched() // the worker first: what is ready is more urgent than what may be
	}
	return inline
}

// startWorker sees to it that a worker is about to look at the queue. l.mu is held.
func (l *Loop) startWorker() {
	switch {
	case l.spare:
	case l.rest > 0:
		l.rest--
		l.spare = true
		l.wake <- struct{}{} // there is room
	default:
		l.spare = true
		go l.work()
	}
}

// work runs ready sockets until there are none. Before each it sees to it that another worker is about to look at the queue, if anything
// is left in it: should the Runner block, that one goes on. So as long as none blocks, one goroutine and a spare run them all, and if all
// block, each has a goroutine of its own.
func (l *Loop) work() {
	for {
		l.mu.Lock()
		l.spare = false
		for s := l.ready.pop(); s != nil; s = l.ready.pop() {
			if l.ready.head != nil {
				l.startWorker()
			}
			l.mu.Unlock()
			l.runSocket(s)
			l.mu.Lock()
		}
		if l.rest == maxResting {
			l.mu.Unlock()
			return
		}
		l.rest++
		l.mu.Unlock()
		<-l.wake
	}
}

// runSocket calls the socket's Runner until nothing has happened since, or it wants to let others go first.
func (l *Loop) runSocket(s *Socket) {
	for {
		ev := Events(s.state.And(^uint32(allEvents))) & allEvents
		if more := s.runner.Run(ev | s.again); more {
			s.again = In
			l.schedule(s)
			return
		}
		s.again = 0
		if s.state.CompareAndSwap(uint32(scheduled), 0) {
			return
		}
	}
}

// schedule puts a socket at the end of the queue.
func (l *Loop) schedule(s *Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready.push(s)
	l.startWorker()
}

// Add takes the descriptor of nc, a stream socket, out of the runtime's poller, which keeps it to itself: it watches a copy, as s.
// The caller then closes nc, and calls Start. From then on r is called when something happens. inline: r never blocks, and
// is called on the loop's own goroutine.
func (l *Loop) Add(s *Socket, nc syscall.Conn, r Runner, inline bool) error {
	fd, err := copyOf(nc)
	if err != nil {
		return err
	}
	if err := l.add(s, fd, r, inline); err != nil {
		l.k.close(fd)
		return err
	}
	return nil
}

func (l *Loop) add(s *Socket, fd int, r Runner, inline bool) error {
	s.loop, s.fd, s.runner, s.inline = l, fd, r, inline
	s.state.Store(uint32(scheduled))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) == 0 {
		l.free = append(l.free, uint32(len(l.slots))) //nolint:gosec // as many as descriptors
		l.slots = append(l.slots, slot{})
	}
	s.slot = l.free[len(l.free)-1]
	at := &l.slots[s.slot]
	at.generation++
	at.s = s
	if err := l.k.watch(fd, uint64(at.generation)<<32|uint64(s.slot)); err != nil {
		at.s = nil
		return err
	}
	l.free = l.free[:len(l.free)-1]
	return nil
}

// Start has the Runner called from now on: at once if wake, or if something has happened since Add.
func (s *Socket) Start(wake bool) {
	if wake {
		s.state.Or(uint32(Woken))
	}
	if !s.state.CompareAndSwap(uint32(scheduled), 0) {
		s.loop.schedule(s)
	}
}

// remove forgets a socket and closes its descriptor: in this order, or another socket might get its number before its events are dropped.
func (l *Loop) remove(s *Socket) {
	l.mu.Lock()
	l.slots[s.slot].s = nil
	l.free = append(l.free, s.slot)
	l.wheel.remove(s)
	l.mu.Unlock()
	l.k.close(s.fd)
}

// now returns the time on the wheel.
func (l *Loop) now() time.Duration { return time.Since(l.start) }

// setTimer has s signalled after d.
func (l *Loop) setTimer(s *Socket, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.users.Load()&closed != 0 {
		return
	}
	l.wheel.set(s, l.now()+max(d, 0))
	l.arm()
}

func (l *Loop) stopTimer(s *Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wheel.remove(s)
}

// arm sets the timer to the wheel's next turn. l.mu is held.
func (l *Loop) arm() {
	next, ok := l.wheel.next()
	if !ok || l.due != 0 && l.due <= next {
		return
	}
	l.due = next
	l.timer.Reset(next - l.now())
}

// expire is called by the timer.
func (l *Loop) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = 0
	l.wheel.advance(l.now(), func(s *Socket) {
		if s.signal(Timer) {
			l.ready.push(s)
		}
	})
	if l.ready.head != nil {
		l.startWorker()
	}
	l.arm()
}

// queue is a list of sockets that are scheduled. Each is in it once at most.
type queue struct{ head, tail *Socket }

func (q *queue) push(s *Socket) {
	if q.tail == nil {
		q.head = s
	} else {
		q.tail.next = s
	}
	q.tail = s
}

func (q *queue) pop() *Socket {
	s := q.head
	if s != nil {
		if q.head = s.next; q.head == nil {
			q.tail = nil
		}
		s.next = nil
	}
	return s
}

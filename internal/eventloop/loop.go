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
	wake  chan struct{} // for who rests

	events []event   // of who polls
	inline []*Socket // likewise

	mu      sync.Mutex
	slots   []slot
	free    []uint32 // slots that are not in use
	ready   queue
	polling bool // somebody does
	spare   bool // somebody has been woken, and has not looked yet
	resting int  // goroutines that wait for wake
	wheel   wheel
	timer   *time.Timer
	due     time.Duration // when timer fires; 0: it does not run
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
	go l.work()
	return l, nil
}

func newLoop(k kernel) *Loop {
	l := &Loop{k: k, start: time.Now(), events: make([]event, maxEvents)}
	l.wake = make(chan struct{}, maxResting)
	l.timer = time.AfterFunc(time.Hour, l.expire)
	l.timer.Stop()
	return l
}

// work is what the Loop's goroutines do: one polls, and runs what is ready. Should a Runner block, it is not this one that polls next, or
// runs what else was ready, but a spare one, which was woken before the Runner was called and finds that there is something to do. So
// as long as none blocks, one goroutine does it all, and if all block, each has a goroutine of its own.
func (l *Loop) work() {
	l.mu.Lock()
	l.spare = false
	for {
		for s := l.ready.pop(); s != nil; s = l.ready.pop() {
			l.wakeSpare()
			l.mu.Unlock()
			l.runSocket(s)
			l.mu.Lock()
		}
		if !l.polling {
			l.polling = true
			l.mu.Unlock()
			runtime.Gosched() // those whose Runner blocked may be able to go on: there is always more to poll on a busy loop
			ok := l.poll()
			l.mu.Lock()
			l.polling = false
			if ok {
				continue
			}
			break
		}
		if l.resting == maxResting {
			break
		}
		l.resting++
		l.mu.Unlock()
		<-l.wake
		l.mu.Lock()
		l.spare = false
	}
	l.mu.Unlock()
}

// wakeSpare sees to it that a goroutine is about to look what there is to do. l.mu is held.
func (l *Loop) wakeSpare() {
	switch {
	case l.spare:
	case l.resting > 0:
		l.resting--
		l.spare = true
		l.wake <- struct{}{} // there is room
	default:
		l.spare = true
		go l.work()
	}
}

// poll waits until sockets are ready, schedules them, and runs those itself that never block. False: the kernel of a test is used up.
func (l *Loop) poll() bool {
	n, err := l.k.wait(l.events)
	if err != nil {
		return false // the real kernel does not err
	}
	l.mu.Lock()
	for _, ev := range l.events[:n] {
		at, generation := &l.slots[uint32(ev.tag)], uint32(ev.tag>>32) //nolint:gosec // the halves
		s := at.s
		if s == nil || at.generation != generation || !s.signal(ev.what) {
			continue // it is gone, or scheduled already
		}
		if s.inline {
			l.inline = append(l.inline, s)
		} else {
			l.ready.push(s)
		}
	}
	l.mu.Unlock()
	for i, s := range l.inline {
		l.runSocket(s)
		l.inline[i] = nil
	}
	l.inline = l.inline[:0]
	return true
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
	l.wakeSpare()
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

func (l *Loop) add(s *Socket, fd int32, r Runner, inline bool) error {
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
		l.wakeSpare()
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

package main

// This file holds the loop: one thread that waits for all connections, reads, and sends what is due.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/duplex-go/duplex/bench/internal/figures"
)

// conn is a connection.
type conn struct {
	fd, id  int
	open    bool   // the server has upgraded
	joined  bool   // it is in the namespace, where there are namespaces
	dirty   bool   // it is in the loop's list
	head    []byte // of the response to the handshake
	in      decoder
	control []byte          // frames that go before messages
	next    int             // number of the first message that has not gone
	due     int             // how many may go
	off     int             // bytes of the first of them that have gone
	wants   int             // number of the next answer
	sent    []time.Duration // when the messages in flight were due, by their number
}

// job is what a mode does with the connections.
type job interface {
	hello(id int) []byte                  // what a connection begins with
	opened(c *conn)                       // the handshake is done
	start()                               // all connections are open
	message(c *conn, m *message) error    // a whole one came
	ended(c *conn) error                  // the server has closed
	mark(c *conn, number int) (what mark) // of a message of c's
}

// tally counts answers and how long they took.
type tally struct {
	count int64
	times *hdrhistogram.Histogram
}

func (t *tally) add(d time.Duration) {
	t.count++
	_ = t.times.RecordValue(int64(d)) // up to a minute; patience is shorter
}

func (t *tally) figures(seconds float64) figures.Load {
	at := func(q float64) float64 { return float64(t.times.ValueAtQuantile(q)) / 1000 }
	return figures.Load{Messages: t.count, Seconds: seconds, P50: at(50), P99: at(99)}
}

// loop is the loop.
type loop struct {
	cfg        config
	job        job
	epoll      int
	conns      []*conn // by descriptor
	list       []*conn // in the order in which they were opened
	frame      *template
	buf        []byte // what is read into
	out        []byte // small frames that go together
	events     [128]syscall.EpollEvent
	dirty      []*conn // something is due
	total      int     // connections that are wanted
	inProgress int     // handshakes
	handshakes int     // done, ever
	start      time.Time
	now        time.Duration                 // since start, when the bytes came that are handled
	heard      time.Duration                 // when something came last
	tallies    [2]tally                      // the second: of the connections that echo beside those that sleep
	released   bool                          // standard input has ended
	tick       func()                        // called every millisecond or so, if not nil
	handle     func(c *conn, p []byte) error // bytes of the server
}

const (
	readBuffer = 256 << 10
	together   = 16 << 10                                                        // bytes: frames above it go one by one
	edges      = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | 1<<31 // EPOLLET
	standardIn = 0                                                               // the descriptor
)

// load runs the mode that cfg says.
func load(cfg config) (*figures.Load, error) {
	runtime.LockOSThread()
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &loop{cfg: cfg, epoll: epoll, buf: make([]byte, readBuffer), frame: newTemplate(cfg.op, cfg.envelope(), cfg.size), total: cfg.conns, start: time.Now()}
	l.handle = l.frames
	for i := range l.tallies {
		l.tallies[i].times = hdrhistogram.New(1, int64(time.Minute), 3)
	}
	switch cfg.mode {
	case "echo":
		l.job = &echoJob{l}
	case "sleep":
		l.total += cfg.beside
		l.job = &sleepJob{echoJob: echoJob{l}}
	case "broadcast":
		l.job = newBroadcastJob(l)
	case "connect":
		l.job = &connectJob{l}
	case "idle":
		l.job = &idleJob{echoJob{l}}
	case "poll":
		l.job = newPollJob(l)
	default:
		return nil, fmt.Errorf("there is no mode %q", cfg.mode)
	}
	defer l.close()
	if err := l.openAll(); err != nil {
		return nil, err
	}
	l.job.start()
	if cfg.mode == "idle" {
		return nil, l.hold()
	}
	return l.measure()
}

// measure counts for the time that was asked for.
func (l *loop) measure() (*figures.Load, error) {
	if err := l.run(l.cfg.warm, func() bool { return false }); err != nil {
		return nil, err
	}
	for i := range l.tallies {
		l.tallies[i].count = 0
		l.tallies[i].times.Reset()
	}
	cpu, from := processCPU(l.cfg.pid), l.clock()
	if err := l.run(l.cfg.measured, func() bool { return false }); err != nil {
		return nil, err
	}
	cpu, seconds := processCPU(l.cfg.pid)-cpu, (l.clock() - from).Seconds()
	f := l.tallies[0].figures(seconds)
	f.CPU = float64(cpu) / 1000
	if l.tallies[1].count > 0 {
		beside := l.tallies[1].figures(seconds)
		f.Beside = &beside
	}
	if f.Messages == 0 {
		return nil, fmt.Errorf("nothing came in %.1f s", seconds)
	}
	return &f, nil
}

// hold says when every connection has echoed, and keeps them all.
func (l *loop) hold() error {
	if err := l.run(time.Minute, func() bool { return l.tallies[0].count == int64(l.total) }); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready")
	l.heard = time.Hour // that far nobody loses patience
	until := l.cfg.measured
	if syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, standardIn, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: standardIn}) == nil {
		until = time.Hour
	}
	return l.run(until, func() bool { return l.released })
}

func (l *loop) clock() time.Duration { return time.Since(l.start) }

// openAll opens all connections.
func (l *loop) openAll() (err error) {
	waited := l.run(time.Minute, func() bool {
		for l.inProgress < atOnce && len(l.list) < l.total {
			c := &conn{id: len(l.list), sent: make([]time.Duration, l.cfg.depth)}
			if err = l.dial(c); err != nil {
				return true
			}
			l.list = append(l.list, c)
		}
		return l.handshakes >= l.total
	})
	return errors.Join(err, waited)
}

// run handles what comes, for d or until done.
func (l *loop) run(d time.Duration, done func() bool) error {
	l.now = l.clock()
	l.heard = max(l.heard, l.now)
	for end := l.now + d; !done() && l.now < end; {
		if err := l.turn(); err != nil {
			return err
		}
		if l.now-l.heard > patience {
			return fmt.Errorf("nothing came for %v, with %d of %d handshakes done, and %d messages", patience, l.handshakes, l.total, l.tallies[0].count)
		}
	}
	return nil
}

// turn waits, and handles whatever is ready. The system call is raw: there is no other goroutine that should run meanwhile.
func (l *loop) turn() error {
	milliseconds := uintptr(20)
	if l.tick != nil {
		milliseconds = 1
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), milliseconds, 0, 0)
	switch errno {
	case 0:
	case syscall.EINTR:
		n = 0
	default:
		return os.NewSyscallError("epoll_wait", errno)
	}
	l.now = l.clock()
	if l.tick != nil {
		l.tick()
	}
	for i := range l.events[:n] {
		ev := &l.events[i]
		if ev.Fd == standardIn {
			l.released = true
			continue
		}
		c := l.conns[ev.Fd]
		if ev.Events&^syscall.EPOLLOUT != 0 {
			if err := l.read(c, ev.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0); err != nil {
				return fmt.Errorf("connection %d: %w", c.id, err)
			}
		}
		if ev.Events&syscall.EPOLLOUT != 0 && c.open {
			if err := l.flush(c); err != nil {
				return fmt.Errorf("connection %d: %w", c.id, err)
			}
		}
	}
	return nil
}

// dial connects c anew, and sends the handshake.
func (l *loop) dial(c *conn) error {
	c.sent[0] = l.clock() // for connectJob
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if l.cfg.mode == "connect" && l.cfg.server.Addr().IsLoopback() { // else ports run out
		const bindAddressNoPort = 24
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1)
		_ = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + l.handshakes%250)}})
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: l.cfg.server.Addr().As4(), Port: int(l.cfg.server.Port())}); err != nil {
		_ = syscall.Close(fd)
		return os.NewSyscallError("connect", err)
	}
	_ = syscall.SetNonblock(fd, true)
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	c.fd, l.conns[fd] = fd, c
	l.inProgress++
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: edges, Fd: int32(fd)}); err != nil { //nolint:gosec // a descriptor
		return os.NewSyscallError("epoll_ctl", err)
	}
	_, err = syscall.Write(fd, l.job.hello(c.id))
	return os.NewSyscallError("write", err)
}

// read reads what there is, and handles it. With all, it reads up to the end.
func (l *loop) read(c *conn, all bool) error {
	for {
		r, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&l.buf[0])), uintptr(len(l.buf)))
		n := int(r) //nolint:gosec // at most len(l.buf)
		switch {
		case errno == syscall.EAGAIN:
			return nil
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return os.NewSyscallError("read", errno)
		case n == 0:
			return l.job.ended(c)
		}
		l.now = l.clock()
		l.heard = max(l.heard, l.now)
		if err := l.handle(c, l.buf[:n]); err != nil {
			return err
		}
		for _, c := range l.dirty {
			c.dirty = false
			if err := l.flush(c); err != nil {
				return err
			}
		}
		l.dirty = l.dirty[:0]
		if n < len(l.buf) && !all {
			return nil
		}
	}
}

// frames handles the bytes of a WebSocket connection.
func (l *loop) frames(c *conn, p []byte) (err error) {
	if !c.open {
		if p, err = l.handshake(c, p); err != nil {
			return err
		}
	}
	for len(p) > 0 {
		n, m, err := c.in.next(p)
		if err != nil {
			return err
		}
		p = p[n:]
		switch {
		case m == nil:
		case m.op == opPing:
			c.control = appendFrame(c.control, opPong, m.control)
			l.touch(c)
		case l.cfg.sio && (!c.joined || m.size == 1):
			err = l.packet(c, m)
		default:
			err = l.job.message(c, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// handshake takes the response, and returns what follows it.
func (l *loop) handshake(c *conn, p []byte) ([]byte, error) {
	c.head = append(c.head, p...)
	head, rest, whole := bytes.Cut(c.head, []byte("\r\n\r\n"))
	if !whole && len(c.head) < 4096 {
		return nil, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(accept)) {
		return nil, fmt.Errorf("the server did not upgrade, but said %q", head)
	}
	c.head, c.open = nil, true
	if !l.cfg.sio {
		l.opened(c)
	}
	return rest, nil
}

// opened takes note of a connection that is ready for messages.
func (l *loop) opened(c *conn) {
	l.inProgress--
	l.handshakes++
	l.job.opened(c)
}

// begin sends the first k messages of c.
func (l *loop) begin(c *conn, k int) {
	l.now = l.clock()
	l.send(c, k)
	_ = l.flush(c) // an error comes again when c is read from
}

// send makes k more messages of c due.
func (l *loop) send(c *conn, k int) {
	for range k {
		c.sent[(c.next+c.due)%len(c.sent)] = l.now
		c.due++
	}
	l.touch(c)
}

// touch has c flushed when what was read is handled.
func (l *loop) touch(c *conn) {
	if !c.dirty {
		c.dirty = true
		l.dirty = append(l.dirty, c)
	}
}

// flush sends what is due, as far as the socket takes it.
func (l *loop) flush(c *conn) error {
	for c.due > 0 || len(c.control) > 0 {
		p := c.control
		control := c.off == 0 && len(p) > 0
		if !control {
			p = l.outgoing(c)
		}
		r, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		n := int(r) //nolint:gosec // at most len(p)
		switch {
		case errno == syscall.EAGAIN:
			return nil // an event tells when there is room
		case errno == syscall.EINTR:
		case errno != 0:
			return os.NewSyscallError("write", errno)
		case control:
			c.control = c.control[n:]
		default:
			n += c.off
			whole := n / len(l.frame.bytes)
			c.off = n % len(l.frame.bytes)
			c.next += whole
			c.due -= whole
		}
	}
	return nil
}

// outgoing returns the bytes of messages that are due, valid until the next call.
func (l *loop) outgoing(c *conn) []byte {
	if len(l.frame.bytes) > together {
		return l.frame.mark(l.job.mark(c, c.next))[c.off:]
	}
	l.out = l.out[:0]
	for i := range c.due {
		l.out = append(l.out, l.frame.mark(l.job.mark(c, c.next+i))...)
	}
	return l.out[c.off:]
}

// close resets all connections, so that none of them lingers.
func (l *loop) close() {
	for _, c := range l.list {
		_ = syscall.SetsockoptLinger(c.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		_ = syscall.Close(c.fd)
	}
}

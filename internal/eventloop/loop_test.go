package eventloop

// This file holds tests of the Loop against a kernel that behaves as badly as a real one may.

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fakeKernel is a kernel in memory. It gives out the lowest free descriptor, as the real one does, tells events late, in any order, several
// in one or one several times, and some of sockets that are gone, and interrupts calls.
type fakeKernel struct {
	t     testing.TB
	mu    sync.Mutex
	more  *sync.Cond
	r     *rand.Rand
	queue []event
	files map[int32]*fakeFile
	over  bool
}

// fakeFile is a socket as the kernel sees it.
type fakeFile struct {
	tag   uint64
	in    []byte // come, and not received
	end   bool   // the peer has closed
	reset bool
	room  int // bytes that can be sent
	out   []byte
}

func newFakeKernel(t testing.TB, seed uint64) *fakeKernel {
	k := &fakeKernel{t: t, r: rand.New(rand.NewPCG(seed, 2)), files: make(map[int32]*fakeFile)}
	k.more = sync.NewCond(&k.mu)
	return k
}

func (k *fakeKernel) wait(events []event) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.queue) == 0 {
		if k.over {
			return 0, errors.New("used up")
		}
		k.more.Wait()
	}
	n := 1 + k.r.IntN(min(len(k.queue), len(events)))
	k.r.Shuffle(len(k.queue), func(i, j int) { k.queue[i], k.queue[j] = k.queue[j], k.queue[i] })
	copy(events, k.queue[:n])
	k.queue = append(k.queue[:0:0], k.queue[n:]...)
	return n, nil
}

func (k *fakeKernel) watch(fd int32, tag uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files[fd].tag = tag
	k.tell(k.files[fd], In|Out)
	return nil
}

// tell queues an event, perhaps twice. k.mu is held.
func (k *fakeKernel) tell(f *fakeFile, what Events) {
	for range 1 + k.r.IntN(2) {
		k.queue = append(k.queue, event{what, f.tag})
	}
	k.more.Broadcast()
}

func (k *fakeKernel) recv(fd int32, p []byte) (int, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.files[fd]
	switch {
	case f == nil:
		k.t.Errorf("recv from descriptor %d, which is closed", fd)
		return 0, syscall.EBADF
	case k.r.IntN(8) == 0:
		return 0, syscall.EINTR
	case f.reset:
		return 0, syscall.ECONNRESET
	case len(f.in) == 0 && f.end:
		return 0, 0
	case len(f.in) == 0:
		return 0, syscall.EAGAIN
	}
	n := copy(p, f.in)
	f.in = f.in[n:]
	return n, 0
}

func (k *fakeKernel) send(fd int32, a, b []byte) (int, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.files[fd]
	switch {
	case f == nil:
		k.t.Errorf("send to descriptor %d, which is closed", fd)
		return 0, syscall.EBADF
	case k.r.IntN(8) == 0:
		return 0, syscall.EINTR
	case f.reset:
		return 0, syscall.EPIPE
	case f.room == 0:
		return 0, syscall.EAGAIN
	}
	p := append(append([]byte(nil), a...), b...)
	p = p[:1+k.r.IntN(min(f.room, len(p)))]
	f.out = append(f.out, p...)
	f.room -= len(p)
	return len(p), 0
}

func (k *fakeKernel) close(fd int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.files[fd] == nil {
		k.t.Errorf("descriptor %d closed twice", fd)
	}
	delete(k.files, fd)
}

// open returns a new descriptor.
func (k *fakeKernel) open() (int32, *fakeFile) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for fd := int32(3); ; fd++ {
		if k.files[fd] == nil {
			f := &fakeFile{room: k.r.IntN(50)}
			k.files[fd] = f
			return fd, f
		}
	}
}

// echoer is a Runner that keeps what comes, and sends it back.
type echoer struct {
	s    Socket
	file *fakeFile
	fed  []byte // by the test, into file

	mu      sync.Mutex
	running bool
	got     []byte
	err     error
	sent    int
	block   chan struct{} // if not nil, Run waits for it once it has read
}

func (e *echoer) Patience() time.Time { return time.Now().Add(time.Minute) }

func (e *echoer) Run(ev Events) (more bool) {
	e.mu.Lock()
	if e.running {
		panic("two runs of one socket at once")
	}
	e.running = true
	e.mu.Unlock()
	e.s.Told(ev)
	var buf [16]byte
	for rounds := 0; e.err == nil; rounds++ {
		if rounds == 3 {
			more = true
			break
		}
		n, err := e.s.Read(buf[:])
		e.mu.Lock()
		e.got = append(e.got, buf[:n]...)
		if err != nil && err != ErrWouldBlock {
			e.err = err
		}
		e.mu.Unlock()
		if err != nil {
			break
		}
	}
	if e.block != nil {
		<-e.block
	}
	for e.sent < len(e.got) {
		n, err := e.s.TryWrite(e.got[e.sent:e.sent+(len(e.got)-e.sent)/2], e.got[e.sent+(len(e.got)-e.sent)/2:])
		e.mu.Lock()
		e.sent += n
		e.mu.Unlock()
		if n == 0 || err != nil {
			break
		}
	}
	e.mu.Lock()
	e.running = false
	e.mu.Unlock()
	return more
}

// play has a kernel do what the script says, a byte a step, and checks that all that came was read, in order, and sent back.
func play(t testing.TB, seed uint64, script []byte) {
	k := newFakeKernel(t, seed)
	l := newLoop(k)
	go l.work()
	var open, all []*echoer
	for i, step := range script {
		if len(open) == 0 || step%16 == 0 {
			fd, f := k.open()
			e := &echoer{file: f}
			if err := l.add(&e.s, fd, e, step&16 != 0); err != nil {
				t.Fatal(err)
			}
			e.s.Start(step&32 != 0)
			open, all = append(open, e), append(all, e)
			continue
		}
		n := int(step>>4) % len(open)
		e := open[n]
		k.mu.Lock()
		switch step % 16 {
		case 1, 2, 3, 4, 5: // bytes come
			if !e.file.end && !e.file.reset {
				p := bytes.Repeat([]byte{byte(i)}, 1+int(step>>4)*3)
				e.fed, e.file.in = append(e.fed, p...), append(e.file.in, p...)
				k.tell(e.file, In)
			}
		case 6, 7, 8: // the peer takes some
			e.file.room += 1 + int(step>>3)
			k.tell(e.file, Out)
		case 9: // nothing has happened
			k.tell(e.file, []Events{In, Out, Hup, In | Out | Hup}[step>>4&3])
		case 10: // of a socket that may be long gone
			k.tell(all[int(step>>4)%len(all)].file, In|Out|Hup)
		case 11:
			e.file.end = true
			k.tell(e.file, In|Hup)
		case 12:
			e.file.reset = true
			k.tell(e.file, In|Out|Hup)
		case 13:
			k.mu.Unlock()
			e.s.SetTimer(time.Duration(step) * time.Millisecond)
			k.mu.Lock()
		case 14:
			k.mu.Unlock()
			e.s.Wake()
			k.mu.Lock()
		case 15:
			open = append(open[:n:n], open[n+1:]...)
			k.mu.Unlock()
			_ = e.s.Close()
			if err := e.s.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the second Close: %v", err)
			}
			k.mu.Lock()
		}
		k.mu.Unlock()
	}
	for _, e := range open {
		settled(t, k, e)
		_ = e.s.Close()
	}
	k.mu.Lock()
	k.over = true
	k.more.Broadcast()
	left := len(k.files)
	k.mu.Unlock()
	if left > 0 { // a run may still be about to leave
		eventually(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.files) == 0 })
	}
}

// settled waits until e has read all that came, and has sent back as much as there was room for.
func settled(t testing.TB, k *fakeKernel, e *echoer) {
	eventually(t, func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		e.mu.Lock()
		defer e.mu.Unlock()
		switch {
		case e.file.reset:
			return e.err != nil
		case !bytes.Equal(e.got, e.fed), e.file.end && e.err != io.EOF, !e.file.end && e.err != nil:
			return false
		}
		return bytes.HasPrefix(e.got, e.file.out) && len(e.file.out) == e.sent && (e.sent == len(e.got) || e.file.room == 0)
	})
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to an end")
		}
	}
}

func TestLoop(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for seed := range uint64(300) {
		script := make([]byte, 20+r.IntN(200))
		for i := range script {
			script[i] = byte(r.UintN(256))
		}
		play(t, seed, script)
	}
}

func FuzzLoop(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 6, 0x11, 11, 15, 0, 10, 1})
	f.Fuzz(func(t *testing.T, seed uint64, script []byte) {
		if len(script) < 1000 {
			play(t, seed, script)
		}
	})
}

// Runners that block hold up nobody else, however many they are.
func TestBlockedRunners(t *testing.T) {
	k := newFakeKernel(t, 1)
	l := newLoop(k)
	go l.work()
	block := make(chan struct{})
	var blocked, free []*echoer
	for i := range 200 {
		fd, f := k.open()
		e := &echoer{file: f}
		if i%2 == 0 {
			e.block = block
			blocked = append(blocked, e)
		} else {
			free = append(free, e)
		}
		if err := l.add(&e.s, fd, e, false); err != nil {
			t.Fatal(err)
		}
		e.s.Start(false)
	}
	feed := func(list []*echoer) {
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, e := range list {
			e.fed, e.file.in, e.file.room = append(e.fed, "hello"...), append(e.file.in, "hello"...), 1000
			k.tell(e.file, In)
		}
	}
	feed(blocked)
	for range 3 {
		feed(free)
		for _, e := range free {
			settled(t, k, e)
		}
	}
	close(block)
	for _, e := range append(blocked, free...) {
		settled(t, k, e)
		_ = e.s.Close()
	}
	k.mu.Lock()
	k.over = true
	k.more.Broadcast()
	k.mu.Unlock()
}

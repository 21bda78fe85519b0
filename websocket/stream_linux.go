//go:build linux && !386 && !s390x

package websocket

// This file holds what a socket can do on Linux beyond net.Conn: a write that does not wait, and waiting without a buffer.

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/duplex-go/duplex/internal/eventloop"
)

// socket reads from and writes to a TCP or Unix socket without waiting for room, and without a buffer while it waits for bytes.
// One goroutine at a time reads, and one writes.
type socket struct {
	net.Conn
	raw syscall.RawConn
	in  struct {
		call func(fd uintptr) bool // recv; made once, so that a read allocates nothing
		p    []byte
		n    int
		err  error
	}
	out struct {
		call func(fd uintptr) bool // send
		a, b []byte
		n    int
		err  error
	}
}

func newSocket(nc net.Conn) *socket {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{Conn: nc, raw: raw}
	s.in.call, s.out.call = s.recv, s.send
	return s
}

// Borrow waits until there is something to read, and returns it in a buffer from the pool.
func (s *socket) Borrow() ([]byte, error) {
	s.in.p, s.in.n, s.in.err = nil, 0, nil
	err := s.raw.Read(s.in.call)
	p := s.in.p
	s.in.p = nil
	if err == nil {
		err = s.in.err
	}
	if err != nil {
		return nil, err
	}
	return p[:s.in.n], nil
}

// recv is called with the descriptor. It reports false if there is nothing to read, to be called again when there is.
func (s *socket) recv(fd uintptr) bool {
	p := getBuffer(smallBuffer)
	n, errno := eventloop.Recv(fd, p)
	if n > 0 {
		s.in.p, s.in.n = p, n
		return true
	}
	putBuffer(p)
	switch errno {
	case syscall.EAGAIN:
		return false
	case syscall.EINTR:
		return s.recv(fd)
	case 0:
		s.in.err = io.EOF
	default:
		s.in.err = os.NewSyscallError("recv", errno)
	}
	return true
}

// TryWrite writes what the socket takes of a and then b now.
func (s *socket) TryWrite(a, b []byte) (int, error) {
	if len(a)+len(b) == 0 {
		return 0, nil
	}
	s.out.a, s.out.b, s.out.n, s.out.err = a, b, 0, nil
	err := s.raw.Write(s.out.call)
	s.out.a, s.out.b = nil, nil
	if err == nil {
		err = s.out.err
	}
	return s.out.n, err
}

// CloseWrite closes our half.
func (s *socket) CloseWrite() error { return s.Conn.(interface{ CloseWrite() error }).CloseWrite() } //nolint:errcheck,forcetypeassert // TCP and Unix can

// SetLinger is that of TCP.
func (s *socket) SetLinger(seconds int) error {
	if tcp, ok := s.Conn.(*net.TCPConn); ok {
		return tcp.SetLinger(seconds)
	}
	return nil
}

// send is called with the descriptor. It reports true: whatever came of it, do not wait.
func (s *socket) send(fd uintptr) bool {
	o := &s.out
	for len(o.a)+len(o.b) > 0 {
		n, errno := eventloop.Send(fd, o.a, o.b)
		if errno == syscall.EINTR {
			continue
		}
		if errno == syscall.EAGAIN {
			return true
		}
		if errno != 0 {
			o.err = os.NewSyscallError("send", errno)
			return true
		}
		o.n += n
		o.a, o.b = rest(o.a, o.b, n)
	}
	return true
}

// tcpUserTimeout is how long what was sent may stay unacknowledged before the system gives a connection up, in milliseconds.
const tcpUserTimeout = 30_000

// tune sets the options of a socket that net leaves alone.
func tune(nc net.Conn) {
	sc, ok := underTLS(nc).(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	const userTimeout = 18 // TCP_USER_TIMEOUT in linux/tcp.h
	var errno error
	err = raw.Control(func(fd uintptr) {
		errno = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, tcpUserTimeout) //nolint:gosec // a descriptor is small
	})
	_ = errors.Join(err, errno) // without it a dead peer is only known later
}

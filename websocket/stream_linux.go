//go:build linux && !386 && !s390x

package websocket

// This file holds what a socket can do on Linux beyond net.Conn: a write that does not wait.

import (
	"errors"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// socket writes to a TCP or Unix socket without waiting. It is used by one writer at a time.
type socket struct {
	raw  syscall.RawConn
	call func(fd uintptr) bool // sends p; made once, so that a write allocates nothing
	p    []byte
	n    int
	err  error
}

func newSocket(nc net.Conn) tryWriter {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw}
	s.call = s.send
	return s
}

// TryWrite writes what the socket takes of p now.
func (s *socket) TryWrite(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.p, s.n, s.err = p, 0, nil
	err := s.raw.Write(s.call)
	s.p = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// send is called with the descriptor. It reports true: whatever came of it, do not wait.
//
// A send that cannot block need not tell the scheduler that it might, hence RawSyscall6.
func (s *socket) send(fd uintptr) bool {
	for s.n < len(s.p) {
		p := s.p[s.n:]
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), //nolint:gosec // the system call's own form
			syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			s.n += int(n) //nolint:gosec // at most len(p)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			s.err = os.NewSyscallError("send", errno)
			return true
		}
	}
	return true
}

// tcpUserTimeout is how long what was sent may stay unacknowledged before the system gives a connection up, in milliseconds.
const tcpUserTimeout = 30_000

// tune sets the options of a socket that net leaves alone.
func tune(nc net.Conn) {
	tcp, ok := underTLS(nc).(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
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

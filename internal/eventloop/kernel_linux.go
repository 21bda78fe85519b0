//go:build linux && !386 && !s390x

package eventloop

// This file holds the system calls of Linux. Those that cannot block are raw: they need not tell the scheduler that they might.
// (386 and s390x have no calls of their own for sockets.)

import (
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Supported reports whether there are Loops on this system.
const Supported = true

// epoll is a set of descriptors. It is itself one, for which the runtime's poller waits.
type epoll struct {
	fd     uintptr
	raw    syscall.RawConn
	file   *os.File // keeps fd open
	events [maxEvents]epollEvent
	n      int
	check  func(uintptr) bool // poll, as a value
}

// newKernel returns the real one.
func newKernel() (kernel, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "epoll") //nolint:gosec // a descriptor
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	k := &epoll{fd: uintptr(fd), raw: raw, file: file} //nolint:gosec // a descriptor
	k.check = k.poll
	return k, nil
}

// poll asks who is ready. It reports false if nobody is.
func (k *epoll) poll(fd uintptr) bool {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&k.events[0])), maxEvents, 0, 0, 0) //nolint:gosec // the system call's own form
	k.n = int(n)                                                                                                               //nolint:gosec // at most maxEvents
	if errno != 0 {
		k.n = 0
	}
	return k.n > 0
}

func (k *epoll) wait(events []event) (int, error) {
	if err := k.raw.Read(k.check); err != nil {
		return 0, err
	}
	for i, ev := range k.events[:k.n] {
		events[i] = event{what: meaning(ev.what), tag: ev.tag()}
	}
	return k.n, nil
}

func meaning(e uint32) (ev Events) {
	if e&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR|syscall.EPOLLRDHUP) != 0 {
		ev |= In
	}
	if e&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		ev |= Out
	}
	if e&(syscall.EPOLLHUP|syscall.EPOLLERR|syscall.EPOLLRDHUP) != 0 {
		ev |= Hup
	}
	return ev
}

func (k *epoll) watch(fd int32, tag uint64) error {
	const edges = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | 1<<31 // EPOLLET
	ev := newEpollEvent(edges, tag)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, k.fd, syscall.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0) //nolint:gosec // the system call's own form
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

func (k *epoll) recv(fd int32, p []byte) (int, syscall.Errno) { return Recv(uintptr(fd), p) } //nolint:gosec // a descriptor

func (k *epoll) send(fd int32, a, b []byte) (int, syscall.Errno) { return Send(uintptr(fd), a, b) } //nolint:gosec // a descriptor

// Recv receives from a socket into p, which is not empty, and never waits: it returns EAGAIN.
func Recv(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0) //nolint:gosec // the system call's own form
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0 //nolint:gosec // at most len(p)
}

// Send sends a and then b, which are not both empty, and never waits: it returns EAGAIN.
func Send(fd uintptr, a, b []byte) (int, syscall.Errno) {
	const flags = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL
	if len(a) == 0 {
		a, b = b, nil
	}
	var n uintptr
	var errno syscall.Errno
	if len(b) == 0 {
		n, _, errno = syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&a[0])), uintptr(len(a)), flags, 0, 0) //nolint:gosec // the system call's own form
	} else {
		parts := [2]syscall.Iovec{{Base: &a[0]}, {Base: &b[0]}}
		parts[0].SetLen(len(a))
		parts[1].SetLen(len(b))
		msg := syscall.Msghdr{Iov: &parts[0], Iovlen: 2}
		n, _, errno = syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&msg)), flags) //nolint:gosec // the system call's own form
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0 //nolint:gosec // at most what there is
}

func (k *epoll) close(fd int32) { _ = syscall.Close(int(fd)) }

// copyOf returns a copy of the descriptor of nc.
func copyOf(nc syscall.Conn) (fd int32, err error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno syscall.Errno
	err = raw.Control(func(old uintptr) {
		var n uintptr
		n, _, errno = syscall.RawSyscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		fd = int32(n) //nolint:gosec // a descriptor
	})
	if err == nil && errno != 0 {
		err = os.NewSyscallError("fcntl", errno)
	}
	return fd, err
}

// CloseWrite closes our half of the connection: the peer sees the end when it has read what was sent.
func (s *Socket) CloseWrite() error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	return os.NewSyscallError("shutdown", syscall.Shutdown(int(s.fd), syscall.SHUT_WR))
}

// SetLinger is that of a net.TCPConn. With 0 Close discards what was not sent yet, and resets the connection.
func (s *Socket) SetLinger(seconds int) error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	on := syscall.Linger{Linger: int32(max(seconds, 0))} //nolint:gosec // seconds
	if seconds >= 0 {
		on.Onoff = 1
	}
	return os.NewSyscallError("setsockopt", syscall.SetsockoptLinger(int(s.fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &on))
}

// SetReadBuffer and SetWriteBuffer are those of a net.TCPConn.
func (s *Socket) SetReadBuffer(n int) error { return s.setBuffer(syscall.SO_RCVBUF, n) }

// SetWriteBuffer sets the size of the system's buffer for what is sent.
func (s *Socket) SetWriteBuffer(n int) error { return s.setBuffer(syscall.SO_SNDBUF, n) }

func (s *Socket) setBuffer(which, n int) error {
	if !s.enter() {
		return net.ErrClosed
	}
	defer s.leave()
	return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(s.fd), syscall.SOL_SOCKET, which, n))
}

// LocalAddr returns our address, which is asked of the system. After Close it is nil.
func (s *Socket) LocalAddr() net.Addr { return s.address(syscall.Getsockname) }

// RemoteAddr returns the peer's address, which is asked of the system. After Close, or if the connection is broken, it is nil.
func (s *Socket) RemoteAddr() net.Addr { return s.address(syscall.Getpeername) }

func (s *Socket) address(ask func(int) (syscall.Sockaddr, error)) net.Addr {
	if !s.enter() {
		return nil
	}
	defer s.leave()
	sa, err := ask(int(s.fd))
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *syscall.SockaddrInet6:
		zone := ""
		if sa.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				zone = i.Name
			}
		}
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port, Zone: zone}
	case *syscall.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}

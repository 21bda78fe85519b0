package websocket

// This file holds what a connection asks of the transport beyond net.Conn.

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// tryWriter is a stream that can write a and then b without waiting: less than both without an error means that it is full.
type tryWriter interface {
	TryWrite(a, b []byte) (n int, err error)
}

// stream is a socket, wherever it is watched.
type stream interface {
	net.Conn
	tryWriter
	CloseWrite() error
	SetLinger(seconds int) error
}

// movable is a socket that can move, from the runtime's poller to an event loop, while it is in use.
type movable struct{ at atomic.Pointer[place] }

// place is where a movable is.
type place struct{ stream }

// newMovable returns nc as a movable if it is a socket and the system has event loops, and else as it is.
func newMovable(nc net.Conn) net.Conn {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		if s := newSocket(nc); s != nil {
			m := new(movable)
			m.at.Store(&place{s})
			return m
		}
	}
	return nc
}

func underTLS(nc net.Conn) net.Conn {
	if t, ok := nc.(*tls.Conn); ok {
		return t.NetConn()
	}
	return nc
}

// NewListener returns a listener whose connections can be served without a goroutine, see Conn.Serve, when TLS is put on top of it:
//
//	ln, err := net.Listen("tcp", ":443")
//	...
//	server.ServeTLS(websocket.NewListener(ln), "cert.pem", "key.pem")
//
// Without TLS, or without Serve, it is not needed.
func NewListener(ln net.Listener) net.Listener { return listener{ln} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newMovable(nc), nil
}

// Read goes to where the stream is, as do all that follow.
func (m *movable) Read(p []byte) (int, error) { return m.at.Load().Read(p) }

// Write implements net.Conn.
func (m *movable) Write(p []byte) (int, error) { return m.at.Load().Write(p) }

// TryWrite implements tryWriter.
func (m *movable) TryWrite(a, b []byte) (int, error) { return m.at.Load().TryWrite(a, b) }

// Close implements net.Conn.
func (m *movable) Close() error { return m.at.Load().Close() }

// CloseWrite is that of a net.TCPConn.
func (m *movable) CloseWrite() error { return m.at.Load().CloseWrite() }

// SetLinger is that of a net.TCPConn.
func (m *movable) SetLinger(seconds int) error { return m.at.Load().SetLinger(seconds) }

// LocalAddr implements net.Conn.
func (m *movable) LocalAddr() net.Addr { return m.at.Load().LocalAddr() }

// RemoteAddr implements net.Conn.
func (m *movable) RemoteAddr() net.Addr { return m.at.Load().RemoteAddr() }

// SetDeadline implements net.Conn.
func (m *movable) SetDeadline(t time.Time) error { return m.at.Load().SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (m *movable) SetReadDeadline(t time.Time) error { return m.at.Load().SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (m *movable) SetWriteDeadline(t time.Time) error { return m.at.Load().SetWriteDeadline(t) }

// borrow is the socket's, if that is where the movable is.
func (m *movable) borrow() ([]byte, error) { return m.at.Load().stream.(*socket).Borrow() } //nolint:errcheck,forcetypeassert // who reads in pull mode knows

// ReadFrom lets net/http send files without copying them.
func (m *movable) ReadFrom(r io.Reader) (int64, error) {
	if s, ok := m.at.Load().stream.(*socket); ok {
		if rf, ok := s.Conn.(io.ReaderFrom); ok {
			return rf.ReadFrom(r)
		}
	}
	return io.Copy(struct{ io.Writer }{m}, r)
}

// SyscallConn implements syscall.Conn, before the move.
func (m *movable) SyscallConn() (syscall.RawConn, error) {
	if s, ok := m.at.Load().stream.(*socket); ok {
		return s.raw, nil
	}
	return nil, syscall.EINVAL
}

// Package memnet is a network in memory for tests: connections and a listener that behave like TCP's, with bounded
// buffers, deadlines and half-close, but take no ports, no descriptors and no goroutines. They work in
// testing/synctest bubbles, where time goes on when everybody waits.
package memnet

import (
	"net"
	"time"
)

// Conn is one end of a connection. It is a net.Conn; all its methods may run at once, and concurrent writes do not mix.
// The errors are net.ErrClosed after its own Close, io.ErrClosedPipe for writing after CloseWrite or the peer's Close,
// and os.ErrDeadlineExceeded. Reading and writing does not allocate once the buffer has grown.
type Conn struct {
	in, out       *half
	local, remote net.Addr
}

// Pair returns the two ends of a connection. Each direction holds up to capacity bytes, but at least one; writes wait
// for room.
func Pair(capacity int) (client, server *Conn) {
	return pair(capacity, 1)
}

func pair(capacity, port int) (client, server *Conn) {
	up, down := newHalf(capacity), newHalf(capacity)
	a, b := address(1, port), address(2, 80)
	return &Conn{down, up, a, b}, &Conn{up, down, b, a}
}

// address is one of 192.0.2.0/24, which RFC 5737 keeps for documentation: nobody's, but it reads as addresses do.
func address(host byte, port int) net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, host), Port: port}
}

// Read reads what is there, or waits. When the peer has ended and all has been read, it returns io.EOF.
func (c *Conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write writes all of p, waiting for room. On an error it returns how much went into the buffer.
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p, true) }

// TryWrite writes what fits of a and then b, and never waits: less than both without an error means that the buffer is full, or that
// a Write waits.
func (c *Conn) TryWrite(a, b []byte) (n int, err error) {
	n, err = c.out.write(a, false)
	if n < len(a) || err != nil || len(b) == 0 {
		return n, err
	}
	m, err := c.out.write(b, false)
	return n + m, err
}

// CloseWrite ends this end's direction: the peer reads what is left and then io.EOF, and can still write.
func (c *Conn) CloseWrite() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.ended = true
	c.out.changed.Broadcast()
	return nil
}

// Close ends both directions. The peer reads what is left and then io.EOF, and fails to write.
func (c *Conn) Close() error {
	c.in.close(&c.in.reader)
	c.out.close(&c.out.writer)
	return nil
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines, for calls that are waiting too; the zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t) // it fails only if the other does
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets when Read fails.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.in.setDeadline(&c.in.reader, t) }

// SetWriteDeadline sets when Write fails.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.out.setDeadline(&c.out.writer, t) }

// The listener, where clients in memory find their server.

package memnet

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// Listener is a net.Listener for DialContext to connect to. All its methods may run at once.
type Listener struct {
	capacity int
	dialed   atomic.Int32 // connections so far: the clients' ports
	accepts  chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// Listen returns a listener whose connections hold up to capacity bytes in each direction.
func Listen(capacity int) *Listener {
	return &Listener{capacity: capacity, accepts: make(chan net.Conn), closed: make(chan struct{})}
}

// DialContext waits until its connection has been accepted. It has the signature that http.Transport and others ask
// for; network and address do not matter.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := pair(l.capacity, int(l.dialed.Add(1)))
	select {
	case l.accepts <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept waits for the next connection; after Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepts:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends accepting. Connections stay.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns the address that the server's ends have.
func (l *Listener) Addr() net.Addr { return address(2, 80) }

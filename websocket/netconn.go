package websocket

// This file holds a connection as a net.Conn, and a pair of connections in memory.

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/duplex-go/duplex/internal/memnet"
	"github.com/duplex-go/duplex/proto/ws"
)

// NetConn returns c as a stream of bytes: each Write is a message of type t, and Read reads the messages one after
// another. A message of the other type closes the connection with 1003. Read returns io.EOF after the peer closed with 1000 or 1001.
// ctx bounds all calls. Close closes with 1000. A deadline that has passed ends a call, not the connection.
func NetConn(ctx context.Context, c *Conn, t MessageType) net.Conn {
	n := &netConn{c: c, t: t}
	n.read.init(ctx)
	n.write.init(ctx)
	return n
}

type netConn struct {
	c           *Conn
	t           MessageType
	read, write deadline

	mu sync.Mutex // for Read
	r  io.Reader  // the message being read; nil: none
}

// Read implements net.Conn.
func (n *netConn) Read(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx := n.read.context()
	for {
		if n.r == nil {
			t, r, err := n.c.Reader(ctx)
			if err != nil {
				return 0, n.read.explain(ctx, err)
			}
			if t != n.t {
				return 0, n.c.fail(StatusUnsupportedData, "only "+n.t.String()+" messages are taken")
			}
			n.r = r
		}
		n.r.(*messageReader).ctx = ctx //nolint:errcheck,forcetypeassert // Reader returns nothing else
		m, err := n.r.Read(p)
		if err == io.EOF {
			n.r = nil
			if m == 0 {
				continue
			}
			err = nil
		}
		return m, n.read.explain(ctx, err)
	}
}

// Write implements net.Conn.
func (n *netConn) Write(p []byte) (int, error) {
	ctx := n.write.context()
	if err := n.c.Write(ctx, n.t, p); err != nil {
		return 0, n.write.explain(ctx, err)
	}
	return len(p), nil
}

// Close implements net.Conn.
func (n *netConn) Close() error {
	n.read.cancelAll()
	n.write.cancelAll()
	return n.c.Close(StatusNormalClosure, "")
}

// LocalAddr implements net.Conn.
func (n *netConn) LocalAddr() net.Addr { return n.c.LocalAddr() }

// RemoteAddr implements net.Conn.
func (n *netConn) RemoteAddr() net.Addr { return n.c.RemoteAddr() }

// SetDeadline implements net.Conn.
func (n *netConn) SetDeadline(t time.Time) error {
	n.read.set(t)
	n.write.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (n *netConn) SetReadDeadline(t time.Time) error {
	n.read.set(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (n *netConn) SetWriteDeadline(t time.Time) error {
	n.write.set(t)
	return nil
}

// deadline is a deadline as a context that ends at it. One that is moved before it has passed moves for the calls
// under way as well.
type deadline struct {
	mu     sync.Mutex
	parent context.Context //nolint:containedctx // net.Conn has no place for one
	ctx    context.Context //nolint:containedctx // likewise
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (d *deadline) init(ctx context.Context) {
	d.parent = ctx
	d.ctx, d.cancel = context.WithCancelCause(ctx)
}

func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.ctx.Err() != nil && d.parent.Err() == nil {
		d.ctx, d.cancel = context.WithCancelCause(d.parent)
	}
	if t.IsZero() {
		return
	}
	cancel := d.cancel
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { cancel(os.ErrDeadlineExceeded) })
	} else {
		cancel(os.ErrDeadlineExceeded)
	}
}

func (d *deadline) cancelAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.cancel(net.ErrClosed)
}

// explain turns err into what a net.Conn returns.
func (d *deadline) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case endedWell(err):
		return io.EOF
	case ctx.Err() != nil && d.parent.Err() == nil && CloseStatus(err) == 0:
		return context.Cause(ctx)
	}
	return err
}

// Pair returns the two ends of a connection in memory, for tests. opts may be nil. Each end has its own ReadLimit, queue and so
// on; what is not read waits in a buffer of 64 KiB between them.
func Pair(opts *Options) (client, server *Conn) {
	set := newSettings(opts)
	a, b := memnet.Pair(64 << 10)
	var agreed ws.Agreement
	if set.deflate != nil {
		agreed.Deflate = ws.AgreeDeflate(set.deflate)
	}
	return newConn(a, ws.Client, set, agreed, nil).startPings(), newConn(b, ws.Server, set, agreed, nil).startPings()
}

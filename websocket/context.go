package websocket

// This file holds the context of a connection.

import (
	"context"
	"net/http"
	"time"
)

// connContext is a Conn as a context.
type connContext Conn

// Context returns a context that ends when the connection does; context.Cause then gives the *CloseError. It costs nothing until
// somebody waits for it.
func (c *Conn) Context() context.Context { return (*connContext)(c) }

// endContext is what somebody waits for.
type endContext struct {
	context.Context //nolint:containedctx // it is one
	cancel          context.CancelCauseFunc
}

// Deadline returns none.
func (*connContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done returns a channel that is closed when the connection has ended.
func (x *connContext) Done() <-chan struct{} {
	c := (*Conn)(x)
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.need()
	if r.ctx == nil {
		parent := context.Background()
		if r.request != nil {
			parent = context.WithoutCancel(r.request.Context())
		}
		ctx, cancel := context.WithCancelCause(parent)
		r.ctx = &endContext{ctx, cancel}
		if c.err != nil {
			cancel(c.err)
		}
	}
	return r.ctx.Done()
}

// Err returns context.Canceled when the connection has ended.
func (x *connContext) Err() error {
	if x.flags.over.Load() {
		return context.Canceled
	}
	return nil
}

// Value returns the request, see Request, and the values of the request's context, as long as a Server's Handle runs.
func (x *connContext) Value(key any) any {
	c := (*Conn)(x)
	c.mu.Lock()
	var inner *endContext
	var r *http.Request
	if c.rare != nil {
		inner, r = c.rare.ctx, c.rare.request
	}
	c.mu.Unlock()
	switch {
	case r != nil && key == requestKey{}:
		return r
	case inner != nil: // package context finds its own here, and need not wait for Done in a goroutine
		return inner.Value(key)
	case r != nil:
		return r.Context().Value(key)
	}
	return nil
}

// owns reports whether ctx ends with c: it need not be watched.
func (c *Conn) owns(ctx context.Context) bool {
	x, ok := ctx.(*connContext)
	return ok && (*Conn)(x) == c
}

type requestKey struct{}

// Request returns the request that opened the connection, for a context given to Server.Handle, or to Handler.Open by a Serve that Handle called.
// In push mode the connection forgets it when Handle has returned.
func Request(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// Package hello pushes "hello world" to each visitor at an interval: a server that speaks without being asked.
package hello

// This file holds the handler and the reading of its one parameter.

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// The interval between two greetings, and what a visitor may ask for with ?every=.
const (
	DefaultEvery = 10 * time.Second
	MinEvery     = 100 * time.Millisecond // below it a visitor could make the server spin
	MaxEvery     = time.Hour
)

var greeting = []byte("hello world")

// Every reads the interval from a query such as every=500ms, in the format of [time.ParseDuration]. Without one
// it is DefaultEvery. The error says what was wrong; it is meant for the visitor.
func Every(query url.Values) (time.Duration, error) {
	if !query.Has("every") {
		return DefaultEvery, nil
	}
	every, err := time.ParseDuration(query.Get("every"))
	if err != nil {
		return 0, fmt.Errorf("every must be a duration such as 500ms or 10s")
	}
	if every < MinEvery || every > MaxEvery {
		return 0, fmt.Errorf("every must be between %v and %v", MinEvery, MaxEvery)
	}
	return every, nil
}

// Hello greets its visitors. The zero value is ready. One Hello may serve any number of connections at once.
type Hello struct {
	Messages atomic.Int64 // sent since the start, over all connections
}

// Handle greets at once and then at the interval that the request asks for, until the peer leaves. Between greetings a timer waits, and
// no goroutine.
func (h *Hello) Handle(ctx context.Context, c *websocket.Conn) error {
	every, err := Every(websocket.Request(ctx).URL.Query())
	if err != nil {
		return &websocket.CloseError{Code: websocket.StatusPolicyViolation, Reason: err.Error()}
	}
	c.Serve(&visit{h: h, every: every})
	return nil
}

// visit is a visitor, as the Handler of its connection.
type visit struct {
	h     *Hello
	every time.Duration

	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

// Open greets for the first time.
func (v *visit) Open(_ context.Context, c *websocket.Conn) error {
	v.greet(c)
	return nil
}

// Message throws away what the visitor says.
func (v *visit) Message(context.Context, *websocket.Conn, websocket.Message) error { return nil }

// Closed stops the timer.
func (v *visit) Closed(*websocket.Conn, *websocket.CloseError) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	if v.timer != nil {
		v.timer.Stop()
	}
}

// greet sends the greeting, and again after the interval. A write that fails has ended the connection.
func (v *visit) greet(c *websocket.Conn) {
	if c.Write(c.Context(), websocket.Text, greeting) != nil {
		return
	}
	v.h.Messages.Add(1)
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.over {
		v.timer = time.AfterFunc(v.every, func() { v.greet(c) })
	}
}

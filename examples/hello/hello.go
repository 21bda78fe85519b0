// Package hello pushes "hello world" to each visitor at an interval: a server that speaks without being asked.
package hello

// This file holds the handler and the reading of its one parameter.

import (
	"context"
	"fmt"
	"net/url"
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

// Handle sends the greeting at once and then at the interval that the request asks for, until the peer leaves.
func (h *Hello) Handle(ctx context.Context, c *websocket.Conn) error {
	every, err := Every(websocket.Request(ctx).URL.Query())
	if err != nil {
		return &websocket.CloseError{Code: websocket.StatusPolicyViolation, Reason: err.Error()}
	}
	ctx, stop := context.WithCancel(ctx)
	greeted := make(chan error, 1)
	go func() { greeted <- h.greet(ctx, c, every) }()

	readErr := drain(ctx, c)
	stop()
	if err := <-greeted; err != nil {
		return err
	}
	return readErr
}

// drain reads until the peer leaves, and throws away what it says. Somebody must read: pings are answered and a
// close is seen only while a Read is under way.
func drain(ctx context.Context, c *websocket.Conn) error {
	for _, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

// greet writes until ctx ends. A write that fails has ended the connection, so that drain returns too.
func (h *Hello) greet(ctx context.Context, c *websocket.Conn, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := c.Write(ctx, websocket.Text, greeting); err != nil {
			if ctx.Err() != nil {
				return nil // the peer left while we wrote: drain knows how
			}
			return err
		}
		h.Messages.Add(1)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Package echo answers what it is sent: the smallest handlers that a reader can start from.
//
// Both types count the messages that they received, for pages that show it. A program that does not
// show it needs the loop alone.
package echo

// This file holds Echo, which sends each message back, and Said, which answers in words.

import (
	"context"
	"sync/atomic"

	"github.com/duplex-go/duplex/websocket"
)

// Echo sends each message back, text as text and binary as binary. The zero value is ready. One Echo may
// serve any number of connections at once.
type Echo struct {
	Messages atomic.Int64 // received since the start, over all connections
}

// Handle echoes until the peer leaves, and returns nil if it left with a usual close code.
func (e *Echo) Handle(ctx context.Context, c *websocket.Conn) error {
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		e.Messages.Add(1)
		if err := c.Write(ctx, msg.Type, msg.Data); err != nil {
			return err
		}
	}
	return nil
}

// Said greets each visitor, then repeats each text message in a sentence. The zero value is ready. One
// Said may serve any number of connections at once.
type Said struct {
	Messages atomic.Int64 // received since the start, over all connections
}

// Handle sends "You are connected", then "You said " and the text for each text message, until the peer
// leaves. A binary message cannot be said; the answer is a text that tells so.
func (s *Said) Handle(ctx context.Context, c *websocket.Conn) error {
	if err := c.Write(ctx, websocket.Text, []byte("You are connected")); err != nil {
		return err
	}
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		s.Messages.Add(1)
		if err := c.Write(ctx, websocket.Text, answer(msg)); err != nil {
			return err
		}
	}
	return nil
}

// answer gives what Said says to one message.
func answer(msg websocket.Message) []byte {
	if msg.Type != websocket.Text {
		return []byte("This address repeats text; /echo takes binary messages too")
	}
	return append([]byte("You said "), msg.Data...)
}

// Package echo answers what it is sent: the smallest handlers that a reader can start from. They are in push mode: an idle
// connection costs no goroutine.
//
// Both types count the messages that they received, for pages that show it. A program that does not
// show it needs Message alone, as a websocket.MessageFunc.
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

// Handle is for a websocket.Server: it serves the connection with e.
func (e *Echo) Handle(_ context.Context, c *websocket.Conn) error {
	c.Serve(e)
	return nil
}

// Open does nothing.
func (e *Echo) Open(context.Context, *websocket.Conn) error { return nil }

// Message sends the message back.
func (e *Echo) Message(ctx context.Context, c *websocket.Conn, msg websocket.Message) error {
	e.Messages.Add(1)
	return c.Write(ctx, msg.Type, msg.Data)
}

// Closed does nothing.
func (e *Echo) Closed(*websocket.Conn, *websocket.CloseError) {}

// Said greets each visitor, then repeats each text message in a sentence. The zero value is ready. One
// Said may serve any number of connections at once.
type Said struct {
	Messages atomic.Int64 // received since the start, over all connections
}

// Handle is for a websocket.Server: it serves the connection with s.
func (s *Said) Handle(_ context.Context, c *websocket.Conn) error {
	c.Serve(s)
	return nil
}

// Open sends "You are connected".
func (s *Said) Open(ctx context.Context, c *websocket.Conn) error {
	return c.Write(ctx, websocket.Text, []byte("You are connected"))
}

// Message sends "You said " and the text, for a text message. A binary message cannot be said; the answer is a text that tells so.
func (s *Said) Message(ctx context.Context, c *websocket.Conn, msg websocket.Message) error {
	s.Messages.Add(1)
	return c.Write(ctx, websocket.Text, answer(msg))
}

// Closed does nothing.
func (s *Said) Closed(*websocket.Conn, *websocket.CloseError) {}

// answer gives what Said says to one message.
func answer(msg websocket.Message) []byte {
	if msg.Type != websocket.Text {
		return []byte("This address repeats text; /echo takes binary messages too")
	}
	return append([]byte("You said "), msg.Data...)
}

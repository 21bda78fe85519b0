package echo

// This file tests both handlers over connections in memory.

import (
	"context"
	"testing"

	"github.com/duplex-go/duplex/websocket"
)

// run serves one end of a connection in memory, and returns the other.
func run(t *testing.T, handle func(context.Context, *websocket.Conn) error) *websocket.Conn {
	t.Helper()
	client, server := websocket.Pair(nil)
	done := make(chan error, 1)
	go func() { done <- handle(context.Background(), server) }()
	t.Cleanup(func() {
		_ = client.Close(websocket.StatusNormalClosure, "")
		if err := <-done; err != nil {
			t.Errorf("the handler returned %v after a usual close", err)
		}
		_ = server.CloseNow()
	})
	return client
}

func expect(t *testing.T, c *websocket.Conn, typ websocket.MessageType, want string) {
	t.Helper()
	msg, err := c.Read(t.Context())
	if err != nil || msg.Type != typ || string(msg.Data) != want {
		t.Fatalf("got %v %q, %v; want %v %q", msg.Type, msg.Data, err, typ, want)
	}
}

func send(t *testing.T, c *websocket.Conn, typ websocket.MessageType, text string) {
	t.Helper()
	if err := c.Write(t.Context(), typ, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestEcho(t *testing.T) {
	var e Echo
	c := run(t, e.Handle)
	for _, text := range []string{"hello", "", "游客", "\x00"} {
		for _, typ := range []websocket.MessageType{websocket.Text, websocket.Binary} {
			send(t, c, typ, text)
			expect(t, c, typ, text)
		}
	}
	if n := e.Messages.Load(); n != 8 {
		t.Errorf("%d messages counted, want 8", n)
	}
}

func TestSaid(t *testing.T) {
	var s Said
	c := run(t, s.Handle)
	expect(t, c, websocket.Text, "You are connected")
	send(t, c, websocket.Text, "hello")
	expect(t, c, websocket.Text, "You said hello")
	send(t, c, websocket.Text, "")
	expect(t, c, websocket.Text, "You said ")
	send(t, c, websocket.Binary, "\xff")
	expect(t, c, websocket.Text, "This address repeats text; /echo takes binary messages too")
	send(t, c, websocket.Text, "again")
	expect(t, c, websocket.Text, "You said again")
}

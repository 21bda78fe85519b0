// Command coder serves with coder/websocket: a goroutine a connection, messages read into buffers of a pool (Read would grow a new one for each,
// which takes three times as long for 1 MiB). It has no prepared messages. It does not check UTF-8.
package main

import (
	"context"
	"flag"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/duplex-go/duplex/bench/internal/serve"
)

type handler func(ctx context.Context, c *websocket.Conn, t websocket.MessageType, p []byte) error

var room serve.Room[*websocket.Conn]

func handle(joins bool, each handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		c.SetReadLimit(serve.ReadLimit)
		if joins {
			room.Join(c)
		}
		go func() { // so that net/http's goroutine and buffers go
			defer room.Leave(c)
			defer func() { _ = c.CloseNow() }()
			for one(c, each) == nil {
			}
		}()
	}
}

// one handles one message.
func one(c *websocket.Conn, each handler) error {
	ctx := context.Background()
	t, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	b := serve.Buffer()
	defer serve.Release(b)
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	return each(ctx, c, t, b.Bytes())
}

func echo(ctx context.Context, c *websocket.Conn, t websocket.MessageType, p []byte) error {
	return c.Write(ctx, t, p)
}

func sleep(ctx context.Context, c *websocket.Conn, t websocket.MessageType, p []byte) error {
	time.Sleep(50 * time.Millisecond)
	return echo(ctx, c, t, p)
}

func broadcast(ctx context.Context, _ *websocket.Conn, t websocket.MessageType, p []byte) error {
	for _, to := range room.All() {
		_ = to.Write(ctx, t, p)
	}
	return nil
}

func main() {
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("/echo", handle(false, echo))
	mux.Handle("/sleep", handle(false, sleep))
	mux.Handle("/broadcast", handle(true, broadcast))
	panic(serve.HTTP(mux, nil)) // it returns only an error
}

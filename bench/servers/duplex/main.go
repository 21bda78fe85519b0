// Command duplex serves with this library: -mode pull, push or loop. It checks text for UTF-8.
package main

import (
	"context"
	"flag"
	"net/http"
	"time"

	"github.com/duplex-go/duplex/bench/internal/serve"
	"github.com/duplex-go/duplex/websocket"
)

var room serve.Room[*websocket.Conn]

type member struct{}

func (member) Open(_ context.Context, c *websocket.Conn) error {
	room.Join(c)
	return nil
}

func (member) Message(ctx context.Context, _ *websocket.Conn, m websocket.Message) error {
	p := websocket.NewPrepared(m.Type, m.Data)
	for _, c := range room.All() {
		_ = c.WritePrepared(ctx, p)
	}
	return nil
}

func (member) Closed(c *websocket.Conn, _ *websocket.CloseError) { room.Leave(c) }

func echo(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
	return c.Write(ctx, m.Type, m.Data)
}

func sleep(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
	time.Sleep(50 * time.Millisecond)
	return c.Write(ctx, m.Type, m.Data)
}

func main() {
	mode := flag.String("mode", "push", "pull, push or loop")
	flag.Parse()
	opts := &websocket.AcceptOptions{Options: websocket.Options{ReadLimit: serve.ReadLimit, WriteQueue: serve.ReadLimit, OnLoop: *mode == "loop"}}
	handle := func(h websocket.Handler) http.Handler {
		if *mode != "pull" {
			return &websocket.Server{Options: opts, Handle: func(_ context.Context, c *websocket.Conn) error {
				c.Serve(h)
				return nil
			}}
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := websocket.Accept(w, r, opts); err == nil {
				go pull(c, h) // and net/http's goroutine and buffers go
			}
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/echo", handle(websocket.MessageFunc(echo)))
	mux.Handle("/sleep", handle(websocket.MessageFunc(sleep)))
	mux.Handle("/broadcast", handle(member{}))
	panic(serve.HTTP(mux, websocket.NewListener)) // it returns only an error
}

// pull is the loop that a program writes in pull mode.
func pull(c *websocket.Conn, h websocket.Handler) {
	ctx := context.Background()
	_ = h.Open(ctx, c)
	for {
		m, err := c.Read(ctx)
		if err != nil {
			break
		}
		if h.Message(ctx, c, m) != nil {
			break
		}
	}
	h.Closed(c, nil)
	_ = c.Close(websocket.StatusNormalClosure, "")
}

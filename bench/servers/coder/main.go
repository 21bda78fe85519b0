// Command coder serves with coder/websocket. It does not check UTF-8.
package main

import (
	"context"
	"flag"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/duplex-go/duplex/bench/internal/serve"
)

var room serve.Room[*websocket.Conn]

func handle(joins bool, each func(ctx context.Context, c *websocket.Conn, t websocket.MessageType, p []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(4 << 20)
		if joins {
			room.Join(c)
			defer room.Leave(c)
		}
		ctx := context.Background()
		for {
			t, p, err := c.Read(ctx)
			if err != nil || each(ctx, c, t, p) != nil {
				return
			}
		}
	}
}

func main() {
	flag.Parse()
	mux := http.NewServeMux()
	echo := func(ctx context.Context, c *websocket.Conn, t websocket.MessageType, p []byte) error {
		return c.Write(ctx, t, p)
	}
	mux.Handle("/echo", handle(false, echo))
	mux.Handle("/sleep", handle(false, func(ctx context.Context, c *websocket.Conn, t websocket.MessageType, p []byte) error {
		time.Sleep(50 * time.Millisecond)
		return echo(ctx, c, t, p)
	}))
	mux.Handle("/broadcast", handle(true, func(ctx context.Context, _ *websocket.Conn, t websocket.MessageType, p []byte) error {
		for _, to := range room.All() { // it has no prepared messages
			_ = to.Write(ctx, t, p)
		}
		return nil
	}))
	serve.HTTP(mux, nil)
}

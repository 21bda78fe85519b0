package websocket_test

// This file holds the examples of the documentation.

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// A server that answers every message with the same message.
func ExampleServer() {
	echo := &websocket.Server{
		Handle: func(ctx context.Context, c *websocket.Conn) error {
			for msg, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				if err := c.Write(ctx, msg.Type, msg.Data); err != nil {
					return err
				}
			}
			return nil
		},
	}
	srv := httptest.NewServer(echo)
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Write(ctx, websocket.Text, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	msg, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", msg.Data)
	fmt.Println(c.Close(websocket.StatusNormalClosure, ""))
	// Output:
	// hello
	// <nil>
}

// Accept takes the connection over in a handler of your own. Without a Server around it, closing is up to you.
func ExampleAccept() {
	http.HandleFunc("/time", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // the client has been told
		}
		defer func() { _ = c.CloseNow() }()
		for now := range time.Tick(time.Second) {
			if err := c.WriteJSON(r.Context(), now); err != nil {
				return
			}
		}
	})
}

// One message to many: framed and compressed once. With CloseWhenFull a peer that does not read is closed, and never
// holds up the others.
func ExamplePrepared() {
	everybody := make(map[*websocket.Conn]bool)
	news := websocket.NewPrepared(websocket.Text, []byte(`{"goal":"2:1"}`))
	for c := range everybody {
		_ = c.WritePrepared(context.Background(), news) // one that errs is gone
	}
}

// Two ends of a connection without a network, for tests.
func ExamplePair() {
	client, server := websocket.Pair(nil)
	ctx := context.Background()
	if err := client.WriteJSON(ctx, "ping"); err != nil {
		log.Fatal(err)
	}
	var s string
	if err := server.ReadJSON(ctx, &s); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s)
	_ = client.CloseNow()
	_ = server.CloseNow()
	// Output: ping
}

package websocket_test

// This file holds the examples of App.

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// A client that subscribes on each connection, with a token that is read anew for each attempt.
func ExampleApp() {
	app := &websocket.App{
		Dial: func(context.Context, int) (string, *websocket.DialOptions, error) {
			token, err := os.ReadFile("token")
			if err != nil {
				return "", nil, err
			}
			return "wss://example.org/feed", &websocket.DialOptions{Header: http.Header{"Authorization": {"Bearer " + string(token)}}}, nil
		},
		OnOpen: func(ctx context.Context, c *websocket.Conn) error {
			return c.WriteJSON(ctx, map[string]string{"subscribe": "news"})
		},
		OnMessage: func(_ context.Context, _ *websocket.Conn, m websocket.Message) {
			fmt.Printf("%s\n", m.Data)
		},
		OnUndelivered: func(m websocket.Message, err error) {
			log.Printf("%s: %v", m.Data, err)
		},
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	log.Print(app.Run(ctx))
}

// The same as straight-line code: the body of the loop runs for each connection.
func ExampleApp_Connections() {
	app := &websocket.App{URL: "wss://example.org/feed"}
	ctx := context.Background()
	for c, err := range app.Connections(ctx) {
		if err != nil {
			log.Print(err) // no use in going on
			return
		}
		for {
			m, err := c.Read(ctx)
			if err != nil {
				break // the next connection, when it is time
			}
			fmt.Printf("%s\n", m.Data)
		}
	}
}

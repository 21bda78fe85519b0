package websocket

// This file holds tests of push mode.

import (
	"context"
	"testing"
)

// echoHandler echoes.
var echoHandler = MessageFunc(func(ctx context.Context, c *Conn, m Message) error { return c.Write(ctx, m.Type, m.Data) })

func TestServe(t *testing.T) {
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t, nil)
			server.Serve(echoHandler)
			ctx := testContext(t)
			for _, n := range []int{0, 1, 100, 5000, 100_000, 1 << 20} {
				if err := client.Write(ctx, Binary, make([]byte, n)); err != nil {
					t.Fatal(err)
				}
				msg, err := client.Read(ctx)
				if err != nil || len(msg.Data) != n {
					t.Fatal(n, len(msg.Data), err)
				}
			}
			if err := client.Close(1000, ""); err != nil {
				t.Error(err)
			}
			<-server.isGone()
		})
	}
}

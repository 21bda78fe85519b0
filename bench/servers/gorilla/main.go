// Command gorilla serves with gorilla/websocket: a goroutine a connection, a pool of write buffers, and messages read into buffers of a pool
// (ReadMessage would grow a new one for each, which takes twice as long for 1 MiB). It does not check UTF-8.
package main

import (
	"bytes"
	"flag"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/duplex-go/duplex/bench/internal/serve"
)

var upgrader = websocket.Upgrader{WriteBufferPool: &sync.Pool{}, CheckOrigin: func(*http.Request) bool { return true }}

// conn has a lock, as gorilla asks for one writer at a time.
type conn struct {
	*websocket.Conn
	mu sync.Mutex
}

var room serve.Room[*conn]

func handle(joins bool, each func(c *conn, t int, p []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &conn{Conn: ws}
		if joins {
			room.Join(c)
		}
		go func() { // so that net/http's goroutine and buffers go
			defer room.Leave(c)
			defer c.Close()
			for c.one(each) == nil {
			}
		}()
	}
}

// one handles one message.
func (c *conn) one(each func(c *conn, t int, p []byte) error) error {
	t, r, err := c.NextReader()
	if err != nil {
		return err
	}
	b := serve.Buffer()
	defer serve.Release(b)
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	return each(c, t, b.Bytes())
}

func echo(c *conn, t int, p []byte) error { return c.WriteMessage(t, p) }

func sleep(c *conn, t int, p []byte) error {
	time.Sleep(50 * time.Millisecond)
	return echo(c, t, p)
}

func broadcast(_ *conn, t int, p []byte) error {
	prepared, err := websocket.NewPreparedMessage(t, bytes.Clone(p))
	if err != nil {
		return err
	}
	for _, to := range room.All() {
		to.mu.Lock()
		_ = to.WritePreparedMessage(prepared)
		to.mu.Unlock()
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

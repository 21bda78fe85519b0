// Command gorilla serves with gorilla/websocket: a goroutine a connection, a pool of write buffers. It does not check UTF-8.
package main

import (
	"flag"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/duplex-go/duplex/bench/internal/serve"
)

var upgrader = websocket.Upgrader{WriteBufferPool: &sync.Pool{}, CheckOrigin: func(*http.Request) bool { return true }}

// member has a lock, as gorilla asks for one writer at a time.
type member struct {
	sync.Mutex
	*websocket.Conn
}

var room serve.Room[*member]

func handle(each func(c *websocket.Conn, t int, p []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			t, p, err := c.ReadMessage()
			if err != nil || each(c, t, p) != nil {
				return
			}
		}
	}
}

func broadcast(w http.ResponseWriter, r *http.Request) {
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	m := &member{Conn: c}
	room.Join(m)
	defer room.Leave(m)
	for {
		t, p, err := c.ReadMessage()
		if err != nil {
			return
		}
		prepared, err := websocket.NewPreparedMessage(t, p)
		if err != nil {
			return
		}
		for _, to := range room.All() {
			to.Lock()
			_ = to.WritePreparedMessage(prepared)
			to.Unlock()
		}
	}
}

func main() {
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("/echo", handle(func(c *websocket.Conn, t int, p []byte) error { return c.WriteMessage(t, p) }))
	mux.Handle("/sleep", handle(func(c *websocket.Conn, t int, p []byte) error {
		time.Sleep(50 * time.Millisecond)
		return c.WriteMessage(t, p)
	}))
	mux.HandleFunc("/broadcast", broadcast)
	serve.HTTP(mux, nil)
}

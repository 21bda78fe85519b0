// Command gws serves with lxzan/gws and its event handler, set up as by default: messages of a connection are handled one by one
// (ParallelEnabled is off), and it does not check UTF-8. Its Broadcaster is its prepared message.
package main

import (
	"bytes"
	"flag"
	"net/http"
	"time"

	"github.com/lxzan/gws"

	"github.com/duplex-go/duplex/bench/internal/serve"
)

var room serve.Room[*gws.Conn]

type handler struct {
	gws.BuiltinEventHandler
	each  func(c *gws.Conn, m *gws.Message)
	joins bool
}

func (h *handler) OnOpen(c *gws.Conn) {
	if h.joins {
		room.Join(c)
	}
}

func (h *handler) OnClose(c *gws.Conn, _ error) {
	if h.joins {
		room.Leave(c)
	}
}

func (h *handler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	h.each(c, m)
}

func handle(h *handler) http.HandlerFunc {
	up := gws.NewUpgrader(h, &gws.ServerOption{ReadMaxPayloadSize: serve.ReadLimit, WriteMaxPayloadSize: serve.ReadLimit})
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		go c.ReadLoop() // so that net/http's goroutine and buffers go: its documentation
	}
}

func echo(c *gws.Conn, m *gws.Message) { _ = c.WriteMessage(m.Opcode, m.Bytes()) }

func sleep(c *gws.Conn, m *gws.Message) {
	time.Sleep(50 * time.Millisecond)
	echo(c, m)
}

func broadcast(_ *gws.Conn, m *gws.Message) {
	b := gws.NewBroadcaster(m.Opcode, bytes.Clone(m.Bytes())) // it writes later
	for _, to := range room.All() {
		_ = b.Broadcast(to)
	}
	_ = b.Close()
}

func main() {
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("/echo", handle(&handler{each: echo}))
	mux.Handle("/sleep", handle(&handler{each: sleep}))
	mux.Handle("/broadcast", handle(&handler{each: broadcast, joins: true}))
	panic(serve.HTTP(mux, nil)) // it returns only an error
}

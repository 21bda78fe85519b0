// Command gws serves with lxzan/gws and its event handler. It does not check UTF-8 as set up by default.
package main

import (
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
	up := gws.NewUpgrader(h, &gws.ServerOption{ReadMaxPayloadSize: 4 << 20, WriteMaxPayloadSize: 4 << 20})
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		go c.ReadLoop() // so that net/http's goroutine and buffers go: its documentation
	}
}

func main() {
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("/echo", handle(&handler{each: func(c *gws.Conn, m *gws.Message) { _ = c.WriteMessage(m.Opcode, m.Bytes()) }}))
	mux.Handle("/sleep", handle(&handler{each: func(c *gws.Conn, m *gws.Message) {
		time.Sleep(50 * time.Millisecond)
		_ = c.WriteMessage(m.Opcode, m.Bytes())
	}}))
	mux.Handle("/broadcast", handle(&handler{joins: true, each: func(_ *gws.Conn, m *gws.Message) {
		b := gws.NewBroadcaster(m.Opcode, append([]byte(nil), m.Bytes()...))
		for _, to := range room.All() {
			_ = b.Broadcast(to)
		}
		_ = b.Close()
	}}))
	serve.HTTP(mux, nil)
}

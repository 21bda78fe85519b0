// Command duplexsio serves Socket.IO with this library, as it is set up by default.
package main

import (
	"flag"
	"net/http"

	"github.com/duplex-go/duplex/bench/internal/serve"
	"github.com/duplex-go/duplex/socketio"
	"github.com/duplex-go/duplex/websocket"
)

func main() {
	flag.Parse()
	io := socketio.NewServer(&socketio.Options{NoClient: true})
	socketio.On(io.Namespace, "echo", func(s *socketio.Socket, text string) error { return s.Emit("echo", text) })
	socketio.On(io.Namespace, "broadcast", func(_ *socketio.Socket, text string) error { return io.Emit("broadcast", text) })
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	panic(serve.HTTP(mux, websocket.NewListener)) // it returns only an error
}

// Package socketio is Socket.IO for Go servers: revision 5 of the protocol, which clients 3.x and 4.x speak, and revision 4, which clients 1.x and 2.x
// do, on one endpoint.
//
// A [Server] is an http.Handler. What it calls is set for a [Namespace], before or after clients have come:
//
//	io := socketio.NewServer(nil)
//	io.OnConnect(func(s *socketio.Socket) error { return s.Join("lobby") })
//	socketio.On(io, "say", func(s *socketio.Socket, text string) error {
//		return s.To("lobby").Emit("said", text)
//	})
//	socketio.Handle(io, "sum", func(s *socketio.Socket, numbers []int) (int, error) { ... })
//	http.Handle("/socket.io/", io)
//
// A [Socket] is a client in a namespace. [Broadcast] is a choice of sockets: To("lobby").Except("bob").Emit("said", text).
//
// # Arguments
//
// Arguments are written and read as encoding/json does, but for []byte, which travels as bytes wherever in an argument it stands. [Args] are arguments as they
// came: whoever only passes them on need not decode them.
//
// # What is called, and when
//
// For one socket all is called one at a time, in the order in which it came, in a goroutine that is there while there is something to call. So a handler
// may block, and may wait for an answer of its own client. A client whose handlers are behind is not read from until they
// have caught up, nor are its answers; if that takes longer than a heartbeat may, it is disconnected.
//
// # Limits
//
// Every client is bounded: what waits for it (engineio.Options.SendBuffer), what it may send before it has joined a namespace, its namespaces, rooms, attachments
// and unanswered events, see [Options]. A client that breaks a rule of the protocol is disconnected, as by the original.
//
// # Several servers
//
// A Server whose [Options] have an Adapter gives its orders to that, see package adapter.
//
// The protocol itself is proto/sio. Not here: the recovery of a connection's state, the client.
package socketio

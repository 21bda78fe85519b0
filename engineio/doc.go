// Package engineio is Engine.IO for Go servers: sessions that begin as long polling or as WebSocket, and change from the first to the second.
// Clients of revision 4 of the protocol and of revision 3 are served on one endpoint.
//
// A [Server] is an http.Handler. It calls a [Handler] with what happens to each [Session]:
//
//	type echo struct{}
//
//	func (echo) Open(s *engineio.Session) error                        { return nil }
//	func (echo) Message(s *engineio.Session, m engineio.Message)       { s.Send(m) }
//	func (echo) Close(s *engineio.Session, reason engineio.Reason)     {}
//
//	http.Handle("/engine.io/", engineio.NewServer(echo{}, nil))
//
// # What a Session promises
//
//   - Messages come and go in order, whatever the transport, and over a change of transport none is lost or doubled.
//   - The calls of a Handler for one session come one at a time, and Close is the last. Another session's do not wait for them.
//   - Send does not block. What waits for a slow client is bounded, and past the bound the session ends.
//   - A client that is gone is found by its heartbeat, in PingInterval plus PingTimeout at most.
//
// It does not promise that the client's application saw a message that Send accepted: what was written when the transport broke is lost.
//
// # Memory
//
// A session on WebSocket that is idle holds no goroutine and no buffer, see websocket.Conn.Serve. One that polls holds net/http's goroutine and
// buffers while its request waits.
//
// # A server's settings
//
// Give the http.Server a ReadHeaderTimeout (10 s) and MaxHeaderBytes (16 KiB). A WriteTimeout or ReadTimeout may be set: polls that wait
// are not cut by them.
//
// # Who holds a session
//
// Whoever knows a session's id can poll for it, as with the original. Ids have 120 random bits, and a second poll at the same time ends the session, so
// that a theft is noticed. Where that is not enough, bind ids to users in AllowRequest, which sees only the request that opens a
// session, or in a handler in front of the Server, which sees all.
//
// The protocol itself is proto/eio. Not here: WebTransport.
package engineio

// Package websocket is WebSocket for Go programs: RFC 6455, with permessage-deflate of RFC 7692.
//
// A server is an http.Handler. [Server] accepts a connection, runs a function for it, and closes it when that returns:
//
//	http.Handle("/echo", &websocket.Server{Handle: func(ctx context.Context, c *websocket.Conn) error {
//		for msg, err := range c.Messages(ctx) {
//			if err != nil {
//				return err
//			}
//			if err := c.Write(ctx, msg.Type, msg.Data); err != nil {
//				return err
//			}
//		}
//		return nil
//	}})
//
// In push mode a connection calls a [Handler] instead, see [Conn.Serve]: while it is idle it holds no goroutine and no buffer.
//
// [Accept] is the same in one step, for a handler of your own. A client is [Dial]. Both give a [Conn].
//
// # What a Conn promises
//
//   - Any goroutine may call any method. Messages are not mixed: each goes out whole, in the order in which writes were accepted.
//   - Write returns nil when the message is sent or queued, and an error when nothing of it ever will be.
//   - A context that ends ends the call, not the connection.
//   - Nothing that a peer does grows without a bound: messages, fragments, queued bytes, pending pongs, inflated bytes. The bounds are in
//     [Options], and each has a default.
//   - Whoever reads never waits for a write: two peers that flood each other do not hang.
//   - A peer that is gone is found: by pings, by a deadline on writes, by a deadline on the closing handshake.
//   - After the end every call returns the same *[CloseError].
//
// What it does not promise: that the peer's application saw a message that Write accepted. Only an answer tells that.
//
// # Memory
//
// A connection that waits for a message holds, in pull mode, the goroutine of its Handle, with what net/http has on its stack; in push mode some 0.5 KiB
// and nothing else, 8 KiB with TLS. Buffers are borrowed while a message is coming or going. With Accept, a goroutine of your own and an http handler that returns save
// 8 KiB of net/http's. Compression is off unless asked for; see [Deflate] for what it holds.
//
// # A server's settings
//
// Before the upgrade the connection is net/http's. Give the http.Server a ReadHeaderTimeout (10 s) and MaxHeaderBytes
// (16 KiB); its defaults are none and 1 MiB.
//
// Not here: reconnecting, HTTP/2 (RFC 8441), rooms.
package websocket

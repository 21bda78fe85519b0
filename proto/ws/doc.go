// Package ws is WebSocket as a function of bytes: RFC 6455, and permessage-deflate of RFC 7692.
//
// It opens no socket, starts no goroutine and reads no clock. A driver, such as package websocket, carries the bytes.
//
// The opening handshake is a few functions: [CheckRequest], [Choose] and [AppendResponse] for the server, [AppendRequest] and
// [CheckResponse] for the client (section 4). What follows it is a [Conn]:
//
//	bytes from the peer ── Feed ──► ┌──────┐ ── Next ──► Event: data, ping, pong, close, fail
//	                                │ Conn │
//	bytes for the peer ◄── Take ─── └──────┘ ◄── Send, Close ── messages
//
// A Conn goes through these states (section 7.1):
//
//	        Close                     the peer's close frame
//	open ───────────► closing ───────────────────────────────► over
//	  │               data is discarded, pings are not answered  ▲
//	  ├──────────────────────────────────────────────────────────┤
//	  │  the peer's close frame: EventClose, the answer queued   │
//	  └──────────────────────────────────────────────────────────┘
//	     the peer broke a rule or a limit: EventFail, a close frame queued
//
// When it is over, a driver sends what Take returns and ends the transport connection, and whatever still comes is discarded unread.
//
// However the bytes are cut, they mean the same: messages, control frames, and the end are the same whether they are fed
// whole or one byte at a time. Only the pieces in which a message's data comes differ.
//
// The frame header alone is [ParseHeader] and [AppendHeader] (section 5.2), masking is [Mask] (section 5.3), the close frame's payload
// [ParseClose] and [AppendClose] (section 5.5.1).
//
// Not here: joining pieces to messages, timeouts, HTTP, proxies, HTTP/2 (RFC 8441).
package ws

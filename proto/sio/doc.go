// Package sio is Socket.IO as a function of messages: revision 5 of the protocol and revision 4.
//
// Source: the documents Socket.IO protocol, revisions 4 and 5, and what the original server (4.8) and parser (4.2) do.
//
// It opens no socket, starts no goroutine and reads no clock. Messages are those of an Engine.IO session, text or binary.
//
//   - A [Packet] is a type, a namespace, an id and JSON: [ParseText] and [AppendText]. Bytes within the JSON are attachments, which
//     follow as binary messages; where they belong stands a placeholder.
//   - A [Parser] is a form of packets: [Text], or [Msgpack], where a packet is one binary message.
//   - A [Decoder] puts packets and their attachments together.
//   - A [Session] is the machine: messages in, events out, and which namespaces are joined.
//
// JSON is checked, and goes through as it came: who wants values decodes it. Nothing is set aside for a number that a peer announces.
//
// Not here: rooms, timeouts, the recovery of a connection's state.
package sio

package adapter

// This file holds the order: an operation on sockets, as data.

import "context"

// Op says what is to be done.
type Op uint8

// The operations.
const (
	Emit       Op = iota // send Event to the sockets
	Join                 // have them join Args
	Leave                // have them leave Args
	Disconnect           // disconnect them
	Fetch                // tell who they are, a Reply for each
)

// Order is an operation on the sockets of a namespace. It is not changed once it is given.
type Order struct {
	Op        Op
	Namespace string
	Rooms     []string // the sockets in any of these; none: all sockets. A socket's id is a room of its own
	Except    []string // but not those in any of these
	Args      []string // the rooms to join or to leave

	Event       []byte // a JSON array: the event's name, and its arguments
	Attachments [][]byte

	Ack      bool // each socket is to answer the event; a Reply tells that it was sent to one, and another what it answered
	Local    bool // only the sockets of the server that gives the order
	Volatile bool // not to those who could not be sent it at once
	Plain    bool // not compressed
	Close    bool // disconnect from all namespaces, and end the connection
}

// Reply is what is known of one socket.
type Reply struct {
	Kind        ReplyKind
	ID          string
	Rooms       []string // to Fetch
	Data        any      // to Fetch: the socket's data. It is JSON if the socket is another server's
	Handshake   any      // to Fetch: likewise
	Answer      []byte   // to Emit: a JSON array
	Attachments [][]byte
}

// ReplyKind says what a Reply tells.
type ReplyKind uint8

// The kinds of Reply.
const (
	Found    ReplyKind = iota // a socket that was looked for, or an event was sent to
	Answered                  // what a socket answered
	Lost                      // a socket has gone without an answer
)

// Sockets carries out orders.
type Sockets interface {
	// Apply carries out o. It calls reply, from one goroutine at a time, until ctx ends: when Apply has returned, all that are Found have
	// been told, and only answers follow. reply is nil for an order that asks for nothing.
	Apply(ctx context.Context, o *Order, reply func(Reply)) error
}

package websocket

// This file holds messages that are framed once and sent to many.

import (
	"sync"

	"github.com/duplex-go/duplex/proto/ws"
)

// Prepared is a message that is framed once, and compressed once if anybody wants it so, and then sent to many connections.
// It may be used from any goroutine.
type Prepared struct {
	typ      MessageType
	plain    *ws.Prepared
	deflated func() *ws.Prepared
}

// NewPrepared prepares a message. It keeps a copy of p.
func NewPrepared(t MessageType, p []byte) *Prepared {
	plain := ws.Prepare(ws.Opcode(t), p)
	return &Prepared{typ: t, plain: plain, deflated: sync.OnceValue(plain.Deflate)}
}

// form returns the form for a connection.
func (p *Prepared) form(deflate bool) *ws.Prepared {
	if deflate {
		return p.deflated()
	}
	return p.plain
}

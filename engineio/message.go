package engineio

// This file holds what is sent: messages, and messages that are framed once for many.

import (
	"bytes"
	"sync"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/websocket"
)

// Message is what the two ends of a session exchange.
type Message struct {
	Binary bool   // else Data is text, which is to be UTF-8
	Plain  bool   // to be sent uncompressed, whatever the options say; for what is secret, or does not shrink
	Data   []byte // of a message that came: valid during the call of Handler.Message
}

// Text returns a text message.
func Text(s string) Message { return Message{Data: []byte(s)} }

// Binary returns a binary message. It keeps b.
func Binary(b []byte) Message { return Message{Binary: true, Data: b} }

func (m Message) packet() eio.Packet {
	return eio.Packet{Type: eio.TypeMessage, Binary: m.Binary, Plain: m.Plain, Data: m.Data}
}

// Prepared is one message, or several that follow each other, for many sessions. For all that share a form, which is that of their
// revision and transport, it is framed and compressed once. It may be used from any goroutine.
type Prepared struct {
	packets []eio.Packet
	size    int
	plain   bool // one of them is not to be compressed
	frames  [4]func() []*websocket.Prepared
}

// NewPrepared prepares messages. It keeps copies.
func NewPrepared(messages ...Message) *Prepared {
	p := &Prepared{packets: make([]eio.Packet, len(messages))}
	binary := false
	for i, m := range messages {
		p.packets[i] = m.packet()
		p.packets[i].Data = bytes.Clone(m.Data)
		p.size += len(m.Data)
		p.plain = p.plain || m.Plain
		binary = binary || m.Binary
	}
	for i := range p.frames {
		if i > 0 && !binary {
			p.frames[i] = p.frames[0] // text looks the same in all
			continue
		}
		f := frameForms[i]
		p.frames[i] = sync.OnceValue(func() []*websocket.Prepared { return p.frame(f) })
	}
	return p
}

// frameForms are the forms in which WebSocket messages differ.
var frameForms = [...]eio.Format{{Revision: eio.V4}, {Revision: eio.V4, Text: true}, {Revision: eio.V3}, {Revision: eio.V3, Text: true}}

// framed returns the messages as a form has them.
func (p *Prepared) framed(f eio.Format) []*websocket.Prepared {
	for i, g := range frameForms {
		if f == g {
			return p.frames[i]()
		}
	}
	return p.frame(f)
}

func (p *Prepared) frame(f eio.Format) []*websocket.Prepared {
	frames := make([]*websocket.Prepared, len(p.packets))
	for i, packet := range p.packets {
		frames[i] = websocket.NewPrepared(frameType(f, packet), eio.AppendPacket(nil, f.Revision, packet, f.Text))
	}
	return frames
}

// frameType returns what kind of WebSocket message holds a packet.
func frameType(f eio.Format, p eio.Packet) websocket.MessageType {
	if p.Binary && !f.Text {
		return websocket.Binary
	}
	return websocket.Text
}

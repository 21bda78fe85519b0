package sio

// This file holds the parser: how packets are written as messages, and how they are put together again.

import "bytes"

// Parser is a form of packets. It holds no state. Both ends use the same.
type Parser interface {
	// Append appends the message that p begins with.
	Append(b []byte, p Packet) ([]byte, error)
	// Parse reads the message that a packet begins with. attachments follow, most at most, each as a binary message. The packet may alias b.
	Parse(binary bool, b []byte, most int) (p Packet, attachments int, err error)
	// Whole reports whether what Append appends is one binary message that holds the attachments. Else it is text, and they follow it.
	Whole() bool
}

// Text is the form that all clients speak unless they are told otherwise.
var Text Parser = text{}

type text struct{}

// Append is AppendText.
func (text) Append(b []byte, p Packet) ([]byte, error) { return AppendText(b, &p), nil }

// Parse is ParseText.
func (text) Parse(binary bool, b []byte, most int) (Packet, int, error) {
	if binary {
		return Packet{}, 0, ErrBinary
	}
	return ParseText(b, most)
}

// Whole reports that it is not.
func (text) Whole() bool { return false }

// Decoder puts packets together from messages. The zero value waits for a packet.
type Decoder struct {
	packet *Packet // waits for attachments; nil: none does
	want   int     // how many
}

// Feed takes in a message. ok reports that it ends a packet, whose Data and last attachment may alias data.
func (d *Decoder) Feed(parser Parser, most int, binary bool, data []byte) (p Packet, ok bool, err error) {
	if d.packet == nil {
		p, n, err := parser.Parse(binary, data, most)
		if err != nil {
			return Packet{}, false, err
		}
		if n == 0 {
			for i := range len(p.Attachments) - 1 {
				p.Attachments[i] = bytes.Clone(p.Attachments[i])
			}
			return p, true, nil
		}
		d.packet, d.want = new(Packet), n
		*d.packet = p
		d.packet.Data = bytes.Clone(p.Data)
		return Packet{}, false, nil
	}
	if !binary {
		return p, false, ErrPlaintext
	}
	last := len(d.packet.Attachments) == d.want-1
	if !last || data == nil { // no bytes, but bytes
		data = append([]byte{}, data...)
	}
	d.packet.Attachments = append(d.packet.Attachments, data)
	if !last {
		return p, false, nil
	}
	p = *d.packet
	d.packet = nil
	return p, true, nil
}

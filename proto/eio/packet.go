package eio

// This file holds the packet, and its form in a WebSocket message or as part of a payload.

import (
	"encoding/base64"
	"errors"
	"unicode/utf8"
)

// Revision is the revision of the protocol, as the query parameter EIO says it.
type Revision uint8

// The revisions. Clients of Socket.IO 1.x and 2.x speak the third, newer ones the fourth.
const (
	V3 Revision = 3
	V4 Revision = 4
)

// Type says what a packet is for.
type Type uint8

// The types. On the wire each is a digit; in revision 3, where the packet is binary, a byte of that value.
const (
	TypeOpen    Type = iota // the server's first packet, see Open
	TypeClose               // the sender ends the session
	TypePing                // answered with a PONG that holds the same data
	TypePong                //
	TypeMessage             // what all else is for
	TypeUpgrade             // the client changes to the transport that carries this packet
	TypeNoop                // the server answers a poll with it when it has nothing to say
)

// String returns the name of the type.
func (t Type) String() string {
	if t <= TypeNoop {
		return [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}[t]
	}
	return "unknown"
}

// Packet is what the two ends exchange. Only a MESSAGE may be binary; text is UTF-8.
type Packet struct {
	Type   Type
	Binary bool
	Plain  bool // the sender's wish that its carrier does not compress it; not on the wire
	Data   []byte
}

// Probe returns the packet that tries a new transport, which is a PING, or that answers it, which is a PONG.
func Probe(t Type) Packet { return Packet{Type: t, Data: []byte("probe")} }

func (p *Packet) isProbe(t Type) bool { return p.Type == t && !p.Binary && string(p.Data) == "probe" }

// The ways in which a packet can be wrong.
var (
	ErrEmptyPacket = errors.New("eio: a packet of no bytes")
	ErrPacketType  = errors.New("eio: a packet of no known type")
	ErrUTF8        = errors.New("eio: text that is not UTF-8")
	ErrBase64      = errors.New("eio: binary data in Base64 that is none")
	ErrNotMessage  = errors.New("eio: a binary packet that is no message")
)

// ParsePacket reads a packet that stands alone, as in a WebSocket message. Its data aliases b, unless that was in Base64. That text
// is UTF-8 is for the caller to have checked.
func ParsePacket(rev Revision, binary bool, b []byte) (Packet, error) {
	switch {
	case binary && rev == V4:
		return Packet{Type: TypeMessage, Binary: true, Data: b}, nil
	case len(b) == 0:
		return Packet{}, ErrEmptyPacket
	case binary:
		return binaryPacket(Type(b[0]), b[1:])
	case b[0] == 'b':
		return parseBase64(rev, b[1:])
	case b[0] < '0' || b[0] > '6':
		return Packet{}, ErrPacketType
	}
	return Packet{Type: Type(b[0] - '0'), Data: b[1:]}, nil
}

func binaryPacket(t Type, data []byte) (Packet, error) {
	switch {
	case t > TypeNoop:
		return Packet{}, ErrPacketType
	case t != TypeMessage:
		return Packet{}, ErrNotMessage
	}
	return Packet{Type: TypeMessage, Binary: true, Data: data}, nil
}

// parseBase64 reads what follows the b of binary data as text: in revision 3 the type, then the data.
func parseBase64(rev Revision, b []byte) (Packet, error) {
	t := TypeMessage
	if rev == V3 {
		if len(b) == 0 || b[0] < '0' {
			return Packet{}, ErrPacketType
		}
		t, b = Type(b[0]-'0'), b[1:]
	}
	data, err := base64.StdEncoding.AppendDecode(nil, b)
	if err != nil {
		return Packet{}, ErrBase64
	}
	return binaryPacket(t, data)
}

// AppendPacket appends the form in which p stands alone. The form is binary if p is, unless asText has the data in Base64, for
// a peer that can take text only.
func AppendPacket(b []byte, rev Revision, p Packet, asText bool) []byte {
	switch {
	case !p.Binary:
		b = append(b, '0'+byte(p.Type))
	case asText:
		b = append(b, 'b')
		if rev == V3 {
			b = append(b, '0'+byte(p.Type))
		}
		return base64.StdEncoding.AppendEncode(b, p.Data)
	case rev == V3:
		b = append(b, byte(p.Type))
	}
	return append(b, p.Data...)
}

// utf16Len returns how many UTF-16 code units text has, which is what JavaScript calls the length of a string.
func utf16Len(text []byte) int {
	n := 0
	for i := 0; i < len(text); n++ {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r > 0xffff {
			n++
		}
		i += size
	}
	return n
}

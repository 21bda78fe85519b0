package sio

// This file holds the packet, and its form as text.

import (
	"errors"
	"strconv"
	"strings"
)

// Type says what a packet is for.
type Type uint8

// The types, each of which is a digit on the wire.
const (
	TypeConnect      Type = iota // joins a namespace, and says that it was joined
	TypeDisconnect               // leaves it
	TypeEvent                    // an array: the event's name, and its arguments
	TypeAck                      // an array: the arguments of the answer to the event with the same id
	TypeConnectError             // says why a namespace cannot be joined
	TypeBinaryEvent              // an event with attachments
	TypeBinaryAck                // an acknowledgement with attachments
)

// String returns the name of the type.
func (t Type) String() string {
	if t <= TypeBinaryAck {
		return [...]string{"connect", "disconnect", "event", "ack", "connect error", "binary event", "binary ack"}[t]
	}
	return "unknown"
}

// Packet is what the two ends exchange.
type Packet struct {
	Type      Type
	Namespace string // begins with a slash
	ID        int64  // of an event that is to be acknowledged, or of its acknowledgement; NoID: none
	Data      []byte // JSON; nil: none

	// Attachments are the bytes that stand where Data has {"_placeholder":true,"num":i}. Each is used once.
	Attachments [][]byte
}

// NoID is the ID of a packet that has none.
const NoID = -1

// Root is the namespace that a packet is for that names none.
const Root = "/"

// Bounds of what a peer may send.
const (
	maxID        = 1<<53 - 1 // as large as JavaScript's integers are exact
	maxNamespace = 2048      // bytes, with the query that revision 4 has there
	maxDepth     = 512       // arrays and objects within each other
)

// The ways in which a packet can be wrong.
var (
	ErrType        = errors.New("sio: a packet of no known type")
	ErrAttachments = errors.New("sio: not a number of attachments that is allowed")
	ErrNamespace   = errors.New("sio: a namespace that is too long")
	ErrID          = errors.New("sio: an id that is too large")
	ErrPayload     = errors.New("sio: data that does not belong in such a packet, or is no JSON")
	ErrReserved    = errors.New("sio: an event with a reserved name")
	ErrPlaceholder = errors.New("sio: placeholders that do not match the attachments")
	ErrPlaintext   = errors.New("sio: text where an attachment was to come")
	ErrBinary      = errors.New("sio: an attachment that was not announced")
)

// AppendText appends the text that p begins with. Its attachments follow as binary messages of their own.
func AppendText(b []byte, p *Packet) []byte {
	b = append(b, '0'+byte(p.Type))
	if p.Type == TypeBinaryEvent || p.Type == TypeBinaryAck {
		b = strconv.AppendInt(b, int64(len(p.Attachments)), 10)
		b = append(b, '-')
	}
	if p.Namespace != Root {
		b = append(b, p.Namespace...)
		b = append(b, ',')
	}
	if p.ID >= 0 {
		b = strconv.AppendInt(b, p.ID, 10)
	}
	return append(b, p.Data...)
}

// ParseText reads the text that a packet begins with, and tells how many attachments follow, which are most at most. The packet's Data aliases b.
func ParseText(b []byte, most int) (p Packet, attachments int, err error) {
	if len(b) == 0 || b[0] < '0' || b[0] > '0'+byte(TypeBinaryAck) {
		return p, 0, ErrType
	}
	p.Type, p.ID = Type(b[0]-'0'), NoID
	b = b[1:]
	if p.Type == TypeBinaryEvent || p.Type == TypeBinaryAck {
		if attachments, b, err = parseAttachments(b, most); err != nil {
			return p, 0, err
		}
	}
	if p.Namespace, b, err = parseNamespace(b); err != nil {
		return p, 0, err
	}
	if p.ID, b, err = parseID(b); err != nil {
		return p, 0, err
	}
	if len(b) > 0 {
		p.Data = b
	}
	err = checkPayload(&p, attachments)
	return p, attachments, err
}

func parseAttachments(b []byte, most int) (n int, rest []byte, err error) {
	i := 0
	for ; i < len(b) && b[i] != '-'; i++ {
		if b[i] < '0' || b[i] > '9' {
			return 0, nil, ErrAttachments
		}
		if n = 10*n + int(b[i]-'0'); n > most {
			return 0, nil, ErrAttachments
		}
	}
	if i == len(b) || n == 0 {
		return 0, nil, ErrAttachments
	}
	return n, b[i+1:], nil
}

func parseNamespace(b []byte) (name string, rest []byte, err error) {
	if len(b) == 0 || b[0] != '/' {
		return Root, b, nil
	}
	i := 0
	for i < len(b) && b[i] != ',' {
		if i++; i > maxNamespace {
			return "", nil, ErrNamespace
		}
	}
	if i == 1 {
		return Root, b[min(i+1, len(b)):], nil
	}
	return string(b[:i]), b[min(i+1, len(b)):], nil
}

func parseID(b []byte) (id int64, rest []byte, err error) {
	i := 0
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		if id = 10*id + int64(b[i]-'0'); id > maxID {
			return 0, nil, ErrID
		}
		i++
	}
	if i == 0 {
		return NoID, b, nil
	}
	return id, b[i:], nil
}

// checkPayload checks that p holds what its type asks for.
func checkPayload(p *Packet, attachments int) error {
	switch p.Type {
	case TypeConnect:
		return checkJSON(p.Data, '{', 0, true)
	case TypeConnectError:
		if len(p.Data) > 0 && p.Data[0] == '"' {
			return checkJSON(p.Data, '"', 0, true)
		}
		return checkJSON(p.Data, '{', 0, true)
	case TypeDisconnect:
		if p.Data != nil {
			return ErrPayload
		}
		return nil
	case TypeAck, TypeBinaryAck:
		return checkJSON(p.Data, '[', attachments, false)
	}
	if err := checkJSON(p.Data, '[', attachments, false); err != nil {
		return err
	}
	name, _, ok := EventName(p.Data)
	switch {
	case !ok:
		return ErrPayload
	case reserved(string(name)):
		return ErrReserved
	}
	return nil
}

// reserved reports whether applications have another meaning for an event's name.
func reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// CheckEventName returns an error if name is reserved: the peer would take such an event for a broken packet.
func CheckEventName(name string) error {
	if reserved(name) {
		return ErrReserved
	}
	return nil
}

// CheckNamespace returns an error if name cannot be that of a namespace.
func CheckNamespace(name string) error {
	if len(name) > maxNamespace || !strings.HasPrefix(name, "/") || strings.ContainsAny(name, ",?") {
		return ErrNamespace
	}
	return nil
}

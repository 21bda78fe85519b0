package ws

// This file holds the frame header: its fields, how it is read and how it is written.

import (
	"encoding/binary"
	"errors"
)

// Opcode says what a frame carries (RFC 6455 section 5.2).
type Opcode uint8

// The opcodes of RFC 6455 section 11.8. All others are reserved.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

// IsControl reports whether o is a control opcode, reserved ones included (RFC 6455 section 5.5).
func (o Opcode) IsControl() bool { return o&0x8 != 0 }

// IsReserved reports whether o has no meaning yet (RFC 6455 section 5.2).
func (o Opcode) IsReserved() bool { return o&0x7 > 2 }

// String returns the name of o in lower case.
func (o Opcode) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return "reserved"
}

// The three reserved bits, where they stand in Header.RSV. RSV1 marks a compressed message (RFC 7692 section 6).
const (
	RSV1 uint8 = 4
	RSV2 uint8 = 2
	RSV3 uint8 = 1
)

// Sizes of RFC 6455 section 5.
const (
	MaxHeaderSize     = 14  // bytes: 2, and 8 of length, and 4 of masking key
	MaxControlPayload = 125 // bytes
)

// Header is a frame header (RFC 6455 section 5.2).
type Header struct {
	Fin    bool
	RSV    uint8 // RSV1, RSV2, RSV3
	Opcode Opcode
	Masked bool
	Mask   [4]byte // the masking key, if Masked
	Length int64   // bytes of payload
}

// What ParseHeader finds wrong with a length (RFC 6455 section 5.2).
var (
	ErrLengthTopBit = errors.New("the top bit of the 64-bit length is set")
	ErrLengthForm   = errors.New("length not in its shortest form")
)

// ParseHeader reads the frame header at the start of b and returns it with its size in bytes.
// A size of 0 means that b ends before the header does.
//
// With ErrLengthForm the header is whole and can be used; with ErrLengthTopBit it cannot.
// ParseHeader knows the form of a header, not which headers are allowed when: that is Conn's part.
func ParseHeader(b []byte) (h Header, n int, err error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	h.Fin = b[0]&0x80 != 0
	h.RSV = b[0] >> 4 & 0x7
	h.Opcode = Opcode(b[0] & 0xF)
	h.Masked = b[1]&0x80 != 0
	n = headerSize(b[1])
	if len(b) < n {
		return Header{}, 0, nil
	}
	shortest := int64(0)
	switch short := b[1] & 0x7F; short {
	case 127:
		h.Length, shortest = int64(binary.BigEndian.Uint64(b[2:])), 1<<16 //nolint:gosec // a negative value is looked for below
	case 126:
		h.Length, shortest = int64(binary.BigEndian.Uint16(b[2:])), 126
	default:
		h.Length = int64(short)
	}
	if h.Masked {
		copy(h.Mask[:], b[n-4:n])
	}
	if h.Length < 0 {
		return Header{}, n, ErrLengthTopBit
	}
	if h.Length < shortest {
		return h, n, ErrLengthForm
	}
	return h, n, nil
}

// headerSize returns the size in bytes of a header whose second byte is b1.
func headerSize(b1 byte) int {
	n := 2
	switch b1 & 0x7F {
	case 127:
		n += 8
	case 126:
		n += 2
	}
	if b1&0x80 != 0 {
		n += 4
	}
	return n
}

// AppendHeader appends h to b, with the length in its shortest form.
func AppendHeader(b []byte, h Header) []byte {
	b0 := h.RSV<<4 | byte(h.Opcode)
	if h.Fin {
		b0 |= 0x80
	}
	b1 := byte(0)
	if h.Masked {
		b1 = 0x80
	}
	switch {
	case h.Length < 126:
		b = append(b, b0, b1|byte(h.Length)) //nolint:gosec // below 126
	case h.Length < 1<<16:
		b = append(b, b0, b1|126)
		b = binary.BigEndian.AppendUint16(b, uint16(h.Length)) //nolint:gosec // below 1<<16
	default:
		b = append(b, b0, b1|127)
		b = binary.BigEndian.AppendUint64(b, uint64(h.Length)) //nolint:gosec // a length is not negative
	}
	if h.Masked {
		b = append(b, h.Mask[:]...)
	}
	return b
}

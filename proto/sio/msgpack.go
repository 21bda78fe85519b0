package sio

// This file holds packets in MessagePack, as npm's socket.io-msgpack-parser (3.x) sends them: the parser, and how JSON becomes MessagePack.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// ErrMsgpack is the error of a message that is no packet in MessagePack: cut short, with bytes behind its end, nested too deeply, or with a value
// for which JSON has none.
var ErrMsgpack = errors.New("sio: a message that is no packet in MessagePack")

// Msgpack is the form of socket.io-msgpack-parser. The other end must have been told to use it too.
var Msgpack Parser = msgpack{}

type msgpack struct{}

// Append is AppendMsgpack.
func (msgpack) Append(b []byte, p Packet) ([]byte, error) { return AppendMsgpack(b, &p) }

// Parse is ParseMsgpack, which leaves no attachments to follow.
func (msgpack) Parse(bin bool, b []byte, most int) (p Packet, attachments int, err error) {
	if !bin {
		return p, 0, ErrMsgpack
	}
	p, err = ParseMsgpack(b, most)
	return p, 0, err
}

// Whole reports that it is.
func (msgpack) Whole() bool { return true }

// The first byte of a value says what it is, and may hold a small length or number: see spec.md of github.com/msgpack/msgpack.
// Of a format that comes in several widths, the narrowest is given here; the wider ones follow.
const (
	msgpackFixMap   = 0x80
	msgpackFixArray = 0x90
	msgpackFixText  = 0xa0
	msgpackNil      = 0xc0
	msgpackFalse    = 0xc2
	msgpackTrue     = 0xc3
	msgpackBytes8   = 0xc4
	msgpackExt8     = 0xc7
	msgpackFloat32  = 0xca
	msgpackFloat64  = 0xcb
	msgpackUint8    = 0xcc
	msgpackInt8     = 0xd0
	msgpackFixExt1  = 0xd4
	msgpackText8    = 0xd9
	msgpackArray16  = 0xdc
	msgpackMap16    = 0xde
	msgpackFixInt   = 0xe0 // -32
)

// AppendMsgpack appends the message in which socket.io-msgpack-parser sends p: a map of type, nsp, data and id. The binary types are those without
// attachments there, and the attachments stand in the data as bytes. If the data is no JSON, or has a placeholder for which there
// is no attachment, it returns an error and b as it was.
//
// Each value takes the format that notepack.io gives it, the codec beneath that parser. But integers of 64 bits are sent exactly, as are
// numbers too large for them: as floating point.
func AppendMsgpack(b []byte, p *Packet) ([]byte, error) {
	t := p.Type
	switch t {
	case TypeBinaryEvent:
		t = TypeEvent
	case TypeBinaryAck:
		t = TypeAck
	}
	if t > TypeConnectError {
		return b, ErrType
	}
	members := byte(2)
	if p.Data != nil {
		members++
	}
	if p.ID >= 0 {
		members++
	}
	w := packer{out: append(b, msgpackFixMap|members)}
	w.text("type")
	w.uint(uint64(t))
	w.text("nsp")
	w.text(p.Namespace)
	if p.Data != nil {
		w.text("data")
		if err := w.data(p); err != nil {
			return b, err
		}
	}
	if p.ID >= 0 {
		w.text("id")
		w.uint(uint64(p.ID))
	}
	return w.out, nil
}

// packer appends values.
type packer struct{ out []byte }

// data appends the packet's data. MessagePack says how many members follow before they do, so JSON is gone through twice: to count, and to append.
func (w *packer) data(p *Packet) error {
	tokens, err := newTokens(p)
	if err != nil {
		return err
	}
	var room [32]int // most packets need no more
	counts := tokens.counts(room[:0])
	for {
		t, ok := tokens.next()
		if !ok {
			return nil
		}
		switch t.kind {
		case '[':
			w.head(counts[0], 16, msgpackFixArray, msgpackArray16)
			counts = counts[1:]
		case '{':
			w.head(counts[0]/2, 16, msgpackFixMap, msgpackMap16)
			counts = counts[1:]
		case ']', '}':
		case tokenHeld:
			w.bytes(p.Attachments[t.num])
		case '"':
			w.quoted(t.text)
		case 'n':
			w.out = append(w.out, msgpackNil)
		case 'f':
			w.out = append(w.out, msgpackFalse)
		case 't':
			w.out = append(w.out, msgpackTrue)
		default:
			w.number(string(t.text))
		}
	}
}

// head appends the first byte and the length of what has one: in fix if it is below the limit, else in format, which has two bytes, or the next one, which
// has four.
func (w *packer) head(n, limit int, fix, format byte) {
	switch {
	case n < limit:
		w.out = append(w.out, fix|byte(n)) //nolint:gosec // below the limit
	case n <= math.MaxUint16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, format), uint16(n))
	default:
		w.out = binary.BigEndian.AppendUint32(append(w.out, format+1), uint32(n)) //nolint:gosec // newTokens has checked it
	}
}

// text appends a string, for which there is also a format with a length of one byte.
func (w *packer) text(s string) {
	if n := len(s); n >= 32 && n <= math.MaxUint8 {
		w.out = append(w.out, msgpackText8, byte(n))
	} else {
		w.head(n, 32, msgpackFixText, msgpackText8+1)
	}
	w.out = append(w.out, s...)
}

// quoted appends a string that is JSON. Half of a surrogate pair becomes U+FFFD.
func (w *packer) quoted(token []byte) {
	if s := token[1 : len(token)-1]; bytes.IndexByte(s, '\\') < 0 && utf8.Valid(s) {
		w.text(string(s))
		return
	}
	w.text(string(unquote(token)))
}

func (w *packer) bytes(p []byte) {
	if n := len(p); n <= math.MaxUint8 {
		w.out = append(w.out, msgpackBytes8, byte(n))
	} else {
		w.head(n, 0, 0, msgpackBytes8+1)
	}
	w.out = append(w.out, p...)
}

// number appends a number of JSON: an integer if it has no fraction, however it is written.
func (w *packer) number(s string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		w.int(n)
		return
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		w.uint(n)
		return
	}
	f, _ := strconv.ParseFloat(s, 64) // infinite if it is too large, as in JavaScript
	switch whole := f == math.Trunc(f); {
	case whole && f >= 0 && f < 1<<64:
		w.uint(uint64(f))
	case whole && f < 0 && f >= -1<<63:
		w.int(int64(f))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, msgpackFloat64), math.Float64bits(f))
	}
}

func (w *packer) uint(n uint64) {
	switch {
	case n < msgpackFixMap:
		w.out = append(w.out, byte(n))
	case n <= math.MaxUint8:
		w.out = append(w.out, msgpackUint8, byte(n))
	case n <= math.MaxUint16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, msgpackUint8+1), uint16(n))
	case n <= math.MaxUint32:
		w.out = binary.BigEndian.AppendUint32(append(w.out, msgpackUint8+2), uint32(n))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, msgpackUint8+3), n)
	}
}

//nolint:gosec // of each number the bytes are wanted
func (w *packer) int(n int64) {
	switch {
	case n >= 0:
		w.uint(uint64(n))
	case n >= -32:
		w.out = append(w.out, byte(n))
	case n >= math.MinInt8:
		w.out = append(w.out, msgpackInt8, byte(n))
	case n >= math.MinInt16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, msgpackInt8+1), uint16(n))
	case n >= math.MinInt32:
		w.out = binary.BigEndian.AppendUint32(append(w.out, msgpackInt8+2), uint32(n))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, msgpackInt8+3), uint64(n))
	}
}

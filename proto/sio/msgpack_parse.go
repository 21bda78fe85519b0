package sio

// This file holds how MessagePack becomes JSON.

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// ParseMsgpack reads a message of socket.io-msgpack-parser (3.x), which is a whole packet: a map of type, nsp, data and id, the latter two of which may be
// missing, nil or undefined. Other members are skipped: JavaScript clients send their options too.
//
// The data becomes the JSON that JSON.stringify makes of what that parser decodes: a date becomes text, NaN and the infinities null, an integer key
// text, and a member that is undefined is left out. Integers keep their 64 bits. Text that is not UTF-8 gets U+FFFD. Bytes become attachments,
// which alias b, most at most, and the packet one of the binary types. Of members with the same key all stand in the JSON, where the last one counts.
// JSON is at most six times as long as the bytes from which it came, and 40 bytes for each attachment.
func ParseMsgpack(b []byte, most int) (Packet, error) {
	u := unpacker{in: b, most: most, out: make([]byte, 0, min(len(b)+len(b)/4, 512))}
	p := Packet{ID: NoID}
	t := int64(-1)
	fields := u.next()
	if fields.kind != kindMap {
		u.fail(ErrMsgpack)
	}
	for n := fields.n; n > 0 && u.err == nil; n-- {
		switch key := u.next(); string(key.bytes) {
		case "type":
			t = u.integer(int64(TypeConnectError), ErrType)
		case "nsp":
			p.Namespace = u.namespace()
		case "id":
			p.ID = u.integer(maxID, ErrID)
		case "data":
			p.Data, p.Attachments = u.data()
		default:
			if !key.isKey() {
				u.fail(ErrMsgpack)
			}
			u.skip()
		}
	}
	switch {
	case u.err != nil:
		return Packet{}, u.err
	case len(u.in) > 0:
		return Packet{}, ErrMsgpack
	case t < 0:
		return Packet{}, ErrType
	case p.Namespace == "":
		return Packet{}, ErrNamespace
	}
	p.Type = Type(t) //nolint:gosec // at most TypeConnectError
	if err := p.binary(); err != nil {
		return Packet{}, err
	}
	if err := checkPayload(&p, len(p.Attachments)); err != nil {
		return Packet{}, err
	}
	return p, nil
}

// binary gives a packet with attachments the type that it needs.
func (p *Packet) binary() error {
	switch {
	case len(p.Attachments) == 0:
	case p.Type == TypeEvent:
		p.Type = TypeBinaryEvent
	case p.Type == TypeAck:
		p.Type = TypeBinaryAck
	default:
		return ErrAttachments
	}
	return nil
}

// kind says what a value is.
type kind uint8

const (
	kindNil kind = iota
	kindUndefined
	kindBool
	kindUint
	kindInt
	kindFloat
	kindText
	kindBytes
	kindArray
	kindMap
	kindDate
)

// value is a value without its members.
type value struct {
	kind  kind
	n     uint64  // an integer, a bool, or how many members follow
	float float64 // a number, or the milliseconds of a date
	bytes []byte  // of text and bytes
}

// isKey reports whether v can be the key of a map. An integer is text then, as in JavaScript.
func (v *value) isKey() bool { return v.kind == kindText || v.kind == kindInt || v.kind == kindUint }

// unpacker reads MessagePack and writes JSON.
type unpacker struct {
	in          []byte // what is left
	out         []byte
	attachments [][]byte
	most        int
	err         error // the first; in is empty then
}

func (u *unpacker) fail(err error) {
	if u.err == nil {
		u.err, u.in = err, nil
	}
}

// take returns the next n bytes if they are there.
func (u *unpacker) take(n uint64) []byte {
	if n > uint64(len(u.in)) {
		u.fail(ErrMsgpack)
		return nil
	}
	p := u.in[:n:n]
	u.in = u.in[n:]
	return p
}

// uint reads so many bytes as a number, at most eight.
func (u *unpacker) uint(size int) (n uint64) {
	for _, c := range u.take(uint64(size)) { //nolint:gosec // small
		n = n<<8 | uint64(c)
	}
	return n
}

// members checks that there may be so many members, of which each takes size bytes at least.
func (u *unpacker) members(k kind, n, size uint64) value {
	if n > uint64(len(u.in))/size {
		u.fail(ErrMsgpack)
		return value{}
	}
	return value{kind: k, n: n}
}

// next reads a value, or the head of one that has members.
func (u *unpacker) next() value {
	head := u.take(1)
	if head == nil {
		return value{}
	}
	switch c := head[0]; {
	case c < msgpackFixMap:
		return value{kind: kindUint, n: uint64(c)}
	case c < msgpackFixArray:
		return u.members(kindMap, uint64(c&0x0f), 2)
	case c < msgpackFixText:
		return u.members(kindArray, uint64(c&0x0f), 1)
	case c < msgpackNil:
		return value{kind: kindText, bytes: u.take(uint64(c & 0x1f))}
	case c >= msgpackFixInt:
		return value{kind: kindInt, n: uint64(int8(c))} //nolint:gosec // the sign is wanted
	case c >= msgpackMap16:
		return u.members(kindMap, u.uint(2<<(c-msgpackMap16)), 2)
	case c >= msgpackArray16:
		return u.members(kindArray, u.uint(2<<(c-msgpackArray16)), 1)
	case c >= msgpackText8:
		return value{kind: kindText, bytes: u.take(u.uint(1 << (c - msgpackText8)))}
	case c >= msgpackFixExt1:
		return u.extension(1<<(c-msgpackFixExt1), true)
	case c >= msgpackFloat32:
		return u.number(c)
	case c >= msgpackExt8:
		return u.extension(u.uint(1<<(c-msgpackExt8)), false)
	case c >= msgpackBytes8:
		return value{kind: kindBytes, bytes: u.take(u.uint(1 << (c - msgpackBytes8)))}
	case c == msgpackNil:
		return value{kind: kindNil}
	case c == msgpackFalse || c == msgpackTrue:
		return value{kind: kindBool, n: uint64(c - msgpackFalse)}
	}
	u.fail(ErrMsgpack) // 0xc1, which means nothing
	return value{}
}

// number reads what follows the format of a number that has bytes of its own.
func (u *unpacker) number(format byte) value {
	switch {
	case format >= msgpackInt8:
		size := 1 << (format - msgpackInt8)
		unused := 64 - 8*size
		return value{kind: kindInt, n: uint64(int64(u.uint(size)<<unused) >> unused)} //nolint:gosec // the sign is wanted
	case format >= msgpackUint8:
		return value{kind: kindUint, n: u.uint(1 << (format - msgpackUint8))}
	case format == msgpackFloat32:
		return value{kind: kindFloat, float: float64(math.Float32frombits(uint32(u.uint(4))))} //nolint:gosec // four bytes
	}
	return value{kind: kindFloat, float: math.Float64frombits(u.uint(8))}
}

// extension reads an extension of so many bytes. Type 0 is notepack.io's own: in the formats of fixed size undefined, and a date; in the others an
// ArrayBuffer. Its third version sends dates as the timestamps of MessagePack, of type -1.
func (u *unpacker) extension(size uint64, fixed bool) value {
	const own, timestamp = 0, 0xff
	t := u.uint(1)
	p := unpacker{in: u.take(size)}
	switch {
	case t == own && !fixed:
		return value{kind: kindBytes, bytes: p.in}
	case t == own && size == 1:
		return value{kind: kindUndefined}
	case t == own && size == 8:
		return date(float64(int64(p.uint(8))))
	case t == timestamp && size == 4:
		return date(float64(p.uint(4)) * 1e3)
	case t == timestamp && size == 8:
		n := p.uint(8)
		return date(float64(n&(1<<34-1))*1e3 + float64(n>>34)/1e6)
	case t == timestamp && size == 12:
		ns := p.uint(4)
		return date(float64(int64(p.uint(8)))*1e3 + float64(ns)/1e6)
	}
	u.fail(ErrMsgpack)
	return value{}
}

// date returns a date, of which JavaScript keeps whole milliseconds.
func date(ms float64) value { return value{kind: kindDate, float: math.Trunc(ms)} }

// value writes the next value. It reports whether there was one: undefined is none.
func (u *unpacker) value(depth int) bool {
	v := u.next()
	switch v.kind {
	case kindUndefined:
		return false
	case kindNil:
		u.out = append(u.out, "null"...)
	case kindBool:
		u.out = strconv.AppendBool(u.out, v.n == 1)
	case kindUint:
		u.out = strconv.AppendUint(u.out, v.n, 10)
	case kindInt:
		u.out = strconv.AppendInt(u.out, int64(v.n), 10) //nolint:gosec // the sign is in it
	case kindFloat:
		u.out = appendFloat(u.out, v.float)
	case kindDate:
		u.out = appendDate(u.out, v.float)
	case kindText:
		u.out = appendQuoted(u.out, v.bytes)
	case kindBytes:
		u.attach(v.bytes)
	case kindArray, kindMap:
		if depth == maxDepth {
			u.fail(ErrMsgpack)
			return true
		}
		if v.kind == kindArray {
			u.array(v.n, depth)
		} else {
			u.object(v.n, depth)
		}
	}
	return true
}

func (u *unpacker) array(n uint64, depth int) {
	u.out = append(u.out, '[')
	for i := uint64(0); i < n && u.err == nil; i++ {
		if i > 0 {
			u.out = append(u.out, ',')
		}
		if !u.value(depth + 1) {
			u.out = append(u.out, "null"...)
		}
	}
	u.out = append(u.out, ']')
}

func (u *unpacker) object(n uint64, depth int) {
	u.out = append(u.out, '{')
	begin := len(u.out)
	for ; n > 0 && u.err == nil; n-- {
		end := len(u.out)
		if end > begin {
			u.out = append(u.out, ',')
		}
		u.key()
		u.out = append(u.out, ':')
		if !u.value(depth + 1) {
			u.out = u.out[:end]
		}
	}
	u.out = append(u.out, '}')
}

func (u *unpacker) key() {
	v := u.next()
	switch v.kind {
	case kindText:
		u.out = appendQuoted(u.out, v.bytes)
	case kindUint:
		u.out = append(strconv.AppendUint(append(u.out, '"'), v.n, 10), '"')
	case kindInt:
		u.out = append(strconv.AppendInt(append(u.out, '"'), int64(v.n), 10), '"') //nolint:gosec // the sign is in it
	default:
		u.fail(ErrMsgpack)
	}
}

// attach writes a placeholder.
func (u *unpacker) attach(p []byte) {
	if len(u.attachments) >= u.most {
		u.fail(ErrAttachments)
		return
	}
	u.out = append(u.out, `{"_placeholder":true,"num":`...)
	u.out = append(strconv.AppendInt(u.out, int64(len(u.attachments)), 10), '}')
	u.attachments = append(u.attachments, p)
}

// data reads the packet's data, nil if there is none.
func (u *unpacker) data() (data []byte, attachments [][]byte) {
	begin := len(u.out)
	u.attachments = nil
	if defined := u.value(0); !defined || string(u.out[begin:]) == "null" {
		return nil, nil
	}
	return u.out[begin:len(u.out):len(u.out)], u.attachments
}

// skip reads a member that nobody asks for.
func (u *unpacker) skip() {
	end, attachments := len(u.out), u.attachments
	u.attachments = nil
	u.value(0)
	u.out, u.attachments = u.out[:end], attachments
}

// integer reads one from 0 to most, or -1 if there is none.
func (u *unpacker) integer(most int64, wrong error) int64 {
	v := u.next()
	n := int64(-1)
	switch v.kind {
	case kindNil, kindUndefined:
		return n
	case kindUint, kindInt:
		n = int64(v.n) //nolint:gosec // one too large is below zero
	case kindFloat:
		if n = int64(v.float); float64(n) != v.float {
			n = -1
		}
	}
	if n < 0 || n > most {
		u.fail(wrong)
	}
	return n
}

// namespace reads the name of one, which could not be said in text if there were a comma in it.
func (u *unpacker) namespace() string {
	v := u.next()
	name := string(bytes.ToValidUTF8(v.bytes, []byte("\ufffd")))
	if v.kind != kindText || len(name) > maxNamespace || !strings.HasPrefix(name, "/") || strings.Contains(name, ",") {
		u.fail(ErrNamespace)
	}
	return name
}

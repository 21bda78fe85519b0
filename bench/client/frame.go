package main

// This file holds the frames: those that the client sends, made once and only marked anew, and a decoder of those that come back.

import (
	"encoding/binary"
	"errors"
	"strings"
)

const (
	opText, opBinary           = 1, 2
	opClose, opPing, opPong    = 8, 9, 10
	maxControl                 = 125 // bytes of a control frame's payload, RFC 6455 section 5.5
	lenTwo, lenEight, fin, bit = 126, 127, 0x80, 0x80
)

// maskKey masks every frame. A key that changes would cost the client, and a server can't tell.
var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// mark is what tells messages apart: the first two bytes of their text and its last.
type mark [3]byte

// letters are as many as maxDepth, and none that JSON would escape.
const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

// letter is the same for n and n+64.
func letter(n int) byte { return letters[n&63] }

// number returns the number below 64 that a letter stands for, or -1.
func number(letter byte) int { return strings.IndexByte(letters, letter) }

// envelope is what stands around the text of a message.
type envelope struct{ before, behind string }

// wrap returns a payload with size bytes of ASCII within e.
func (e envelope) wrap(size int) []byte {
	const filler = "room=lobby from=alice text=the quick brown fox jumps over the lazy dog, and the dog lets it be; "
	text := strings.Repeat(filler, size/len(filler)+1)[:size]
	return []byte(e.before + text + e.behind)
}

// marks returns where in that payload the bytes of a mark stand.
func (e envelope) marks(size int) [3]int {
	first := len(e.before)
	return [...]int{first, first + 1, first + size - 1}
}

// template is a data frame, masked.
type template struct {
	envelope
	bytes   []byte
	payload int // where it begins
	size    int // of the payload
	marks   [3]int
}

// newTemplate returns a frame with size bytes of text.
func newTemplate(op byte, e envelope, size int) *template {
	payload := e.wrap(size)
	frame := appendFrame(nil, op, payload)
	return &template{e, frame, len(frame) - len(payload), len(payload), e.marks(size)}
}

// mark writes m into the payload, and returns the frame.
func (t *template) mark(m mark) []byte {
	for i, at := range t.marks {
		t.bytes[t.payload+at] = m[i] ^ maskKey[at&3]
	}
	return t.bytes
}

// markOf returns the mark of a message that came, and reports whether what stands around the text is as it was sent.
func (t *template) markOf(m *message) (_ mark, ok bool) {
	first, last := len(t.before), len(m.tail)-1-len(t.behind)
	ok = m.size == t.size && string(m.head[:first]) == t.before && string(m.tail[last+1:]) == t.behind
	return mark{m.head[first], m.head[first+1], m.tail[last]}, ok
}

// appendFrame appends a masked frame: RFC 6455 section 5.2.
func appendFrame(b []byte, op byte, payload []byte) []byte {
	b = append(b, fin|op)
	switch n := len(payload); {
	case n < lenTwo:
		b = append(b, bit|byte(n)) //nolint:gosec // below 126
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, bit|lenTwo), uint16(n)) //nolint:gosec // it was asked
	default:
		b = binary.BigEndian.AppendUint64(append(b, bit|lenEight), uint64(n))
	}
	b = append(b, maskKey[:]...)
	for i, x := range payload {
		b = append(b, x^maskKey[i&3])
	}
	return b
}

// message is what is known of a message that came.
type message struct {
	op      byte
	size    int
	head    [24]byte // its first bytes
	tail    [4]byte  // its last
	control []byte   // the payload of a control frame, until the decoder goes on
}

var (
	errMasked   = errors.New("a frame of the server is masked: RFC 6455 section 5.1")
	errReserved = errors.New("a frame has a reserved bit set, and no extension was agreed")
	errOrder    = errors.New("a fragment where none belongs, or none where one does")
	errControl  = errors.New("a control frame that is fragmented, or of more than 125 bytes")
)

// decoder follows a server's bytes, however they are cut. It keeps nothing of a message but its beginning and its end.
type decoder struct {
	head    [10]byte
	have    int  // bytes of head that are there
	inside  bool // of a frame: the head is whole
	left    int  // bytes of payload to come
	open    bool // a message is not whole
	data    message
	control message
	kept    [maxControl]byte // the payload of control
}

// next follows p up to the end of a message, or of p. It returns how many bytes that was, and the message if it is whole.
func (d *decoder) next(p []byte) (n int, m *message, err error) {
	for {
		if !d.inside {
			k, err := d.readHead(p[n:])
			if n += k; err != nil || !d.inside {
				return n, nil, err
			}
		}
		k := min(d.left, len(p)-n)
		d.payload(p[n : n+k])
		n += k
		if d.left > 0 {
			return n, nil, nil
		}
		ended := d.head[0]&fin != 0
		control := d.head[0]&8 != 0
		d.inside, d.have = false, 0
		if control {
			return n, &d.control, nil
		}
		if d.open = !ended; ended {
			return n, &d.data, nil
		}
	}
}

// readHead takes the head of a frame from p, or what there is of it.
func (d *decoder) readHead(p []byte) (n int, err error) {
	for {
		size := d.headSize()
		k := copy(d.head[d.have:size], p[n:])
		d.have += k
		n += k
		if d.have < size {
			return n, nil
		}
		if size == d.headSize() {
			return n, d.begin()
		}
	}
}

// headSize returns how long the head is, as far as is known.
func (d *decoder) headSize() int {
	switch {
	case d.have < 2 || d.head[1]&0x7f < lenTwo:
		return 2
	case d.head[1]&0x7f == lenTwo:
		return 4
	}
	return 10
}

// begin looks at a whole head.
func (d *decoder) begin() error {
	switch n := d.head[1]; {
	case n&bit != 0:
		return errMasked
	case n == lenTwo:
		d.left = int(binary.BigEndian.Uint16(d.head[2:]))
	case n == lenEight:
		d.left = int(binary.BigEndian.Uint64(d.head[2:])) //nolint:gosec // the size of what was sent is expected, and nothing is allocated
	default:
		d.left = int(n)
	}
	op := d.head[0] & 15
	switch {
	case d.head[0]&0x70 != 0:
		return errReserved
	case op&8 != 0:
		if d.head[0]&fin == 0 || d.left > maxControl {
			return errControl
		}
		d.control = message{op: op, control: d.kept[:0]}
	case (op == 0) != d.open:
		return errOrder
	case op != 0:
		d.data = message{op: op}
	}
	d.inside = true
	return nil
}

// payload takes some of the payload.
func (d *decoder) payload(p []byte) {
	d.left -= len(p)
	if len(p) == 0 {
		return
	}
	if d.head[0]&8 != 0 {
		d.control.control = append(d.control.control, p...)
		return
	}
	m := &d.data
	if m.size < len(m.head) {
		copy(m.head[m.size:], p)
	}
	n := copy(m.tail[:], m.tail[min(len(p), len(m.tail)):])
	copy(m.tail[n:], p[max(0, len(p)-len(m.tail)):])
	m.size += len(p)
}

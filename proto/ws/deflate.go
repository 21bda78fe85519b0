package ws

// This file holds the sending half of permessage-deflate (RFC 7692 section 7.2.1) and the pools that both halves share.
//
// A streaming compressor would cost a megabyte a connection. Instead each message is compressed by itself, with the last
// KiB that this peer was sent as its dictionary: to the peer that is an ordinary stream with context takeover,
// to us it is one KiB a connection.

import (
	"sync"

	"github.com/klauspost/compress/flate"
)

// DeflateParams are the parameters of permessage-deflate that a handshake agreed on (RFC 7692 section 7.1).
type DeflateParams struct {
	ServerNoContextTakeover bool
	ClientNoContextTakeover bool
	ServerMaxWindowBits     int // 8 to 15
	ClientMaxWindowBits     int // 8 to 15
}

const (
	maxWindowBits = 15
	maxTail       = 1 << 10 // bytes of dictionary kept for each connection that sends with takeover
)

// deflateSend is the sending half: what a connection keeps between messages.
type deflateSend struct {
	takeover bool
	window   int    // bytes that a back reference may span
	level    int    // 0: stateless; 1 to 9: as in compress/flate
	tail     []byte // the end of what was compressed for this peer; nil without takeover
}

// compressor is what compressing needs only while it runs.
type compressor struct {
	buf []byte
	w   *flate.Writer // nil for level 0
}

// Write gathers what the compressor puts out.
func (z *compressor) Write(p []byte) (int, error) {
	z.buf = append(z.buf, p...)
	return len(p), nil
}

// The pools that DESIGN grants to this file: what they lend is needed only inside one message.
var (
	compressors [10]sync.Pool // by level
	inflaters   = sync.Pool{New: func() any { return new(inflater) }}
)

// maxPooled is the largest output buffer that goes back to the pool, in bytes.
const maxPooled = 64 << 10

func takeCompressor(level int) *compressor {
	if z, ok := compressors[level].Get().(*compressor); ok {
		return z
	}
	z := new(compressor)
	if level > 0 {
		z.w, _ = flate.NewWriter(z, level) // errs only for levels that Config does not take
	}
	return z
}

func (z *compressor) release(level int) {
	if cap(z.buf) > maxPooled {
		z.buf = nil
	}
	if z.w != nil {
		z.w.ResetDict(z, nil) // forget the connection's bytes
	}
	z.buf = z.buf[:0]
	compressors[level].Put(z)
}

// compress appends to z.buf the compressed form of p, which goes on after dict, up to a byte boundary.
// What it appends ends with 00 00 FF FF.
func (z *compressor) compress(p, dict []byte) {
	if z.w == nil {
		_ = flate.StatelessDeflate(z, p, false, dict) // errs only when Write does
		return
	}
	z.w.ResetDict(z, dict)
	_, _ = z.w.Write(p)
	_ = z.w.Flush()
}

// message compresses p, a message or, if not fin, a fragment of one, into z.buf. The tail of 00 00 FF FF is cut off
// where a message ends (RFC 7692 section 7.2.1).
func (d *deflateSend) message(z *compressor, p []byte, fin bool) {
	z.buf = z.buf[:0]
	dict := d.tail
	for rest := p; len(rest) > 0; {
		chunk := rest
		if d.window < 1<<maxWindowBits {
			// Dictionary and chunk together span no more than the window, so neither does any back reference.
			chunk = rest[:min(len(rest), d.window/2)]
			dict = dict[max(0, len(dict)-d.window/2):]
		}
		z.compress(chunk, dict)
		done := len(p) - len(rest) + len(chunk)
		dict, rest = p[max(0, done-maxTail):done], rest[len(chunk):]
	}
	if !fin {
		return
	}
	if len(z.buf) == 0 {
		z.buf = append(z.buf, 0) // RFC 7692 section 7.2.3.6
		return
	}
	z.buf = z.buf[:len(z.buf)-4]
}

// remember takes p into the dictionary: the peer has it in its window now.
func (d *deflateSend) remember(p []byte) {
	if !d.takeover {
		return
	}
	size := min(maxTail, d.window)
	if len(p) >= size {
		d.tail = append(d.tail[:0], p[len(p)-size:]...)
		return
	}
	if d.tail == nil {
		d.tail = make([]byte, 0, size)
	}
	if over := len(d.tail) + len(p) - size; over > 0 {
		d.tail = d.tail[:copy(d.tail, d.tail[over:])]
	}
	d.tail = append(d.tail, p...)
}

// deflateRecv is the receiving half: what a connection keeps between messages, and the inflater that it
// borrows while a compressed message is coming (RFC 7692 section 7.2.2).
type deflateRecv struct {
	takeover bool
	window   int    // bytes that a back reference may span
	history  []byte // the end of what came compressed; nil without takeover
	active   bool   // the message that is coming is compressed
	taken    int64  // bytes of it, compressed
	z        *inflater
	tail     tailState
	ended    bool // z is to go back at the next step: an Event still aliases its window
}

// tailState says whether the bytes that the sender cut off the end of a message were put back.
type tailState uint8

const (
	tailLater tailState = iota // the message goes on
	tailDue                    // what was fed ends it
	tailFed
)

// deflateTail is what the sender cut off (RFC 7692 section 7.2.1).
var deflateTail = []byte{0x00, 0x00, 0xFF, 0xFF}

// feed takes payload of the message; last: it ends there.
func (d *deflateRecv) feed(p []byte, last bool) {
	if d.z == nil {
		d.z = inflaters.Get().(*inflater) //nolint:errcheck,forcetypeassert // the pool makes nothing else
		d.z.reset(d.history, d.window)
	}
	d.tail = tailLater
	if last {
		d.tail = tailDue
	}
	d.z.feed(p)
}

// next returns the next piece of what was fed; more: there may be another.
func (d *deflateRecv) next() (out []byte, more bool, err error) {
	out, more, err = d.z.next()
	switch {
	case err != nil || more || d.tail == tailLater:
		return out, more, err
	case d.tail == tailDue:
		d.tail = tailFed
		d.z.feed(deflateTail)
		return out, true, nil
	}
	return out, false, d.z.finish()
}

// end is called where the message ends.
func (d *deflateRecv) end() {
	if d.takeover && d.z != nil {
		d.history = d.z.history(d.history[:0], d.window)
	}
	d.ended, d.active = true, false
}

// release gives the inflater of an ended message back. It is called when no Event can alias it any more.
func (d *deflateRecv) release() {
	if d.ended {
		d.drop()
	}
}

func (d *deflateRecv) drop() {
	if d.z != nil {
		inflaters.Put(d.z)
		d.z = nil
	}
	d.ended, d.active = false, false
}

// This file decompresses DEFLATE (RFC 1951) that arrives in pieces, as the messages of permessage-deflate do (RFC 7692).

package ws

import "encoding/binary"

// An inflateError is a fault in compressed data: the peer's mistake.
type inflateError string

func (e inflateError) Error() string { return string(e) }

const (
	errBlockType   inflateError = "reserved block type"
	errStoredLen   inflateError = "length of a stored block contradicts itself"
	errTooManyCode inflateError = "more codes than the format has"
	errLengthCode  inflateError = "code for code lengths is over-subscribed or incomplete"
	errRepeat      inflateError = "repeated code length without a previous one or past the last"
	errNoEnd       inflateError = "block without a code for its end"
	errCode        inflateError = "code is over-subscribed or incomplete"
	errSymbol      inflateError = "code without a meaning"
	errDistance    inflateError = "distance beyond the window"
	errTruncated   inflateError = "compressed message ends too early"
)

const (
	maxWindow  = 32 << 10 // RFC 1951: no distance is longer
	inflateBuf = 2 * maxWindow

	// Decoding stops short of the end of the buffer: a turn of the fast loop writes at most 15 literals and a match
	// of 258 bytes, or 54 literals; a symbol after it may be a match, too; copying it touches 15 bytes behind it.
	inflateFull = inflateBuf - 640
)

// inflatePhase says what the next bits of the stream are.
type inflatePhase uint8

const (
	inflateHeader  inflatePhase = iota // the three bits that every block starts with
	inflateLen                         // LEN and NLEN of a stored block
	inflateStored                      // bytes of a stored block
	inflateCounts                      // HLIT, HDIST and HCLEN of a dynamic block
	inflatePre                         // lengths of the code that code lengths are written in
	inflateLengths                     // code lengths
	inflateSymbols                     // literals and matches
)

// An inflater decodes the DEFLATE data of one message after another. It is a machine that is fed bytes in any
// cuts and can be left at every one of them:
//
//	z.reset(history, window)
//	z.feed(payload)                  // any number of times; after each, next until there is no more
//	z.feed(00 00 ff ff)              // what the sender took off: RFC 7692, section 7.2.1
//	err := z.finish()
//	history = z.history(nil, window) // if the next message may refer to this one
//
// Every step is taken whole or not at all: the longest, a length with its distance, needs 48 bits, which the bit
// buffer holds. So nothing is ever half decoded.
//
// It never allocates, runs in time linear in input plus output, and weighs 72 KiB: 64 KiB of window (32 KiB of
// history, room for as much output) and the tables of one dynamic block. The zero value wants a reset. Not for
// use by several goroutines at once.
type inflater struct {
	in    []byte // fed and not looked at yet
	bits  uint64 // looked at and not consumed: the low nbits; the others are 0
	nbits uint

	phase inflatePhase
	final bool  // BFINAL of the block that is being read
	fresh bool  // this block, or the one to come, is the first of the message or the first behind a final one
	err   error // sticky

	window int // the furthest that a match may reach back
	w      int // buf[:w] is history and output

	stored      int  // bytes of a stored block that are still to come
	nlit, ndist int  // lengths to read for a dynamic block
	npre, n     int  // lengths of the length code; how many lengths have been read
	preIndex    uint // bits that index pre, lit, dist
	litIndex    uint
	distIndex   uint
	lit         *litTable // fixedLit or &dynLit
	dist        *distTable
	lengths     [litSymbols + distSymbols]uint8
	pre         preTable
	dynLit      litTable
	dynDist     distTable
	buf         [inflateBuf]byte
}

// reset starts a message. Matches may reach back into history, of which the last 32 KiB are copied, and never
// further than window bytes.
func (z *inflater) reset(history []byte, window int) {
	z.in, z.bits, z.nbits = nil, 0, 0
	z.phase, z.final, z.fresh, z.err = inflateHeader, false, true, nil
	z.window = min(window, maxWindow)
	z.w = copy(z.buf[:], history[max(0, len(history)-maxWindow):])
}

// feed takes the next compressed bytes of the message. The earlier ones must be used up: next has said so.
// p is kept until next has used it up, too.
func (z *inflater) feed(p []byte) { z.in = p }

// next decodes on and returns the next piece of output, at most 64 KiB, valid until the following call.
// If more is false, everything fed is used up. After an error, which comes with the output before it, the
// message is lost.
func (z *inflater) next() (out []byte, more bool, err error) {
	if z.err != nil {
		return nil, false, z.err
	}
	if z.w > inflateFull {
		z.w = copy(z.buf[:maxWindow], z.buf[z.w-maxWindow:z.w])
	}
	from := z.w
	for z.step() {
		if z.w > inflateFull {
			return z.buf[from:z.w], true, nil
		}
	}
	z.in = nil
	return z.buf[from:z.w], false, z.err
}

// finish is called when all of the message and its tail is used up. It fails if the message does not end between
// two blocks and on a whole byte.
//
// A last block with BFINAL is followed by a zero byte, so that the tail makes it an empty stored block (RFC 7692,
// section 7.2.3.4). Senders that leave it out, or send nothing at all for an empty message, are understood: then
// the tail alone stands where a block may begin, its first byte taken as a header and the others as lengths.
func (z *inflater) finish() error {
	tailOnly := z.fresh && z.phase == inflateLen && z.nbits == 24 && z.bits == 0xffff00
	if z.err == nil && !tailOnly && (z.phase != inflateHeader || z.nbits != 0) {
		z.err = errTruncated
	}
	return z.err
}

// history appends the last n bytes of output, and of history before it, to dst. There may be fewer, and never
// more than 32 KiB.
func (z *inflater) history(dst []byte, n int) []byte {
	n = max(0, min(n, z.w, maxWindow))
	return append(dst, z.buf[z.w-n:z.w]...)
}

// step takes one step. It reports false if it needs more input than there is, or failed.
func (z *inflater) step() bool {
	switch z.phase {
	case inflateHeader:
		return z.header()
	case inflateLen:
		return z.storedLen()
	case inflateStored:
		return z.copyStored()
	case inflateCounts:
		return z.counts()
	case inflatePre:
		return z.preLengths()
	case inflateLengths:
		return z.codeLengths()
	default:
		return z.symbols()
	}
}

// fail ends the message.
func (z *inflater) fail(err inflateError) bool {
	z.err = err
	return false
}

// refill moves bytes into the bit buffer until it holds at least 56 bits or the input is used up.
func (z *inflater) refill() {
	if len(z.in) >= 8 {
		n := (63 - z.nbits) >> 3 // whole bytes that fit
		word := binary.LittleEndian.Uint64(z.in) & (1<<(n*8) - 1)
		z.bits |= word << z.nbits
		z.in = z.in[n:]
		z.nbits += n * 8
		return
	}
	for z.nbits <= 56 && len(z.in) > 0 {
		z.bits |= uint64(z.in[0]) << z.nbits
		z.in = z.in[1:]
		z.nbits += 8
	}
}

// has reports whether n bits can be taken.
func (z *inflater) has(n uint) bool {
	if z.nbits < n {
		z.refill()
	}
	return z.nbits >= n
}

// take consumes n bits, which the bit buffer holds.
func (z *inflater) take(n uint) uint {
	v := uint(z.bits & (1<<n - 1))
	z.bits >>= n
	z.nbits -= n
	return v
}

// header begins a block: RFC 1951, section 3.2.3.
func (z *inflater) header() bool {
	if !z.has(3) {
		return false
	}
	z.final = z.take(1) == 1
	switch z.take(2) {
	case 0:
		z.phase = inflateLen
	case 1:
		z.lit, z.litIndex = fixedLit, fixedLitIndex
		z.dist, z.distIndex = fixedDist, fixedDistIndex
		z.phase = inflateSymbols
	case 2:
		z.phase = inflateCounts
	default:
		return z.fail(errBlockType)
	}
	return true
}

// endBlock goes on to the next block. Behind a final one another stream may follow; it starts on a whole byte.
func (z *inflater) endBlock() {
	z.phase, z.fresh = inflateHeader, z.final
	if z.final {
		z.take(z.nbits & 7)
	}
}

// storedLen reads how long a stored block is: RFC 1951, section 3.2.4.
func (z *inflater) storedLen() bool {
	z.take(z.nbits & 7)
	if !z.has(32) {
		return false
	}
	n, not := z.take(16), z.take(16)
	if n^not != 0xffff {
		return z.fail(errStoredLen)
	}
	z.stored, z.phase = int(n), inflateStored
	return true
}

// copyStored copies what there is of a stored block, first what the bit buffer has taken in already.
func (z *inflater) copyStored() bool {
	for z.stored > 0 && z.nbits > 0 && z.w < len(z.buf) {
		z.buf[z.w] = byte(z.take(8))
		z.w++
		z.stored--
	}
	if z.nbits == 0 {
		n := copy(z.buf[z.w:], z.in[:min(len(z.in), z.stored)])
		z.in = z.in[n:]
		z.w += n
		z.stored -= n
	}
	if z.stored > 0 {
		return z.w == len(z.buf)
	}
	z.endBlock()
	return true
}

// This file decodes what a compressed block consists of: literals and matches (RFC 1951, section 3.2.5).

package ws

import "encoding/binary"

// symbols decodes until the block ends, the input is used up or the buffer is full.
func (z *inflater) symbols() bool {
	for z.phase == inflateSymbols && z.w <= inflateFull {
		if len(z.in) >= 8 {
			z.fast()
		}
		if !z.symbol() {
			return false
		}
	}
	return true
}

// symbol decodes one literal, match or end of block, if all of its bits are there. Missing bits count as 0 and
// may lead to an entry; it is the right one if it needs no more bits than there are.
func (z *inflater) symbol() bool {
	z.refill()
	e := z.lit[z.bits&(1<<z.litIndex-1)]
	if e&entryLink != 0 {
		e = z.lit[e.follow(z.bits, z.litIndex)]
	}
	if e.width() > z.nbits {
		return false
	}
	switch {
	case e&entryLiteral != 0:
		z.take(e.width())
		z.buf[z.w] = byte(e.value())
		z.w++
		return true
	case e&entryEnd != 0:
		z.take(e.width())
		z.endBlock()
		return true
	case e&entryBad != 0:
		return z.fail(errSymbol)
	}
	rest := z.bits >> e.width()
	d := z.dist[rest&(1<<z.distIndex-1)]
	if d&entryLink != 0 {
		d = z.dist[d.follow(rest, z.distIndex)]
	}
	if e.width()+d.width() > z.nbits {
		return false
	}
	if d&entryBad != 0 {
		return z.fail(errSymbol)
	}
	length, distance := int(e.value()+e.extra(z.bits)), int(d.value()+d.extra(rest))
	if distance > min(z.w, z.window) {
		return z.fail(errDistance)
	}
	z.take(e.width() + d.width())
	copyMatch(&z.buf, z.w, distance, length)
	z.w += length
	return true
}

// fast does what symbol does, over and over, while there are 8 bytes of input and room for what a turn writes. It
// stops in front of an end of block and of whatever is wrong, for symbol to see. In here the bit buffer may hold
// more bits than n counts; they are those that the next word brings again.
func (z *inflater) fast() {
	in, i := z.in, 0
	b, n := z.bits, z.nbits
	lit, litIndex, litMask := z.lit, z.litIndex, uint64(1)<<z.litIndex-1
	dist, distIndex, distMask := z.dist, z.distIndex, uint64(1)<<z.distIndex-1
	buf, w := &z.buf, z.w

loop:
	for i <= len(in)-8 && w <= inflateFull {
		b |= binary.LittleEndian.Uint64(in[i:]) << (n & 63)
		i += int((63 - n) >> 3)
		n |= 56

		e := lit[b&litMask]
		for e&entryLiteral != 0 {
			b, n = b>>e.width(), n-e.width()
			buf[w] = byte(e.value())
			w++
			if n < litBits {
				continue loop
			}
			e = lit[b&litMask]
		}
		if n < matchBits {
			continue
		}
		if e&(entryLink|entryEnd|entryBad) != 0 {
			if e&entryLink != 0 {
				e = lit[e.follow(b, litIndex)]
			}
			if e&entryLiteral != 0 {
				b, n = b>>e.width(), n-e.width()
				buf[w] = byte(e.value())
				w++
				continue
			}
			if e&(entryEnd|entryBad) != 0 {
				break
			}
		}

		rest := b >> e.width()
		d := dist[rest&distMask]
		if d&entryLink != 0 {
			d = dist[d.follow(rest, distIndex)]
		}
		length, distance := int(e.value()+e.extra(b)), int(d.value()+d.extra(rest))
		if d&entryBad != 0 || distance > w || distance > z.window {
			break
		}
		b, n = rest>>d.width(), n-e.width()-d.width()
		if distance >= 16 {
			end := w + length
			for from := w - distance; w < end; w, from = w+16, from+16 {
				*(*[16]byte)(buf[w:]) = *(*[16]byte)(buf[from:])
			}
			w = end
		} else {
			copyMatch(buf, w, distance, length)
			w += length
		}
	}
	z.in, z.bits, z.nbits, z.w = in[i:], b&(1<<n-1), n, w
}

// copyMatch writes a match of the given length at buf[w:]. It may write up to 15 bytes more.
func copyMatch(buf *[inflateBuf]byte, w, distance, length int) {
	from, end := w-distance, w+length
	if distance >= 16 {
		for ; w < end; w, from = w+16, from+16 {
			*(*[16]byte)(buf[w:]) = *(*[16]byte)(buf[from:])
		}
		return
	}
	if distance >= 8 {
		for ; w < end; w, from = w+8, from+8 {
			*(*[8]byte)(buf[w:]) = *(*[8]byte)(buf[from:])
		}
		return
	}
	// Spread the few bytes that repeat over a whole word, and step by as many of its bytes as are a multiple of them.
	shift := uint(distance) * 8
	word := binary.LittleEndian.Uint64(buf[from:]) & (1<<shift - 1)
	for ; shift < 64; shift *= 2 {
		word |= word << shift
	}
	for step := int(stride[distance&7]); w < end; w += step {
		binary.LittleEndian.PutUint64(buf[w:], word)
	}
}

// stride is the largest multiple of each distance that is at most 8.
var stride = [8]uint8{0, 8, 8, 6, 8, 5, 6, 7}

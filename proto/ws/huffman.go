// This file builds the lookup tables that the inflater decodes Huffman codes with.

package ws

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// A prefixEntry is what a lookup table says about the next bits of the stream:
//
//	bits 0-5    how many bits to consume: the code and its extra bits
//	bits 8-11   how many of them are the code
//	bits 12-15  what it is: a literal, an end of block, a link, a code nobody may use; none of them: a base value
//	bits 16-31  the literal, the base of a length or distance, or where the linked subtable starts
//
// A link is found where codes are longer than the table's index. Its bits 0-5 then say how many bits the
// table is indexed with, and its bits 8-11 how many index the subtable. Entries of a subtable count the whole code.
type prefixEntry uint32

const (
	entryLiteral prefixEntry = 1 << 12
	entryEnd     prefixEntry = 1 << 13
	entryLink    prefixEntry = 1 << 14
	entryBad     prefixEntry = 1 << 15
)

// width is how many bits to consume.
func (e prefixEntry) width() uint { return uint(e & 63) }

// value is the literal, the base or the start of a subtable.
func (e prefixEntry) value() uint { return uint(e >> 16) }

// extra is the number that the extra bits in b, which starts with the code, stand for.
func (e prefixEntry) extra(b uint64) uint {
	return uint(b & (1<<(e&63) - 1) >> (e >> 8 & 15))
}

// follow is where in the table the code in b stands to which the link e leads; index is the table's.
func (e prefixEntry) follow(b uint64, index uint) uint {
	return e.value() + uint(b>>(index&15)&(1<<(e>>8&15)-1))
}

// Sizes of the three alphabets and of their tables. A longer index decodes more codes with one lookup and takes
// longer to fill. The tables are as large as the worst code of 15 bits makes them, subtables included: for 286 symbols
// and an index of 10 bits that is 1332 entries, for 30 symbols and 8 bits 400, as zlib's examples/enough.c counts them.
const (
	maxSymbols  = 288 // of any alphabet; the fixed codes have two more than may be used
	litSymbols  = 286 // literals, end of block and lengths that a dynamic block may use
	distSymbols = 30  // distances that a dynamic block may use
	preSymbols  = 19  // the code that code lengths are written in

	litBits  = 10
	distBits = 8
	preBits  = 7

	maxCodeBits = 15
	matchBits   = 48 // the longest match: 15 + 5 bits for its length, 15 + 13 for its distance
)

type (
	litTable  [1332]prefixEntry
	distTable [400]prefixEntry
	preTable  [1 << preBits]prefixEntry
)

// What each symbol means, as an entry that wants only the length of its code: RFC 1951, section 3.2.5.
var (
	litMeaning  = makeLitMeaning()
	distMeaning = makeDistMeaning()
	preMeaning  = makePreMeaning()
)

// The tables of blocks with fixed Huffman codes, which nobody writes to: RFC 1951, section 3.2.6.
var fixedLit, fixedDist = makeFixed()

func makeLitMeaning() (m [maxSymbols]prefixEntry) {
	for i := range 256 {
		m[i] = entryLiteral | prefixEntry(i)<<16
	}
	m[256] = entryEnd
	base := 3
	for i := range 28 {
		extra := max(0, i/4-1)
		m[257+i] = prefixEntry(base<<16 | extra)
		base += 1 << extra
	}
	m[285] = 258 << 16
	m[286], m[287] = entryBad, entryBad
	return m
}

func makeDistMeaning() (m [32]prefixEntry) {
	base := 1
	for i := range distSymbols {
		extra := max(0, i/2-1)
		m[i] = prefixEntry(base<<16 | extra)
		base += 1 << extra
	}
	m[30], m[31] = entryBad, entryBad
	return m
}

// makePreMeaning gives each symbol of the code length alphabet as its own value; 16 to 18 take extra bits.
func makePreMeaning() (m [preSymbols]prefixEntry) {
	for i := range m {
		m[i] = prefixEntry(i << 16)
	}
	m[16] |= 2
	m[17] |= 3
	m[18] |= 7
	return m
}

func makeFixed() (lit *litTable, dist *distTable) {
	lit, dist = new(litTable), new(distTable)
	buildPrefix(lit[:], litBits, fixedLengths(), litMeaning[:])
	buildPrefix(dist[:], distBits, bytes.Repeat([]byte{fixedDistIndex}, len(distMeaning)), distMeaning[:])
	return lit, dist
}

// fixedLengths are the lengths of the fixed code for literals and lengths.
func fixedLengths() []uint8 {
	l := bytes.Repeat([]byte{8}, maxSymbols)
	for s := 144; s < 256; s++ {
		l[s] = 9
	}
	for s := 256; s < 280; s++ {
		l[s] = 7
	}
	return l
}

const (
	fixedLitIndex  = 9 // bits: the longest fixed code
	fixedDistIndex = 5
)

// prefixKind says how complete a set of code lengths is.
type prefixKind uint8

const (
	prefixWrong    prefixKind = iota // over-subscribed, or incomplete with more than one code
	prefixEmpty                      // no code at all
	prefixSingle                     // one code of one bit; the other bit is unassigned
	prefixComplete                   // every sequence of bits is some code
)

// A prefixCode is a canonical code: RFC 1951, section 3.2.2.
type prefixCode struct {
	count   [maxCodeBits + 1]int // how many codes have each length; none has length 0
	longest uint
	sorted  [maxSymbols]uint16 // the symbols that have a code, shortest code first
	n       int                // how many
}

// buildPrefix fills table for the code whose lengths, each at most 15, are given. It returns how many bits
// the table is indexed with, at most maxIndex. A table of any kind but prefixWrong may be used: bits that are
// unassigned are then entryBad.
func buildPrefix(table []prefixEntry, maxIndex uint, lengths []uint8, meaning []prefixEntry) (index uint, kind prefixKind) {
	var c prefixCode
	kind = c.sort(lengths)
	switch kind {
	case prefixWrong:
		return 0, kind
	case prefixEmpty, prefixSingle:
		table[0], table[1] = entryBad|1<<8|1, entryBad|1<<8|1
		index = 1
	case prefixComplete:
		index = min(c.longest, maxIndex)
	}
	c.fill(table, index, meaning)
	return index, kind
}

// sort puts the symbols in the order of their codes.
func (c *prefixCode) sort(lengths []uint8) prefixKind {
	var used [maxSymbols]uint16
	for s := 0; s < len(lengths); s++ {
		// In a short message most symbols have no code, and most of these stand side by side.
		if s+8 <= len(lengths) && binary.LittleEndian.Uint64(lengths[s:]) == 0 {
			s += 7
			continue
		}
		l := lengths[s] & maxCodeBits
		c.count[l]++
		used[c.n] = uint16(s)
		c.n += int(min(l, 1))
	}
	c.count[0] = 0

	// Where the symbols of each length start, and how much of the code space they take.
	var start [maxCodeBits + 2]int
	space := 0
	for l := uint(1); l <= maxCodeBits; l++ {
		start[l+1] = start[l] + c.count[l]
		space += c.count[l] << (maxCodeBits - l)
		if c.count[l] > 0 {
			c.longest = l
		}
	}
	for _, s := range used[:c.n] {
		l := lengths[s] & maxCodeBits
		c.sorted[start[l]] = s
		start[l]++
	}
	switch {
	case space == 1<<maxCodeBits:
		return prefixComplete
	case c.n == 0:
		return prefixEmpty
	case c.n == 1 && c.longest == 1:
		return prefixSingle
	}
	return prefixWrong
}

// fill writes the entries of all symbols and uses the counts up. Codes are counted bit-reversed, as the stream has them.
func (c *prefixCode) fill(table []prefixEntry, index uint, meaning []prefixEntry) {
	code, next := uint(0), 0
	for l := uint(1); l <= index; l++ {
		for ; c.count[l] > 0; c.count[l]-- {
			table[code] = meaning[c.sorted[next]] + prefixEntry(l<<8|l)
			next++
			code = nextCode(code, l)
		}
		// What l bits decide holds for both values of the next bit. Slots that are unset yet are set by a longer code.
		if l < index {
			copy(table[1<<l:2<<l], table[:1<<l])
		}
	}
	mask := uint(1)<<index - 1
	prefix, base, free, width := mask+1, uint(0), mask+1, uint(0)
	for l := index + 1; l <= c.longest; l++ {
		for ; c.count[l] > 0; c.count[l]-- {
			if code&mask != prefix {
				prefix = code & mask
				width = c.subtableWidth(l, index)
				base, free = free, free+1<<width
				table[prefix] = entryLink | prefixEntry(base<<16|width<<8|index)
			}
			e := meaning[c.sorted[next]] + prefixEntry(l<<8|l)
			next++
			for i := code >> index; i < 1<<width; i += 1 << (l - index) {
				table[base+i] = e
			}
			code = nextCode(code, l)
		}
	}
}

// subtableWidth is how many bits index the subtable whose first code has l bits: as many as the codes
// that still wait need to fill it.
func (c *prefixCode) subtableWidth(l, index uint) uint {
	width, filled := l-index, c.count[l]
	for filled < 1<<width && width+index < c.longest {
		width++
		filled = filled<<1 + c.count[width+index]
	}
	return width
}

// nextCode counts a bit-reversed code of l bits up by one. After the last one it is 0.
func nextCode(code, l uint) uint {
	free := code ^ (1<<l - 1) // the bits that are 0
	if free == 0 {
		return 0
	}
	bit := uint(1) << (bits.Len(free) - 1)
	return code&(bit-1) | bit
}

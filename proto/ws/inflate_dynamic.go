// This file reads the codes that a block with dynamic Huffman codes starts with (RFC 1951, section 3.2.7).

package ws

// counts reads how many code lengths there are.
func (z *inflater) counts() bool {
	if !z.has(14) {
		return false
	}
	z.nlit, z.ndist, z.npre = int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	if z.nlit > litSymbols || z.ndist > distSymbols {
		return z.fail(errTooManyCode)
	}
	z.phase, z.n = inflatePre, 0
	return true
}

// preOrder is the order in which the lengths of the length code come.
var preOrder = [preSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// preLengths reads the length code.
func (z *inflater) preLengths() bool {
	pre := z.lengths[:preSymbols]
	for ; z.n < z.npre; z.n++ {
		if !z.has(3) {
			return false
		}
		pre[preOrder[z.n]] = uint8(z.take(3))
	}
	for _, s := range preOrder[z.npre:] {
		pre[s] = 0
	}
	index, kind := buildPrefix(z.pre[:], preBits, pre, preMeaning[:])
	if kind != prefixComplete {
		return z.fail(errLengthCode)
	}
	z.preIndex = index
	z.phase, z.n = inflateLengths, 0
	return true
}

// codeLengths reads the code lengths of both codes, which are one sequence, and builds the tables.
func (z *inflater) codeLengths() bool {
	all := z.lengths[:z.nlit+z.ndist]
	for z.n < len(all) {
		if z.nbits < preBits+7 {
			z.refill()
		}
		e := z.pre[z.bits&(1<<z.preIndex-1)]
		if e.width() > z.nbits {
			return false
		}
		extra := int(e.extra(z.bits))
		z.take(e.width())
		var value uint8
		times := 1
		switch s := e.value(); s {
		case 16:
			if z.n == 0 {
				return z.fail(errRepeat)
			}
			value, times = all[z.n-1], 3+extra
		case 17:
			times = 3 + extra
		case 18:
			times = 11 + extra
		default:
			value = uint8(s)
		}
		if times > len(all)-z.n {
			return z.fail(errRepeat)
		}
		for range times {
			all[z.n] = value
			z.n++
		}
	}
	return z.buildTables(all[:z.nlit], all[z.nlit:])
}

// buildTables makes the tables of a dynamic block. As in zlib, a single code may have one bit, and a block of
// literals alone needs no code for distances.
func (z *inflater) buildTables(lit, dist []uint8) bool {
	if lit[256] == 0 {
		return z.fail(errNoEnd)
	}
	var kind prefixKind
	if z.litIndex, kind = buildPrefix(z.dynLit[:], litBits, lit, litMeaning[:]); kind == prefixWrong {
		return z.fail(errCode)
	}
	if z.distIndex, kind = buildPrefix(z.dynDist[:], distBits, dist, distMeaning[:]); kind == prefixWrong {
		return z.fail(errCode)
	}
	z.lit, z.dist = &z.dynLit, &z.dynDist
	z.phase = inflateSymbols
	return true
}

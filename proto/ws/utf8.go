package ws

// This file holds the UTF-8 check of text that comes in pieces (RFC 6455 sections 5.6 and 8.1).

import "unicode/utf8"

// utf8Check checks text piece by piece. It fails at the first byte that no valid text can have there,
// wherever the pieces are cut. The zero value is ready.
type utf8Check struct {
	open [utf8.UTFMax]byte // the start of a character that the next piece goes on with
	n    uint8
}

// check takes the next piece, or the last, and reports whether the text can still be valid.
func (u *utf8Check) check(p []byte, last bool) bool {
	if last && u.n == 0 {
		return utf8.Valid(p)
	}
	return u.ok(p) && (!last || u.whole())
}

// ok takes the next piece and reports whether the text can still be valid.
func (u *utf8Check) ok(p []byte) bool {
	for u.n > 0 && len(p) > 0 {
		u.open[u.n] = p[0]
		u.n++
		p = p[1:]
		// FullRune is true for what is complete and for what is already wrong.
		if utf8.FullRune(u.open[:u.n]) {
			if !utf8.Valid(u.open[:u.n]) {
				return false
			}
			u.n = 0
		}
	}
	if len(p) == 0 {
		return true
	}
	// What may be the start of a character at the end waits for more; what stands before it must be whole.
	cut := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if tail := p[len(p)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				cut -= i
			}
			break
		}
	}
	u.n = uint8(copy(u.open[:], p[cut:])) //nolint:gosec // at most 3
	return utf8.Valid(p[:cut])            // no slower than memory for ASCII
}

// whole reports whether the text ends where a character does, and readies u for the next text.
func (u *utf8Check) whole() bool {
	n := u.n
	u.n = 0
	return n == 0
}

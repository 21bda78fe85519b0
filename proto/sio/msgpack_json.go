package sio

// This file holds JSON between two forms of a packet's data: how it is read token by token, and how values are written.

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// token is a piece of JSON: a bracket, a value that has no members, a key, or a placeholder.
type token struct {
	kind byte // the first byte of text, but of a placeholder tokenHeld
	text []byte
	num  int // of the attachment for which a placeholder stands
}

const tokenHeld = 'h'

// tokens goes through JSON that was checked.
type tokens struct {
	data []byte
	at   int
	held []held // the placeholders that are to come
}

// held says where a placeholder stands, and the number of its attachment.
type held struct{ begin, end, num int }

// newTokens checks the data of p.
func newTokens(p *Packet) (*tokens, error) {
	t := &tokens{data: p.Data}
	s := scanner{b: p.Data}
	size := len(p.Data)
	for _, a := range p.Attachments {
		size = max(size, len(a))
	}
	if p.Type == TypeBinaryEvent || p.Type == TypeBinaryAck {
		s.found = func(begin, end, num int) {
			s.wrong = s.wrong || num >= len(p.Attachments)
			t.held = append(t.held, held{begin, end, num})
		}
	}
	switch {
	case uint64(size) > math.MaxUint32 || s.value(0, 0) != len(p.Data):
		return nil, ErrPayload
	case s.wrong:
		return nil, ErrPlaceholder
	}
	return t, nil
}

// next returns the next token. ok is false behind the last.
func (t *tokens) next() (next token, ok bool) {
	for t.at < len(t.data) && separates(t.data[t.at]) {
		t.at++
	}
	if t.at == len(t.data) {
		return token{}, false
	}
	begin := t.at
	next.kind = t.data[begin]
	switch next.kind {
	case '"':
		t.at = (&scanner{b: t.data}).text(begin)
	case '[', ']', '{', '}':
		t.at++
		if len(t.held) > 0 && t.held[0].begin == begin {
			next.kind, next.num, t.at = tokenHeld, t.held[0].num, t.held[0].end
			t.held = t.held[1:]
		}
	default:
		for t.at < len(t.data) && !separates(t.data[t.at]) && t.data[t.at] != ']' && t.data[t.at] != '}' {
			t.at++
		}
	}
	next.text = t.data[begin:t.at]
	return next, true
}

// separates reports whether c stands between tokens and says nothing that they do not.
func separates(c byte) bool { return c <= ' ' || c == ',' || c == ':' }

// counts appends how many values are in each array and object, keys among them, in the order in which these begin. t stays where it is.
func (t tokens) counts(n []int) []int {
	var room [32]int
	open := room[:0] // which of n are not closed yet
	for {
		next, ok := t.next()
		if !ok {
			return n
		}
		if next.kind == ']' || next.kind == '}' {
			open = open[:len(open)-1]
			continue
		}
		if len(open) > 0 {
			n[open[len(open)-1]]++
		}
		if next.kind == '[' || next.kind == '{' {
			open = append(open, len(n))
			n = append(n, 0)
		}
	}
}

// appendQuoted appends text as a string of JSON, as JSON.stringify does.
func appendQuoted(b, text []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if r, size := utf8.DecodeRune(text[i:]); c >= utf8.RuneSelf && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		b = append(b, text[done:i]...)
		i++
		done = i
		switch {
		case c >= utf8.RuneSelf:
			b = utf8.AppendRune(b, utf8.RuneError)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case '\b' <= c && c <= '\r' && c != '\v':
			b = append(b, '\\', "btn_fr"[c-'\b'])
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, text[done:]...), '"')
}

// appendFloat appends a number as JavaScript writes it, which is shortest.
func appendFloat(b []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(b, "null"...)
	case f == 0: // and not -0
		return append(b, '0')
	case abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-2] == '0' { // JavaScript writes 1e-7 for 1e-07
		b = append(b[:n-2], b[n-1])
	}
	return b
}

// appendDate appends the date that lies so many milliseconds after 1970, as Date.prototype.toJSON does: ECMA-262 section 21.4.1.32.
func appendDate(b []byte, ms float64) []byte {
	if math.Abs(ms) > 8.64e15 {
		return append(b, "null"...)
	}
	t := time.UnixMilli(int64(ms)).UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		b = fmt.Appendf(b, `"%+07d`, year)
	} else {
		b = fmt.Appendf(b, `"%04d`, year)
	}
	return t.AppendFormat(b, `-01-02T15:04:05.000Z"`)
}

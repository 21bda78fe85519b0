package main

// This file holds what stands between a peer's text and the terminal.

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escape replaces what could command a terminal, or hide from its reader: a control character, or one that sets the direction or
// shows nothing, by \u001b, \u202e and the like, and a byte that is not UTF-8 by \x9b. A tab stays, and so do line ends if lines is set.
// JSON that holds such characters stays JSON, and means the same.
func escape(s string, lines bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n' && lines, r == '\t':
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// hidden reports whether r is a control character, or one that a reader does not see but a terminal may obey.
func hidden(r rune) bool {
	switch r {
	case '\u200c', '\u200d': // joiners, without which Persian and some emoji are misspelt
		return false
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// excerpt returns the beginning of s in quotes, escaped, for a line of its own or a part of one.
func excerpt(s string, characters int) string {
	more := ""
	for i := range s {
		if characters--; characters < 0 {
			s, more = s[:i], "…"
			break
		}
	}
	return `"` + escape(s, false) + `"` + more
}

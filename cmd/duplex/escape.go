package main

// This file holds what stands between a peer's text and the terminal.

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape replaces what could command a terminal, or hide from its reader, by \x1b, \u202e and the like: control characters, those that
// set the direction or show nothing, and bytes that are not UTF-8. A tab stays. Line ends stay if lines is set.
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
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r):
			if r > 0xFFFF {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports whether r is a control character, or one that a reader does not see but a terminal may obey.
func hidden(r rune) bool {
	const joiner = '\u200d' // in emoji
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) && r != joiner
}

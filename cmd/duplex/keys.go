package main

// This file holds how a terminal tells of keys, and how much room it needs for characters.

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// key is a character, a control character, or a key that is none.
type key rune

// The keys that do something. Control characters are those of Emacs and of shells.
const (
	keyCtrlA     key = 'A' & 0x1F
	keyCtrlB     key = 'B' & 0x1F
	keyCtrlC     key = 'C' & 0x1F
	keyCtrlD     key = 'D' & 0x1F // of input, or erase
	keyCtrlE     key = 'E' & 0x1F
	keyCtrlF     key = 'F' & 0x1F
	keyCtrlH     key = 'H' & 0x1F
	keyTab       key = '\t'
	keyCtrlJ     key = '\n'
	keyCtrlK     key = 'K' & 0x1F
	keyCtrlL     key = 'L' & 0x1F
	keyEnter     key = '\r'
	keyCtrlN     key = 'N' & 0x1F
	keyCtrlP     key = 'P' & 0x1F
	keyCtrlU     key = 'U' & 0x1F
	keyCtrlW     key = 'W' & 0x1F
	keyBackspace key = 0x7F

	keyNone key = -iota
	keyInvalid
	keyUp
	keyDown
	keyLeft
	keyRight
	keyWordLeft
	keyWordRight
	keyHome
	keyEnd
	keyDelete
	keyAltBackspace
	keyAltEnter
	keyPaste
)

const escapeKey = 0x1B

// sequences are the keys behind the escape character: those of xterm, of the Linux console, of tmux and screen, and Alt with a letter.
var sequences = map[string]key{
	"[A": keyUp, "OA": keyUp, "[B": keyDown, "OB": keyDown,
	"[D": keyLeft, "OD": keyLeft, "[C": keyRight, "OC": keyRight,
	"[1;5D": keyWordLeft, "[1;3D": keyWordLeft, "b": keyWordLeft,
	"[1;5C": keyWordRight, "[1;3C": keyWordRight, "f": keyWordRight,
	"[H": keyHome, "OH": keyHome, "[1~": keyHome, "[7~": keyHome,
	"[F": keyEnd, "OF": keyEnd, "[4~": keyEnd, "[8~": keyEnd,
	"[3~": keyDelete, "\x7f": keyAltBackspace, "\r": keyAltEnter, "[200~": keyPaste,
}

// nextKey returns the first key of b and its length; 0: there is more to come.
func nextKey(b []byte) (k key, n int) {
	switch {
	case !utf8.FullRune(b):
		return keyNone, 0
	case b[0] != escapeKey:
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return keyInvalid, 1
		}
		return key(r), n
	case len(b) == 1: // a terminal sends a sequence in one piece, so this is the key itself
		return keyNone, 1
	}
	end := 1
	if b[1] == '[' || b[1] == 'O' {
		for end = 2; end < len(b) && b[end] < '@'; end++ { // parameters
		}
	}
	if !utf8.FullRune(b[end:]) {
		return keyNone, 0
	}
	_, n = utf8.DecodeRune(b[end:])
	if k, ok := sequences[string(b[1:end+n])]; ok {
		return k, end + n
	}
	return keyNone, end + n
}

// picture returns how a line is shown: control characters by their pictures, others that are not seen by a box.
func picture(line []rune) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case r < ' ':
			r += '␀'
		case r == 0x7F:
			r = '␡'
		case hidden(r):
			r = '□'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// wide are the characters that take two columns of a terminal, from and to: East Asian scripts and emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115F, 1}, {0x231A, 0x231B, 1}, {0x23E9, 0x23EC, 1}, {0x2614, 0x2615, 1}, {0x26A1, 0x26A1, 1}, {0x26BD, 0x26BE, 1},
		{0x2705, 0x2705, 1}, {0x270A, 0x270B, 1}, {0x2728, 0x2728, 1}, {0x274C, 0x274C, 1}, {0x2753, 0x2755, 1}, {0x2795, 0x2797, 1},
		{0x2B50, 0x2B50, 1}, {0x2E80, 0x303E, 1}, {0x3041, 0x33FF, 1}, {0x3400, 0x4DBF, 1}, {0x4E00, 0xA4CF, 1}, {0xA960, 0xA97F, 1},
		{0xAC00, 0xD7A3, 1}, {0xF900, 0xFAFF, 1}, {0xFE30, 0xFE6F, 1}, {0xFF00, 0xFF60, 1}, {0xFFE0, 0xFFE6, 1},
	},
	R32: []unicode.Range32{
		{0x16FE0, 0x18AFF, 1}, {0x1B000, 0x1B2FF, 1}, {0x1F18E, 0x1F19A, 1}, {0x1F200, 0x1F320, 1}, {0x1F32D, 0x1F64F, 1},
		{0x1F680, 0x1F6FF, 1}, {0x1F7E0, 0x1F7EB, 1}, {0x1F90C, 0x1FAFF, 1}, {0x20000, 0x3FFFD, 1},
	},
}

// cells returns how many columns picture needs for r.
func cells(r rune) int {
	switch {
	case r < 0x300: // the usual ones, quickly
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me), r == '\u200c', r == '\u200d':
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

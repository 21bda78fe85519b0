package ws

// This file tests the check of text: in all cuts, that it fails at the first bad byte, and what it costs.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// beginnings returns, for every character there is, what is its beginning and not all of it.
func beginnings() map[string]bool {
	set := make(map[string]bool)
	last := ""
	for r := range rune(utf8.MaxRune + 1) { // a surrogate becomes U+FFFD, which is a character, too
		s := string(r)
		for n := 1; n < len(s); n++ {
			if !strings.HasPrefix(last, s[:n]) {
				set[s[:n]] = true
			}
		}
		last = s
	}
	return set
}

// firstBad returns the index of the first byte of s that no valid text can have there, or else len(s) and whether s ends
// with a character. It is slow and goes by nothing but which characters there are.
func firstBad(s []byte, beginning map[string]bool) (i int, whole bool) {
	var open []byte
	for i, b := range s {
		open = append(open, b)
		switch {
		case utf8.Valid(open):
			open = open[:0]
		case !beginning[string(open)]:
			return i, false
		}
	}
	return len(s), len(open) == 0
}

// checkUTF8 holds the check of s in pieces against what firstBad says.
func checkUTF8(t *testing.T, s []byte, bad int, wantWhole bool, cut func() int) {
	t.Helper()
	if valid := bad == len(s) && wantWhole; valid != utf8.Valid(s) {
		t.Fatalf("%x: the test itself says valid: %v", s, valid)
	}
	var u utf8Check
	for done := 0; done < len(s); {
		n := min(cut(), len(s)-done)
		ok := u.ok(s[done : done+n])
		if done += n; ok != (bad >= done) {
			t.Fatalf("%x, a piece that ends at %d: ok is %v, but byte %d is the first bad one", s, done, ok, bad)
		}
		if !ok {
			return
		}
	}
	if got := u.whole(); got != wantWhole {
		t.Fatalf("%x: whole is %v", s, got)
	}
	if !u.whole() || !u.ok([]byte("a")) {
		t.Fatalf("%x: not ready for the next text", s)
	}
}

// All strings of up to four bytes from all classes of bytes that UTF-8 knows, with the ends of each class, in all cuts.
func TestAttack_F07_AllShortStringsInAllCuts(t *testing.T) {
	classes := []byte{'a', 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xF5}
	longest := 4
	if testing.Short() {
		longest = 3
	}
	beginning := beginnings()
	var s []byte
	var grow func()
	grow = func() {
		bad, wholly := firstBad(s, beginning)
		for cut := range 1 << max(0, len(s)-1) { // bit i: a cut behind byte i
			i := 0
			checkUTF8(t, s, bad, wholly, func() int {
				n := 1
				for ; i < len(s)-1 && cut>>i&1 == 0; i++ {
					n++
				}
				i++
				return n
			})
		}
		if len(s) == longest {
			return
		}
		for _, b := range classes {
			s = append(s, b)
			grow()
			s = s[:len(s)-1]
		}
	}
	grow()
}

// Long texts of all sorts, sound or with a few bytes changed, in random cuts.
func TestAttack_F07_LongTexts(t *testing.T) {
	beginning := beginnings()
	r := rand.New(rand.NewPCG(1, 2))
	for seed := range uint64(600) {
		var s []byte
		for range 1 + r.IntN(12) {
			s = append(s, strings.Repeat("a", r.IntN(40)*r.IntN(2))...)
			for range r.IntN(6) {
				s = utf8.AppendRune(s, rune(r.IntN([]int{0x80, 0x800, 0x10000, utf8.MaxRune + 1}[r.IntN(4)])))
			}
		}
		for range r.IntN(3) * min(1, len(s)) {
			s[r.IntN(len(s))] = byte(r.Uint32())
		}
		bad, wholly := firstBad(s, beginning)
		for _, cut := range []func() int{whole, one, cuts(seed, 4), cuts(seed, 50)} {
			checkUTF8(t, s, bad, wholly, cut)
		}
	}
}

// Each bad sequence in a message of which each byte is a frame of its own, FIN = 0 throughout: the message fails at the first
// impossible byte, and no frame earlier.
func TestAttack_F07_FailsFast(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		good       int // bytes that may still become text
	}{
		{"overlong of two", "\xC0\xAF", 0},
		{"overlong of two, the other lead", "\xC1\xBF", 0},
		{"overlong of three", "\xE0\x80\xAF", 1},
		{"overlong of four", "\xF0\x80\x80\xAF", 1},
		{"the largest overlong of three", "\xE0\x9F\xBF", 1},
		{"the largest overlong of four", "\xF0\x8F\xBF\xBF", 1},
		{"first surrogate", "\xED\xA0\x80", 1},
		{"last surrogate", "\xED\xBF\xBF", 1},
		{"surrogate pair", "\xED\xA0\x80\xED\xB0\x80", 1},
		{"beyond U+10FFFF", "\xF4\x90\x80\x80", 1},
		{"lead of U+140000", "\xF5\x80\x80\x80", 0},
		{"lead of five", "\xF8\x88\x80\x80\x80", 0},
		{"0xFF", "\xFF", 0},
		{"lone continuation", "\x80", 0},
		{"continuation after a character", "κ\x80", 2},
		{"two leads", "\xE2\xE2", 1},
		{"lead, then ASCII", "\xE2a", 1},
		{"three of four, then ASCII", "\xF0\x9D\x84a", 3},
		{"Autobahn's", "κόσμε\xED\xA0\x80edited", 11},
	} {
		for _, before := range []string{"", "a", "Hello, κόσμε. "} {
			c := newServer(Config{})
			text, good := before+tt.text, len(before)+tt.good
			for i := range len(text) {
				op := byte(OpContinuation)
				if i == 0 {
					op = byte(OpText)
				}
				lines := feedCut(c, frame(Client, op, text[i:i+1]), whole)
				want := `sent `
				if i == good {
					want = `fail 1007 "text is not UTF-8"`
				}
				if lines[0] != want {
					t.Errorf("%s after %q, byte %d: got %s, want %s", tt.name, before, i, lines[0], want)
				}
				if i == good {
					break
				}
			}
		}
	}
}

// A text with characters of every length, cut into frames in every way, is accepted.
func TestAttack_F07_EveryValidSplit(t *testing.T) {
	const text = "aé€𝄞z"
	for cut := range 1 << (len(text) - 1) { // bit i: a cut behind byte i
		var wire []byte
		op, from := byte(OpText), 0
		for i := range len(text) - 1 {
			if cut>>i&1 == 1 {
				wire = append(wire, frame(Client, op, text[from:i+1])...)
				op, from = byte(OpContinuation), i+1
			}
		}
		wire = append(wire, frame(Client, 0x80|op, text[from:])...)
		if got := verdict(t, func() *Conn { return newServer(Config{}) }, wire); got != fmt.Sprintf("text %q", text) {
			t.Fatalf("cut %b: %s", cut, got)
		}
	}
}

// BenchmarkUTF8 is the check of 64 KiB, and copying them for comparison.
func BenchmarkUTF8(b *testing.B) {
	for name, unit := range map[string]string{"ASCII": "all work and no play makes jack ", "Greek": "το γνωρίζω από την κόψη ", "Chinese": "滚滚长江东逝水，浪花淘尽英雄。"} {
		text := []byte(strings.Repeat(unit, 64<<10/len(unit)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				var u utf8Check
				if !u.ok(text) {
					b.Fatal("not valid")
				}
			}
		})
	}
	b.Run("copy", func(b *testing.B) {
		from, to := bytes.Repeat([]byte("x"), 64<<10), make([]byte, 64<<10)
		b.SetBytes(int64(len(to)))
		for b.Loop() {
			copy(to, from)
		}
	})
}

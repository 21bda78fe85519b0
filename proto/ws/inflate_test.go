// This file tests the inflater with blocks made by hand, with what compressors make, and with every way to cut them.

package ws

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// inflateCut decodes a message that is fed in pieces, each of a size that cut gives.
func inflateCut(z *inflater, payload, history []byte, window int, cut func() int) (out []byte, err error) {
	z.reset(history, window)
	for rest := append(bytes.Clone(payload), 0x00, 0x00, 0xFF, 0xFF); len(rest) > 0; {
		n := min(cut(), len(rest))
		z.feed(rest[:n])
		rest = rest[n:]
		for more := true; more; {
			var piece []byte
			piece, more, err = z.next()
			out = append(out, piece...)
			if err != nil {
				piece, more, again := z.next()
				if len(piece) > 0 || more || again != err {
					err = fmt.Errorf("first %w, then %d bytes, %t, %w", err, len(piece), more, again)
				}
				return out, err
			}
		}
	}
	return out, z.finish()
}

// inflateCuts decodes a message whole, byte by byte and in random cuts, and demands the same of all.
func inflateCuts(t *testing.T, payload, history []byte, window int) ([]byte, error) {
	t.Helper()
	z := new(inflater)
	out, err := inflateCut(z, payload, history, window, func() int { return len(payload) + 4 })
	r := rand.New(rand.NewPCG(uint64(len(payload)), 1))
	for name, cut := range map[string]func() int{
		"payload and tail": func() int { return max(len(payload), 4) },
		"single bytes":     func() int { return 1 },
		"short cuts":       func() int { return 1 + r.IntN(12) },
		"long cuts":        func() int { return 1 + r.IntN(max(len(payload)/2, 1)) },
	} {
		cutOut, cutErr := inflateCut(z, payload, history, window, cut)
		if !bytes.Equal(cutOut, out) || cutErr != err {
			t.Fatalf("%s: %d bytes and %v, but whole %d bytes and %v\npayload %x", name, len(cutOut), cutErr, len(out), err, payload)
		}
	}
	return out, err
}

// A bitWriter makes DEFLATE data by hand.
type bitWriter struct {
	p    []byte
	used uint // bits of the last byte
}

// bits writes a number of n bits, the lowest first.
func (w *bitWriter) bits(v, n uint) *bitWriter {
	for i := range n {
		if w.used&7 == 0 {
			w.p = append(w.p, 0)
		}
		w.p[len(w.p)-1] |= byte(v>>i&1) << (w.used & 7)
		w.used++
	}
	return w
}

// code writes a Huffman code of n bits, the highest first.
func (w *bitWriter) code(v, n uint) *bitWriter {
	for i := range n {
		w.bits(v>>(n-1-i), 1)
	}
	return w
}

// align fills the last byte up.
func (w *bitWriter) align() *bitWriter { return w.bits(0, -w.used&7) }

// dynamic writes the header of a dynamic block. Each length takes four bits: the length code is flat and knows no repeats.
func (w *bitWriter) dynamic(final uint, lit, dist []uint8) *bitWriter {
	w.bits(final, 1).bits(2, 2).bits(uint(len(lit)-257), 5).bits(uint(len(dist)-1), 5).bits(15, 4)
	for _, s := range preOrder {
		w.bits(map[bool]uint{true: 4, false: 0}[s < 16], 3)
	}
	for _, l := range append(bytes.Clone(lit), dist...) {
		w.code(uint(l), 4)
	}
	return w
}

// lengthsOf makes code lengths: pairs of a symbol and its length.
func lengthsOf(n int, pairs ...int) []uint8 {
	l := make([]uint8, n)
	for i := 0; i < len(pairs); i += 2 {
		l[pairs[i]] = uint8(pairs[i+1])
	}
	return l
}

func block() *bitWriter { return new(bitWriter) }

// fixed starts a block with fixed codes; a() and match() go on with it.
func fixed(final uint) *bitWriter               { return block().bits(final, 1).bits(1, 2) }
func (w *bitWriter) a() *bitWriter              { return w.code(0x30+'a', 8) }
func (w *bitWriter) end() *bitWriter            { return w.code(0, 7) }
func (w *bitWriter) three(dist uint) *bitWriter { return w.code(1, 7).code(dist, 5) } // a match of 3 bytes

var inflateVectors = []struct {
	name    string
	payload []byte
	history string
	out     string
}{
	{"RFC 7692 7.2.3.1", []byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), "", "Hello"},
	{"RFC 7692 7.2.3.2", []byte("\xf2\x00\x11\x00\x00"), "Hello", "Hello"},
	{"RFC 7692 7.2.3.3", []byte("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), "", "Hello"},
	{"RFC 7692 7.2.3.4", []byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "", "Hello"},
	{"RFC 7692 7.2.3.5", []byte("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), "", "Hello"},
	{"RFC 7692 7.2.3.6", []byte("\x00"), "", ""},
	{"no payload", nil, "", ""},
	{"final block without a zero byte", []byte("\xf3\x48\xcd\xc9\xc9\x07\x00"), "", "Hello"},
	{"stored final block", []byte("\x01\x01\x00\xfe\xffx"), "", "x"},
	{"block behind a final one, window kept", append(fixed(1).a().a().a().end().align().p, fixed(0).three(2).end().bits(0, 3).p...), "", "aaaaaa"},
	{"final blocks", bytes.Repeat([]byte("\x03\x00"), 50), "", ""},
	{"empty stored blocks", append(bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 50), 0), "", ""},
	{"length 258", fixed(0).a().code(0b11000101, 8).code(0, 5).end().bits(0, 3).p, "", strings.Repeat("a", 259)},
	{"length 257 by the longest code with extra bits", fixed(0).a().code(0b11000100, 8).bits(30, 5).code(0, 5).end().bits(0, 3).p, "", strings.Repeat("a", 258)},
	{"no distance codes", block().dynamic(0, lengthsOf(257, 'a', 1, 256, 1), []uint8{0}).code(0, 1).code(1, 1).bits(0, 3).p, "", "a"},
	{"one distance code", block().dynamic(0, lengthsOf(258, 'a', 2, 256, 2, 257, 1), []uint8{1}).
		code(2, 2).code(0, 1).code(0, 1).code(3, 2).bits(0, 3).p, "", "aaaa"},
	{"no literal but the end", block().dynamic(0, lengthsOf(257, 256, 1), []uint8{0}).code(0, 1).bits(0, 3).p, "", ""},
}

func TestInflateVectors(t *testing.T) {
	for _, v := range inflateVectors {
		out, err := inflateCuts(t, v.payload, []byte(v.history), maxWindow)
		if err != nil || string(out) != v.out {
			t.Errorf("%s: %q, %v; want %q", v.name, out, err, v.out)
		}
	}
}

// counts starts a dynamic block with the given numbers of codes and the given lengths of the length code.
func counts(nlit, ndist uint, pre []uint8) *bitWriter {
	w := block().bits(0, 1).bits(2, 2).bits(nlit-257, 5).bits(ndist-1, 5).bits(15, 4)
	for _, s := range preOrder {
		w.bits(uint(pre[s]), 3)
	}
	return w
}

// repeats is a length code in which 0, 1, 16 and 18 take two bits each, in this order.
var repeats = lengthsOf(preSymbols, 0, 2, 1, 2, 16, 2, 18, 2)

var inflateErrors = []struct {
	name string
	w    *bitWriter
	out  string
	err  error
}{
	{"block type 3", block().bits(0, 1).bits(3, 2), "", errBlockType},
	{"LEN and NLEN", block().bits(0, 8).bits(1, 16).bits(0xffff, 16), "", errStoredLen},
	{"HLIT 287", counts(287, 1, repeats), "", errTooManyCode},
	{"HDIST 31", counts(257, 31, repeats), "", errTooManyCode},
	{"length code over-subscribed", counts(257, 1, bytes.Repeat([]byte{1}, preSymbols)), "", errLengthCode},
	{"length code incomplete", counts(257, 1, lengthsOf(preSymbols, 0, 1)), "", errLengthCode},
	{"length code empty", counts(257, 1, make([]byte, preSymbols)), "", errLengthCode},
	{"repeat of nothing", counts(257, 1, repeats).code(2, 2).bits(0, 2), "", errRepeat},
	{"repeat past the end", counts(257, 1, repeats).code(3, 2).bits(127, 7).code(3, 2).bits(127, 7), "", errRepeat},
	{"no end of block", block().dynamic(0, lengthsOf(257, 0, 1, 1, 1), []uint8{0}), "", errNoEnd},
	{"literals over-subscribed", block().dynamic(0, lengthsOf(257, 0, 1, 1, 1, 256, 1), []uint8{0}), "", errCode},
	{"literals incomplete", block().dynamic(0, lengthsOf(257, 0, 2, 256, 2), []uint8{0}), "", errCode},
	{"distances over-subscribed", block().dynamic(0, lengthsOf(257, 0, 1, 256, 1), []uint8{1, 1, 1}), "", errCode},
	{"distances incomplete", block().dynamic(0, lengthsOf(257, 0, 1, 256, 1), []uint8{2}), "", errCode},
	{"length 286", fixed(0).a().code(0b11000110, 8).code(0, 5), "a", errSymbol},
	{"length 287", fixed(0).a().code(0b11000111, 8).code(0, 5), "a", errSymbol},
	{"distance 30", fixed(0).a().three(30), "a", errSymbol},
	{"distance 31", fixed(0).a().three(31), "a", errSymbol},
	{"unassigned literal", block().dynamic(0, lengthsOf(257, 256, 1), []uint8{0}).code(1, 1), "", errSymbol},
	{"unassigned distance", block().dynamic(0, lengthsOf(258, 'a', 2, 256, 2, 257, 1), []uint8{1}).code(2, 2).code(0, 1).code(1, 1), "a", errSymbol},
	{"match without distances", block().dynamic(0, lengthsOf(258, 'a', 2, 256, 2, 257, 1), []uint8{0}).code(2, 2).code(0, 1), "a", errSymbol},
	{"distance before the start", fixed(0).a().three(1), "a", errDistance},
	{"an error behind a final block", &bitWriter{p: []byte("\x01\x01\x00\xfe\xffx\x06")}, "x", errBlockType},
	{"nothing ended", fixed(0).a(), "a", errTruncated},
	{"tail left on", &bitWriter{p: []byte("\x00\x00\x00\xff\xff")}, "", errTruncated},
	{"tail left on behind other blocks", &bitWriter{p: []byte("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff")}, "Hello", errTruncated},
	{"stored block cut off", block().bits(0, 8).bits(9, 16).bits(0xfff6, 16).bits('x', 8), "x\x00\x00\xff\xff", errTruncated},
}

func TestInflateErrors(t *testing.T) {
	for _, v := range inflateErrors {
		out, err := inflateCuts(t, v.w.p, nil, maxWindow)
		if err != v.err || string(out) != v.out {
			t.Errorf("%s: %q, %v; want %q, %v", v.name, out, err, v.out, v.err)
		}
		// Once more with many bytes behind it, so that the fast loop meets it.
		long := append(bytes.Clone(v.w.p), make([]byte, 100)...)
		if _, err := inflateCuts(t, long, nil, maxWindow); v.err != errTruncated && err != v.err {
			t.Errorf("%s, with more behind it: %v; want %v", v.name, err, v.err)
		}
	}
}

// A match may reach back as far as the window, and as far as there is history.
func TestInflateWindow(t *testing.T) {
	history := text(40 << 10)
	for _, c := range []struct {
		history, window, distance int
		err                       error
	}{
		{600, 512, 512, nil},
		{600, 512, 513, errDistance},
		{511, 512, 512, errDistance},
		{40 << 10, 32 << 10, 32 << 10, nil},
		{32<<10 - 1, 32 << 10, 32 << 10, errDistance},
		{40 << 10, 1 << 20, 32 << 10, nil},
	} {
		s := 29
		for distMeaning[s].value() > uint(c.distance) {
			s--
		}
		base, extra := distMeaning[s].value(), distMeaning[s].width()
		w := fixed(0).three(uint(s)).bits(uint(c.distance)-base, extra).end().bits(0, 3)
		h := history[:c.history]
		out, err := inflateCuts(t, w.p, h, c.window)
		if err != c.err {
			t.Errorf("%+v: %v", c, err)
		} else if err == nil && !bytes.Equal(out, h[len(h)-c.distance:][:3]) {
			t.Errorf("%+v: %q", c, out)
		}
	}
}

// text makes n bytes that compress as prose does.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	words := make([]string, 2000)
	for i := range words {
		b := make([]byte, 2+r.IntN(8))
		for j := range b {
			b[j] = "etaoinshrdlucmfwypvbgkjqxz"[int(r.ExpFloat64()*5)%26]
		}
		words[i] = string(b)
	}
	out := make([]byte, 0, n+16)
	for len(out) < n {
		out = append(append(out, words[int(r.ExpFloat64()*200)%len(words)]...), ' ')
	}
	return out[:n]
}

// noise makes n bytes that use only some of the values.
func noise(n int, mask byte) []byte {
	r := rand.New(rand.NewPCG(uint64(mask), 3))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32()) & mask
	}
	return p
}

// jsonMessage makes a message of some 220 bytes.
func jsonMessage(i int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 5))
	return fmt.Appendf(nil, `{"type":"update","channel":"market.%d","user":{"id":%d,"name":"user%d"},"payload":{"bid":%.4f,"ask":%.4f,"volume":%d,"tags":["alpha","beta","gamma"],"text":"the quick brown fox"},"time":"2024-05-%02dT12:%02d:%02d.%03dZ"}`,
		r.IntN(100), r.IntN(100000), r.IntN(1000), r.Float64()*1000, r.Float64()*1000, r.IntN(1000000), r.IntN(28)+1, r.IntN(60), r.IntN(60), r.IntN(1000))
}

// A flushWriter is a compressor that can end a block on a whole byte.
type flushWriter interface {
	Write(p []byte) (int, error)
	Flush() error
}

// deflateWith compresses the messages one after another and takes the tail off each.
func deflateWith(t testing.TB, open func(*bytes.Buffer) (flushWriter, error), messages ...[]byte) (payloads [][]byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		b.Reset()
		_, err1 := w.Write(m)
		if err2 := w.Flush(); err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		payloads = append(payloads, bytes.Clone(bytes.TrimSuffix(b.Bytes(), deflateTail)))
	}
	return payloads
}

func stdWriter(level int) func(*bytes.Buffer) (flushWriter, error) {
	return func(b *bytes.Buffer) (flushWriter, error) { return flate.NewWriter(b, level) }
}

// Messages of all kinds, of two compressors at every level, with and without context takeover.
func TestInflateRoundTrip(t *testing.T) {
	messages := [][]byte{jsonMessage(1), nil, []byte("a"), text(3000), jsonMessage(2), make([]byte, 150_000), noise(70_000, 0xff), noise(9000, 0x1f), text(80_000), jsonMessage(3)}
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		k := func(b *bytes.Buffer) (flushWriter, error) { return kflate.NewWriter(b, level) }
		for name, open := range map[string]func(*bytes.Buffer) (flushWriter, error){"std": stdWriter(level), "klauspost": k} {
			z, history := new(inflater), []byte(nil)
			for i, payload := range deflateWith(t, open, messages...) {
				cuts := []int{1 << 30, 1000, 7, 1}
				out, err := inflateCut(z, payload, history, maxWindow, func() int { return cuts[i%len(cuts)] })
				if err != nil || !bytes.Equal(out, messages[i]) {
					t.Fatalf("%s, level %d, message %d: %d bytes, %v; want %d", name, level, i, len(out), err, len(messages[i]))
				}
				history = z.history(history[:0], maxWindow)
			}
		}
	}
}

// Without its last bytes a message is waited for, never rejected; its output is a prefix.
func TestInflateTruncated(t *testing.T) {
	for _, m := range [][]byte{jsonMessage(1), text(2000), noise(400, 0x0f), make([]byte, 5000)} {
		for _, level := range []int{0, 1, 6, flate.HuffmanOnly} {
			payload := deflateWith(t, stdWriter(level), m)[0]
			z := new(inflater)
			for n := range payload {
				z.reset(nil, maxWindow)
				z.feed(payload[:n])
				out, more, err := z.next()
				if more || err != nil || !bytes.HasPrefix(m, out) {
					t.Fatalf("level %d, %d of %d bytes: more %t, %v", level, n, len(payload), more, err)
				}
				if err := z.finish(); err != errTruncated && n > 0 && len(out) < len(m) {
					t.Fatalf("level %d, %d of %d bytes: finish says %v", level, n, len(payload), err)
				}
			}
		}
	}
}

// However much there is, it comes in pieces of at most 64 KiB, nothing is allocated, and the history is its end.
func TestInflatePieces(t *testing.T) {
	const size = 2 << 20
	payload := deflateWith(t, stdWriter(9), append(make([]byte, size-5), "hello"...))[0]
	z := new(inflater)
	total, largest := 0, 0
	allocs := testing.AllocsPerRun(3, func() {
		total = 0
		z.reset(nil, maxWindow)
		z.feed(payload)
		for more := true; more; {
			var out []byte
			out, more, _ = z.next()
			total += len(out)
			largest = max(largest, len(out))
		}
	})
	if total != size || largest > 64<<10 || allocs != 0 {
		t.Errorf("%d bytes, pieces of up to %d, %v allocations", total, largest, allocs)
	}
	if h := z.history([]byte("> "), 7); string(h) != "> \x00\x00hello" {
		t.Errorf("history %q", h)
	}
	if h := z.history(nil, 1<<20); len(h) != 32<<10 {
		t.Errorf("history of %d bytes", len(h))
	}
}

// The weight that the doc comment of inflater states.
func TestInflaterSize(t *testing.T) {
	if size := reflect.TypeFor[inflater]().Size(); size > 72<<10 {
		t.Errorf("an inflater takes %d bytes", size)
	}
}

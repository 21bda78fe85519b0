// This file compares the inflater with compress/flate, on random blocks, on damaged ones and under the fuzzer.

package ws

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
)

// oracle decodes a message with compress/flate. That one stops behind a final block, so it is started again there;
// and it does not say whether its input ended between two blocks, so a last block is tried there.
func oracle(payload, history []byte) ([]byte, error) {
	if out, err := oracleRun(payload, history); err == nil {
		return out, nil // nothing is left to end, as finish says
	}
	stream := append(bytes.Clone(payload), 0x00, 0x00, 0xFF, 0xFF)
	out, err := oracleRun(stream, history)
	if err != io.ErrUnexpectedEOF {
		return out, err
	}
	more, err := oracleRun(append(stream, 0x01, 0x01, 0x00, 0xFE, 0xFF, 'x'), history)
	if err == nil && bytes.Equal(more, append(bytes.Clone(out), 'x')) {
		return out, nil
	}
	return out, io.ErrUnexpectedEOF
}

// oracleRun decodes a stream. It has no error if the stream ends exactly behind a final block, or is empty.
func oracleRun(stream, history []byte) ([]byte, error) {
	in, seen := bytes.NewReader(stream), bytes.Clone(history)
	for in.Len() > 0 {
		piece, err := io.ReadAll(flate.NewReaderDict(in, seen[max(0, len(seen)-maxWindow):]))
		if seen = append(seen, piece...); err != nil {
			return seen[len(history):], err
		}
	}
	return seen[len(history):], nil
}

// compareInflate decodes in all cuts and demands what the oracle says.
func compareInflate(t *testing.T, payload, history []byte) {
	t.Helper()
	out, err := inflateCuts(t, payload, history, maxWindow)
	want, wantErr := oracle(payload, history)
	switch {
	case err == errLengthCode: // compress/flate takes a length code of a single code, against zlib
	case (err == nil) != (wantErr == nil):
		t.Fatalf("inflater: %v, compress/flate: %v\npayload %x\nhistory %d bytes", err, wantErr, payload, len(history))
	case err == errNoEnd && bytes.HasPrefix(want, out): // which compress/flate finds out only when the input ends
	case !bytes.Equal(out, want):
		t.Fatalf("inflater: %d bytes, compress/flate: %d bytes, %v\npayload %x\nhistory %d bytes", len(out), len(want), err, payload, len(history))
	}
}

// randomCode makes the lengths of a complete code for some of n symbols, must being one of them: it splits codes
// until there are enough. A deep code is split where it is longest.
func randomCode(r *rand.Rand, n, must int) []uint8 {
	deep, codes := r.IntN(2) == 0, []uint8{1, 1}
	for size := 2 + r.IntN(n-1); len(codes) < size; {
		i := r.IntN(len(codes))
		if deep {
			i = max(i, len(codes)-2)
		}
		if codes[i] == maxCodeBits {
			deep = false
			continue
		}
		codes[i]++
		codes = append(codes, codes[i])
	}
	symbols := r.Perm(n)
	for i, s := range symbols {
		if s == must {
			symbols[0], symbols[i] = symbols[i], symbols[0]
		}
	}
	r.Shuffle(len(codes), func(i, j int) { codes[i], codes[j] = codes[j], codes[i] })
	lengths := make([]uint8, n)
	for i, l := range codes {
		lengths[symbols[i]] = l
	}
	return lengths
}

// canonical numbers codes as RFC 1951, section 3.2.2, says it.
func canonical(lengths []uint8) (codes []uint) {
	codes = make([]uint, len(lengths))
	code := uint(0)
	for l := uint8(1); l <= maxCodeBits; l++ {
		for s := range lengths {
			if lengths[s] == l {
				codes[s] = code
				code++
			}
		}
		code <<= 1
	}
	return codes
}

// The tables hold what the codes say, for every sequence of bits. The widest codes that there are need all of the
// table; these are from zlib's examples/enough.c.
func TestBuildPrefix(t *testing.T) {
	widest := func(n int, pairs ...int) (lengths []uint8) {
		for i := 0; i < len(pairs); i += 2 {
			lengths = append(lengths, bytes.Repeat([]byte{uint8(pairs[i+1])}, pairs[i])...)
		}
		return append(make([]uint8, n-len(lengths)), lengths...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	check := func(table []prefixEntry, bits uint, lengths []uint8, meaning []prefixEntry) {
		t.Helper()
		index, kind := buildPrefix(table, bits, lengths, meaning)
		if kind != prefixComplete {
			t.Fatalf("kind %d for %v", kind, lengths)
		}
		for s, code := range canonical(lengths) {
			l := uint(lengths[s])
			for range min(int(l), 8) {
				b := r.Uint64() << l
				for i := range l {
					b |= uint64(code>>(l-1-i)&1) << i
				}
				e := table[b&(1<<index-1)]
				if e&entryLink != 0 {
					e = table[e.follow(b, index)]
				}
				if e != meaning[s]+prefixEntry(l<<8|l) {
					t.Fatalf("symbol %d, length %d: entry %x\n%v", s, l, e, lengths)
				}
			}
		}
	}
	var lit litTable
	var dist distTable
	check(lit[:], litBits, widest(litSymbols, 1, 1, 1, 2, 1, 3, 245, 11, 17, 12, 1, 13, 16, 14, 4, 15), litMeaning[:])
	check(dist[:], distBits, widest(distSymbols, 1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 13, 9, 5, 10, 1, 11, 1, 12, 1, 13, 4, 15), distMeaning[:])
	if lit[len(lit)-1] == 0 || dist[len(dist)-1] == 0 {
		t.Error("the widest codes should need the last entries of their tables")
	}
	for range 500 {
		check(lit[:], litBits, randomCode(r, litSymbols, 256), litMeaning[:])
		check(dist[:], distBits, randomCode(r, distSymbols, 0), distMeaning[:])
	}
}

// randomBlocks makes a message of valid blocks with random codes, and says what it means behind history.
func randomBlocks(r *rand.Rand, history []byte) (payload, out []byte) {
	w, seen := block(), bytes.Clone(history)
	for range 1 + r.IntN(4) {
		final := uint(r.IntN(4) / 3)
		switch r.IntN(4) {
		case 0:
			p := noise(r.IntN(300), byte(r.Uint32()))
			w.bits(final, 3).align().bits(uint(len(p)), 16).bits(uint(len(p))^0xffff, 16)
			w.p, seen = append(w.p, p...), append(seen, p...)
		case 1:
			w.bits(final, 1).bits(1, 2)
			seen = w.symbols(r, fixedLengths(), bytes.Repeat([]byte{5}, 32), seen)
		default:
			lit, dist := randomCode(r, 257+r.IntN(30), 256), randomCode(r, 2+r.IntN(29), r.IntN(2))
			w.dynamic(final, lit, dist)
			seen = w.symbols(r, lit, dist, seen)
		}
		if final == 1 {
			w.align()
		}
	}
	w.bits(0, 3)
	return w.p, seen[len(history):]
}

// symbols writes random symbols of a block, and its end, and appends what they mean to seen.
func (w *bitWriter) symbols(r *rand.Rand, lit, dist []uint8, seen []byte) []byte {
	litCodes, distCodes := canonical(lit), canonical(dist)
	for range r.IntN(400) {
		s, d := r.IntN(min(len(lit), litSymbols)), r.IntN(min(len(dist), distSymbols))
		e := distMeaning[d]
		extra := uint(r.Uint32()) & (1<<e.width() - 1)
		distance := int(e.value() + extra)
		if s == 256 || lit[s] == 0 || s > 256 && (dist[d] == 0 || distance > len(seen)) {
			continue
		}
		w.code(litCodes[s], uint(lit[s]))
		if s < 256 {
			seen = append(seen, byte(s))
			continue
		}
		l := litMeaning[s]
		more := uint(r.Uint32()) & (1<<l.width() - 1)
		w.bits(more, l.width()).code(distCodes[d], uint(dist[d])).bits(extra, e.width())
		for range l.value() + more {
			seen = append(seen, seen[len(seen)-distance])
		}
	}
	w.code(litCodes[256], uint(lit[256]))
	return seen
}

// Blocks of every kind, with codes that no compressor makes.
func TestInflateRandomBlocks(t *testing.T) {
	prose := text(40_000)
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		history := prose[:r.IntN(2)*r.IntN(len(prose))]
		payload, want := randomBlocks(r, history)
		out, err := inflateCuts(t, payload, history, maxWindow)
		if err != nil || !bytes.Equal(out, want) {
			t.Fatalf("seed %d: %d bytes, %v; want %d", seed, len(out), err, len(want))
		}
		compareInflate(t, payload, history)
	}
}

// Damaged messages are treated as compress/flate treats them.
func TestInflateDamaged(t *testing.T) {
	prose := text(500)
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		history := prose[:r.IntN(2)*len(prose)]
		payload, _ := randomBlocks(r, history)
		if seed%2 == 0 {
			payload = deflateWith(t, stdWriter(r.IntN(9)), jsonMessage(int(seed)))[0]
		}
		for range 1 + r.IntN(3) {
			switch i := r.IntN(len(payload)); r.IntN(4) {
			case 0:
				payload[i] = byte(r.Uint32())
			case 1:
				payload = append(payload[:i:i], payload[i+1:]...)
				payload = append(payload, 0)
			case 2:
				payload = payload[:i+1]
			default:
				payload[i] ^= 1 << r.IntN(8)
			}
		}
		compareInflate(t, payload, history)
	}
}

// FuzzInflate: the same as compress/flate, in all cuts.
func FuzzInflate(f *testing.F) {
	for _, v := range inflateVectors {
		f.Add(v.payload, []byte(v.history))
	}
	for _, v := range inflateErrors {
		f.Add(v.w.p, []byte("history"))
	}
	for i, level := range []int{0, 1, 6, flate.HuffmanOnly} {
		for _, p := range deflateWith(f, stdWriter(level), jsonMessage(i), text(600), jsonMessage(i)) {
			f.Add(p, jsonMessage(i))
		}
	}
	for seed := range uint64(20) {
		history := text(int(seed) * 50)
		payload, _ := randomBlocks(rand.New(rand.NewPCG(seed, 3)), history)
		f.Add(payload, history)
	}
	f.Fuzz(func(t *testing.T, payload, history []byte) {
		if len(payload) <= 4<<10 { // 4 KiB are 4 MiB of output at most
			compareInflate(t, payload, history)
		}
	})
}

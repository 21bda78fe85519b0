package main

import (
	"bytes"
	"testing"
)

// unmasked turns a frame of the client into one of a server.
func unmasked(t *testing.T, f []byte) []byte {
	t.Helper()
	head := 2 + map[byte]int{lenTwo: 2, lenEight: 8}[f[1]&0x7f]
	out := bytes.Clone(f[:head])
	out[1] &^= bit
	for i, b := range f[head+4:] {
		out = append(out, b^f[head+i&3])
	}
	return out
}

func TestDecoderHoweverCut(t *testing.T) {
	var stream []byte
	sizes := []int{3, 125, 126, 65535, 65536}
	around := envelope{`42["x","`, `"]`}
	for i, size := range sizes {
		frame := newTemplate(opText, around, size).mark(mark{letter(i), letter(i + 1), letter(i + 2)})
		stream = append(stream, unmasked(t, frame)...)
		stream = append(stream, unmasked(t, appendFrame(nil, opPing, []byte("still there?")))...)
	}
	stream = append(stream, 0x01, 2, 'a', 'b', 0x89, 0, 0x80, 1, 'c') // two fragments, a ping between
	for _, cut := range []int{1, 2, 3, 7, 4096, len(stream)} {
		var d decoder
		var data []message
		pings := 0
		for rest := stream; len(rest) > 0; {
			part := rest[:min(cut, len(rest))]
			rest = rest[len(part):]
			for len(part) > 0 {
				n, m, err := d.next(part)
				if err != nil {
					t.Fatal(err)
				}
				if part = part[n:]; m == nil {
					continue
				}
				if m.op == opPing {
					pings++
				} else {
					data = append(data, *m)
				}
			}
		}
		if pings != len(sizes)+1 || len(data) != len(sizes)+1 {
			t.Fatalf("cut by %d: %d pings, %d messages", cut, pings, len(data))
		}
		for i, size := range sizes {
			got := data[i]
			marks, ok := newTemplate(opText, around, size).markOf(&got)
			if want := (mark{letter(i), letter(i + 1), letter(i + 2)}); !ok || got.op != opText || marks != want {
				t.Errorf("cut by %d: message %d is %v", cut, i, got)
			}
		}
		got := data[len(sizes)]
		if marks, ok := newTemplate(opText, envelope{}, 3).markOf(&got); !ok || marks != (mark{'a', 'b', 'c'}) {
			t.Errorf("cut by %d: fragments became %v", cut, got)
		}
	}
}

func TestDecoderRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"masked", []byte{0x81, 0x80, 0, 0, 0, 0}, errMasked},
		{"compressed", []byte{0xc1, 0}, errReserved},
		{"a fragment of nothing", []byte{0x80, 0}, errOrder},
		{"a message inside another", []byte{0x01, 0, 0x81, 0}, errOrder},
		{"a fragmented ping", []byte{0x09, 0}, errControl},
		{"a long ping", []byte{0x89, 126, 0, 126}, errControl},
	} {
		var d decoder
		var err error
		for p := c.in; len(p) > 0 && err == nil; {
			var n int
			n, _, err = d.next(p)
			p = p[n:]
		}
		if err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

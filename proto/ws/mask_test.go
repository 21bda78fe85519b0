package ws

// This file tests masking, and measures it against copying memory.

import (
	"bytes"
	"testing"
)

// maskSlow is RFC 6455 section 5.3 word by word: "j = i MOD 4; transformed-octet-i = original-octet-i XOR masking-key-octet-j".
func maskSlow(p []byte, key [4]byte, pos int) {
	for i := range p {
		p[i] ^= key[(pos+i)%4]
	}
}

func TestMaskExample(t *testing.T) { // RFC 6455 section 5.7
	p := unhex("7f9f4d5158")
	if pos := Mask(p, [4]byte{0x37, 0xFA, 0x21, 0x3D}, 0); string(p) != "Hello" || pos != 1 {
		t.Errorf("unmasked to %q, next byte at %d", p, pos)
	}
}

// Every length up to two turns of the loop, every alignment, every offset into the key, and nothing beside is touched.
func TestAttack_F15_MaskIsTheByteLoop(t *testing.T) {
	key := [4]byte{0xA1, 0xB2, 0xC3, 0xD4}
	plain := make([]byte, 256)
	for i := range plain {
		plain[i] = byte(i * 7)
	}
	for n := range 150 {
		for start := range 16 {
			for pos := range 8 {
				got, want := bytes.Clone(plain), bytes.Clone(plain)
				maskSlow(want[start:start+n], key, pos)
				next := Mask(got[start:start+n], key, pos)
				if !bytes.Equal(got, want) || next != (pos+n)%4 {
					t.Fatalf("%d bytes at %d with offset %d: next %d\n got %x\nwant %x", n, start, pos, next, got, want)
				}
			}
		}
	}
}

// In pieces it is the same as whole.
func TestMaskPieces(t *testing.T) {
	want := bytes.Repeat([]byte("abcdefg"), 30)
	got := bytes.Clone(want)
	maskSlow(want, maskKey(), 0)
	cut, pos := cuts(1, 20), 0
	for rest := got; len(rest) > 0; {
		n := min(cut(), len(rest))
		pos = Mask(rest[:n], maskKey(), pos)
		rest = rest[n:]
	}
	if !bytes.Equal(got, want) {
		t.Errorf("in pieces %x\nwhole     %x", got, want)
	}
}

// BenchmarkMask is masking, and copying the same bytes for comparison.
func BenchmarkMask(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"32B", 32}, {"1K", 1 << 10}, {"64K", 64 << 10}} {
		p, q := make([]byte, size.n), make([]byte, size.n)
		b.Run("mask/"+size.name, func(b *testing.B) {
			b.SetBytes(int64(size.n))
			for b.Loop() {
				Mask(p, [4]byte{1, 2, 3, 4}, 1)
			}
		})
		b.Run("copy/"+size.name, func(b *testing.B) {
			b.SetBytes(int64(size.n))
			for b.Loop() {
				copy(q, p)
			}
		})
	}
}

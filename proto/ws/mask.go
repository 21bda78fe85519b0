package ws

// This file holds masking (RFC 6455 section 5.3).

import (
	"encoding/binary"
	"math/bits"
)

// Mask masks or unmasks p in place: byte i is XORed with byte (pos+i) mod 4 of key.
// It returns the pos for the bytes that follow p, so that a payload may come in any pieces.
func Mask(p []byte, key [4]byte, pos int) int {
	next := (pos + len(p)) & 3
	k32 := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	k := uint64(k32)<<32 | uint64(k32)
	// 64 bytes a turn: the compiler turns each line into one load, XOR and store.
	for len(p) >= 64 {
		q := p[:64]
		binary.LittleEndian.PutUint64(q[0:8], binary.LittleEndian.Uint64(q[0:8])^k)
		binary.LittleEndian.PutUint64(q[8:16], binary.LittleEndian.Uint64(q[8:16])^k)
		binary.LittleEndian.PutUint64(q[16:24], binary.LittleEndian.Uint64(q[16:24])^k)
		binary.LittleEndian.PutUint64(q[24:32], binary.LittleEndian.Uint64(q[24:32])^k)
		binary.LittleEndian.PutUint64(q[32:40], binary.LittleEndian.Uint64(q[32:40])^k)
		binary.LittleEndian.PutUint64(q[40:48], binary.LittleEndian.Uint64(q[40:48])^k)
		binary.LittleEndian.PutUint64(q[48:56], binary.LittleEndian.Uint64(q[48:56])^k)
		binary.LittleEndian.PutUint64(q[56:64], binary.LittleEndian.Uint64(q[56:64])^k)
		p = p[64:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(k)
		k >>= 8
	}
	return next
}

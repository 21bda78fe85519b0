package ws

// This file tests the frame header: the specification's examples, every truncated prefix, every first two bytes.

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"
)

// headers are frame headers in their shortest form; the first ones are the examples of RFC 6455 section 5.7.
var headers = []struct {
	wire string
	h    Header
}{
	{"8105", Header{Fin: true, Opcode: OpText, Length: 5}},
	{"8185 37fa213d", Header{Fin: true, Opcode: OpText, Masked: true, Mask: [4]byte{0x37, 0xFA, 0x21, 0x3D}, Length: 5}},
	{"0103", Header{Opcode: OpText, Length: 3}},
	{"8002", Header{Fin: true, Opcode: OpContinuation, Length: 2}},
	{"8905", Header{Fin: true, Opcode: OpPing, Length: 5}},
	{"8a85 37fa213d", Header{Fin: true, Opcode: OpPong, Masked: true, Mask: [4]byte{0x37, 0xFA, 0x21, 0x3D}, Length: 5}},
	{"827e 0100", Header{Fin: true, Opcode: OpBinary, Length: 256}},
	{"827f 0000000000010000", Header{Fin: true, Opcode: OpBinary, Length: 65536}},

	{"0000", Header{}},
	{"8880 00000000", Header{Fin: true, Opcode: OpClose, Masked: true}},
	{"827d", Header{Fin: true, Opcode: OpBinary, Length: 125}},
	{"827e 007e", Header{Fin: true, Opcode: OpBinary, Length: 126}},
	{"827e ffff", Header{Fin: true, Opcode: OpBinary, Length: 65535}},
	{"82fe ffff 01020304", Header{Fin: true, Opcode: OpBinary, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: 65535}},
	{"82ff 7fffffffffffffff 01020304", Header{Fin: true, Opcode: OpBinary, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: math.MaxInt64}},
	{"c101", Header{Fin: true, RSV: RSV1, Opcode: OpText, Length: 1}},
	{"2100", Header{RSV: RSV2, Opcode: OpText}},
	{"1100", Header{RSV: RSV3, Opcode: OpText}},
	{"ff00", Header{Fin: true, RSV: RSV1 | RSV2 | RSV3, Opcode: 15}},
}

// unhex returns the bytes that hexadecimal digits and spaces say.
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestHeader(t *testing.T) {
	for _, tt := range headers {
		wire := unhex(tt.wire)
		if got := AppendHeader([]byte("x"), tt.h); !bytes.Equal(got[1:], wire) || got[0] != 'x' {
			t.Errorf("AppendHeader(%+v) = %x, want %s", tt.h, got[1:], tt.wire)
		}
		if h, n, err := ParseHeader(append(wire[:len(wire):len(wire)], "payload"...)); h != tt.h || n != len(wire) || err != nil {
			t.Errorf("ParseHeader(%s) = %+v, %d, %v", tt.wire, h, n, err)
		}
		for i := range wire {
			if h, n, err := ParseHeader(wire[:i]); h != (Header{}) || n != 0 || err != nil {
				t.Errorf("ParseHeader(%x), which is cut, = %+v, %d, %v", wire[:i], h, n, err)
			}
		}
	}
}

// Each length has one form (RFC 6455 section 5.2). The others are told, and can still be used; a length below 0 cannot.
func TestHeaderLengthForms(t *testing.T) {
	for _, tt := range []struct {
		wire   string
		length int64
		err    error
	}{
		{"817e 0000", 0, ErrLengthForm},
		{"817e 007d", 125, ErrLengthForm},
		{"817e 007e", 126, nil},
		{"81fe 007d 01020304", 125, ErrLengthForm},
		{"817f 0000000000000000", 0, ErrLengthForm},
		{"817f 000000000000007e", 126, ErrLengthForm},
		{"817f 000000000000ffff", 65535, ErrLengthForm},
		{"81ff 000000000000ffff 01020304", 65535, ErrLengthForm},
		{"817f 0000000000010000", 65536, nil},
		{"817f 4000000000000000", 1 << 62, nil},
		{"817f 8000000000000000", 0, ErrLengthTopBit},
		{"817f ffffffffffffffff", 0, ErrLengthTopBit},
		{"81ff 8000000000000005 01020304", 0, ErrLengthTopBit},
	} {
		wire := unhex(tt.wire)
		h, n, err := ParseHeader(wire)
		if h.Length != tt.length || n != len(wire) || err != tt.err {
			t.Errorf("ParseHeader(%s): length %d, %d bytes, %v", tt.wire, h.Length, n, err)
		}
		for i := range wire {
			if _, n, err := ParseHeader(wire[:i]); n != 0 || err != nil {
				t.Errorf("ParseHeader(%x), which is cut: %d bytes, %v", wire[:i], n, err)
			}
		}
	}
}

func TestOpcodes(t *testing.T) {
	names := []string{"continuation", "text", "binary", "", "", "", "", "", "close", "ping", "pong", "", "", "", "", ""}
	for op, name := range names {
		o := Opcode(op)
		if o.IsReserved() != (name == "") || o.IsControl() != (op >= 8) {
			t.Errorf("opcode %d: reserved %v, control %v", op, o.IsReserved(), o.IsControl())
		}
		if name == "" {
			name = "reserved"
		}
		if o.String() != name {
			t.Errorf("opcode %d is %q, want %q", op, o, name)
		}
	}
}

// Every first byte that a frame can have, with every kind of second byte, to either role, with permessage-deflate and without, alone and
// inside a message: what the specification does not allow fails, the rest does not. Here its rules stand as sentences.
func TestFirstTwoBytes(t *testing.T) {
	for _, role := range []Role{Server, Client} {
		for _, params := range []*DeflateParams{nil, allParams["takeover"]} {
			for _, inside := range []bool{false, true} {
				for first := range 10 << 8 {
					b0, b1 := byte(first), []byte{0, 2, 125, 126, 127, 128, 130, 253, 254, 255}[first>>8]
					c := New(role, testConfig, params)
					if inside {
						feedCut(c, frame(1-role, 0x01, "a"), whole)
					}
					c.Feed([]byte{b0, b1})
					ev, _ := c.Next()
					got := ""
					if ev.Kind == EventFail && ev.Reason != "compressed message of no bytes" { // which is true, but another rule
						got = fmt.Sprint(int(ev.Code))
					}
					if want := judge(role, params != nil, inside, b0, b1); got != want {
						t.Fatalf("%02x%02x to role %d, deflate %v, inside %v: failed with %q, want %q", b0, b1, role, params != nil, inside, got, want)
					}
				}
			}
		}
	}
}

// judge returns the code to fail with, or "".
func judge(role Role, deflate, inside bool, b0, b1 byte) string {
	final := b0 >= 0x80
	rsv1, rsv23 := b0&0x40 > 0, b0&0x30 > 0
	opcode := b0 % 16
	masked, length := b1 >= 0x80, b1%128
	control, begins := opcode >= 8, opcode == 1 || opcode == 2
	legal := strings.ContainsRune("\x00\x01\x02\x08\x09\x0a", rune(opcode)) && // the opcodes that have a meaning
		masked == (role == Server) && // clients mask, servers do not
		!rsv23 && // nobody has given them a meaning
		(!rsv1 || deflate && begins) && // RSV1 marks the first frame of a compressed message
		(!control || final && length <= 125) && // control frames are short and in one piece
		(!begins || !inside) && // a message ends before the next begins
		(opcode != 0 || inside) // and only what has begun goes on
	if legal {
		return ""
	}
	return "1002"
}

// FuzzHeader: what is read can be written, and is the same.
func FuzzHeader(f *testing.F) {
	for _, tt := range headers {
		f.Add(unhex(tt.wire))
	}
	f.Add(unhex("81fe 007d 01020304"))
	f.Add(unhex("81ff 8000000000000005 01020304"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		h, n, err := ParseHeader(wire)
		switch {
		case n == 0:
			if len(wire) >= MaxHeaderSize || err != nil || h != (Header{}) {
				t.Fatalf("%x: %+v, %v, and asks for more", wire, h, err)
			}
			return
		case n > len(wire) || n > MaxHeaderSize:
			t.Fatalf("%x: %d bytes of header", wire, n)
		case err == ErrLengthTopBit:
			return
		}
		again := AppendHeader(nil, h)
		if h2, n2, err := ParseHeader(again); h2 != h || n2 != len(again) || err != nil {
			t.Errorf("%x is %+v, but written as %x is %+v, %v", wire, h, again, h2, err)
		}
		if shortest := bytes.Equal(again, wire[:n]); shortest != (err == nil) || len(again) > n {
			t.Errorf("%x: %v, but is written as %x", wire[:n], err, again)
		}
	})
}

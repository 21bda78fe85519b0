package eio

// This file tests payloads.

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func text(s string) Packet   { return Packet{Type: TypeMessage, Data: []byte(s)} }
func binary(s string) Packet { return Packet{Type: TypeMessage, Binary: true, Data: []byte(s)} }

const noLimit = 1 << 30

// collect returns the packets of a payload, and the error behind them.
func collect(rev Revision, bin bool, body []byte, most int) (packets []Packet, err error) {
	for p, err := range Packets(rev, bin, body, most) {
		if err != nil {
			return packets, err
		}
		packets = append(packets, p)
	}
	return packets, nil
}

func equal(a, b []Packet) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// The vectors of the protocol's documents, and what the original parsers make of the rest.
func TestPayload(t *testing.T) {
	for _, tt := range []struct {
		format  Format
		packets []Packet
		wire    string
		binary  bool
	}{
		{Format{V4, false}, []Packet{text("hello"), {Type: TypePing}, text("world")}, "4hello\x1e2\x1e4world", false},
		{Format{V4, false}, []Packet{text("hello"), binary("\x01\x02\x03\x04")}, "4hello\x1ebAQIDBA==", false},
		{Format{V4, false}, []Packet{text("")}, "4", false},
		{Format{V3, false}, []Packet{text("hello"), text("€")}, "6:4hello2:4€", false},
		{Format{V3, false}, []Packet{text("😀"), {Type: TypePong}}, "3:4😀1:3", false},
		{Format{V3, true}, []Packet{text("€"), binary("\x01\x02\x03\x04")}, "2:4€10:b4AQIDBA==", false},
		{Format{V3, false}, []Packet{text("€"), binary("\x01\x02\x03\x04")}, "\x00\x04\xff4€\x01\x05\xff\x04\x01\x02\x03\x04", true},
		{Format{V3, false}, []Packet{binary(strings.Repeat("x", 122))}, "\x01\x01\x02\x03\xff\x04" + strings.Repeat("x", 122), true},
		{Format{V3, true}, []Packet{binary("")}, "2:b4", false},
	} {
		wire, bin := AppendPayload(nil, tt.format, tt.packets)
		if string(wire) != tt.wire || bin != tt.binary {
			t.Errorf("%v %v: %q, %v", tt.format, tt.packets, wire, bin)
		}
		if got, err := collect(tt.format.Revision, tt.binary, []byte(tt.wire), noLimit); err != nil || !equal(got, tt.packets) {
			t.Errorf("%v %q: %v, %v", tt.format, tt.wire, got, err)
		}
	}
}

// "0:" is what a client of revision 3 says when it has nothing to say.
func TestPayloadOfNothing(t *testing.T) {
	if got, err := collect(V3, false, []byte("0:2:4a0:"), noLimit); err != nil || !equal(got, []Packet{text("a")}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestPayloadWrong(t *testing.T) {
	for _, tt := range []struct {
		rev    Revision
		binary bool
		wire   string
		before int // packets that come first
		want   error
	}{
		{V4, false, "", 0, ErrEmptyPacket},
		{V4, false, "4a\x1e", 1, ErrEmptyPacket},
		{V4, false, "\x1e4a", 0, ErrEmptyPacket},
		{V4, false, "4a\x1e9\x1e4b", 1, ErrPacketType},
		{V4, false, "4a\x1eb***", 1, ErrBase64},
		{V4, false, "4a\xff", 0, ErrUTF8},
		{V3, false, "", 0, ErrLength},
		{V3, false, "6:4hello5", 1, ErrLength},
		{V3, false, "9:4hello", 0, ErrLength},
		{V3, false, "-1:4", 0, ErrLength},
		{V3, false, ":4", 0, ErrLength},
		{V3, false, "2;4a", 0, ErrLength},
		{V3, false, "1e1:4", 0, ErrLength},
		{V3, false, "99999999999999999999:4", 0, ErrLength},
		{V3, false, "2:4😀", 0, ErrLength}, // within a pair of surrogates
		{V3, false, "2:4\xff", 0, ErrUTF8},
		{V3, true, "", 0, ErrLength},
		{V3, true, "\x02\x01\xff4", 0, ErrLength},
		{V3, true, "\x00\xff4", 0, ErrLength},
		{V3, true, "\x00\x01", 0, ErrLength},
		{V3, true, "\x00\x01\x0a4", 0, ErrLength},
		{V3, true, "\x00\x02\xff4", 0, ErrLength},
		{V3, true, "\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff4", 0, ErrLength},
		{V3, true, "\x00\x01\xff4\x00\x02\xff4\xff", 1, ErrUTF8},
		{V3, true, "\x01\x01\xff\x04\x01\x01\xff\x02", 1, ErrNotMessage},
	} {
		got, err := collect(tt.rev, tt.binary, []byte(tt.wire), noLimit)
		if !errors.Is(err, tt.want) || len(got) != tt.before {
			t.Errorf("%d %q: %v, %v, want %v", tt.rev, tt.wire, got, err, tt.want)
		}
	}
}

// Every prefix of a payload fails or is a shorter payload.
func TestPayloadCut(t *testing.T) {
	packets := []Packet{text("a😀b"), binary("\x00\xff\x1e"), {Type: TypePing}, text("")}
	for _, f := range []Format{{V4, false}, {V3, false}, {V3, true}} {
		wire, bin := AppendPayload(nil, f, packets)
		for n := range wire {
			if got, err := collect(f.Revision, bin, wire[:n], noLimit); err == nil && len(got) >= len(packets) {
				t.Errorf("%v: the first %d bytes of %q hold %v", f, n, wire, got)
			}
		}
	}
}

// E01
func TestAttack_E01_ManyPackets(t *testing.T) {
	for _, tt := range []struct {
		rev    Revision
		binary bool
		wire   string
	}{
		{V4, false, strings.Repeat("4\x1e", 500_000)},
		{V3, false, strings.Repeat("1:4", 250_000)},
		{V3, false, strings.Repeat("0:", 500_000)}, // no packets, but as much work
		{V3, true, strings.Repeat("\x00\x01\xff4", 250_000)},
	} {
		start := time.Now()
		got, err := collect(tt.rev, tt.binary, []byte(tt.wire), 1000)
		if !errors.Is(err, ErrTooManyPackets) || len(got) > 1000 {
			t.Errorf("%d %.8q: %d packets, %v", tt.rev, tt.wire, len(got), err)
		}
		if d := time.Since(start); d > 200*time.Millisecond {
			t.Errorf("%d %.8q: %v", tt.rev, tt.wire, d)
		}
	}
	if got, err := collect(V4, false, []byte("4\x1e4"), 2); err != nil || len(got) != 2 {
		t.Errorf("as many as the limit: %d, %v", len(got), err)
	}
}

// What the length says of a text, JavaScript must think too: utf16Len and nextV3 count the same.
func FuzzPayload(f *testing.F) {
	for _, s := range []string{"4a\x1e4b", "6:4hello2:4€", "\x00\x04\xff4€\x01\x05\xff\x04\x01\x02\x03\x04", "2:4€10:b4AQIDBA==", "0:", "3:4😀"} {
		for i := range byte(4) {
			f.Add(i, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, form byte, wire []byte) {
		rev := V3 + Revision(form&1)
		bin := rev == V3 && form&2 != 0
		before := bytes.Clone(wire)
		packets, err := collect(rev, bin, wire, 100)
		if !bytes.Equal(wire, before) {
			t.Fatal("the body was changed")
		}
		if err != nil || len(packets) == 0 {
			return
		}
		for _, p := range packets {
			if !p.Binary && !utf8.Valid(p.Data) {
				t.Fatalf("%q is not UTF-8", p.Data)
			}
		}
		for _, onlyText := range []bool{false, true} {
			body, b := AppendPayload(nil, Format{rev, onlyText}, packets)
			again, err := collect(rev, b, body, noLimit)
			if err != nil || !equal(packets, again) {
				t.Fatalf("%v became %v, %v", packets, again, err)
			}
		}
	})
}

func ExampleAppendPayload() {
	body, _ := AppendPayload(nil, Format{Revision: V3}, []Packet{text("hello"), text("€")})
	fmt.Printf("%s\n", body)
	// Output: 6:4hello2:4€
}

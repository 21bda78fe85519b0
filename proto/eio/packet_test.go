package eio

// This file tests packets that stand alone.

import (
	"bytes"
	"errors"
	"testing"
)

func TestPacket(t *testing.T) {
	for _, tt := range []struct {
		wire   string
		rev    Revision
		binary bool // the message is
		text   bool // the peer takes text only
		want   Packet
	}{
		{wire: "4hello", rev: V4, want: Packet{Type: TypeMessage, Data: []byte("hello")}},
		{wire: "4hello", rev: V3, want: Packet{Type: TypeMessage, Data: []byte("hello")}},
		{wire: "4", rev: V4, want: Packet{Type: TypeMessage}},
		{wire: "2probe", rev: V4, want: Packet{Type: TypePing, Data: []byte("probe")}},
		{wire: "3probe", rev: V3, want: Packet{Type: TypePong, Data: []byte("probe")}},
		{wire: "0{}", rev: V4, want: Packet{Type: TypeOpen, Data: []byte("{}")}},
		{wire: "1", rev: V4, want: Packet{Type: TypeClose}},
		{wire: "5", rev: V4, want: Packet{Type: TypeUpgrade}},
		{wire: "6", rev: V4, want: Packet{Type: TypeNoop}},
		{wire: "\x01\x02\x03", rev: V4, binary: true, want: Packet{Type: TypeMessage, Binary: true, Data: []byte{1, 2, 3}}},
		{wire: "", rev: V4, binary: true, want: Packet{Type: TypeMessage, Binary: true}},
		{wire: "\x04\x01\x02\x03", rev: V3, binary: true, want: Packet{Type: TypeMessage, Binary: true, Data: []byte{1, 2, 3}}},
		{wire: "bAQIDBA==", rev: V4, text: true, want: Packet{Type: TypeMessage, Binary: true, Data: []byte{1, 2, 3, 4}}},
		{wire: "b4AQIDBA==", rev: V3, text: true, want: Packet{Type: TypeMessage, Binary: true, Data: []byte{1, 2, 3, 4}}},
		{wire: "b", rev: V4, text: true, want: Packet{Type: TypeMessage, Binary: true}},
	} {
		got, err := ParsePacket(tt.rev, tt.binary, []byte(tt.wire))
		if err != nil || !same(got, tt.want) {
			t.Errorf("%d %q: %+v, %v", tt.rev, tt.wire, got, err)
		}
		if wire := AppendPacket(nil, tt.rev, tt.want, tt.text); string(wire) != tt.wire {
			t.Errorf("%d %+v: %q, want %q", tt.rev, tt.want, wire, tt.wire)
		}
	}
}

func same(a, b Packet) bool {
	return a.Type == b.Type && a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
}

// E15
func TestAttack_E15_NoPacket(t *testing.T) {
	for _, tt := range []struct {
		wire   string
		rev    Revision
		binary bool
		want   error
	}{
		{"", V4, false, ErrEmptyPacket},
		{"", V3, false, ErrEmptyPacket},
		{"", V3, true, ErrEmptyPacket},
		{"7", V4, false, ErrPacketType},
		{"9x", V4, false, ErrPacketType},
		{"x", V3, false, ErrPacketType},
		{" 4", V4, false, ErrPacketType},
		{"\x07", V3, true, ErrPacketType},
		{"4text", V3, true, ErrPacketType}, // the digit is no type
		{"\x02", V3, true, ErrNotMessage},
		{"b!", V4, false, ErrBase64},
		{"bAQ", V4, false, ErrBase64}, // padding is part of it
		{"bAQ=", V4, false, ErrBase64},
		{"b4AQ", V3, false, ErrBase64},
		{"b", V3, false, ErrPacketType},
		{"b9AQID", V3, false, ErrPacketType},
		{"b/AQID", V3, false, ErrPacketType},
		{"b2AQID", V3, false, ErrNotMessage},
	} {
		if p, err := ParsePacket(tt.rev, tt.binary, []byte(tt.wire)); !errors.Is(err, tt.want) || !same(p, Packet{}) {
			t.Errorf("%d %q: %+v, %v, want %v", tt.rev, tt.wire, p, err, tt.want)
		}
	}
}

func TestTypeString(t *testing.T) {
	if s := TypeNoop.String() + " " + TypeOpen.String() + " " + Type(7).String(); s != "noop open unknown" {
		t.Error(s)
	}
}

func TestUTF16Len(t *testing.T) {
	for s, want := range map[string]int{"": 0, "a": 1, "é": 1, "€": 1, "😀": 2, "a😀é": 4, "\xff": 1, "\U0010ffff": 2} {
		if got := utf16Len([]byte(s)); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

// What is taken apart can be put together again, and means the same.
func FuzzPacket(f *testing.F) {
	for _, s := range []string{"4hello", "bAQID", "b4AQID", "\x04abc", "", "7", "2probe"} {
		for i := range byte(4) {
			f.Add(i, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, form byte, wire []byte) {
		rev, binary := V3+Revision(form&1), form&2 != 0
		p, err := ParsePacket(rev, binary, wire)
		if err != nil {
			return
		}
		text := p.Binary && !binary
		again, err := ParsePacket(rev, p.Binary && !text, AppendPacket(nil, rev, p, text))
		if err != nil || !same(p, again) {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}

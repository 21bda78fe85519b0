package sio

// This file tests how packets are put together from messages.

import (
	"fmt"
	"slices"
	"testing"
)

// message is what Engine.IO carries.
type message struct {
	binary bool
	data   []byte
}

// messages returns what a packet is sent as.
func messages(t testing.TB, parser Parser, p Packet) []message {
	t.Helper()
	b, err := parser.Append(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	list := []message{{parser.Whole(), b}}
	if !parser.Whole() {
		for _, a := range p.Attachments {
			list = append(list, message{true, a})
		}
	}
	return list
}

func withAttachments(n int) Packet {
	p := Packet{Type: TypeBinaryEvent, Namespace: "/admin", ID: 5, Data: []byte(`["a"`)}
	for i := range n {
		p.Data = fmt.Appendf(p.Data, `,{"_placeholder":true,"num":%d}`, i)
		p.Attachments = append(p.Attachments, slices.Repeat([]byte{'a' + byte(i)}, i)) // the first is empty
	}
	p.Data = append(p.Data, ']')
	return p
}

var parsers = map[string]Parser{"text": Text, "msgpack": Msgpack}

// A packet comes out as it went in, with any number of attachments, and only when the last has come.
func TestDecoder(t *testing.T) {
	for name, parser := range parsers {
		var d Decoder
		for n := 1; n <= 10; n++ {
			want := withAttachments(n)
			list := messages(t, parser, want)
			for i, m := range list {
				got, ok, err := d.Feed(parser, 10, m.binary, m.data)
				if err != nil || ok != (i == len(list)-1) {
					t.Fatalf("%s, message %d of %d: %t, %v", name, i, len(list), ok, err)
				}
				if ok && !samePacket(&got, &want) {
					t.Errorf("%s: %+v with %s became %+v with %s", name, want, want.Data, got, got.Data)
				}
			}
		}
	}
}

// Only the last attachment and the data of the last message alias it: whoever reads messages into one buffer loses nothing.
func TestDecoderAliases(t *testing.T) {
	for name, parser := range parsers {
		var d Decoder
		buf := make([]byte, 1000)
		want := withAttachments(10)
		list := messages(t, parser, want)
		for i, m := range list {
			got, ok, err := d.Feed(parser, 10, m.binary, append(buf[:0], m.data...))
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				clear(buf)
				continue
			}
			if i != len(list)-1 {
				t.Fatalf("%s: message %d is taken for the last", name, i)
			}
			last := len(got.Attachments) - 1
			got.Attachments[last] = slices.Clone(got.Attachments[last])
			clear(buf)
			if !samePacket(&got, &want) {
				t.Errorf("%s: %q with %s", name, got.Attachments, got.Data)
			}
		}
	}
}

// Bytes that are none are bytes all the same: an attachment is never nil.
func TestDecoderEmptyAttachments(t *testing.T) {
	var d Decoder
	d.Feed(Text, 2, false, []byte(`52-["a",`+first+`,`+second+`]`))
	d.Feed(Text, 2, true, nil)
	p, ok, err := d.Feed(Text, 2, true, nil)
	if err != nil || !ok || len(p.Attachments) != 2 || p.Attachments[0] == nil || p.Attachments[1] == nil {
		t.Errorf("%#v, %t, %v", p.Attachments, ok, err)
	}
}

// After a packet the decoder waits for the next, whatever that is.
func TestDecoderGoesOn(t *testing.T) {
	var d Decoder
	var got []string
	for _, m := range []message{
		{false, []byte(`2["a"]`)},
		{false, []byte(`51-["b",` + first + `]`)},
		{true, []byte("1")},
		{false, []byte(`52-["c",` + second + `,` + first + `]`)},
		{true, []byte("1")},
		{true, []byte("2")},
		{false, []byte(`2["d"]`)},
	} {
		p, ok, err := d.Feed(Text, 10, m.binary, m.data)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			name, _, _ := EventName(p.Data)
			got = append(got, fmt.Sprintf("%s %q", name, p.Attachments))
		}
	}
	if want := []string{`a []`, `b ["1"]`, `c ["1" "2"]`, `d []`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

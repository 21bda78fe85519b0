package ws

// This file tests Tap: that it sees what goes by, in all cuts, and leaves it alone.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tapped returns the frames that a Tap saw in wire, a line each.
func tapped(t *testing.T, sender Role, params *DeflateParams, limit int, wire []byte, cut func() int) (lines []string) { //nolint:revive // all that a Tap is given
	t.Helper()
	tap := NewTap(sender, params, limit, func(f *Frame) {
		if len(f.Wire) > limit || len(f.Payload) > limit || len(f.Inflated) > limit {
			t.Errorf("a frame of %d, %d and %d bytes, with a limit of %d", len(f.Wire), len(f.Payload), len(f.Inflated), limit)
		}
		line := fmt.Sprintf("%x %v %q", f.Head, f.Opcode, f.Payload)
		if f.Compressed {
			line = fmt.Sprintf("%x %v compressed %q", f.Head, f.Opcode, f.Inflated)
		}
		if f.Cut {
			line += " cut"
		}
		lines = append(lines, line)
	})
	for rest := wire; len(rest) > 0; {
		n := min(cut(), len(rest))
		piece := bytes.Clone(rest[:n])
		tap.Feed(piece)
		if !bytes.Equal(piece, rest[:n]) {
			t.Fatal("the Tap changed what went by")
		}
		clear(piece) // it may not keep it either
		rest = rest[n:]
	}
	return lines
}

func TestTap(t *testing.T) {
	const text = "all work and no play, all work and no play"
	for name, params := range allParams {
		for _, role := range []Role{Server, Client} {
			from := New(role, testConfig, params)
			var want []string
			for _, s := range []struct {
				op   Opcode
				fin  bool
				data string
			}{
				{OpText, true, text}, {OpText, true, text}, {OpBinary, false, text}, {OpPing, true, "?"}, {OpContinuation, false, ""},
				{OpContinuation, true, text}, {OpText, true, ""}, {OpText, true, "x"},
			} {
				if err := from.Send(s.op, s.fin, []byte(s.data)); err != nil {
					t.Fatal(err)
				}
				want = append(want, fmt.Sprintf("%v %q", s.op, s.data))
			}
			_ = from.Close(StatusNormalClosure, "bye")
			want = append(want, `close "\x03\xe8bye"`)
			wire := from.Take(nil)
			for cutName, cut := range map[string]func() int{"whole": whole, "one": one, "pieces": cuts(1, 20)} {
				got := tapped(t, role, params, 100, wire, cut)
				for i, line := range got {
					_, line, _ = strings.Cut(line, " ")
					got[i] = strings.Replace(line, " compressed", "", 1)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, role %d, %s: %s", name, role, cutName, firstDifference(got, want))
				}
			}
		}
	}
}

// Long payloads are cut, and a Tap gives up, in silence, on what is no frame or cannot be inflated.
func TestTapLimits(t *testing.T) {
	deflate := allParams["takeover"]
	for _, tt := range []struct {
		name   string
		params *DeflateParams
		wire   []byte
		want   []string
	}{
		{"long", nil, slices.Concat(frame(Server, 0x82, "0123456789"), frame(Server, 0x89, "")), []string{`820a binary "01234567" cut`, `8900 ping ""`}},
		{"exactly the limit", nil, frame(Server, 0x82, "01234567"), []string{`8208 binary "01234567"`}},
		{"masked", nil, append(unhex("8185 37fa213d"), unhex("7f9f4d5158")...), []string{`818537fa213d text "Hello"`}},
		{"the top bit", nil, slices.Concat(unhex("827f ffffffffffffffff"), frame(Server, 0x89, "")), nil},
		{"garbage", deflate, slices.Concat(frame(Server, 0xC1, "\x07xyz"), frame(Server, 0x81, "ok")), []string{`c104 text compressed ""`, `8102 text "ok"`}},
		{"a reference to what is forgotten", allParams["no takeover"], slices.Concat(frame(Server, 0xC1, "\xf2\x48\xcd\xc9\xc9\x07\x00"), frame(Server, 0xC1, "\xf2\x00\x11\x00\x00")),
			[]string{`c107 text compressed "Hello"`, `c105 text compressed "H"`}}, // a literal, then the reference
		{"half a header", nil, unhex("82"), nil},
		{"half a frame", nil, unhex("820500"), nil},
	} {
		for _, cut := range []func() int{whole, one} {
			if got := tapped(t, Server, tt.params, 8, tt.wire, cut); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %s", tt.name, firstDifference(got, tt.want))
			}
		}
	}
	size := 0
	tap := NewTap(Server, deflate, 100, func(f *Frame) { size = len(f.Inflated) })
	wire := frame(Server, 0xC2, string(bomb(4)))
	if cost := allocated(func() { tap.Feed(wire) }); size != 100 || cost > 200<<10 {
		t.Errorf("of a bomb %d bytes were kept, %d allocated", size, cost)
	}
}

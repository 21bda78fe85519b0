package ws

// This file tests the grammar of extensions and how permessage-deflate is agreed on (RFC 7692 section 7.1).

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// written is a list of extensions as it might be written.
func written(list []extension) string {
	var b strings.Builder
	for i, e := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e.name)
		for _, p := range e.params {
			b.WriteString("; " + p.name)
			if p.hasValue {
				b.WriteString("=" + p.value)
			}
		}
	}
	return b.String()
}

// The grammar of RFC 6455 section 9.1, with the lists of RFC 9110 section 5.6.1.
func TestParseExtensions(t *testing.T) {
	const wrong = "wrong"
	for _, tt := range []struct {
		lines []string
		want  string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{" , ,\t,"}, ""},
		{[]string{"foo"}, "foo"},
		{[]string{"foo", "bar; baz=2"}, "foo, bar; baz=2"}, // the examples of the section
		{[]string{"foo, bar; baz=2"}, "foo, bar; baz=2"},
		{[]string{"deflate-stream"}, "deflate-stream"},
		{[]string{"mux; max-channels=4; flow-control, deflate-stream"}, "mux; max-channels=4; flow-control, deflate-stream"},
		{[]string{"private-extension"}, "private-extension"},
		{[]string{"\tfoo ;\tbar = baz\t, ,x;y "}, "foo; bar=baz, x; y"},
		{[]string{`foo; bar="baz"`}, "foo; bar=baz"},
		{[]string{`foo; bar= "\b\a\z" ,x`}, "foo; bar=baz, x"},
		{[]string{"!#$%&'*+-.^_`|~;a"}, "!#$%&'*+-.^_`|~; a"},
		{[]string{"foo;"}, wrong},
		{[]string{"foo; ,bar"}, wrong},
		{[]string{"foo;;bar"}, wrong},
		{[]string{";;;"}, wrong},
		{[]string{"foo bar"}, wrong},
		{[]string{"foo; bar baz"}, wrong},
		{[]string{"foo; bar=baz quux"}, wrong},
		{[]string{"foo; bar="}, wrong},
		{[]string{"foo; bar=,x"}, wrong},
		{[]string{"foo; =baz"}, wrong},
		{[]string{"foo=bar"}, wrong},
		{[]string{`foo; bar=""`}, wrong},
		{[]string{`foo; bar="a b"`}, wrong}, // what is quoted must be a token, too
		{[]string{`foo; bar="a\"b"`}, wrong},
		{[]string{`foo; bar="baz`}, wrong},
		{[]string{`foo; bar="baz\`}, wrong},
		{[]string{`foo; bar="baz\"`}, wrong},
		{[]string{`foo; bar="baz"x`}, wrong},
		{[]string{`"foo"`}, wrong},
		{[]string{"föö"}, wrong},
		{[]string{"foo\x00"}, wrong},
		{[]string{"foo", "bar;"}, wrong},
	} {
		list, ok := parseExtensions(tt.lines)
		got := written(list)
		if !ok {
			got = wrong
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.lines, got, tt.want)
		}
		if again, ok := parseExtensions([]string{got}); got != wrong && (!ok || written(again) != got) {
			t.Errorf("%q is read as %+v, %v", got, again, ok)
		}
	}
}

func TestAttack_H06_ExtensionJunk(t *testing.T) {
	for name, line := range map[string]string{
		"unterminated escapes": `a;b="` + strings.Repeat(`\c`, 30_000),
		"unterminated quote":   `a;b="` + strings.Repeat("c", 60_000),
		"semicolons":           strings.Repeat(";", 60_000),
		"spaces":               "a" + strings.Repeat(" ", 60_000) + "b",
	} {
		within(t, time.Second, func() {
			if _, _, bad := Choose(Fields{"Sec-Websocket-Extensions": {line}}, nil, &DeflateOptions{}); bad == nil || bad.Status != 400 {
				t.Errorf("%s: %v", name, bad)
			}
		})
	}
	for name, line := range map[string]string{
		"constructor":       "constructor, __proto__; toString=1",
		"5,000 offers":      strings.Repeat("a;b=c, ", 5_000),
		"5,000 bad offers":  strings.Repeat("permessage-deflate;x, ", 5_000),
		"5,000 parameters":  "permessage-deflate" + strings.Repeat(";client_max_window_bits", 5_000),
		"other extensions":  "permessage-deflat, permessage-deflate2, Permessage-Deflate, x-webkit-deflate-frame, permessage-bzip2",
		"commas and spaces": strings.Repeat(" ,", 30_000),
	} {
		within(t, time.Second, func() {
			a, extensions, bad := Choose(Fields{"Sec-Websocket-Extensions": {line}}, nil, &DeflateOptions{})
			if a.Deflate != nil || extensions != "" || bad != nil {
				t.Errorf("%s: %+v, %q, %v", name, a.Deflate, extensions, bad)
			}
		})
	}
	if got := answered(with("Sec-WebSocket-Extensions: permessage-deflate"), nil); got != accepted {
		t.Errorf("a server that does not compress: %s", got)
	}
}

// The cases of RFC 7692 section 7.1. The server of the first column wants takeover and as many bits; 0: it does not want takeover.
func TestAttack_D07_Offers(t *testing.T) {
	const pmd = "permessage-deflate"
	const no = "; server_no_context_takeover; client_no_context_takeover"
	for _, tt := range []struct {
		bits        int
		offer, want string // "": declined
	}{
		// Without takeover, both sides are told so; windows are as the client wants them, and never larger than it allows.
		{0, "", no},
		{0, "; client_max_window_bits", no},
		{0, "; client_max_window_bits=8", no + "; client_max_window_bits=8"},
		{0, "; client_max_window_bits=15", no},
		{0, "; server_max_window_bits=8", no + "; server_max_window_bits=8"},
		{0, "; server_max_window_bits=15", no + "; server_max_window_bits=15"},
		{0, no, no},
		{0, "; client_max_window_bits; server_max_window_bits=10", no + "; server_max_window_bits=10"},

		// With takeover: the server bounds what it must keep, or has the client do without.
		{15, "", " "},
		{15, "; client_max_window_bits", " "},
		{15, "; client_max_window_bits=12", "; client_max_window_bits=12"},
		{15, "; server_no_context_takeover", "; server_no_context_takeover"},
		{15, "; client_no_context_takeover", "; client_no_context_takeover"},
		{15, "; server_max_window_bits=9", "; server_max_window_bits=9"},
		{10, "", "; client_no_context_takeover"},
		{10, "; client_max_window_bits", "; client_max_window_bits=10"},
		{10, "; client_max_window_bits=15", "; client_max_window_bits=10"},
		{10, "; client_max_window_bits=9", "; client_max_window_bits=9"},
		{10, "; client_max_window_bits=8; server_max_window_bits=8", "; server_max_window_bits=8; client_max_window_bits=8"},
		{10, "; client_no_context_takeover; client_max_window_bits=15", "; client_no_context_takeover"},

		// Values may be quoted, names and values are exact, white space is free.
		{15, `;client_max_window_bits="10" ;	server_max_window_bits = 9`, "; server_max_window_bits=9; client_max_window_bits=10"},
		{15, "; Client_max_window_bits", ""},
		{15, "; SERVER_NO_CONTEXT_TAKEOVER", ""},
		{15, "; foo", ""},
		{15, "; foo=1", ""},
		{15, "; server_max_window_bits", ""}, // the value is required
		{15, "; server_max_window_bits=7", ""},
		{15, "; server_max_window_bits=16", ""},
		{15, "; server_max_window_bits=0", ""},
		{15, "; server_max_window_bits=08", ""},
		{15, "; server_max_window_bits=+9", ""},
		{15, "; server_max_window_bits=-9", ""},
		{15, "; server_max_window_bits=1e1", ""},
		{15, "; server_max_window_bits=99999999999999999999", ""},
		{15, "; client_max_window_bits=7", ""},
		{15, "; client_max_window_bits=16", ""},
		{15, "; client_max_window_bits=010", ""},
		{15, "; client_max_window_bits=a", ""},
		{15, "; server_no_context_takeover=1", ""},
		{15, "; client_no_context_takeover=true", ""},
		{15, "; server_no_context_takeover; server_no_context_takeover", ""},
		{15, "; client_no_context_takeover; client_no_context_takeover", ""},
		{15, "; server_max_window_bits=9; server_max_window_bits=9", ""},
		{15, "; client_max_window_bits; client_max_window_bits=9", ""},
		{15, "; client_max_window_bits=9; client_max_window_bits", ""},

		// The next offer gets its chance; the first good one is taken.
		{15, "; server_max_window_bits=16, foo, " + pmd + "; server_max_window_bits=9", "; server_max_window_bits=9"},
		{15, "; server_max_window_bits=9, " + pmd, "; server_max_window_bits=9"},
		{15, "; foo, " + pmd + "; bar", ""},
	} {
		server := &DeflateOptions{Takeover: tt.bits > 0, WindowBits: tt.bits}
		want := ""
		if tt.want != "" {
			want = pmd + strings.TrimSpace(tt.want)
		}
		a, got, bad := Choose(Fields{"Sec-Websocket-Extensions": {pmd + tt.offer}}, nil, server)
		if got != want || bad != nil || (got == "") != (a.Deflate == nil) {
			t.Errorf("%d bits, %q: got %q, %+v, %v; want %q", tt.bits, tt.offer, got, a.Deflate, bad, want)
		}
		if a.Deflate == nil {
			continue
		}
		// What the machine does is what the answer says.
		if p, err := agreed(strings.TrimPrefix(got, "permessage-")); err != nil || *p != *a.Deflate {
			t.Errorf("%d bits, %q: answered %q, but uses %+v, %v", tt.bits, tt.offer, got, *a.Deflate, err)
		}
	}
}

// The window that options ask for is one that there is.
func TestWindowBits(t *testing.T) {
	for bits, want := range map[int]int{0: 10, -1: 9, 8: 9, 9: 9, 10: 10, 15: 15, 16: 15, 1000: 15} {
		if got := (&DeflateOptions{WindowBits: bits}).windowBits(); got != want {
			t.Errorf("%d: got %d, want %d", bits, got, want)
		}
	}
}

// legalAnswer tells what is wrong with an answer to an offer by RFC 7692 section 7.1, or "".
func legalAnswer(offer, answer extension) string {
	find := func(e extension, name string) (string, bool) {
		for _, p := range e.params {
			if p.name == name {
				return p.value, true
			}
		}
		return "", false
	}
	const serverBits, clientBits, serverNo = "server_max_window_bits", "client_max_window_bits", "server_no_context_takeover"
	for i, p := range answer.params {
		if !slices.Contains([]string{serverBits, clientBits, serverNo, "client_no_context_takeover"}, p.name) {
			return "it has a parameter that there is not"
		}
		if slices.ContainsFunc(answer.params[:i], func(q param) bool { return q.name == p.name }) {
			return "it has a parameter twice"
		}
	}
	atMost := func(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a <= b }
	if _, asked := find(offer, serverNo); asked { // 7.1.1.1
		if _, ok := find(answer, serverNo); !ok {
			return "it has no " + serverNo
		}
	}
	if bits, asked := find(offer, serverBits); asked { // 7.1.2.1
		if b, ok := find(answer, serverBits); !ok || !atMost(b, bits) {
			return "it has no or too large " + serverBits
		}
	}
	if b, ok := find(answer, clientBits); ok { // 7.1.2.2
		if bits, asked := find(offer, clientBits); !asked || bits != "" && !atMost(b, bits) {
			return "its " + clientBits + " was not offered"
		}
	}
	return ""
}

// FuzzExtensions: whatever is offered, the answer was offered, and is one that a client can read.
func FuzzExtensions(f *testing.F) {
	for _, line := range []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits, permessage-deflate; server_max_window_bits=9",
		`foo; bar="b\az", permessage-deflate; client_max_window_bits="12"; server_no_context_takeover; client_no_context_takeover`,
		"permessage-deflate; client_max_window_bits=8", " , ;", `a;b="`,
	} {
		f.Add(line, byte(0))
		f.Add(line, byte(10))
		f.Add(line, byte(15))
	}
	f.Fuzz(func(t *testing.T, line string, bits byte) {
		offers, ok := parseExtensions([]string{line})
		a, got, bad := Choose(Fields{"Sec-Websocket-Extensions": {line}}, nil, &DeflateOptions{Takeover: bits > 0, WindowBits: int(bits)})
		switch {
		case ok != (bad == nil):
			t.Fatalf("%q follows the grammar: %v, but %v", line, ok, bad)
		case (got == "") != (a.Deflate == nil):
			t.Fatalf("%q: answered %q and uses %+v", line, got, a.Deflate)
		case got == "":
			return
		}
		list, ok := parseExtensions([]string{got})
		if !ok || len(list) != 1 || list[0].name != extensionName || written(list) != got {
			t.Fatalf("%q: answered %q", line, got)
		}
		var reasons []string
		for _, o := range offers {
			if o.name == extensionName {
				reasons = append(reasons, legalAnswer(o, list[0]))
			}
		}
		if !slices.Contains(reasons, "") {
			t.Errorf("%q: answered %q, but %q", line, got, reasons)
		}
		if p, err := agreed(strings.TrimPrefix(got, "permessage-")); err != nil || *p != *a.Deflate {
			t.Errorf("%q: answered %q, but uses %+v, %v", line, got, *a.Deflate, err)
		}
		if again := written(offers); again != "" {
			if _, got2, bad := Choose(Fields{"Sec-Websocket-Extensions": {again}}, nil, &DeflateOptions{Takeover: bits > 0, WindowBits: int(bits)}); got2 != got || bad != nil {
				t.Errorf("%q is answered with %q, but written as %q with %q, %v", line, got, again, got2, bad)
			}
		}
	})
}

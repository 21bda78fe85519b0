package sio

// This file tests what is done with JSON without decoding it. The measure is encoding/json.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// documents are JSON, and things that look like it.
var documents = []string{
	"", " ", "\x00", "null", "true", "false", "nul", "nulls", "True", "truefalse", "true false", "NaN", "Infinity", "undefined",
	"0", "-0", "-", "+1", "01", "-01", "00", "1", "12", "1.", ".1", "1.5", "1.5.5", "-1.5", "1e5", "1E5", "1e+5", "1e-5", "1e", "1e+", "1e5.5", "0e0", "0x1",
	"1e999", "1_000", "1 2", "9007199254740993", strings.Repeat("1", 1000), "--1", "1-", "-e1", "1e1e1",
	`""`, `"`, `"a`, `"a"b`, `"a""b"`, `'a'`, `"\"`, `"\\"`, `"\\\"`, `"\"\\\/\b\f\n\r\t"`, `"\a"`, `"\x41"`, `"\u"`, `"\u0"`, `"\u00"`, `"\u004"`, `"\u0041"`, `"\u00gg"`,
	`"\uD800"`, `"\ud83d\ude00"`, `"\u"041"`, `"\U0041"`, "\"\n\"", "\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"é€😀\"", "\"\xff\xc0\"", "\"\u2028\"", `"\`, `"\u123`,
	"[]", "[", "]", "[]]", "[[]", "[[]]", "[ ]", "[,]", "[1,]", "[,1]", "[1,2]", "[1 2]", "[1,,2]", " [ 1 , 2 ] ", "[1}", "[\n1\t,\r2 ]", "[\v1]", "[\u00a01]", "\ufeff[]",
	"[\"a\",{\"b\":[null,true,{}]},-1.5e-3]", "[1]x", "[1] x", "x[1]", "[:]", "[\"a\":1]", "[true,fals]", "[1,\x00]", "[[[[[[[[[[]]]]]]]]]]",
	"{}", "{", "}", "{ }", "{}}", "{{}}", `{"a":1}`, `{"a":1,}`, `{,"a":1}`, `{"a"}`, `{"a":}`, `{"a",1}`, `{:1}`, `{a:1}`, `{'a':1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a":1,"b":2}`,
	`{"a":1,"a":2}`, ` { "a" : 1 , "b" : { } } `, `{"":0}`, `{"a":{"b":{"c":[]}}}`, `{"a":1]`, `{"a":1}x`, `{"\u0061":1}`, `{"\u00":1}`, "{\"a\n\":1}", `{"a":1,b}`, `{"a":1,"b"}`,
	`{"__proto__":{"constructor":1}}`, first, `{"_placeholder":true,"num":}`, "/**/[]", "[]//", "[1,2,3", `{"a":[1,2}`, `["a"`, `{"a":tru}`, `{"a":"b}`,
}

func scans(doc []byte) bool {
	s := scanner{b: doc}
	return s.value(0, 0) == len(doc)
}

// The scanner takes what json.Valid takes, and nothing else: of the documents, of each with a byte missing, and of each with a byte replaced.
func TestScanner(t *testing.T) {
	check := func(doc []byte) {
		if got := scans(doc); got != json.Valid(doc) {
			t.Errorf("%.100q: %t", doc, got)
		}
	}
	for _, doc := range documents {
		check([]byte(doc))
		for i := range min(len(doc), 50) {
			check([]byte(doc[:i] + doc[i+1:]))
			for _, c := range []byte("\x00 \"\\,:[]{}-.0e1tu\x1f\xff") {
				check([]byte(doc[:i] + string(c) + doc[i+1:]))
				check([]byte(doc[:i] + string(c) + doc[i:]))
			}
		}
	}
}

// Documents that are made up at random and spoiled a little: the scanner agrees with json.Valid there too.
func TestScannerRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 20_000 {
		doc := randomJSON(r, nil, 0)
		if r.IntN(2) == 0 {
			doc[r.IntN(len(doc))] = "\x00 \"\\,:[]{}-.0e1tu\x1f\xff"[r.IntN(19)]
		}
		if want := json.Valid(doc); scans(doc) != want {
			t.Errorf("%.100q: %t", doc, !want)
		} else if want {
			valid++
		}
	}
	if valid < 5000 || valid > 19_000 {
		t.Errorf("%d of the documents are valid, which is no test", valid)
	}
}

// randomJSON appends a value.
func randomJSON(r *rand.Rand, b []byte, depth int) []byte {
	space := func() {
		for r.IntN(4) == 0 {
			b = append(b, " \t\r\n"[r.IntN(4)])
		}
	}
	space()
	defer space()
	scalars := []string{"null", "true", "false", "0", "-1", "1.5", "2e3", "-0.5E-3", `""`, `"a"`, `"\n\u00e9\ud83d\ude00"`, `"é"`, `"[,]{:}"`}
	kind := r.IntN(4)
	if depth > 6 || kind > 1 {
		b = append(b, scalars[r.IntN(len(scalars))]...)
		return b
	}
	b = append(b, "[{"[kind])
	space()
	for i := range r.IntN(4) {
		if i > 0 {
			b = append(b, ',')
		}
		if kind == 1 {
			space()
			b = append(b, `"k"`...)
			space()
			b = append(b, ':')
		}
		b = randomJSON(r, b, depth+1)
	}
	b = append(b, "]}"[kind])
	return b
}

// nested returns a value within so many arrays or objects.
func nested(depth int, open, value, end string) string {
	return strings.Repeat(open, depth) + value + strings.Repeat(end, depth)
}

// Arrays and objects may be within each other as deep as the limit, and no deeper.
func TestScannerDepth(t *testing.T) {
	for _, tt := range []struct {
		open, value, end string
		depth            int // of a repetition
	}{
		{"[", "", "]", 1},
		{"[", "1", "]", 1},
		{`{"a":`, "1", "}", 1},
		{`{"a":`, "{}", "}", 1},
		{`[{"a":`, "[]", "}]", 2},
		{`{"b":[],"a":`, "[]", "}", 1},
		{" [ 1 , ", "[]", " ] ", 1},
	} {
		inner := 0
		if strings.ContainsAny(tt.value, "[{") {
			inner = 1
		}
		for _, n := range []int{1, maxDepth/2 - 1, maxDepth / 2, maxDepth/2 + 1, maxDepth - 1, maxDepth, maxDepth + 1, 2 * maxDepth, 10_001} {
			doc := nested(n, tt.open, tt.value, tt.end)
			if want := n*tt.depth+inner <= maxDepth; scans([]byte(doc)) != want {
				t.Fatalf("%s, %d times: %t", tt.open, n, !want)
			}
		}
	}
}

// Elements are those that encoding/json finds, without the space around them.
func TestElements(t *testing.T) {
	for _, array := range []string{
		"[]", "[ ]", "[1]", "[ 1 ]", "[1,2]", " [1]"[1:], "[ \"a\" ,\n{ \"b\" : [ 1 , 2 ] } , [ ] , null , -1.5e3 ]", `["a,b]","\"]",[["]"]]]`, "[1,2]  ", `["",[],{},0]`,
		"[" + nested(maxDepth-1, "[", "", "]") + "]",
	} {
		var want []json.RawMessage
		if err := json.Unmarshal([]byte(array), &want); err != nil {
			t.Fatal(err)
		}
		got := slices.Collect(Elements([]byte(array)))
		if !slices.EqualFunc(got, want, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%s: %q, want %q", array, got, want)
		}
	}
}

// Who has seen enough elements is given no more.
func TestElementsStop(t *testing.T) {
	n := 0
	for e := range Elements([]byte("[1,2,3]")) {
		if n++; string(e) == "2" {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d elements came", n)
	}
}

// The name of an event, and what follows: its arguments are found from there.
func TestEventName(t *testing.T) {
	for _, tt := range []struct {
		data, name string
		arguments  []string
	}{
		{`["foo"]`, "foo", nil},
		{`["foo",1,[2]]`, "foo", []string{"1", "[2]"}},
		{"[ \"foo\" , 1 ]", "foo", []string{"1"}},
		{`[""]`, "", nil},
		{`["a\"b\\c\u00e9\n"]`, "a\"b\\cé\n", nil},
		{`["é€😀",1]`, "é€😀", []string{"1"}},
		{`["\ud83d\ude00"]`, "😀", nil},
		{`["\ud800x"]`, "\ufffdx", nil},
		{`["]",","]`, "]", []string{`","`}},
		{`[1,"a"]`, "1", []string{`"a"`}},
		{`[-1.5e3]`, "-1.5e3", nil},
	} {
		name, rest, ok := EventName([]byte(tt.data))
		if !ok || string(name) != tt.name {
			t.Errorf("%s: %q, %t", tt.data, name, ok)
			continue
		}
		var got []string
		for e := range Elements([]byte(tt.data)[rest:]) {
			got = append(got, string(e))
		}
		if !slices.Equal(got, tt.arguments) {
			t.Errorf("%s: %q, want %q", tt.data, got, tt.arguments)
		}
	}
	for _, data := range []string{`[]`, `[ ]`, `[null,"a"]`, `[true]`, `[{}]`, `[["a"]]`, `["a`, `[-]`, `[`, ``} {
		if name, _, ok := EventName([]byte(data)); ok {
			t.Errorf("%s has the name %q", data, name)
		}
	}
}

// Placeholders are what is one to JSON.parse, however it is written.
func TestPlaceholders(t *testing.T) {
	for _, tt := range []struct {
		data        string
		attachments int
		want        error
	}{
		{`[` + first + `]`, 1, nil},
		{`[` + second + `,` + first + `]`, 2, nil},
		{`["a",{"b":[1,` + first + `]},{"c":` + second + `}]`, 2, nil},
		{"[ { \"num\" : 0 , \"_placeholder\" : true } ]", 1, nil},
		{`[{"\u005fplaceholder":true,"n\u0075m":0}]`, 1, nil},
		{`[{"_placeholder":false,"num":9,"_placeholder":true,"num":0}]`, 1, nil}, // of members with the same name the last counts
		{`[` + first + `,{"_placeholder":true,"num":1,"_placeholder":false}]`, 1, nil},
		{`[` + first + `,{"_placeholder":false,"num":1},{"_placeholder":1,"num":1},{"_placeholder":"true","num":1},{"num":1},{"_Placeholder":true,"num":1}]`, 1, nil},
		{`[` + first + `,"{\"_placeholder\":true,\"num\":1}"]`, 1, nil},
		{`[{"_placeholder":true,"num":0,"more":[1,{"num":1}]}]`, 1, nil},
		{nested(maxDepth-1, "[", first, "]"), 1, nil},

		{`[]`, 1, ErrPlaceholder},
		{`[` + strings.Repeat(" ", 100) + `]`, 1, ErrPlaceholder},
		{`[` + first + `]`, 2, ErrPlaceholder},
		{`[` + first + `,1` + strings.Repeat(" ", 100) + `]`, 2, ErrPlaceholder},
		{`[` + first + `,` + second + `]`, 1, ErrPlaceholder},
		{`[` + first + `,` + first + `]`, 1, ErrPlaceholder},
		{`[` + first + `,` + first + `]`, 2, ErrPlaceholder},
		{`[{"_placeholder":true,"num":0,"in":` + second + `}]`, 2, ErrPlaceholder},
		{`[{"_placeholder":true,"in":[` + first + `]}]`, 1, ErrPlaceholder},
		{nested(maxDepth, "[", first, "]"), 1, ErrPayload},
		{`[` + first, 1, ErrPayload},
	} {
		if err := checkJSON([]byte(tt.data), '[', tt.attachments, false); err != tt.want {
			t.Errorf("%.100s for %d: %v, want %v", tt.data, tt.attachments, err, tt.want)
		}
	}
}

// In place of placeholders stands what is put there, and all else is as it was.
func TestReplacePlaceholders(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{`[]`, `[]`},
		{`["a", 1]`, `["a", 1]`},
		{first, `<0>`},
		{` ` + first + ` `, ` <0> `},
		{`["a",` + first + `,{"b" : [` + second + ` , 2]}]`, `["a",<0>,{"b" : [<1> , 2]}]`},
		{`[` + second + `,` + first + `]`, `[<1>,<0>]`},
		{`[{"num":12,"_placeholder":true}]`, `[<12>]`},
		{`[{"_placeholder":true},{"num":1}]`, `[{"_placeholder":true},{"num":1}]`},
	} {
		got := ReplacePlaceholders([]byte("x"), []byte(tt.data), func(b []byte, num int) []byte { return fmt.Appendf(b, "<%d>", num) })
		if string(got) != "x"+tt.want {
			t.Errorf("%s: %s", tt.data, got)
		}
	}
}

// A value is a placeholder only if all of it is one, and its number a small integer.
func TestPlaceholderNum(t *testing.T) {
	for value, want := range map[string]int{
		first: 0, second: 1, `{"num":65535,"_placeholder":true}`: 65535, "{ \"_placeholder\" : true ,\n\"num\" : 3 }": 3,
		`[` + first + `]`: -1, `{"a":` + first + `}`: -1, first + ` `: -1, ` ` + first: -1, `{}`: -1, `1`: -1, `"a"`: -1, `null`: -1, ``: -1, first + `x`: -1,
		`{"_placeholder":true}`: -1, `{"num":0}`: -1, `{"_placeholder":true,"num":-1}`: -1, `{"_placeholder":true,"num":-0}`: -1,
		`{"_placeholder":true,"num":1.5}`: -1, `{"_placeholder":true,"num":1e1}`: -1, `{"_placeholder":true,"num":"0"}`: -1, `{"_placeholder":true,"num":null}`: -1,
		`{"_placeholder":true,"num":[0]}`: -1, `{"_placeholder":true,"num":65536}`: -1, `{"_placeholder":true,"num":18446744073709551616}`: -1,
		`{"_placeholder":true,"num":0,"num":2}`: 2, `{"_placeholder":true,"num":2,"num":"0"}`: -1,
	} {
		if got := PlaceholderNum([]byte(value)); got != want {
			t.Errorf("%s: %d, want %d", value, got, want)
		}
	}
}

// checkJSON asks for the value that it was told to ask for.
func TestCheckJSON(t *testing.T) {
	for _, tt := range []struct {
		data     string
		first    byte
		optional bool
		want     error
	}{
		{"", '{', true, nil},
		{"", '{', false, ErrPayload},
		{"{}", '{', true, nil},
		{"[]", '{', true, ErrPayload},
		{" {}", '{', true, ErrPayload},
		{"{} ", '{', true, nil},
		{`"a"`, '"', true, nil},
		{`"a`, '"', true, ErrPayload},
		{"[1", '[', false, ErrPayload},
		{"[1]1", '[', false, ErrPayload},
	} {
		if err := checkJSON([]byte(tt.data), tt.first, 0, tt.optional); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.data, err, tt.want)
		}
	}
}

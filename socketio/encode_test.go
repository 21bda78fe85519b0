package socketio

// This file holds encode.go against encoding/json.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Types on which encoding/json has an opinion.
type (
	text    string
	count   int
	level   uint8 // a marshaler by value
	shade   uint8 // a marshaler by pointer
	secret  struct{ Any any }
	pointed struct{ Any any }
	keyed   struct{ n int }
	inner   struct {
		A int
		B any `json:"b"`
	}
	Inner struct {
		A int
		C any
	}
	other  struct{ A, D any }
	deep   struct{ Middle }
	Middle struct {
		*Lowest
		E int
	}
	Lowest struct{ A, E, F any }
	tree   struct {
		Name string
		Kids []*tree `json:",omitempty"`
		Any  any     `json:",omitempty"`
	}
	nought struct{ Not any }
	fmtI   interface{ String() string }
)

func (l level) MarshalText() ([]byte, error)  { return fmt.Appendf(nil, "level %d", l), nil }
func (s *shade) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "[%d]", *s), nil }
func (secret) MarshalJSON() ([]byte, error)   { return []byte(`"<secret>"`), nil }
func (*pointed) MarshalText() ([]byte, error) { return []byte("pointed"), nil }
func (k keyed) MarshalText() ([]byte, error)  { return fmt.Appendf(nil, "key %d", k.n), nil }
func (z nought) IsZero() bool                 { return z.Not == "zero" }
func (t text) String() string                 { return string(t) }

type (
	broken   struct{ Any any }
	brokenT  struct{ Any any }
	brokenT2 struct{ N int }
)

func (b broken) MarshalJSON() ([]byte, error)  { return nil, errors.New("broken") }
func (b brokenT) MarshalText() ([]byte, error) { return nil, errors.New("broken") }
func ptr[T any](v T) *T                        { return &v }
func stars(depth int) (v any) {
	for range depth {
		v = []any{v}
	}
	return v
}

// plainValues hold no bytes.
var plainValues = []any{
	nil, true, false, 0, -1, math.MaxInt, math.MinInt32, uint64(math.MaxUint64), int8(-128), uint8(255), uint16(1), int32(-7), uintptr(9), 'x',
	0.0, math.Copysign(0, -1), 1.5, 1e20, 1e21, 1e-6, 1e-7, 123456789.125, math.MaxFloat64, math.SmallestNonzeroFloat64, float32(0.1), float32(1e21), float32(16777216),
	"", "plain", "<b>&amp;</b>", `quote " and \`, "\x00\x01\x1f\x7f", "\n\r\t\b\f", "é界👩", "\u2028\u2029", "bad \xff utf \xed\xa0\x80", text("x<y"),
	json.Number("12.50"), json.Number(""), time.Unix(1, 2).UTC(), time.Second, time.March, big.NewInt(1), *big.NewInt(2), netip.MustParseAddr("::1"), errors.New("x"),
	json.RawMessage(`{"a":1}`), ptr(json.RawMessage(`[]`)), json.RawMessage(nil), (*json.RawMessage)(nil),
	[]int{}, []int(nil), []int{1, 2}, [2]int{3, 4}, [0]int{}, [3]byte{1, 2, 3}, []string{"a", "<"}, [][]int{{1}, nil}, []any{}, []any(nil), []any{1, "a", nil, []any{true}},
	map[string]int{}, map[string]int(nil), map[string]int{"b": 1, "a": 2, "<": 3, "é": 4}, map[text]any{"y": 1, "x": nil}, map[int]any{10: 1, 9: 2, -1: 3},
	map[uint8]any{200: 1, 3: "x"}, map[keyed]any{{2}: 1, {10}: 2}, map[level]any{7: 1}, map[string]any{"a": map[string]any{"b": []any{1.5}}}, map[netip.Addr]any{netip.MustParseAddr("10.0.0.1"): 1},
	map[*keyed]any{{3}: 1}, map[*keyed]any{nil: 1}, map[string]any{"bad \xff": 1, "\xff": 2},
	level(3), ptr(level(3)), []level{1, 2}, [2]level{1, 2}, map[string]level{"a": 1}, shade(3), ptr(shade(3)), []shade{1, 2}, ptr([2]shade{1, 2}), [2]shade{1, 2}, map[string]shade{"a": 1},
	secret{}, &secret{}, []secret{{}, {}}, pointed{}, &pointed{}, []pointed{{}, {}}, map[string]pointed{"a": {}}, (*pointed)(nil), (*secret)(nil), []*pointed{nil, {}},
	ptr(1), (*int)(nil), ptr(ptr("x")), any(ptr(any(3))), ptr(any(nil)), fmtI(nil), []fmtI{text("a"), nil}, []error{nil},
	struct{}{}, struct{ a, B int }{1, 2}, struct {
		A  int    `json:"a"`
		B  string `json:"-"`
		C  string `json:"-,"` //nolint:staticcheck // what encoding/json makes of it
		D  int    `json:",omitempty"`
		E  any    `json:"e,omitempty"`
		F  any    `json:"f"`
		G  []int  `json:"g,omitempty"`
		H  [0]int `json:"h,omitempty"`
		I  bool   `xml:"no" json:"<i>"`
		J  any    `json:"j'k"` //nolint:staticcheck // as above
		K  any    `json:"k;l"`
		L  any    `json:"quo\"te"` //nolint:staticcheck // as above
		M  any    `json:"Größe"`
		N  any    `json:"with space"`
		OO any    `json:""`
	}{},
	struct {
		Any any
		A   int         `json:",string"`
		B   string      `json:",string"`
		C   bool        `json:"c,string"`
		D   float64     `json:",string,omitempty"`
		E   *int        `json:",string"`
		F   *int        `json:",string"`
		G   []int       `json:",string"` //nolint:staticcheck // as above
		H   any         `json:",string"` //nolint:staticcheck // as above
		I   level       `json:",string"`
		J   text        `json:",string"`
		K   *string     `json:",string"`
		L   **int       `json:",string"` //nolint:staticcheck // as above
		N   shade       `json:",string"`
		O   json.Number `json:",string"`
		P   uint8       `json:",string"`
	}{F: ptr(5), B: "x\"y<", H: 1, K: ptr("z"), L: ptr(ptr(1)), O: "7"},
	struct {
		Any any
		A   int             `json:",omitzero"`
		B   time.Time       `json:",omitzero"`
		C   time.Time       `json:",omitzero"`
		D   *time.Time      `json:",omitzero"`
		E   struct{ X any } `json:",omitzero"`
		F   nought          `json:",omitzero"`
		G   nought          `json:",omitzero"`
		H   *nought         `json:",omitzero"`
		I   any             `json:",omitzero"`
		J   []int           `json:",omitzero,omitempty"`
		K   []int           `json:",omitzero"`
		L   map[string]any  `json:",omitempty"`
		M   map[string]any  `json:",omitzero"`
		N   error           `json:",omitzero"`
		O   *nought         `json:",omitzero"`
	}{B: time.Time{}.In(time.FixedZone("x", 60)), C: time.Unix(0, 0).UTC(), F: nought{"zero"}, J: []int{}, K: []int{}, L: map[string]any{}, M: map[string]any{}, O: &nought{"zero"}},
	struct{ inner }{inner{1, 2}}, struct{ Inner }{Inner{1, 2}}, struct{ *Inner }{}, struct{ *Inner }{&Inner{1, 2}}, struct{ *inner }{&inner{3, 4}},
	struct {
		Inner `json:"named"`
		A     any
	}{},
	struct {
		Inner
		A any
	}{Inner{1, 2}, 3},
	struct {
		Inner
		other
	}{Inner{1, 2}, other{3, 4}},
	struct {
		Inner
		Other other `json:"A"`
	}{},
	struct {
		Inner
		other
		A any `json:"A"`
	}{A: 1},
	same(`json:"Same"`), same(""), same(`json:"other"`),
	struct {
		text
		Text text
		fmt.Stringer
	}{}, struct{ Level level }{3}, struct{ *count }{}, struct{ Any, unseen any }{},
	deep{}, deep{Middle{Lowest: &Lowest{1, 2, 3}}}, &deep{Middle{&Lowest{nil, nil, "f"}, 7}},
	tree{"root", []*tree{{Name: "kid", Any: 1}, nil, {Name: "other", Kids: []*tree{{}}}}, nil},
	struct {
		Any any
		N   big.Int
		S   shade
		P   pointed
		X   []pointed
		M   map[string]shade
		A   [2]shade
	}{N: *big.NewInt(5), S: 2, X: []pointed{{}}, M: map[string]shade{"a": 1}},
	stars(100), struct {
		F func() `json:"-"`
	}{}, struct {
		Any any
		f   func()
	}{}, []map[string]any{nil, {}},
}

// same has two fields for the same name, of which the second has a tag.
func same(tag reflect.StructTag) any {
	return reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "X", Type: reflect.TypeFor[any](), Tag: `json:"Same"`}, {Name: "Same", Type: reflect.TypeFor[any](), Tag: tag},
	})).Interface()
}

// wrappings puts a value where it is not written by the short way.
func wrappings(v any) map[string]any {
	m := map[string]any{
		"alone": v, "in a slice": []any{v}, "in a map": map[string]any{"v": v}, "in a field": struct{ Any, V any }{1, v}, "behind a pointer": &struct{ V any }{v},
	}
	if t := reflect.TypeOf(v); t != nil {
		for name, wrapper := range map[string]reflect.Type{
			"in a struct of its type": reflect.StructOf([]reflect.StructField{{Name: "Any", Type: reflect.TypeFor[any]()}, {Name: "V", Type: t}}),
			"tagged":                  reflect.StructOf([]reflect.StructField{{Name: "Any", Type: reflect.TypeFor[any]()}, {Name: "V", Type: t, Tag: `json:"v,omitempty"`}}),
		} {
			w := reflect.New(wrapper)
			w.Elem().Field(1).Set(reflect.ValueOf(v))
			m[name], m[name+", addressable"] = w.Elem().Interface(), w.Interface()
		}
	}
	return m
}

func toJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// Values without bytes are written as encoding/json does.
func TestEncodePlain(t *testing.T) {
	for i, v := range plainValues {
		for how, wrapped := range wrappings(v) {
			want, err := toJSON(wrapped)
			if err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			data, attachments, err := encodeArgs(nil, []any{wrapped})
			if err != nil || string(data) != "["+want+"]" || attachments != nil {
				t.Errorf("%d, %s: %T\n got %s, %d attachments, %v\nwant [%s]", i, how, wrapped, data, len(attachments), err, want)
			}
		}
	}
}

// What encoding/json does not write is not written either.
func TestEncodeErrors(t *testing.T) {
	circle := map[string]any{}
	circle["a"] = circle
	ring := &tree{Any: []byte("x")}
	ring.Kids = []*tree{ring}
	var slice []any
	slice = append(slice, 1)
	slice[0] = slice
	tooDeep := stars(2000) // which encoding/json would write
	values := []any{
		func() {}, make(chan int), complex(1, 2), math.NaN(), math.Inf(1), circle, ring, slice, broken{}, &broken{}, brokenT{}, json.RawMessage("{"), json.RawMessage(""),
		map[bool]any{true: 1}, map[any]any{"a": 1}, map[[1]int]any{{}: 1}, json.Number("x"), map[brokenT2]any{{}: 1}, tooDeep,
	}
	last := len(values) - 1
	for i, v := range values {
		for how, wrapped := range wrappings(v) {
			if _, err := toJSON(wrapped); err == nil && i < last {
				continue // it is left out where it is empty
			}
			if data, _, err := encodeArgs(nil, []any{wrapped}); err == nil {
				t.Errorf("%d, %s: %T became %.100s", i, how, wrapped, data)
			}
		}
	}
}

func (brokenT2) MarshalText() ([]byte, error) { return nil, errors.New("broken") }

func placeholder(n int) string { return fmt.Sprintf(`{"_placeholder":true,"num":%d}`, n) }

// Bytes become attachments, wherever they are.
func TestEncodeBytes(t *testing.T) {
	type bytes2 []byte
	type holder struct {
		Name string
		Data []byte `json:"data"`
		More []byte `json:",omitempty"`
		Any  any
	}
	type marked struct {
		holder
		N int    `json:",string"`
		S string `json:",string"`
		T time.Time
	}
	a, b := []byte("a"), []byte("b")
	for i, tt := range []struct {
		v    any
		want string
		n    int
	}{
		{a, placeholder(0), 1},
		{[]byte{}, placeholder(0), 1},
		{[]byte(nil), "null", 0},
		{bytes2(a), placeholder(0), 1},
		{&a, placeholder(0), 1},
		{[][]byte{a, nil, b}, "[" + placeholder(0) + ",null," + placeholder(1) + "]", 2},
		{[2][]byte{a, b}, "[" + placeholder(0) + "," + placeholder(1) + "]", 2},
		{[1]byte{7}, "[7]", 0},
		{map[string][]byte{"y": a, "x": b}, `{"x":` + placeholder(0) + `,"y":` + placeholder(1) + `}`, 2},
		{map[string]any{"y": []any{1, a}, "x": "<"}, `{"x":"<","y":[1,` + placeholder(0) + `]}`, 1},
		{holder{Name: "n", Data: a}, `{"Name":"n","data":` + placeholder(0) + `,"Any":null}`, 1},
		{&holder{Data: a, More: b, Any: &a}, `{"Name":"","data":` + placeholder(0) + `,"More":` + placeholder(1) + `,"Any":` + placeholder(2) + `}`, 3},
		{holder{More: []byte{}}, `{"Name":"","data":null,"Any":null}`, 0},
		{marked{holder: holder{Data: a}, N: 3, S: "s", T: time.Unix(0, 0).UTC()}, `{"Name":"","data":` + placeholder(0) + `,"Any":null,"N":"3","S":"\"s\"","T":"1970-01-01T00:00:00Z"}`, 1},
		{[]any{holder{Data: a}, level(1), "x"}, `[{"Name":"","data":` + placeholder(0) + `,"Any":null},"level 1","x"]`, 1},
		{secret{a}, `"<secret>"`, 0},
		{tree{Name: "r", Kids: []*tree{{Any: b}, {Any: a}}, Any: a}, `{"Name":"r","Kids":[{"Name":"","Any":` + placeholder(0) + `},{"Name":"","Any":` + placeholder(1) + `}],"Any":` + placeholder(2) + `}`, 3},
	} {
		data, attachments, err := encodeArgs(nil, []any{tt.v})
		if err != nil || string(data) != "["+tt.want+"]" || len(attachments) != tt.n {
			t.Errorf("%d: %T\n got %s, %d attachments, %v\nwant [%s], %d", i, tt.v, data, len(attachments), err, tt.want, tt.n)
		}
	}
	data, attachments, err := encodeEvent(nil, "two", []any{a, 1, b})
	if want := `["two",` + placeholder(0) + `,1,` + placeholder(1) + `]`; err != nil || string(data) != want || string(attachments[0])+string(attachments[1]) != "ab" {
		t.Errorf("%s %q %v", data, attachments, err)
	}
}

// Arguments that came are passed on as they are, with their bytes, wherever they stand.
func TestEncodeArgs(t *testing.T) {
	in := Args{[]byte(`,1,{"a":` + placeholder(1) + `,"b":[` + placeholder(0) + `]},"x"]`), [][]byte{[]byte("zero"), []byte("one")}}
	same := `[1,{"a":` + placeholder(1) + `,"b":[` + placeholder(2) + `]},"x"]`
	for _, tt := range []struct {
		v    any
		want string
	}{
		{in, same},
		{[]any{in}, "[" + same + "]"},
		{[]Args{in}, "[" + same + "]"},
		{map[string]any{"in": &in}, `{"in":` + same + `}`},
		{struct{ In Args }{in}, `{"In":` + same + `}`},
		{Args{}, "[]"},
		{[]Args{{}}, "[[]]"},
		{Args{[]byte("]"), nil}, "[]"},
		{Args{[]byte(`,` + placeholder(0) + `]`), nil}, "[" + placeholder(0) + "]"}, // of nobody's bytes: data like any other
	} {
		data, attachments, err := encodeArgs(nil, []any{[]byte("first"), tt.v})
		if want := "[" + placeholder(0) + "," + tt.want + "]"; err != nil || string(data) != want {
			t.Errorf("%T: got %s, %v, want %s", tt.v, data, err, want)
		}
		if len(attachments) == 3 && string(attachments[1])+string(attachments[2]) != "onezero" {
			t.Errorf("%q", attachments)
		}
	}
}

// Whatever is written is read back, bytes and all.
func TestEncodeDecode(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var random func(depth int) any
	random = func(depth int) any {
		switch n := r.IntN(9); {
		case n == 0:
			return nil
		case n == 1:
			return r.IntN(2) == 0
		case n == 2:
			return float64(r.IntN(1000)) / 8
		case n == 3:
			return strings.Repeat(string(rune(r.IntN(0x3000))), r.IntN(4))
		case n == 4:
			return []byte(strings.Repeat("b", r.IntN(3)))
		case depth == 0:
			return "leaf"
		case n < 7:
			list := make([]any, r.IntN(4))
			for i := range list {
				list[i] = random(depth - 1)
			}
			return list
		}
		m := make(map[string]any)
		for range r.IntN(4) {
			m[string(rune('a'+r.IntN(26)))] = random(depth - 1)
		}
		return m
	}
	for range 2000 {
		want := []any{random(4), random(4)}
		data, attachments, err := encodeEvent(nil, "x", want)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := (Args{data[len(`["x"`):], attachments}).Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		if got := []any{a, b}; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v\n%s", got, want, data)
		}
	}
}

func TestEncodeNames(t *testing.T) {
	for _, name := range []string{"", "a", "é", `"`, "\x00", "<b>", "\xff", "message", "error"} {
		data, _, err := encodeEvent(nil, name, nil)
		if err != nil || !json.Valid(data) {
			t.Errorf("%q: %s %v", name, data, err)
		}
	}
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		if _, _, err := encodeEvent(nil, name, nil); err == nil {
			t.Errorf("%s may be emitted", name)
		}
	}
}

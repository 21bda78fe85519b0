package socketio

// This file holds the way from Go values to JSON and attachments: what encoding/json does, but for bytes.

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/duplex-go/duplex/proto/sio"
)

// encoder writes values as JSON, with placeholders where they hold bytes.
type encoder struct {
	b           []byte
	attachments [][]byte
}

// maxNesting is how deep a value may be. What is deeper goes round in circles.
const maxNesting = 512

var errNesting = errors.New("socketio: a value that is too deep, or holds itself")

// encodeEvent returns the data of an event's packet.
func encodeEvent(b []byte, name string, args []any) ([]byte, [][]byte, error) {
	if err := sio.CheckEventName(name); err != nil {
		return nil, nil, err
	}
	e := encoder{b: append(b, '[')}
	e.text(name)
	for _, v := range args {
		e.b = append(e.b, ',')
		if err := e.value(v); err != nil {
			return nil, nil, err
		}
	}
	return append(e.b, ']'), e.attachments, nil
}

// encodeArgs returns the data of an acknowledgement's packet.
func encodeArgs(b []byte, args []any) ([]byte, [][]byte, error) {
	e := encoder{b: append(b, '[')}
	for i, v := range args {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.value(v); err != nil {
			return nil, nil, err
		}
	}
	return append(e.b, ']'), e.attachments, nil
}

// value writes v. What is usual goes without reflection.
func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, "null"...)
	case string:
		e.text(v)
	case bool:
		e.b = strconv.AppendBool(e.b, v)
	case int:
		e.b = strconv.AppendInt(e.b, int64(v), 10)
	case []byte:
		e.bytes(v)
	case json.RawMessage:
		return e.raw(v)
	case Args:
		return e.args(v)
	default:
		return e.walk(reflect.ValueOf(v), 0)
	}
	return nil
}

// text writes a string as JSON does, but for the characters that are only special in HTML.
func (e *encoder) text(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			_ = e.marshal(s) // a string can always be written
			return
		}
	}
	e.b = append(e.b, '"')
	e.b = append(e.b, s...)
	e.b = append(e.b, '"')
}

func (e *encoder) bytes(b []byte) {
	if b == nil {
		e.b = append(e.b, "null"...)
		return
	}
	e.b = appendPlaceholder(e.b, len(e.attachments))
	e.attachments = append(e.attachments, b)
}

func appendPlaceholder(b []byte, num int) []byte {
	b = append(b, `{"_placeholder":true,"num":`...)
	return append(strconv.AppendInt(b, int64(num), 10), '}')
}

func (e *encoder) raw(m json.RawMessage) error {
	if m == nil {
		e.b = append(e.b, "null"...)
		return nil
	}
	if !json.Valid(m) {
		return errors.New("socketio: a json.RawMessage that is not JSON")
	}
	e.b = append(e.b, m...)
	return nil
}

// args writes arguments that came, as an array: whoever passes them on need not decode them.
func (e *encoder) args(a Args) error {
	e.b = append(e.b, '[')
	first := true
	for raw := range a.elements() {
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		e.element(raw, a.attachments)
	}
	e.b = append(e.b, ']')
	return nil
}

// element writes JSON that came, with its attachments, which get new numbers.
func (e *encoder) element(raw []byte, attachments [][]byte) {
	if len(attachments) == 0 {
		e.b = append(e.b, raw...)
		return
	}
	list := e.attachments
	e.b = sio.ReplacePlaceholders(e.b, raw, func(b []byte, num int) []byte {
		list = append(list, attachments[num])
		return appendPlaceholder(b, len(list)-1)
	})
	e.attachments = list
}

// marshal writes what holds no bytes.
func (e *encoder) marshal(v any) error {
	buf := jsonBuffers.Get().(*jsonBuffer) //nolint:errcheck,forcetypeassert // New returns nothing else
	defer jsonBuffers.Put(buf)
	buf.Reset()
	if err := buf.encode(v); err != nil {
		return err
	}
	e.b = append(e.b, bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})...)
	return nil
}

type jsonBuffer struct {
	bytes.Buffer
	encode func(v any) error
}

var jsonBuffers = sync.Pool{New: func() any {
	buf := new(jsonBuffer)
	encoder := json.NewEncoder(buf)
	encoder.SetEscapeHTML(false)
	buf.encode = encoder.Encode
	return buf
}}

// walk writes a value that may hold bytes.
func (e *encoder) walk(v reflect.Value, depth int) error {
	switch {
	case !v.IsValid():
		e.b = append(e.b, "null"...)
		return nil
	case v.Type() == argsType:
		return e.args(v.Interface().(Args)) //nolint:errcheck,forcetypeassert // it was checked
	case v.CanInterface() && (!mayHoldBytes(v.Type()) || marshals(v)):
		if v.CanAddr() { // methods of the pointer count then
			v = v.Addr()
		}
		return e.marshal(v.Interface())
	case depth == maxNesting:
		return errNesting
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return e.walk(v.Elem(), depth+1)
	case reflect.Slice:
		if isBytes(v.Type()) {
			e.bytes(v.Bytes())
			return nil
		}
		if v.IsNil() {
			e.b = append(e.b, "null"...)
			return nil
		}
		return e.list(v, depth)
	case reflect.Array:
		return e.list(v, depth)
	case reflect.Map:
		return e.dict(v, depth)
	}
	return e.object(v, depth) // a struct: nothing else holds anything
}

func (e *encoder) list(v reflect.Value, depth int) error {
	e.b = append(e.b, '[')
	for i := range v.Len() {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.walk(v.Index(i), depth+1); err != nil {
			return err
		}
	}
	e.b = append(e.b, ']')
	return nil
}

// dict writes a map, in the order of its keys as encoding/json does.
func (e *encoder) dict(v reflect.Value, depth int) error {
	if t := v.Type().Key(); t.Kind() > reflect.Uintptr && t.Kind() != reflect.String && !t.Implements(textMarshaler) {
		return &json.UnsupportedTypeError{Type: v.Type()}
	}
	if v.IsNil() {
		e.b = append(e.b, "null"...)
		return nil
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := keyText(it.Key())
		if err != nil {
			return err
		}
		entries = append(entries, entry{key, it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	e.b = append(e.b, '{')
	for i, entry := range entries {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.text(entry.key)
		e.b = append(e.b, ':')
		if err := e.walk(entry.value, depth+1); err != nil {
			return err
		}
	}
	e.b = append(e.b, '}')
	return nil
}

func keyText(k reflect.Value) (string, error) {
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	if m, ok := k.Interface().(encoding.TextMarshaler); ok {
		if k.Kind() == reflect.Pointer && k.IsNil() {
			return "", nil
		}
		text, err := m.MarshalText()
		return string(text), err
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	}
	return "", &json.UnsupportedTypeError{Type: k.Type()}
}

func (e *encoder) object(v reflect.Value, depth int) error {
	e.b = append(e.b, '{')
	first := true
	for _, f := range fieldsOf(v.Type()) {
		value, err := v.FieldByIndexErr(f.index)
		if err != nil || f.omitEmpty && isEmpty(value) || f.omitZero && isZero(value) { // err: within a pointer that is nil
			continue
		}
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		e.text(f.name)
		e.b = append(e.b, ':')
		begin := len(e.b)
		if err := e.walk(value, depth+1); err != nil {
			return err
		}
		if f.quoted {
			e.quote(begin, value)
		}
	}
	e.b = append(e.b, '}')
	return nil
}

// quote makes a scalar that was written a string that holds it, as the option "string" asks for.
func (e *encoder) quote(begin int, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.IsValid() && !marshals(v) { // else it is null, or whatever its method has written
		written := string(e.b[begin:])
		e.b = e.b[:begin]
		e.text(written)
	}
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func isZero(v reflect.Value) bool {
	t := v.Type()
	switch {
	case v.IsZero() && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface):
		return true
	case t.Implements(zeroer):
		return v.Interface().(interface{ IsZero() bool }).IsZero() //nolint:errcheck,forcetypeassert // it was checked
	case reflect.PointerTo(t).Implements(zeroer):
		p := reflect.New(t)
		p.Elem().Set(v)
		return p.Interface().(interface{ IsZero() bool }).IsZero() //nolint:errcheck,forcetypeassert // it was checked
	}
	return v.IsZero()
}

// field is what JSON has of a struct's field.
type field struct {
	name                        string
	index                       []int
	tagged                      bool
	omitEmpty, omitZero, quoted bool
}

var fields sync.Map // reflect.Type to []field

// fieldsOf returns the fields that encoding/json writes, in its order.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fields.Load(t); ok {
		return known.([]field) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	all := collect(nil, t, nil, nil)
	list := slices.DeleteFunc(slices.Clone(all), func(f field) bool { return !dominates(f, all) })
	fields.Store(t, list)
	return list
}

// collect appends the fields of a struct, and those of the structs that it embeds. outer are the types around it.
func collect(list []field, t reflect.Type, index []int, outer []reflect.Type) []field {
	if slices.Contains(outer, t) {
		return list
	}
	outer = append(slices.Clip(outer), t)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if !isName(name) {
			name = ""
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		at := append(slices.Clip(index), i)
		switch {
		case tag == "-" || !f.IsExported() && (!f.Anonymous || inner.Kind() != reflect.Struct):
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			list = collect(list, inner, at, outer)
		default:
			has := func(option string) bool { return slices.Contains(strings.Split(options, ","), option) }
			list = append(list, field{cmp.Or(name, f.Name), at, name != "", has("omitempty"), has("omitzero"), has("string") && scalar(inner)})
		}
	}
	return list
}

// isName reports whether encoding/json takes a tag's name.
func isName(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool {
		return !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c)
	})
}

func scalar(t reflect.Type) bool {
	k := t.Kind()
	return k >= reflect.Bool && k <= reflect.Float64 || k == reflect.String
}

// dominates reports whether f is the one of all fields of its name that JSON has: the least deep, or of several such the only one with a tag.
func dominates(f field, all []field) bool {
	for _, g := range all {
		if g.name != f.name || slices.Equal(g.index, f.index) {
			continue
		}
		if len(g.index) < len(f.index) || len(g.index) == len(f.index) && (g.tagged || !f.tagged) {
			return false
		}
	}
	return true
}

var holders sync.Map // reflect.Type to bool

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	zeroer        = reflect.TypeFor[interface{ IsZero() bool }]()
	argsType      = reflect.TypeFor[Args]()
)

// marshals reports whether v is written by a method of its own, or of its pointer.
func marshals(v reflect.Value) bool {
	t := v.Type()
	return isMarshaler(t) || t.Kind() != reflect.Pointer && v.CanAddr() && isMarshaler(reflect.PointerTo(t))
}

func isMarshaler(t reflect.Type) bool { return t.Implements(marshaler) || t.Implements(textMarshaler) }

// isBytes reports whether encoding/json would write values of a type in Base64.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !isMarshaler(reflect.PointerTo(t.Elem()))
}

// mayHoldBytes reports whether there may be bytes anywhere in values of a type. If not, encoding/json writes them.
func mayHoldBytes(t reflect.Type) bool {
	if known, ok := holders.Load(t); ok {
		return known.(bool) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	holds := findBytes(t, nil)
	holders.Store(t, holds)
	return holds
}

func findBytes(t reflect.Type, outer []reflect.Type) bool {
	switch {
	case isBytes(t) || t == argsType:
		return !isMarshaler(t)
	case isMarshaler(t) || slices.Contains(outer, t):
		return false
	}
	outer = append(slices.Clip(outer), t)
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array, reflect.Map, reflect.Pointer, reflect.Slice:
		return findBytes(t.Elem(), outer)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); (f.IsExported() || f.Anonymous) && f.Tag.Get("json") != "-" && findBytes(f.Type, outer) {
				return true
			}
		}
	}
	return false
}

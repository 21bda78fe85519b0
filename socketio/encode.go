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
	"sync"
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
	case reflect.Interface:
		return e.walk(v.Elem(), depth)
	case reflect.Pointer:
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

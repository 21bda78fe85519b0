package socketio

// This file holds arguments as they came, and the way from JSON and attachments to Go values.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/duplex-go/duplex/proto/sio"
)

// Args are the arguments of an event, or of an acknowledgement. They may be kept.
//
// Passed to Emit and its kin, they are one argument, an array.
type Args struct {
	list        []byte // what follows an event's name, or an array: a character, values with commas between, a bracket
	attachments [][]byte
}

// elements yields the arguments, as JSON.
func (a Args) elements() iter.Seq[[]byte] { return sio.Elements(a.list) }

// Len returns how many arguments there are.
func (a Args) Len() int {
	n := 0
	for range a.elements() {
		n++
	}
	return n
}

// Raw returns argument i as JSON, nil if there is none. Where it has {"_placeholder":true,"num":n} stands attachment n.
func (a Args) Raw(i int) json.RawMessage {
	for raw := range a.elements() {
		if i == 0 {
			return raw
		}
		i--
	}
	return nil
}

// Attachments returns the bytes that came with the arguments.
func (a Args) Attachments() [][]byte { return a.attachments }

// Scan decodes the arguments, one to each of vs, as json.Unmarshal does. A []byte takes an attachment, anywhere in a value; where the type is any, or a
// tree of such, it is a []byte as well, but in a struct's field of type any a string in Base64. Further arguments are ignored; that there are
// fewer is an error.
func (a Args) Scan(vs ...any) error {
	i := 0
	for raw := range a.elements() {
		if i == len(vs) {
			return nil
		}
		if err := decode(raw, a.attachments, vs[i]); err != nil {
			return fmt.Errorf("socketio: argument %d: %w", i+1, err)
		}
		i++
	}
	if i < len(vs) {
		return fmt.Errorf("socketio: %d arguments, want %d", i, len(vs))
	}
	return nil
}

// decode decodes one argument.
func decode(raw []byte, attachments [][]byte, v any) error {
	switch v := v.(type) {
	case *json.RawMessage:
		*v = raw
		return nil
	case *string:
		var ok bool
		if *v, ok = plainText(raw); ok {
			return nil
		}
	}
	if len(attachments) == 0 {
		return json.Unmarshal(raw, v)
	}
	switch v := v.(type) {
	case *[]byte:
		if n := sio.PlaceholderNum(raw); n >= 0 && n < len(attachments) {
			*v = attachments[n]
			return nil
		}
	case *any:
		if err := json.Unmarshal(raw, v); err != nil {
			return err
		}
		*v = withBytes(*v, attachments)
		return nil
	case *map[string]any:
		if err := json.Unmarshal(raw, v); err != nil {
			return err
		}
		withBytes(*v, attachments)
		return nil
	case *[]any:
		if err := json.Unmarshal(raw, v); err != nil {
			return err
		}
		withBytes(*v, attachments)
		return nil
	}
	return json.Unmarshal(sio.ReplacePlaceholders(nil, raw, func(b []byte, num int) []byte {
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, attachments[num])
		return append(b, '"')
	}), v)
}

// plainText returns the text of a JSON string that stands for itself.
func plainText(raw []byte) (text string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' || bytes.IndexByte(raw, '\\') >= 0 {
		return "", false
	}
	return string(raw[1 : len(raw)-1]), true
}

// withBytes replaces the placeholders in a tree.
func withBytes(v any, attachments [][]byte) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withBytes(v[i], attachments)
		}
	case map[string]any:
		if n, ok := v["num"].(float64); ok && v["_placeholder"] == true && int(n) < len(attachments) {
			return attachments[int(n)]
		}
		for key := range v {
			v[key] = withBytes(v[key], attachments)
		}
	}
	return v
}

package socketio

// This file holds what the encoder knows of types: a struct's fields, and where there may be bytes.

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
)

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

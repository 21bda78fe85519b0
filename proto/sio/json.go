package sio

// This file holds what is done with JSON without decoding it: to check it, to find the elements of an array, and to find placeholders.

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"unicode/utf8"
)

// scanner goes through JSON once, and takes note of placeholders if some are expected.
type scanner struct {
	b     []byte
	found func(begin, end, num int) // called for each placeholder; nil: they are data like all else
	wrong bool                      // one of them is none that could be used
	last  int                       // where the last one began
}

// checkJSON checks that b is one value that begins with first, and that its placeholders are for so many attachments, each once. b may be
// empty if it is optional.
func checkJSON(b []byte, first byte, attachments int, optional bool) error {
	if len(b) == 0 && optional {
		return nil
	}
	if len(b) == 0 || b[0] != first {
		return ErrPayload
	}
	if attachments > len(b)/len(`{"_placeholder":true,"num":0}`) {
		return ErrPlaceholder // before anything is set aside for so many
	}
	if attachments > 0 {
		return checkPlaceholders(b, attachments)
	}
	s := scanner{b: b}
	if s.value(0, 0) != len(b) {
		return ErrPayload
	}
	return nil
}

// checkPlaceholders checks that b is one value, and that its placeholders are for so many attachments, each once.
func checkPlaceholders(b []byte, attachments int) error {
	used, left := make([]bool, attachments), attachments // a number that was checked
	s := scanner{b: b}
	s.found = func(_, _, num int) {
		if num >= len(used) || used[num] {
			s.wrong = true
			return
		}
		used[num] = true
		left--
	}
	if s.value(0, 0) != len(b) {
		return ErrPayload
	}
	if s.wrong || left != 0 {
		return ErrPlaceholder
	}
	return nil
}

// value returns the index behind the value at b[i:] and the space that follows it, or -1 if there is none.
func (s *scanner) value(i, depth int) int {
	i = s.space(i)
	if i >= len(s.b) {
		return -1
	}
	switch s.b[i] {
	case '"':
		i = s.text(i)
	case '{':
		i = s.object(i, depth)
	case '[':
		i = s.array(i, depth)
	case 't':
		i = s.word(i, "true")
	case 'f':
		i = s.word(i, "false")
	case 'n':
		i = s.word(i, "null")
	default:
		i = s.number(i)
	}
	if i < 0 {
		return -1
	}
	return s.space(i)
}

func (s *scanner) space(i int) int {
	for i < len(s.b) && (s.b[i] == ' ' || s.b[i] == '\n' || s.b[i] == '\t' || s.b[i] == '\r') {
		i++
	}
	return i
}

func (s *scanner) at(i int) byte {
	if i < len(s.b) {
		return s.b[i]
	}
	return 0
}

func (s *scanner) word(i int, w string) int {
	if len(s.b)-i < len(w) || string(s.b[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

func (s *scanner) digits(i int) int {
	begin := i
	for i < len(s.b) && '0' <= s.b[i] && s.b[i] <= '9' {
		i++
	}
	if i == begin {
		return -1
	}
	return i
}

// number follows the grammar of RFC 8259 section 6.
func (s *scanner) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return -1
	}
	if s.at(i) == '.' {
		if i = s.digits(i + 1); i < 0 {
			return -1
		}
	}
	if c := s.at(i); c == 'e' || c == 'E' {
		i++
		if c := s.at(i); c == '+' || c == '-' {
			i++
		}
		return s.digits(i)
	}
	return i
}

// text follows RFC 8259 section 7. That it is UTF-8 is checked where it comes in.
func (s *scanner) text(i int) int {
	for i++; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			i++
			switch s.at(i) {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; !isHex(s.at(i)) {
						return -1
					}
				}
			default:
				return -1
			}
		}
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *scanner) array(i, depth int) int {
	if depth == maxDepth {
		return -1
	}
	if i = s.space(i + 1); s.at(i) == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth+1); i < 0 {
			return -1
		}
		switch s.at(i) {
		case ']':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

func (s *scanner) object(begin, depth int) int {
	if depth == maxDepth {
		return -1
	}
	i := s.space(begin + 1)
	if s.at(i) == '}' {
		return i + 1
	}
	marked, num := false, -1
	for {
		if i = s.space(i); s.at(i) != '"' {
			return -1
		}
		key := i
		if i = s.text(i); i < 0 {
			return -1
		}
		name := s.b[key:i]
		if i = s.space(i); s.at(i) != ':' {
			return -1
		}
		from := s.space(i + 1)
		if i = s.value(from, depth+1); i < 0 {
			return -1
		}
		if s.found != nil {
			switch string(unquote(name)) {
			case "_placeholder":
				marked = s.word(from, "true") > 0
			case "num":
				num = integer(s.b[from:i])
			}
		}
		switch s.at(i) {
		case '}':
			if marked {
				s.placeholder(begin, i+1, num)
			}
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

func (s *scanner) placeholder(begin, end, num int) {
	if num < 0 || s.last > begin { // it holds another
		s.wrong = true
		return
	}
	s.last = begin
	s.found(begin, end, num)
}

// unquote returns the text of a JSON string.
func unquote(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b) {
		return b[1 : len(b)-1]
	}
	var text string
	_ = json.Unmarshal(b, &text) // it was checked
	return []byte(text)
}

// integer returns the value of a small integer, or -1. The space behind it is not looked at.
func integer(b []byte) int {
	end := 0
	for end < len(b) && '0' <= b[end] && b[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(string(b[:end]), 10, 16)
	s := scanner{b: b}
	if err != nil || s.space(end) != len(b) {
		return -1
	}
	return int(n)
}

// Elements returns the elements of a JSON array that was checked, as ParseText does.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		s := scanner{b: array}
		i := s.space(1)
		for i < len(array) && array[i] != ']' {
			end := s.value(i, 0)
			if end < 0 || !yield(trim(array[i:end])) {
				return
			}
			i = s.space(end + 1)
		}
	}
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// EventName returns the name of an event, which may alias data, and the index in its data of what follows the name: a comma, or the end of the array. A number is a name too,
// as in the original. ok is false if there is no name.
func EventName(data []byte) (name []byte, rest int, ok bool) {
	s := scanner{b: data}
	i := s.space(1)
	switch c := s.at(i); {
	case c == '"':
		end := s.text(i)
		if end < 0 {
			return nil, 0, false
		}
		return unquote(data[i:end]), s.space(end), true
	case c == '-' || '0' <= c && c <= '9':
		end := s.number(i)
		if end < 0 {
			return nil, 0, false
		}
		return data[i:end], s.space(end), true
	}
	return nil, 0, false
}

// ReplacePlaceholders appends JSON to b, with what put appends in place of each placeholder. The JSON was checked.
func ReplacePlaceholders(b, data []byte, put func(b []byte, num int) []byte) []byte {
	done := 0
	s := scanner{b: data}
	s.found = func(begin, end, num int) {
		b = append(b, data[done:begin]...)
		b = put(b, num)
		done = end
	}
	s.value(0, 0)
	return append(b, data[done:]...)
}

// PlaceholderNum returns the number of the attachment for which a JSON value stands, or -1 if it is no placeholder.
func PlaceholderNum(value []byte) int {
	n := -1
	s := scanner{b: value}
	s.found = func(begin, end, num int) {
		if begin == 0 && end == len(value) {
			n = num
		}
	}
	s.value(0, 0)
	return n
}

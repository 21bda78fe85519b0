package eio

// This file holds JSONP: payloads of revision 3 in a form field and in a script, for browsers that can do no better.

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
)

// ErrForm is the error for a JSONP request whose body is not the field d and nothing else.
var ErrForm = errors.New("eio: a JSONP request whose body is not the field d")

// maxIndex is how many digits the number of a JSONP callback may have.
const maxIndex = 9

// ParseForm returns the payload that the body of a JSONP request holds: the field d, in which line feeds are written as \n, and what
// was \n before as \\n, because browsers change line feeds in forms.
func ParseForm(body []byte) ([]byte, error) {
	field, ok := bytes.CutPrefix(body, []byte("d="))
	if !ok || bytes.IndexByte(field, '&') >= 0 {
		return nil, ErrForm
	}
	s, err := url.QueryUnescape(string(field))
	if err != nil {
		return nil, ErrForm
	}
	payload := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case hasAt(s, i, `\\n`):
			payload = append(payload, `\n`...)
			i += 2
		case hasAt(s, i, `\n`):
			payload = append(payload, '\n')
			i++
		default:
			payload = append(payload, s[i])
		}
	}
	return payload, nil
}

func hasAt(s string, i int, part string) bool {
	return len(s)-i >= len(part) && s[i:i+len(part)] == part
}

// AppendScript appends the response to a JSONP poll: a call of the callback that the client numbered, see Query, with the text payload as
// its argument. No browser takes any of that for markup: <, >, &, U+2028 and U+2029 are escaped.
func AppendScript(b []byte, index string, payload []byte) []byte {
	argument, _ := json.Marshal(string(payload)) // a string always can be
	b = append(append(b, "___eio["...), index...)
	b = append(append(b, "]("...), argument...)
	return append(b, ");"...)
}

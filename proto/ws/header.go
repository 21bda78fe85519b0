package ws

// This file holds the grammar of the header fields that a handshake reads: tokens, lists, extensions
// (RFC 9110 section 5.6, RFC 6455 section 9.1).

import "strings"

// Fields is the header fields of a request or response under their canonical names, as net/http keeps them.
type Fields map[string][]string

// first returns the value of a field that may stand once, and whether it does.
func (f Fields) first(name string) (string, bool) {
	if v := f[name]; len(v) == 1 {
		return v[0], true
	}
	return "", false
}

// hasToken reports whether the list in field name holds token, compared without case.
func (f Fields) hasToken(name, token string) bool {
	for _, line := range f[name] {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(trimOWS(item), token) {
				return true
			}
		}
	}
	return false
}

func trimOWS(s string) string { return strings.Trim(s, " \t") }

// isToken reports whether s is a token (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

// fieldText reports whether s can be the value of a header field: no control characters, and nothing outside ASCII.
func fieldText(s string) bool {
	for i := range len(s) {
		if b := s[i]; b != '\t' && (b < ' ' || b > '~') {
			return false
		}
	}
	return true
}

// extension is one item of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	hasValue    bool
}

// parseExtensions reads the lines of Sec-WebSocket-Extensions. It reports false if they do not follow the grammar.
func parseExtensions(lines []string) ([]extension, bool) {
	var list []extension
	for _, s := range lines {
		for {
			s = strings.TrimLeft(s, " \t,") // a list may have empty items (RFC 9110 section 5.6.1)
			if s == "" {
				break
			}
			var e extension
			var ok bool
			if e, s, ok = parseExtension(s); !ok {
				return nil, false
			}
			list = append(list, e)
		}
	}
	return list, true
}

// parseExtension reads one extension and returns what follows it: nothing, or what starts with a comma.
func parseExtension(s string) (e extension, rest string, ok bool) {
	if e.name, s = cutToken(s); e.name == "" {
		return e, s, false
	}
	for strings.HasPrefix(s, ";") {
		var p param
		if p.name, s = cutToken(s[1:]); p.name == "" {
			return e, s, false
		}
		if strings.HasPrefix(s, "=") {
			p.hasValue = true
			if p.value, s = cutValue(s[1:]); p.value == "" {
				return e, s, false
			}
		}
		e.params = append(e.params, p)
	}
	return e, s, s == "" || s[0] == ','
}

// cutToken cuts a token and the white space around it off s.
func cutToken(s string) (token, rest string) {
	s = strings.TrimLeft(s, " \t")
	n := 0
	for n < len(s) && isTokenByte(s[n]) {
		n++
	}
	return s[:n], strings.TrimLeft(s[n:], " \t")
}

// cutValue is cutToken for a value, which may be a quoted string. What is quoted must be a token too
// (RFC 6455 section 9.1).
func cutValue(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		return cutToken(s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			if value = b.String(); !isToken(value) {
				return "", s
			}
			return value, strings.TrimLeft(s[i+1:], " \t")
		case '\\':
			if i++; i == len(s) {
				return "", s
			}
		}
		b.WriteByte(s[i])
	}
	return "", s
}

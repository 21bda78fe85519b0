package ws

// This file holds the opening handshake as functions of a request and a response (RFC 6455 section 4).

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 section 1.3 demands it; nothing rests on its strength
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Limits for the head of a request. net/http has its own for the whole; these hold for what it lets pass.
const (
	MaxFields     = 128     // header lines
	MaxFieldLine  = 8 << 10 // bytes of a name and its value
	MaxFieldBytes = 16 << 10
	MaxTarget     = 8 << 10 // bytes of the request target
)

// Request is what a server needs to know of a request.
type Request struct {
	Method     string
	Target     string // as it stood in the request line
	ProtoMajor int
	ProtoMinor int
	Host       string
	Header     Fields
	HasBody    bool // a Content-Length other than 0, or a Transfer-Encoding
}

// Refusal is why a handshake was refused. It is an error.
type Refusal struct {
	Status  int    // of the HTTP response
	Reason  string // for its body, plain text, holding nothing that the peer sent
	Version bool   // the response names the version that we speak: Sec-WebSocket-Version: 13
	Allow   bool   // the response names the method that we take: Allow: GET
}

// Error returns the reason.
func (r *Refusal) Error() string { return "ws: handshake refused: " + r.Reason }

func refuse(status int, format string, a ...any) *Refusal {
	return &Refusal{Status: status, Reason: fmt.Sprintf(format, a...)}
}

// CheckHead refuses a request head that no handler should see: too many or too long fields, a target that is too long, not a
// path or one that hides where it leads, no host. It returns nil for all others, whether they ask for WebSocket or not.
func CheckHead(target, host string, header Fields) *Refusal {
	if len(target) > MaxTarget {
		return refuse(414, "request target of more than %d bytes", MaxTarget)
	}
	if !strings.HasPrefix(target, "/") {
		return refuse(400, "request target is not a path")
	}
	path, _, _ := strings.Cut(target, "?")
	path, err := url.PathUnescape(path)
	switch {
	case err != nil:
		return refuse(400, "malformed escape in the path")
	case strings.IndexByte(path, 0) >= 0:
		return refuse(400, "NUL in the path")
	case strings.Contains(path, "..") && slices.Contains(strings.FieldsFunc(path, isSlash), ".."):
		return refuse(400, "\"..\" in the path")
	case !isHost(host):
		return refuse(400, "no Host, or one that is none")
	}
	lines, bytes := 0, 0
	for name, values := range header {
		for _, v := range values {
			n := len(name) + len(v)
			if n > MaxFieldLine {
				return refuse(431, "header line of more than %d bytes", MaxFieldLine)
			}
			lines++
			bytes += n
		}
	}
	if lines > MaxFields || bytes > MaxFieldBytes {
		return refuse(431, "more than %d header lines or %d bytes of them", MaxFields, MaxFieldBytes)
	}
	return nil
}

// isSlash reports whether r parts the segments of a path, if only for some.
func isSlash(r rune) bool { return r == '/' || r == '\\' }

// isHost reports whether s can be the value of Host: not empty, and nothing that would end the host in an address.
func isHost(s string) bool { return s != "" && fieldText(s) && !strings.ContainsAny(s, " \t/\\?#@") }

// IsUpgrade reports whether the request asks for WebSocket, rightly or wrongly.
func IsUpgrade(header Fields) bool {
	_, key := header["Sec-Websocket-Key"]
	return key || header.hasToken("Upgrade", "websocket")
}

// CheckRequest checks a client's opening handshake (RFC 6455 section 4.2.1). It does not check the Origin: see OriginAllowed.
func CheckRequest(r *Request) *Refusal {
	if bad := CheckHead(r.Target, r.Host, r.Header); bad != nil {
		return bad
	}
	switch {
	case r.Method != "GET":
		bad := refuse(405, "a WebSocket handshake is a GET")
		bad.Allow = true
		return bad
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return refuse(400, "a WebSocket handshake needs HTTP/1.1")
	case !IsUpgrade(r.Header):
		bad := refuse(426, "this is a WebSocket address: connect with a WebSocket client")
		bad.Version = true
		return bad
	case !r.Header.hasToken("Upgrade", "websocket"):
		return refuse(400, "Upgrade does not name websocket")
	case !r.Header.hasToken("Connection", "upgrade"):
		return refuse(400, "Connection does not name upgrade")
	case r.HasBody:
		return refuse(400, "a WebSocket handshake has no body")
	}
	if v, _ := r.Header.first("Sec-Websocket-Version"); v != "13" {
		bad := refuse(426, "Sec-WebSocket-Version is not 13")
		bad.Version = true
		return bad
	}
	if key, ok := r.Header.first("Sec-Websocket-Key"); !ok || !isKey(key) {
		return refuse(400, "Sec-WebSocket-Key is not one value of 16 bytes in base64")
	}
	return nil
}

func isKey(s string) bool {
	var buf [18]byte
	if len(s) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Decode(buf[:], []byte(s))
	return err == nil && n == 16
}

// AcceptKey returns the Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2).
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Agreement is what a handshake agreed on.
type Agreement struct {
	Subprotocol string         // "": none
	Deflate     *DeflateParams // nil: no compression
}

// Choose picks the subprotocol and the extension for a request that CheckRequest passed: the first of subprotocols, in the server's
// order, that the client offered, and the client's first acceptable offer of permessage-deflate if deflate is not nil.
// extensions is the value of Sec-WebSocket-Extensions to answer with, "" for none.
func Choose(header Fields, subprotocols []string, deflate *DeflateOptions) (a Agreement, extensions string, refusal *Refusal) {
	var offered []string
	for _, line := range header["Sec-Websocket-Protocol"] {
		for item := range strings.SplitSeq(line, ",") {
			item = trimOWS(item)
			if item == "" {
				continue // a list may have empty items (RFC 9110 section 5.6.1)
			}
			if !isToken(item) {
				return a, "", refuse(400, "Sec-WebSocket-Protocol holds what is no token")
			}
			offered = append(offered, item)
		}
	}
	for _, p := range subprotocols {
		if slices.Contains(offered, p) {
			a.Subprotocol = p
			break
		}
	}
	offers, ok := parseExtensions(header["Sec-Websocket-Extensions"])
	if !ok {
		return a, "", refuse(400, "Sec-WebSocket-Extensions does not follow its grammar")
	}
	if deflate != nil {
		a.Deflate, extensions = acceptDeflate(offers, deflate)
	}
	return a, extensions, nil
}

// AppendResponse appends the head of the response that accepts the handshake (RFC 6455 section 4.2.2). extra holds further fields;
// the error tells of what cannot stand there.
func AppendResponse(b []byte, key string, a Agreement, extensions string, extra Fields) ([]byte, error) {
	if a.Subprotocol != "" && !isToken(a.Subprotocol) {
		return b, fmt.Errorf("ws: subprotocol %q is no token", a.Subprotocol)
	}
	if !fieldText(extensions) {
		return b, fmt.Errorf("ws: extensions %q hold a byte that no header value may hold", extensions)
	}
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(b, AcceptKey(key)...)
	if a.Subprotocol != "" {
		b = append(b, "\r\nSec-WebSocket-Protocol: "...)
		b = append(b, a.Subprotocol...)
	}
	if extensions != "" {
		b = append(b, "\r\nSec-WebSocket-Extensions: "...)
		b = append(b, extensions...)
	}
	b = append(b, "\r\n"...)
	return appendFields(b, extra)
}

// reserved are the fields that the handshake writes itself.
var reserved = []string{"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"}

// CheckFields returns an error if one of f cannot stand in a handshake: a name that is no token or that the handshake writes
// itself, a value with control characters or anything outside ASCII.
func CheckFields(f Fields) error {
	for name, values := range f {
		if !isToken(name) {
			return fmt.Errorf("ws: header name %q is no token", name)
		}
		if slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }) ||
			len(name) > 14 && strings.EqualFold(name[:14], "Sec-WebSocket-") {
			return fmt.Errorf("ws: header %s is the handshake's own", name)
		}
		for _, v := range values {
			if !fieldText(v) {
				return fmt.Errorf("ws: header %s holds a byte that no header value may hold", name)
			}
		}
	}
	return nil
}

// appendFields appends f and the end of the head.
func appendFields(b []byte, f Fields) ([]byte, error) {
	if err := CheckFields(f); err != nil {
		return b, err
	}
	for name, values := range f {
		for _, v := range values {
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(b, "\r\n"...), nil
}

// CheckSubprotocols returns an error for a subprotocol that is no token or stands twice (RFC 6455 section 4.1).
func CheckSubprotocols(list []string) error {
	for i, p := range list {
		if !isToken(p) {
			return fmt.Errorf("ws: subprotocol %q is no token", p)
		}
		if slices.Contains(list[:i], p) {
			return fmt.Errorf("ws: subprotocol %s stands twice", p)
		}
	}
	return nil
}

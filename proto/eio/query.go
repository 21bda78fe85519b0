package eio

// This file holds what a request says in its query, and the answer to a request that is refused.

import (
	"net/url"
	"strconv"
	"strings"
)

// Transport is what carries packets.
type Transport uint8

// The transports.
const (
	Polling Transport = iota + 1
	WebSocket
)

// String returns the name of the transport, as the query parameter says it.
func (t Transport) String() string {
	switch t {
	case Polling:
		return "polling"
	case WebSocket:
		return "websocket"
	}
	return "unknown"
}

// Code is the number of an error, as refused requests tell it.
type Code int

// The codes, and their messages.
const (
	UnknownTransport    Code = iota // Transport unknown
	UnknownSID                      // Session ID unknown
	BadHandshakeMethod              // Bad handshake method
	BadRequest                      // Bad request
	Forbidden                       // Forbidden
	UnsupportedRevision             // Unsupported protocol version
)

// String returns the message of the code.
func (c Code) String() string {
	messages := [...]string{
		"Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version",
	}
	if c >= 0 && int(c) < len(messages) {
		return messages[c]
	}
	return "error " + strconv.Itoa(int(c))
}

// Refusal is why a request is refused. An *Refusal is an error.
type Refusal struct {
	Code    Code
	Status  int    // of HTTP; if zero, 400, and 403 for Forbidden
	Message string // for the client; if empty, that of the code
	Detail  string // for the server's own log
}

// Error returns the message and the detail.
func (r *Refusal) Error() string {
	s := "eio: request refused: " + r.Text()
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}

// Text returns the message.
func (r *Refusal) Text() string {
	if r.Message != "" {
		return r.Message
	}
	return r.Code.String()
}

// StatusCode returns the status of HTTP.
func (r *Refusal) StatusCode() int {
	switch {
	case r.Status != 0:
		return r.Status
	case r.Code == Forbidden:
		return 403
	}
	return 400
}

// AppendJSON appends the body of the response.
func (r *Refusal) AppendJSON(b []byte) []byte {
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(r.Code), 10)
	b = append(b, `,"message":`...)
	return append(appendString(b, r.Text()), '}')
}

// Query is what a request says in its query.
type Query struct {
	Revision  Revision // 0: one that does not exist
	Transport Transport
	SID       string // the session; empty: the request opens one
	Text      bool   // b64: the client takes text only
	JSONP     string // j, digits: the number of the callback; empty: no JSONP
}

// maxParameters is how many query parameters are looked at: more are refused.
const maxParameters = 1000

// ParseQuery reads a query, as it stands in the URL. Parameters that it does not know are passed over; one of its own that comes twice is refused.
func ParseQuery(raw string) (Query, *Refusal) {
	q := Query{Revision: V3} // what a client means that does not say
	if strings.Count(raw, "&") >= maxParameters {
		return Query{}, &Refusal{Code: BadRequest, Detail: "too many query parameters"}
	}
	var seen parameter
	for part := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(part, "=")
		known, refusal := q.set(unescape(key), unescape(value))
		if refusal != nil {
			return Query{}, refusal
		}
		if seen&known != 0 {
			return Query{}, &Refusal{Code: BadRequest, Detail: "a query parameter that comes twice"}
		}
		seen |= known
	}
	if q.Transport == 0 {
		return Query{}, &Refusal{Code: UnknownTransport}
	}
	return q, nil
}

// parameter is one of those that are known, as a bit.
type parameter uint8

const (
	paramEIO parameter = 1 << iota
	paramTransport
	paramSID
	paramB64
	paramJ
)

// set takes a parameter in. It returns 0 for one that is not known.
func (q *Query) set(key, value string) (parameter, *Refusal) {
	switch key {
	case "EIO":
		q.Revision = revision(value)
		return paramEIO, nil
	case "transport":
		q.Transport = transport(value)
		return paramTransport, nil
	case "sid":
		if q.SID = value; value == "" {
			return 0, &Refusal{Code: UnknownSID}
		}
		return paramSID, nil
	case "b64":
		q.Text = value != ""
		return paramB64, nil
	case "j":
		if q.JSONP = value; !isIndex(value) {
			return 0, &Refusal{Code: BadRequest, Detail: "j is not a number"}
		}
		return paramJ, nil
	}
	return 0, nil
}

func revision(s string) Revision {
	switch s {
	case "3":
		return V3
	case "4":
		return V4
	}
	return 0
}

func transport(s string) Transport {
	for _, t := range []Transport{Polling, WebSocket} {
		if s == t.String() {
			return t
		}
	}
	return 0
}

// unescape undoes the escaping of a key or a value. What is no escape stays as it is.
func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func isIndex(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != "" && len(s) <= maxIndex
}

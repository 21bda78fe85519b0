package socketio

// This file holds what is known of how a client came.

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/duplex-go/duplex/engineio"
)

// Handshake is what is known of how a client came. It is packed, because most sockets never look at it: whoever does so often keeps what the methods return.
type Handshake struct {
	*engineio.Handshake                 // of the connection
	Auth                json.RawMessage // what the client said of itself when it joined the namespace; for clients 1.x and 2.x, the query that it put behind the namespace's name
}

// Handshake returns what is known of how the client came.
func (s *Socket) Handshake() *Handshake { return &Handshake{s.client.engine.Handshake(), s.auth} }

// XDomain reports whether a page of another site may have sent the client.
func (h *Handshake) XDomain() bool { return h.HeaderValue("Origin") != "" }

// MarshalJSON writes the handshake as the original has it: strings, an array only where a key was repeated, and the names of
// header fields in lower case.
func (h *Handshake) MarshalJSON() ([]byte, error) {
	header := make(map[string]string)
	for name, values := range h.Header() {
		header[strings.ToLower(name)] = strings.Join(values, separator(name))
	}
	auth := h.Auth
	if auth == nil {
		auth = json.RawMessage("{}")
	}
	address := ""
	if a := h.Addr(); a.IsValid() {
		address = a.String()
	}
	return json.Marshal(map[string]any{
		"headers": header,
		"time":    h.Issued().Format("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"),
		"address": address,
		"xdomain": h.XDomain(),
		"secure":  h.Secure(),
		"issued":  h.Issued().UnixMilli(),
		"url":     h.URL(),
		"query":   flat(h.Query()),
		"auth":    auth,
	})
}

// separator returns what stands between the values of a repeated field.
func separator(name string) string {
	if name == http.CanonicalHeaderKey("Cookie") {
		return "; "
	}
	return ", "
}

// flat returns strings where a key was not repeated.
func flat(values url.Values) map[string]any {
	m := make(map[string]any, len(values))
	for key, list := range values {
		if len(list) == 1 {
			m[key] = list[0]
		} else {
			m[key] = list
		}
	}
	return m
}

// newID returns 120 random bits, in the 20 characters that ids of the original have.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never errs
	return base64.RawURLEncoding.EncodeToString(b[:])
}

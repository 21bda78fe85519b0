package engineio

// This file holds what is kept of the request that opened a session.

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/duplex-go/duplex/internal/realip"
)

// Handshake is what is kept of the request that opened a session. It is packed, because most sessions never look at it: whoever does so often
// keeps what the methods return.
type Handshake struct {
	packed string // the URL, then the header: lines of "Name:value"
	addr   netip.Addr
	issued int64 // milliseconds since 1970
	secure bool
}

func newHandshake(r *http.Request, trusted []netip.Prefix) Handshake {
	_, secure := realip.Site(r, trusted)
	return Handshake{
		packed: pack(r),
		addr:   realip.Client(r, trusted),
		issued: time.Now().UnixMilli(),
		secure: secure,
	}
}

func pack(r *http.Request) string {
	b := make([]byte, 0, 2048)
	line := func(parts ...string) {
		begin := len(b)
		for _, s := range parts {
			b = append(b, s...)
		}
		if strings.IndexByte(string(b[begin:]), '\n') >= 0 { // as in none that came over the wire
			b = b[:begin]
		}
		b = append(b, '\n')
	}
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI()
	}
	line(target)
	line("Host:", r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			line(name, ":", v)
		}
	}
	return string(b)
}

// URL returns the path and the query, as they were sent.
func (h *Handshake) URL() string {
	target, _, _ := strings.Cut(h.packed, "\n")
	return target
}

// Addr returns the client's address, which trusted proxies tell. It is the zero Addr where there is none, as with a Unix socket.
func (h *Handshake) Addr() netip.Addr { return h.addr }

// Secure reports whether the client came over TLS, by what is known here or trusted proxies tell.
func (h *Handshake) Secure() bool { return h.secure }

// Issued returns when the request came, to the millisecond.
func (h *Handshake) Issued() time.Time { return time.UnixMilli(h.issued) }

// Header returns the header, a new one each time. Host is one of its fields.
func (h *Handshake) Header() http.Header {
	header := make(http.Header)
	_, lines, _ := strings.Cut(h.packed, "\n")
	for line := range strings.Lines(lines) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			header[name] = append(header[name], strings.TrimSuffix(value, "\n"))
		}
	}
	return header
}

// HeaderValue returns the first value of a field, "" if there is none. name is in canonical form, as "User-Agent".
func (h *Handshake) HeaderValue(name string) string {
	_, lines, _ := strings.Cut(h.packed, "\n")
	for line := range strings.Lines(lines) {
		if value, ok := strings.CutPrefix(line, name); ok && value[0] == ':' {
			return strings.TrimSuffix(value[1:], "\n")
		}
	}
	return ""
}

// Query returns the query's values, a new map each time. What is malformed is left out.
func (h *Handshake) Query() url.Values {
	_, raw, _ := strings.Cut(h.URL(), "?")
	values, _ := url.ParseQuery(raw)
	return values
}

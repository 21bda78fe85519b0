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

// Handshake is what is kept of the request that opened a session. It is packed: whoever needs its header often keeps what Header returns.
type Handshake struct {
	URL    string     // path and query, as they were sent
	Addr   netip.Addr // the client's, behind trusted proxies; the zero Addr where there is none, as with a Unix socket
	Secure bool       // the client came over TLS
	Issued time.Time
	header string // lines of "Name:value"
}

func newHandshake(r *http.Request, trusted []netip.Prefix) Handshake {
	_, secure := realip.Site(r, trusted)
	url := r.RequestURI
	if url == "" {
		url = r.URL.RequestURI()
	}
	return Handshake{
		URL:    url,
		Addr:   realip.Client(r, trusted),
		Secure: secure,
		Issued: time.Now(),
		header: pack(r),
	}
}

// pack returns the header of a request, with Host, in one string.
func pack(r *http.Request) string {
	size := len("Host:\n") + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + 2
		}
	}
	var b strings.Builder
	b.Grow(size)
	line := func(name, value string) {
		if strings.IndexByte(value, '\n') < 0 { // as in all that come over the wire
			_, _ = b.WriteString(name)
			_ = b.WriteByte(':')
			_, _ = b.WriteString(value)
			_ = b.WriteByte('\n')
		}
	}
	line("Host", r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			line(name, v)
		}
	}
	return b.String()
}

// Header returns the header, a new one each time. Host is one of its fields.
func (h *Handshake) Header() http.Header {
	header := make(http.Header)
	for line := range strings.Lines(h.header) {
		name, value, _ := strings.Cut(line, ":")
		header[name] = append(header[name], strings.TrimSuffix(value, "\n"))
	}
	return header
}

// HeaderValue returns the first value of a field, "" if there is none. name is in canonical form, as "User-Agent".
func (h *Handshake) HeaderValue(name string) string {
	for line := range strings.Lines(h.header) {
		if value, ok := strings.CutPrefix(line, name); ok && value[0] == ':' {
			return strings.TrimSuffix(value[1:], "\n")
		}
	}
	return ""
}

// Query returns the query's values, a new map each time. What is malformed is left out.
func (h *Handshake) Query() url.Values {
	_, raw, _ := strings.Cut(h.URL, "?")
	values, _ := url.ParseQuery(raw)
	return values
}

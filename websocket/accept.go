package websocket

// This file holds the server's half of the opening handshake over net/http (RFC 6455 section 4.2).

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/duplex-go/duplex/internal/realip"
	"github.com/duplex-go/duplex/proto/ws"
)

// AcceptOptions are what a server chooses. The zero value holds the defaults. They are not changed while they are in use.
type AcceptOptions struct {
	Options

	// Subprotocols are what the server speaks, the preferred first. The first that the client offers is chosen; if
	// it offers none of them, none is.
	Subprotocols []string
	// Origins are the origins whose pages may connect, beside the site's own: "https://example.org", "https://*.example.org" for the
	// hosts below it, "*" for all. Browsers send cookies with the handshake: who allows all origins must not rely on them.
	Origins []string
	// RequireOrigin refuses clients that send no Origin. Browsers always do.
	RequireOrigin bool
	// TrustedProxies are the addresses of proxies whose X-Forwarded-Host, -Proto and -For are believed. If nil, nobody's are.
	TrustedProxies []netip.Prefix
	// Header holds further fields for the response, such as Set-Cookie.
	Header http.Header
}

// acceptSettings are AcceptOptions that have been checked.
type acceptSettings struct {
	AcceptOptions
	set *settings
}

func newAcceptSettings(o *AcceptOptions) (*acceptSettings, error) {
	s := new(acceptSettings)
	if o != nil {
		s.AcceptOptions = *o
	}
	s.set = newSettings(&s.Options)
	for _, p := range s.Origins {
		if !ws.CheckOriginPattern(p) {
			return nil, fmt.Errorf("websocket: %q is no origin: write it as https://example.org or https://*.example.org", p)
		}
	}
	return s, errors.Join(ws.CheckSubprotocols(s.Subprotocols), ws.CheckFields(ws.Fields(s.Header)))
}

// IsUpgrade reports whether r asks for WebSocket, rightly or wrongly. What does not can be answered with a page.
func IsUpgrade(r *http.Request) bool { return ws.IsUpgrade(ws.Fields(r.Header)) }

// Accept performs the opening handshake and takes the connection over from net/http. opts may be nil.
//
// If it errs, it has answered the request, with the reason in plain text, and the handler just returns:
// 400 for a handshake that is none, 403 for an Origin that is not allowed, 405 for a method other than GET, 426 for a
// request that is not WebSocket or not version 13.
//
// From then on net/http forgets the connection: its timeouts and its Shutdown no longer apply, and a panic leaves the
// connection open unless it is closed in a defer. A Server takes care of all that.
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	s, err := newAcceptSettings(opts)
	if err != nil {
		http.Error(w, "websocket: the server's options are wrong", http.StatusInternalServerError)
		return nil, err
	}
	c, err := s.accept(w, r)
	if err != nil {
		return nil, err
	}
	return c.startPings(), nil
}

func (s *acceptSettings) accept(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	s.Trace.received(r)
	header := ws.Fields(r.Header)
	bad := ws.CheckRequest(&ws.Request{
		Method:     r.Method,
		Target:     r.RequestURI,
		ProtoMajor: r.ProtoMajor,
		ProtoMinor: r.ProtoMinor,
		Host:       r.Host,
		Header:     header,
		HasBody:    r.ContentLength != 0 || len(r.TransferEncoding) > 0,
	})
	if bad == nil {
		bad = s.checkOrigin(r)
	}
	var a ws.Agreement
	var extensions string
	if bad == nil {
		a, extensions, bad = ws.Choose(header, s.Subprotocols, s.set.deflate)
	}
	if bad != nil {
		refuse(w, bad)
		return nil, bad
	}
	head, err := ws.AppendResponse(nil, r.Header.Get("Sec-WebSocket-Key"), a, extensions, ws.Fields(s.Header))
	if err != nil {
		http.Error(w, "websocket: the server's options are wrong", http.StatusInternalServerError)
		return nil, err
	}
	nc, early, err := hijack(w)
	if err != nil {
		return nil, err
	}
	s.Trace.responded(head)
	nc = newMovable(nc)
	sent := 0
	if t, ok := nc.(tryWriter); ok {
		sent, err = t.TryWrite(head, nil)
	}
	if sent < len(head) && err == nil {
		_ = nc.SetDeadline(time.Now().Add(s.set.WriteTimeout))
		_, err = nc.Write(head[sent:])
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	_ = nc.SetDeadline(time.Time{}) // net/http's hold no longer
	tune(nc)
	return newConn(nc, ws.Server, s.set, a, early), nil
}

// checkOrigin refuses pages of other sites (RFC 6455 sections 4.2.2 and 10.2).
func (s *acceptSettings) checkOrigin(r *http.Request) *ws.Refusal {
	origin := r.Header.Values("Origin")
	if len(origin) == 0 && !s.RequireOrigin {
		return nil
	}
	host, secure := realip.Site(r, s.TrustedProxies)
	if len(origin) != 1 || !ws.OriginAllowed(origin[0], secure, host, s.Origins) {
		return &ws.Refusal{Status: http.StatusForbidden, Reason: "pages of this Origin may not connect here"}
	}
	return nil
}

// refuse answers a handshake with the reason why not, and has net/http close the connection: what follows on it is not
// read as a request.
func refuse(w http.ResponseWriter, bad *ws.Refusal) {
	h := w.Header()
	h.Set("Connection", "close")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if bad.Version {
		h.Set("Upgrade", "websocket")
		h["Connection"] = []string{"close", "Upgrade"} // net/http only heeds a first value of "close"
		h.Set("Sec-WebSocket-Version", "13")
	}
	if bad.Allow {
		h.Set("Allow", http.MethodGet)
	}
	_ = http.NewResponseController(w).SetReadDeadline(past) // or net/http would wait for a body that was announced
	w.WriteHeader(bad.Status)
	_, _ = fmt.Fprintln(w, bad.Reason)
}

// hijack takes the connection over, with what the client sent behind its request.
func hijack(w http.ResponseWriter) (net.Conn, []byte, error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		err = fmt.Errorf("websocket: this connection cannot be taken over: %w (HTTP/2, or middleware that hides http.Hijacker)", err)
		refuse(w, &ws.Refusal{Status: http.StatusNotImplemented, Reason: "this server cannot speak WebSocket on this connection"})
		return nil, nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // what is buffered is there
	return nc, bytes.Clone(early), nil
}

package websocket

// This file holds Trace: hooks for who wants to see every step.

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"slices"
	"strings"

	"github.com/duplex-go/duplex/proto/ws"
)

// Frame is a frame as it went over the wire, and what it meant.
type Frame = ws.Frame

// Trace holds functions that are called at the steps of a connection. Any may be nil. They must not call the connection. Those of the
// handshake are called by the goroutine that performs it; Frame by whoever reads or writes, for the two directions at the same time.
type Trace struct {
	Resolved  func(host string, addresses []string, err error)
	Connected func(network, address string, err error)
	TLS       func(state tls.ConnectionState, err error)
	// Request and Response get the heads of the handshake as text, with line ends as on the wire. Secrets are redacted:
	// credentials, cookies, and values of the query that are named like tokens.
	Request, Response func(head string)
	// Frame gets each frame when it is complete; it is valid during the call. sent: it is ours.
	Frame func(sent bool, f *Frame)
	// PayloadLimit is how many bytes of a payload Frame is shown. If zero, 64 KiB.
	PayloadLimit int
}

// withNet has the hooks called that package net knows of.
func (t *Trace) withNet(ctx context.Context) context.Context {
	if t == nil || t.Resolved == nil && t.Connected == nil {
		return ctx
	}
	var host string
	hooks := &httptrace.ClientTrace{DNSStart: func(info httptrace.DNSStartInfo) { host = info.Host }, ConnectDone: t.Connected}
	if t.Resolved != nil {
		hooks.DNSDone = func(info httptrace.DNSDoneInfo) {
			var list []string
			for _, a := range info.Addrs {
				list = append(list, a.String())
			}
			t.Resolved(host, list, info.Err)
		}
	}
	return httptrace.WithClientTrace(ctx, hooks)
}

func (t *Trace) tlsDone(tc *tls.Conn, err error) {
	if t != nil && t.TLS != nil {
		t.TLS(tc.ConnectionState(), err)
	}
}

func (t *Trace) request(head []byte) {
	if t != nil && t.Request != nil {
		t.Request(redact(string(head)))
	}
}

// received is request for a server, to which net/http gives no bytes.
func (t *Trace) received(r *http.Request) {
	if t == nil || t.Request == nil {
		return
	}
	h := r.Header.Clone()
	h.Set("Host", r.Host)
	t.request(appendHead([]byte(r.Method+" "+r.RequestURI+" "+r.Proto+"\r\n"), h))
}

func (t *Trace) response(r *http.Response) {
	if t != nil && t.Response != nil {
		t.responded(appendHead([]byte(r.Proto+" "+r.Status+"\r\n"), r.Header))
	}
}

func (t *Trace) responded(head []byte) {
	if t != nil && t.Response != nil {
		t.Response(redact(string(head)))
	}
}

func appendHead(b []byte, h http.Header) []byte {
	buf := bytes.NewBuffer(b)
	_ = h.Write(buf) // sorted; a Buffer does not err
	return append(buf.Bytes(), "\r\n"...)
}

// tap returns the Tap for one direction, or nil.
func (t *Trace) tap(sent bool, sender ws.Role, params *ws.DeflateParams) *ws.Tap {
	if t == nil || t.Frame == nil {
		return nil
	}
	return ws.NewTap(sender, params, orDefault(t.PayloadLimit, 64<<10), func(f *Frame) { t.Frame(sent, f) })
}

var (
	secretFields = []string{"authorization", "proxy-authorization", "cookie", "set-cookie"}
	secretParam  = regexp.MustCompile(`(?i)([?&][^=&\s]*(?:token|secret|password|passwd|auth|key|sid|pid|signature|code)[^=&\s]*=)[^&\s#]*`)
)

// redact replaces the secrets in a head.
func redact(head string) string {
	lines := strings.Split(head, "\r\n")
	for i, line := range lines {
		lines[i] = secretParam.ReplaceAllString(line, "${1}[redacted]") // addresses stand in fields too: Referer, Location
		if name, _, ok := strings.Cut(line, ":"); ok && slices.Contains(secretFields, strings.ToLower(name)) {
			lines[i] = name + ": [redacted]"
		}
	}
	return strings.Join(lines, "\r\n")
}

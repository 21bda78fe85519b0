package websocket

// This file holds the client's half of the opening handshake (RFC 6455 section 4.1).

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// DialOptions are what a client chooses. The zero value holds the defaults.
type DialOptions struct {
	Options

	// Header holds further fields for the request, such as Origin, Cookie and Authorization.
	Header http.Header
	// Host is sent instead of the URL's host. If empty, that is sent.
	Host string
	// Subprotocols are what the client speaks, the preferred first. The server chooses one or none.
	Subprotocols []string
	// TLS configures wss. If nil, the system's roots are trusted.
	TLS *tls.Config
	// NetDial opens the transport connection. If nil, net.Dialer does.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
}

// HandshakeError is what Dial returns if the server answered, but did not open a connection.
type HandshakeError struct {
	Status int         // of the response, such as 403
	Header http.Header // of the response
	Body   []byte      // of the response: its first KiB
	Err    error       // what was wrong with the response
}

// Error returns the status and what was wrong.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("websocket: handshake: %v (status %d)", e.Err, e.Status)
}

// Unwrap returns e.Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

const (
	handshakeTime   = 30 * time.Second
	maxResponseHead = 16 << 10 // bytes
	maxErrorBody    = 1 << 10  // bytes
)

// Dial opens a connection to a ws or wss URL. opts may be nil. ctx bounds the dialing and the handshake, not the connection;
// without a deadline they get 30 s. If the server answers with anything but a WebSocket handshake, the error is a *HandshakeError.
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, error) {
	var o DialOptions
	if opts != nil {
		o = *opts
	}
	set := newSettings(&o.Options)
	u, address, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never errs
	offer := &ws.Offer{
		Target:       u.RequestURI(),
		Host:         orDefault(o.Host, u.Host),
		Key:          ws.NewKey(nonce),
		Subprotocols: o.Subprotocols,
		Deflate:      set.deflate,
		Header:       ws.Fields(o.Header),
	}
	head, err := ws.AppendRequest(nil, offer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	nc, err := o.dial(ctx, u, address)
	if err != nil {
		return nil, fmt.Errorf("websocket: dial: %w", err)
	}
	return open(ctx, nc, set, offer, head)
}

// parseURL reads a ws or wss URL (RFC 6455 section 3) and returns it with the address to dial.
func parseURL(s string) (u *url.URL, address string, err error) {
	if u, err = url.Parse(s); err != nil {
		return nil, "", fmt.Errorf("websocket: %w", err)
	}
	port, known := map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	switch {
	case !known:
		return nil, "", fmt.Errorf("websocket: URL scheme %q is not ws or wss", u.Scheme)
	case u.Hostname() == "":
		return nil, "", errors.New("websocket: URL without a host")
	case u.Fragment != "":
		return nil, "", errors.New("websocket: URL with a fragment")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return u, net.JoinHostPort(u.Hostname(), port), nil
}

// dial opens the transport connection, with TLS for wss.
func (o *DialOptions) dial(ctx context.Context, u *url.URL, address string) (net.Conn, error) {
	dial := o.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", address)
	if err != nil || u.Scheme == "ws" {
		return nc, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		cfg = o.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = []string{"http/1.1"}
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tc, nil
}

// open performs the handshake over nc, which it closes if it errs.
func open(ctx context.Context, nc net.Conn, set *settings, offer *ws.Offer, head []byte) (*Conn, error) {
	// The deadline holds for all of the handshake, however slowly the server sends.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(past) })
	a, early, err := handshake(nc, offer, head)
	if !stop() {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	tune(nc)
	return newConn(nc, ws.Client, set, a, early).startPings(), nil
}

func handshake(nc net.Conn, offer *ws.Offer, head []byte) (a ws.Agreement, early []byte, err error) {
	if _, err := nc.Write(head); err != nil {
		return a, nil, err
	}
	limited := &io.LimitedReader{R: nc, N: maxResponseHead}
	br := bufio.NewReader(limited)
	resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodGet})
	if err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("head of the response exceeds %d bytes", maxResponseHead)
		}
		return a, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	a, err = ws.CheckResponse(resp.StatusCode, ws.Fields(resp.Header), offer)
	if err != nil {
		e := &HandshakeError{Status: resp.StatusCode, Header: resp.Header, Err: err}
		limited.N = maxErrorBody
		e.Body, _ = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // as much as there is
		return a, nil, e
	}
	early, _ = br.Peek(br.Buffered()) // what is buffered is there
	return a, bytes.Clone(early), nil
}

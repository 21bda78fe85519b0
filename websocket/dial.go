package websocket

// This file holds Dial: the client's half of the opening handshake (RFC 6455 section 4.1).

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
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
	// Jar adds cookies to the request and keeps those of the response. If nil, only Header tells of cookies.
	Jar http.CookieJar
	// TLS configures wss, and TLS to the proxy. If nil, the system's roots are trusted, from TLS 1.2 on.
	TLS *tls.Config
	// Proxy returns the proxy for a URL, whose scheme is http or https here: one of http, https, socks5, with user and
	// password if need be; nil for none. If Proxy is nil, HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment decide, unless NetDial is set.
	Proxy func(*url.URL) (*url.URL, error)
	// NetDial opens the transport connection, to the proxy if there is one. It may dial a Unix socket, or return a connection
	// that was there before. If nil, net.Dialer does.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
	// MaxRedirects is how many redirects are followed. To another origin no credentials go along, and from wss to ws none is
	// followed. If zero, none is.
	MaxRedirects int
	// MaskKey makes the masking keys, for tests. If nil, they are random, as they must be (RFC 6455 section 10.3).
	MaskKey func() [4]byte
}

// HandshakeError is what Dial returns if the server, or the proxy, answered but did not open a connection.
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
	handshakeTime    = 30 * time.Second
	maxResponseHead  = 16 << 10 // bytes
	maxErrorBody     = 1 << 10  // bytes
	maxInformational = 5        // responses of status 1xx before the one that counts
)

// Dial opens a connection to a ws or wss URL. opts may be nil. ctx bounds the dialing and the handshake, not the connection;
// without a deadline they get 30 s. A user and password in the URL are sent as Basic authentication.
// If the server answers with anything but a WebSocket handshake, the error is a *HandshakeError.
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, error) {
	return dial(ctx, rawURL, opts, hooks{})
}

func dial(ctx context.Context, rawURL string, opts *DialOptions, h hooks) (*Conn, error) {
	d := new(dialer)
	if opts != nil {
		d.DialOptions = *opts
	}
	d.set = newSettings(&d.Options)
	d.set.hooks = h
	if d.MaskKey != nil {
		d.set.machine.MaskKey = d.MaskKey
	}
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	ctx = d.Trace.withNet(ctx)
	for hop := 0; ; hop++ {
		c, err := d.attempt(ctx, u)
		var e *HandshakeError
		if hop == d.MaxRedirects || !errors.As(err, &e) || !isRedirect(e) {
			return c, err
		}
		if u, err = d.follow(u, e.Header.Get("Location")); err != nil {
			return nil, err
		}
	}
}

// dialer is a Dial under way.
type dialer struct {
	DialOptions
	set *settings
}

// addressError says that a URL cannot be dialed, now or later.
type addressError struct{ err error }

// Error returns what is wrong with the URL.
func (e *addressError) Error() string { return "websocket: " + e.err.Error() }

// Unwrap returns it.
func (e *addressError) Unwrap() error { return e.err }

// parseURL reads a ws or wss URL (RFC 6455 section 3).
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
	case u.Scheme != "ws" && u.Scheme != "wss":
		err = fmt.Errorf("URL scheme %q is not ws or wss", u.Scheme)
	case u.Hostname() == "":
		err = errors.New("URL without a host")
	case u.Fragment != "":
		err = errors.New("URL with a fragment")
	}
	if err != nil {
		return nil, &addressError{err}
	}
	return u, nil
}

// httpURL returns u as net/http and cookie jars know it.
func httpURL(u *url.URL) *url.URL {
	h := *u
	h.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	return &h
}

// attempt dials and performs one handshake.
func (d *dialer) attempt(ctx context.Context, u *url.URL) (*Conn, error) {
	offer := d.offer(u)
	head, err := ws.AppendRequest(nil, offer)
	if err != nil {
		return nil, err
	}
	nc, err := d.connect(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("websocket: dial: %w", err)
	}
	// The deadline holds for all of the handshake, however slowly the server sends.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(past) })
	a, early, err := d.handshake(nc, u, offer, head)
	if !stop() {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		_ = nc.Close()
		var e *HandshakeError
		if errors.As(err, &e) {
			return nil, err
		}
		return nil, fmt.Errorf("websocket: handshake: %w", err)
	}
	tune(nc)
	return newConn(nc, ws.Client, d.set, a, early).startPings(), nil
}

// offer is what is asked of the server at u.
func (d *dialer) offer(u *url.URL) *ws.Offer {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never errs
	header := d.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	if password, ok := u.User.Password(); u.User != nil && header.Get("Authorization") == "" {
		_ = ok // a user alone has an empty password
		header.Set("Authorization", basicAuth(u.User.Username(), password))
	}
	if d.Jar != nil {
		req := http.Request{Header: header}
		for _, cookie := range d.Jar.Cookies(httpURL(u)) {
			req.AddCookie(cookie)
		}
	}
	return &ws.Offer{
		Target:       u.RequestURI(),
		Host:         orDefault(d.Host, u.Host),
		Key:          ws.NewKey(nonce),
		Subprotocols: d.Subprotocols,
		Deflate:      d.set.deflate,
		Header:       ws.Fields(header),
	}
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// handshake sends the request and reads the response, with what the server sent behind it.
func (d *dialer) handshake(nc net.Conn, u *url.URL, offer *ws.Offer, head []byte) (a ws.Agreement, early []byte, err error) {
	d.Trace.request(head)
	if _, err := nc.Write(head); err != nil {
		return a, nil, err
	}
	br, resp, err := readResponse(nc, http.MethodGet)
	if err != nil {
		return a, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	d.Trace.response(resp)
	if d.Jar != nil {
		d.Jar.SetCookies(httpURL(u), resp.Cookies())
	}
	if a, err = ws.CheckResponse(resp.StatusCode, ws.Fields(resp.Header), offer); err != nil {
		return a, nil, newHandshakeError(resp, err)
	}
	early, _ = br.Peek(br.Buffered()) // what is buffered is there
	return a, bytes.Clone(early), nil
}

// readResponse reads the head of a response, at most maxResponseHead bytes with those before it that only inform.
func readResponse(nc net.Conn, method string) (*bufio.Reader, *http.Response, error) {
	limited := &io.LimitedReader{R: nc, N: maxResponseHead}
	br := bufio.NewReader(limited)
	for range maxInformational + 1 {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			if limited.N <= 0 {
				err = fmt.Errorf("head of the response exceeds %d bytes", maxResponseHead)
			}
			return nil, nil, err
		}
		if resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			limited.N += maxErrorBody // for newHandshakeError
			return br, resp, nil
		}
	}
	return nil, nil, fmt.Errorf("more than %d informational responses", maxInformational)
}

func newHandshakeError(resp *http.Response, err error) *HandshakeError {
	e := &HandshakeError{Status: resp.StatusCode, Header: resp.Header, Err: err}
	e.Body, _ = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // as much as there is
	return e
}

func isRedirect(e *HandshakeError) bool {
	switch e.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return e.Header.Get("Location") != ""
	}
	return false
}

// follow returns where a redirect from u leads, and drops the credentials if that is another origin.
func (d *dialer) follow(u *url.URL, location string) (*url.URL, error) {
	to, err := u.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("websocket: redirect: %w", err)
	}
	if scheme, ok := map[string]string{"http": "ws", "https": "wss"}[to.Scheme]; ok {
		to.Scheme = scheme
	}
	to.Fragment = ""
	if to, err = parseURL(to.String()); err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	if u.Scheme == "wss" && to.Scheme == "ws" {
		return nil, errors.New("websocket: redirect from wss to ws is not followed")
	}
	if to.Scheme == u.Scheme && address(to) == address(u) {
		to.User = u.User
		return to, nil
	}
	to.User, d.Host = nil, ""
	d.Header = d.Header.Clone()
	for _, secret := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		d.Header.Del(secret)
	}
	return to, nil
}

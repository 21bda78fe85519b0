package websocket

// This file holds the way to the server: proxies and TLS.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/proxy"
)

type netDial func(ctx context.Context, network, address string) (net.Conn, error)

// DialContext makes a netDial what package proxy wants.
func (f netDial) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}

// Dial makes a netDial what package proxy wants.
func (f netDial) Dial(network, address string) (net.Conn, error) {
	return f(context.Background(), network, address)
}

// address returns what to dial for u.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "http": "80", "wss": "443", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// connect opens the transport connection to u: through the proxy if there is one, with TLS for wss.
func (d *dialer) connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	dial := netDial(d.NetDial)
	find := d.Proxy
	if dial == nil {
		dial = new(net.Dialer).DialContext
		if find == nil {
			find = func(u *url.URL) (*url.URL, error) { return http.ProxyFromEnvironment(&http.Request{URL: u}) }
		}
	}
	var via *url.URL
	if find != nil {
		var err error
		if via, err = find(httpURL(u)); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	nc, err := d.tunnel(ctx, dial, via, address(u))
	if err != nil || u.Scheme == "ws" {
		return nc, err
	}
	return d.secure(ctx, nc, u.Hostname())
}

// tunnel opens a connection to address through via; nil: straight.
func (d *dialer) tunnel(ctx context.Context, dial netDial, via *url.URL, to string) (net.Conn, error) {
	if via == nil {
		return dial(ctx, "tcp", to)
	}
	switch via.Scheme {
	case "socks5", "socks5h":
		var auth *proxy.Auth
		if via.User != nil {
			auth = &proxy.Auth{User: via.User.Username()}
			auth.Password, _ = via.User.Password()
		}
		socks, err := proxy.SOCKS5("tcp", address(via), auth, dial)
		if err != nil {
			return nil, err
		}
		nc, err := socks.(proxy.ContextDialer).DialContext(ctx, "tcp", to) //nolint:errcheck,forcetypeassert // SOCKS5 returns nothing else
		if err != nil {
			return nil, fmt.Errorf("proxy %s: %w", via.Redacted(), err)
		}
		return nc, nil
	case "http", "https":
		nc, err := dial(ctx, "tcp", address(via))
		if err == nil && via.Scheme == "https" {
			nc, err = d.secure(ctx, nc, via.Hostname())
		}
		if err != nil {
			return nil, fmt.Errorf("proxy %s: %w", via.Redacted(), err)
		}
		through, err := connectThrough(ctx, nc, via, to)
		if err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("proxy %s: %w", via.Redacted(), err)
		}
		return through, nil
	}
	return nil, fmt.Errorf("proxy %s: scheme is not http, https or socks5", via.Redacted())
}

// connectThrough asks an HTTP proxy for a tunnel (RFC 9110 section 9.3.6).
func connectThrough(ctx context.Context, nc net.Conn, via *url.URL, to string) (net.Conn, error) {
	head := "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n"
	if via.User != nil {
		password, _ := via.User.Password()
		head += "Proxy-Authorization: " + basicAuth(via.User.Username(), password) + "\r\n"
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(past) })
	defer stop()
	if _, err := io.WriteString(nc, head+"\r\n"); err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	br, resp, err := readResponse(nc, http.MethodConnect) //nolint:bodyclose // the tunnel is its body
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	if resp.StatusCode/100 != 2 {
		return nil, newHandshakeError(resp, errors.New("the proxy opens no tunnel"))
	}
	if n := br.Buffered(); n > 0 { // the server was quick to speak
		early, _ := br.Peek(n)
		return &earlyConn{nc, early}, nil
	}
	return nc, nil
}

// earlyConn is a connection of which some was read already.
type earlyConn struct {
	net.Conn
	early []byte
}

// Read implements net.Conn.
func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// secure performs the TLS handshake over nc, which it closes if it errs.
func (d *dialer) secure(ctx context.Context, nc net.Conn, host string) (net.Conn, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.TLS != nil {
		cfg = d.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	cfg.NextProtos = []string{"http/1.1"} // RFC 6455 is HTTP/1.1's
	tc := tls.Client(nc, cfg)
	err := tc.HandshakeContext(ctx)
	d.Trace.tlsDone(tc, err)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tc, nil
}

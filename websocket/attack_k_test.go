package websocket

// This file holds the attacks of row K: hostile servers, against our client.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// hostile runs answer for each connection, behind the request that it has read.
func hostile(t *testing.T, answer func(nc net.Conn, r *http.Request)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = nc.Close() }()
				_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
				r, err := http.ReadRequest(bufio.NewReader(nc))
				if err == nil {
					answer(nc, r)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

func switching(r *http.Request, fields ...string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		ws.AcceptKey(r.Header.Get("Sec-WebSocket-Key")) + "\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
}

// Each frame has a key of its own, and none is zero by a short cut.
func TestAttack_K01_MaskKeys(t *testing.T) {
	const n = 20000
	client, server := Pair(&Options{PingInterval: -1})
	defer func() { _, _ = client.CloseNow(), server.CloseNow() }()
	seen := make(map[[4]byte]int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tap := ws.NewTap(ws.Client, nil, 0, func(f *Frame) { seen[f.Mask]++ })
		buf := make([]byte, 1<<16)
		for {
			k, err := server.nc.Read(buf)
			tap.Feed(buf[:k])
			if err != nil {
				return
			}
		}
	}()
	for range n {
		if err := client.Write(context.Background(), Binary, nil); err != nil {
			t.Fatal(err)
		}
	}
	_ = client.CloseNow()
	<-done
	repeats := 0
	for _, k := range seen {
		repeats += k - 1
	}
	if len(seen) < n-10 || repeats > 5 { // by chance n*n/2^33, which is 0.05
		t.Errorf("%d different keys in %d frames", len(seen), n)
	}
}

// A handshake has an end, in bytes and in time, whatever the server sends.
func TestAttack_K02_EndlessHandshake(t *testing.T) {
	forever := func(piece string) func(net.Conn, *http.Request) {
		return func(nc net.Conn, _ *http.Request) {
			for {
				if _, err := io.WriteString(nc, piece); err != nil {
					return
				}
			}
		}
	}
	for name, answer := range map[string]func(net.Conn, *http.Request){
		"headers":    forever("HTTP/1.1 101 Switching Protocols\r\nX: y\r\nX: y\r\nX: y\r\n"),
		"one header": forever("HTTP/1.1 200 OK"),
		"1xx":        forever("HTTP/1.1 103 Early Hints\r\n\r\n"),
		"garbage":    forever("\x16\x03\x01\x00\xff"),
		"a long body": func(nc net.Conn, r *http.Request) {
			_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
			forever("body")(nc, r)
		},
		"a byte at a time": func(nc net.Conn, _ *http.Request) {
			for {
				if _, err := io.WriteString(nc, "H"); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		},
		"nothing": func(nc net.Conn, _ *http.Request) { _, _ = io.Copy(io.Discard, nc) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(testContext(t), 500*time.Millisecond)
			defer cancel()
			_, err := Dial(ctx, "ws://"+hostile(t, answer), nil)
			if err == nil {
				t.Fatal("connected")
			}
			var e *HandshakeError
			if errors.As(err, &e) && len(e.Body) > 1024 {
				t.Errorf("%d bytes of body are kept", len(e.Body))
			}
		})
	}
}

// What a hostile server sends after the handshake is held to the same rules and limits as what a client sends.
func TestAttack_K03_RulesForServers(t *testing.T) {
	unmasked := func(b0 byte, p []byte) []byte {
		f := ws.AppendHeader(nil, ws.Header{Fin: b0&0x80 != 0, RSV: b0 >> 4 & 7, Opcode: ws.Opcode(b0 & 0xF), Length: int64(len(p))})
		return append(f, p...)
	}
	long := func(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{0x82, 127}, n) }
	fragments := unmasked(0x01, nil)
	for range 5000 {
		fragments = append(fragments, unmasked(0x00, nil)...)
	}
	for name, tt := range map[string]struct {
		code StatusCode
		wire []byte
	}{
		"F01 masked":            {StatusProtocolError, text("hi")},
		"F02 RSV2":              {StatusProtocolError, unmasked(0x81|0x20, nil)},
		"F02 RSV1":              {StatusProtocolError, unmasked(0x89|0x40, nil)},
		"F03 top bit":           {StatusProtocolError, long(1 << 63)},
		"F03 2^62":              {StatusMessageTooBig, long(1 << 62)},
		"F04 opcode":            {StatusProtocolError, []byte{0x83, 127}},
		"F06 long ping":         {StatusProtocolError, unmasked(0x89, make([]byte, 126))},
		"F06 short close":       {StatusProtocolError, unmasked(0x88, []byte{3})},
		"F06 close 1005":        {StatusProtocolError, unmasked(0x88, []byte{3, 0xED})},
		"F07 UTF-8":             {StatusInvalidFramePayloadData, unmasked(0x01, []byte("\xed\xa0"))},
		"F08 long length":       {StatusProtocolError, []byte{0x81, 126, 0, 1, 'x'}},
		"F09 continuation":      {StatusProtocolError, unmasked(0x80, nil)},
		"F11 fragments":         {StatusPolicyViolation, fragments},
		"F17 limit":             {StatusMessageTooBig, unmasked(0x82, make([]byte, 1<<20+1))},
		"D01 bomb":              {StatusMessageTooBig, unmasked(0x82|0x40, bomb(40))},
		"D04 garbage":           {StatusInvalidFramePayloadData, unmasked(0x81|0x40, []byte{0xDE, 0xAD, 0xBE, 0xEF})},
		"D06 beyond the window": {StatusInvalidFramePayloadData, unmasked(0x81|0x40, []byte{0x4B, 0x04, 0x42, 0x00})},
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan StatusCode, 1)
			address := hostile(t, func(nc net.Conn, r *http.Request) {
				_, _ = io.WriteString(nc, switching(r, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
				go func() { _, _ = nc.Write(tt.wire) }()
				code := StatusCode(0)
				tap := ws.NewTap(ws.Client, nil, 125, func(f *Frame) {
					if f.Opcode == ws.OpClose {
						code, _, _ = ws.ParseClose(f.Payload)
					}
				})
				buf := make([]byte, 4096)
				for {
					n, err := nc.Read(buf)
					tap.Feed(buf[:n])
					if err != nil {
						closed <- code
						return
					}
				}
			})
			c, err := Dial(testContext(t), "ws://"+address, &DialOptions{Options: Options{Deflate: &Deflate{}}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.CloseNow() }()
			if _, err := c.Read(testContext(t)); CloseStatus(err) != tt.code {
				t.Errorf("our error: %v", err)
			}
			if code := <-closed; code != tt.code {
				t.Errorf("the server is told %v", code)
			}
		})
	}
	// B03: pings, and nobody who reads the pongs.
	address := hostile(t, func(nc net.Conn, r *http.Request) {
		_, _ = io.WriteString(nc, switching(r))
		_ = nc.(*net.TCPConn).SetReadBuffer(2048)
		flood := bytes.Repeat(unmasked(0x89, make([]byte, 125)), 1000)
		for {
			if _, err := nc.Write(flood); err != nil {
				return
			}
		}
	})
	c, err := Dial(testContext(t), "ws://"+address, &DialOptions{Options: Options{WriteTimeout: 500 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Read(testContext(t))
	if CloseStatus(err) != StatusAbnormalClosure || c.Queued() > 4096 {
		t.Errorf("%v, %d bytes queued", err, c.Queued())
	}
}

// An answer that was not asked for fails the handshake, with an error that says what.
func TestAttack_K04_WrongAnswers(t *testing.T) {
	for name, edit := range map[string]func(head string) string{
		"accept":       func(h string) string { return strings.Replace(h, "Accept: ", "Accept: x", 1) },
		"accept twice": func(h string) string { return strings.Replace(h, "Upgrade: websocket", "Sec-WebSocket-Accept: x", 1) },
		"upgrade":      func(h string) string { return strings.Replace(h, "websocket", "foo", 1) },
		"connection":   func(h string) string { return strings.Replace(h, "Connection: Upgrade", "Connection: close", 1) },
		"status":       func(h string) string { return strings.Replace(h, "101", "200", 1) },
		"subprotocol": func(h string) string {
			return strings.Replace(h, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: other\r\n\r\n", 1)
		},
		"two of them": func(h string) string {
			return strings.Replace(h, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: v1, v2\r\n\r\n", 1)
		},
		"extension": func(h string) string {
			return strings.Replace(h, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-other\r\n\r\n", 1)
		},
		"window bits": func(h string) string {
			return strings.Replace(h, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n\r\n", 1)
		},
		"twice": func(h string) string {
			return strings.Replace(h, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n\r\n", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := hostile(t, func(nc net.Conn, r *http.Request) { _, _ = io.WriteString(nc, edit(switching(r))) })
			_, err := Dial(testContext(t), "ws://"+address, &DialOptions{Subprotocols: []string{"v1", "v2"}, Options: Options{Deflate: &Deflate{}}})
			var e *HandshakeError
			if !errors.As(err, &e) || e.Err == nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// What would break out of its place in the request is an error before anything is dialed.
func TestAttack_K05_Injection(t *testing.T) {
	never := func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialed")
		return nil, errors.New("dialed")
	}
	for name, tt := range map[string]struct {
		url string
		o   DialOptions
	}{
		"URL":         {"ws://h/\r\nX: y", DialOptions{}},
		"host":        {"ws://h\r\nX: y/", DialOptions{}},
		"Host":        {"ws://h/", DialOptions{Host: "h\r\nX: y"}},
		"field":       {"ws://h/", DialOptions{Header: http.Header{"X": {"a\r\nY: b"}}}},
		"field name":  {"ws://h/", DialOptions{Header: http.Header{"X: a\r\nY": {"b"}}}},
		"origin":      {"ws://h/", DialOptions{Header: http.Header{"Origin": {"http://h\nX: y"}}}},
		"subprotocol": {"ws://h/", DialOptions{Subprotocols: []string{"a\r\nX: y"}}},
		"our own":     {"ws://h/", DialOptions{Header: http.Header{"Sec-WebSocket-Key": {"x"}}}},
		"scheme":      {"file:///etc/passwd", DialOptions{}},
	} {
		tt.o.NetDial = never
		if _, err := Dial(testContext(t), tt.url, &tt.o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Redirects are followed only if asked for, not for ever, and without credentials to other origins.
func TestAttack_K06_Redirects(t *testing.T) {
	got := make(chan http.Header, 10)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		(&Server{Handle: echo}).ServeHTTP(w, r)
	}))
	defer other.Close()
	to := func(location string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got <- r.Header
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}))
	}
	secret := http.Header{"Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "X-Plain": {"y"}}
	srv := to(other.URL + "/there")
	defer srv.Close()
	var e *HandshakeError
	if _, err := Dial(testContext(t), wsURL(srv), nil); !errors.As(err, &e) || e.Status != http.StatusFound {
		t.Errorf("not asked for: %v", err)
	}
	<-got
	c, err := Dial(testContext(t), strings.Replace(wsURL(srv), "ws://", "ws://user:pass@", 1), &DialOptions{MaxRedirects: 5, Header: secret})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	if h := <-got; h.Get("Authorization") == "" || h.Get("Cookie") == "" {
		t.Errorf("the first origin gets %v", h)
	}
	if h := <-got; h.Get("Authorization") != "" || h.Get("Cookie") != "" || h.Get("X-Plain") != "y" {
		t.Errorf("the other origin gets %v", h)
	}
	for name, location := range map[string]string{"loop": "/again", "file": "file:///etc/passwd", "elsewhere": "gopher://x/"} {
		srv := to(location)
		_, err := Dial(testContext(t), wsURL(srv), &DialOptions{MaxRedirects: 5})
		srv.Close()
		n := len(got)
		for range n {
			<-got
		}
		if err == nil || n > 6 {
			t.Errorf("%s: %v after %d requests", name, err, n)
		}
	}
	down, _ := url.Parse("wss://h/")
	if _, err := new(dialer).follow(down, "http://h/"); err == nil {
		t.Error("from wss to ws")
	}
}

func TestAttack_K07_TLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(&Server{Handle: echo})
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	dial := func(cfg *tls.Config) error {
		c, err := Dial(testContext(t), wsURL(srv), &DialOptions{TLS: cfg})
		if err == nil {
			err = c.Close(StatusNormalClosure, "")
		}
		return err
	}
	for name, cfg := range map[string]*tls.Config{
		"unknown authority": nil,
		"wrong name":        {RootCAs: roots, ServerName: "other.invalid"},
		"expired":           {RootCAs: roots, Time: func() time.Time { return time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		if err := dial(cfg); err == nil || DefaultRetry(err) {
			t.Errorf("%s: %v, and App would go on: %v", name, err, DefaultRetry(err))
		}
	}
	for name, cfg := range map[string]*tls.Config{
		"trusted":   {RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}}, // h2 is not offered
		"asked for": {InsecureSkipVerify: true},
	} {
		if err := dial(cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	srv.TLS.MaxVersion = tls.VersionTLS11
	if err := dial(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.1")
	}
}

// A proxy that says too much, or always no.
func TestAttack_K08_Proxies(t *testing.T) {
	through := func(u string) func(*url.URL) (*url.URL, error) {
		return func(*url.URL) (*url.URL, error) { return url.Parse(u) }
	}
	asked := 0
	no := hostile(t, func(nc net.Conn, _ *http.Request) {
		asked++
		_, _ = io.WriteString(nc, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno")
	})
	_, err := Dial(testContext(t), "ws://h/", &DialOptions{Proxy: through("http://u:secret@" + no)})
	var e *HandshakeError
	if !errors.As(err, &e) || e.Status != 407 || asked != 1 || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, asked %d times", err, asked)
	}
	// The server's first message comes with the proxy's answer: it is not lost.
	eager := hostile(t, func(nc net.Conn, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "h:80" || r.Header.Get("Proxy-Authorization") == "" {
			t.Errorf("%s %s %v", r.Method, r.Host, r.Header)
		}
		nonce := "dGhlIHNhbXBsZSBub25jZQ==" // the answer comes before the question: the key is guessed wrong, the bytes are there
		fake := &http.Request{Header: http.Header{"Sec-Websocket-Key": {nonce}}}
		_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n"+switching(fake))
		_, _ = io.Copy(io.Discard, nc)
	})
	_, err = Dial(testContext(t), "ws://h/", &DialOptions{Proxy: through("http://u:p@" + eager)})
	if !errors.As(err, &e) || e.Status != 101 || !strings.Contains(err.Error(), "Accept") {
		t.Errorf("bytes behind the proxy's answer: %v", err)
	}
	for _, bad := range []string{"ftp://127.0.0.1:1", "http://127.0.0.1:1", "socks5://127.0.0.1:1"} {
		if _, err := Dial(testContext(t), "ws://h/", &DialOptions{Proxy: through(bad)}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// No bytes of one connection are sent on another: buffers go from hand to hand, filled with what would show.
func TestAttack_K09_Buffers(t *testing.T) {
	var dirty [][]byte
	for class := range 6 {
		for range 8 {
			b := getBuffer(smallBuffer << class)
			for i := range b {
				b[i] = 0xAA
			}
			dirty = append(dirty, b)
		}
	}
	for _, b := range dirty {
		putBuffer(b)
	}
	for name, o := range map[string]*Options{"plain": nil, "deflate": {Deflate: &Deflate{Threshold: 1}}} {
		client, server := Pair(o)
		goEcho(t, server)
		ctx := testContext(t)
		for _, n := range []int{0, 1, 100, 5000, 70000, 150000} {
			w, err := client.Writer(ctx, Binary)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := w.Write(make([]byte, n/2)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			m, err := client.Read(ctx)
			if err != nil || len(m.Data) != n/2*2 || bytes.IndexByte(m.Data, 0xAA) >= 0 {
				t.Errorf("%s, %d bytes: %d came, %v", name, n, len(m.Data), err)
			}
		}
		_ = client.CloseNow()
	}
}

// TestAttack_K10_ReconnectStorm is TestAppPace's subject for handshakes; here the server accepts, and closes at once.
func TestAttack_K10_ReconnectStorm(t *testing.T) {
	n := 0
	srv := httptest.NewServer(&Server{Handle: func(context.Context, *Conn) error { return &CloseError{Code: 4000} }})
	defer srv.Close()
	app := &App{URL: wsURL(srv), MinDelay: 20 * time.Millisecond, MaxDelay: 10 * time.Second, OnClose: func(*CloseError) { n++ }}
	ctx, cancel := context.WithTimeout(testContext(t), time.Second)
	defer cancel()
	if err := app.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if n == 0 || n > 30 { // without backoff there are thousands
		t.Errorf("%d connections in a second", n)
	}
}

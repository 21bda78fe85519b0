package websocket

// This file holds the attacks on the opening handshake that are a single request: rows H01 to H08, H13 and H14.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Pages of other sites are refused, however their Origin is dressed up.
func TestAttack_H01_CrossSite(t *testing.T) {
	s := setup{TLS: true, Accept: AcceptOptions{Origins: []string{"https://app.org:8443", "https://*.good.com"}}}
	attack(t, s, func(a *target) {
		for _, origin := range []string{
			"https://evil.com", "null", "", "https://", "*", "https://*.good.com", "file://",
			"https://example.com.evil.com", "https://example.com@evil.com", "https://evil.com/example.com", "https://evil.com?https://example.com",
			"http://example.com", "http://example.com:443", "ws://example.com", "https://example.com`", "HTTPS://EXAMPLE.COM", "https://example.com.",
			"https://example.com:8443", "https://example.com/", "https://example.com, https://evil.com", "https://example.com https://evil.com",
			"https://xexample.com", "https://evilgood.com", "https://good.com", "https://.good.com", "http://a.good.com", "https://a.good.com:444",
			"https://a.good.com.evil.com", "https://app.org", "https://app.org:84430", "https://ａpp.org:8443", "//example.com",
		} {
			origin := "Origin: " + origin
			if resp := a.refused(request("/", "Cookie: session=1", origin), 403); resp.Header.Get("Upgrade") != "" {
				t.Errorf("%s: Upgrade in the refusal", origin)
			}
		}
		a.refused(request("/", "Origin: https://example.com", " Origin: https://evil.com"), 403)
		for _, origin := range []string{"https://example.com", "https://example.com:443", "https://app.org:8443", "https://a.good.com", "https://a.b.good.com"} {
			a.upgrade("/", "Origin: "+origin)
		}
		a.upgrade("/") // no browser
	})
	attack(t, setup{}, func(a *target) {
		a.upgrade("/", "Origin: http://example.com")
		a.refused(request("/", "Origin: http://evil.com"), 403)
	})
}

func TestAttack_H01_OriginRequired(t *testing.T) {
	s := startTarget(t, setup{Accept: AcceptOptions{RequireOrigin: true}})
	defer func() { _ = s.http.Close() }()
	s.refused(request("/"), 403)
	s.upgrade("/", "Origin: http://example.com")
	s.hangUp()
	if err := s.server.Shutdown(testContext(t)); err != nil {
		t.Error(err)
	}
}

// What is no handshake is refused, with the reason, and the connection ends.
func TestAttack_H02_BrokenHandshake(t *testing.T) {
	onTCPAndTLS(t, setup{}, func(a *target) {
		for _, c := range []struct {
			req    string
			status int
		}{
			{request("/", "Sec-WebSocket-Key:"), 400},
			{request("/", "Sec-WebSocket-Key: c2hvcnQ="), 400},
			{request("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 400},
			{request("/", "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="), 400},
			{request("/", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"), 400}, // 18 bytes
			{request("/", " Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400},
			{request("/", "Sec-WebSocket-Version:"), 426},
			{request("/", "Sec-WebSocket-Version: 8"), 426},
			{request("/", "Sec-WebSocket-Version: 12"), 426},
			{request("/", "Sec-WebSocket-Version: 13, 8"), 426},
			{request("/", " Sec-WebSocket-Version: 8"), 426},
			{strings.Replace(request("/"), "GET", "POST", 1), 405},
			{strings.Replace(request("/"), "GET", "HEAD2", 1), 405},
			{strings.Replace(request("/"), "GET", "get", 1), 405},
			{strings.Replace(request("/"), "HTTP/1.1", "HTTP/1.0", 1), 400},
			{request("/", "Connection: close"), 400},
			{request("/", "Connection: keep-alive"), 400},
			{request("/", "Connection:"), 400},
			{request("/", "Upgrade: websocket2"), 400},
			{request("/", "Upgrade: h2c"), 400},
			{request("/", "Upgrade:", "Sec-WebSocket-Key:"), 426}, // a page was asked for
		} {
			resp := a.refused(c.req, c.status)
			if c.status == 426 && resp.Header.Get("Sec-Websocket-Version") != "13" {
				a.t.Errorf("426 without our version: %v", resp.Header)
			}
			if c.status == 405 && resp.Header.Get("Allow") != "GET" {
				a.t.Errorf("405 without Allow: %v", resp.Header)
			}
			if typ := resp.Header.Get("Content-Type"); typ != "text/plain; charset=utf-8" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				a.t.Errorf("refusal of type %q", typ)
			}
		}
	})
}

// A head that is too large is refused when it is, not when it ends.
func TestAttack_H03_LargeHead(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		many := func(n int, line string) string { return request("/", strings.Repeat(line+"\r\n", n-1)+line) }
		for name, req := range map[string]string{
			"10,000 fields":    many(10000, "a: b"),
			"129 fields":       many(129, "a: b"),
			"a line of 1 MiB":  many(1, "a: "+strings.Repeat("b", 1<<20)),
			"a line of 9 KiB":  many(1, "a: "+strings.Repeat("b", 9<<10)),
			"5,000 cookies":    many(5000, "Cookie: a=b"),
			"one long cookie":  many(1, "Cookie: "+strings.Repeat("a=b; ", 5000)),
			"many, 17 KiB":     many(17, "a: "+strings.Repeat("b", 1<<10)),
			"a name of 10 KiB": many(1, strings.Repeat("a", 10<<10)+": b"),
		} {
			r := a.dial()
			go r.send([]byte(req)...) // it may be cut off in the middle
			if resp := r.response(); resp.StatusCode != 431 {
				t.Errorf("%s: status %d", name, resp.StatusCode)
			}
			_, _ = io.Copy(io.Discard, r.br)
			_ = r.Close()
		}
		r := a.dial() // one that never ends
		sent := 0
		for line := []byte("a: " + strings.Repeat("b", 1000) + "\r\n"); r.send(line...) && sent < 64<<20; {
			sent += len(line)
		}
		if sent >= 64<<20 {
			t.Error("an endless head is read for ever")
		}
	})
}

// A head that is not finished costs what it holds, and no more than 32 KiB.
func TestAttack_H03_MemoryOfPendingHandshakes(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		n := scale(500, 5000)
		a.each(n, func(int) {
			head := "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a: "+strings.Repeat("b", 95)+"\r\n", 120)
			a.dial().send([]byte(head)...)
		})
		time.Sleep(100 * time.Millisecond) // until the server has read it
		each := a.grown() / int64(n)
		t.Logf("%d B a pending handshake of 12 KiB, the attacker's end included", each)
		if each > 32<<10 {
			t.Error("more than 32 KiB")
		}
	})
}

// A head that comes byte by byte is read once, and cut off at the handshake's timeout however steadily it comes.
func TestAttack_H04_ByteByByte(t *testing.T) {
	const limit = 400 * time.Millisecond
	attack(t, setup{HeaderTimeout: limit}, func(a *target) {
		r := a.dial()
		start := time.Now()
		for r.send('a') && time.Since(start) < 10*limit {
			time.Sleep(time.Millisecond)
		}
		if d := time.Since(start); d > limit+2*time.Second || d < limit/2 {
			t.Errorf("cut off after %v", d)
		}
	})
	attack(t, setup{}, func(a *target) {
		r := a.dial()
		start := time.Now()
		for _, b := range []byte(request("/", "X: "+strings.Repeat("x", 8000))) {
			r.send(b)
		}
		if resp := r.response(); resp.StatusCode != 101 {
			t.Errorf("status %d", resp.StatusCode)
		}
		t.Logf("%v for 8 KB", time.Since(start))
	})
}

// quick sends req a few times and expects that the fastest answer has status and took no time to speak of.
func (a *target) quick(req string, status int) (resp *http.Response) {
	a.t.Helper()
	best := time.Hour
	for range 5 {
		r := a.dial()
		start := time.Now()
		r.send([]byte(req)...)
		resp = r.response()
		best = min(best, time.Since(start))
		_ = r.Close()
	}
	if resp.StatusCode != status {
		a.t.Errorf("%.60q...: status %d, expected %d", req, resp.StatusCode, status)
	}
	if best > 20*time.Millisecond { // 5 ms of CPU, with the network and the race detector
		a.t.Errorf("%.60q... took %v", req, best)
	}
	return resp
}

func TestAttack_H05_Subprotocols(t *testing.T) {
	attack(t, setup{Accept: AcceptOptions{Subprotocols: []string{"chat", "b"}}}, func(a *target) {
		const field = "Sec-WebSocket-Protocol: "
		for value, status := range map[string]int{
			"b" + strings.Repeat(" ", 60000) + "x": 431,
			"b" + strings.Repeat(" ", 8000) + "x":  400,
			strings.Repeat(",", 10000):             431,
			strings.Repeat(",", 8000):              101,
			strings.Repeat("a,", 4000):             101,
			`"chat"`:                               400,
			`chat;x`:                               400,
			"chat/1":                               400,
			"ch\x80t":                              400,
			strings.Repeat("a", 8000):              101,
			"constructor, __proto__, Chat":         101,
		} {
			if resp := a.quick(request("/", field+value), status); resp.Header.Get("Sec-Websocket-Protocol") != "" {
				t.Errorf("%.40q: chosen %q", value, resp.Header.Get("Sec-Websocket-Protocol"))
			}
		}
		for offer, want := range map[string]string{"b": "b", "x, b": "b", "b, chat": "chat", ",chat ,": "chat"} {
			if resp := a.quick(request("/", field+offer), 101); resp.Header.Get("Sec-Websocket-Protocol") != want {
				t.Errorf("%q offered, %q chosen", offer, resp.Header.Get("Sec-Websocket-Protocol"))
			}
		}
	})
}

func TestAttack_H06_Extensions(t *testing.T) {
	s := setup{Accept: AcceptOptions{Options: Options{Deflate: &Deflate{Takeover: true}}}}
	attack(t, s, func(a *target) {
		for value, status := range map[string]int{
			`a;b="` + strings.Repeat(`\c`, 4000):          400,
			`a;b="` + strings.Repeat(`\`, 8001):           400,
			`permessage-deflate;"`:                        400,
			"permessage-deflate; client_max_window_bits=": 400,
			"permessage-deflate=1":                        400,
			";;;":                                         400,
			"a;":                                          400,
			"=":                                           400,
			"constructor":                                 101,
			"__proto__; toString=1":                       101,
			strings.Repeat("a,", 4000):                    101,
			strings.Repeat("a;b,", 2000):                  101,
			strings.Repeat("permessage-deflate;x,", 380): 101,
			strings.Repeat("a,", 5000):                   431,
			"x-webkit-deflate-frame":                     101,
			"permessage-bzip2":                           101,
			"PERMESSAGE-DEFLATE":                         101,
		} {
			resp := a.quick(request("/", "Sec-WebSocket-Extensions: "+value), status)
			if got := resp.Header.Get("Sec-Websocket-Extensions"); got != "" {
				t.Errorf("%.40q answered with %q", value, got)
			}
		}
	})
}

// What the application gets wrong does not reach the wire.
func TestAttack_H07_ApplicationsBytes(t *testing.T) {
	for name, o := range map[string]AcceptOptions{
		"subprotocol with CR LF":    {Subprotocols: []string{"chat\r\nX-Evil: 1"}},
		"subprotocol with NUL":      {Subprotocols: []string{"chat\x00"}},
		"subprotocol with DEL":      {Subprotocols: []string{"chat\x7f"}},
		"subprotocol not ASCII":     {Subprotocols: []string{"chät"}},
		"subprotocol of two words":  {Subprotocols: []string{"chat, evil"}},
		"value with CR LF":          {Header: http.Header{"X-A": {"b\r\nX-Evil: 1"}}},
		"value with LF":             {Header: http.Header{"X-A": {"b\nX-Evil: 1"}}},
		"value with NUL":            {Header: http.Header{"X-A": {"b\x00"}}},
		"value with DEL":            {Header: http.Header{"X-A": {"b\x7f"}}},
		"value not ASCII":           {Header: http.Header{"X-A": {"ü"}}},
		"name with CR LF":           {Header: http.Header{"X-A: b\r\nX-Evil": {"1"}}},
		"name with a space":         {Header: http.Header{"X A": {"1"}}},
		"empty name":                {Header: http.Header{"": {"1"}}},
		"cookie with CR LF":         {Header: http.Header{"Set-Cookie": {"a=b; Path=/\r\nX-Evil: 1"}}},
		"the handshake's own field": {Header: http.Header{"sec-websocket-accept": {"x"}}},
		"second Connection":         {Header: http.Header{"connection": {"close"}}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Options = Options{}
			if _, err := Accept(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), &o); err == nil {
				t.Error("Accept takes it")
			}
			srv := httptest.NewServer(&Server{Options: &o, Handle: echo})
			defer srv.Close()
			a := &target{t: t, addr: srv.Listener.Addr().String()}
			defer a.hangUp()
			r := a.dial()
			r.send([]byte(request("/", "Sec-WebSocket-Protocol: chat", "Connection: Upgrade, close"))...)
			got, _ := io.ReadAll(r.br)
			if !bytes.HasPrefix(got, []byte("HTTP/1.1 500 ")) || bytes.Contains(got, []byte("Evil")) || bytes.Contains(got, []byte("101 ")) {
				t.Errorf("on the wire: %q", got)
			}
		})
	}
	// Nothing that a client sent comes back in the text of a refusal.
	attack(t, setup{}, func(a *target) {
		const mark = "<b>mark</b>"
		for _, field := range []string{"Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Upgrade"} {
			r := a.dial()
			r.send([]byte(request("/"+mark, field+": "+mark))...)
			if got, _ := io.ReadAll(r.br); bytes.Contains(got, []byte("mark")) || !bytes.HasPrefix(got, []byte("HTTP/1.1 4")) {
				t.Errorf("%s: %q", field, got)
			}
		}
	})
}

// A refused upgrade is no way past a proxy: what is behind it is never answered.
func TestAttack_H08_Smuggling(t *testing.T) {
	reached := false
	s := setup{Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached = true
		fmt.Fprintln(w, "page", r.URL)
	})}
	attack(t, s, func(a *target) {
		for _, req := range []string{
			request("/", "Sec-WebSocket-Version: 7"),
			request("/", "Sec-WebSocket-Key: x"),
			request("/", "Connection:"),
			request("/", "Origin: https://evil.com"),
			request("/", "Content-Length: 5") + "hello",
			request("/", "Content-Length: 49"), // the second request is its body, and some of it is missing
			request("/", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n",
			request("/", "Transfer-Encoding: chunked", "Content-Length: 3") + "0\r\n\r\n",
			request("/", "Content-Length: 5", " Content-Length: 0") + "hello",
			request("/", "Content-Length: -1"),
			request("/", "Content-Length: +0"),
			request("/", "Host: a", " Host: b"),
			strings.Replace(request("/"), "Upgrade: websocket", "Upgrade : websocket", 1),
			strings.Replace(request("/"), "Upgrade: websocket", " Upgrade: websocket", 1),
		} {
			a.refused(req, 400, 403, 426)
		}
		a.refused(request("/", "Transfer-Encoding: gzip"), 501)
		if reached {
			t.Error("the request behind a refused one was answered")
		}
	})
}

// Frames behind a handshake that is refused reach nobody.
func TestAttack_H13_FramesBehindRefusal(t *testing.T) {
	handled := false
	s := setup{Handle: func(context.Context, *Conn) error {
		handled = true
		return nil
	}}
	onTCPAndTLS(t, s, func(a *target) {
		a.refused(request("/", "Origin: https://evil.com")+string(text("hello")), 403)
		a.refused(request("/", "Sec-WebSocket-Key:")+string(text("hello")), 400)
		if handled {
			a.t.Error("a handler ran")
		}
	})
}

func TestAttack_H14_Targets(t *testing.T) {
	path := make(chan string, 1)
	s := setup{Handle: func(ctx context.Context, _ *Conn) error {
		path <- Request(ctx).URL.Path
		return nil
	}}
	attack(t, s, func(a *target) {
		for _, req := range []string{
			request("/", "Host:"),
			request("/", "Host: "),
			request("/", "Host: a", " Host: b"),
			request("/", "Host: a b"),
			request("/", "Host: a\x00"),
			request("/", "Host: a/b"),
			request("http://evil.com/"),
			request("ws://example.com/"),
			request("*"),
			request("example.com:80"),
			request("/a%00b"),
			request("/a\x00b"),
			request("/a b"),
			request("/%zz"),
			request("/../etc"),
			request("/a/%2e%2E/b"),
			request("/a/.%2e"),
			request("//evil.com/../a"),
			request("/" + strings.Repeat("a", 8<<10)),
			request("/?" + strings.Repeat("a=b&", 2<<10)),
		} {
			a.refused(req, 400, 414)
		}
		for target, want := range map[string]string{"/a%20b": "/a b", "/a/%252e%252e/b": "/a/%2e%2e/b", "/a?../%00": "/a", "/...": "/..."} {
			a.upgrade(target)
			if got := <-path; got != want {
				t.Errorf("%s: the handler sees %q", target, got)
			}
		}
	})
}

package main

// This file tests the site as its clients see it: pages, WebSocket at each address, counts, and what is refused.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// A testSite is a site that is served.
type testSite struct {
	*site
	host string // such as 127.0.0.1:4711
	log  *lockedBuffer
}

// A lockedBuffer takes a log from many goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// serveSite serves a site with the real limits, but for those that change changes.
func serveSite(t *testing.T, opts siteOptions, change ...func(*http.Server)) *testSite {
	t.Helper()
	out := new(lockedBuffer)
	opts.log = newLogger(out, slog.LevelDebug)
	s, err := newSite(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = newHTTPServer(s, opts.log)
	for _, f := range change {
		f(srv.Config)
	}
	srv.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.shutdown(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return &testSite{s, strings.TrimPrefix(srv.URL, "http://"), out}
}

func (s *testSite) dial(t *testing.T, path string, protocols ...string) *websocket.Conn {
	t.Helper()
	c, err := websocket.Dial(t.Context(), "ws://"+s.host+path, &websocket.DialOptions{Subprotocols: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func (s *testSite) get(t *testing.T, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// raw sends bytes as they are, and returns the status of the answer and whether the connection was closed after it.
func (s *testSite) raw(t *testing.T, request string) (status int, closed bool, body string) {
	t.Helper()
	c, err := net.Dial("tcp", s.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = io.WriteString(c, request) }() // the server may answer, and close, before it has read all
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, true, ""
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, err = r.ReadByte()
	timeout, ok := err.(net.Error)
	return res.StatusCode, err != nil && (!ok || !timeout.Timeout()), string(text)
}

// logOf returns the log once it holds a text: a request is logged after it was answered.
func (s *testSite) logOf(t *testing.T, text string) string {
	t.Helper()
	for range 200 {
		if log := s.log.String(); strings.Contains(log, text) {
			return log
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nothing is logged with %s: %s", text, s.log)
	return ""
}

func expectText(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	msg, err := c.Read(ctx)
	if err != nil || msg.Type != websocket.Text || string(msg.Data) != want {
		t.Fatalf("got %v %.200q, %v; want %q", msg.Type, msg.Data, err, want)
	}
}

func send(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.Text, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestEveryAddressHasItsPage(t *testing.T) {
	s := serveSite(t, siteOptions{})
	for _, p := range places {
		res, body := s.get(t, p.path)
		if res.StatusCode != 200 || !strings.Contains(body, `class="page-`+p.page+`"`) {
			t.Errorf("%s: %d %.80q", p.path, res.StatusCode, body)
		}
		for name, want := range map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
			"Content-Security-Policy": contentPolicy,
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", p.path, name, got, want)
			}
		}
		for _, asset := range regexp.MustCompile(`/assets/[\w.]+`).FindAllString(body, -1) {
			if res, _ := s.get(t, asset); res.StatusCode != 200 {
				t.Errorf("%s needs %s: %d", p.path, asset, res.StatusCode)
			}
		}
	}
}

func TestWhatIsNotHere(t *testing.T) {
	s := serveSite(t, siteOptions{})
	for _, path := range []string{"/none", "/echo/", "/Echo", "/assets/none.js", "/web.go", "//"} {
		if res, _ := s.get(t, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if res, body := s.get(t, "/none", "Accept", "text/html"); res.StatusCode != 404 || !strings.Contains(body, "<h1") {
		t.Errorf("for a browser: %d %q", res.StatusCode, body)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		status, closed, _ := s.raw(t, method+" /echo HTTP/1.1\r\nHost: x\r\n\r\n")
		if status != http.StatusMethodNotAllowed || !closed {
			t.Errorf("%s: %d, closed: %v", method, status, closed)
		}
	}
	const upgrade = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for request, want := range map[string]int{
		"GET /none HTTP/1.1\r\n" + upgrade:              404,
		"GET /stats HTTP/1.1\r\n" + upgrade:             404,
		"GET /hello?every=1ms HTTP/1.1\r\n" + upgrade:   400,
		"GET /hello?every= HTTP/1.1\r\n" + upgrade:      400,
		"GET /game?seed=seven HTTP/1.1\r\n" + upgrade:   400,
		"POST /echo HTTP/1.1\r\n" + upgrade:             405,
		"GET /hello?every=500ms HTTP/1.0\r\n" + upgrade: 400,
	} {
		if status, closed, body := s.raw(t, request); status != want || !closed || body == "" {
			t.Errorf("%.30q: %d %q, closed: %v; want %d", request, status, body, closed, want)
		}
	}
}

func TestWebSocketAtEachAddress(t *testing.T) {
	s := serveSite(t, siteOptions{deflate: true})
	root := s.dial(t, "/")
	expectText(t, root, "You are connected")
	send(t, root, "hello")
	expectText(t, root, "You said hello")

	for _, path := range []string{"/echo", "/chatsocket"} {
		c := s.dial(t, path)
		send(t, c, "text")
		expectText(t, c, "text")
		if err := c.Write(t.Context(), websocket.Binary, []byte{0, 255}); err != nil {
			t.Fatal(err)
		}
		if msg, err := c.Read(t.Context()); err != nil || msg.Type != websocket.Binary || !bytes.Equal(msg.Data, []byte{0, 255}) {
			t.Errorf("%s: %v, %v", path, msg, err)
		}
	}

	hello := s.dial(t, "/hello?every=100ms")
	expectText(t, hello, "hello world")
	expectText(t, hello, "hello world")

	chat := s.dial(t, "/chat", "chat.duplex.v1")
	var welcome struct{ Type, ID string }
	if err := chat.ReadJSON(t.Context(), &welcome); err != nil || welcome.Type != "welcome" || len(welcome.ID) != 36 {
		t.Errorf("chat: %+v, %v", welcome, err)
	}

	first, second := s.dial(t, "/game?seed=7"), s.dial(t, "/game?seed=7")
	var boards [2]any
	for i, c := range []*websocket.Conn{first, second} {
		send(t, c, `"success"`)
		if err := c.ReadJSON(t.Context(), &boards[i]); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := fmt.Sprint(boards[0]), fmt.Sprint(boards[1]); a != b {
		t.Errorf("one seed, two games: %s and %s", a, b)
	}
}

func TestStats(t *testing.T) {
	s := serveSite(t, siteOptions{})
	c := s.dial(t, "/echo")
	for range 3 {
		send(t, c, "x")
		expectText(t, c, "x")
	}
	s.dial(t, "/chat")
	var got stats
	res, body := s.get(t, "/stats")
	if err := json.Unmarshal([]byte(body), &got); err != nil || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %v", body, err)
	}
	if got.Messages != 3 || got.Paths["/echo"] != (pathStats{1, 3}) || got.Connections < 1 || got.Uptime < 0 || len(got.Paths) != len(places) {
		t.Errorf("%+v", got)
	}
}

func TestOriginsAndLimits(t *testing.T) {
	s := serveSite(t, siteOptions{origins: []string{"https://*.good.com"}, maxConns: 2, maxConnsPerIP: 1})
	dial := func(path, origin string) int {
		c, err := websocket.Dial(t.Context(), "ws://"+s.host+path, &websocket.DialOptions{Header: http.Header{"Origin": {origin}}})
		if err == nil {
			t.Cleanup(func() { _ = c.CloseNow() })
			return http.StatusSwitchingProtocols
		}
		status := 0
		_, _ = fmt.Sscan(regexp.MustCompile(`\b[45]\d\d\b`).FindString(err.Error()), &status)
		return status
	}
	for origin, want := range map[string]int{
		"https://evil.com": 403, "null": 403, "https://a.good.com.evil.com": 403, "http://a.good.com": 403,
	} {
		if got := dial("/echo", origin); got != want {
			t.Errorf("%s: %d, want %d", origin, got, want)
		}
	}
	if got := dial("/echo", "https://a.good.com"); got != 101 {
		t.Errorf("an allowed origin: %d", got)
	}
	if got := dial("/echo", "http://"+s.host); got != http.StatusTooManyRequests {
		t.Errorf("the second from one address: %d", got)
	}
	if got := dial("/chatsocket", "http://"+s.host); got != 101 {
		t.Errorf("at another address: %d", got)
	}
}

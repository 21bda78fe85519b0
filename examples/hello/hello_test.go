package hello

// This file tests the parameter and the handler.

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

func TestEvery(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": DefaultEvery, "every=500ms": 500 * time.Millisecond, "every=100ms": MinEvery, "every=1h": MaxEvery,
	} {
		query, _ := url.ParseQuery(text)
		if got, err := Every(query); got != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "0", "0s", "-1s", "99ms", "1h1ns", "5", "x", "1e9s", strings.Repeat("9", 1000) + "s"} {
		if got, err := Every(url.Values{"every": {bad}}); err == nil {
			t.Errorf("every=%.20q was read as %v", bad, got)
		}
	}
}

func serve(t *testing.T, query string) (*Hello, *websocket.Conn) {
	t.Helper()
	h := new(Hello)
	ws := &websocket.Server{Handle: h.Handle}
	srv := httptest.NewServer(ws)
	t.Cleanup(srv.Close)
	c, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http")+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.CloseNow()
		for range 200 {
			if ws.Len() == 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error("the handler goes on after its visitor left")
	})
	return h, c
}

func TestGreetsAtOnceAndAgain(t *testing.T) {
	h, c := serve(t, "?every=100ms")
	began := time.Now()
	for i := range 4 {
		msg, err := c.Read(t.Context())
		if err != nil || msg.Type != websocket.Text || string(msg.Data) != "hello world" {
			t.Fatalf("%v %q, %v", msg.Type, msg.Data, err)
		}
		if i == 0 && time.Since(began) > 90*time.Millisecond {
			t.Errorf("the first came after %v", time.Since(began))
		}
	}
	if took := time.Since(began); took < 250*time.Millisecond || took > 3*time.Second {
		t.Errorf("four greetings took %v, want 300ms", took)
	}
	if n := h.Messages.Load(); n < 3 || n > 6 {
		t.Errorf("%d messages counted", n)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

func TestWhatTheVisitorSaysIsRead(t *testing.T) {
	_, c := serve(t, "")
	if _, err := c.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), websocket.Text, []byte("hello yourself")); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	go func() { _, _ = c.Read(ctx) }() // the pong is seen by who reads
	if _, err := c.Ping(ctx); err != nil {
		t.Errorf("no pong: %v", err)
	}
}

func TestABadIntervalIsRefused(t *testing.T) {
	_, c := serve(t, "?every=1ms")
	_, err := c.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !strings.Contains(err.Error(), "between 100ms and 1h") {
		t.Errorf("%v", err)
	}
}

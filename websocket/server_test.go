package websocket

// This file tests Server, Accept and Prepared.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serve runs s behind handler, or by itself, and returns it with a function that connects.
func serve(t *testing.T, s *Server, wrap func(http.Handler) http.Handler) func(o *DialOptions) (*Conn, error) {
	t.Helper()
	var h http.Handler = s
	if wrap != nil {
		h = wrap(s)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return func(o *DialOptions) (*Conn, error) { return Dial(testContext(t), wsURL(srv)+"/path?seed=7", o) }
}

func mustDial(t *testing.T, dial func(*DialOptions) (*Conn, error), o *DialOptions) *Conn {
	t.Helper()
	c, err := dial(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// What the handler returns is what the connection is closed with.
func TestServerCloseCode(t *testing.T) {
	for _, tt := range []struct {
		returns error
		code    StatusCode
		reason  string
	}{
		{nil, StatusNormalClosure, ""},
		{&CloseError{Code: 4001, Reason: "log in first"}, 4001, "log in first"},
		{fmt.Errorf("wrapped: %w", &CloseError{Code: StatusPolicyViolation}), StatusPolicyViolation, ""},
		{errors.New("secret detail"), StatusInternalError, "internal error"},
		{&CloseError{Code: 999}, StatusInternalError, "internal error"}, // no code that may be sent
	} {
		dial := serve(t, &Server{Handle: func(context.Context, *Conn) error { return tt.returns }}, nil)
		_, err := mustDial(t, dial, nil).Read(testContext(t))
		var e *CloseError
		if !errors.As(err, &e) || e.Code != tt.code || e.Reason != tt.reason || e.Local || !e.Clean() {
			t.Errorf("%v: the client sees %v", tt.returns, err)
		}
	}
}

func TestServerRequest(t *testing.T) {
	got := make(chan string, 1)
	dial := serve(t, &Server{Handle: func(ctx context.Context, _ *Conn) error {
		r := Request(ctx)
		got <- r.URL.Path + " " + r.URL.Query().Get("seed") + " " + r.Header.Get("X-Test")
		<-ctx.Done() // ends with the connection, though nobody reads: CloseNow below breaks the next ping
		return ctx.Err()
	}, Options: &AcceptOptions{Options: Options{PingInterval: 10 * time.Millisecond}}}, nil)
	c := mustDial(t, dial, &DialOptions{Header: http.Header{"X-Test": {"yes"}}})
	if s := <-got; s != "/path 7 yes" {
		t.Error(s)
	}
	_ = c.CloseNow()
}

func TestServerShutdown(t *testing.T) {
	s := &Server{Handle: echo}
	dial := serve(t, s, nil)
	list := []*Conn{mustDial(t, dial, nil), mustDial(t, dial, nil)}
	ctx := testContext(t)
	for _, c := range list { // the handlers run
		if err := c.Write(ctx, Text, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(ctx); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { done <- s.Shutdown(ctx) }()
	for _, c := range list {
		if _, err := c.Read(ctx); CloseStatus(err) != StatusGoingAway {
			t.Errorf("the client sees %v", err)
		}
	}
	if err := <-done; err != nil || s.Len() != 0 {
		t.Errorf("%v, %d connections", err, s.Len())
	}
	var e *HandshakeError
	if _, err := dial(nil); !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable || e.Header.Get("Retry-After") == "" {
		t.Errorf("after Shutdown: %v", err)
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("again: %v", err)
	}
}

// unwrapping is middleware that hides Hijacker, but for http.ResponseController.
type unwrapping struct{ w http.ResponseWriter }

func (u unwrapping) Header() http.Header         { return u.w.Header() }
func (u unwrapping) Write(p []byte) (int, error) { return u.w.Write(p) }
func (u unwrapping) WriteHeader(status int)      { u.w.WriteHeader(status) }
func (u unwrapping) Unwrap() http.ResponseWriter { return u.w }

// hiding is middleware that hides it altogether.
type hiding struct{ http.ResponseWriter }

func TestMiddleware(t *testing.T) {
	wrap := func(f func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(f(w), r) })
		}
	}
	s := &Server{Handle: echo}
	for _, h := range []func(http.Handler) http.Handler{
		wrap(func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{unwrapping{w}} }),
		func(h http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /path", h)
			return mux
		},
	} {
		c := mustDial(t, serve(t, s, h), nil)
		if err := c.Close(StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
	var e *HandshakeError
	_, err := serve(t, s, wrap(func(w http.ResponseWriter) http.ResponseWriter { return hiding{w} }))(nil)
	if !errors.As(err, &e) || e.Status != http.StatusNotImplemented {
		t.Errorf("without a Hijacker: %v", err)
	}
}

func TestAcceptOptions(t *testing.T) {
	s := &Server{Handle: echo, Options: &AcceptOptions{
		Subprotocols:  []string{"v2", "v1"},
		Origins:       []string{"https://*.good.example"},
		RequireOrigin: true,
		Header:        http.Header{"X-Served-By": {"duplex"}},
	}}
	dial := serve(t, s, nil)
	origin := func(o string) http.Header { return http.Header{"Origin": {o}} }
	c := mustDial(t, dial, &DialOptions{Header: origin("https://app.good.example"), Subprotocols: []string{"v1", "v2", "v3"}})
	if c.Subprotocol() != "v2" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	for _, h := range []http.Header{nil, origin("https://good.example"), origin("https://evil.example"), origin("null")} {
		var e *HandshakeError
		if _, err := dial(&DialOptions{Header: h}); !errors.As(err, &e) || e.Status != http.StatusForbidden || len(e.Body) == 0 {
			t.Errorf("%v: %v", h, err)
		}
	}
	// The caller's own mistakes are errors, and reach no wire.
	for name, o := range map[string]*AcceptOptions{
		"origin":      {Origins: []string{"good.example"}},
		"subprotocol": {Subprotocols: []string{"a b"}},
		"header":      {Header: http.Header{"X": {"a\r\nSet-Cookie: b"}}},
		"own header":  {Header: http.Header{"Sec-Websocket-Accept": {"x"}}},
	} {
		w := httptest.NewRecorder()
		if _, err := Accept(w, httptest.NewRequest(http.MethodGet, "/", nil), o); err == nil || w.Code != http.StatusInternalServerError {
			t.Errorf("%s: %v, status %d", name, err, w.Code)
		}
	}
}

// One Prepared goes to connections that compress, with and without history, and to those that do not.
func TestPrepared(t *testing.T) {
	data := []byte(strings.Repeat(`{"goal":"2:1"} `, 100))
	p := NewPrepared(Text, data)
	data[0] = 'x' // it is a copy
	for name, o := range map[string]*Options{
		"plain": nil, "deflate": {Deflate: &Deflate{}}, "takeover": {Deflate: &Deflate{Takeover: true}}, "window 9": {Deflate: &Deflate{Takeover: true, WindowBits: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			onAll(t, o, func(t *testing.T, here, there *end) {
				ctx := testContext(t)
				for i := range 3 {
					if err := here.WritePrepared(ctx, p); err != nil {
						t.Fatal(err)
					}
					between := fmt.Appendf(nil, "between, number %d, with some history: %s", i, data[:300])
					if err := here.Write(ctx, Text, between); err != nil {
						t.Fatal(err)
					}
					for _, want := range [][]byte{append([]byte("{"), data[1:]...), between} {
						m, err := there.Read(ctx)
						if err != nil || !bytes.Equal(m.Data, want) {
							t.Fatalf("%.60q, %v", m.Data, err)
						}
					}
				}
			})
		})
	}
}

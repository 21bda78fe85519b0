package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// serve serves messages with a handler that may have its own idea of an echo, and returns a configuration that leads there.
func serve(t *testing.T, mode string, h func(ctx context.Context, c *websocket.Conn, m websocket.Message) error) config {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			c.Serve(websocket.MessageFunc(h))
		}
	}))
	t.Cleanup(s.Close)
	cfg := config{mode: mode, conns: 10, senders: 1, depth: 4, beside: 3, every: time.Millisecond, size: 200, measured: 50 * time.Millisecond}
	if err := cfg.complete("ws" + strings.TrimPrefix(s.URL, "http") + "/"); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func echo(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
	return c.Write(ctx, m.Type, m.Data)
}

func TestLoad(t *testing.T) {
	var mu sync.Mutex
	room := make(map[*websocket.Conn]bool)
	everybody := func(ctx context.Context, _ *websocket.Conn, m websocket.Message) error {
		mu.Lock()
		defer mu.Unlock()
		for to := range room {
			_ = to.Write(ctx, m.Type, m.Data)
		}
		return nil
	}
	for _, mode := range []string{"echo", "connect", "sleep"} {
		t.Run(mode, func(t *testing.T) {
			for _, size := range []int{3, 200, 70_000} {
				cfg := serve(t, mode, echo)
				if cfg.size = size; mode == "sleep" {
					cfg.measured = time.Second // those that echo must have had their turn
				}
				got, err := load(cfg)
				if err != nil {
					t.Fatal(err)
				}
				if got.Messages == 0 || got.P50 <= 0 || got.P99 < got.P50 || (got.Beside != nil) != (mode == "sleep") {
					t.Errorf("size %d: %+v", size, got)
				}
			}
		})
	}
	t.Run("broadcast", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := websocket.Accept(w, r, nil); err == nil {
				mu.Lock()
				room[c] = true
				mu.Unlock()
				c.Serve(websocket.MessageFunc(everybody))
			}
		}))
		defer s.Close()
		cfg := serve(t, "broadcast", nil)
		cfg.senders = 2
		if err := cfg.complete("ws" + strings.TrimPrefix(s.URL, "http") + "/"); err != nil {
			t.Fatal(err)
		}
		if got, err := load(cfg); err != nil || got.Messages < 10 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestLoadSeesWhatIsWrong(t *testing.T) {
	for name, h := range map[string]func(context.Context, *websocket.Conn, websocket.Message) error{
		"shorter": func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
			return c.Write(ctx, m.Type, m.Data[1:])
		},
		"another type": func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
			return c.Write(ctx, websocket.Binary, m.Data)
		},
		"twice": func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
			_ = echo(ctx, c, m)
			return echo(ctx, c, m)
		},
		"another byte": func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
			m.Data[len(m.Data)-1]++
			return echo(ctx, c, m)
		},
		"closed": func(context.Context, *websocket.Conn, websocket.Message) error {
			return &websocket.CloseError{Code: websocket.StatusGoingAway}
		},
	} {
		if got, err := load(serve(t, "echo", h)); err == nil {
			t.Errorf("%s: %+v and no error", name, got)
		}
	}
}

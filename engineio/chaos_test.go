package engineio

// This file tests that sessions end well whatever clients and the application do at the same time.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// Clients do anything at any time, and so does the application: every session that opened ends, once, and nothing is left, which start sees to.
func TestChaos(t *testing.T) {
	s := startEcho(t, &Options{
		PingInterval: 30 * time.Millisecond, PingTimeout: 30 * time.Millisecond, UpgradeTimeout: 20 * time.Millisecond,
		SendBuffer: 2000, BodyTimeout: 200 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	}, &echo{open: chaos, message: func(s *Session, m Message) {
		_ = s.Send(m)
		_ = chaos(s)
	}})
	s.server.set.machine.CloseTimeout = 20 * time.Millisecond
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for time.Now().Before(end) {
				chaoticClient(s)
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	t.Logf("%d sessions", s.opened)
	s.mu.Unlock()
}

// chaos is what an application may do to a session.
func chaos(s *Session) error {
	switch rand.IntN(12) {
	case 0:
		s.Close()
	case 1:
		go s.Discard()
	case 2:
		go func() { _ = s.Send(Text(strings.Repeat("x", 1500))) }()
	case 3:
		_ = s.SendPrepared(NewPrepared(Text("a"), Binary([]byte("b"))))
	case 4:
		s.SetMaxPayload(rand.IntN(100))
	case 5:
		panic("chaos")
	case 6:
		s.Writable()
	case 7:
		go s.Close()
	}
	return nil
}

// chaoticClient opens a session, does some things, and leaves it.
func chaoticClient(s *site) {
	query := []string{poll4, poll3, sock4, sock3}[rand.IntN(4)]
	var c *websocket.Conn
	if strings.Contains(query, "websocket") {
		c, _ = s.tryDial(query)
	} else if r, err := s.try(http.MethodGet, query, nil); err == nil {
		_, rest, _ := strings.Cut(r.body, `"sid":"`)
		sid, _, _ := strings.Cut(rest, `"`)
		query += "&sid=" + sid
	}
	var wg sync.WaitGroup
	for range 6 {
		step := rand.IntN(8)
		wg.Go(func() {
			switch {
			case c != nil && step == 0:
				_ = c.CloseNow()
			case c != nil:
				_ = c.Write(context.Background(), websocket.Text, []byte([]string{"4a", "3", "2", "4b", "1", "x", "4c", "4d"}[step]))
			case step < 2:
				_, _ = s.try(http.MethodGet, query, nil)
			case step < 5:
				_, _ = s.try(http.MethodPost, query, strings.NewReader([]string{"4a\x1e4b", "3:4ab", "1"}[step-2]))
			default:
				probe, err := s.tryDial(strings.Replace(query, "polling", "websocket", 1))
				if err != nil {
					return
				}
				for _, p := range []string{"2probe", "5", "4a"}[:rand.IntN(4)] {
					_ = probe.Write(context.Background(), websocket.Text, []byte(p))
				}
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			}
		})
	}
	wg.Wait()
}

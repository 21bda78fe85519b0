//go:build !race

package engineio

// This file holds what a session may cost: bytes while it is idle, allocations for a message.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
	"unsafe"

	"github.com/duplex-go/duplex/proto/eio"
)

// A byte here is a byte for each idle client.
func TestBudgetSession(t *testing.T) {
	if n := unsafe.Sizeof(Session{}); n > 320 {
		t.Errorf("a Session has %d bytes", n)
	}
	if n := unsafe.Sizeof(eio.Session{}); n > 96 {
		t.Errorf("an eio.Session has %d bytes", n)
	}
}

// socketByHand opens a session on WebSocket whose client throws away what comes, at no cost.
func socketByHand(t testing.TB, s *site) *Session {
	t.Helper()
	u, _ := url.Parse(s.url)
	c, err := net.Dial("tcp", u.Host) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, _ = fmt.Fprintf(c, "GET /?%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", sock4, u.Host)
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, c) }()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	for _, session := range s.server.sessions {
		return session
	}
	t.Fatal("no session")
	return nil
}

func TestBudgetSend(t *testing.T) {
	s := start(t, nil)
	session := socketByHand(t, s)
	s.eventually("the session has started", session.Writable)
	text, binary := Text("a message of some thirty bytes"), Binary([]byte("and another"))
	prepared := NewPrepared(text, binary)
	for name, f := range map[string]func() error{
		"Send":         func() error { return session.Send(text, binary) },
		"SendPrepared": func() error { return session.SendPrepared(prepared) },
	} {
		n := testing.AllocsPerRun(200, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Microsecond)
		})
		if n > 1 {
			t.Errorf("%s makes %v allocations", name, n)
		}
	}
}

// BenchmarkPolling is a POST and a GET that fetches its echo.
func BenchmarkPolling(b *testing.B) {
	s := start(b, nil)
	_, q := s.openPolling(poll4)
	for b.Loop() {
		s.wantOK(q, "4hello")
		s.wantGet(q, "4hello")
	}
}

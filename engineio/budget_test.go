//go:build !race

package engineio

// This file holds what a session may cost: bytes while it is idle, allocations for a message.

import (
	"io"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/duplex-go/duplex/proto/eio"
)

// A byte here is a byte for each idle client.
func TestAllocSession(t *testing.T) {
	if n := unsafe.Sizeof(Session{}); n > 320 {
		t.Errorf("a Session has %d bytes", n)
	}
	if n := unsafe.Sizeof(eio.Session{}); n > 96 {
		t.Errorf("an eio.Session has %d bytes", n)
	}
}

func TestAllocSend(t *testing.T) {
	s := start(t, nil)
	session, c, _ := socketByHand(t, s)
	go func() { _, _ = io.Copy(io.Discard, c) }()
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

// An idle session on WebSocket holds no goroutine.
func TestAllocGoroutines(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no event loop here")
	}
	s := start(t, nil)
	socketByHand(t, s)
	before := runtime.NumGoroutine()
	for range 100 {
		socketByHand(t, s)
	}
	s.eventually("goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+5 })
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

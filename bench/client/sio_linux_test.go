package main

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
)

// namespace is as much of Socket.IO as the client asks for. Spoil, if not nil, may change what an event becomes.
type namespace struct {
	mu    sync.Mutex
	all   []*engineio.Session
	spoil func(event []byte) []byte
}

func (*namespace) Open(*engineio.Session) error { return nil }

func (n *namespace) Message(s *engineio.Session, m engineio.Message) {
	event := bytes.Clone(m.Data)
	to := []*engineio.Session{s}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case string(event) == "0":
		n.all = append(n.all, s)
		event = []byte(`0{"sid":"x"}`)
	case bytes.HasPrefix(event, []byte(`2["broadcast"`)):
		to = n.all
	case n.spoil != nil:
		event = n.spoil(event)
	}
	for _, s := range to {
		_ = s.Send(engineio.Text(string(event)))
	}
}

func (*namespace) Close(*engineio.Session, engineio.Reason) {}

// sio serves n, and returns a configuration that leads there.
func sio(t *testing.T, mode string, n *namespace) config {
	t.Helper()
	s := httptest.NewServer(engineio.NewServer(n, &engineio.Options{PingInterval: 20 * time.Millisecond, PingTimeout: 2 * time.Second}))
	t.Cleanup(s.Close)
	cfg := config{mode: mode, conns: 10, senders: 2, depth: 3, size: 70, warm: 10 * time.Millisecond, measured: 200 * time.Millisecond}
	target := "/socket.io/?EIO=4&transport=polling"
	if mode != "poll" {
		cfg.sio, target = true, "/socket.io/?EIO=4&transport=websocket"
	}
	if err := cfg.complete("ws" + strings.TrimPrefix(s.URL, "http") + target); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// All of them answer pings meanwhile.
func TestLoadSocketIO(t *testing.T) {
	for _, mode := range []string{"echo", "broadcast", "poll"} {
		if got, err := load(sio(t, mode, new(namespace))); err != nil || got.Messages < 10 {
			t.Errorf("%s: %+v, %v", mode, got, err)
		}
	}
}

func TestLoadSocketIOSeesWhatIsWrong(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"another event": func(b []byte) []byte { return bytes.Replace(b, []byte("echo"), []byte("ohce"), 1) },
		"shorter":       func(b []byte) []byte { return append(b[:20], b[21:]...) },
		"another byte": func(b []byte) []byte {
			b[len(b)-3]++
			return b
		},
	} {
		for _, mode := range []string{"echo", "poll"} {
			if got, err := load(sio(t, mode, &namespace{spoil: spoil})); err == nil {
				t.Errorf("%s, %s: %+v and no error", mode, name, got)
			}
		}
	}
}

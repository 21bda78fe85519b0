package main

// This file holds tests of "duplex bench" against servers of its own.

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// benchServer runs a server and returns its address.
func benchServer(t *testing.T, h websocket.Handler) string {
	t.Helper()
	s := &websocket.Server{Handle: func(_ context.Context, c *websocket.Conn) error {
		c.Serve(h)
		return nil
	}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// runCommand runs "duplex bench" with arguments, and returns what it prints.
func runCommand(t *testing.T, args ...string) (out, progress string, err error) {
	t.Helper()
	cmd := newRootCommand()
	var o, e bytes.Buffer
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SetArgs(append([]string{"bench"}, args...))
	err = cmd.ExecuteContext(context.Background())
	return o.String(), e.String(), err
}

func benchResult(t *testing.T, args ...string) (r result) {
	t.Helper()
	out, progress, err := runCommand(t, append(args, "--json", "-d", "300ms")...)
	if err != nil {
		t.Fatalf("%v (%s)", err, progress)
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

var echoing = websocket.MessageFunc(func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
	return c.Write(ctx, m.Type, m.Data)
})

func TestBenchEcho(t *testing.T) {
	url := benchServer(t, echoing)
	for _, args := range [][]string{{}, {"--depth", "16", "--size", "5000", "--binary"}, {"--size", "0"}, {"--deflate", "--size", "300"}, {"--rate", "2000"}} {
		r := benchResult(t, append([]string{"echo", url, "-c", "7"}, args...)...)
		if r.Messages == 0 || r.Handshakes != 7 || r.Conns != 7 || r.Lost != 0 || r.Latency.Max < r.Latency.P50 || r.Latency.P50 == 0 || r.Handshake.P50 == 0 || r.PerSecond == 0 {
			t.Errorf("%v: %+v", args, r)
		}
		if r.Rate > 0 && r.Messages > int64(r.Rate*r.Seconds)+1 {
			t.Errorf("%d messages in %v s at %v a second", r.Messages, r.Seconds, r.Rate)
		}
	}
}

func TestBenchBroadcast(t *testing.T) {
	var mu sync.Mutex
	room := make(map[*websocket.Conn]bool)
	url := benchServer(t, &lobby{&mu, room})
	r := benchResult(t, "broadcast", url, "-c", "5", "--senders", "2", "--depth", "4")
	if r.Messages < 5 || r.Handshakes != 5 || r.Lost != 0 || r.Latency.P50 == 0 {
		t.Errorf("%+v", r)
	}
}

// lobby sends what comes to all.
type lobby struct {
	mu   *sync.Mutex
	room map[*websocket.Conn]bool
}

func (l *lobby) Open(_ context.Context, c *websocket.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.room[c] = true
	return nil
}

func (l *lobby) Message(ctx context.Context, _ *websocket.Conn, m websocket.Message) error {
	p := websocket.NewPrepared(m.Type, m.Data)
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.room {
		_ = c.WritePrepared(ctx, p)
	}
	return nil
}

func (l *lobby) Closed(c *websocket.Conn, _ *websocket.CloseError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.room, c)
}

func TestBenchIdleAndConnect(t *testing.T) {
	url := benchServer(t, echoing)
	if r := benchResult(t, "idle", url, "-c", "20"); r.Messages != 20 || r.Handshakes != 20 || r.Lost != 0 {
		t.Errorf("idle: %+v", r)
	}
	if r := benchResult(t, "connect", url, "-c", "3"); r.Handshakes < 3 || r.PerSecond == 0 {
		t.Errorf("connect: %+v", r)
	}
}

// With a rate, latency counts from when a message was due: a server that stalls once has the stall in its percentiles, not in one message.
func TestBenchCountsFromDue(t *testing.T) {
	const stall = 400 * time.Millisecond
	var once sync.Once
	url := benchServer(t, websocket.MessageFunc(func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
		once.Do(func() { time.Sleep(stall) })
		return c.Write(ctx, m.Type, m.Data)
	}))
	out, _, err := runCommand(t, "echo", url, "-c", "1", "--rate", "1000", "--depth", "1", "-d", "800ms", "--json")
	var r result
	if err != nil || json.Unmarshal([]byte(out), &r) != nil {
		t.Fatal(out, err)
	}
	// With one in flight, a load that counted from the send would know of one slow message in hundreds.
	if us := float64(stall / 4 / time.Microsecond); r.Latency.P90 < us {
		t.Errorf("the 90th percentile is %v us", r.Latency.P90)
	}
}

func TestBenchErrors(t *testing.T) {
	silent := benchServer(t, websocket.MessageFunc(func(context.Context, *websocket.Conn, websocket.Message) error { return nil }))
	other := benchServer(t, websocket.MessageFunc(func(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
		return c.Write(ctx, m.Type, []byte("something else"))
	}))
	leaving := benchServer(t, websocket.MessageFunc(func(context.Context, *websocket.Conn, websocket.Message) error {
		return &websocket.CloseError{Code: 4000, Reason: "enough"}
	}))
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no URL":   {[]string{"echo", "ftp://x"}, "is not a URL such as"},
		"refused":  {[]string{"echo", "ws://127.0.0.1:1"}, "refused"},
		"silent":   {[]string{"echo", silent}, "nothing came back"},
		"no echo":  {[]string{"echo", other}, "is not what was sent"},
		"closed":   {[]string{"echo", leaving}, "4000"},
		"conns":    {[]string{"echo", silent, "-c", "0"}, "--conns must be 1 or more"},
		"too many": {[]string{"echo", silent, "-c", "100000000"}, "ulimit -n"},
		"depth":    {[]string{"echo", silent, "--depth", "0"}, "--depth"},
		"size":     {[]string{"broadcast", silent, "--size", "3"}, "--size must be 16"},
		"senders":  {[]string{"broadcast", silent, "-c", "2", "--senders", "3"}, "--senders"},
		"rate":     {[]string{"echo", silent, "--rate", "-1"}, "--rate is negative"},
		"duration": {[]string{"echo", silent, "-d", "0s"}, "--duration"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := runCommand(t, append([]string{tt.args[0], "-c", "2", "-d", "200ms"}, tt.args[1:]...)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestDueAt(t *testing.T) {
	for n, want := range map[int]time.Duration{0: 10 * time.Millisecond, 1: 20 * time.Millisecond, 99: time.Second} {
		if got := dueAt(n, 100); got != want {
			t.Errorf("message %d is due at %v, not %v", n, got, want)
		}
	}
}

func TestRing(t *testing.T) {
	var r ring
	in, out := time.Duration(0), time.Duration(0)
	for i := range 10_000 {
		r.push(in)
		in++
		if i%3 > 0 || i > 5000 {
			if got := r.pop(); got != out {
				t.Fatalf("%d, not %d", got, out)
			}
			out++
		}
		if r.len() != int(in-out) || len(r.list) > 8000 {
			t.Fatalf("%d in %d, not %d", r.len(), len(r.list), in-out)
		}
	}
}

func TestHex(t *testing.T) {
	p := make([]byte, minSize)
	for _, v := range []uint64{0, 1, 0x123456789abcdef0, 1<<64 - 1} {
		if hexBytes(p, v); fromHex(p) != v {
			t.Errorf("%x becomes %s and %x", v, p, fromHex(p))
		}
	}
}

func TestShortTime(t *testing.T) {
	for us, want := range map[float64]string{0.5: "0.5 us", 512: "512 us", 2410: "2.41 ms", 1.5e6: "1.5 s"} {
		if got := shortTime(us); got != want {
			t.Errorf("%v us is %q, not %q", us, got, want)
		}
	}
}

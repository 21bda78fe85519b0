package websocket

// This file holds tests of what is particular to push mode. The behaviour suite and the attacks run over it as well.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// echoHandler echoes.
var echoHandler = MessageFunc(func(ctx context.Context, c *Conn, m Message) error { return c.Write(ctx, m.Type, m.Data) })

// recorder is a Handler made of functions, any of which may be nil.
type recorder struct {
	open    func(ctx context.Context, c *Conn) error
	message func(ctx context.Context, c *Conn, m Message) error
	closed  func(c *Conn, err *CloseError)
}

func (r *recorder) Open(ctx context.Context, c *Conn) error {
	if r.open == nil {
		return nil
	}
	return r.open(ctx, c)
}

func (r *recorder) Message(ctx context.Context, c *Conn, m Message) error {
	if r.message == nil {
		return nil
	}
	return r.message(ctx, c, m)
}

func (r *recorder) Closed(c *Conn, err *CloseError) {
	if r.closed != nil {
		r.closed(c, err)
	}
}

// pushServer runs a Server whose connections are served by h.
func pushServer(t testing.TB, h Handler, o Options) (*Server, string) {
	t.Helper()
	s := &Server{Options: &AcceptOptions{Options: o}, Handle: func(_ context.Context, c *Conn) error {
		c.Serve(h)
		return nil
	}}
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		srv.Close()
	})
	return s, wsURL(srv)
}

func dialPush(t testing.TB, url string, o *DialOptions) *Conn {
	t.Helper()
	c, err := Dial(testContext(t), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// dialRaw opens a TCP connection to where url leads.
func dialRaw(t testing.TB, url string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

func TestServe(t *testing.T) {
	for name, pair := range pairs {
		for _, onLoop := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/OnLoop=%v", name, onLoop), func(t *testing.T) {
				client, server := pair(t, &Options{OnLoop: onLoop})
				server.Serve(echoHandler)
				ctx := testContext(t)
				for _, n := range []int{0, 1, 100, 5000, 100_000, 1 << 20} {
					want := bytes.Repeat([]byte{byte(n)}, n)
					if err := client.Write(ctx, Binary, want); err != nil {
						t.Fatal(err)
					}
					msg, err := client.Read(ctx)
					if err != nil || !bytes.Equal(msg.Data, want) {
						t.Fatal(n, len(msg.Data), err)
					}
				}
				if _, err := server.Read(ctx); !errors.Is(err, ErrServed) {
					t.Errorf("Read of a connection that is served: %v", err)
				}
				if err := client.Close(StatusNormalClosure, ""); err != nil {
					t.Error(err)
				}
				<-server.isGone()
			})
		}
	}
}

// The calls come one at a time and in order: Open, each message, Closed. What they return closes the connection, and so does a panic.
func TestHandlerCalls(t *testing.T) {
	ends := map[string]struct {
		act  func() error
		code StatusCode
	}{
		"nil":        {func() error { return nil }, StatusNormalClosure}, // that of the client
		"error":      {func() error { return errors.New("no") }, StatusInternalError},
		"CloseError": {func() error { return &CloseError{Code: 4321, Reason: "enough"} }, 4321},
		"panic":      {func() error { panic("oh") }, StatusInternalError},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			s, out := logging()
			var calls []string
			var running atomic.Int32
			done := make(chan struct{})
			call := func(what string) func() {
				if running.Add(1) != 1 {
					t.Error("two calls at once")
				}
				calls = append(calls, what)
				return func() { running.Add(-1) }
			}
			h := &recorder{
				open: func(context.Context, *Conn) error { defer call("open")(); return nil },
				message: func(_ context.Context, _ *Conn, m Message) error {
					defer call(string(m.Data))()
					if string(m.Data) == "99" {
						return end.act()
					}
					return nil
				},
				closed: func(*Conn, *CloseError) { defer call("closed")(); close(done) },
			}
			_, url := pushServer(t, h, s.Accept.Options)
			c := dialPush(t, url, nil)
			want := []string{"open"}
			for i := range 100 {
				want = append(want, fmt.Sprint(i))
				if err := c.Write(testContext(t), Text, []byte(fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			if name == "nil" {
				_ = c.Close(StatusNormalClosure, "")
			} else if _, err := c.Read(testContext(t)); CloseStatus(err) != end.code {
				t.Errorf("the client sees %v", err)
			}
			<-done
			if got := strings.Join(calls, " "); got != strings.Join(append(want, "closed"), " ") {
				t.Errorf("called: %s", got)
			}
			if told := strings.Count(out.String(), "panic in a handler"); told != map[bool]int{true: 1}[name == "panic"] {
				t.Errorf("told of %d panics", told)
			}
		})
	}
}

// A handler may close its own connection, in every way, and others may while it runs.
func TestCloseWhileHandling(t *testing.T) {
	for name, end := range map[string]func(c *Conn){
		"Close":    func(c *Conn) { _ = c.Close(4000, "") },
		"CloseNow": func(c *Conn) { _ = c.CloseNow() },
		"others":   func(c *Conn) { go func() { _ = c.Close(4000, "") }(); <-c.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan *CloseError, 1)
			_, url := pushServer(t, &recorder{
				message: func(_ context.Context, c *Conn, _ Message) error { end(c); return nil },
				closed:  func(_ *Conn, err *CloseError) { closed <- err },
			}, Options{})
			c := dialPush(t, url, nil)
			_ = c.Write(testContext(t), Text, []byte("now"))
			if _, err := c.Read(testContext(t)); name != "CloseNow" && CloseStatus(err) != 4000 {
				t.Errorf("the client sees %v", err)
			}
			if err := <-closed; !err.Local {
				t.Errorf("Closed is told %v", err)
			}
		})
	}
}

// A handler that blocks for ever holds up nobody else, though all others share its loop.
func TestBlockedHandler(t *testing.T) {
	release := make(chan struct{})
	_, url := pushServer(t, MessageFunc(func(ctx context.Context, c *Conn, m Message) error {
		if string(m.Data) == "block" {
			<-release
		}
		return c.Write(ctx, m.Type, m.Data)
	}), Options{})
	for range 100 {
		_ = dialPush(t, url, nil).Write(testContext(t), Text, []byte("block"))
	}
	for range 20 {
		c := dialPush(t, url, nil)
		for range 20 {
			if err := c.Write(testContext(t), Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if m, err := c.Read(testContext(t)); err != nil || string(m.Data) != "hello" {
				t.Fatal(m, err)
			}
		}
	}
	close(release)
}

// What a handler wrote goes out though it then blocks with more input waiting for it.
func TestBlockedAfterWrite(t *testing.T) {
	release := make(chan struct{})
	_, url := pushServer(t, MessageFunc(func(ctx context.Context, c *Conn, m Message) error {
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
		<-release
		return nil
	}), Options{})
	defer close(release)
	nc := dialRaw(t, url)
	r := &raw{nc, t, bufio.NewReader(nc)}
	r.send([]byte(request("/"))...)
	r.response()
	r.send(append(text("first"), text("second")...)...) // in one segment, so that the second waits
	r.want(0x81, "first")
	_ = r.Close()
}

// An idle connection has no goroutine, and after it has ended nothing is left of it.
func TestAttack_B11_Goroutines(t *testing.T) {
	n := min(scaleWork(1000, 10_000), descriptors()/2-200)
	s, url := pushServer(t, echoHandler, Options{})
	before := goroutines()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = dialRaw(t, url)
		_, _ = conns[i].Write([]byte(request("/")))
	}
	eventually(t, "all are open", func() bool { return s.Len() == n })
	eventually(t, "none has a goroutine", func() bool { return goroutines() <= before+10 })
	for _, c := range conns {
		_ = c.Close()
	}
	eventually(t, "all are forgotten", func() bool { return s.Len() == 0 })
}

// Connections that are reset in the middle of a frame, and of each other's events, leave nothing.
func TestAttack_B09_ResetMidFrame(t *testing.T) {
	n := scaleWork(1000, 10_000)
	attack(t, setup{}, func(a *target) {
		a.each(n, func(i int) {
			r := a.upgrade("/")
			r.send(append(text("whole"), masked(0x82, make([]byte, 3000))[:1+i%2000]...)...)
			if i%3 > 0 {
				r.want(0x81, "whole")
			}
			if i%2 > 0 {
				_ = underTLS(r.Conn).(*net.TCPConn).CloseWrite()
			}
			r.reset()
		})
		eventually(a.t, "all are forgotten", func() bool { return a.server.Len() == 1 })
	})
}

// What was accepted for sending arrives, though the server shuts down under load.
func TestShutdownLosesNothing(t *testing.T) {
	patient := Options{CloseTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second} // a slow machine is not what is tested
	var sent sync.Map                                                                  // by connection
	s := &Server{Options: &AcceptOptions{Options: patient}, Handle: func(_ context.Context, c *Conn) error {
		c.Serve(&recorder{message: func(ctx context.Context, c *Conn, m Message) error {
			for range 10 {
				if err := c.Write(ctx, m.Type, m.Data); err != nil {
					return err
				}
				n, _ := sent.LoadOrStore(c.RemoteAddr().String(), new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
			}
			return nil
		}})
		return nil
	}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	var wg sync.WaitGroup
	begin, got := make(chan struct{}), make(map[string]*int64)
	for range 50 {
		c := dialPush(t, wsURL(srv), &DialOptions{Options: patient})
		n := new(int64)
		got[c.LocalAddr().String()] = n
		ctx := testContext(t)
		wg.Go(func() {
			<-begin
			for sent := 0; sent < 300 && c.Write(ctx, Binary, make([]byte, 2000)) == nil; sent++ {
			}
		})
		wg.Go(func() {
			_, err := c.Read(ctx)
			for ; err == nil; *n++ {
				_, err = c.Read(ctx)
			}
			if CloseStatus(err) != StatusGoingAway {
				t.Errorf("the client sees %v", err)
			}
		})
	}
	close(begin)
	time.Sleep(50 * time.Millisecond)
	if err := s.Shutdown(testContext(t)); err != nil {
		t.Error(err)
	}
	if n := s.Len(); n > 0 {
		t.Errorf("%d connections are left", n)
	}
	wg.Wait()
	for address, n := range got {
		want, _ := sent.LoadOrStore(address, new(atomic.Int64))
		if want := want.(*atomic.Int64).Load(); *n != want {
			t.Errorf("%d messages arrived, of %d", *n, want)
		}
	}
}

// A broadcast reaches all who stay, in order, while a third of the receivers leave and one does not read.
func TestBroadcastWhileLeaving(t *testing.T) {
	const n, messages = 90, 300
	var mu sync.Mutex
	room := make(map[*Conn]bool)
	_, url := pushServer(t, &recorder{
		open: func(_ context.Context, c *Conn) error {
			mu.Lock()
			defer mu.Unlock()
			room[c] = true
			return nil
		},
		closed: func(c *Conn, _ *CloseError) {
			mu.Lock()
			defer mu.Unlock()
			delete(room, c)
		},
		message: func(ctx context.Context, _ *Conn, m Message) error {
			p := NewPrepared(m.Type, m.Data)
			mu.Lock()
			all := make([]*Conn, 0, len(room))
			for c := range room {
				all = append(all, c)
			}
			mu.Unlock()
			for _, c := range all {
				_ = c.WritePrepared(ctx, p)
			}
			return nil
		},
	}, Options{WhenFull: CloseWhenFull, WriteQueue: 64 << 10})
	_ = dialPush(t, url, nil) // it does not read
	var wg sync.WaitGroup
	for i := range n {
		c := dialPush(t, url, nil)
		wg.Go(func() {
			for want := range messages {
				m, err := c.Read(testContext(t))
				if err != nil || !bytes.HasPrefix(m.Data, fmt.Appendf(nil, "%d ", want)) {
					t.Errorf("%.20q, %v instead of %d", m.Data, err, want)
					return
				}
				if i%3 == 0 && want == 2*i {
					_ = c.CloseNow()
					return
				}
			}
		})
	}
	eventually(t, "all are in", func() bool { mu.Lock(); defer mu.Unlock(); return len(room) == n+1 })
	sender := dialPush(t, url, nil)
	go func() {
		for _, err := range sender.Messages(context.Background()) {
			if err != nil {
				return
			}
		}
	}()
	for i := range messages {
		if err := sender.Write(testContext(t), Text, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 500))); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

// What a handler keeps stays as it is.
func TestKeep(t *testing.T) {
	_, url := pushServer(t, &recorder{message: func(_ context.Context, c *Conn, m Message) error {
		kept := c.Keep(m)
		go func() {
			time.Sleep(10 * time.Millisecond) // others are read meanwhile, where this one was
			_ = c.Write(c.Context(), m.Type, kept)
		}()
		return nil
	}}, Options{})
	c := dialPush(t, url, nil)
	ctx := testContext(t)
	want := map[string]bool{}
	for i := range 50 {
		s := strings.Repeat(fmt.Sprint(i, " "), 1+i*100)
		want[s] = true
		if err := c.Write(ctx, Text, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	for len(want) > 0 {
		m, err := c.Read(ctx)
		if err != nil || !want[string(m.Data)] {
			t.Fatalf("%.30q, %v", m.Data, err)
		}
		delete(want, string(m.Data))
	}
}

// The context of a handler ends with the connection, with the reason, and so do those that are made of it.
func TestContext(t *testing.T) {
	got := make(chan error, 2)
	s := &Server{Handle: func(ctx context.Context, c *Conn) error {
		if Request(ctx) == nil || ctx.Value(http.ServerContextKey) == nil {
			t.Error("the values of the request are not there")
		}
		c.Serve(&recorder{message: func(ctx context.Context, _ *Conn, _ Message) error {
			child, cancel := context.WithTimeout(ctx, time.Minute)
			go func() {
				defer cancel()
				<-child.Done()
				got <- context.Cause(child)
				got <- ctx.Err()
			}()
			return nil
		}})
		return nil
	}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	c := dialPush(t, wsURL(srv), nil)
	_ = c.Write(testContext(t), Text, nil)
	_ = c.Close(4000, "bye")
	if err := <-got; CloseStatus(err) != 4000 {
		t.Errorf("the cause is %v", err)
	}
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// What an echo of 32 bytes allocates in push mode: nothing, at both ends.
func TestPushAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	client, server := netPair(t, nil, nil)
	server.Serve(echoHandler)
	p, ctx := make([]byte, 32), context.Background()
	if n := testing.AllocsPerRun(500, func() {
		if err := client.Write(ctx, Text, p); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(ctx); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	_ = client.CloseNow()
}

// A connection may end while Serve hands it over: the Handler is told.
func TestCloseWhileServing(t *testing.T) {
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				_, server := pair(t, &Options{CloseTimeout: time.Millisecond})
				closed := make(chan struct{})
				go func() { _ = server.fail(StatusGoingAway, "") }()
				server.Serve(&recorder{closed: func(*Conn, *CloseError) { close(closed) }})
				select {
				case <-closed:
				case <-testContext(t).Done():
					t.Fatal("the Handler was not told")
				}
				<-server.isGone()
			}
		})
	}
}

// controls is a Handler that wants to know of pings and pongs.
type controls struct {
	MessageFunc
	pings, pongs chan string // of one
	rtt          atomic.Int64
}

func (h *controls) Ping(_ *Conn, payload []byte) {
	select {
	case h.pings <- string(payload):
	default:
		panic("one ping is enough")
	}
}

func (h *controls) Pong(_ *Conn, payload []byte, rtt time.Duration) {
	h.rtt.Store(int64(rtt))
	h.pongs <- string(payload)
}

// A Handler sees pings and pongs if it wants to, on every transport; if it panics over one, its connection is closed.
func TestControlHandlers(t *testing.T) {
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t, &Options{Logger: slog.New(slog.DiscardHandler)})
			here := &controls{MessageFunc: discard, pongs: make(chan string, 1)}
			there := &controls{MessageFunc: discard, pings: make(chan string, 1)}
			client.Serve(here)
			server.Serve(there)
			if _, err := client.Ping(testContext(t)); err != nil {
				t.Fatal(err)
			}
			if ping, pong := <-there.pings, <-here.pongs; ping != pong || len(ping) != 8 || here.rtt.Load() <= 0 {
				t.Errorf("ping %q, pong %q, %d ns", ping, pong, here.rtt.Load())
			}
			there.pings <- ""
			_, _ = client.Ping(testContext(t)) // its pong was on the way
			<-client.isGone()
			if err := client.ended(); CloseStatus(err) != StatusInternalError {
				t.Errorf("after the panic: %v", err)
			}
			_ = server.Close(StatusNormalClosure, "")
		})
	}
}

func discard(context.Context, *Conn, Message) error { return nil }

package websocket

// This file tests App.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplex-go/duplex/internal/memnet"
)

// All functions are called, in order, with what they should know.
func TestAppFunctions(t *testing.T) {
	fragments := make(chan struct{})
	s := &Server{Handle: func(ctx context.Context, c *Conn) error {
		if _, err := c.Read(ctx); err != nil { // the login
			return err
		}
		if _, err := c.Read(ctx); err != nil { // the first that was queued
			return err
		}
		if err := c.Write(ctx, Text, []byte("whole")); err != nil {
			return err
		}
		w, err := c.Writer(ctx, Binary)
		if err != nil {
			return err
		}
		for range 3 {
			if _, err := w.Write(make([]byte, 5000)); err != nil {
				return err
			}
		}
		if err := w.Close(); err != nil {
			return err
		}
		<-fragments
		pinged, cancel := context.WithTimeout(ctx, 50*time.Millisecond) // in which both keepalives ping
		defer cancel()
		_, _ = c.Read(pinged)
		return &CloseError{Code: 4000, Reason: "enough"}
	}, Options: &AcceptOptions{Options: Options{PingInterval: 10 * time.Millisecond}}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	var log []string
	pings, rtt := 0, time.Duration(0)
	add := func(format string, a ...any) { log = append(log, fmt.Sprintf(format, a...)) }
	app := &App{
		URL:         wsURL(srv),
		OnOpen:      func(ctx context.Context, c *Conn) error { add("open"); return c.Write(ctx, Text, []byte("login")) },
		OnReconnect: func(context.Context, *Conn) error { add("reconnect"); return nil },
		OnMessage:   func(_ context.Context, _ *Conn, m Message) { add("message %s", m.Data) },
		OnData: func(_ context.Context, _ *Conn, t MessageType, p []byte, fin bool) {
			add("data %v %d %v", t, len(p), fin)
		},
		OnContinuation: func(_ context.Context, _ *Conn, p []byte, fin bool) {
			add("continuation %d %v", len(p), fin)
			if fin {
				close(fragments)
			}
		},
		OnClose: func(e *CloseError) { add("close %d %s clean %v local %v", e.Code, e.Reason, e.Clean(), e.Local) },
		OnPing:  func(_ *Conn, p []byte) { pings += len(p) },
		OnPong:  func(_ *Conn, _ []byte, d time.Duration) { rtt = d },
		Retry:   func(error) bool { return false },
		Options: &DialOptions{Options: Options{PingInterval: 10 * time.Millisecond}},
	}
	ctx := testContext(t)
	if err := app.Send(ctx, Text, []byte("queued before Run")); err != nil {
		t.Fatal(err)
	}
	if err := app.Run(ctx); CloseStatus(err) != 4000 {
		t.Errorf("Run: %v", err)
	}
	if pings == 0 || rtt <= 0 {
		t.Errorf("%d bytes of pings, round trip of %v", pings, rtt)
	}
	want := []string{"open", "data text 5 true", "message whole", "data binary 5000 false", "data binary 5000 false", "continuation 5000 false",
		"data binary 5000 false", "continuation 5000 false", "data binary 0 true", "continuation 0 true", "close 4000 enough clean true local false"}
	if !slices.Equal(log, want) {
		t.Errorf("got  %q\nwant %q", log, want)
	}
}

// Each attempt gets its own address and token, and OnReconnect runs before OnOpen.
func TestAppDial(t *testing.T) {
	var mu sync.Mutex
	var tokens []string
	s := &Server{Handle: func(ctx context.Context, _ *Conn) error {
		mu.Lock()
		defer mu.Unlock()
		tokens = append(tokens, Request(ctx).Header.Get("Authorization"))
		return nil
	}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	var opened []string
	ctx, cancel := context.WithCancel(testContext(t))
	app := &App{
		Dial: func(_ context.Context, attempt int) (string, *DialOptions, error) {
			if attempt == 1 {
				return "", nil, errors.New("no token now")
			}
			return wsURL(srv), &DialOptions{Header: http.Header{"Authorization": {fmt.Sprint("token ", attempt)}}}, nil
		},
		OnReconnect: func(context.Context, *Conn) error { opened = append(opened, "re"); return nil },
		OnOpen: func(context.Context, *Conn) error {
			if opened = append(opened, "open"); len(opened) >= 5 {
				cancel()
			}
			return nil
		},
		MinDelay: time.Millisecond,
	}
	if err := app.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(opened, []string{"open", "re", "open", "re", "open"}) || len(tokens) < 2 || tokens[0] != "token 0" || tokens[1] != "token 2" {
		t.Errorf("%q, %q", opened, tokens)
	}
}

// refusing is a server in memory that answers each handshake with status and header, and keeps when.
func refusing(t *testing.T, status int, header http.Header) (dial func(context.Context, string, string) (net.Conn, error), times *[]time.Time) {
	ln := memnet.Listen(4096)
	times = new([]time.Time)
	var mu sync.Mutex
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		*times = append(*times, time.Now())
		mu.Unlock()
		for k, v := range header {
			w.Header()[k] = v
		}
		w.Header().Set("Connection", "close")
		w.WriteHeader(status)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return ln.DialContext, times
}

// Backoff grows with full jitter up to its cap, and a Retry-After is obeyed. Time is virtual here.
func TestAppPace(t *testing.T) {
	run := func(status int, header http.Header, attempts int) (gaps []time.Duration, err error) {
		synctest.Test(t, func(t *testing.T) {
			dial, times := refusing(t, status, header)
			app := &App{URL: "ws://x", Options: &DialOptions{NetDial: dial}, MaxAttempts: attempts, MinDelay: time.Second, MaxDelay: 20 * time.Second}
			err = app.Run(context.Background())
			for i := 1; i < len(*times); i++ {
				gaps = append(gaps, (*times)[i].Sub((*times)[i-1]))
			}
		})
		return gaps, err
	}
	gaps, err := run(503, nil, 60)
	var e *HandshakeError
	if len(gaps) != 59 || !errors.As(err, &e) || e.Status != 503 {
		t.Fatalf("%d gaps, %v", len(gaps), err)
	}
	var sum time.Duration
	for i, g := range gaps {
		if ceiling := min(20*time.Second, time.Second<<min(i, 10)); g > ceiling {
			t.Errorf("gap %d is %v, over %v", i, g, ceiling)
		}
		if i >= 5 {
			sum += g
		}
	}
	if mean := sum / 54; mean < 6*time.Second || mean > 14*time.Second {
		t.Errorf("mean of the gaps at the cap: %v, and full jitter has 10 s", mean)
	}
	if gaps, _ = run(429, http.Header{"Retry-After": {"300"}}, 3); gaps[0] < 300*time.Second || gaps[1] < 300*time.Second {
		t.Errorf("Retry-After: 300 gives %v", gaps)
	}
	for status, attempts := range map[int]int{400: 1, 401: 1, 403: 1, 404: 1, 408: 3, 425: 3, 429: 3, 500: 3, 503: 3, 200: 3} {
		if gaps, _ = run(status, nil, 3); len(gaps)+1 != attempts {
			t.Errorf("status %d: %d attempts, want %d", status, len(gaps)+1, attempts)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "junk": 0, "999999999": time.Hour, "99999999999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(s, now); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
	for err, want := range map[error]bool{
		x509.HostnameError{Certificate: new(x509.Certificate)}: false, &addressError{errors.New("x")}: false,
		errors.New("refused"): true, &CloseError{Code: StatusAbnormalClosure}: true,
	} {
		if got := DefaultRetry(err); got != want {
			t.Errorf("%T: %v", err, got)
		}
	}
}

// Codes that ask for time get it; one that lives long enough counts as a success.
func TestAppCloseCodes(t *testing.T) {
	for _, tt := range []struct {
		code     StatusCode
		uptime   time.Duration
		min, max time.Duration
	}{
		{StatusServiceRestart, 0, 5 * time.Second, 31 * time.Second},
		{StatusTryAgainLater, 0, 2 * time.Minute, 2*time.Minute + time.Second},
		{StatusGoingAway, 0, 0, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ln := memnet.Listen(4096)
			var at []time.Time
			srv := &http.Server{Handler: &Server{Handle: func(context.Context, *Conn) error {
				at = append(at, time.Now())
				return &CloseError{Code: tt.code}
			}}}
			served := make(chan struct{})
			go func() {
				defer close(served)
				_ = srv.Serve(ln)
			}()
			app := &App{URL: "ws://x", Options: &DialOptions{NetDial: ln.DialContext}, MaxAttempts: 2, MaxDelay: 2 * time.Minute}
			_ = app.Run(context.Background())
			if gap := at[1].Sub(at[0]); gap < tt.min || gap > tt.max {
				t.Errorf("%v: dialed again after %v", tt.code, gap)
			}
			_ = srv.Close()
			<-served
		})
	}
	p := pace{app: &App{}, failures: 9}
	if p.ended(nil, time.Minute); p.failures != 1 {
		t.Errorf("%d failures after a long life", p.failures)
	}
}

// The queue is bounded, in messages and bytes, and what happens then is chosen.
func TestAppQueue(t *testing.T) {
	ctx := context.Background()
	a := &App{QueueMessages: 3, WhenFull: AppError}
	for i := range 4 {
		if err := a.Send(ctx, Text, []byte("x")); (err != nil) != (i == 3) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	a = &App{QueueBytes: 10, WhenFull: AppError}
	if err := a.Send(ctx, Text, make([]byte, 100)); err != nil { // alone it may be larger
		t.Error(err)
	}
	if err := a.Send(ctx, Text, nil); !errors.Is(err, ErrQueueFull) {
		t.Error(err)
	}
	var dropped []string
	a = &App{QueueMessages: 2, WhenFull: AppDropOldest, OnUndelivered: func(m Message, err error) {
		dropped = append(dropped, fmt.Sprintf("%s %v", m.Data, err == ErrDropped))
	}}
	for i := range 4 {
		if err := a.Send(ctx, Text, fmt.Append(nil, i)); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(dropped, []string{"0 true", "1 true"}) {
		t.Errorf("%q", dropped)
	}
	a = &App{QueueMessages: 1, URL: "ftp://x", OnUndelivered: func(_ Message, err error) { dropped = append(dropped, fmt.Sprint(err == ErrNotSent)) }}
	_ = a.Send(ctx, Text, nil)
	short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	if err := a.Send(short, Text, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := a.Run(ctx); err == nil || dropped[len(dropped)-1] != "true" { // a URL that is none: no going on
		t.Errorf("%v, %q", err, dropped)
	}
}

// Straight-line code: one connection after the other, Send beside it, and break ends it.
func TestAppConnections(t *testing.T) {
	srv := httptest.NewServer(&Server{Handle: echo})
	defer srv.Close()
	app := &App{URL: wsURL(srv), MinDelay: time.Millisecond}
	ctx := testContext(t)
	n := 0
	for c, err := range app.Connections(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Send(ctx, Text, fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
		m, err := c.Read(ctx)
		if err != nil || string(m.Data) != fmt.Sprint(n) {
			t.Fatalf("%q, %v", m.Data, err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d connections", n)
	}
}

// The server is killed a hundred times at random moments. What Send accepted arrives once and in order, or is given back.
func TestAppServerKilled(t *testing.T) {
	const kills = 100
	var mu sync.Mutex
	var conns []net.Conn
	arrived := make(map[int]int) // message: how often
	lastOn := make(map[*Conn]int)
	s := &Server{Handle: func(ctx context.Context, c *Conn) error {
		go func() { // numbered messages down
			for i := 0; c.Write(context.Background(), Text, fmt.Append(nil, i)) == nil; i++ {
				time.Sleep(500 * time.Microsecond)
			}
		}()
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			var i int
			if _, err := fmt.Sscan(string(m.Data), &i); err != nil {
				return err
			}
			mu.Lock()
			arrived[i]++
			if last, ok := lastOn[c]; ok && i <= last {
				t.Errorf("message %d comes after %d", i, last)
			}
			lastOn[c] = i
			mu.Unlock()
		}
		return nil
	}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	start := func(ln net.Listener) (kill func()) {
		srv := &http.Server{Handler: s, ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				mu.Lock()
				conns = append(conns, c)
				mu.Unlock()
			}
		}}
		go func() { _ = srv.Serve(ln) }()
		return func() {
			_ = srv.Close()
			mu.Lock()
			defer mu.Unlock()
			for _, c := range conns {
				_ = c.(*net.TCPConn).SetLinger(0) // as when a process dies: what it had not read is lost
				_ = c.Close()
			}
			conns = nil
		}
	}
	kill := start(ln)

	given := make(map[int]error)
	next := 0 // of what comes down on this connection
	app := &App{
		URL: "ws://" + address, MinDelay: 2 * time.Millisecond, MaxDelay: 5 * time.Millisecond, QueueMessages: 50,
		OnOpen: func(context.Context, *Conn) error { next = 0; return nil },
		OnMessage: func(_ context.Context, _ *Conn, m Message) {
			if string(m.Data) != fmt.Sprint(next) {
				t.Errorf("came %s, expected %d", m.Data, next)
			}
			next++
		},
		OnUndelivered: func(m Message, err error) {
			var i int
			_, _ = fmt.Sscan(string(m.Data), &i)
			if _, ok := given[i]; ok {
				t.Errorf("message %d given back twice", i)
			}
			given[i] = err
		},
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	run, stopRun := context.WithCancel(ctx)
	ran := make(chan error)
	go func() { ran <- app.Run(run) }()
	stop, accepted := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				accepted <- n
				return
			default:
			}
			if err := app.Send(ctx, Text, fmt.Append(nil, n)); err != nil {
				t.Error(err)
			}
			n++
			if n%10 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	for range kills {
		time.Sleep(time.Duration(5+rand.IntN(20)) * time.Millisecond)
		kill()
		for {
			if ln, err = net.Listen("tcp", address); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		kill = start(ln)
	}
	close(stop)
	n := <-accepted
	if err := app.Flush(ctx); err != nil {
		t.Errorf("flush: %v", err)
	}
	stopRun()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	kill()
	mu.Lock()
	defer mu.Unlock()
	unsure, lost := 0, 0
	for i := range n {
		switch err := given[i]; {
		case arrived[i] > 1:
			t.Errorf("message %d arrived %d times", i, arrived[i])
		case err == nil && arrived[i] == 0:
			t.Errorf("message %d of %d was lost in silence", i, n)
		case errors.Is(err, ErrUnsure):
			if unsure++; arrived[i] == 0 {
				lost++
			}
		case err != nil:
			t.Errorf("message %d: %v", i, err)
		}
		if t.Failed() && i > 100 {
			break
		}
	}
	t.Logf("%d messages, %d kills: %d given back as unsure, of which %d had not arrived", n, kills, unsure, lost)
}

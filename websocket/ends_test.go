package websocket

// This file tests how connections end when several things happen at once.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// After the end every call returns the same *CloseError, also with a context that ended with the connection.
func TestEndComesBeforeContext(t *testing.T) {
	for name, end := range map[string]func(c *Conn){
		"close":    func(c *Conn) { _ = c.Close(4000, "") },
		"fail":     func(c *Conn) { _ = c.fail(4000, "") },
		"closeNow": func(c *Conn) { _ = c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			result := make(chan error, 1)
			dial := serve(t, &Server{Handle: func(ctx context.Context, c *Conn) error {
				go end(c)
				var wg sync.WaitGroup
				calls := map[string]func() error{
					"Read":   func() error { _, err := c.Read(ctx); return err },
					"Reader": func() error { _, _, err := c.Reader(ctx); return err },
					"Write":  func() error { return c.Write(ctx, Text, nil) },
					"Writer": func() error { w, err := c.Writer(ctx, Text); return errors.Join(err, closeWriter(w)) },
					"Ping":   func() error { _, err := c.Ping(ctx); return err },
				}
				for call, f := range calls {
					wg.Go(func() {
						for ended := 0; ended < 20; {
							err := f()
							if CloseStatus(err) != 0 {
								ended++
							} else if err != nil {
								t.Errorf("%s: %v", call, err)
								return
							}
						}
					})
				}
				wg.Wait()
				result <- nil
				return nil
			}}, nil)
			for range 20 {
				c := mustDial(t, dial, nil)
				go func() { _ = sink(context.Background(), c) }()
				<-result
			}
		})
	}
}

func closeWriter(w io.WriteCloser) error {
	if w == nil {
		return nil
	}
	return w.Close()
}

// A peer that is told 4000 sees it, though a Read was cancelled in the same moment.
func TestCloseAfterCancel(t *testing.T) {
	for i := range 200 {
		here, there := netPair(t, nil, nil)
		got := make(chan error, 1)
		go func() {
			_, err := there.Read(context.Background())
			got <- err
		}()
		ctx, cancel := context.WithCancel(context.Background())
		if i%2 == 0 {
			go func() { _, _ = here.Read(ctx) }()
		}
		short, stop := context.WithTimeout(ctx, time.Millisecond)
		_, _ = here.Read(short)
		stop()
		cancel()
		if err := here.Close(4000, ""); err != nil {
			t.Fatalf("close: %v", err)
		}
		if err := <-got; CloseStatus(err) != 4000 {
			t.Fatalf("the peer sees %v", err)
		}
	}
}

// A context of a Read that ends late, when the closing handshake is on its way, does not cut it short.
func TestLateCancelSparesClose(t *testing.T) {
	onAll(t, nil, func(t *testing.T, here, there *end) {
		if here.in != nil {
			return // no context of a read moves deadlines
		}
		closed := make(chan error, 1)
		go func() { closed <- here.Close(4000, "") }()
		eventually(t, "it is closing", func() bool { return here.ended() != nil && len(here.pull.Load().turn) == 1 })
		for range 3 {
			_ = here.nc.SetReadDeadline(past) // what watch has such a context do
			time.Sleep(2 * time.Millisecond)
		}
		if _, err := there.Read(testContext(t)); CloseStatus(err) != 4000 {
			t.Errorf("the peer sees %v", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// Everybody closes at once, in every way, while messages go both ways. Nobody hangs, nobody panics, and all agree.
func TestCloseFromEverywhere(t *testing.T) {
	onAll(t, &Options{CloseTimeout: time.Second}, func(t *testing.T, here, there *end) {
		ctx := testContext(t)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for _, c := range []*end{here, there} {
			wg.Go(func() { _ = c.echo(ctx) })
			wg.Go(func() {
				for c.Write(ctx, Binary, make([]byte, 3000)) == nil {
				}
			})
		}
		time.Sleep(time.Millisecond)
		for i := range errs {
			wg.Go(func() { errs[i] = here.Close(StatusCode(4000+i), "") })
		}
		wg.Go(func() { _ = there.Close(StatusGoingAway, "") })
		wg.Wait()
		want := here.ended()
		for _, err := range errs {
			if err != nil && err != want {
				t.Errorf("%v, not %v", err, want)
			}
		}
	})
}

// A handler may close its own connection, by any goroutine, in the middle of anything.
func TestCloseInHandler(t *testing.T) {
	s := &Server{Handle: func(ctx context.Context, c *Conn) error {
		_, r, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		if _, err := r.Read(make([]byte, 1)); err != nil {
			return err
		}
		w, err := c.Writer(ctx, Text)
		if err != nil {
			return err
		}
		_, _ = w.Write([]byte("unfinished"))
		if err := c.Close(4001, "in the middle"); err != nil {
			return err
		}
		if _, err := r.Read(make([]byte, 1)); CloseStatus(err) != 4001 {
			t.Errorf("reader: %v", err)
		}
		if err := w.Close(); CloseStatus(err) != 4001 {
			t.Errorf("writer: %v", err)
		}
		return nil
	}}
	c := mustDial(t, serve(t, s, nil), nil)
	if err := c.Write(testContext(t), Text, []byte("message")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(testContext(t)); CloseStatus(err) != 4001 {
		t.Errorf("the client sees %v", err)
	}
}

// A handler that ends its goroutine, as t.FailNow does, leaves no connection behind.
func TestHandlerExits(t *testing.T) {
	s := &Server{Handle: func(context.Context, *Conn) error {
		runtime.Goexit()
		return nil
	}}
	c := mustDial(t, serve(t, s, nil), nil)
	if _, err := c.Read(testContext(t)); CloseStatus(err) == 0 {
		t.Errorf("the client sees %v", err)
	}
	eventually(t, "the server forgets it", func() bool { return s.Len() == 0 })
}

// Shutdown in the middle of a storm of handshakes: every client is refused, or told 1001, or cut off; none stays.
func TestShutdownRacesHandshakes(t *testing.T) {
	for range 10 {
		s := &Server{Handle: echo}
		dial := serve(t, s, nil)
		var wg sync.WaitGroup
		var open, refused atomic.Int64
		begin := make(chan struct{})
		for range 40 {
			wg.Go(func() {
				c, err := dial(nil)
				if open.Add(1) == 10 {
					close(begin)
				}
				if err != nil {
					refused.Add(1)
					return
				}
				defer func() { _ = c.CloseNow() }()
				if _, err := c.Read(testContext(t)); CloseStatus(err) != StatusGoingAway {
					t.Errorf("a client sees %v", err)
				}
			})
		}
		<-begin
		if err := s.Shutdown(testContext(t)); err != nil || s.Len() != 0 {
			t.Errorf("%v, %d connections", err, s.Len())
		}
		wg.Wait()
	}
}

// Shutdown's deadline holds for connections whose handshake it crossed, too.
func TestShutdownCutsAll(t *testing.T) {
	for range 20 {
		stuck := make(chan struct{})
		s := &Server{
			Handle:  func(context.Context, *Conn) error { <-stuck; return nil },
			Options: &AcceptOptions{Options: Options{CloseTimeout: time.Minute}},
		}
		srv := &target{t: t, server: s}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv.addr = ln.Addr().String()
		hs := &http.Server{Handler: s}
		go func() { _ = hs.Serve(ln) }()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				r := srv.dial()
				r.send([]byte(request("/"))...)
				_, _ = io.Copy(io.Discard, r) // until it is cut off: it never answers the close frame
			})
		}
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		if err := s.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
		done := make(chan struct{})
		go func() {
			wg.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(settleTime):
			t.Error("a connection is left after the deadline")
		}
		close(stuck)
		srv.hangUp()
		_ = hs.Close()
		<-done
	}
}

// A client that sends its close frame and then ends its half of the TCP connection still gets what waits for it, and our close frame.
func TestHalfClosed(t *testing.T) {
	const messages, size = 100, 50_000
	s := setup{Handle: func(ctx context.Context, c *Conn) error {
		go func() { _ = sink(ctx, c) }()
		for range messages {
			if err := c.Write(context.Background(), Binary, make([]byte, size)); err != nil {
				return err
			}
		}
		return c.Write(context.Background(), Text, []byte("last"))
	}}
	a := startTarget(t, s)
	defer func() { _ = a.http.Close() }()
	r := a.upgrade("/")
	for range messages {
		if b0, p, err := r.read(); err != nil || b0 != 0x82 || len(p) != size {
			t.Fatalf("frame %#x of %d bytes, error %v", b0, len(p), err)
		}
	}
	r.want(0x81, "last")
	r.want(0x88, "\x03\xe8")
	r.send(masked(0x88, []byte{3, 232})...)
	_ = r.Conn.(*net.TCPConn).CloseWrite()
	r.wantEnd()
	eventually(t, "the server forgets it", func() bool { return a.server.Len() == 0 })

	// What was queued before the client's close frame came is still sent.
	queued := make(chan struct{})
	b := startTarget(t, setup{Handle: func(ctx context.Context, c *Conn) error {
		for range 15 {
			if err := c.Write(ctx, Binary, make([]byte, size)); err != nil {
				return err
			}
		}
		close(queued)
		return sink(ctx, c)
	}})
	defer func() { _ = b.http.Close() }()
	r = b.upgrade("/")
	<-queued
	r.send(masked(0x88, []byte{3, 233})...)
	_ = r.Conn.(*net.TCPConn).CloseWrite()
	time.Sleep(20 * time.Millisecond)
	for range 15 {
		if b0, p, err := r.read(); err != nil || b0 != 0x82 || len(p) != size {
			t.Fatalf("frame %#x of %d bytes, error %v", b0, len(p), err)
		}
	}
	r.want(0x88, "\x03\xe9")
	r.wantEnd()

	// And who ends it without a close frame is gone.
	r = a.upgrade("/sink")
	_ = r.Conn.(*net.TCPConn).CloseWrite()
	eventually(t, "the server forgets it", func() bool { return a.server.Len() == 0 })
	a.hangUp()
	b.hangUp()
}

// A message that was cut short by the end of its connection is no whole message, however it ended.
func TestReaderOfLostConnection(t *testing.T) {
	for name, over := range map[string]func(here, there *end){
		"peer gone": func(_, there *end) { _ = there.CloseNow() },
		"closed":    func(here, _ *end) { _ = here.Close(StatusNormalClosure, "") },
		"closeNow":  func(here, _ *end) { _ = here.CloseNow() },
		"lost":      func(here, _ *end) { here.lost(ErrPingTimeout) },
	} {
		t.Run(name, func(t *testing.T) {
			onAll(t, &Options{CloseTimeout: 50 * time.Millisecond}, func(t *testing.T, here, there *end) {
				if here.in != nil {
					return // push mode gives out whole messages only
				}
				ctx := testContext(t)
				w, err := there.Writer(ctx, Text)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(make([]byte, 5000)); err != nil {
					t.Fatal(err)
				}
				_, r, err := here.Reader(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Read(make([]byte, 10)); err != nil {
					t.Fatal(err)
				}
				over(here, there)
				if _, err := io.ReadAll(r); CloseStatus(err) == 0 {
					t.Errorf("the message ends with %v", err)
				}
			})
		})
	}
}

// A message that is skipped is skipped to its end, though the skipping was cancelled in the middle of it.
func TestSkipCancelled(t *testing.T) {
	for name, begin := range map[string]func(ctx context.Context, c *Conn){
		"begun by Read":   func(ctx context.Context, c *Conn) { _, _ = c.Read(ctx) },
		"begun by Reader": func(ctx context.Context, c *Conn) { _, _, _ = c.Reader(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			here, there := Pair(nil)
			defer func() { _, _ = here.CloseNow(), there.CloseNow() }()
			ctx := testContext(t)
			w, err := there.Writer(ctx, Text)
			if err != nil {
				t.Fatal(err)
			}
			more := func() context.Context { // another part of the message, and a context for it to be read with
				if _, err := w.Write(make([]byte, 5000)); err != nil {
					t.Fatal(err)
				}
				short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				t.Cleanup(cancel)
				return short
			}
			begin(more(), here)
			if _, _, err := here.Reader(more()); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if _, err := here.Read(more()); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			more()
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			go func() { _ = there.Write(ctx, Text, []byte("next")) }()
			m, err := here.Read(ctx)
			if err != nil || string(m.Data) != "next" {
				t.Errorf("%d bytes that begin with %.10q, error %v", len(m.Data), m.Data, err)
			}
		})
	}
}

// Frames cut anywhere, by a writer that stops in between, with reads cancelled all the time: the messages are the same.
func TestCutAndCancelled(t *testing.T) {
	var want []string
	var wire []byte
	for i := range 60 {
		m := string(bytes.Repeat([]byte{byte('a' + i%26)}, i*i))
		want = append(want, m)
		cut := rand.IntN(len(m) + 1)
		wire = append(wire, masked(0x01, []byte(m[:cut]))...)
		wire = append(wire, masked(0x89, []byte("ping"))...)
		wire = append(wire, masked(0x80, []byte(m[cut:]))...)
	}
	got := make(chan []string, 1)
	a := startTarget(t, setup{Handle: func(ctx context.Context, c *Conn) error {
		var list []string
		for len(list) < len(want) {
			short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(500))*time.Microsecond)
			m, err := c.Read(short)
			cancel()
			if err == nil {
				list = append(list, string(m.Data))
			} else if CloseStatus(err) != 0 {
				t.Error(err)
				break
			}
		}
		got <- list
		return nil
	}})
	defer func() { _ = a.http.Close() }()
	r := a.upgrade("/")
	go func() { _, _ = io.Copy(io.Discard, r.br) }()
	for rest := wire; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(3000))
		if rand.IntN(3) == 0 {
			n = min(n, 1+rand.IntN(6))
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		}
		r.send(rest[:n]...)
		rest = rest[n:]
	}
	for i, m := range <-got {
		if m != want[i] {
			t.Fatalf("message %d of %d bytes, expected %d", i, len(m), len(want[i]))
		}
	}
	a.hangUp()
}

// Goroutines that read JSON at the same time do not see each other's.
func TestConcurrentJSON(t *testing.T) {
	here, there := Pair(nil)
	ctx := testContext(t)
	go func() {
		for i := range 1000 {
			if err := there.WriteJSON(ctx, bytes.Repeat([]byte{byte(i)}, 1+i%2000)); err != nil {
				t.Error(err)
			}
		}
		_ = there.Close(StatusNormalClosure, "")
	}()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				var p []byte
				err := here.ReadJSON(ctx, &p)
				if CloseStatus(err) != 0 {
					return
				}
				if err != nil || len(bytes.Trim(p, string(p[:1]))) > 0 {
					t.Errorf("messages are mixed: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// Random calls from many goroutines on both ends, with random cancellations and ends. Nothing panics, hangs or mixes messages.
func TestStress(t *testing.T) {
	o := &Options{
		Deflate: &Deflate{Takeover: true}, CloseTimeout: 200 * time.Millisecond, WriteTimeout: time.Second,
		PingInterval: 5 * time.Millisecond, PingTimeout: 500 * time.Millisecond, WriteQueue: 64 << 10, Budget: NewBudget(1 << 30),
	}
	for end := time.Now().Add(time.Duration(scaleWork(2, 60)) * time.Second); time.Now().Before(end); {
		for name, pair := range pairs {
			o := *o
			o.WhenFull = FullPolicy(rand.IntN(3))
			here, there := pair(t, &o)
			var wg sync.WaitGroup
			for _, c := range []*Conn{here, there} {
				var reading sync.Mutex // what is read is valid until the next read
				for range 6 {
					wg.Go(func() { randomCalls(t, c, &reading) })
				}
			}
			wg.Wait()
			_, _ = here.CloseNow(), there.CloseNow()
			for _, c := range []*Conn{here, there} {
				select {
				case <-c.isGone():
				case <-time.After(settleTime):
					t.Fatalf("%s: %v, but its connection stays", name, c.ended())
				}
			}
		}
	}
	eventually(t, "the budget is given back", func() bool { return o.Budget.Used() == 0 })
}

// randomCalls makes calls until the connection has ended. Every message tells its length, and is all of one letter.
func randomCalls(t *testing.T, c *Conn, reading *sync.Mutex) {
	for calls := 0; c.ended() == nil; calls++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(3000))*time.Microsecond)
		switch k := rand.IntN(100); {
		case k < 45:
			reading.Lock()
			if m, err := c.Read(ctx); err == nil {
				checkMessage(t, m.Data)
			}
			reading.Unlock()
		case k < 55:
			reading.Lock()
			if _, r, err := c.Reader(ctx); err == nil {
				_, _ = io.CopyN(io.Discard, r, rand.Int64N(10_000))
			}
			reading.Unlock()
		case k < 80:
			_ = c.Write(ctx, Text, message(rand.IntN(1<<rand.IntN(17))))
		case k < 84:
			_ = c.WritePrepared(ctx, NewPrepared(Text, message(rand.IntN(1000))))
		case k < 88:
			if w, err := c.Writer(context.Background(), Text); err == nil {
				whole := message(rand.IntN(20_000))
				cut := rand.IntN(len(whole) + 1)
				_, _ = w.Write(whole[:cut])
				_, _ = w.Write(whole[cut:])
				_ = w.Close()
			}
		case k < 94:
			_, _ = c.Ping(ctx)
		case k < 97:
			_, _ = c.Queued(), c.Latency()
		case calls > 20 && k == 97:
			_ = c.Close(StatusCode(4000+k), "enough")
		case calls > 20 && k == 98:
			_ = c.CloseNow()
		case calls > 20 && k == 99:
			_ = c.fail(StatusGoingAway, "enough")
		}
		cancel()
	}
}

func message(n int) []byte {
	return append(fmt.Appendf(nil, "%d:", n), bytes.Repeat([]byte{byte('a' + rand.IntN(26))}, n)...)
}

func checkMessage(t *testing.T, p []byte) {
	head, body, _ := bytes.Cut(p, []byte(":"))
	if string(head) != fmt.Sprint(len(body)) || len(body) > 0 && len(bytes.Trim(body, string(body[:1]))) > 0 {
		t.Errorf("messages are mixed: %.60q of %d bytes", p, len(p))
	}
}

package websocket

// This file tests what Options choose, keepalive, and the other shapes of a Conn.

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

// A dead peer is known within interval and timeout; a live one that says nothing is kept, and its latency known. Time is virtual here.
func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := Pair(&Options{PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second})
		read := make(chan error, 2)
		for _, c := range []*Conn{here, there} {
			go func() {
				_, err := c.Read(context.Background())
				read <- err
			}()
		}
		time.Sleep(time.Hour)
		if here.ended() != nil || there.ended() != nil {
			t.Fatalf("a live peer was given up: %v, %v", here.ended(), there.ended())
		}
		_ = there.CloseNow()
		<-read
		<-read
	})
	synctest.Test(t, func(t *testing.T) {
		here, there := Pair(&Options{PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second})
		there.stopTimer() // it says nothing
		start := time.Now()
		_, err := here.Read(context.Background()) // there never reads, and so does not answer
		if !errors.Is(err, ErrPingTimeout) || CloseStatus(err) != StatusAbnormalClosure {
			t.Errorf("%v", err)
		}
		if d := time.Since(start); d != 45*time.Second {
			t.Errorf("known after %v", d)
		}
		_ = there.CloseNow()
	})
	// While nobody reads, nothing is concluded.
	synctest.Test(t, func(t *testing.T) {
		here, there := Pair(&Options{})
		time.Sleep(time.Hour)
		if err := here.ended(); err != nil {
			t.Error(err)
		}
		_, _ = here.CloseNow(), there.CloseNow()
	})
}

// The queue's cap holds, and what happens at it is chosen.
func TestQueuePolicies(t *testing.T) {
	message := make([]byte, 10_000)
	fill := func(ctx context.Context, c *Conn) error {
		for {
			if err := c.Write(ctx, Binary, message); err != nil {
				return err
			}
			if n := c.Queued(); n > 50_000+128<<10 { // what the pipe has taken of the last write counts until it is done
				return errors.New("the queue grows beyond its cap")
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		here, there := Pair(&Options{WriteQueue: 50_000, WhenFull: DropWhenFull, PingInterval: -1})
		if err := fill(context.Background(), here); !errors.Is(err, ErrQueueFull) {
			t.Errorf("drop: %v", err)
		}
		if here.Queued() == 0 || here.ended() != nil {
			t.Errorf("drop: %d queued, %v", here.Queued(), here.ended())
		}
		_, _ = here.CloseNow(), there.CloseNow()
	})
	synctest.Test(t, func(t *testing.T) {
		here, there := Pair(&Options{WriteQueue: 50_000, WhenFull: CloseWhenFull, PingInterval: -1})
		if err := fill(context.Background(), here); CloseStatus(err) != StatusPolicyViolation {
			t.Errorf("close: %v", err)
		}
		<-here.isGone()
		_ = there.CloseNow()
	})
	synctest.Test(t, func(t *testing.T) {
		here, there := Pair(&Options{WriteQueue: 50_000, PingInterval: -1})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := fill(ctx, here); !errors.Is(err, context.DeadlineExceeded) || here.ended() != nil {
			t.Errorf("wait: %v, %v", err, here.ended())
		}
		// What was accepted arrives whole, and what was not does not.
		n := 0
		for here.Queued() > 0 || n == 0 {
			m, err := there.Read(context.Background())
			if err != nil || len(m.Data) != len(message) {
				t.Fatalf("%d bytes, %v", len(m.Data), err)
			}
			n++
			synctest.Wait()
		}
		if err := here.Write(context.Background(), Text, []byte("last")); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := there.Read(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data) == "last" {
				break
			}
		}
		_, _ = here.CloseNow(), there.CloseNow()
	})
	// A peer that takes nothing is gone after WriteTimeout, though its own pings are answered by nobody.
	synctest.Test(t, func(t *testing.T) {
		here, there := Pair(&Options{WriteTimeout: 3 * time.Second, PingInterval: -1})
		start := time.Now()
		err := fill(context.Background(), here)
		if CloseStatus(err) != StatusAbnormalClosure || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		_ = there.CloseNow()
	})
}

// A Write whose context ends while the socket is full has been accepted whole or not at all, and the connection lives, over TLS too.
func TestWriteCancelled(t *testing.T) {
	onAll(t, &Options{WriteQueue: 1 << 20}, func(t *testing.T, here, there *end) {
		ctx := testContext(t)
		accepted := 0
		for {
			short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
			err := here.Write(short, Binary, make([]byte, 400_000))
			cancel()
			if err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				break
			}
			accepted++
		}
		for range accepted {
			if m, err := there.Read(ctx); err != nil || len(m.Data) != 400_000 {
				t.Fatalf("%d bytes, %v", len(m.Data), err)
			}
		}
		if err := here.Write(ctx, Text, []byte("alive")); err != nil {
			t.Fatal(err)
		}
		if m, err := there.Read(ctx); err != nil || string(m.Data) != "alive" {
			t.Fatalf("%q, %v", m.Data, err)
		}
	})
}

// Other messages wait for the end of a streamed one; one that cannot be ended ends the connection.
func TestWriterBlocksOthers(t *testing.T) {
	onAll(t, nil, func(t *testing.T, here, there *end) {
		goEcho(t, there.Conn)
		ctx := testContext(t)
		w, err := here.Writer(ctx, Text)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		if err := here.Write(short, Text, []byte("between")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a message between fragments: %v", err)
		}
		go func() { _ = here.Write(ctx, Text, []byte("behind")) }()
		if _, err := io.WriteString(w, strings.Repeat("first", 2000)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{strings.Repeat("first", 2000), "behind"} {
			if m, err := here.Read(ctx); err != nil || string(m.Data) != want {
				t.Errorf("%.20q, %v", m.Data, err)
			}
		}
		if err := w.Close(); err == nil {
			t.Error("closed twice without an error")
		}
		dying, cancel := context.WithCancel(ctx)
		if w, err = here.Writer(dying, Text); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := w.Write(make([]byte, 10_000)); !errors.Is(err, context.Canceled) {
			t.Errorf("write: %v", err)
		}
		if err := w.Close(); !errors.Is(err, context.Canceled) {
			t.Errorf("close: %v", err)
		}
		if _, err := here.Read(ctx); CloseStatus(err) != StatusInternalError {
			t.Errorf("a message left unfinished: %v", err)
		}
	})
}

func TestMessagesAndJSON(t *testing.T) {
	type point struct{ X, Y int }
	for _, code := range []StatusCode{StatusNormalClosure, StatusGoingAway, StatusNoStatusReceived, StatusPolicyViolation} {
		onAll(t, nil, func(t *testing.T, here, there *end) {
			ctx := testContext(t)
			go func() {
				_ = there.WriteJSON(ctx, point{1, 2})
				_ = there.Write(ctx, Text, []byte("{broken"))
				_ = there.Write(ctx, Text, []byte("plain"))
				_ = there.Close(code, "")
			}()
			var p point
			if err := here.ReadJSON(ctx, &p); err != nil || p != (point{1, 2}) {
				t.Errorf("%v, %v", p, err)
			}
			if err := here.ReadJSON(ctx, &p); err == nil || CloseStatus(err) != 0 {
				t.Errorf("broken JSON: %v", err)
			}
			var got []string
			var last error
			for m, err := range here.Messages(ctx) {
				if last = err; err == nil {
					got = append(got, string(m.Data))
				}
			}
			if len(got) != 1 || got[0] != "plain" || (last != nil) != (code == StatusPolicyViolation) {
				t.Errorf("%q, %v", got, last)
			}
		})
	}
	here, there := Pair(nil)
	defer func() { _, _ = here.CloseNow(), there.CloseNow() }()
	if err := here.WriteJSON(context.Background(), make(chan int)); err == nil {
		t.Error("a channel is no JSON")
	}
}

func TestNetConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := Pair(&Options{CloseTimeout: 100 * time.Millisecond})
		x, y := NetConn(context.Background(), a, Binary), NetConn(context.Background(), b, Binary)
		stop := func() {
			_, _ = a.CloseNow(), b.CloseNow()
			_, _ = x.Close(), y.Close()
		}
		return x, y, stop, nil
	})
	a, b := Pair(nil)
	defer func() { _, _ = a.CloseNow(), b.CloseNow() }()
	go func() { _, _ = b.Read(context.Background()) }()
	if err := b.Write(context.Background(), Text, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if _, err := NetConn(context.Background(), a, Binary).Read(make([]byte, 9)); CloseStatus(err) != StatusUnsupportedData {
		t.Errorf("a message of the other type: %v", err)
	}
}

// What an echo of 32 bytes allocates: nothing, in memory and over TCP, with contexts that end and that do not.
func TestEchoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, name := range []string{"memory", "tcp"} {
		for _, ctx := range []context.Context{context.Background(), testContext(t)} {
			here, there := pairs[name](t, nil)
			goEcho(t, there)
			p := make([]byte, 32)
			if n := testing.AllocsPerRun(500, func() {
				if err := here.Write(ctx, Text, p); err != nil {
					t.Fatal(err)
				}
				if _, err := here.Read(ctx); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
			_ = here.CloseNow()
		}
	}
}

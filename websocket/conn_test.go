package websocket

// This file is the behaviour suite.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEcho(t *testing.T) {
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, o := range map[string]*Options{
		"plain":    nil,
		"deflate":  {Deflate: &Deflate{}},
		"takeover": {Deflate: &Deflate{Takeover: true, Threshold: 1}},
		"level 9":  {Deflate: &Deflate{Takeover: true, Level: 9, WindowBits: 15}},
	} {
		largest := len(noise)
		if o != nil {
			largest = 1 << 17 // the race detector makes inflating slow
		}
		t.Run(name, func(t *testing.T) {
			onAll(t, o, func(t *testing.T, here, there *end) {
				goEcho(t, there.Conn)
				ctx := testContext(t)
				for _, n := range []int{0, 1, 125, 126, 127, 4000, 1 << 14, 1<<16 - 1, 1 << 16, 70000, largest} {
					text := []byte(strings.Repeat("Grüße, 世界! ", n/18))
					for i, want := range [][]byte{text, noise[:n]} {
						typ := []MessageType{Text, Binary}[i]
						if err := here.Write(ctx, typ, want); err != nil {
							t.Fatal(err)
						}
						got, err := here.Read(ctx)
						if err != nil {
							t.Fatal(err)
						}
						if got.Type != typ || !bytes.Equal(got.Data, want) {
							t.Fatalf("%v of %d bytes came back as %v of %d", typ, len(want), got.Type, len(got.Data))
						}
					}
				}
				if err := here.Close(StatusNormalClosure, "done"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestStreams(t *testing.T) {
	onAll(t, &Options{Deflate: &Deflate{Takeover: true}}, func(t *testing.T, here, there *end) {
		ctx := testContext(t)
		want := bytes.Repeat([]byte("0123456789abcdef"), 20000)
		go func() {
			for range 2 {
				w, err := there.Writer(ctx, Binary)
				if err != nil {
					t.Error(err)
					return
				}
				for rest := want; len(rest) > 0; {
					n := min(len(rest), 1+rand.IntN(9000))
					if _, err := w.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := there.Write(ctx, Text, []byte("after")); err != nil {
				t.Error(err)
			}
		}()
		typ, r, err := here.Reader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || typ != Binary || !bytes.Equal(got, want) {
			t.Fatalf("%v of %d bytes, error %v", typ, len(got), err)
		}
		// The second message is begun and then skipped.
		if _, r, err = here.Reader(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		msg, err := here.Read(ctx)
		if err != nil || string(msg.Data) != "after" {
			t.Fatalf("%q, error %v", msg.Data, err)
		}
		if n, err := r.Read(make([]byte, 1)); here.in == nil && (n != 0 || err != io.EOF) {
			t.Errorf("a reader whose message was skipped gives %d, %v", n, err)
		}
	})
}

// A cancelled Read ends that call, not the connection, wherever in a message it stops.
func TestReadCancelled(t *testing.T) {
	onAll(t, nil, func(t *testing.T, here, there *end) {
		ctx := testContext(t)
		short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		defer cancel()
		if _, err := here.Read(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		w, err := there.Writer(ctx, Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("a"), 5000)); err != nil {
			t.Fatal(err)
		}
		short, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		if _, err := here.Read(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		msg, err := here.Read(ctx)
		if err != nil || len(msg.Data) != 5000 {
			t.Fatalf("%d bytes, error %v", len(msg.Data), err)
		}
	})
}

// The peer sees our code even if it was sending, and we see that it did.
func TestCloseWhilePeerSends(t *testing.T) {
	onAll(t, nil, func(t *testing.T, here, there *end) {
		ctx := testContext(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			for there.Write(ctx, Binary, make([]byte, 10000)) == nil {
			}
		})
		wg.Go(func() {
			_, err := there.Read(ctx)
			if CloseStatus(err) != 4321 {
				t.Errorf("the peer sees %v", err)
			}
		})
		if _, err := here.Read(ctx); err != nil {
			t.Fatal(err)
		}
		if err := here.Close(4321, "enough"); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

// Close wakes a Read, and all calls after it get the same error.
func TestCloseWakes(t *testing.T) {
	onAll(t, nil, func(t *testing.T, here, there *end) {
		goEcho(t, there.Conn)
		ctx := testContext(t)
		read := make(chan error)
		go func() {
			_, err := here.Read(ctx)
			read <- err
		}()
		time.Sleep(time.Millisecond)
		if err := here.Close(StatusGoingAway, "bye"); err != nil {
			t.Error(err)
		}
		want := &CloseError{Code: StatusGoingAway, Reason: "bye", Local: true}
		_, again := here.Read(ctx)
		_, _, reader := here.Reader(ctx)
		_, ping := here.Ping(ctx)
		for i, err := range []error{<-read, again, reader, ping, here.Write(ctx, Text, nil)} {
			var e *CloseError
			if !errors.As(err, &e) || *e != *want {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if err := here.Close(StatusNormalClosure, ""); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

// Many goroutines write, two flood each other and answer from the reading side: nobody hangs, and order is kept per writer.
func TestConcurrentWrites(t *testing.T) {
	onAll(t, nil, func(t *testing.T, here, there *end) {
		goEcho(t, there.Conn)
		ctx := testContext(t)
		const writers, each = 8, 200
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				for j := range each {
					if err := here.Write(ctx, Text, fmt.Appendf(nil, "%d %d %s", i, j, strings.Repeat("x", j*10))); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		var next [writers]int
		for range writers * each {
			msg, err := here.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var i, j int
			if _, err := fmt.Sscanf(string(msg.Data), "%d %d", &i, &j); err != nil {
				t.Fatal(err)
			}
			if j != next[i] {
				t.Fatalf("writer %d: message %d comes after %d", i, j, next[i]-1)
			}
			next[i]++
		}
		wg.Wait()
	})
}

func TestPing(t *testing.T) {
	onAll(t, nil, func(t *testing.T, here, there *end) {
		goEcho(t, there.Conn)
		go func() { _, _ = here.Read(context.Background()) }()
		rtt, err := here.Ping(testContext(t))
		if err != nil || rtt <= 0 || here.Latency() != rtt {
			t.Errorf("%v, latency %v, error %v", rtt, here.Latency(), err)
		}
	})
}

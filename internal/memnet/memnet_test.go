// Tests of the connection: net's own conformance test, bounds, half-close, deadlines in a bubble, allocations.

package memnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

// TestConn holds Conn against what is asked of every net.Conn, with a buffer that is always full and one that never is.
// (Less than 7 bytes do not pass: the test writes 5, to an echo, before it reads.)
func TestConn(t *testing.T) {
	for _, capacity := range []int{7, 64 << 10} {
		nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
			a, b := Pair(capacity)
			return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
		})
	}
}

func TestCapacity(t *testing.T) {
	a, b := Pair(8)
	for _, step := range []struct {
		write       string
		n, thenRead int
	}{
		{"abcdef", 6, 4}, // "ef" is left
		{"ghijklm", 6, 8},
		{"123456789", 8, 0},
		{"x", 0, 8},
		{"x", 1, 1},
		{"", 0, 0},
	} {
		if n, err := a.TryWrite([]byte(step.write), nil); n != step.n || err != nil {
			t.Errorf("TryWrite(%q) = %d, %v, want %d", step.write, n, err, step.n)
		}
		if n, err := b.Read(make([]byte, step.thenRead)); n != step.thenRead || err != nil {
			t.Errorf("after %q: Read = %d, %v, want %d", step.write, n, err, step.thenRead)
		}
	}
}

// TestOrder sends numbered bytes through buffers of many sizes with writes that wait and writes that do not.
func TestOrder(t *testing.T) {
	want := make([]byte, 20_000)
	for i := range want {
		want[i] = byte(i * i >> 3)
	}
	for capacity := 1; capacity < 600; capacity = capacity*2 + 1 {
		a, b := Pair(capacity)
		go func() {
			for p := want; len(p) > 0; {
				n, _ := a.TryWrite(p[:min(len(p), 37)], nil)
				k, _ := a.Write(p[n:min(len(p), n+101)])
				p = p[n+k:]
			}
			_ = a.Close()
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("capacity %d: read %d bytes, %v, want the %d written", capacity, len(got), err, len(want))
		}
	}
}

// TestWritesDoNotMix has many writers at once, each of whose writes is larger than the buffer.
func TestWritesDoNotMix(t *testing.T) {
	a, b := Pair(5)
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for range 50 {
				_, _ = a.Write(bytes.Repeat([]byte{byte(i)}, 11))
			}
		})
	}
	go func() {
		writers.Wait()
		_ = a.Close()
	}()
	got, err := io.ReadAll(b)
	if err != nil || len(got) != 8*50*11 {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	for write := range slices.Chunk(got, 11) {
		if !bytes.Equal(write, bytes.Repeat(write[:1], 11)) {
			t.Fatalf("a write came in pieces: %v", write)
		}
	}
}

func TestHalfClose(t *testing.T) {
	a, b := Pair(100)
	_, _ = a.Write([]byte("question"))
	_ = a.CloseWrite()
	if _, err := a.Write([]byte("more")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Write after CloseWrite: %v", err)
	}
	if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
		t.Errorf("the peer read %q, %v", got, err)
	}
	if _, err := b.Write([]byte("answer")); err != nil {
		t.Errorf("the peer's Write: %v", err)
	}
	_ = b.Close()
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestClose(t *testing.T) {
	a, b := Pair(100)
	_, _ = a.Write([]byte("last words"))
	_ = a.Close()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own Read: %v", err)
	}
	if _, err := a.TryWrite([]byte("x"), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own TryWrite: %v", err)
	}
	if err := a.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("own SetDeadline: %v", err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the peer's Write: %v", err)
	}
	if got, err := io.ReadAll(b); string(got) != "last words" || err != nil {
		t.Errorf("the peer read %q, %v", got, err)
	}
}

// TestBubble shows that waiting, for bytes, for room and behind another's write, lets time go on in a bubble.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair(4)
		start := time.Now()
		_ = a.SetDeadline(start.Add(time.Hour))
		_ = a.SetDeadline(start.Add(3 * time.Second)) // earlier
		var waiting sync.WaitGroup
		for want, call := range map[int]func([]byte) (int, error){0: a.Read, 4: a.Write} {
			waiting.Go(func() {
				n, err := call(make([]byte, 9))
				if n != want || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
					t.Errorf("%d, %v after %v, want %d after 3s", n, err, time.Since(start), want)
				}
			})
		}
		synctest.Wait()
		waiting.Go(func() {
			if n, err := a.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("behind another's write: %d, %v", n, err)
			}
		})
		waiting.Wait()

		_ = a.SetDeadline(time.Time{})
		time.AfterFunc(time.Minute, func() { _, _ = b.Write([]byte("late")) })
		if n, err := a.Read(make([]byte, 9)); n != 4 || err != nil || time.Since(start) != 63*time.Second {
			t.Errorf("without a deadline: %d, %v after %v", n, err, time.Since(start))
		}
		time.AfterFunc(time.Minute, func() { _ = a.Close() })
		if n, err := a.Read(make([]byte, 9)); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while reading: %d, %v", n, err)
		}
	})
}

func TestAllocations(t *testing.T) {
	a, b := Pair(4096)
	message, buf := make([]byte, 3000), make([]byte, 1700)
	allocs := testing.AllocsPerRun(1000, func() {
		_ = a.SetWriteDeadline(time.Now().Add(time.Hour))
		_, _ = a.Write(message)
		_, _ = b.Read(buf)
		_, _ = b.Read(buf)
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a write and two reads", allocs)
	}
}

func BenchmarkWriteRead(b *testing.B) {
	c, s := Pair(64 << 10)
	message, buf := make([]byte, 1024), make([]byte, 4096)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		_, _ = c.Write(message)
		_, _ = s.Read(buf)
	}
}

package websocket

// This file holds the attacks of row B: peers that do not read, do not answer, do not go, or all go at once.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// flood writes to c until that errs, and sends the error.
func flood(ctx context.Context, c *Conn, p []byte, full *atomic.Int64, most int) error {
	for {
		err := c.Write(ctx, Binary, p)
		if c.Queued() > most {
			full.Add(1 << 32) // the cap does not hold
		}
		switch {
		case errors.Is(err, ErrQueueFull):
			full.Add(1)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Millisecond):
			}
		case err != nil:
			return err
		}
	}
}

// A peer that stops reading costs its queue and is closed; what happens to messages meanwhile is chosen.
func TestAttack_B01_SlowReader(t *testing.T) {
	const queue = 256 << 10
	for name, policy := range map[string]FullPolicy{"wait": WaitWhenFull, "drop": DropWhenFull, "close": CloseWhenFull} {
		t.Run(name, func(t *testing.T) {
			var full atomic.Int64
			ended := make(chan error, 1)
			o := Options{WriteQueue: queue, WhenFull: policy, WriteTimeout: 700 * time.Millisecond, CloseTimeout: 500 * time.Millisecond}
			s := setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
				err := flood(ctx, c, make([]byte, 16<<10), &full, queue+32<<10)
				ended <- err
				return err
			}}
			attack(t, s, func(a *target) {
				r := a.upgrade("/flood")
				_ = underTLS(r.Conn).(*net.TCPConn).SetReadBuffer(4 << 10)
				<-ended
				eventually(a.t, "it is closed", func() bool { return a.server.Len() == 1 })
				if n := full.Load(); n >= 1<<32 || policy == DropWhenFull && n == 0 {
					a.t.Errorf("%d messages dropped, %d times more queued than allowed", n&(1<<32-1), n>>32)
				}
			})
		})
	}
}

// A byte now and then is no progress.
func TestAttack_B02_ByteByByte(t *testing.T) {
	o := Options{WriteTimeout: 700 * time.Millisecond, CloseTimeout: 300 * time.Millisecond}
	attack(t, setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
		return flood(ctx, c, make([]byte, 64<<10), new(atomic.Int64), 2<<20)
	}}, func(a *target) {
		r := a.upgrade("/flood")
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					_, _ = io.ReadFull(r.Conn, make([]byte, 1))
				}
			}
		})
		eventually(a.t, "it is closed", func() bool { return a.server.Len() == 1 })
		close(stop)
		wg.Wait()
	})
}

// Of the pings of a peer that does not read, only the latest waits for its pong.
func TestAttack_B03_PingFlood(t *testing.T) {
	conns := make(chan *Conn, 1)
	o := Options{WriteTimeout: time.Second, CloseTimeout: 300 * time.Millisecond}
	attack(t, setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
		conns <- c
		return sink(ctx, c)
	}}, func(a *target) {
		r := a.upgrade("/flood")
		wire := bytes.Repeat(masked(0x89, make([]byte, 125)), 1000)
		go func() {
			for r.send(wire...) {
			}
		}()
		c, most := <-conns, 0
		for deadline := time.Now().Add(10 * time.Second); a.server.Len() == 2; time.Sleep(time.Millisecond) {
			if most = max(most, c.Queued()); time.Now().After(deadline) {
				a.t.Error("it is not closed")
				break
			}
		}
		if most > 4096 {
			a.t.Errorf("%d bytes of pongs waited", most)
		}
	})
}

func TestAttack_B04_UnsolicitedPongs(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		wire := bytes.Repeat(append(masked(0x8A, []byte("12345678")), masked(0x8A, nil)...), 10000)
		go func() {
			r.send(wire...)
			r.send(text("still here")...)
		}()
		r.want(0x81, "still here")
	})
}

// Whoever does not answer our close frame, or goes on sending, is cut off.
func TestAttack_B06_CloseIgnored(t *testing.T) {
	const closeTimeout = 400 * time.Millisecond
	o := Options{CloseTimeout: closeTimeout}
	closed := make(chan error, 1)
	attack(t, setup{Accept: AcceptOptions{Options: o}, Handle: func(_ context.Context, c *Conn) error {
		closed <- c.Close(4000, "go")
		return nil
	}}, func(a *target) {
		r := a.upgrade("/x")
		r.want(0x88, "\x0f\xa0go")
		if err := <-closed; !errors.Is(err, ErrCloseTimeout) {
			a.t.Errorf("silent peer: %v", err)
		}
		r.wantEnd()

		r = a.upgrade("/x")
		go func() {
			for r.send(masked(0x82, make([]byte, 1000))...) {
			}
		}()
		r.want(0x88, "\x0f\xa0go") // it sees our code though it was sending
		if err := <-closed; !errors.Is(err, ErrCloseTimeout) {
			a.t.Errorf("sending peer: %v", err)
		}
	})
	// And with the peer's own violation: what it sends behind it is discarded, not for ever.
	attack(t, setup{Accept: AcceptOptions{Options: o}}, func(a *target) {
		r := a.upgrade("/")
		go func() {
			r.send(0x81, 0x00)
			for r.send(make([]byte, 1000)...) {
			}
		}()
		if b0, p, err := r.read(); err != nil || b0 != 0x88 || len(p) < 2 {
			a.t.Errorf("frame %#x %q, error %v", b0, p, err)
		}
		eventually(a.t, "it is cut off", func() bool { return a.server.Len() == 1 })
	})
}

// All clients are reset at once while a broadcast runs.
func TestAttack_B07_ResetStorm(t *testing.T) {
	n := scale(300, 9000)
	var mu sync.Mutex
	room := make(map[*Conn]bool)
	s := setup{Accept: AcceptOptions{Options: Options{WhenFull: CloseWhenFull}}, Handle: func(ctx context.Context, c *Conn) error {
		mu.Lock()
		room[c] = true
		mu.Unlock()
		defer func() {
			mu.Lock()
			delete(room, c)
			mu.Unlock()
		}()
		return sink(ctx, c)
	}}
	attack(t, s, func(a *target) {
		list := make([]*raw, n)
		a.each(n, func(i int) { list[i] = a.upgrade("/room") })
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			p := NewPrepared(Text, make([]byte, 1000))
			for {
				mu.Lock()
				targets := make([]*Conn, 0, len(room))
				for c := range room {
					targets = append(targets, c)
				}
				mu.Unlock()
				for _, c := range targets {
					_ = c.WritePrepared(context.Background(), p)
				}
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
		time.Sleep(50 * time.Millisecond)
		a.each(n, func(i int) { list[i].reset() })
		eventually(a.t, "the room is empty", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(room) == 0 && a.server.Len() == 1
		})
		close(stop)
		wg.Wait()
	})
}

// A peer whose packets are all dropped is known by its silence.
func TestAttack_B08_HalfOpen(t *testing.T) {
	ended := make(chan error, 1)
	o := Options{PingInterval: 300 * time.Millisecond, PingTimeout: 300 * time.Millisecond}
	attack(t, setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
		err := sink(ctx, c)
		ended <- err
		return err
	}}, func(a *target) {
		a.upgrade("/x") // it never reads, nor sends: to the server that is the same as a cable that was cut
		var e *CloseError
		if err := <-ended; !errors.As(err, &e) || !errors.Is(err, ErrPingTimeout) || e.Clean() {
			a.t.Errorf("ended with %v", err)
		}
	})
}

// The system gives up a connection whose bytes are not acknowledged.
func TestAttack_B08_UserTimeout(t *testing.T) {
	client, server := netPair(t, nil, nil)
	defer func() { _, _ = client.CloseNow(), server.CloseNow() }()
	for name, c := range map[string]*Conn{"client": client, "server": server} {
		raw, err := c.nc.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) {
			ms, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, 18)
			if err != nil || ms != 30_000 {
				t.Errorf("%s: %d ms, %v", name, ms, err)
			}
		})
	}
}

// Connections that come and go leave no timer behind.
func TestAttack_B12_Timers(t *testing.T) {
	n := scaleWork(500, 20000)
	attack(t, setup{}, func(a *target) {
		a.each(n, func(int) {
			r := a.upgrade("/")
			r.reset()
		})
		eventually(a.t, "nothing is held", func() bool { return a.server.Len() == 1 && a.grown() < maxLeft })
	})
}

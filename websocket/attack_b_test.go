package websocket

// This file holds the attacks of row B: peers that do not read, do not answer, do not go, or all go at once.

import (
	"bytes"
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
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
			onTCPAndTLS(t, s, func(a *target) {
				r := a.upgrade("/flood")
				_ = underTLS(r.Conn).(*net.TCPConn).SetReadBuffer(4 << 10)
				start := time.Now()
				<-ended
				if d := time.Since(start); d > o.WriteTimeout+o.CloseTimeout+2*time.Second {
					a.t.Errorf("closed after %v", d)
				}
				eventually(a.t, "it is closed", func() bool { return a.server.Len() == 1 })
				if n := full.Load(); n >= 1<<32 || policy == DropWhenFull && n == 0 {
					a.t.Errorf("%d messages dropped, %d times more queued than allowed", n&(1<<32-1), n>>32)
				}
			})
		})
	}
}

// Bytes now and then are no progress: the time is for what waits, and is not begun anew by each of them.
func TestAttack_B02_ByteByByte(t *testing.T) {
	const writeTimeout = 700 * time.Millisecond
	o := Options{WriteTimeout: writeTimeout, CloseTimeout: 300 * time.Millisecond}
	s := setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
		_ = socketOf(c).(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(16 << 10) // or the system takes more in leaps only
		return flood(ctx, c, make([]byte, 256<<10), new(atomic.Int64), 2<<20)
	}}
	for _, step := range []int{1, 4 << 10} { // so that the window stays shut, and so that it opens again and again
		onTCPAndTLS(t, s, func(a *target) {
			r := a.upgrade("/flood")
			eventually(a.t, "the handler runs", func() bool { return a.server.Len() == 2 })
			start, buf := time.Now(), make([]byte, step)
			for a.server.Len() == 2 {
				_ = r.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				_, _ = underTLS(r.Conn).Read(buf)
				time.Sleep(20 * time.Millisecond) // 200 KiB a second: too few, WriteTimeout is for 256
				if time.Since(start) > writeTimeout+4*time.Second {
					a.t.Errorf("not closed after %v", time.Since(start))
					break
				}
			}
		})
	}
}

// Of the pings of a peer that does not read, only the latest waits for its pong.
func TestAttack_B03_PingFlood(t *testing.T) {
	conns := make(chan *Conn, 1)
	attack(t, setup{Handle: func(ctx context.Context, c *Conn) error {
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
		for start := time.Now(); time.Since(start) < 3*time.Second; time.Sleep(time.Millisecond) {
			most = max(most, c.Queued())
		}
		// What was taken at once, the latest pong, and the ping of our own.
		if most > 8192 {
			a.t.Errorf("%d bytes of pongs waited", most)
		}
	})
}

func TestAttack_B04_UnsolicitedPongs(t *testing.T) {
	n := scaleWork(100_000, 1_000_000)
	wire := bytes.Repeat(append(masked(0x8A, []byte("12345678")), masked(0x8A, nil)...), 1000)
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		r.send(text("ready")...)
		r.want(0x81, "ready")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range n / 2000 {
			r.send(wire...)
		}
		r.send(text("still here")...)
		r.want(0x81, "still here")
		runtime.ReadMemStats(&after)
		if m := int(after.Mallocs - before.Mallocs); m > n/20 { // the bystander's, and the race detector's
			t.Errorf("%d allocations for %d pongs", m, n)
		}
	})
	attack(t, setup{Accept: AcceptOptions{Options: Options{FrameRate: 1000}}}, func(a *target) {
		r := a.upgrade("/")
		go r.send(wire...)
		r.wantClose(StatusPolicyViolation)
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

// What a peer still sends after our close frame is discarded, but only so much.
func TestAttack_B06_EndlessInput(t *testing.T) {
	o := Options{CloseTimeout: time.Minute}
	attack(t, setup{Accept: AcceptOptions{Options: o}, Handle: func(context.Context, *Conn) error { return nil }}, func(a *target) {
		r, start, n := a.upgrade("/"), time.Now(), 0
		for chunk := masked(0x82, make([]byte, 64<<10)); r.send(chunk...); n += len(chunk) {
		}
		if n < maxDrain || n > 4*maxDrain || time.Since(start) > 9*time.Second {
			t.Errorf("cut off after %d bytes, %v", n, time.Since(start))
		}
	})
}

// A peer that closes, and then takes neither what waits for it nor our answer, is cut off.
func TestAttack_B06_CloseAndNotRead(t *testing.T) {
	o := Options{CloseTimeout: 400 * time.Millisecond, WriteTimeout: 4 * time.Second}
	for _, policy := range []FullPolicy{WaitWhenFull, DropWhenFull} {
		o.WhenFull = policy
		s := setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
			var wg sync.WaitGroup
			wg.Go(func() { _ = flood(ctx, c, make([]byte, 64<<10), new(atomic.Int64), 2<<20) })
			err := sink(ctx, c)
			wg.Wait()
			return err
		}}
		onTCPAndTLS(t, s, func(a *target) {
			r := a.upgrade("/")
			time.Sleep(200 * time.Millisecond) // until nothing fits in any more
			start := time.Now()
			r.send(masked(0x88, []byte{3, 232})...)
			eventually(a.t, "it is cut off", func() bool { return a.server.Len() == 1 })
			if d := time.Since(start); d > o.CloseTimeout+2*time.Second {
				a.t.Errorf("cut off after %v", d)
			}
		})
	}
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

// A peer whose packets are all dropped, both ways, is known by its silence.
func TestAttack_B08_HalfOpen(t *testing.T) {
	const interval, timeout = 300 * time.Millisecond, 200 * time.Millisecond
	ended := make(chan error, 1)
	o := Options{PingInterval: interval, PingTimeout: timeout}
	s := setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
		err := echo(ctx, c)
		ended <- err
		return err
	}}
	onTCPAndTLS(t, s, func(a *target) {
		direct := a.addr
		cable := newCable(a, direct)
		a.addr = cable.addr
		c := a.open("/x", &DialOptions{Options: o})
		a.addr = direct
		got := make(chan error, 1)
		go func() {
			_, err := c.Read(testContext(a.t))
			got <- err
		}()
		time.Sleep(3 * (interval + timeout)) // it says nothing, but is there: it answers pings
		if c.ended() != nil || a.server.Len() != 2 {
			a.t.Fatalf("given up though it answers: %v", c.ended())
		}
		start := time.Now()
		cable.cut()
		for name, errs := range map[string]chan error{"server": ended, "client": got} {
			err := <-errs
			if d := time.Since(start); !errors.Is(err, ErrPingTimeout) || d > interval+timeout+time.Second {
				a.t.Errorf("%s: %v, after %v", name, err, d)
			}
		}
	})
}

// cable carries bytes between a client and a server, until it is cut: then neither hears from the other, nor that it is gone.
type cable struct {
	addr string
	dead atomic.Bool
}

func newCable(a *target, to string) *cable {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.t.Fatal(err)
	}
	w := &cable{addr: ln.Addr().String()}
	go func() {
		client, err := ln.Accept()
		_ = ln.Close()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			_ = client.Close()
			return
		}
		a.keep(client)
		a.keep(server)
		go w.carry(client, server)
		w.carry(server, client)
	}()
	return w
}

// carry ends when the attack does, and has hung up.
func (w *cable) carry(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil && !w.dead.Load() {
			_ = to.Close()
		}
		if err != nil {
			return
		}
		if !w.dead.Load() {
			_, _ = to.Write(buf[:n])
		}
	}
}

func (w *cable) cut() { w.dead.Store(true) }

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

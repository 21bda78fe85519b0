package websocket

// This file holds the attacks on framing that keep to the rules, but without an end: rows F05, F10 to F13, F16 and F18.

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// Many announce a large message and send next to nothing of it: that costs next to nothing, and keepalive ends it.
func TestAttack_F05_AnnouncedAndSilent(t *testing.T) {
	o := Options{ReadLimit: 1 << 31, PingInterval: 1500 * time.Millisecond, PingTimeout: 1500 * time.Millisecond}
	n := scale(300, 10000)
	attack(t, setup{Accept: AcceptOptions{Options: o}}, func(a *target) {
		a.each(n, func(i int) {
			r := a.upgrade("/sink")
			r.send(append(longHead(0x82, 1<<30), make([]byte, []int{0, 1, 100, 5000}[i%4])...)...)
		})
		grown := a.grown()
		a.t.Logf("%d bytes a connection, both ends", grown/int64(n))
		if grown > int64(n)*(64<<10) {
			a.t.Errorf("%d bytes of heap for %d connections", grown, n)
		}
		eventually(a.t, "the silent are gone", func() bool { return a.server.Len() == 1 })
	})
}

// fragmentFlood sends fragments until the connection is closed, and expects that it is so at the limit.
func fragmentFlood(t *testing.T, piece []byte) {
	t.Helper()
	onTCPAndTLS(t, setup{Accept: AcceptOptions{Options: Options{MaxFragments: 2000}}}, func(a *target) {
		var before, after runtime.MemStats
		wire := bytes.Repeat(masked(0x00, piece), 100)
		r := a.upgrade("/")
		runtime.ReadMemStats(&before)
		sent := make(chan int, 1)
		go func() {
			n := 1
			for r.send(masked(0x01, piece)...); r.send(wire...) && n < 10_000_000; n += 100 {
			}
			sent <- n
		}()
		r.wantClose(StatusPolicyViolation)
		_ = r.Close()
		if n := <-sent; n >= 10_000_000 { // 60 MB: more than is discarded
			a.t.Errorf("%d fragments taken", n)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 { // the bystander allocates too
			a.t.Errorf("%d bytes allocated", n)
		}
	})
	// As many as are allowed make a message.
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		wire := append(masked(0x01, piece), bytes.Repeat(masked(0x00, piece), 4094)...)
		r.send(append(wire, masked(0x80, piece)...)...)
		r.want(0x81, string(bytes.Repeat(piece, 4096)))
		r.send(append(wire, append(masked(0x00, piece), masked(0x80, piece)...)...)...)
		r.wantClose(StatusPolicyViolation)
	})
}

func TestAttack_F10_EndlessFragments(t *testing.T) { fragmentFlood(t, []byte("x")) }

func TestAttack_F11_EndlessEmptyFragments(t *testing.T) { fragmentFlood(t, nil) }

// A message that comes a byte at a time costs its size, and is read.
func TestAttack_F12_TinySegments(t *testing.T) {
	size := scaleWork(100_000, 1<<20)
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		want := bytes.Repeat([]byte("abcdefgh"), size/8)
		wire := masked(0x82, want)
		for i := range len(wire) - 1 {
			r.send(wire[i])
		}
		time.Sleep(20 * time.Millisecond)
		if n := a.grown(); n > int64(4*size)+512<<10 { // the test's own two copies are counted
			a.t.Errorf("%d bytes of heap for a message of %d", n, size)
		}
		r.send(wire[len(wire)-1])
		r.want(0x82, string(want))
	})
}

// All unfinished messages together are held to a Budget: who needs more is sent away, and what he held is free for others.
func TestAttack_F13_UnfinishedMessages(t *testing.T) {
	n, size, limit := scale(100, 1000), 256<<10, int64(8<<20)
	budget := NewBudget(limit)
	attack(t, setup{Accept: AcceptOptions{Options: Options{Budget: budget, CloseTimeout: 500 * time.Millisecond}}}, func(a *target) {
		wire := append(longHead(0x82, uint64(size)), make([]byte, size-1)...)
		list := make([]*raw, n)
		a.each(n, func(i int) {
			list[i] = a.upgrade("/sink")
			list[i].send(wire...)
		})
		refused := 0
		eventually(a.t, "those over the budget are closed", func() bool {
			refused = n + 1 - a.server.Len()
			return int64(n-refused)*int64(size) <= limit
		})
		if used := budget.Used(); used > limit || refused == n {
			a.t.Errorf("%d bytes used, %d of %d refused", used, refused, n)
		}
		if grown := a.grown(); grown > 2*limit {
			a.t.Errorf("%d bytes of heap", grown)
		}
		told := 0
		for _, r := range list {
			_ = r.SetDeadline(time.Now().Add(20 * time.Millisecond))
			if b0, p, err := r.read(); err == nil && b0 == 0x88 && bytes.HasPrefix(p, []byte{1013 >> 8, 1013 & 0xFF}) {
				told++
			}
			r.reset() // however they go, they give back what they held
		}
		if told == 0 {
			a.t.Error("nobody was told 1013")
		}
		eventually(a.t, "the budget is given back", func() bool { return budget.Used() == 0 })
		r := a.upgrade("/sink")
		r.send(append(wire, 0)...)
		r.send(masked(0x89, []byte("taken"))...)
		r.want(0x8A, "taken")
	})
}

// A stranger gets a small limit until it has said who it is.
func TestAttack_F13_LimitBeforeLogin(t *testing.T) {
	login := func(ctx context.Context, c *Conn) error {
		if _, err := c.Read(ctx); err != nil {
			return err
		}
		c.SetReadLimit(1 << 20)
		if err := c.Write(ctx, Text, []byte("welcome")); err != nil {
			return err
		}
		return echo(ctx, c)
	}
	attack(t, setup{Accept: AcceptOptions{Options: Options{ReadLimit: 1 << 10}}, Handle: login}, func(a *target) {
		a.breaks([]broken{{"large before login", masked(0x82, make([]byte, 1<<10+1)), StatusMessageTooBig}})
		r := a.upgrade("/")
		r.send(text("me")...)
		r.want(0x81, "welcome")
		r.send(masked(0x82, make([]byte, 1<<16))...)
		r.want(0x82, string(make([]byte, 1<<16)))
	})
}

// Empty messages are messages, without a goroutine for each; with a limit on frames they end.
func TestAttack_F16_EmptyMessages(t *testing.T) {
	n := scaleWork(20_000, 1_000_000)
	wire := bytes.Repeat(append(masked(0x81, nil), masked(0x82, nil)...), 1000)
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		go func() {
			for range n / 2000 {
				r.send(wire...)
			}
		}()
		most := 0
		for range n / 2 {
			r.want(0x81, "")
			r.want(0x82, "")
			most = max(most, runtime.NumGoroutine())
		}
		if most > a.before.goroutines+50 { // the loops keep some; there are thousands of messages
			t.Errorf("%d goroutines more than before", most-a.before.goroutines)
		}
	})
	attack(t, setup{Accept: AcceptOptions{Options: Options{FrameRate: 1000}}}, func(a *target) {
		r := a.upgrade("/sink")
		go r.send(wire...)
		r.wantClose(StatusPolicyViolation)
	})
}

// Pings between all fragments of a large upload, from a client that does not read: the pongs are at most coalesced, the last one
// is answered, and the message arrives.
func TestAttack_F18_PingsBetweenFragments(t *testing.T) {
	pieces := scaleWork(200, 2500)
	size := 40_000 * pieces
	s := setup{
		Accept: AcceptOptions{Options: Options{ReadLimit: 128 << 20}},
		Handle: func(ctx context.Context, c *Conn) error {
			m, err := c.Read(ctx)
			if err != nil {
				return err
			}
			return c.Write(ctx, Text, fmt.Append(nil, len(m.Data)))
		},
	}
	attack(t, s, func(a *target) {
		r := a.upgrade("/")
		r.send(masked(0x02, nil)...)
		piece := masked(0x00, make([]byte, 40_000))
		for i := range pieces {
			half := len(piece) / 2 // of a frame: a ping may not stand there, but a segment may end
			r.send(append(masked(0x89, fmt.Appendf(nil, "%0125d", i)), piece[:half]...)...)
			r.send(piece[half:]...)
		}
		r.send(masked(0x80, nil)...)
		last := ""
		for {
			b0, p, err := r.read()
			if err != nil {
				a.t.Fatal(err)
			}
			if b0 == 0x81 {
				if string(p) != fmt.Sprint(size) || last != fmt.Sprintf("%0125d", pieces-1) {
					a.t.Errorf("message of %s bytes, expected %d; last pong %q", p, size, last)
				}
				return
			}
			last = string(p)
		}
	})
}

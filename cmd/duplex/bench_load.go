package main

// This file holds the load: the connections, and what they do in each mode.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/duplex-go/duplex/websocket"
)

// bench is one run.
type bench struct {
	f       *benchFlags
	address string
	opts    *websocket.DialOptions
	typ     websocket.MessageType
	say     io.Writer // progress

	start  time.Time // of the load
	failed chan error
	conns  []*loaded
	count  atomic.Int64 // messages, or handshakes in mode connect
	over   atomic.Bool  // nothing is sent any more

	mu         sync.Mutex
	handshakes *hdrhistogram.Histogram // in nanoseconds
	result     result
}

const (
	atOnce     = 64                     // handshakes under way while connections are opened
	longest    = int64(5 * time.Minute) // what a histogram can hold
	figures    = 3                      // significant, of its values
	dueChecked = time.Millisecond       // how often --rate looks for what is due
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1000, longest, figures) }

func newBench(mode, address string, f *benchFlags) *bench {
	b := &bench{f: f, address: address, opts: f.dialOptions(), typ: websocket.Text, failed: make(chan error, 1), handshakes: newHistogram()}
	if f.binary {
		b.typ = websocket.Binary
	}
	b.result = result{Mode: mode, URL: shownAddress(address), Conns: f.conns, Size: f.size, Depth: f.depth, Rate: f.rate}
	return b
}

// fail ends the run.
func (b *bench) fail(err error) {
	select {
	case b.failed <- err:
	default:
	}
}

// loaded is a connection under load, as its Handler.
type loaded struct {
	*websocket.Conn
	b       *bench
	shared  *shard
	sends   bool
	payload []byte

	mu    sync.Mutex
	sent  ring // when what is in flight was due
	due   ring // when what could not be sent yet was
	next  uint64
	wants uint64 // the number that comes back next
}

// shard is a histogram that some connections share.
type shard struct {
	mu        sync.Mutex
	latencies *hdrhistogram.Histogram
}

// ring is a queue of times since the start of the load.
type ring struct {
	list []time.Duration
	head int
}

func (r *ring) push(d time.Duration) { r.list = append(r.list, d) }
func (r *ring) len() int             { return len(r.list) - r.head }

func (r *ring) pop() time.Duration {
	d := r.list[r.head]
	if r.head++; r.head == len(r.list) {
		r.list, r.head = r.list[:0], 0
	} else if r.head >= 1024 && 2*r.head >= len(r.list) {
		r.list, r.head = r.list[:copy(r.list, r.list[r.head:])], 0
	}
	return d
}

// open opens the connections.
func (b *bench) open(ctx context.Context) error {
	shards := make([]shard, 4)
	for i := range shards {
		shards[i].latencies = newHistogram()
	}
	began := time.Now()
	b.conns = make([]*loaded, b.f.conns)
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range b.conns {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if len(b.failed) > 0 || ctx.Err() != nil {
				return
			}
			c, err := b.dial(ctx)
			if err != nil {
				b.fail(err)
				return
			}
			b.conns[i] = &loaded{Conn: c, b: b, shared: &shards[i%len(shards)], payload: bytes.Repeat([]byte{'x'}, b.f.size)}
		})
	}
	wg.Wait()
	if len(b.failed) > 0 {
		return <-b.failed
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	fmt.Fprintf(b.say, "%d connections in %v\n", b.f.conns, time.Since(began).Round(time.Millisecond))
	return nil
}

// dial opens one connection, and keeps how long that took.
func (b *bench) dial(ctx context.Context) (*websocket.Conn, error) {
	began := time.Now()
	c, err := websocket.Dial(ctx, b.address, b.opts)
	if err != nil {
		s := &session{f: &connectFlags{}, address: b.address}
		return nil, s.verdict(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.handshakes.RecordValue(int64(time.Since(began)))
	b.result.Handshakes++
	return c, nil
}

// close closes all connections.
func (b *bench) close() {
	b.over.Store(true)
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, l := range b.conns {
		if l == nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			_ = l.Conn.Close(websocket.StatusNormalClosure, "")
			<-slots
		})
	}
	wg.Wait()
}

// echo sends, and expects back.
func (b *bench) echo(ctx context.Context) error { return b.load(ctx, b.f.conns) }

// broadcast sends on some connections, and expects on all.
func (b *bench) broadcast(ctx context.Context) error { return b.load(ctx, b.f.senders) }

// load is echo and broadcast: they differ in who sends, and in Message.
func (b *bench) load(ctx context.Context, senders int) error {
	defer b.close()
	if err := b.open(ctx); err != nil {
		return err
	}
	b.start = time.Now()
	for i, l := range b.conns {
		l.sends = i < senders
		l.Serve(l)
	}
	ctx, cancel := context.WithTimeout(ctx, b.f.duration)
	defer cancel()
	if b.f.rate > 0 {
		go b.pace(ctx, b.conns[:senders])
	} else {
		for _, l := range b.conns[:senders] {
			l.pump(l.Context(), 0)
		}
	}
	err := b.wait(ctx)
	b.result.Seconds = time.Since(b.start).Seconds()
	b.result.Messages = b.count.Load()
	b.over.Store(true)
	b.result.Latency = b.latencies()
	if err == nil && b.result.Messages == 0 {
		err = &exitError{exitNoMatch, fmt.Errorf("nothing came back: is this the address of an %s?", b.result.Mode)}
	}
	return err
}

// pace has messages sent at their time.
func (b *bench) pace(ctx context.Context, senders []*loaded) {
	tick := time.NewTicker(dueChecked)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for ; dueAt(n, b.f.rate) <= time.Since(b.start); n++ {
			senders[n%len(senders)].pump(ctx, dueAt(n, b.f.rate))
		}
	}
}

// dueAt is when message n is due, after the start. It is never 0.
func dueAt(n int, rate float64) time.Duration {
	return time.Duration(float64(n+1) / rate * float64(time.Second))
}

// pump sends what may be sent. due: another message is due then; 0: none is, or, without --rate, as many as may be in flight.
func (l *loaded) pump(ctx context.Context, due time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if due > 0 {
		l.due.push(due)
	}
	for !l.b.over.Load() && l.sent.len() < l.b.f.depth {
		if l.b.f.rate > 0 && l.due.len() == 0 {
			return
		}
		now := time.Since(l.b.start)
		if !l.send(ctx, now) {
			return
		}
		if l.b.f.rate > 0 {
			now = l.due.pop()
		}
		l.sent.push(now)
	}
}

// send sends one message: its number, or for a broadcast when it was due.
func (l *loaded) send(ctx context.Context, now time.Duration) bool {
	if l.b.result.Mode == "broadcast" {
		if l.b.f.rate > 0 {
			now = l.due.list[l.due.head]
		}
		hexBytes(l.payload, uint64(now)) //nolint:gosec // not negative
	} else if len(l.payload) >= minSize {
		hexBytes(l.payload, l.next)
	}
	if err := l.Conn.Write(ctx, l.b.typ, l.payload); err != nil {
		return false // the queue is full, or the connection has ended, which Closed tells
	}
	l.next++
	return true
}

// Open implements websocket.Handler.
func (l *loaded) Open(context.Context, *websocket.Conn) error { return nil }

// Message implements websocket.Handler.
func (l *loaded) Message(ctx context.Context, _ *websocket.Conn, m websocket.Message) error {
	if len(m.Data) != len(l.payload) {
		l.b.fail(l.mismatch(m.Data))
		return nil
	}
	var sent time.Duration
	now := time.Since(l.b.start)
	if l.b.result.Mode == "broadcast" {
		sent = time.Duration(fromHex(m.Data)) //nolint:gosec // as it was sent
		if l.sends {
			l.mu.Lock()
			if l.sent.len() > 0 && l.sent.list[l.sent.head] <= sent { // not somebody else's
				l.sent.pop()
			}
			l.mu.Unlock()
		}
	} else {
		l.mu.Lock()
		if l.sent.len() == 0 || len(m.Data) >= minSize && fromHex(m.Data) != l.wants {
			l.mu.Unlock()
			l.b.fail(l.mismatch(m.Data))
			return nil
		}
		sent = l.sent.pop()
		l.wants++
		l.mu.Unlock()
	}
	l.b.count.Add(1)
	l.shared.mu.Lock()
	_ = l.shared.latencies.RecordValue(int64(max(now-sent, 0)))
	l.shared.mu.Unlock()
	if l.sends {
		l.pump(ctx, 0)
	}
	return nil
}

func (l *loaded) mismatch(p []byte) error {
	return &exitError{exitNoMatch, fmt.Errorf("what came is not what was sent, but %s: is this the address of an %s?", excerpt(string(p), 60), l.b.result.Mode)}
}

// Closed implements websocket.Handler.
func (l *loaded) Closed(_ *websocket.Conn, err *websocket.CloseError) {
	if !l.b.over.Load() {
		l.b.mu.Lock()
		l.b.result.Lost++
		l.b.mu.Unlock()
		l.b.fail(&exitError{exitAbnormal, fmt.Errorf("a connection ended: %s", closing(err))})
	}
}

// hexBytes writes v to the first 16 bytes of p, in text.
func hexBytes(p []byte, v uint64) {
	const digits = "0123456789abcdef"
	for i := range minSize {
		p[i] = digits[v>>(60-4*i)&15]
	}
}

// fromHex reads what hexBytes wrote; of anything else it makes something.
func fromHex(p []byte) (v uint64) {
	for _, c := range p[:minSize] {
		if c >= 'a' {
			c -= 'a' - 10
		}
		v = v<<4 | uint64(c&15)
	}
	return v
}

// idle opens connections, has each echo a message, and sees that they stay.
func (b *bench) idle(ctx context.Context) error {
	defer b.close()
	if err := b.open(ctx); err != nil {
		return err
	}
	b.start = time.Now()
	for _, l := range b.conns {
		l.sends = false
		l.Serve(l)
		l.pump(l.Context(), 0)
	}
	ctx, cancel := context.WithTimeout(ctx, b.f.duration)
	defer cancel()
	err := b.wait(ctx)
	b.result.Seconds, b.result.Messages = time.Since(b.start).Seconds(), b.count.Load()
	b.result.Latency = b.latencies()
	return err
}

// connect opens and closes connections.
func (b *bench) connect(ctx context.Context) error {
	b.start = time.Now()
	ctx, cancel := context.WithTimeout(ctx, b.f.duration)
	defer cancel()
	var wg sync.WaitGroup
	for range b.f.conns {
		wg.Go(func() {
			for ctx.Err() == nil {
				c, err := b.dial(context.WithoutCancel(ctx))
				if err != nil {
					b.fail(err)
					cancel()
					return
				}
				_ = c.Close(websocket.StatusNormalClosure, "")
				b.count.Add(1)
			}
		})
	}
	err := b.wait(ctx)
	cancel()
	wg.Wait()
	b.result.Seconds = time.Since(b.start).Seconds()
	return err
}

// wait waits for the end of the run, and tells meanwhile how it goes.
func (b *bench) wait(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := int64(0); ; {
		select {
		case <-ctx.Done():
			select {
			case err := <-b.failed:
				return err
			default:
				return nil
			}
		case err := <-b.failed:
			return err
		case <-tick.C:
			n := b.count.Load()
			fmt.Fprintf(b.say, "%4.0fs %12d a second\n", time.Since(b.start).Seconds(), n-last)
			last = n
		}
	}
}

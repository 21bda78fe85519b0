package eventloop

// This file holds tests of the wheel against a list.

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Timers end at the first tick not before their time, each once, whatever is set, moved and stopped meanwhile, and however time leaps.
func TestWheel(t *testing.T) {
	for seed := range uint64(200) {
		checkWheel(t, rand.New(rand.NewPCG(seed, 1)))
	}
}

func checkWheel(t *testing.T, r *rand.Rand) {
	t.Helper()
	var w wheel
	var now time.Duration
	sockets := make([]Socket, 50)
	want := make(map[*Socket]time.Duration)
	leaps := []time.Duration{time.Millisecond, tick, 50 * tick, 64 * tick, time.Minute, time.Hour, 30 * time.Hour}
	for range 400 {
		s := &sockets[r.IntN(len(sockets))]
		switch r.IntN(4) {
		case 0, 1:
			at := now + time.Duration(r.Int64N(int64(2*leaps[r.IntN(len(leaps))])))
			w.set(s, at)
			want[s] = at
		case 2:
			w.remove(s)
			delete(want, s)
		case 3:
			now += time.Duration(r.Int64N(int64(leaps[r.IntN(len(leaps))])))
			w.advance(now, func(s *Socket) {
				at, ok := want[s]
				if !ok || at > now {
					t.Fatalf("ended at %v: due %v, %v", now, at, ok)
				}
				delete(want, s)
				if r.IntN(4) == 0 { // a timer may be set anew where it ends
					w.set(s, now+time.Second)
					want[s] = now + time.Second
				}
			})
		}
		next, ok := w.next()
		if ok != (len(want) > 0) {
			t.Fatalf("next: %v, and %d are waiting", ok, len(want))
		}
		for s, at := range want {
			if at <= now-tick || next > at+tick {
				t.Fatalf("now %v, next %v, and one is due at %v (%+v)", now, next, at, s.timer)
			}
		}
	}
}

func BenchmarkWheel(b *testing.B) {
	var w wheel
	sockets := make([]Socket, 100_000)
	for i := range sockets {
		w.set(&sockets[i], time.Duration(i)*25*time.Second/100_000)
	}
	b.ReportAllocs()
	var now time.Duration
	for i := 0; b.Loop(); i++ {
		w.set(&sockets[i%len(sockets)], now+25*time.Second)
		if i%100 == 0 {
			now += tick
			w.advance(now, func(s *Socket) { w.set(s, now+25*time.Second) })
		}
	}
}

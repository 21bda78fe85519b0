package ws

// This file holds what messages and connections may cost, as tests, and measures what they do cost.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"
)

// underRace reports whether the race detector is on. Under it pools lose what they are given, at random.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// record is a JSON message of some 220 bytes, as a chat sends them.
func record(r *rand.Rand) []byte {
	names := []string{"Ada", "Grace", "Edsger", "Barbara", "Donald", "Alan"}
	words := []string{"all", "work", "and", "no", "play", "makes", "jack", "a", "dull", "boy"}
	i := r.IntN(len(names))
	b := fmt.Appendf(nil, `{"type":"message","id":%d,"room":"lobby","user":{"id":%d,"name":%q,"status":"online"},"text":"`, r.IntN(1e6), 1000+i, names[i])
	for range 8 {
		b = append(append(b, words[r.IntN(len(words))]...), ' ')
	}
	return fmt.Appendf(b, `","likes":%d,"edited":false,"time":"2026-03-01T12:%02d:%02d.%03dZ","client":"web"}`, r.IntN(10), r.IntN(60), r.IntN(60), r.IntN(1000))
}

func records(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 1))
	list := make([][]byte, n)
	for i := range list {
		list[i] = record(r)
	}
	return list
}

// echo is two Conns, of which the first sends and the second sends back what came.
type echo struct {
	here, there *Conn
	buf, msg    []byte
}

func newEcho(role Role, params *DeflateParams) *echo {
	return &echo{here: New(1-role, testConfig, params), there: New(role, testConfig, params)}
}

// carry takes what from has queued to to, and gives its events to handle.
func (e *echo) carry(from, to *Conn, handle func(Event)) {
	e.buf = from.Take(e.buf)
	to.Feed(e.buf)
	for ev, ok := to.Next(); ok; ev, ok = to.Next() {
		handle(ev)
	}
}

// round sends p there and back.
func (e *echo) round(tb testing.TB, p []byte) {
	if err := e.here.Send(OpText, true, p); err != nil {
		tb.Fatal(err)
	}
	e.carry(e.here, e.there, func(ev Event) {
		if e.msg = append(e.msg, ev.Data...); ev.MessageEnd {
			if err := e.there.Send(ev.Opcode, true, e.msg); err != nil {
				tb.Fatal(err)
			}
			e.msg = e.msg[:0]
		}
	})
	e.carry(e.there, e.here, func(Event) {})
}

func TestAllocations(t *testing.T) {
	short, message := bytes.Repeat([]byte("x"), 32), records(1)[0]
	prepared := Prepare(OpText, message).Deflate()
	for _, tt := range []struct {
		name   string
		params *DeflateParams
		p      []byte
		most   float64
	}{
		{"32 bytes", nil, short, 0},
		{"64 KiB", nil, bytes.Repeat(short, 2048), 0},
		{"32 bytes, compressed", allParams["no takeover"], short, 0},
		{"a record, no takeover", allParams["no takeover"], message, 0},
		{"a record, takeover", allParams["takeover"], message, 2}, // one each way: klauspost joins dictionary and message
	} {
		if underRace() && tt.params != nil {
			continue
		}
		for _, role := range []Role{Server, Client} {
			e := newEcho(role, tt.params)
			e.round(t, tt.p)
			if got := testing.AllocsPerRun(50, func() { e.round(t, tt.p) }); got > tt.most {
				t.Errorf("%s, role %d: %v allocations for there and back, want at most %v", tt.name, role, got, tt.most)
			}
			if m := messagesOf(t, e.buf); m[0].compressed != (tt.params != nil) {
				t.Errorf("%s, role %d: compressed is %v", tt.name, role, m[0].compressed)
			}
		}
	}
	e := newEcho(Server, allParams["takeover"])
	var spare []byte
	for what, f := range map[string]func(){
		"a prepared message": func() { _ = e.there.SendPrepared(prepared); spare = e.there.Take(spare) },
		"a ping and its pong": func() {
			_ = e.here.Send(OpPing, true, short)
			e.carry(e.here, e.there, func(Event) {})
			e.carry(e.there, e.here, func(Event) {})
		},
		"a header": func() { _ = e.there.SendHeader(OpBinary, 1<<20); spare = e.there.Take(spare) },
	} {
		f()
		if got := testing.AllocsPerRun(200, f); got != 0 {
			t.Errorf("%s: %v allocations", what, got)
		}
	}
}

// What a connection holds that has exchanged messages and is idle.
func TestMemoryOfIdleConns(t *testing.T) {
	t.Logf("a Conn is %d bytes", unsafe.Sizeof(Conn{}))
	n := 10_000
	if underRace() || testing.Short() {
		n = 200
	}
	list := records(3)
	for _, tt := range []struct {
		name   string
		params *DeflateParams
		most   uint64 // bytes
	}{
		{"plain", nil, 512},
		{"no takeover", allParams["no takeover"], 700},
		{"takeover, window of 1 KiB", allParams["window 10"], 3 << 10}, // 1 KiB for each direction
		{"takeover, window of 32 KiB", allParams["takeover"], 8 << 10}, // of which these messages fill half a KiB
	} {
		conns, e := make([]*Conn, n), newEcho(Server, nil)
		before := live()
		for i := range conns {
			c, peer := New(Server, testConfig, tt.params), New(Client, testConfig, tt.params)
			for _, p := range list {
				e.here, e.there = peer, c
				e.round(t, p)
			}
			c.Take(nil)
			conns[i] = c
		}
		each := (live() - before) / uint64(n)
		t.Logf("%s: %d bytes", tt.name, each)
		if each > tt.most {
			t.Errorf("%s: an idle Conn holds %d bytes, want at most %d", tt.name, each, tt.most)
		}
		runtime.KeepAlive(conns)
	}
}

// D09: 20,000 connections with takeover, of which each has sent one compressed message of a byte.
func TestAttack_D09_ManyWindows(t *testing.T) {
	n := 20_000
	if underRace() || testing.Short() {
		n = 2000
	}
	wire := fragments(deflated([]byte("x"), nil), 1)
	before := live()
	conns := make([]*Conn, n)
	for i := range conns {
		conns[i] = New(Server, testConfig, allParams["takeover"])
		if got := feedCut(conns[i], bytes.Clone(wire), whole); got[0] != `binary "x"` {
			t.Fatal(got[0])
		}
	}
	if each := (live() - before) / uint64(n); each > 1<<10 {
		t.Errorf("%d bytes each", each)
	}
	runtime.KeepAlive(conns)
}

// A large message goes out in a buffer that does not stay.
func TestLargeBuffersGo(t *testing.T) {
	before := live()
	c := New(Server, testConfig, allParams["takeover"])
	if err := c.Send(OpBinary, true, noisy(1, 4<<20)); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Take(nil)); n < 4<<20 {
		t.Fatalf("sent %d bytes", n)
	}
	z := takeCompressor(0)
	if cap(z.buf) > maxPooled {
		t.Errorf("a buffer of %d bytes came out of the pool", cap(z.buf))
	}
	z.release(0)
	if after := live(); after > before+64<<10 {
		t.Errorf("%d bytes are still there", after-before)
	}
	runtime.KeepAlive(c)
}

// BenchmarkEcho is a message there and back, masked, unmasked, checked; both ends are counted.
func BenchmarkEcho(b *testing.B) {
	for _, size := range []int{32, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			e, p := newEcho(Server, nil), bytes.Repeat([]byte("x"), size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				e.round(b, p)
			}
		})
	}
}

// BenchmarkCompress sends records of some 220 bytes and tells how far they shrink. docs/decisions says what the figures decided.
func BenchmarkCompress(b *testing.B) {
	list := records(1000)
	for _, name := range []string{"takeover", "no takeover", "window 10"} {
		for _, level := range []int{0, 1, 6, 9} {
			b.Run(fmt.Sprintf("%s/level %d", name, level), func(b *testing.B) {
				c := New(Server, &Config{Level: level}, allParams[name])
				var spare []byte
				i, in, out := 0, 0, 0
				b.ReportAllocs()
				for b.Loop() {
					p := list[i%len(list)]
					i++
					if err := c.Send(OpText, true, p); err != nil {
						b.Fatal(err)
					}
					spare = c.Take(spare)
					in, out = in+len(p), out+len(spare)
				}
				b.ReportMetric(float64(in)/float64(out), "ratio")
				b.ReportMetric(float64(in)/float64(i), "B/message")
			})
		}
	}
}

// BenchmarkInflateRecords reads what BenchmarkCompress sends.
func BenchmarkInflateRecords(b *testing.B) {
	list := records(1000)
	for _, name := range []string{"takeover", "no takeover"} {
		b.Run(name, func(b *testing.B) {
			from, to := New(Server, testConfig, allParams[name]), New(Client, testConfig, allParams[name])
			var wires [][]byte
			for _, p := range list {
				_ = from.Send(OpText, true, p)
				wires = append(wires, from.Take(nil))
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				to.Feed(wires[i])
				for ev, ok := to.Next(); ok; ev, ok = to.Next() {
					if ev.Kind != EventData {
						b.Fatalf("%+v", ev)
					}
				}
				if i++; i == len(wires) {
					i = 0
					to = New(Client, testConfig, allParams[name]) // the stream begins anew
				}
			}
		})
	}
}

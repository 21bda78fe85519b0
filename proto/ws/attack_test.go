package ws

// This file tests the machine against the rows F and B of the list of attacks. Where a row speaks of a connection,
// package websocket tests the rest of it.

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

// allocated returns how many bytes f allocated, those that are garbage again included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// live returns how many bytes of heap are in use.
func live() uint64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// roles runs f for both ends, with a maker of such Conns and of frames from their peers.
func roles(t *testing.T, f func(t *testing.T, newConn func() *Conn, frame func(b0 byte, p string) []byte)) {
	for name, role := range map[string]Role{"server": Server, "client": Client} {
		t.Run(name, func(t *testing.T) {
			f(t, func() *Conn { return New(role, testConfig, nil) }, func(b0 byte, p string) []byte { return frame(1-role, b0, p) })
		})
	}
}

func TestAttack_F01_Masks(t *testing.T) {
	for _, b0 := range []byte{0x81, 0x82, 0x01, 0x88, 0x89, 0x8A} {
		for role, why := range map[Role]string{Server: "frame from the client is not masked", Client: "frame from the server is masked"} {
			wire := frame(role, b0, "x") // as if it came from its own side
			if got := verdict(t, func() *Conn { return New(role, testConfig, nil) }, wire); got != fmt.Sprintf("fail 1002 %q", why) {
				t.Errorf("%02x to role %d: %s", b0, role, got)
			}
		}
	}
}

func TestAttack_F02_ReservedBits(t *testing.T) {
	for _, params := range []*DeflateParams{nil, allParams["takeover"]} {
		for rsv := byte(1); rsv < 8; rsv++ {
			for _, b0 := range []byte{0x81, 0x82, 0x01, 0x80, 0x00, 0x88, 0x89, 0x8A} {
				if begins := b0&0xF == 1 || b0&0xF == 2; params != nil && rsv == RSV1 && begins {
					continue // the one use that RSV1 has
				}
				var wire []byte
				if b0&0xF == 0 {
					wire = frame(Client, 0x01, "")
				}
				wire = append(wire, frame(Client, b0|rsv<<4, "xx")...)
				if got := verdict(t, func() *Conn { return New(Server, testConfig, params) }, wire); !strings.HasPrefix(got, "fail 1002 \"RSV") {
					t.Errorf("%02x with RSV %03b: %s", b0, rsv, got)
				}
			}
		}
	}
}

func TestAttack_F03_HugeLengths(t *testing.T) {
	const tooBig = `fail 1009 "message exceeds the limit of 1048576 bytes"`
	for length, want := range map[uint64]string{
		1<<20 + 1:          tooBig,
		2 << 20:            tooBig,
		math.MaxInt32:      tooBig,
		1 << 32:            tooBig,
		1<<63 - 1:          tooBig,
		1<<63 - 15:         tooBig,
		1 << 62:            tooBig,
		1 << 63:            `fail 1002 "the top bit of the 64-bit length is set"`,
		math.MaxUint64:     `fail 1002 "the top bit of the 64-bit length is set"`,
		math.MaxUint64 - 5: `fail 1002 "the top bit of the 64-bit length is set"`,
	} {
		for name, params := range allParams {
			for _, b0 := range []byte{0x81, 0x82, 0x02, 0xC2} {
				if b0 == 0xC2 && (params == nil || length == 1<<20+1) {
					continue // compressed bytes have a little room
				}
				wire := unhex(fmt.Sprintf("%02xff%016x00000000", b0, length))
				newConn := func() *Conn { return New(Server, testConfig, params) }
				got := verdict(t, newConn, append(wire, make([]byte, 50)...))
				if got != want {
					t.Errorf("%x, %s: got %s, want %s", wire, name, got, want)
				}
				c := newConn()
				if n := allocated(func() { c.Feed(wire); c.Next() }); n > 1<<10 {
					t.Errorf("%x, %s: allocated %d bytes", wire, name, n)
				}
			}
		}
	}
}

func TestAttack_F04_ReservedOpcodes(t *testing.T) {
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, fin := range []byte{0, 0x80} {
			c := newServer(Config{})
			var ev Event
			var ok bool
			n := allocated(func() {
				c.Feed([]byte{fin | op, 0xFF}) // a 64-bit length will follow
				ev, ok = c.Next()
			})
			if !ok || ev.Kind != EventFail || ev.Code != StatusProtocolError || ev.Reason != fmt.Sprintf("reserved opcode %d", op) || n > 512 {
				t.Errorf("opcode %d: %+v, allocated %d bytes", op, ev, n)
			}
		}
	}
}

// 10,000 peers announce a gigabyte, send a little and wait.
func TestAttack_F05_AnnouncedAndSilent(t *testing.T) {
	const conns = 10_000
	wire := append(unhex("82ff 0000000040000000 00000000"), make([]byte, 100)...)
	cfg := &Config{}
	before := live()
	all := make([]*Conn, conns)
	for i := range all {
		all[i] = New(Server, cfg, nil)
		var l eventLog
		all[i].Feed(wire)
		l.drain(all[i])
		if all[i].Want() != 1<<30-100 {
			t.Fatalf("Want is %d", all[i].Want())
		}
	}
	if each := (live() - before) / conns; each > 1<<10 {
		t.Errorf("%d bytes each", each)
	}
	runtime.KeepAlive(all)
}

func TestAttack_F06_ControlFrames(t *testing.T) {
	roles(t, func(t *testing.T, newConn func() *Conn, frame func(byte, string) []byte) {
		for _, tt := range []struct {
			b0            byte
			payload, want string
		}{
			{0x89, strings.Repeat("x", 126), `fail 1002 "ping frame of more than 125 bytes"`},
			{0x8A, strings.Repeat("x", 126), `fail 1002 "pong frame of more than 125 bytes"`},
			{0x88, strings.Repeat("x", 126), `fail 1002 "close frame of more than 125 bytes"`},
			{0x89, strings.Repeat("x", 70000), `fail 1002 "ping frame of more than 125 bytes"`},
			{0x09, "", `fail 1002 "fragmented ping frame"`},
			{0x0A, "", `fail 1002 "fragmented pong frame"`},
			{0x08, "", `fail 1002 "fragmented close frame"`},
			{0x88, "\x03", `fail 1002 "close frame with 1 byte of payload"`},
			{0x88, "\x03\xe8\xc0\xaf", `fail 1007 "close reason is not UTF-8"`},
			{0x88, "\x03\xe8\xe2\x82", `fail 1007 "close reason is not UTF-8"`},
			{0x88, "\x03\xe8" + strings.Repeat("x", 123), fmt.Sprintf("close 1000 %q", strings.Repeat("x", 123))},
			{0x89, strings.Repeat("x", 125), fmt.Sprintf("ping %q", strings.Repeat("x", 125))},
		} {
			if got := verdict(t, newConn, frame(tt.b0, tt.payload)); got != tt.want {
				t.Errorf("%02x with %d bytes: got %s, want %s", tt.b0, len(tt.payload), got, tt.want)
			}
		}
		for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
			want := fmt.Sprintf(`fail 1002 "close frame with illegal code %d"`, code)
			if got := verdict(t, newConn, frame(0x88, string([]byte{byte(code >> 8), byte(code)}))); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestAttack_F08_LongForms(t *testing.T) {
	const want = `fail 1002 "length not in its shortest form"`
	for _, length := range []string{"fe 0002", "fe 007d", "ff 0000000000000002", "ff 000000000000007e", "ff 000000000000ffff"} {
		wire := append(unhex("82"+length+"00000000"), make([]byte, 1<<16)...)
		if got := verdict(t, func() *Conn { return newServer(Config{}) }, wire[:100]); got != want {
			t.Errorf("%s: got %s", length, got)
		}
		lenient := newServer(Config{AllowLongLengths: true})
		if got := feedCut(lenient, wire[:len(wire)-1], whole); !strings.HasPrefix(got[0], "binary ") {
			t.Errorf("%s, allowed: got %s", length, got[0])
		}
	}
}

func TestAttack_F09_FragmentsOutOfTurn(t *testing.T) {
	roles(t, func(t *testing.T, newConn func() *Conn, frame func(byte, string) []byte) {
		for _, tt := range []struct {
			frames string // a letter a frame: T(ext) and B(inary) begin, t and b are whole, c goes on, C ends; p(ing)
			want   string
		}{
			{"c", `fail 1002 "continuation of no message"`},
			{"C", `fail 1002 "continuation of no message"`},
			{"tC", `text "x", fail 1002 "continuation of no message"`},
			{"TCC", `text "xx", fail 1002 "continuation of no message"`},
			{"Tt", `fail 1002 "new message inside a message"`},
			{"TB", `fail 1002 "new message inside a message"`},
			{"Tpb", `ping "x", fail 1002 "new message inside a message"`},
			{"TpcpCbt", `ping "x", ping "x", text "xxx", binary "x", text "x"`},
			{"pBppC", `ping "x", ping "x", ping "x", binary "xx"`},
		} {
			var wire []byte
			for _, f := range tt.frames {
				wire = append(wire, frame(map[rune]byte{'T': 0x01, 'B': 0x02, 't': 0x81, 'b': 0x82, 'c': 0x00, 'C': 0x80, 'p': 0x89}[f], "x")...)
			}
			if got := verdict(t, newConn, wire); got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.frames, got, tt.want)
			}
		}
	})
}

// Fragments of a byte, or of none, for ever: they end at the limit, and cost nothing before it.
func TestAttack_F10_F11_EndlessFragments(t *testing.T) {
	for _, payload := range []string{"x", ""} {
		c := New(Server, testConfig, nil)
		var l eventLog
		cost := allocated(func() {
			first, next := frame(Client, 0x01, payload), frame(Client, 0x00, payload)
			c.Feed(first)
			l.drain(c)
			for range 10_000 {
				c.Feed(next)
				l.drain(c)
			}
		})
		if got := strings.Join(l.lines, ", "); got != `fail 1008 "message of more than 4096 fragments"` || l.most > 4096 {
			t.Errorf("%q: %s after %d bytes", payload, got, l.most)
		}
		if cost > 64<<10 { // of which most is the log's
			t.Errorf("%q: allocated %d bytes", payload, cost)
		}
	}
}

// A message of a MiB, a byte at a time: nothing is copied and nothing allocated on the way.
func TestAttack_F12_TinySegments(t *testing.T) {
	wire := frame(Client, 0x82, strings.Repeat("x", 1<<20))
	c := New(Server, testConfig, nil)
	size := 0
	cost := allocated(func() {
		for i := range wire {
			c.Feed(wire[i : i+1])
			for {
				ev, ok := c.Next()
				if !ok {
					break
				}
				if size += len(ev.Data); ev.MessageEnd != (i == len(wire)-1) {
					t.Fatalf("at byte %d: %+v", i, ev)
				}
			}
		}
	})
	if size != 1<<20 || cost > 1<<10 {
		t.Errorf("%d bytes came, %d were allocated", size, cost)
	}
}

func TestAttack_F17_ExactlyTheLimit(t *testing.T) {
	const limit = 70_000
	const tooBig = `fail 1009 "message exceeds the limit of 70000 bytes"`
	for _, name := range []string{"plain", "takeover"} {
		params := allParams[name]
		for _, size := range []int{limit - 1, limit, limit + 1} {
			for frames := 1; frames <= 3; frames++ {
				peer := New(Client, testConfig, params)
				p := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
				for i := range frames {
					op := OpBinary
					if i > 0 {
						op = OpContinuation
					}
					if err := peer.Send(op, i == frames-1, p[len(p)*i/frames:len(p)*(i+1)/frames]); err != nil {
						t.Fatal(err)
					}
				}
				want := "binary " + brief(p)
				if size > limit {
					want = tooBig
				}
				cfg := &Config{ReadLimit: limit}
				if got := verdict(t, func() *Conn { return New(Server, cfg, params) }, peer.Take(nil)); got != want {
					t.Errorf("%s, %d bytes in %d frames: got %s", name, size, frames, got)
				}
			}
		}
	}
}

// A ping of 125 bytes behind every fragment of a large upload, while nothing can be written: one pong waits, the last.
func TestAttack_F18_PingsInAnUpload(t *testing.T) {
	c := newServer(Config{})
	fragment := frame(Client, 0x02, string(make([]byte, 64<<10)))
	size := 0
	for i := range 320 { // 20 MiB
		payload := fmt.Sprintf("%0125d", i)
		for _, wire := range [][]byte{fragment, frame(Client, 0x89, payload)} {
			c.Feed(wire)
			for {
				ev, ok := c.Next()
				if !ok {
					break
				}
				if ev.Kind == EventData {
					size += len(ev.Data)
				} else if ev.Kind != EventPing || string(ev.Data) != payload {
					t.Fatalf("%+v", ev)
				}
			}
		}
		if c.Queued() != 2+125 {
			t.Fatalf("%d bytes wait", c.Queued())
		}
		fragment[0] = 0x00 // go on with it
	}
	if got, want := string(c.Take(nil)), "\x8A\x7D"+fmt.Sprintf("%0125d", 319); got != want || size != 320*64<<10 {
		t.Errorf("%d bytes came; answered %q", size, got)
	}
}

// Pings while nothing can be written: the memory of one.
func TestAttack_B03_PingFlood(t *testing.T) {
	roles(t, func(t *testing.T, newConn func() *Conn, frame func(byte, string) []byte) {
		c := newConn()
		wire := bytes.Repeat(frame(0x89, strings.Repeat("x", 125)), 100)
		cost := allocated(func() {
			for range 1000 { // 100,000 pings
				c.Feed(wire)
				for ok := true; ok; {
					_, ok = c.Next()
				}
			}
		})
		if c.Queued() > 6+125 || cost > 4<<10 {
			t.Errorf("%d bytes wait, %d were allocated", c.Queued(), cost)
		}
	})
}

// Pongs that nobody asked for: no answer, no memory, and the limit of frames holds for them.
func TestAttack_B04_PongFlood(t *testing.T) {
	for _, n := range []int{0, 1, 125} {
		wire := frame(Client, 0x8A, strings.Repeat("x", n))
		c := newServer(Config{FrameRate: 1_000_000})
		if cost := testing.AllocsPerRun(1000, func() {
			c.Feed(wire)
			for ok := true; ok; {
				_, ok = c.Next()
			}
		}); cost != 0 || c.Queued() != 0 {
			t.Errorf("%v allocations, %d bytes wait", cost, c.Queued())
		}
	}
	c := newServer(Config{FrameRate: 1000})
	now := time.Unix(1000, 0)
	c.Advance(now)
	if got := feedCut(c, bytes.Repeat(frame(Client, 0x8A, ""), 1001), whole); got[1000] != `fail 1008 "more than 1000 frames in a second"` {
		t.Errorf("after 1000 pongs: %s", got[1000])
	}
}

// Empty messages are messages like others: delivered, without memory, and limited by their number.
func TestAttack_F16_EmptyMessages(t *testing.T) {
	c := newServer(Config{FrameRate: 10_000})
	wire := append(frame(Client, 0x81, ""), frame(Client, 0x82, "")...)
	n := 0
	cost := testing.AllocsPerRun(1000, func() {
		c.Feed(wire)
		for {
			ev, ok := c.Next()
			if !ok {
				break
			}
			if ev.Kind != EventData || !ev.MessageEnd {
				t.Fatalf("%+v", ev)
			}
			n++
		}
	})
	if n != 2002 || cost != 0 { // AllocsPerRun runs once more, to warm up
		t.Errorf("%d messages, %v allocations each", n, cost)
	}
}

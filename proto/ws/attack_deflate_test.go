package ws

// This file tests the machine against the rows D of the list of attacks.

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// deflated returns p as the payload of a compressed message, as compress/flate writes it behind dict.
func deflated(p, dict []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, flate.BestCompression, dict)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(p)
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), deflateTail)
}

// bomb returns a payload that inflates to so many MiB of zeros, a thousandth of that in size.
func bomb(mib int) []byte {
	one := append(deflated(make([]byte, 1<<20), nil), deflateTail...)
	return bytes.TrimSuffix(bytes.Repeat(one, mib), deflateTail)
}

// fragments returns a compressed binary message of n frames.
func fragments(payload []byte, n int) []byte {
	var wire []byte
	for i := range n {
		b0 := byte(0x00)
		if i == 0 {
			b0 = 0xC2 &^ 0x80
		}
		if i == n-1 {
			b0 |= 0x80
		}
		wire = append(wire, frame(Client, b0, string(payload[len(payload)*i/n:len(payload)*(i+1)/n]))...)
	}
	return wire
}

func deflateServer(cfg *Config) func() *Conn {
	return func() *Conn { return New(Server, cfg, allParams["no takeover"]) }
}

// 512 MiB in half a MiB, against a limit of 1 MiB: what comes out stays below the limit, and so does the memory.
func TestAttack_D01_Bomb(t *testing.T) {
	payload := bomb(512)
	if len(payload) > 600_000 {
		t.Fatalf("a bomb of %d bytes", len(payload))
	}
	for _, n := range []int{1, 100} {
		wire := fragments(payload, n)
		c := deflateServer(testConfig)()
		size, last := 0, Event{}
		if cost := allocated(func() {
			c.Feed(wire)
			for ev, ok := c.Next(); ok; ev, ok = c.Next() {
				size += len(ev.Data)
				last = ev
			}
		}); cost > 1<<20 {
			t.Errorf("%d frames: allocated %d bytes", n, cost)
		}
		if work := c.rates.inflated; work > 1<<20+inflateBuf {
			t.Errorf("%d frames: inflated %d bytes", n, work)
		}
		if size > 1<<20 || last.Kind != EventFail || last.Code != StatusMessageTooBig {
			t.Errorf("%d frames: %d bytes came out, then %+v", n, size, last)
		}
	}
}

// Messages that inflate to exactly the limit are allowed, but not as many as the peer likes.
func TestAttack_D02_BombsOfTheLimit(t *testing.T) {
	c := deflateServer(&Config{ReadLimit: 1 << 20, InflateRate: 4 << 20})()
	wire := fragments(bomb(1), 1)
	now := time.Unix(1000, 0)
	for second := range 3 {
		now = now.Add(time.Second)
		c.Advance(now)
		for i := range 4 {
			if got := feedCut(c, wire, whole); !strings.HasPrefix(got[0], "binary 1048576 bytes") {
				t.Fatalf("second %d, message %d: %s", second, i, got[0])
			}
		}
	}
	c.Advance(now.Add(time.Second - 1))
	if got := feedCut(c, wire, whole); got[0] != `fail 1008 "more than 4194304 inflated bytes in a second"` {
		t.Errorf("the fifth: %s", got[0])
	}
}

// Over the limit, and garbage behind: one failure, the same for all cuts, and nothing after it.
func TestAttack_D03_BombThenGarbage(t *testing.T) {
	for _, limit := range []int64{1, 100, 40_000, 64<<10 - 1, 64 << 10, 200_000} {
		cfg := &Config{ReadLimit: limit}
		for _, size := range []int64{limit + 1, limit + 300, 3*limit + 100_000} {
			payload := append(deflated(make([]byte, size), nil), bytes.Repeat([]byte{0xFF}, 400)...)
			for _, n := range []int{1, 3} {
				want := fmt.Sprintf(`fail 1009 "message exceeds the limit of %d bytes"`, limit)
				if got := verdict(t, deflateServer(cfg), append(fragments(payload, n), fragments(payload, 1)...)); got != want {
					t.Errorf("limit %d, %d bytes, %d frames: %s", limit, size, n, got)
				}
			}
		}
	}
	// The other way round the garbage comes first.
	cfg := &Config{ReadLimit: 6}
	if got := verdict(t, deflateServer(cfg), fragments(append(unhex("f248cdc9c907"), 0xFF, 0xFF), 1)); !strings.HasPrefix(got, `fail 1007 "compressed`) {
		t.Errorf("garbage within the limit: %s", got)
	}
	// And bad text comes before the limit behind it.
	wire := frame(Client, 0xC1, string(deflated([]byte("abc\xFFxxxxxxxxxx"), nil)))
	if got := verdict(t, deflateServer(cfg), wire); got != `fail 1007 "text is not UTF-8"` {
		t.Errorf("bad text within the limit: %s", got)
	}
}

// What cannot be inflated ends the connection, and never hangs it.
func TestAttack_D04_Garbage(t *testing.T) {
	for name, payload := range map[string]string{
		"no bytes":                       "",
		"reserved block type":            "\x07",
		"stored block, bad complement":   "\x00\x05\x00\x00\x00Hello",
		"stored block, too short":        "\x00\x05\x00\xfa\xffHel",
		"dynamic block, bad code":        "\x04\xff\xff\xff\xff\xff\xff\xff\xff",
		"dynamic block, too many codes":  "\xfc\xff\xff\xff",
		"distance beyond the window":     "\xf2\x00\x11\x00\x00",
		"block that goes on":             "\xf2\x48\xcd\xc9\xc9\x07",
		"random":                         "\x95\x1b\x2c\x88\x01\xfe\x54\x6a\x00\x91",
		"message not cut where it ought": "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff",
	} {
		for _, n := range []int{1, 2, max(1, len(payload))} {
			if got := verdict(t, deflateServer(testConfig), fragments([]byte(payload), n)); !strings.HasPrefix(got, "fail 1007 ") {
				t.Errorf("%s in %d frames: %s", name, n, got)
			}
		}
	}
	// Every prefix of a message, and every byte of it changed: a message or a failure, and the same in all cuts.
	payload := deflated([]byte(`{"id":17,"text":"all work and no play makes jack a dull boy, all work and no play"}`), nil)
	for i := range payload {
		for _, p := range [][]byte{payload[:i], append(append(bytes.Clone(payload[:i]), payload[i]^0x10), payload[i+1:]...)} {
			got := verdict(t, deflateServer(testConfig), fragments(p, 1))
			if !strings.HasPrefix(got, "fail 1007 ") && !strings.HasPrefix(got, "binary ") {
				t.Errorf("%x: %s", p, got)
			}
			if i > 0 && len(p) == i && !strings.HasPrefix(got, "fail 1007 ") {
				t.Errorf("cut to %x: %s", p, got)
			}
		}
	}
}

// 500,000 empty final blocks: each could be a message's worth of work.
func TestAttack_D05_EmptyFinalBlocks(t *testing.T) {
	payload := bytes.Repeat([]byte("\x03\x00"), 500_000)
	for _, n := range []int{1, 4000} {
		wire := fragments(payload, n)
		within(t, 5*time.Second, func() { // it takes milliseconds; what is not linear takes minutes
			if got := feedCut(deflateServer(testConfig)(), wire, cuts(1, 100_000)); got[0] != `binary ""` {
				t.Errorf("%d frames: %s", n, got[0])
			}
		})
	}
	// And not for ever: compressed bytes have a limit, too.
	if got := feedCut(deflateServer(testConfig)(), fragments(bytes.Repeat(payload, 2), 1), whole); !strings.HasPrefix(got[0], "fail 1009 ") {
		t.Errorf("a million of them: %s", got[0])
	}
}

// What follows a final block belongs to the message.
func TestAttack_D06_DataBehindAFinalBlock(t *testing.T) {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	_, _ = w.Write([]byte("one "))
	_ = w.Close()
	payload := append(b.Bytes(), deflated([]byte("two"), nil)...)
	for n := range payload {
		if got := verdict(t, deflateServer(testConfig), fragments(payload, n+1)); got != `binary "one two"` {
			t.Errorf("%d frames: %s", n+1, got)
		}
	}
}

// noisy returns n bytes of which no four come twice, so that a compressor finds what it is meant to find.
func noisy(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 9))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// A reference to the message before is good where takeover was agreed, exactly as far as the window goes.
func TestAttack_D06_BackReferences(t *testing.T) {
	const size = 20
	for _, bits := range []int{8, 9, 12, 15} {
		window := 1 << bits
		first := noisy(1, window+300)
		for distance, inside := range map[int]bool{window: true, window - 1: true, size: true, window + 1: false, window + 200: false} {
			if bits == 15 && distance >= window {
				continue // compress/flate does not refer so far back, and the format hardly further
			}
			second := first[len(first)-distance:][:size]
			payload := deflated(second, first[max(0, len(first)-maxWindow):])
			if len(payload) > size/2 {
				t.Fatalf("%d bits: compress/flate did not find what is %d bytes back", bits, distance)
			}
			both := slices.Concat(deflated(first, nil), deflateTail, payload) // two blocks of one message
			if got := verdict(t, func() *Conn {
				return New(Server, testConfig, &DeflateParams{ServerMaxWindowBits: 15, ClientMaxWindowBits: bits})
			}, fragments(both, 1)); strings.HasPrefix(got, "binary ") != inside {
				t.Errorf("%d bits, %d bytes back in the same message: %s", bits, distance, got)
			}
			wire := append(fragments(deflated(first, nil), 1), fragments(payload, 1)...)
			for _, takeover := range []bool{true, false} {
				params := &DeflateParams{ClientNoContextTakeover: !takeover, ServerMaxWindowBits: 15, ClientMaxWindowBits: bits}
				got := verdict(t, func() *Conn { return New(Server, testConfig, params) }, wire)
				want := "binary " + brief(first) + `, fail 1007 "compressed message: distance beyond the window"`
				if takeover && inside {
					want = "binary " + brief(first) + ", binary " + brief(second)
				}
				if got != want {
					t.Errorf("%d bits, takeover %v, %d bytes back: %s", bits, takeover, distance, got)
				}
			}
		}
	}
}

// Inflaters are shared between connections; what one of them held never comes out at another, nor at the same one without takeover.
func TestAttack_D06_NothingLeaks(t *testing.T) {
	secret := bytes.Repeat(noisy(2, 32<<10), 3)
	for distance := 20; distance < maxWindow; distance += 2000 {
		one, other := deflateServer(testConfig)(), New(Server, testConfig, allParams["takeover"])
		if got := feedCut(one, fragments(deflated(secret, nil), 1), whole); got[0] != "binary "+brief(secret) {
			t.Fatal(got[0])
		}
		spy := deflated(secret[len(secret)-distance:][:20], secret[len(secret)-maxWindow:])
		for name, c := range map[string]*Conn{"the same": one, "another": other} {
			c.Feed(fragments(spy, 1))
			ev, ok := c.Next()
			if !ok || ev.Kind != EventFail || ev.Code != StatusInvalidFramePayloadData {
				t.Fatalf("%s connection, %d bytes back: %+v", name, distance, ev)
			}
		}
	}
}

// A compressed frame where nobody agreed on it, and an uncompressed one where it was.
func TestAttack_D08_MarkAndAgreement(t *testing.T) {
	for name, params := range allParams {
		newConn := func() *Conn { return New(Server, testConfig, params) }
		want := `text "Hello"`
		if got := verdict(t, newConn, frame(Client, 0x81, "Hello")); got != want {
			t.Errorf("%s, uncompressed: %s", name, got)
		}
		if params == nil {
			want = `fail 1002 "RSV1 set, and no extension that uses it"`
		}
		if got := verdict(t, newConn, frame(Client, 0xC1, "\xf2\x48\xcd\xc9\xc9\x07\x00")); got != want {
			t.Errorf("%s, compressed: %s", name, got)
		}
	}
}

// The limit of compressed bytes stops nobody who keeps to the limit, however badly the message is compressed.
func TestCompressedWithinTheLimit(t *testing.T) {
	for _, size := range []int{1, 100, 2000} {
		for _, piece := range []int{1, 7, 100, 2000} {
			peer := New(Client, testConfig, allParams["window 8"])
			p := noisy(3, size)
			op, frames := OpBinary, 0
			for rest := range slices.Chunk(p, piece) {
				if err := peer.Send(op, false, rest); err != nil {
					t.Fatal(err)
				}
				op = OpContinuation
				frames++
			}
			if err := peer.Send(op, true, nil); err != nil {
				t.Fatal(err)
			}
			c := New(Server, &Config{ReadLimit: int64(size)}, allParams["window 8"])
			if got := feedCut(c, peer.Take(nil), whole); got[0] != "binary "+brief(p) {
				t.Errorf("%d bytes in %d frames: %s", size, frames, got[0])
			}
		}
	}
}

package ws

// This file tests what is sent compressed: that others can read it, and that it keeps to the window agreed on.

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"
)

// slowInflater inflates by the letter of RFC 1951, a bit at a time, and notes how far matches reach back.
// It panics on what is wrong.
type slowInflater struct {
	in       []byte
	bit      int
	out      []byte
	farthest int
}

// inflateSlowly inflates the payload of a message behind history.
func inflateSlowly(payload, history []byte) (out []byte, farthest int) {
	s := &slowInflater{in: slices.Concat(payload, deflateTail), out: bytes.Clone(history)}
	for s.bit < 8*len(s.in) {
		s.block()
	}
	return s.out[len(history):], s.farthest
}

func (s *slowInflater) bits(n int) (v int) {
	for i := range n {
		v |= int(s.in[s.bit/8]>>(s.bit%8)&1) << i
		s.bit++
	}
	return v
}

func (s *slowInflater) block() {
	if s.bits(1) == 1 {
		panic("a final block: nothing of ours has one")
	}
	var lit, dist []uint8
	switch s.bits(2) {
	case 0:
		s.bit = (s.bit + 7) / 8 * 8
		n, not := s.bits(16), s.bits(16)
		if n^not != 0xFFFF {
			panic("stored block")
		}
		for range n {
			s.out = append(s.out, byte(s.bits(8)))
		}
		return
	case 1:
		lit = slices.Concat(bytes.Repeat([]byte{8}, 144), bytes.Repeat([]byte{9}, 112), bytes.Repeat([]byte{7}, 24), bytes.Repeat([]byte{8}, 8))
		dist = bytes.Repeat([]byte{5}, 30)
	case 2:
		lit, dist = s.lengths()
	default:
		panic("reserved block type")
	}
	litCode, distCode := newSlowCode(lit), newSlowCode(dist)
	for {
		sym := s.symbol(litCode)
		switch {
		case sym == 256:
			return
		case sym < 256:
			s.out = append(s.out, byte(sym))
		default:
			s.match(sym, distCode)
		}
	}
}

// match reads the rest of a match and copies it.
func (s *slowInflater) match(sym int, dist *slowCode) {
	length := sym - 254
	if sym == 285 {
		length = 258
	} else if sym > 264 {
		extra := (sym - 261) / 4
		length = 3 + (4+(sym-265)%4)<<extra + s.bits(extra)
	}
	d := s.symbol(dist)
	distance := d + 1
	if d > 3 {
		extra := d/2 - 1
		distance = 1 + (2+d%2)<<extra + s.bits(extra)
	}
	s.farthest = max(s.farthest, distance)
	for range length {
		s.out = append(s.out, s.out[len(s.out)-distance])
	}
}

// lengths reads the code lengths of a dynamic block.
func (s *slowInflater) lengths() (lit, dist []uint8) {
	nlit, ndist, npre := s.bits(5)+257, s.bits(5)+1, s.bits(4)+4
	pre := make([]uint8, 19)
	for _, sym := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:npre] {
		pre[sym] = uint8(s.bits(3))
	}
	preCode := newSlowCode(pre)
	var all []uint8
	for len(all) < nlit+ndist {
		switch sym := s.symbol(preCode); sym {
		case 16:
			all = append(all, bytes.Repeat(all[len(all)-1:], 3+s.bits(2))...)
		case 17:
			all = append(all, make([]uint8, 3+s.bits(3))...)
		case 18:
			all = append(all, make([]uint8, 11+s.bits(7))...)
		default:
			all = append(all, uint8(sym))
		}
	}
	return all[:nlit], all[nlit:]
}

// slowCode is a canonical code: how many codes there are of each length, and the symbols in the order of their codes.
type slowCode struct {
	count   [16]int
	symbols []int
}

func newSlowCode(lengths []uint8) *slowCode {
	c := new(slowCode)
	for length := uint8(1); length <= 15; length++ {
		for sym, l := range lengths {
			if l == length {
				c.count[length]++
				c.symbols = append(c.symbols, sym)
			}
		}
	}
	return c
}

// symbol reads a symbol.
func (s *slowInflater) symbol(c *slowCode) int {
	code, first, index := 0, 0, 0
	for length := 1; length <= 15; length++ {
		code |= s.bits(1)
		if n := c.count[length]; code-first < n {
			return c.symbols[index+code-first]
		}
		index += c.count[length]
		first = (first + c.count[length]) << 1
		code <<= 1
	}
	panic("no such code")
}

// TestInflateSlowly shows that the reference knows its job.
func TestInflateSlowly(t *testing.T) {
	for _, p := range [][]byte{nil, []byte("Hello"), bytes.Repeat([]byte("all work and no play "), 3000), noisy(4, 5000), make([]byte, 70_000)} {
		if out, _ := inflateSlowly(deflated(p, nil), nil); !bytes.Equal(out, p) {
			t.Errorf("%s became %s", brief(p), brief(out))
		}
	}
	p := noisy(4, 1000)
	if out, farthest := inflateSlowly(deflated(p[:50], p), p); !bytes.Equal(out, p[:50]) || farthest != 1000 {
		t.Errorf("%s, %d bytes back", brief(out), farthest)
	}
}

// sentMessage is a message as it stands on the wire.
type sentMessage struct {
	op         Opcode
	compressed bool
	payload    []byte // unmasked
}

// messagesOf takes wire apart.
func messagesOf(t *testing.T, wire []byte) (list []sentMessage) {
	t.Helper()
	open := false
	for len(wire) > 0 {
		h, n, err := ParseHeader(wire)
		if n == 0 || err != nil || h.Length > int64(len(wire)-n) || (h.Opcode == OpContinuation) != open || open && h.RSV != 0 {
			t.Fatalf("bad frame %+v, %v", h, err)
		}
		p := bytes.Clone(wire[n : n+int(h.Length)])
		wire = wire[n+int(h.Length):]
		if h.Masked {
			maskSlow(p, h.Mask, 0)
		}
		if !open {
			list = append(list, sentMessage{op: h.Opcode, compressed: h.RSV == RSV1})
		}
		m := &list[len(list)-1]
		m.payload = append(m.payload, p...)
		open = !h.Fin
	}
	return list
}

// checkWire holds what was sent against the messages it ought to be, with compress/flate and with the slow inflater.
func checkWire(t *testing.T, wire []byte, want [][]byte, takeover bool, window int) {
	t.Helper()
	var history []byte
	list := messagesOf(t, wire)
	if len(list) != len(want) {
		t.Fatalf("%d messages on the wire, want %d", len(list), len(want))
	}
	for i, m := range list {
		if !m.compressed {
			if !bytes.Equal(m.payload, want[i]) {
				t.Fatalf("message %d is %s, want %s", i, brief(m.payload), brief(want[i]))
			}
			continue
		}
		if !takeover {
			history = nil
		}
		history = history[max(0, len(history)-window):]
		out, farthest := inflateSlowly(m.payload, history)
		if !bytes.Equal(out, want[i]) || farthest > window {
			t.Fatalf("message %d is %s, %d bytes back; want %s and a window of %d", i, brief(out), farthest, brief(want[i]), window)
		}
		stream := slices.Concat(m.payload, deflateTail, []byte{0x01, 0x00, 0x00, 0xFF, 0xFF})
		if out, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(stream), history)); !bytes.Equal(out, want[i]) || err != nil {
			t.Fatalf("message %d is %s, %v for compress/flate; want %s", i, brief(out), err, brief(want[i]))
		}
		history = append(history, want[i]...)
	}
}

// deflateCase is a way to agree on permessage-deflate and to use it.
type deflateCase struct {
	role             Role // of the sender
	params           DeflateParams
	level, threshold int
}

// converse has a Conn send messages made of data in all sorts of ways, checks the wire, and has another Conn read it.
func (d deflateCase) converse(t *testing.T, data []byte, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	from := New(d.role, &Config{Level: d.level, Threshold: d.threshold, MaskKey: maskKey}, &d.params)
	var want [][]byte
	var lines []string
	for range 2 + r.IntN(6) {
		p := material(r, data)
		op := OpBinary
		if utf8.Valid(p) {
			op = OpText
		}
		if err := sendSomehow(from, r, op, p); err != nil {
			t.Fatal(err)
		}
		want = append(want, p)
		lines = append(lines, fmt.Sprintf("%v %s", op, brief(p)))
	}
	takeover, window := !d.params.ServerNoContextTakeover, 1<<d.params.ServerMaxWindowBits
	if d.role == Client {
		takeover, window = !d.params.ClientNoContextTakeover, 1<<d.params.ClientMaxWindowBits
	}
	wire := from.Take(nil)
	checkWire(t, wire, want, takeover, window)
	for _, cut := range []func() int{whole, cuts(seed, 700)} {
		if got := feedCut(New(1-d.role, testConfig, &d.params), wire, cut); !slices.Equal(got[:len(got)-1], lines) {
			t.Fatal(firstDifference(got, lines))
		}
	}
}

// material makes a message of data: parts of it, over and over, and at times a lot.
func material(r *rand.Rand, data []byte) (p []byte) {
	for range r.IntN(5) {
		if len(data) == 0 {
			break
		}
		from := r.IntN(len(data))
		part := data[from : from+r.IntN(len(data)-from)+1]
		p = append(p, bytes.Repeat(part, 1+r.IntN(4)*r.IntN(20))...)
	}
	p = p[:min(len(p), 10_000)]
	if r.IntN(20) == 0 { // more than any window
		p = slices.Concat(p, noisy(r.Uint64(), r.IntN(40_000)), p)
	}
	return p
}

// sendSomehow sends p in one frame or in several, prepared or not, compressed or not.
func sendSomehow(c *Conn, r *rand.Rand, op Opcode, p []byte) error {
	switch r.IntN(6) {
	case 0:
		return c.SendUncompressed(op, true, p)
	case 1:
		return c.SendPrepared(Prepare(op, p).Deflate())
	case 2, 3:
		for r.IntN(3) > 0 {
			n := r.IntN(len(p) + 1)
			if err := c.Send(op, false, p[:n]); err != nil {
				return err
			}
			op, p = OpContinuation, p[n:]
		}
	}
	return c.Send(op, true, p)
}

// What one Conn sends, everybody reads: each role, window, level and threshold, with takeover and without.
func TestDeflateForEverybody(t *testing.T) {
	data := []byte(`{"type":"update","user":{"id":17,"name":"Ada"},"text":"all work and no play makes jack a dull boy"}`)
	for _, bits := range []int{8, 9, 12, 15} {
		for level := range 10 {
			for _, i := range []int{(bits + level) % 4, (bits + level + 3) % 4} { // both roles, with takeover and without in turn
				d := deflateCase{Role(i & 1), DeflateParams{i&2 == 0, i&2 == 0, bits, bits}, level, level * 10}
				t.Run(fmt.Sprintf("%+v", d), func(t *testing.T) { d.converse(t, data, uint64(bits*10+level)) })
			}
		}
	}
}

// FuzzDeflate is TestDeflateForEverybody with what the fuzzer likes.
func FuzzDeflate(f *testing.F) {
	for i := range 16 {
		f.Add([]byte(`{"type":"update","user":{"id":17,"name":"Ada"}}`), uint64(i), uint16(i*0x1357))
		f.Add([]byte("\x00\xff\x01aaaa"), uint64(i), uint16(i*0x2468))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, options uint16) {
		d := deflateCase{
			role: Role(options & 1),
			params: DeflateParams{
				ServerNoContextTakeover: options&2 != 0, ClientNoContextTakeover: options&4 != 0,
				ServerMaxWindowBits: 8 + int(options>>3&7), ClientMaxWindowBits: 8 + int(options>>6&7),
			},
			level:     int(options>>9&15) % 10,
			threshold: []int{0, 10, 64, 1000}[options>>13&3],
		}
		d.converse(t, data, seed)
	})
}

// A Prepared means what Send means, whoever sends it, and is not changed by that.
func TestPrepared(t *testing.T) {
	long := bytes.Repeat([]byte("all work and no play "), 100)
	for _, data := range [][]byte{nil, []byte("hi"), long, noisy(5, 1000), make([]byte, 33_000)} {
		for name, params := range allParams {
			for _, role := range []Role{Server, Client} {
				for _, p := range []*Prepared{Prepare(OpBinary, data), Prepare(OpBinary, data).Deflate()} {
					plain, deflated := bytes.Clone(p.plain), bytes.Clone(p.deflated)
					c := New(role, testConfig, params)
					for range 2 {
						if err := c.SendPrepared(p); err != nil {
							t.Fatal(err)
						}
						if err := c.Send(OpBinary, true, data); err != nil {
							t.Fatal(err)
						}
					}
					want := "binary " + brief(data)
					got := feedCut(New(1-role, testConfig, params), c.Take(nil), whole)
					if !slices.Equal(got[:len(got)-1], []string{want, want, want, want}) {
						t.Errorf("%s from role %d: %q", name, role, got)
					}
					if !bytes.Equal(p.plain, plain) || !bytes.Equal(p.deflated, deflated) || p.Len() != len(data) {
						t.Errorf("%s from role %d: sending changed it", name, role)
					}
				}
			}
		}
	}
	p := Prepare(OpText, long).Deflate()
	for _, tt := range []struct {
		name       string
		params     *DeflateParams
		threshold  int
		compressed bool
	}{
		{"not agreed on", nil, 0, false},
		{"agreed on", allParams["takeover"], len(long), true},
		{"below the threshold", allParams["takeover"], len(long) + 1, false},
		{"longer than the window", allParams["window 10"], 0, false},
	} {
		c := New(Server, &Config{Threshold: tt.threshold}, tt.params)
		if err := c.SendPrepared(p); err != nil {
			t.Fatal(err)
		}
		if m := messagesOf(t, c.Take(nil))[0]; m.compressed != tt.compressed {
			t.Errorf("%s: compressed %v", tt.name, m.compressed)
		}
	}
}

// What was sent compressed, in whatever way, is what the next message is compressed with; what was not, is not.
func TestTakeoverTakesOver(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, level := range []int{0, 1, 9} {
		c, peer := New(Server, &Config{Level: level}, allParams["takeover"]), New(Client, testConfig, allParams["takeover"])
		a, b, other := record(r), record(r), noisy(7, 200)
		for i, s := range []struct {
			send func() error
			want []byte
			most int // bytes on the wire
		}{
			{func() error { return c.Send(OpBinary, true, bytes.Repeat(a, 2)) }, bytes.Repeat(a, 2), 250},
			{func() error { return c.Send(OpBinary, true, a) }, a, 30},
			{func() error { return c.SendPrepared(Prepare(OpBinary, bytes.Repeat(b, 2)).Deflate()) }, bytes.Repeat(b, 2), 250},
			{func() error { return c.Send(OpBinary, true, a) }, a, 30},
			{func() error { return c.Send(OpBinary, true, b) }, b, 30},
			{func() error { return c.SendUncompressed(OpBinary, true, other) }, other, 210},
			{func() error { return c.Send(OpBinary, true, other) }, other, 210},
			{func() error { return c.Send(OpBinary, true, b) }, b, 30},
		} {
			if err := s.send(); err != nil {
				t.Fatal(err)
			}
			wire := c.Take(nil)
			if len(wire) > s.most {
				t.Errorf("level %d, message %d: %d bytes on the wire", level, i, len(wire))
			}
			if got := feedCut(peer, wire, whole); got[0] != "binary "+brief(s.want) {
				t.Fatalf("level %d, message %d: %s", level, i, got[0])
			}
		}
		for range 100 {
			_ = c.Send(OpText, true, record(r))
			feedCut(peer, c.Take(nil), cuts(1, 50))
		}
		if n := cap(c.deflate.tail); n > maxTail {
			t.Errorf("level %d: %d bytes kept of what was sent", level, n)
		}
		if n := cap(peer.inflate.history); n > maxWindow {
			t.Errorf("level %d: %d bytes kept of what came", level, n)
		}
	}
}

// A prepared message is a copy.
func TestPreparedIsACopy(t *testing.T) {
	data := []byte("hello")
	p := Prepare(OpText, data)
	data[0] = 'j'
	c := newServer(Config{})
	if err := c.SendPrepared(p); err != nil {
		t.Fatal(err)
	}
	if got := c.Take(nil); string(got[2:]) != "hello" {
		t.Errorf("sent %q", got[2:])
	}
}

// What shrinks is sent compressed, what does not is sent as it is; and the threshold holds for messages in one frame.
func TestThreshold(t *testing.T) {
	for _, tt := range []struct {
		p          []byte
		fragments  bool
		compressed bool
	}{
		{bytes.Repeat([]byte("a"), 99), false, false},
		{bytes.Repeat([]byte("a"), 100), false, true},
		{bytes.Repeat([]byte("a"), 99), true, true},
		{noisy(6, 200), false, false},
		{nil, false, false},
	} {
		for name, params := range allParams {
			c := New(Server, &Config{Threshold: 100}, params)
			op, p := OpBinary, tt.p
			if tt.fragments {
				_ = c.Send(op, false, p[:50])
				op, p = OpContinuation, p[50:]
			}
			if err := c.Send(op, true, p); err != nil {
				t.Fatal(err)
			}
			if m := messagesOf(t, c.Take(nil))[0]; m.compressed != (tt.compressed && params != nil) {
				t.Errorf("%s, %s, fragments %v: compressed %v", name, brief(tt.p), tt.fragments, m.compressed)
			}
		}
	}
}

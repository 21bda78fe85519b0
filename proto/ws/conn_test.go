package ws

// This file tests the machine as a whole: two Conns that talk, the cut property, what a caller may do wrong, the fuzzer.

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func maskKey() [4]byte { return [4]byte{0xA1, 0xB2, 0xC3, 0xD4} }

var testConfig = &Config{ReadLimit: 1 << 20, MaxFragments: 4096, MaskKey: maskKey}

// newServer makes a Server with cfg for want of anything else to say.
func newServer(cfg Config) *Conn {
	cfg.MaskKey = maskKey
	return New(Server, &cfg, nil)
}

// eventLog is what a run of events meant, whatever the pieces: a line a message, control frame or end.
type eventLog struct {
	lines   []string
	message []byte
	most    int // bytes of the longest message, finished or not
}

func (l *eventLog) drain(c *Conn) {
	for {
		ev, ok := c.Next()
		if !ok {
			return
		}
		switch ev.Kind {
		case EventData:
			l.message = append(l.message, ev.Data...)
			l.most = max(l.most, len(l.message))
			if ev.MessageEnd {
				l.lines = append(l.lines, fmt.Sprintf("%v %s", ev.Opcode, brief(l.message)))
				l.message = l.message[:0]
			}
		case EventPing:
			l.lines = append(l.lines, fmt.Sprintf("ping %q", ev.Data))
		case EventPong:
			l.lines = append(l.lines, fmt.Sprintf("pong %q", ev.Data))
		case EventClose:
			l.lines = append(l.lines, fmt.Sprintf("close %d %q", ev.Code, ev.Reason))
		case EventFail:
			l.lines = append(l.lines, fmt.Sprintf("fail %d %q", ev.Code, ev.Reason))
		}
	}
}

// brief is a message as one short word.
func brief(p []byte) string {
	if len(p) <= 100 {
		return fmt.Sprintf("%q", p)
	}
	return fmt.Sprintf("%d bytes, sum %x", len(p), crc32.ChecksumIEEE(p))
}

// feedCut feeds wire to c in pieces that cut says the sizes of, and returns what it meant and, as the last lines, what c has
// to send and whether it is over.
func feedCut(c *Conn, wire []byte, cut func() int) []string {
	var l eventLog
	for rest := wire; len(rest) > 0; {
		n := min(max(1, cut()), len(rest))
		piece := bytes.Clone(rest[:n])
		c.Feed(piece)
		l.drain(c)
		for i := range piece { // the machine may not rely on what it was fed any more
			piece[i] = 0xAA
		}
		rest = rest[n:]
	}
	queued := c.Queued()
	out := c.Take(nil)
	if len(out) != queued {
		l.lines = append(l.lines, fmt.Sprintf("Queued said %d bytes, Take gave %d", queued, len(out)))
	}
	l.lines = append(l.lines, fmt.Sprintf("sent %x", out))
	if c.Finished() {
		l.lines = append(l.lines, "over")
	}
	return l.lines
}

func firstDifference(got, want []string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	line := func(l []string) string {
		if i < len(l) {
			return l[i]
		}
		return "nothing"
	}
	return fmt.Sprintf("line %d is %s, want %s", i, line(got), line(want))
}

func whole() int { return math.MaxInt }
func one() int   { return 1 }

// cuts returns short pieces of random sizes.
func cuts(seed uint64, longest int) func() int {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() int { return 1 + r.IntN(longest) }
}

// checkCuts checks the property that makes the machine true: however the bytes are cut, they mean the same.
// It returns what they mean.
func checkCuts(t testing.TB, newConn func() *Conn, wire []byte) []string {
	t.Helper()
	want := feedCut(newConn(), wire, whole)
	for name, cut := range map[string]func() int{
		"one byte at a time": one, "short pieces": cuts(1, 9), "pieces": cuts(2, 80), "long pieces": cuts(3, 3000),
	} {
		if got := feedCut(newConn(), wire, cut); !slices.Equal(got, want) {
			t.Errorf("%s: %s", name, firstDifference(got, want))
		}
	}
	return want
}

// verdict is what checkCuts returns, without what was sent, as one line: `text "a", fail 1002 "why"`.
func verdict(t testing.TB, newConn func() *Conn, wire []byte) string {
	t.Helper()
	lines := checkCuts(t, newConn, wire)
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "over" || strings.HasPrefix(s, "sent ") }), ", ")
}

// frame makes a frame of a client, masked with the key 0, which leaves p readable, or of a server.
func frame(from Role, b0 byte, p string) []byte {
	h := Header{Fin: b0&0x80 != 0, RSV: b0 >> 4 & 7, Opcode: Opcode(b0 & 0xF), Masked: from == Client, Length: int64(len(p))}
	return append(AppendHeader(nil, h), p...)
}

// allParams are the ways in which permessage-deflate can be agreed on; nil: not at all.
var allParams = map[string]*DeflateParams{
	"plain":       nil,
	"takeover":    {ServerMaxWindowBits: 15, ClientMaxWindowBits: 15},
	"no takeover": {ServerMaxWindowBits: 15, ClientMaxWindowBits: 15, ServerNoContextTakeover: true, ClientNoContextTakeover: true},
	"window 10":   {ServerMaxWindowBits: 10, ClientMaxWindowBits: 10},
	"window 8":    {ServerMaxWindowBits: 8, ClientMaxWindowBits: 8},
}

func TestConversation(t *testing.T) {
	long := strings.Repeat(`{"id":17,"text":"all work and no play"} `, 300)
	noisy := make([]byte, 1<<16) // as long as needs a 64-bit length
	for i, r := 0, rand.New(rand.NewPCG(1, 1)); i < len(noisy); i++ {
		noisy[i] = byte(r.Uint32())
	}
	for name, params := range allParams {
		for _, level := range []int{0, 9} {
			for _, role := range []Role{Server, Client} {
				if params == nil && level > 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s/level %d/from %d", name, level, role), func(t *testing.T) {
					cfg := *testConfig
					cfg.Level = level
					from := New(role, &cfg, params)
					var want []string
					send := func(op Opcode, fin bool, p string) {
						if err := from.Send(op, fin, []byte(p)); err != nil {
							t.Fatal(err)
						}
					}
					for i := range 20 {
						message := fmt.Sprintf(`{"id":%d,"text":"good morning, good morning"}`, i)
						send(OpText, true, message)
						want = append(want, fmt.Sprintf("text %q", message))
					}
					send(OpText, true, "")
					want = append(want, `text ""`)
					if params == nil {
						send(OpBinary, true, string(noisy))
						want = append(want, "binary "+brief(noisy))
					}
					send(OpText, false, long[:1000])
					send(OpPing, true, "hi")
					send(OpContinuation, false, long[1000:9000])
					send(OpContinuation, false, "")
					send(OpContinuation, true, long[9000:])
					send(OpText, false, "")
					send(OpContinuation, true, "")
					if err := from.SendUncompressed(OpText, true, []byte("secret")); err != nil {
						t.Fatal(err)
					}
					send(OpText, true, long)
					if err := from.Close(StatusNormalClosure, "bye"); err != nil {
						t.Fatal(err)
					}
					answers := New(1-role, testConfig, nil)
					if err := answers.Send(OpPong, true, []byte("hi")); err != nil {
						t.Fatal(err)
					}
					_ = answers.Close(StatusNormalClosure, "")
					want = append(want, `ping "hi"`, "text "+brief([]byte(long)), `text ""`, `text "secret"`, "text "+brief([]byte(long)),
						`close 1000 "bye"`, fmt.Sprintf("sent %x", answers.Take(nil)), "over")
					got := checkCuts(t, func() *Conn { return New(1-role, testConfig, params) }, from.Take(nil))
					if !slices.Equal(got, want) {
						t.Error(firstDifference(got, want))
					}
				})
			}
		}
	}
}

// What a caller does wrong is an error, and nothing is queued.
func TestSendMistakes(t *testing.T) {
	long := make([]byte, 126)
	open := func(c *Conn) { _ = c.Send(OpText, false, nil) }
	closed := func(c *Conn) { _ = c.Close(StatusNormalClosure, "") }
	fed := func(wire ...byte) func(c *Conn) {
		return func(c *Conn) { feedCut(c, wire, whole) }
	}
	send := func(op Opcode, fin bool, p []byte) func(c *Conn) error {
		return func(c *Conn) error { return c.Send(op, fin, p) }
	}
	tests := []struct {
		name   string
		before func(c *Conn)
		do     func(c *Conn) error
		want   error
	}{
		{"a long ping", nil, send(OpPing, true, long), ErrControlPayload},
		{"a fragmented ping", nil, send(OpPing, false, nil), ErrControlPayload},
		{"a long pong", nil, send(OpPong, true, long), ErrControlPayload},
		{"a close frame", nil, send(OpClose, true, nil), ErrOpcode},
		{"opcode 3", nil, send(3, true, nil), ErrOpcode},
		{"opcode 11", nil, send(11, true, nil), ErrOpcode},
		{"opcode 16", nil, send(16, true, nil), ErrOpcode},
		{"a continuation of nothing", nil, send(OpContinuation, true, nil), ErrNoMessageOpen},
		{"a message in a message", open, send(OpBinary, true, nil), ErrMessageOpen},
		{"a prepared message in a message", open, func(c *Conn) error { return c.SendPrepared(Prepare(OpText, nil)) }, ErrMessageOpen},
		{"a header in a message", open, func(c *Conn) error { return c.SendHeader(OpText, 1) }, ErrMessageOpen},
		{"a header of a continuation", open, func(c *Conn) error { return c.SendHeader(OpContinuation, 1) }, ErrOpcode},
		{"a header of a ping", nil, func(c *Conn) error { return c.SendHeader(OpPing, 1) }, ErrOpcode},
		{"a prepared continuation", open, func(c *Conn) error { return c.SendPrepared(Prepare(OpContinuation, nil)) }, ErrOpcode},
		{"a message after Close", closed, send(OpText, true, nil), ErrCloseSent},
		{"a ping after Close", closed, send(OpPing, true, nil), ErrCloseSent},
		{"a header after Close", closed, func(c *Conn) error { return c.SendHeader(OpText, 1) }, ErrCloseSent},
		{"Close after Close", closed, func(c *Conn) error { return c.Close(StatusGoingAway, "") }, ErrCloseSent},
		{"a message after the peer's close frame", fed(0x88, 0x80, 0, 0, 0, 0), send(OpText, true, nil), ErrCloseSent},
		{"a message after the peer's mistake", fed(0x83, 0x80), send(OpText, true, nil), ErrCloseSent},
		{"Close with 1006", nil, func(c *Conn) error { return c.Close(StatusAbnormalClosure, "") }, ErrStatusCode},
		{"Close with 999", nil, func(c *Conn) error { return c.Close(999, "") }, ErrStatusCode},
	}
	for name, params := range allParams {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				c := New(Server, testConfig, params)
				if tt.before != nil {
					tt.before(c)
					c.Take(nil)
				}
				if err := tt.do(c); err != tt.want {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if out := c.Take(nil); len(out) > 0 {
					t.Errorf("it queued %x", out)
				}
			})
		}
	}
}

// A message in fragments is still open after a mistake in it, and a control frame may stand between them.
func TestSendAfterMistake(t *testing.T) {
	c := newServer(Config{})
	for _, s := range []struct {
		op   Opcode
		fin  bool
		want error
	}{
		{OpText, false, nil}, {OpText, true, ErrMessageOpen}, {OpPing, true, nil}, {OpContinuation, false, nil},
		{OpBinary, false, ErrMessageOpen}, {OpContinuation, true, nil}, {OpContinuation, true, ErrNoMessageOpen}, {OpBinary, true, nil},
	} {
		if err := c.Send(s.op, s.fin, nil); err != s.want {
			t.Errorf("%v: got %v, want %v", s.op, err, s.want)
		}
	}
	if got, want := fmt.Sprintf("%x", c.Take(nil)), "01008900000080008200"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// SetReadLimit holds from the next frame on, up and down.
func TestSetReadLimit(t *testing.T) {
	for name, params := range allParams {
		t.Run(name, func(t *testing.T) {
			peer := New(Client, testConfig, params)
			c := New(Server, &Config{ReadLimit: 10}, params)
			step := func(op Opcode, fin bool, n int, want string) {
				t.Helper()
				if err := peer.Send(op, fin, bytes.Repeat([]byte("x"), n)); err != nil {
					t.Fatal(err)
				}
				got := feedCut(c, peer.Take(nil), whole)
				if got := strings.Join(got[:len(got)-1], ", "); !strings.HasPrefix(got, want) {
					t.Errorf("%d bytes: got %s, want %s", n, got, want)
				}
			}
			step(OpText, true, 10, `text "xxxxxxxxxx"`)
			step(OpText, false, 10, "")
			c.SetReadLimit(20)
			step(OpContinuation, true, 10, `text "xxxxxxxxxx`)
			step(OpText, false, 20, "")
			c.SetReadLimit(-1)
			step(OpContinuation, true, 2000, "text 2")
			step(OpText, false, 20, "")
			c.SetReadLimit(math.MaxInt64)
			step(OpContinuation, false, 2000, "")
			c.SetReadLimit(19)
			step(OpContinuation, true, 0, `fail 1009 "message exceeds the limit of 19 bytes"`)
		})
	}
}

// Take hands out what was queued and goes on in the buffer that it is given; Lend gives a larger one, with what is queued.
func TestBuffers(t *testing.T) {
	c := newServer(Config{})
	send := func() {
		t.Helper()
		if err := c.Send(OpBinary, true, []byte("12345678")); err != nil {
			t.Fatal(err)
		}
	}
	mine, large := make([]byte, 3, 64), make([]byte, 0, 1000)
	if out := c.Take(mine); len(out) != 0 || c.Room() != 64 {
		t.Errorf("took %x of nothing, then there is room for %d bytes", out, c.Room())
	}
	send()
	if got := c.Lend(large); &got[0] != &mine[0] || c.Room() != 990 {
		t.Errorf("Lend returned another buffer than the one that was filled, or there is room for %d bytes", c.Room())
	}
	if got := c.Lend(make([]byte, 10)); cap(got) != 10 {
		t.Error("Lend took a smaller buffer")
	}
	send()
	if out := c.Take(mine); string(out[2:10]) != "12345678" || string(out[12:]) != "12345678" || &out[0] != &large[:1][0] {
		t.Errorf("Take gave %q, not in the buffer lent", out)
	}
	send()
	if out := c.Take(nil); &out[0] != &mine[0] {
		t.Error("Take did not fill the spare buffer from its start")
	}
}

// After Close nothing of a message comes any more, not even what was fed already.
func TestCloseBetweenPieces(t *testing.T) {
	for name, params := range allParams {
		peer := New(Client, testConfig, params)
		if err := peer.Send(OpText, true, bytes.Repeat([]byte("all work and no play "), 100)); err != nil {
			t.Fatal(err)
		}
		_ = peer.Send(OpText, true, []byte("never seen"))
		_ = peer.Close(StatusGoingAway, "")
		wire := peer.Take(nil)
		for n := range min(200, len(wire)-1) {
			c := New(Server, testConfig, params)
			c.Feed(bytes.Clone(wire[:n+1]))
			c.Next()
			if err := c.Close(StatusNormalClosure, ""); err != nil {
				continue // by then the peer had closed
			}
			var l eventLog
			l.drain(c)
			c.Feed(bytes.Clone(wire[n+1:]))
			l.drain(c)
			if !slices.Equal(l.lines, []string{`close 1001 ""`}) || l.most > 0 {
				t.Fatalf("%s, closed after %d bytes: %q and %d bytes of a message", name, n+1, l.lines, l.most)
			}
		}
	}
}

// Want tells how much of a frame may be read to its place: uncompressed payload only, while it is of use.
func TestWant(t *testing.T) {
	for name, params := range allParams {
		c := New(Server, testConfig, params)
		want := func(step string, n int64) {
			t.Helper()
			if got := c.Want(); got != n {
				t.Errorf("%s, %s: Want is %d, not %d", name, step, got, n)
			}
		}
		feed := func(p []byte) { feedCut(c, p, whole) }
		want("new", 0)
		wire := frame(Client, 0x82, strings.Repeat("x", 1000))
		feed(wire[:5])
		want("in the header", 0)
		feed(wire[5:8])
		want("after the header", 1000)
		feed(wire[8:108])
		want("after 100 bytes", 900)
		feed(wire[108:])
		want("after the frame", 0)
		if params != nil {
			feed(frame(Client, 0xC2, "\x00\x00\x00")[:7])
			want("in a compressed frame", 0)
			continue
		}
		feed(wire[:100])
		_ = c.Close(StatusGoingAway, "")
		want("after Close", 0)
	}
}

// FuzzConn feeds what the fuzzer likes to a Conn in two cuts. They mean the same, no message exceeds its limit, and nothing
// comes after the end.
func FuzzConn(f *testing.F) {
	names := []string{"plain", "takeover", "no takeover", "window 10", "window 8"}
	for i, name := range names {
		for _, role := range []Role{Server, Client} {
			zero := &Config{MaskKey: func() [4]byte { return [4]byte{} }} // so that the fuzzer finds its way into payloads
			from := New(1-role, zero, allParams[name])
			for _, p := range []string{"Hello", "", "κόσμε", strings.Repeat("all work and no play ", 60)} {
				_ = from.Send(OpText, false, []byte(p[:len(p)/2]))
				_ = from.Send(OpPing, true, []byte("x"))
				_ = from.Send(OpContinuation, true, []byte(p[len(p)/2:]))
				_ = from.Send(OpBinary, true, []byte(p))
			}
			_ = from.Close(StatusNormalClosure, "bye")
			f.Add(from.Take(nil), uint64(i), byte(role)<<7|byte(i))
			f.Add(append(frame(1-role, 0xC1, "\xf2\x48\xcd\xc9\xc9\x07\x00"), frame(1-role, 0xC1, "\xf2\x00\x11\x00\x00")...), uint64(i), byte(role)<<7|byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64, options byte) {
		role := Role(options >> 7)
		params := allParams[names[int(options&0xF)%len(names)]]
		cfg := &Config{ReadLimit: 3000, MaxFragments: 5, MaskKey: maskKey, AllowLongLengths: options&0x10 != 0}
		if options&0x20 != 0 {
			cfg.FrameRate = 6
		}
		if options&0x40 != 0 {
			cfg.InflateRate = 4000
		}
		newConn := func() *Conn { return New(role, cfg, params) }
		want := feedCut(newConn(), wire, whole)
		for _, cut := range []func() int{one, cuts(seed, 1+len(wire)/4)} {
			if got := feedCut(newConn(), wire, cut); !slices.Equal(got, want) {
				t.Error(firstDifference(got, want))
			}
		}
		c := newConn()
		var l eventLog
		c.Feed(bytes.Clone(wire))
		l.drain(c)
		if l.most > 3000 {
			t.Errorf("a message of %d bytes", l.most)
		}
		if c.Queued() > 2*(4+2+MaxControlPayload) { // the latest pong and the close frame
			t.Errorf("%d bytes queued", c.Queued())
		}
		if ended := len(l.lines) > 0 && (strings.HasPrefix(l.lines[len(l.lines)-1], "close") || strings.HasPrefix(l.lines[len(l.lines)-1], "fail")); ended != c.Finished() {
			t.Errorf("Finished is %v after %q", c.Finished(), l.lines)
		}
		for _, line := range l.lines[:max(0, len(l.lines)-1)] {
			if strings.HasPrefix(line, "close") || strings.HasPrefix(line, "fail") {
				t.Errorf("more events after %s", line)
			}
		}
	})
}

// Advance starts a new second when one has passed since the last began, and never for a clock that goes back.
func TestAdvance(t *testing.T) {
	c := newServer(Config{FrameRate: 2})
	now := time.Unix(1000, 0)
	for _, step := range []struct {
		after  time.Duration
		frames int
		want   string
	}{
		{0, 2, "pong pong"}, {time.Second, 2, "pong pong"}, {999 * time.Millisecond, 0, ""},
		{time.Millisecond, 1, "pong"}, {-time.Hour, 1, "pong"}, {time.Hour, 1, "fail"},
	} {
		now = now.Add(step.after)
		c.Advance(now)
		var kinds []string
		for _, line := range feedCut(c, bytes.Repeat(frame(Client, 0x8A, ""), step.frames), whole) {
			if kind, _, _ := strings.Cut(line, " "); kind != "sent" && kind != "over" {
				kinds = append(kinds, kind)
			}
		}
		if got := strings.Join(kinds, " "); got != step.want {
			t.Errorf("%v later, %d frames: got %q, want %q", step.after, step.frames, got, step.want)
		}
	}
}

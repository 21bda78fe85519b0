package ws

// This file tests the machine: two Conns that talk, the cut property, and what it costs.

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func maskKey() [4]byte { return [4]byte{0xA1, 0xB2, 0xC3, 0xD4} }

var testConfig = &Config{ReadLimit: 1 << 20, MaxFragments: 4096, MaskKey: maskKey}

// log is what a run of events meant, whatever the pieces: a line a message, control frame or end.
type eventLog struct {
	lines   []string
	message []byte
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
			if ev.MessageEnd {
				l.lines = append(l.lines, fmt.Sprintf("%v %s", ev.Opcode, brief(l.message)))
				l.message = l.message[:0]
			}
		case EventPing:
			l.lines = append(l.lines, fmt.Sprintf("ping %q", ev.Data))
		case EventPong:
			l.lines = append(l.lines, fmt.Sprintf("pong %q", ev.Data))
		case EventClose:
			l.lines = append(l.lines, fmt.Sprintf("close %v %q", ev.Code, ev.Reason))
		case EventFail:
			l.lines = append(l.lines, fmt.Sprintf("fail %v %q", ev.Code, ev.Reason))
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

// feedCut feeds wire to c in pieces that cut says the sizes of, and returns what it meant.
func feedCut(c *Conn, wire []byte, cut func() int) []string {
	var l eventLog
	for rest := bytes.Clone(wire); len(rest) > 0; {
		n := min(max(1, cut()), len(rest))
		piece := bytes.Clone(rest[:n])
		c.Feed(piece)
		l.drain(c)
		for i := range piece { // the machine may not rely on what it was fed any more
			piece[i] = 0xAA
		}
		rest = rest[n:]
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
	return fmt.Sprintf("event %d is %s, want %s", i, line(got), line(want))
}

func whole() int { return 1 << 30 }
func one() int   { return 1 }

// checkCuts checks the property that makes the machine true: however the bytes are cut, they mean the same.
func checkCuts(t *testing.T, newConn func() *Conn, wire []byte) []string {
	t.Helper()
	want := feedCut(newConn(), wire, whole)
	if got := feedCut(newConn(), wire, one); !slices.Equal(got, want) {
		t.Errorf("one byte at a time: %s", firstDifference(got, want))
	}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		if got := feedCut(newConn(), wire, func() int { return 1 + r.IntN(1+int(seed)*7) }); !slices.Equal(got, want) {
			t.Errorf("cut with seed %d: %s", seed, firstDifference(got, want))
		}
	}
	return want
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
	long := strings.Repeat(`{"id":17,"text":"all work and no play"} `, 4000)
	noise := make([]byte, 70000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, params := range allParams {
		for _, level := range []int{0, 1, 5, 9} {
			for _, role := range []Role{Server, Client} {
				t.Run(fmt.Sprintf("%s/level %d/from %d", name, level, role), func(t *testing.T) {
					cfg := *testConfig
					cfg.Level = level
					from := New(role, &cfg, params)
					var want []string
					send := func(op Opcode, fin bool, p []byte) {
						if err := from.Send(op, fin, p); err != nil {
							t.Fatal(err)
						}
					}
					for i := range 20 {
						text := fmt.Sprintf(`{"id":%d,"text":"good morning, good morning"}`, i)
						send(OpText, true, []byte(text))
						want = append(want, fmt.Sprintf("text %q", text))
					}
					send(OpText, true, nil)
					send(OpBinary, true, noise)
					send(OpText, false, []byte(long[:1000]))
					if err := from.Send(OpPing, true, []byte("hi")); err != nil {
						t.Fatal(err)
					}
					send(OpContinuation, false, []byte(long[1000:100000]))
					send(OpContinuation, false, nil)
					send(OpContinuation, true, []byte(long[100000:]))
					send(OpText, false, nil)
					send(OpContinuation, true, nil)
					if err := from.SendUncompressed(OpText, true, []byte("secret")); err != nil {
						t.Fatal(err)
					}
					send(OpText, true, []byte(long))
					if err := from.Close(StatusNormalClosure, "bye"); err != nil {
						t.Fatal(err)
					}
					want = append(want, `text ""`, "binary "+brief(noise), `ping "hi"`, "text "+brief([]byte(long)), `text ""`,
						`text "secret"`, "text "+brief([]byte(long)), `close 1000 (normal closure) "bye"`)
					wire := from.Take(nil)
					got := checkCuts(t, func() *Conn { return New(1-role, testConfig, params) }, wire)
					if !slices.Equal(got, want) {
						t.Error(firstDifference(got, want))
					}
				})
			}
		}
	}
}

func BenchmarkEcho32(b *testing.B) {
	client, server := New(Client, testConfig, nil), New(Server, testConfig, nil)
	if err := client.Send(OpText, true, bytes.Repeat([]byte("x"), 32)); err != nil {
		b.Fatal(err)
	}
	wire := client.Take(nil)
	buf := make([]byte, len(wire))
	var spare []byte
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, wire)
		server.Feed(buf)
		for {
			ev, ok := server.Next()
			if !ok {
				break
			}
			if err := server.Send(ev.Opcode, true, ev.Data); err != nil {
				b.Fatal(err)
			}
		}
		spare = server.Take(spare)
	}
}

func BenchmarkMask64K(b *testing.B) {
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Mask(p, [4]byte{1, 2, 3, 4}, 1)
	}
}

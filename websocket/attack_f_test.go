package websocket

// This file holds the attacks of row F: frames that break the rules, or keep to them without an end.

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// violate opens a connection, sends wire and expects the code.
func (a *target) violate(code StatusCode, wire ...byte) {
	a.t.Helper()
	r := a.upgrade("/")
	defer func() { _ = r.Close() }()
	r.send(wire...)
	r.wantClose(code)
}

func TestAttack_F01_UnmaskedFrame(t *testing.T) {
	onTCPAndTLS(t, setup{}, func(a *target) { a.violate(StatusProtocolError, 0x81, 0x02, 'h', 'i') })
}

func TestAttack_F02_ReservedBits(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		for _, b0 := range []byte{0x81 | 0x40, 0x81 | 0x20, 0x81 | 0x10, 0x82 | 0x70, 0x89 | 0x40, 0x80 | 0x40} {
			a.violate(StatusProtocolError, masked(b0, []byte("hi"))...)
		}
	})
	attack(t, setup{Accept: AcceptOptions{Options: Options{Deflate: &Deflate{}}}}, func(a *target) {
		for _, wire := range [][]byte{
			masked(0x89|0x40, nil), // RSV1 on a control frame
			append(masked(0x01|0x40, deflated([]byte("hi"))), masked(0x80|0x40, nil)...), // and on a continuation
		} {
			r := a.upgrade("/", deflateField)
			r.send(wire...)
			r.wantClose(StatusProtocolError)
			_ = r.Close()
		}
	})
}

// Lengths that overflow, or that nobody has room for, are refused by the header alone.
func TestAttack_F03_AbsurdLength(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		for _, n := range []uint64{1 << 63, 1<<64 - 1, 1<<64 - 14} {
			a.violate(StatusProtocolError, longHead(0x82, n)...)
		}
		for _, n := range []uint64{1<<63 - 1, 1<<63 - 14, 1 << 62, 1 << 32, 1<<20 + 1} {
			a.violate(StatusMessageTooBig, longHead(0x82, n)...)
		}
		if n := a.grown(); n > maxLeft {
			a.t.Errorf("%d bytes of heap for what was only announced", n)
		}
	})
}

// Two bytes condemn a reserved opcode: the length need not come.
func TestAttack_F04_ReservedOpcode(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
			a.violate(StatusProtocolError, 0x80|op, 0x80|127)
		}
	})
}

// Many announce a large message and send nothing: that costs nothing, and keepalive ends it.
func TestAttack_F05_AnnouncedAndSilent(t *testing.T) {
	o := Options{ReadLimit: 1 << 31, PingInterval: 2 * time.Second, PingTimeout: 2 * time.Second}
	n := scale(300, 10000)
	attack(t, setup{Accept: AcceptOptions{Options: o}}, func(a *target) {
		list := make([]*raw, n)
		a.each(n, func(i int) {
			list[i] = a.upgrade("/sink")
			list[i].send(longHead(0x82, 1<<30)...)
			list[i].send(make([]byte, 100)...)
		})
		if grown := a.grown(); grown > int64(n)*(64<<10) {
			a.t.Errorf("%d bytes of heap for %d connections", grown, n)
		}
		eventually(a.t, "the silent are gone", func() bool { return a.server.Len() == 1 })
	})
}

func TestAttack_F06_ControlFrames(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		closeFrame := func(code uint16, reason string) []byte {
			return masked(0x88, append(binary.BigEndian.AppendUint16(nil, code), reason...))
		}
		for _, wire := range [][]byte{
			masked(0x89, make([]byte, 126)), masked(0x8A, make([]byte, 126)), masked(0x88, make([]byte, 126)),
			masked(0x09, []byte("fragment")), masked(0x08, nil),
			masked(0x88, []byte{3}),
		} {
			a.violate(StatusProtocolError, wire...)
		}
		for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535} {
			a.violate(StatusProtocolError, closeFrame(code, "")...)
		}
		a.violate(StatusInvalidFramePayloadData, closeFrame(1000, "\xc3\x28")...)
		for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999} {
			a.violate(StatusCode(code), closeFrame(code, "legal")...) // answered with the same
		}
	})
}

// Text fails at the first byte that cannot be, though its message is not over.
func TestAttack_F07_BadUTF8(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		for _, bad := range []string{"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xf5", "\xe0\x80"} {
			a.violate(StatusInvalidFramePayloadData, masked(0x01, []byte("begin"+bad))...)
			// Cut between any two bytes, in frames and in segments.
			r := a.upgrade("/")
			r.send(masked(0x01, []byte("begin"))...)
			for i := range len(bad) {
				r.send(masked(0x00, []byte{bad[i]})...)
			}
			r.wantClose(StatusInvalidFramePayloadData)
			_ = r.Close()
		}
		a.violate(StatusInvalidFramePayloadData, masked(0x81, []byte("end\xe4\xb8"))...)
		good := "Grüße, 世界, 𝄞"
		r := a.upgrade("/")
		r.send(masked(0x01, nil)...)
		for i := range len(good) {
			r.send(masked(0x00, []byte{good[i]})...)
		}
		r.send(masked(0x80, nil)...)
		r.want(0x81, good)
	})
}

func TestAttack_F08_LongLength(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		a.violate(StatusProtocolError, 0x81, 0x80|126, 0, 125, 1, 2, 3, 4)
		a.violate(StatusProtocolError, longHead(0x81, 65535)...)
		a.violate(StatusProtocolError, longHead(0x81, 0)...)
	})
}

func TestAttack_F09_Fragments(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		a.violate(StatusProtocolError, masked(0x80, []byte("of nothing"))...)
		a.violate(StatusProtocolError, append(masked(0x01, []byte("one")), text("two")...)...)
		r := a.upgrade("/")
		r.send(masked(0x01, []byte("in "))...)
		r.send(masked(0x89, []byte("now"))...)
		r.want(0x8A, "now") // before the message is over
		r.send(masked(0x80, []byte("between"))...)
		r.want(0x81, "in between")
	})
}

func fragmentFlood(t *testing.T, piece []byte) {
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		wire := masked(0x01, nil)
		for range 5000 { // 4,096 are allowed
			wire = append(wire, masked(0x00, piece)...)
		}
		go r.send(wire...)
		r.wantClose(StatusPolicyViolation)
	})
}

func TestAttack_F10_EndlessFragments(t *testing.T)      { fragmentFlood(t, []byte("x")) }
func TestAttack_F11_EndlessEmptyFragments(t *testing.T) { fragmentFlood(t, nil) }

// A message that comes a byte at a time costs its size, and is read.
func TestAttack_F12_TinySegments(t *testing.T) {
	size := scaleWork(40000, 1<<20)
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		want := bytes.Repeat([]byte("abcdefgh"), size/8)
		wire := masked(0x82, want)
		for i := range wire {
			r.send(wire[i])
		}
		if n := a.grown(); n > int64(2*size)+maxLeft {
			a.t.Errorf("%d bytes of heap for a message of %d", n, size)
		}
		r.want(0x82, string(want))
	})
}

// All unfinished messages together are held to a Budget: who needs more is sent away, until somebody is done.
func TestAttack_F13_UnfinishedMessages(t *testing.T) {
	n, size := scale(100, 1000), 256<<10
	budget := NewBudget(8 << 20)
	attack(t, setup{Accept: AcceptOptions{Options: Options{Budget: budget, CloseTimeout: 500 * time.Millisecond}}}, func(a *target) {
		list := make([]*raw, n)
		a.each(n, func(i int) {
			list[i] = a.upgrade("/sink")
			list[i].send(append(longHead(0x82, uint64(size)), make([]byte, size-1)...)...)
		})
		refused := 0
		eventually(a.t, "those over the budget are closed", func() bool {
			refused = n + 1 - a.server.Len()
			return int64(n-refused)*int64(size) <= 8<<20
		})
		if used := budget.Used(); used > 8<<20 || refused == n {
			a.t.Errorf("%d bytes used, %d of %d refused", used, refused, n)
		}
		if grown := a.grown(); grown > 16<<20 {
			a.t.Errorf("%d bytes of heap", grown)
		}
	})
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes of the budget are not given back", used)
	}
}

// A stranger gets a small limit until it has said who it is.
func TestAttack_F13_LimitBeforeLogin(t *testing.T) {
	o := Options{ReadLimit: 1 << 10}
	login := func(ctx context.Context, c *Conn) error {
		if _, err := c.Read(ctx); err != nil {
			return err
		}
		c.SetReadLimit(1 << 20)
		return echo(ctx, c)
	}
	attack(t, setup{Accept: AcceptOptions{Options: o}, Handle: login}, func(a *target) {
		a.violate(StatusMessageTooBig, masked(0x82, make([]byte, 1<<10+1))...)
		r := a.upgrade("/")
		r.send(text("me")...)
		r.send(masked(0x82, make([]byte, 1<<16))...)
		r.want(0x82, string(make([]byte, 1<<16)))
	})
}

func TestAttack_F14_Drafts(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		for _, v := range []string{"0", "7", "8", "14"} {
			resp := a.refused(request("/", "Sec-WebSocket-Version: "+v), 426)
			if got := resp.Header.Get("Sec-WebSocket-Version"); got != "13" {
				a.t.Errorf("version %s: offered %q instead", v, got)
			}
		}
		a.refused(request("/", "Sec-WebSocket-Version:", "Sec-WebSocket-Key:", "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5", "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00"), 400, 426)
	})
}

// Empty messages are messages; with a limit on frames they end.
func TestAttack_F16_EmptyMessages(t *testing.T) {
	wire := bytes.Repeat(append(masked(0x81, nil), masked(0x82, nil)...), 1000)
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		go r.send(wire...)
		for range 1000 {
			r.want(0x81, "")
			r.want(0x82, "")
		}
	})
	attack(t, setup{Accept: AcceptOptions{Options: Options{FrameRate: 1000}}, Handle: sink}, func(a *target) {
		r := a.upgrade("/")
		go r.send(wire...)
		r.wantClose(StatusPolicyViolation)
	})
}

func TestAttack_F17_LimitAndOneMore(t *testing.T) {
	const limit = 70000
	o := Options{ReadLimit: limit, Deflate: &Deflate{}}
	ways := map[string]func(p []byte) []byte{
		"one frame":  func(p []byte) []byte { return masked(0x82, p) },
		"two frames": func(p []byte) []byte { return append(masked(0x02, p[:limit/2]), masked(0x80, p[limit/2:])...) },
		"compressed": func(p []byte) []byte { return masked(0x82|0x40, deflated(p)) },
		"compressed, two frames": func(p []byte) []byte {
			q := deflated(p)
			return append(masked(0x02|0x40, q[:9]), masked(0x80, q[9:])...)
		},
	}
	attack(t, setup{Accept: AcceptOptions{Options: o}, Handle: func(ctx context.Context, c *Conn) error {
		m, err := c.Read(ctx)
		if err != nil {
			return err
		}
		return c.WriteUncompressed(ctx, Text, fmt.Append(nil, len(m.Data)))
	}}, func(a *target) {
		for name, way := range ways {
			r := a.upgrade("/", deflateField)
			r.send(way(make([]byte, limit))...)
			r.want(0x81, fmt.Sprint(limit))
			r = a.upgrade("/", deflateField)
			r.send(way(make([]byte, limit+1))...)
			r.wantClose(StatusMessageTooBig)
			if a.t.Failed() {
				a.t.Fatal(name)
			}
		}
	})
}

// Pings between all fragments of an upload are answered, the last one surely, and the message arrives.
func TestAttack_F18_PingsBetweenFragments(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		r := a.upgrade("/")
		piece := make([]byte, 256)
		go func() {
			r.send(masked(0x02, nil)...)
			for i := range 1000 {
				r.send(append(masked(0x89, fmt.Appendf(nil, "%0125d", i)), masked(0x00, piece)...)...)
			}
			r.send(masked(0x80, nil)...)
		}()
		last := ""
		for {
			b0, p, err := r.read()
			if err != nil {
				a.t.Fatal(err)
			}
			if b0 == 0x82 {
				if len(p) != 256*1000 || last != fmt.Sprintf("%0125d", 999) {
					a.t.Errorf("message of %d bytes, last pong %q", len(p), last)
				}
				return
			}
			last = string(p)
		}
	})
}

package websocket

// This file holds the attacks on framing that are a few bytes: rows F01 to F04, F06 to F09, F14 and F17.

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// broken is what breaks the connection with code, at once: without another byte from the peer.
type broken struct {
	name  string
	bytes []byte
	code  StatusCode
}

// breaks sends each to a connection of its own, whole and byte by byte.
func (a *target) breaks(cases []broken, fields ...string) {
	a.t.Helper()
	for _, c := range cases {
		for _, bytewise := range []bool{false, true} {
			t, failed := a.t, a.t.Failed()
			r := a.upgrade("/", fields...)
			if bytewise && len(c.bytes) < 1000 {
				for _, b := range c.bytes {
					r.send(b)
				}
			} else {
				r.send(c.bytes...)
			}
			if n := r.wantClose(c.code); n > 0 {
				t.Errorf("%d frames before the close frame", n)
			}
			if t.Failed() && !failed {
				t.Errorf("that was: %s", c.name)
			}
			_ = r.Close()
		}
	}
}

func cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func TestAttack_F01_Masking(t *testing.T) {
	onTCPAndTLS(t, setup{}, func(a *target) {
		a.breaks([]broken{
			{"unmasked text", []byte{0x81, 5, 'h', 'e', 'l', 'l', 'o'}, 1002},
			{"its first two bytes", []byte{0x81, 5}, 1002},
			{"unmasked ping", []byte{0x89, 0}, 1002},
			{"unmasked close", []byte{0x88, 0}, 1002},
			{"unmasked continuation", cat(masked(0x01, []byte("a")), []byte{0x80, 1, 'b'}), 1002},
		})
	})
}

// serverSends answers a handshake of our client and then sends p; it returns what the client closes with.
func serverSends(t *testing.T, p []byte, o *DialOptions) (code StatusCode, err error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	closed := make(chan StatusCode, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = nc.Close() }()
		r := newRaw(t, nc)
		req, err := http.ReadRequest(r.br)
		if err != nil {
			t.Error(err)
			return
		}
		head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			ws.AcceptKey(req.Header.Get("Sec-Websocket-Key")) + "\r\n\r\n"
		r.send(append([]byte(head), p...)...)
		b := make([]byte, 8)
		if _, err := r.br.Read(b[:8]); err == nil && b[0] == 0x88 && b[1]&0x80 != 0 {
			closed <- StatusCode(b[6]^b[2])<<8 | StatusCode(b[7]^b[3])
		} else {
			closed <- 0
		}
	}()
	c, err := Dial(testContext(t), "ws://"+ln.Addr().String(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Read(testContext(t))
	code = <-closed
	<-c.isGone()
	return code, err
}

func TestAttack_F01_MaskedToClient(t *testing.T) {
	for _, p := range [][]byte{text("hello"), masked(0x89, nil), {0x81, 0x80}} {
		if code, err := serverSends(t, p, nil); code != 1002 || CloseStatus(err) != 1002 {
			t.Errorf("% x: closed with %v, error %v", p, code, err)
		}
	}
}

func TestAttack_F02_ReservedBits(t *testing.T) {
	onTCPAndTLS(t, setup{Accept: AcceptOptions{Options: Options{Deflate: &Deflate{}}}}, func(a *target) {
		always := []broken{
			{"RSV2", masked(0xA1, nil), 1002},
			{"RSV3", masked(0x91, nil), 1002},
			{"RSV2 and RSV3", masked(0xB1, nil), 1002},
			{"RSV1 and RSV2", masked(0xE1, nil), 1002},
			{"RSV1 on a ping", masked(0xC9, nil), 1002},
			{"RSV1 on a pong", masked(0xCA, nil), 1002},
			{"RSV1 on a close frame", masked(0xC8, nil), 1002},
			{"RSV1 on a continuation", cat(masked(0x01, []byte("a")), masked(0xC0, []byte("b"))), 1002},
			{"RSV3 on a ping, 2 bytes", []byte{0x99, 0x80}, 1002},
		}
		a.breaks(always, deflateField)
		a.breaks(append(always, broken{"RSV1", masked(0xC1, []byte("a")), 1002}))
	})
}

func TestAttack_F03_Lengths(t *testing.T) {
	onTCPAndTLS(t, setup{}, func(a *target) {
		a.breaks([]broken{
			{"top bit", longHead(0x82, 1<<63), 1002},
			{"all bits", longHead(0x82, 1<<64-1), 1002},
			{"2^63-1", longHead(0x82, 1<<63-1), 1009},
			{"2^63-15", longHead(0x82, 1<<63-15), 1009},
			{"2^62", longHead(0x82, 1<<62), 1009},
			{"2^32", longHead(0x82, 1<<32), 1009},
			{"2^31", longHead(0x82, 1<<31), 1009},
			{"limit + 1", longHead(0x82, 1<<20+1), 1009},
			{"2^63-1 after a byte", cat(masked(0x02, []byte("a")), longHead(0x80, 1<<63-1)), 1009},
		})
	})
	// Without a limit nothing is allocated either until it comes.
	attack(t, setup{Accept: AcceptOptions{Options: Options{ReadLimit: -1}}}, func(a *target) {
		for _, n := range []uint64{1<<63 - 1, 1 << 62, 1 << 40} {
			r := a.upgrade("/")
			r.send(append(longHead(0x82, n), make([]byte, 100)...)...)
		}
		time.Sleep(50 * time.Millisecond)
		if grown := a.grown(); grown > 1<<20 {
			t.Errorf("%d bytes of heap", grown)
		}
	})
}

func TestAttack_F04_ReservedOpcodes(t *testing.T) {
	var cases []broken
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases = append(cases,
			broken{"two bytes", []byte{0x80 | op, 0xFF}, 1002},
			broken{"4 GiB announced", longHead(0x80|op, 1<<32), 1002},
			broken{"not the last", masked(op, []byte("a")), 1002})
	}
	onTCPAndTLS(t, setup{}, func(a *target) { a.breaks(cases) })
}

func TestAttack_F06_ControlFrames(t *testing.T) {
	cases := []broken{
		{"ping of 126 bytes", masked(0x89, make([]byte, 126)), 1002},
		{"its first two bytes", []byte{0x89, 0xFE}, 1002},
		{"pong of 64 KiB", masked(0x8A, make([]byte, 1<<16)), 1002},
		{"close frame of 126 bytes", masked(0x88, append([]byte{3, 232}, make([]byte, 124)...)), 1002},
		{"fragmented ping", masked(0x09, nil), 1002},
		{"fragmented close", masked(0x08, nil), 1002},
		{"close frame of 1 byte", masked(0x88, []byte{3}), 1002},
		{"reason not UTF-8", masked(0x88, []byte{3, 232, 0xC0, 0xAF}), 1007},
		{"reason cut", masked(0x88, []byte{3, 232, 0xE4, 0xB8}), 1007},
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, broken{"illegal code", masked(0x88, []byte{byte(code >> 8), byte(code)}), 1002})
	}
	onTCPAndTLS(t, setup{}, func(a *target) {
		a.breaks(cases)
		for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1014, 3000, 4999} {
			r := a.upgrade("/")
			r.send(masked(0x88, []byte{byte(code >> 8), byte(code), 'b', 'y', 'e'})...)
			r.want(0x88, string([]byte{byte(code >> 8), byte(code)}))
			r.wantEnd()
		}
		r := a.upgrade("/")
		r.send(masked(0x88, nil)...)
		r.want(0x88, "")
		r.wantEnd()
	})
}

func TestAttack_F07_UTF8(t *testing.T) {
	bad := map[string]string{
		"overlong slash":      "\xC0\xAF",
		"overlong NUL":        "\xC0\x80",
		"overlong, 3 bytes":   "\xE0\x80\xAF",
		"overlong, 4 bytes":   "\xF0\x80\x80\xAF",
		"surrogate":           "\xED\xA0\x80",
		"beyond U+10FFFF":     "\xF4\x90\x80\x80",
		"F5":                  "\xF5",
		"FF":                  "\xFF",
		"lone continuation":   "\x80",
		"2 bytes, 1 of them":  "\xC3a",
		"3 bytes, 2 of them":  "\xE4\xB8a",
		"surrogate half told": "\xED\xA0",
		"overlong, half told": "\xF0\x80",
	}
	var cases []broken
	for name, s := range bad {
		cases = append(cases,
			broken{name, text("Grüße " + s + " und so weiter"), 1007},
			broken{name + ", and the frame goes on", masked(0x81, []byte("ab"+s+"cdef"))[:6+2+len(s)], 1007},
			broken{name + ", and the message goes on", masked(0x01, []byte("ab"+s)), 1007},
			broken{name + ", in the second frame", cat(masked(0x01, []byte("ab")), masked(0x00, []byte(s))), 1007})
	}
	cases = append(cases,
		broken{"cut at the end", text("abc\xE4\xB8"), 1007},
		broken{"cut at the end of the last frame", cat(masked(0x01, []byte("\xE4")), masked(0x80, []byte("\xB8"))), 1007},
		broken{"cut, then an empty last frame", cat(masked(0x01, []byte("\xF0\x9F\x98")), masked(0x80, nil)), 1007},
		broken{"no character across messages", cat(text("a\xC3"), text("\xBC")), 1007})
	valid := "Grüße, 世界 😀 \u0000\uFFFF\U0010FFFF"
	onTCPAndTLS(t, setup{}, func(a *target) {
		a.breaks(cases)
		r := a.upgrade("/")
		for i := range len(valid) + 1 { // in two frames, cut anywhere
			r.send(cat(masked(0x01, []byte(valid[:i])), masked(0x80, []byte(valid[i:])))...)
			r.want(0x81, valid)
		}
		r.send(masked(0x01, nil)...)
		for _, b := range []byte(valid) { // a frame a byte
			r.send(masked(0x00, []byte{b})...)
		}
		r.send(masked(0x80, nil)...)
		r.want(0x81, valid)
		r.send(masked(0x82, []byte("\xC0\xAF"))...) // binary is what it is
		r.want(0x82, "\xC0\xAF")
	})
}

func TestAttack_F08_LengthForm(t *testing.T) {
	key := []byte{0, 0, 0, 0}
	onTCPAndTLS(t, setup{}, func(a *target) {
		a.breaks([]broken{
			{"2 bytes in 16 bits", cat([]byte{0x82, 0xFE, 0, 2}, key, []byte("ab")), 1002},
			{"2 bytes in 64 bits", cat([]byte{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 2}, key, []byte("ab")), 1002},
			{"125 bytes in 16 bits", cat([]byte{0x82, 0xFE, 0, 125}, key, make([]byte, 125)), 1002},
			{"65535 bytes in 64 bits", cat([]byte{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, key), 1002},
			{"0 bytes in 64 bits", cat([]byte{0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0}, key), 1002},
		})
	})
}

func TestAttack_F09_Order(t *testing.T) {
	onTCPAndTLS(t, setup{}, func(a *target) {
		a.breaks([]broken{
			{"continuation of nothing", masked(0x80, []byte("a")), 1002},
			{"continuation of nothing, not the last", masked(0x00, []byte("a")), 1002},
			{"its first two bytes", []byte{0x00, 0x81}, 1002},
			{"text inside text", cat(masked(0x01, []byte("a")), masked(0x81, []byte("b"))), 1002},
			{"binary inside text", cat(masked(0x01, []byte("a")), masked(0x02, []byte("b"))), 1002},
		})
		r := a.upgrade("/")
		r.send(text("whole")...)
		r.want(0x81, "whole")
		r.send(masked(0x80, []byte("continuation of what has ended"))...)
		r.wantClose(1002)

		r = a.upgrade("/")
		r.send(masked(0x01, []byte("he"))...)
		r.send(masked(0x89, []byte("in between"))...)
		r.want(0x8A, "in between") // at once: the message has not ended
		r.send(masked(0x8A, []byte("unasked for"))...)
		r.send(masked(0x80, []byte("llo"))...)
		r.want(0x81, "hello")
		r.send(masked(0x01, []byte("never ended"))...)
		r.send(masked(0x88, []byte{3, 232})...)
		r.want(0x88, "\x03\xe8")
		r.wantEnd()
	})
}

// There is no code for the drafts.
func TestAttack_F14_Drafts(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		a.refused(request("/", "Sec-WebSocket-Version: 7"), 426)
		a.refused(request("/", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Origin: http://example.com"), 426)
		a.refused(request("/", "Sec-WebSocket-Version:", "Sec-WebSocket-Key:", "Sec-WebSocket-Draft: 2"), 426)
		a.refused(request("/", "Upgrade: WebSocket", "Sec-WebSocket-Version:", "Sec-WebSocket-Key:",
			"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5", "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00")+"^n:ds[4U", 426)
		a.refused(request("/", "Upgrade: WebSocket", "Sec-WebSocket-Version:", "Sec-WebSocket-Key:", "WebSocket-Protocol: sample"), 426)
	})
}

func TestAttack_F17_Limit(t *testing.T) {
	const limit = 5000
	at, over := strings.Repeat("a", limit), strings.Repeat("a", limit+1)
	mixed := func(n int) string { // that deflates, but not to nothing
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			b.WriteString("line " + string(rune('a'+i*i%26)) + string(rune('a'+i%23)))
		}
		return b.String()[:n]
	}
	onTCPAndTLS(t, setup{Accept: AcceptOptions{Options: Options{ReadLimit: limit, Deflate: &Deflate{Threshold: 1 << 20}}}}, func(a *target) {
		two := func(s string) []byte { return cat(masked(0x01, []byte(s[:1000])), masked(0x80, []byte(s[1000:]))) }
		for _, p := range [][]byte{
			text(at), two(at), cat(masked(0x01, []byte(at)), masked(0x80, nil)),
			masked(0xC1, deflated([]byte(at))), masked(0xC1, deflated([]byte(mixed(limit)))),
		} {
			r := a.upgrade("/", deflateField)
			r.send(p...)
			if _, got, err := r.read(); err != nil || len(got) != limit {
				a.t.Errorf("%d bytes, error %v", len(got), err)
			}
			_ = r.Close()
		}
		a.breaks([]broken{
			{"one frame", text(over), 1009},
			{"its head", text(over)[:8], 1009},
			{"two frames", two(over), 1009},
			{"the second's head", cat(masked(0x01, []byte(at)), masked(0x80, []byte("a"))[:6]), 1009},
			{"compressed", masked(0xC1, deflated([]byte(over))), 1009},
			{"compressed, mixed", masked(0xC1, deflated([]byte(mixed(limit+1)))), 1009},
			{"compressed in two frames", cat(masked(0x41, deflated([]byte(over))[:9]), masked(0x80, deflated([]byte(over))[9:])), 1009},
		}, deflateField)
	})
}

// A limit that the handler raises holds from the next frame on.
func TestAttack_F17_LimitRaised(t *testing.T) {
	s := setup{
		Accept: AcceptOptions{Options: Options{ReadLimit: 10}},
		Handle: func(ctx context.Context, c *Conn) error {
			msg, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if string(msg.Data) == "password" {
				c.SetReadLimit(100)
			}
			return echo(ctx, c)
		},
	}
	attack(t, s, func(a *target) {
		long := strings.Repeat("a", 100)
		r := a.upgrade("/")
		r.send(text("password")...)
		time.Sleep(20 * time.Millisecond) // or the next frame might be there before the limit
		r.send(text(long)...)
		r.want(0x81, long)
		r.send(text(long + "a")...)
		r.wantClose(1009)
		r = a.upgrade("/")
		r.send(text("guess")...)
		r.send(text(long)...)
		r.wantClose(1009)
	})
}

package websocket

// This file holds the attacks of row D: compressed messages that are bombs, garbage, or look where they must not.

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

const (
	compressedText   = 0x81 | 0x40
	compressedBinary = 0x82 | 0x40
	takeoverField    = deflateField + "; client_max_window_bits"
)

func deflating(d Deflate) setup {
	return setup{Accept: AcceptOptions{Options: Options{Deflate: &d}}}
}

// A bomb is counted while it inflates: what exceeds the limit is never made.
func TestAttack_D01_Bomb(t *testing.T) {
	size := scaleWork(64, 512)
	wire := bomb(size)
	whole := masked(compressedBinary, wire)
	var parts []byte
	for i := range 100 {
		b0 := byte(0x00)
		if i == 0 {
			b0 = 0x02 | 0x40
		}
		if i == 99 {
			b0 = 0x80
		}
		parts = append(parts, masked(b0, wire[i*len(wire)/100:(i+1)*len(wire)/100])...)
	}
	attack(t, deflating(Deflate{}), func(a *target) {
		for _, w := range [][]byte{whole, parts} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := a.upgrade("/", deflateField)
			go r.send(w...)
			r.wantClose(StatusMessageTooBig)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 6<<20 { // the limit, joined in doubling steps, and the test's own
				a.t.Errorf("%d bytes allocated for a bomb of %d MiB", n, size)
			}
		}
	})
}

// Bombs of just the limit are messages, but not many in a second.
func TestAttack_D02_ManySmallBombs(t *testing.T) {
	s := deflating(Deflate{})
	s.Accept.InflateRate = 8 << 20
	s.Handle = sink
	attack(t, s, func(a *target) {
		r := a.upgrade("/", deflateField)
		one := masked(compressedBinary, bomb(1))
		go func() {
			for range 1000 {
				if !r.send(one...) {
					return
				}
			}
		}()
		r.wantClose(StatusPolicyViolation)
	})
}

func TestAttack_D03_BombThenGarbage(t *testing.T) {
	attack(t, deflating(Deflate{}), func(a *target) {
		r := a.upgrade("/", deflateField)
		go r.send(masked(compressedBinary, append(bomb(3), bytes.Repeat([]byte{0xFF}, 5000)...))...)
		r.wantClose(StatusMessageTooBig) // once: wantClose sees to it that nothing follows
	})
}

func TestAttack_D04_Garbage(t *testing.T) {
	garbage := map[string][]byte{
		"nothing":           {},
		"noise":             {0xDE, 0xAD, 0xBE, 0xEF, 0x01, 0x02},
		"reserved type":     {0x07},
		"cut block":         deflated([]byte(strings.Repeat("cut short ", 50)))[:20],
		"beyond the window": {0x4B, 0x04, 0x42, 0x00}, // "a" and a match that reaches too far back
		"stored lengths":    {0x00, 0x05, 0x00, 0x00, 0x00, 'h', 'e', 'l', 'l', 'o'},
		"bad code lengths":  {0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
	}
	attack(t, deflating(Deflate{}), func(a *target) {
		for name, p := range garbage {
			r := a.upgrade("/", deflateField)
			r.send(masked(compressedText, p)...)
			r.wantClose(StatusInvalidFramePayloadData)
			if a.t.Failed() {
				a.t.Fatal(name)
			}
		}
	})
}

// Half a million final blocks that hold nothing: linear, and the bystander does not notice.
func TestAttack_D05_EmptyFinalBlocks(t *testing.T) {
	attack(t, deflating(Deflate{}), func(a *target) {
		r := a.upgrade("/", deflateField)
		go r.send(masked(compressedBinary, append(bytes.Repeat([]byte{0x03, 0x00}, 500_000), 0x00))...)
		r.want(0x82, "")
	})
}

// What follows a final block is part of the message; nothing of one message can be reached from the next, unless that was agreed.
func TestAttack_D06_FinalBlockAndHistory(t *testing.T) {
	attack(t, deflating(Deflate{}), func(a *target) {
		var first bytes.Buffer
		w, _ := flate.NewWriter(&first, 9)
		_, _ = w.Write([]byte("first "))
		_ = w.Close() // with BFINAL
		r := a.upgrade("/", deflateField)
		r.send(masked(compressedText, append(first.Bytes(), deflated([]byte("second"))...))...)
		r.want(0x81, "first second")

		secret := strings.Repeat("a secret of the first message; ", 4)
		r.send(masked(compressedText, deflated([]byte(secret)))...)
		r.want(0x81, secret)
		var next bytes.Buffer
		w, _ = flate.NewWriterDict(&next, 9, []byte(secret))
		_, _ = w.Write([]byte(secret))
		_ = w.Flush()
		r.send(masked(compressedText, next.Bytes()[:next.Len()-4])...)
		r.wantClose(StatusInvalidFramePayloadData)
	})
	attack(t, deflating(Deflate{Takeover: true}), func(a *target) {
		r := a.upgrade("/", takeoverField)
		message := strings.Repeat("with takeover it may; ", 4)
		r.send(masked(compressedText, deflated([]byte(message)))...)
		var next bytes.Buffer
		w, _ := flate.NewWriterDict(&next, 9, []byte(message))
		_, _ = w.Write([]byte(message))
		_ = w.Flush()
		r.send(masked(compressedText, next.Bytes()[:next.Len()-4])...)
		for range 2 {
			if b0, _, err := r.read(); err != nil || b0 != compressedText {
				a.t.Errorf("frame %#x, error %v", b0, err)
			}
		}
	})
}

// Offers are answered strictly; the connection works without compression where one is declined (RFC 7692 section 7.1).
func TestAttack_D07_Offers(t *testing.T) {
	declined := []string{
		"server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=08",
		"server_max_window_bits=+9", `server_max_window_bits=""`, "client_max_window_bits=0", "client_max_window_bits=10; client_max_window_bits=10",
		"server_no_context_takeover=1", "server_no_context_takeover; server_no_context_takeover", "unknown", "Client_Max_Window_Bits",
	}
	attack(t, deflating(Deflate{}), func(a *target) {
		for _, p := range declined {
			r := a.dial()
			r.send([]byte(request("/", deflateField+"; "+p))...)
			resp := r.response()
			if v := resp.Header.Get("Sec-WebSocket-Extensions"); v != "" || resp.StatusCode != 101 && resp.StatusCode != 400 {
				a.t.Errorf("%s: status %d, %q", p, resp.StatusCode, v)
			}
			_ = r.Close()
		}
		r := a.dial()
		r.send([]byte(request("/", deflateField+"; unknown, permessage-deflate; server_max_window_bits=\"9\"; client_max_window_bits"))...)
		want := "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
		if v := r.response().Header.Get("Sec-WebSocket-Extensions"); v != want {
			a.t.Errorf("the next offer: %q, expected %q", v, want)
		}
	})
}

func TestAttack_D08_CompressedOrNot(t *testing.T) {
	attack(t, deflating(Deflate{}), func(a *target) {
		r := a.upgrade("/") // not offered
		r.send(masked(compressedText, deflated([]byte("hi")))...)
		r.wantClose(StatusProtocolError)
		r = a.upgrade("/", deflateField)
		r.send(text("not compressed, which is legal")...)
		r.want(0x81, "not compressed, which is legal")
	})
}

// Connections that have compressed hold next to nothing when they are idle.
func TestAttack_D09_IdleMemory(t *testing.T) {
	n := scale(300, 9000)
	for name, d := range map[string]Deflate{"no takeover": {Threshold: 1}, "takeover": {Threshold: 1, Takeover: true}} {
		s := deflating(d)
		s.Accept.PingInterval = -1
		attack(t, s, func(a *target) {
			open := func(fields ...string) (perConn int64) {
				before := measure().heap
				list := make([]*raw, n)
				a.each(n, func(i int) {
					list[i] = a.upgrade("/", fields...)
					b0 := byte(0x81)
					p := []byte("x")
					if len(fields) > 0 {
						b0, p = compressedText, deflated(p)
					}
					list[i].send(masked(b0, p)...)
					_, _, _ = list[i].read()
				})
				perConn = (measure().heap - before) / int64(n)
				runtime.KeepAlive(list)
				return perConn
			}
			without, with := open(), open(takeoverField)
			a.t.Logf("%s: %d bytes a connection, %d without compression, both ends and the test included", name, with, without)
			if with > without+4<<10 {
				a.t.Errorf("%s: compression costs %d bytes an idle connection", name, with-without)
			}
		})
	}
}

// A message that holds a secret can be sent uncompressed: its size does not depend on what stands beside the secret.
func TestAttack_D10_SecretBesideGuess(t *testing.T) {
	const secret = "token=7d41b0c2f5"
	s := deflating(Deflate{Threshold: 1})
	s.Handle = func(ctx context.Context, c *Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.WriteUncompressed(ctx, Text, fmt.Append(nil, secret, " ", string(m.Data))); err != nil {
				return err
			}
		}
		return nil
	}
	attack(t, s, func(a *target) {
		r := a.upgrade("/x", deflateField)
		for _, guess := range []string{"token=0000000000", secret} {
			r.send(text(guess)...)
			r.want(0x81, secret+" "+guess)
		}
	})
}

package websocket

// This file holds the attacks on the opening handshake that take many connections, or time: rows H09 to H12 and H16.

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Connections that end in the middle of a handshake, accepted or refused, leave nothing.
func TestAttack_H09_GoneInHandshake(t *testing.T) {
	good, bad := request("/"), request("/", "Sec-WebSocket-Version: 8")
	onTCPAndTLS(t, setup{}, func(a *target) {
		n := 1000
		if a.client != nil {
			n = scaleWork(100, 1000)
		}
		a.each(n, func(i int) {
			r := a.dial()
			req := good
			if i%2 == 0 {
				req = bad
			}
			r.send([]byte(req)[:i*7%(len(req)+1)]...)
			switch i % 3 {
			case 0:
				r.reset()
			case 1:
				_ = underTLS(r.Conn).(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, r)
				fallthrough
			default:
				_ = underTLS(r.Conn).Close()
			}
		})
		if strings.Contains(a.log.String(), "panic") {
			a.t.Error(a.log)
		}
	})
}

// Requests without end from a client that reads no answer: they wait in the network, and the client is gone when an answer waits too long.
func TestAttack_H10_Pipelining(t *testing.T) {
	s := setup{Pages: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 64<<10)) })}
	attack(t, s, func(a *target) {
		r := a.dial()
		req := bytes.Repeat([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 100)
		start, n := time.Now(), 0
		for r.send(req...) {
			n += 100
		}
		if time.Since(start) > 8*time.Second {
			t.Error("the client is kept")
		}
		if n < 10000 {
			t.Errorf("cut off after %d requests, %v", n, time.Since(start))
		}
		if grown := a.grown(); grown > 2<<20 {
			t.Errorf("%d bytes of heap", grown)
		}
	})
	attack(t, setup{Pages: http.NotFoundHandler()}, func(a *target) {
		r := a.dial()
		for range 50 {
			r.send([]byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")...)
			resp := r.response()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 404 {
				t.Fatalf("status %d, error %v", resp.StatusCode, err)
			}
		}
		r.send([]byte(request("/"))...)
		if resp := r.response(); resp.StatusCode != 101 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		r.send(text("after 50 pages")...)
		r.want(0x81, "after 50 pages")
	})
}

// Whoever does not get to the end of a handshake is cut off when its time is up, counted from the beginning. Others are accepted meanwhile.
func TestAttack_H11_Slowloris(t *testing.T) {
	const limit = 400 * time.Millisecond
	firsts := map[string]string{
		"nothing":    "",
		"head":       "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 1000),
		"h2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"half":       request("/")[:60],
	}
	hello := clientHello(t)
	onTCPAndTLS(t, setup{HeaderTimeout: limit}, func(a *target) {
		n := scale(100, 1250) // of each kind
		dial := func() net.Conn {
			nc, err := net.Dial("tcp", a.addr)
			if err != nil {
				a.t.Error(err)
				return nil
			}
			a.keep(nc)
			return nc
		}
		var kinds []string
		for kind, first := range firsts {
			if a.client != nil {
				first = hello // byte by byte, and never all of it
				if kind == "nothing" {
					first = ""
				}
			}
			kinds = append(kinds, first)
		}
		worst := new(atomic.Int64)
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.eachAtOnce(n*len(kinds), func(i int) {
				if nc := dial(); nc != nil {
					drip(nc, kinds[i%len(kinds)], 10*limit, worst)
				}
			})
		}()
		time.Sleep(limit / 4)
		for range 5 {
			r := a.upgrade("/")
			r.send(text("among them")...)
			r.want(0x81, "among them")
			_ = r.Close()
		}
		<-done
		if w := time.Duration(worst.Load()); w > limit+2*time.Second {
			a.t.Errorf("the last was cut off after %v", w)
		}
	})
}

// eachAtOnce is each with all at the same time.
func (a *target) eachAtOnce(n int, f func(i int)) {
	done := make(chan struct{})
	for i := range n {
		go func() {
			f(i)
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
}

// drip sends a byte every 20 ms until the connection ends, and keeps how long that took, in worst.
func drip(nc net.Conn, first string, most time.Duration, worst *atomic.Int64) {
	start := time.Now()
	for i := 0; time.Since(start) < most; i++ {
		_ = nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := nc.Read(make([]byte, 512)); err == io.EOF || err != nil && !err.(net.Error).Timeout() {
			break
		}
		if i < len(first) {
			if _, err := nc.Write([]byte{first[i]}); err != nil {
				break
			}
		}
	}
	d := int64(time.Since(start))
	for old := worst.Load(); d > old && !worst.CompareAndSwap(old, d); old = worst.Load() {
	}
}

// clientHello returns what a TLS client sends first.
func clientHello(t *testing.T) string {
	t.Helper()
	here, there := net.Pipe()
	go func() {
		_ = tls.Client(here, &tls.Config{ServerName: "example.com"}).HandshakeContext(t.Context())
	}()
	buf := make([]byte, 4096)
	n, _ := there.Read(buf)
	_ = there.Close()
	return string(buf[:n])
}

// Frames behind the handshake, in the same segment, are the first messages.
func TestAttack_H12_FramesWithHandshake(t *testing.T) {
	onTCPAndTLS(t, setup{}, func(a *target) {
		r := a.dial()
		behind := append(text("first"), masked(0x89, []byte("ping"))...)
		behind = append(behind, text("GET /admin HTTP/1.1\r\n\r\n")...)
		large := strings.Repeat("large ", 5000)
		behind = append(behind, text(large)...)
		r.send(append([]byte(request("/")), behind...)...)
		if resp := r.response(); resp.StatusCode != 101 {
			a.t.Fatalf("status %d", resp.StatusCode)
		}
		r.want(0x81, "first")
		var got []string
		for range 3 {
			_, p, err := r.read()
			if err != nil {
				a.t.Fatal(err)
			}
			got = append(got, string(p))
		}
		if all := strings.Join(got, "|"); !strings.Contains(all, "ping") || !strings.Contains(all, "GET /admin HTTP/1.1\r\n\r\n|"+large) && !strings.Contains(all, "GET /admin HTTP/1.1\r\n\r\n|ping|"+large) {
			a.t.Errorf("got %.100q", got)
		}
		// Cut anywhere.
		whole := append([]byte(request("/")), append(text("a"), masked(0x88, []byte{3, 232})...)...)
		a.each(len(whole), func(i int) {
			if a.client != nil && i%10 != 0 {
				return
			}
			r := a.dial()
			defer func() { _ = r.Close() }()
			r.send(whole[:i]...)
			r.send(whole[i:]...)
			if resp := r.response(); resp.StatusCode != 101 {
				a.t.Errorf("cut at %d: status %d", i, resp.StatusCode)
				return
			}
			r.want(0x81, "a")
			r.want(0x88, "\x03\xe8")
		})
	})
}

// Who opens too many connections gets no more, and the others are served.
func TestAttack_H16_TooMany(t *testing.T) {
	const most, mostPerIP = 50, 20
	attack(t, setup{MaxConns: most}, func(a *target) {
		full := make([]*raw, 0, most)
		for len(full) < most-1 { // the bystander has one
			full = append(full, a.upgrade("/"))
		}
		start, n := time.Now(), scaleWork(2000, 20000)
		a.each(n, func(int) {
			r := a.dial()
			r.send([]byte(request("/"))...)
			resp := r.response()
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			r.wantEnd()
			_ = r.Close()
		})
		t.Logf("%d a second refused", int(float64(n)/time.Since(start).Seconds()))
		_ = full[0].Close()
		eventually(t, "there is room again", func() bool {
			r := a.dial()
			r.send([]byte(request("/"))...)
			if r.response().StatusCode == 101 {
				return true
			}
			_ = r.Close()
			return false
		})
	})
	attack(t, setup{MaxConnsPerIP: mostPerIP}, func(a *target) {
		for range mostPerIP - 1 {
			a.upgrade("/")
		}
		for i, field := range []string{"X: 1", "X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.1", "Forwarded: for=192.0.2.1", "CF-Connecting-IP: 192.0.2.1"} {
			r := a.dial()
			r.send([]byte(request("/", field))...)
			if resp := r.response(); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
				t.Errorf("%d: status %d", i, resp.StatusCode)
			}
		}
		r := a.dialFrom("127.0.0.2")
		r.send([]byte(request("/"))...)
		if resp := r.response(); resp.StatusCode != 101 {
			t.Errorf("another address: status %d", resp.StatusCode)
		}
	})
}

// dialFrom is dial from another address of this machine.
func (a *target) dialFrom(ip string) *raw {
	a.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	nc, err := d.DialContext(context.Background(), "tcp", a.addr)
	if err != nil {
		a.t.Fatal(err)
	}
	a.keep(nc)
	return newRaw(a.t, nc)
}

// A storm of connections that come, echo and go: none is refused while there is room, and none counts after it has gone.
func TestAttack_H16_Storm(t *testing.T) {
	attack(t, setup{MaxConnsPerIP: 30}, func(a *target) {
		a.each(scaleWork(1000, 20000), func(i int) {
			r := a.upgrade("/")
			m := fmt.Sprint(i)
			r.send(text(m)...)
			r.want(0x81, m)
			if i%2 == 0 {
				r.reset()
			}
			_ = r.Close()
		})
		eventually(t, "only the bystander is left", func() bool { return a.server.Len() == 1 })
	})
}

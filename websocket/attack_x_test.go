package websocket

// This file holds the attacks of rows L, P and X: on the log, through proxies, and on what Go does with a handler.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// logging returns a setup whose log is kept as text.
func logging() (setup, *syncBuffer) {
	out := new(syncBuffer)
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return setup{Accept: AcceptOptions{Options: Options{Logger: log}}}, out
}

// What a peer sends does not break out of its line in the log, and is cut.
func TestAttack_L01_LogInjection(t *testing.T) {
	evil := "x\n[INFO] admin logged in\x1b[2J\x00" + strings.Repeat("A", 10000)
	s, out := logging()
	s.Handle = func(ctx context.Context, c *Conn) error {
		m, err := c.Read(ctx)
		if err != nil {
			return err
		}
		return fmt.Errorf("no such command: %s", m.Data)
	}
	attackOnce(t, s, func(a *target) {
		r := a.upgrade("/x")
		r.send(masked(0x82, []byte(evil))...)
		r.wantClose(StatusInternalError)
		r = a.upgrade("/x")
		r.send(masked(0x88, append([]byte{0x0f, 0xa0}, evil[:100]...))...)
		r.wantClose(4000)
		a.refused(request("/x?q="+strings.Repeat("A", 5000), "Origin: https://evil.example", "Cookie: "+strings.Repeat("A", 3000)), 403)
	})
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Errorf("%d lines for 2 events: %q", len(lines), lines)
	}
	for _, line := range lines {
		if len(line) > 600 || strings.ContainsAny(line, "\x1b\x00") || !strings.HasPrefix(line, "time=") {
			t.Errorf("line of %d bytes: %.200q", len(line), line)
		}
	}
}

// What is secret in a handshake is in no log and no trace.
func TestAttack_L03_Secrets(t *testing.T) {
	s, out := logging()
	trace := new(syncBuffer)
	s.Accept.Trace = &Trace{
		Request:  func(head string) { fmt.Fprint(trace, head) },
		Response: func(head string) { fmt.Fprint(trace, head) },
	}
	s.Accept.Header = map[string][]string{"Set-Cookie": {"session=hunter2"}}
	attack(t, s, func(a *target) {
		fields := []string{"Authorization: Bearer hunter2", "Cookie: session=hunter2", " Cookie: session=hunter2",
			"Proxy-Authorization: Basic hunter2", "Referer: https://example.com/?y=1&token=hunter2"}
		path := "/?token=hunter2&x=1&access_token=hunter2&sid=hunter2"
		a.upgrade(path, fields...)
		a.refused(request(path, append(fields, "Origin: https://evil.example")...), 403)
	})
	for name, text := range map[string]string{"log": out.String(), "trace": trace.String()} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the %s tells the secret: %s", name, text)
		}
	}
	if !strings.Contains(trace.String(), "x=1") {
		t.Errorf("the trace lacks what is no secret: %s", trace.String())
	}
}

// X-Forwarded-For moves nobody out of his own limit, unless a trusted proxy says it.
func TestAttack_P01_ForwardedFor(t *testing.T) {
	forged := []string{"X-Forwarded-For: 10.1.2.3", "Forwarded: for=10.1.2.3", "X-Real-IP: 10.1.2.3"}
	attack(t, setup{MaxConnsPerIP: 2}, func(a *target) {
		a.upgrade("/", forged...)
		a.refused(request("/", forged...), 429)
		a.refused(request("/", "X-Forwarded-For: "+strings.Repeat("1.1.1.1, ", 800)+"10.9.9.9"), 429)
	})
	local := setup{MaxConnsPerIP: 2}
	local.Accept.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	attack(t, local, func(a *target) {
		for range 2 {
			a.upgrade("/", "X-Forwarded-For: 6.6.6.6, 10.1.2.3") // what the client put there itself stands to the left
		}
		a.refused(request("/", "X-Forwarded-For: 7.7.7.7, 10.1.2.3"), 429)
		a.refused(request("/", "X-Forwarded-For: ::ffff:10.1.2.3"), 429)
		a.upgrade("/", "X-Forwarded-For: 10.1.2.4")
	})
}

// What a load balancer may put in front of a request is no request here: there is no option for it.
func TestAttack_P03_ProxyHeader(t *testing.T) {
	v2 := "\r\n\r\n\x00\r\nQUIT\n"
	attack(t, setup{MaxConnsPerIP: 3, HeaderTimeout: 500 * time.Millisecond}, func(a *target) {
		for name, head := range map[string]string{
			"v1":             "PROXY TCP4 10.1.2.3 10.1.2.4 1 2\r\n",
			"v1, unknown":    "PROXY UNKNOWN\r\n",
			"v1, twice":      "PROXY TCP4 10.1.2.3 10.1.2.4 1 2\r\nPROXY TCP4 10.1.2.3 10.1.2.4 1 2\r\n",
			"v1, long":       "PROXY TCP6 " + strings.Repeat("f", 5000) + "\r\n",
			"v2":             v2 + "\x21\x11\x00\x0c\x0a\x01\x02\x03\x0a\x01\x02\x04\x00\x01\x00\x02",
			"v2, local":      v2 + "\x20\x00\x00\x00",
			"v2, 65535 long": v2 + "\x21\x11\xff\xff" + strings.Repeat("\x00", 65535),
		} {
			r := a.dial()
			go r.send([]byte(head + request("/"))...)
			got, _ := io.ReadAll(r.br)
			if bytes.Contains(got, []byte("101 ")) || len(got) > 0 && !bytes.HasPrefix(got, []byte("HTTP/1.1 400 ")) {
				a.t.Errorf("%s: answered with %.60q", name, got)
			}
			_ = r.Close()
		}
	})
}

// X-Forwarded-Host and -Proto do not make an Origin our own, unless a trusted proxy says it.
func TestAttack_P02_ForwardedHost(t *testing.T) {
	forged := []string{"Origin: https://evil.example", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"}
	attack(t, setup{}, func(a *target) { a.refused(request("/", forged...), 403) })
	trusting := setup{}
	trusting.Accept.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	attack(t, trusting, func(a *target) {
		a.upgrade("/", "Origin: https://site.example", "X-Forwarded-Host: site.example", "X-Forwarded-Proto: https")
		a.refused(request("/", "Origin: http://site.example", "X-Forwarded-Host: site.example", "X-Forwarded-Proto: https"), 403)
		a.refused(request("/", "Origin: https://site.example", "X-Forwarded-Host: site.example, evil.example"), 403)
	})
}

// A panic costs its own connection, and is told once, with its stack.
func TestAttack_X01_Panic(t *testing.T) {
	panicking := func(ctx context.Context, c *Conn) error {
		if _, err := c.Read(ctx); err != nil {
			return err
		}
		var nobody *bytes.Buffer
		return errors.New(nobody.String() + string(make([]byte, 0)[len(nobody.Bytes()):][0]))
	}
	s, out := logging()
	s.Handle = panicking
	attackOnce(t, s, func(a *target) {
		r := a.upgrade("/x")
		r.send(text("now")...)
		r.wantClose(StatusInternalError)
	})
	if n := strings.Count(out.String(), "panic in a handler"); n != 1 || !strings.Contains(out.String(), "attack_x_test.go") {
		t.Errorf("told %d times: %s", n, out.String())
	}
	// Without a logger of ours, net/http tells.
	attack(t, setup{Handle: panicking}, func(a *target) {
		r := a.upgrade("/x")
		r.send(text("now")...)
		r.wantClose(StatusInternalError)
		eventually(a.t, "net/http logs it", func() bool { return strings.Contains(a.log.String(), "attack_x_test.go") })
	})
}

// A handler that blocks for ever holds up nobody, and Shutdown has a deadline.
func TestAttack_X02_BlockedHandler(t *testing.T) {
	release := make(chan struct{})
	s := setup{Handle: func(context.Context, *Conn) error {
		<-release
		return nil
	}}
	attackOnce(t, s, func(a *target) {
		for range 50 {
			a.upgrade("/x")
		}
		eventually(a.t, "all are there", func() bool { return a.server.Len() == 51 })
		time.Sleep(50 * time.Millisecond) // the bystander echoes
		close(release)
	})

	stuck, pair := make(chan struct{}), make(chan *Conn, 1)
	defer close(stuck)
	a := startTarget(t, setup{Handle: func(_ context.Context, c *Conn) error {
		pair <- c
		<-stuck
		return nil
	}})
	defer func() { _ = a.http.Close() }()
	r := a.upgrade("/x")
	c := <-pair
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := a.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	<-c.isGone() // cut off all the same
	_ = r.Close()
}

// A request with thousands of cookies or parameters is refused by its size, before anybody parses them.
func TestAttack_X03_CookiesAndParameters(t *testing.T) {
	attack(t, setup{}, func(a *target) {
		a.refused(request("/?"+strings.Repeat("a&", 4500)), 414, 431)
		a.refused(request("/", "Cookie: "+strings.Repeat("a=b; ", 2000)), 431)
		many := make([]string, 200)
		for i := range many {
			many[i] = fmt.Sprintf(" Cookie: c%d=v", i)
		}
		a.refused(request("/", many...), 431)
	})
}

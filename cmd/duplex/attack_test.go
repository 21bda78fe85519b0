package main

// This file attacks the server as a whole, with a bystander that keeps echoing. The ids are those of the project's list of attacks.

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// attacked serves a site with a bystander, who is asked again when the test is over.
func attacked(t *testing.T, change ...func(*http.Server)) *testSite {
	t.Helper()
	s := serveSite(t, siteOptions{}, change...)
	bystander := s.dial(t, "/echo")
	t.Cleanup(func() {
		if err := bystander.Write(context.Background(), websocket.Text, []byte("still here")); err != nil {
			t.Errorf("the bystander: %v", err)
			return
		}
		if msg, err := bystander.Read(context.Background()); err != nil || string(msg.Data) != "still here" {
			t.Errorf("the bystander read %q, %v", msg.Data, err)
		}
	})
	return s
}

func TestAttack_H03_TooLargeHeads(t *testing.T) {
	s := attacked(t)
	head := "GET /echo HTTP/1.1\r\nHost: x\r\n"
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"many fields":     {head + strings.Repeat("a: b\r\n", 10000) + "\r\n", 431},
		"129 fields":      {head + strings.Repeat("a: b\r\n", 129) + "\r\n", 431},
		"a long line":     {head + "a: " + strings.Repeat("x", 9<<10) + "\r\n\r\n", 431},
		"an endless line": {head + "a: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", 431},
		"5000 cookies":    {head + strings.Repeat("Cookie: a=b\r\n", 5000) + "\r\n", 431},
		"a long path":     {"GET /" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
		"an endless path": {"GET /" + strings.Repeat("x", 1<<20), 431},
		"100 fields pass": {head + strings.Repeat("a: b\r\n", 100) + "\r\n", 200},
	} {
		if status, closed, _ := s.raw(t, test.request); status != test.status || closed != (status != 200) {
			t.Errorf("%s: %d, closed: %v; want %d", name, status, closed, test.status)
		}
	}
}

func TestAttack_H08_NothingIsReadBehindARefusal(t *testing.T) {
	s := attacked(t)
	for name, head := range map[string]string{
		"bad version":   "GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"no Connection": "GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
		"no such place": "GET /none HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
		"dots":          "GET /../echo HTTP/1.1\r\nHost: x\r\n\r\n",
		"method":        "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		if status, closed, body := s.raw(t, head+"GET /stats?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"); status < 400 || !closed || strings.Contains(body, "uptime") {
			t.Errorf("%s: %d, closed: %v, %q", name, status, closed, body)
		}
	}
	if strings.Contains(s.log.String(), "smuggled") {
		t.Error("the second request was answered")
	}
}

func TestAttack_H11_Slowloris(t *testing.T) {
	if headerTimeout > 10*time.Second {
		t.Errorf("a client may take %v for its header", headerTimeout)
	}
	const limit = time.Second
	s := attacked(t, func(srv *http.Server) { srv.ReadHeaderTimeout, srv.ReadTimeout = limit, limit })
	const n = 100
	ended := make(chan time.Duration, n)
	for i := range n {
		c, err := net.Dial("tcp", s.host)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			for range 100 {
				if i%2 == 0 { // the others say nothing at all
					_, _ = io.WriteString(c, "G")
				}
				_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				_, err := c.Read(make([]byte, 1))
				if timeout, ok := err.(net.Error); err != nil && (!ok || !timeout.Timeout()) {
					break
				}
			}
			_ = c.Close()
			ended <- time.Since(began)
		}()
	}
	for range n {
		if took := <-ended; took > 2*limit {
			t.Errorf("a client was let go after %v, want %v", took, limit)
		}
	}
}

func TestAttack_H14_TargetsAndHosts(t *testing.T) {
	s := attacked(t)
	for _, request := range []string{
		"GET /echo HTTP/1.1\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost:\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET http://x/echo HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /echo%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /a/../echo HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /a/%2e%2E/echo HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /.. HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		if status, closed, _ := s.raw(t, request); status != 400 || !closed {
			t.Errorf("%q: %d, closed: %v", request, status, closed)
		}
	}
}

func TestAttack_L01_TextThatBreaksOutOfItsLine(t *testing.T) {
	s := attacked(t)
	evil := "%0a[INFO]%20admin%20logged%20in%1b[2J%E2%80%AE"
	s.raw(t, "GET /x"+evil+"?"+evil+" HTTP/1.1\r\nHost: x\r\nUser-Agent: a\xff\" b=c"+strings.Repeat("x", 7000)+"\r\n\r\n")
	log := s.logOf(t, "status=404")
	if !strings.Contains(log, `path="/x\n[INFO] admin logged in\x1b[2J\u202e"`) {
		t.Errorf("the path is not quoted: %s", log)
	}
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "time=") || strings.ContainsAny(line, "\x1b\x00\u202e") || len(line) > 1000 {
			t.Errorf("a line of %d bytes: %.300q", len(line), line)
		}
	}
}

func TestAttack_L03_Secrets(t *testing.T) {
	s := attacked(t)
	c := s.dial(t, "/chat?id=me&token=hunter2&access%5ftoken=hunter2&room=lobby")
	_ = c.Close(websocket.StatusNormalClosure, "")
	s.get(t, "/echo?token=hunter2&Sid=hunter2&lang=zh&x&%zz=hunter2", "Authorization", "Bearer hunter2", "Cookie", "sid=hunter2",
		"Referer", "https://x/?token=hunter2")
	s.raw(t, "GET /../?password=hunter2 HTTP/1.1\r\nHost: x\r\nCookie: hunter2\r\n\r\n")
	log := s.logOf(t, "status=400")
	if strings.Contains(log, "hunter2") {
		t.Errorf("a secret is in the log: %s", log)
	}
	if !strings.Contains(log, "lang=zh") || !strings.Contains(log, "token=redacted") {
		t.Errorf("what is no secret is not in the log: %s", log)
	}
}

func TestAttack_X03_ManyParameters(t *testing.T) {
	s := attacked(t)
	began := time.Now()
	status, _, _ := s.raw(t, "GET /hello?"+strings.Repeat("a&", 4000)+" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
	if status != 400 || time.Since(began) > time.Second {
		t.Errorf("%d after %v", status, time.Since(began))
	}
}

func TestTruncateKeepsCharactersWhole(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", maxLogged), strings.Repeat("游", 200), "x" + strings.Repeat("游", 200), strings.Repeat("\x80", 500)} {
		got := truncate(text)
		if len(got) > maxLogged+len("…") || strings.Contains(got, "\ufffd") || len(text) <= maxLogged && got != text {
			t.Errorf("truncate(%.20q...) = %d bytes", text, len(got))
		}
	}
	var out strings.Builder
	long := strings.Repeat("x", 1000)
	log := newLogger(&out, slog.LevelInfo)
	log.Info("message", "string", long, "error", fmt.Errorf("%s", long), "bytes", []byte(long), "stack", long)
	if n := out.Len(); n < 1000 || n > 2000 {
		t.Errorf("a line of %d bytes: %s", n, &out)
	}
}

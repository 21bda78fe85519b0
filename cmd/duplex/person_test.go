//go:build linux

package main

// This file holds a person at a pseudo-terminal, and a server that a test speaks for.

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/duplex-go/duplex/websocket"
)

const patience = 30 * time.Second // for what takes milliseconds on an idle machine

// person sits at a terminal at which the command runs.
type person struct {
	t      *testing.T
	pty    *os.File
	cmd    *exec.Cmd
	chunks chan string // what the command prints; closed at its end
	unread string      // what was printed behind what was expected
	all    strings.Builder
}

// sit starts the command at a terminal of 24 rows and 80 columns, without colours unless env says otherwise.
func sit(t *testing.T, env []string, args ...string) *person {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, cmd: exec.Command(exe, args...), chunks: make(chan string)}
	p.cmd.Env = append([]string{childEnv + "=main", "TERM=xterm", "NO_COLOR=1", "GORACE=atexit_sleep_ms=0", "HOME=" + t.TempDir()}, env...)
	if p.pty, err = pty.StartWithSize(p.cmd, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.chunks)
		for buf := make([]byte, 4096); ; {
			n, err := p.pty.Read(buf)
			if n > 0 {
				p.chunks <- string(buf[:n])
			}
			if err != nil {
				return // EIO: nobody has the terminal open any more
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		for range p.chunks { // until its end
		}
		_ = p.pty.Close()
		if t.Failed() {
			t.Logf("the terminal:\n%q", p.all.String())
		}
	})
	return p
}

// sees waits until the command has printed text, behind what was seen before.
func (p *person) sees(text string) {
	p.t.Helper()
	late := time.After(patience)
	for {
		if _, rest, ok := strings.Cut(p.unread, text); ok {
			p.unread = rest
			return
		}
		select {
		case chunk, ok := <-p.chunks:
			if !ok {
				p.t.Fatalf("the command has ended without printing %q", text)
			}
			p.all.WriteString(chunk)
			p.unread += chunk
		case <-late:
			p.t.Fatalf("%q was not printed", text)
		}
	}
}

func (p *person) types(keys string) {
	p.t.Helper()
	if _, err := p.pty.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// leaves waits for the end of the command, checks its exit code, and returns what it printed behind what was seen.
func (p *person) leaves(code int) string {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case chunk, ok := <-p.chunks:
			p.all.WriteString(chunk)
			p.unread += chunk
			if ok {
				continue
			}
			_ = p.cmd.Wait()
			if got := p.cmd.ProcessState.ExitCode(); got != code {
				p.t.Errorf("exit code %d, want %d", got, code)
			}
			return p.unread
		case <-late:
			p.t.Fatal("the command still runs")
		}
	}
}

// server is one that a test speaks for.
type server struct {
	t     *testing.T
	url   string
	conns chan *websocket.Conn
}

func newServer(t *testing.T, opts *websocket.AcceptOptions) *server {
	t.Helper()
	s := &server{t: t, conns: make(chan *websocket.Conn, 10)}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, opts)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		s.conns <- c
	}))
	t.Cleanup(h.Close)
	s.url = strings.Replace(h.URL, "http", "ws", 1)
	return s
}

// accepted returns the next client.
func (s *server) accepted() *client {
	s.t.Helper()
	select {
	case c := <-s.conns:
		return &client{s.t, c}
	case <-time.After(patience):
		s.t.Fatal("nobody connects")
		return nil
	}
}

// client is a connection as a server of a test sees it.
type client struct {
	t *testing.T
	c *websocket.Conn
}

func (c *client) says(text string) {
	c.t.Helper()
	if err := c.c.Write(context.Background(), websocket.Text, []byte(text)); err != nil {
		c.t.Error(err)
	}
}

func (c *client) hears(kind websocket.MessageType, want string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if m, err := c.c.Read(ctx); err != nil || m.Type != kind || string(m.Data) != want {
		c.t.Fatalf("got %v %q, %v, want %v %q", m.Type, m.Data, err, kind, want)
	}
}

func (c *client) hearsClose(code websocket.StatusCode, reason string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.c.Read(ctx)
	var e *websocket.CloseError
	if !errors.As(err, &e) || e.Code != code || e.Reason != reason {
		c.t.Errorf("got %v, want %d %q", err, code, reason) // it may run beside the test
	}
}

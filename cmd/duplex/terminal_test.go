//go:build linux

package main

// This file tests "duplex connect" and "duplex listen" at a pseudo-terminal, in processes of their own, as a person would use them.

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/duplex-go/duplex/websocket"
)

func TestTerminalSession(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	p := sit(t, nil, "connect", s.url)
	c := s.accepted()
	p.sees("connected to " + s.url + "; /help tells")
	p.sees("> ")

	p.types("hello\r")
	p.sees(clearRow + "> hello\r\n")
	c.hears(websocket.Text, "hello")
	c.says("hello yourself\nand a second line")
	p.sees(clearRow + "< hello yourself\r\n  and a second line\r\n> ")

	// What arrives while a line is half typed is printed above it.
	p.types("half")
	p.sees("> half")
	c.says("an interruption")
	p.sees(clearRow + "< an interruption\r\n> half\r\x1b[6C")
	p.types(" and half\r")
	c.hears(websocket.Text, "half and half")

	p.types("/help\r")
	p.sees("/ping   ")
	p.sees("round-trip time\r\n")
	go func() { _, _ = c.c.Read(context.Background()) }() // which answers the ping
	p.types("/ping\r")
	p.sees("pong after ")
	p.types("\x04")
	p.leaves(0)
}

func TestTerminalCommands(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	p := sit(t, nil, "connect", s.url)
	c := s.accepted()
	p.types("/binary 68 65 00ff\r")
	c.hears(websocket.Binary, "he\x00\xff")
	if err := c.c.Write(context.Background(), websocket.Binary, []byte("he\x00\xff")); err != nil {
		t.Fatal(err)
	}
	p.sees("< 4 bytes\r\n  68 65 00 ff")
	p.types("//slash\r")
	c.hears(websocket.Text, "/slash")
	p.types("/nope x\r")
	p.sees("/nope: no such command; /help lists them, and //nope sends it")
	p.types("/binary 123\r")
	p.sees("/binary: 3 hexadecimal digits are no whole number of bytes")
	p.types("/binary xyz\r")
	p.sees("/binary: bytes are written as")

	path := filepath.Join(t.TempDir(), "a file")
	for content, kind := range map[string]websocket.MessageType{"text\n": websocket.Text, "\xff\x00": websocket.Binary} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		p.types("/file " + path + "\r")
		c.hears(kind, content)
	}
	p.types("/file /nowhere\r")
	p.sees("/file: open /nowhere: no such file")

	c.says(`{"a":[1]}`)
	p.sees(`< {"a":[1]}`)
	p.types("/json\r")
	p.sees("JSON is printed indented")
	c.says(`{"a":[1]}`)
	p.sees("< {\r\n    \"a\": [\r\n      1\r\n")

	p.types("/close 1005\r")
	p.sees(`/close: "1005" is not a code that may be sent`)
	p.types("/close 3000 " + strings.Repeat("x", 124) + "\r")
	p.sees("/close: the reason has 124 bytes, and may have 123")
	p.types("/close 3001 that is all\r")
	c.hearsClose(3001, "that is all")
	p.sees(`closed with 3001: "that is all"`)
	p.leaves(0)
}

func TestTerminalHistoryLastsAcrossRuns(t *testing.T) {
	t.Parallel()
	state := []string{"XDG_STATE_HOME=" + t.TempDir()}
	s := newServer(t, nil)
	p := sit(t, state, "connect", s.url)
	c := s.accepted()
	p.types("one\rtwo\r")
	c.hears(websocket.Text, "one")
	c.hears(websocket.Text, "two")
	go c.hearsClose(websocket.StatusNormalClosure, "")
	p.types("\x03") // Ctrl-C on an empty line
	p.leaves(0)

	p = sit(t, state, "connect", s.url)
	c = s.accepted()
	p.types("\x1b[A\x1b[A\x1b[B\r\x1b[A\x1b[A\r")
	c.hears(websocket.Text, "two")
	c.hears(websocket.Text, "one")
}

// TestTerminalPastes pastes several lines, which are one message, and a long one without telling that it is pasted.
func TestTerminalPastes(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	p := sit(t, nil, "connect", s.url)
	c := s.accepted()
	p.sees("\x1b[?2004h")
	p.sees("> ")
	p.types("\x1b[200~{\r\n\t\"a\": 1\r\n}\r\n\x1b[201~")
	p.sees(`> {␊␉"a": 1␊}`)
	p.types("\r")
	c.hears(websocket.Text, "{\n\t\"a\": 1\n}")
	long := strings.Repeat("0123456789", 10000)
	p.types(long + "\r")
	c.hears(websocket.Text, long)
	p.types("\xff\r")
	p.sees("left out, because text must be UTF-8")
	c.hears(websocket.Text, "")
	go c.hearsClose(websocket.StatusNormalClosure, "")
	p.types("\x03")
	if rest := p.leaves(0); !strings.Contains(rest, "\x1b[?2004l") {
		t.Errorf("pastes are still marked: %q", rest)
	}
}

func TestTerminalResized(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	p := sit(t, nil, "connect", s.url)
	s.accepted()
	p.sees("\x1b[?2004h")
	p.types(strings.Repeat("x", 50) + "end")
	p.sees(strings.Repeat("x", 50) + "end")
	if err := pty.Setsize(p.pty, &pty.Winsize{Rows: 24, Cols: 20}); err != nil {
		t.Fatal(err)
	}
	p.sees("\x1b[2A" + clearRow + "> " + strings.Repeat("x", 14) + "end\r\x1b[19C")
	if err := pty.Setsize(p.pty, &pty.Winsize{Rows: 24, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	p.sees(clearRow + "> " + strings.Repeat("x", 50) + "end\r\x1b[55C")
}

// TestTerminalColours are there unless NO_COLOR is set, which holds for all other tests.
func TestTerminalColours(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	p := sit(t, []string{"NO_COLOR="}, "connect", "--trace", s.url)
	c := s.accepted()
	p.sees("\x1b[32m> GET / HTTP/1.1\x1b[0m\r\n")
	p.sees("\x1b[36m< HTTP/1.1 101 Switching Protocols\x1b[0m\r\n")
	c.says("in colour")
	p.sees("\x1b[36m< frame 1: text \"in colour\"\x1b[0m\r\n")
	p.sees("\x1b[36m< in colour\x1b[0m\r\n")
	q := sit(t, nil, "connect", "--trace", s.url)
	s.accepted().says("plain")
	q.sees("< plain\r\n")
	if strings.Contains(q.all.String(), "\x1b[3") {
		t.Errorf("colours despite NO_COLOR: %q", q.all.String())
	}
}

// TestTerminalReconnects types while there is no connection.
func TestTerminalReconnects(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	p := sit(t, nil, "connect", "--reconnect", s.url)
	c := s.accepted()
	p.types("before\r")
	c.hears(websocket.Text, "before")
	if err := c.c.Close(websocket.StatusServiceRestart, "again"); err != nil {
		t.Fatal(err)
	}
	p.sees(`the server closed with 1012 (service restart): "again"`)
	p.sees("connecting again")
	p.types("meanwhile\r")
	p.sees("not connected: it is sent when the connection is back")
	p.types("/ping\r")
	p.sees("/ping: not connected")
	p.types("/close\r")
	p.sees("/close: not connected")
	p.types("\x04") // and what was typed cannot be sent
	p.sees(`not sent: "meanwhile"`)
	p.leaves(0)

	p = sit(t, nil, "connect", "--reconnect", s.url)
	_ = s.accepted().c.Close(websocket.StatusGoingAway, "")
	p.sees("connecting again")
	p.types("typed while down\r")
	s.accepted().hears(websocket.Text, "typed while down")
	p.sees("connected again")
}

// TestTerminalServerCloses while a line is half typed, which stays on the screen.
func TestTerminalServerCloses(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for code, exit := range map[websocket.StatusCode]int{1000: 0, 1001: 0, 1011: 4, 4000: 4} {
		p := sit(t, nil, "connect", s.url)
		c := s.accepted()
		p.sees("\x1b[?2004h")
		p.types("half")
		p.sees("> half")
		if err := c.c.Close(code, "because"); err != nil {
			t.Error(err)
		}
		p.sees("> half\r\n")
		p.sees("the server closed with " + code.String() + `: "because"`)
		if rest := p.leaves(exit); strings.Contains(rest, "because") {
			t.Errorf("the end is told twice: %q", rest)
		}
	}
}

// TestTerminalCanBeLeft while the server says nothing: during the handshake, and when it does not answer the close frame.
func TestTerminalCanBeLeft(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := sit(t, nil, "connect", "--trace", ln.Addr().String())
	p.sees("> GET /")
	p.types("\x03") // the terminal turns it into SIGINT
	p.leaves(0)

	s := newServer(t, nil)
	p = sit(t, nil, "connect", s.url)
	s.accepted() // and never reads
	p.sees("> ")
	p.types("\x03")
	p.sees("\x1b[?2004l") // the terminal is as it was
	p.types("\x03")
	p.leaves(-1) // killed by SIGINT
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
		t.Errorf("ended by %v, want SIGINT", status)
	}
}

// TestTerminalNotesGoWhereTheyAreSent has standard error in a file: the screen is for messages.
func TestTerminalNotesGoWhereTheyAreSent(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	path := filepath.Join(t.TempDir(), "trace")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	cmd := exec.Command(exe, "connect", "--trace", s.url)
	cmd.Env = []string{childEnv + "=main", "TERM=xterm", "GORACE=atexit_sleep_ms=0", "HOME=" + t.TempDir()}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	c := s.accepted()
	c.says("for the screen")
	_ = c.c.Close(websocket.StatusNormalClosure, "")
	screen, _ := io.ReadAll(master) // EIO at its end
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	notes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(notes), "< frame 1: text \"for the screen\"\n") || strings.Contains(string(notes), "\x1b") {
		t.Errorf("the file holds %q", notes)
	}
	if !strings.Contains(string(screen), "< for the screen") || strings.Contains(string(screen), "frame") {
		t.Errorf("the screen shows %q", screen)
	}
}

func TestTerminalListen(t *testing.T) {
	t.Parallel()
	p := sit(t, nil, "listen", "--broadcast", "0")
	p.sees("listening on ws://")
	p.sees("\r\n")
	_, rest, _ := strings.Cut(p.all.String(), "ws://")
	address, _, _ := strings.Cut(rest, "\r\n")
	p.types("too early\r")
	p.sees(`not sent, because nobody is connected: "too early"`)
	dial := func(path string) *client {
		c, err := websocket.Dial(t.Context(), "ws://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		return &client{t, c}
	}
	a := dial("/some/path")
	p.sees("client 1 connected from 127.0.0.1:")
	p.sees(" to /some/path\r\n")
	b := dial("/")
	p.sees("client 2 connected")
	b.says("hello")
	p.sees("2: hello\r\n")
	a.hears(websocket.Text, "hello") // and b, which sent it, does not
	p.types("to all\r")
	a.hears(websocket.Text, "to all")
	b.hears(websocket.Text, "to all")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.hearsClose(websocket.StatusGoingAway, "")
	b.hearsClose(websocket.StatusGoingAway, "")
	p.leaves(0)
}

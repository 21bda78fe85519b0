//go:build linux

package main

// This file tests what signals do to a server in a process of its own.

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// A child is a server in a process of its own.
type child struct {
	cmd    *exec.Cmd
	base   string // such as http://127.0.0.1:4711
	exited chan error
}

// startChild runs this test's own binary as the command, and reads where it serves.
func startChild(t *testing.T, kind string, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &child{cmd: exec.Command(exe, args...), exited: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), childEnv+"="+kind)
	stderr := new(strings.Builder)
	p.cmd.Stderr = stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if t.Failed() {
			<-p.exited
			t.Logf("stderr of the server:\n%s", stderr)
		}
	})
	r := bufio.NewReader(stdout)
	line, _ := r.ReadString('\n')
	base := regexp.MustCompile(`https?://\S+`).FindString(line)
	go func() {
		_, _ = io.Copy(io.Discard, r)
		p.exited <- p.cmd.Wait()
		close(p.exited)
	}()
	if base == "" {
		t.Fatalf("the first line names no address: %q", line)
	}
	p.base = base
	return p
}

// wait returns how the process ended.
func (p *child) wait(t *testing.T, atMost time.Duration) error {
	t.Helper()
	select {
	case err := <-p.exited:
		return err
	case <-time.After(atMost):
		t.Fatalf("the server still runs after %v", atMost)
		return nil
	}
}

func dialChild(t *testing.T, p *child, path string) *websocket.Conn {
	t.Helper()
	c, err := websocket.Dial(t.Context(), strings.Replace(p.base, "http", "ws", 1)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func TestSignalsStopTheServer(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := startChild(t, "main", "serve", "--listen", "127.0.0.1:0")
			ended := make(chan error)
			paths := []string{"/", "/echo", "/chatsocket", "/hello", "/chat", "/game"}
			for _, path := range paths {
				c := dialChild(t, p, path)
				go func() {
					for {
						if _, err := c.Read(context.Background()); err != nil {
							ended <- err
							return
						}
					}
				}()
			}
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			for range paths {
				if err := <-ended; websocket.CloseStatus(err) != websocket.StatusGoingAway {
					t.Errorf("closed with %v, want 1001", err)
				}
			}
			if err := p.wait(t, 5*time.Second); err != nil {
				t.Errorf("the server ended with %v, want exit status 0", err)
			}
		})
	}
}

// TestASecondSignalEndsAtOnce has a client that never answers the close frame, and hence keeps the server waiting.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := startChild(t, "main", "serve", "--listen", "127.0.0.1:0")
	dialChild(t, p, "/echo") // and never reads
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	time.Sleep(300 * time.Millisecond)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.wait(t, 3*time.Second); err == nil {
		t.Errorf("the server ended well after %v: it did not wait for its client", time.Since(began))
	}
}

// TestADeafClientDoesNotKeepTheServer: the server ends well, and in time, though a client never answers.
func TestADeafClientDoesNotKeepTheServer(t *testing.T) {
	t.Parallel()
	p := startChild(t, "main", "serve", "--listen", "127.0.0.1:0")
	dialChild(t, p, "/echo")
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.wait(t, goodbyeTimeout+2*time.Second); err != nil {
		t.Errorf("the server ended with %v, want exit status 0", err)
	}
}

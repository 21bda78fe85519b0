//go:build linux

package main

// This file runs the scripts in testdata/script, which use the command as people do.

import (
	"context"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/duplex-go/duplex/websocket"
)

// childEnv makes this test's own binary something else, when it runs itself: "main", the command; "starved", a server with
// few descriptors.
const childEnv = "DUPLEX_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "main":
		main()
		return
	case "starved":
		starvedServer()
		return
	}
	testscript.Main(m, map[string]func(){"duplex": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[heldKey{}] = make(chan error, 1)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second more under -race
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"freeport": freePort, "await": await, "hold": hold, "closed": closed,
			"listening": listening, "code": code, "certificate": certificate,
		},
	})
}

// freePort NAME puts a port that is free into a variable.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer ln.Close()
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
}

// await URL waits until the URL is served.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(args[0])
		if err == nil {
			_ = res.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not served: %v", args[0], err)
		}
	}
}

// heldKey finds the channel on which a held connection tells how it ended.
type heldKey struct{}

// hold URL connects, and stays connected.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	c, err := websocket.Dial(context.Background(), args[0], nil)
	ts.Check(err)
	ts.Defer(func() { _ = c.CloseNow() })
	ended := ts.Value(heldKey{}).(chan error)
	go func() {
		for {
			if _, err := c.Read(context.Background()); err != nil {
				ended <- err
				return
			}
		}
	}()
}

// closed CODE checks with which code the held connection was closed.
func closed(ts *testscript.TestScript, _ bool, args []string) {
	select {
	case err := <-ts.Value(heldKey{}).(chan error):
		if code := websocket.CloseStatus(err); strconv.Itoa(int(code)) != args[0] {
			ts.Fatalf("closed with %d, want %s: %v", code, args[0], err)
		}
	case <-time.After(10 * time.Second):
		ts.Fatalf("the connection is still open")
	}
}

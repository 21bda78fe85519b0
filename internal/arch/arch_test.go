// The test of the house, and the tests that the judge can condemn.

package arch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNeverArrows reads the repository and holds it against the table.
func TestNeverArrows(t *testing.T) {
	uses, problems, err := load(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(uses, func(u Use) bool { return u.From == "./internal/arch" && u.To == "go/ast" && u.Test }) {
		t.Fatal("the reader did not even find this package")
	}
	for _, p := range append(problems, Check(Rules, Exceptions, uses)...) {
		t.Error(p)
	}
}

// TestCheck shows for every row a use that it forbids and one, close to it, that it does not.
func TestCheck(t *testing.T) {
	tests := []struct {
		use  Use
		want string // part of the problem, empty if there is none
	}{
		{Use{From: "./proto/ws", To: "net"}, "must not use net: the ground is a function"},
		{Use{From: "./proto/ws", To: "net/http"}, "must not use net/http"},
		{Use{From: "./proto/ws", To: "net/url"}, ""},
		{Use{From: "./proto/ws", To: "netip"}, ""},
		{Use{From: "./proto/ws", To: "sync/atomic"}, "must not use sync/atomic"},
		{Use{From: "./proto/eio/deep", To: "log/slog"}, "must not use log/slog"},
		{Use{From: "./proto/ws", To: "os", Test: true}, ""},
		{Use{From: "./proto/ws", To: "time"}, ""},
		{Use{From: "./proto/ws", To: "time", Name: "Duration"}, ""},
		{Use{From: "./proto/ws", To: "time", Name: "Now"}, "must not use time.Now"},
		{Use{From: "./proto/ws", To: "time", Name: "Now", Test: true}, ""},
		{Use{From: "./websocket", To: "time", Name: "Now"}, ""},
		{Use{From: "./proto/ws", To: "./websocket"}, "no floor above"},
		{Use{From: "./proto/ws", To: "./websocket", Test: true}, "no floor above"},
		{Use{From: "./proto/ws", To: "./internal/script", Test: true}, ""},
		{Use{From: "./proto/ws", To: "./internal/script"}, "no floor above"},
		{Use{From: "./proto/ws", To: "./proto/eio"}, "no protocol beside it"},
		{Use{From: "./proto/ws", To: "./proto/ws/wstest"}, ""},
		{Use{From: "./internal/eventloop", To: "./proto/ws"}, "leaves"},
		{Use{From: "./internal/eventloop", To: "./internal/wheel"}, ""},
		{Use{From: "./internal/eventloop", To: "net/http"}, "no protocol"},
		{Use{From: "./internal/eventloop", To: "net"}, ""},
		{Use{From: "./websocket", To: "./proto/ws"}, ""},
		{Use{From: "./websocket", To: "./engineio"}, "built on it"},
		{Use{From: "./engineio", To: "./websocket"}, ""},
		{Use{From: "./engineio", To: "./socketio"}, "built on it"},
		{Use{From: "./adapter/redis", To: "./websocket"}, "sees no sockets"},
		{Use{From: "./adapter", To: "./proto/sio"}, ""},
		{Use{From: "./adapter/redis", To: "./adapter"}, ""},
		{Use{From: "./adapter/redis", To: "./adapter/nats"}, "one door"},
		{Use{From: "./adapter/redis", To: "./proto/sio"}, "one door"},
		{Use{From: "./adapter/redis", To: "./adapter/adaptertest"}, "one door"},
		{Use{From: "./adapter/redis", To: "./adapter/adaptertest", Test: true}, ""},
		{Use{From: "./socketio", To: "./engineio"}, ""},
		{Use{From: "./socketio", To: "./adapter"}, ""},
		{Use{From: "./socketio", To: "./adapter/redis"}, "through adapter"},
		{Use{From: "./socketio", To: "./websocket"}, "through engineio"},
		{Use{From: "./socketio", To: "./internal/eventloop"}, "through engineio"},
		{Use{From: "./websocket", To: "./examples/chat", Test: true}, "not into it"},
		{Use{From: ".", To: "./cmd/duplex"}, "not into it"},
		{Use{From: "./cmd/duplex", To: "./examples/chat"}, ""},
		{Use{From: "./examples/chat", To: "./cmd/duplex"}, "not the other way round"},
		{Use{From: "./cmd/duplex", To: "./bench"}, "modules of their own"},
		{Use{From: "./conformance", To: "./examples/chat"}, "not into it"},
		{Use{From: "./conformance/browser", To: "./conformance"}, ""},
	}
	for _, tt := range tests {
		got := strings.Join(Check(Rules, nil, []Use{tt.use}), "\n")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%+v: got %q, want %q", tt.use, got, tt.want)
		}
	}
}

func TestCheckExceptions(t *testing.T) {
	granted := []Exception{{"proto/ws/deflate.go", "sync", "a pool"}}
	use := Use{From: "./proto/ws", File: "proto/ws/deflate.go", Line: 7, To: "sync"}
	if got := Check(Rules, granted, []Use{use}); got != nil {
		t.Errorf("an exception did not allow what it is for: %q", got)
	}
	other := use
	other.File = "proto/ws/conn.go"
	want := "proto/ws/conn.go:7: ./proto/ws must not use sync: the ground is a function of bytes and given times"
	if got := Check(Rules, granted, []Use{use, other}); len(got) != 1 || got[0] != want {
		t.Errorf("another file: got %q, want %q", got, want)
	}
	use.To = "io"
	want = "proto/ws/deflate.go: the exception for sync is not needed any more"
	if got := Check(Rules, granted, []Use{use}); len(got) != 1 || got[0] != want {
		t.Errorf("a stale exception: got %q, want %q", got, want)
	}
}

// TestLoad reads a small repository and finds the clock, renamed, and the crossing of sides.
func TestLoad(t *testing.T) {
	root := t.TempDir()
	for name, source := range map[string]string{
		"proto/ws/conn.go":         "package ws\n\nimport clock \"time\"\n\nvar start = clock.Now()\n",
		"websocket/conn.go":        "package websocket\n\ntype Conn struct{ Server int }\n",
		"websocket/dial.go":        "package websocket\n\nfunc Dial() *Conn {\n\tlimits()\n\treturn &Conn{Server: 1}\n}\n",
		"websocket/server_caps.go": "package websocket\n\nfunc limits() {}\n",
		"websocket/dial_test.go":   "package websocket\n\nfunc f() { limits(); Dial() }\n",
		"web/node_modules/x.go":    "not Go",
		"web/testdata/x.go":        "not Go",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	uses, problems, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	problems = append(problems, Check(Rules, nil, uses)...)
	want := []string{
		"dial.go:4:2: a client's file uses limits of a server's",
		"proto/ws/conn.go:5: ./proto/ws must not use time.Now: the ground is a function of bytes and given times",
	}
	if len(problems) != len(want) || !strings.HasSuffix(problems[0], want[0]) || problems[1] != want[1] {
		t.Errorf("got %q, want %q", problems, want)
	}
}

package conformance

// This file holds the server under test: the real binary, as a newcomer starts it.

import (
	"regexp"
	"testing"
)

// A server is a running "duplex serve".
type server struct {
	*process
	addr string // host and port
}

// usualFlags turn on what the checks look at.
var usualFlags = []string{"--deflate", "--origin", "https://*.good.example"}

// startServer runs "duplex serve" on a free port. When it ends, by our signal, its status must be 0, and its log without
// panics and errors.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	return startServerAt(t, "127.0.0.1:0", flags...)
}

// startServerAt is startServer with an address, for one that is started again.
func startServerAt(t *testing.T, addr string, flags ...string) *server {
	t.Helper()
	argv := append([]string{binary, "serve", "--listen", addr, "--log-level", "debug"}, flags...)
	p := start(t, argv...)
	t.Cleanup(func() {
		p.stop()
		if code := p.cmd.ProcessState.ExitCode(); code > 0 {
			t.Errorf("duplex serve exited with %d", code)
		}
		if bad := badLog.FindString(p.out.String()); bad != "" {
			t.Errorf("duplex serve logged: %s", bad)
		}
	})
	return &server{p, p.waitFor(`duplex serves on https?://(\S+)`)}
}

// badLog is what a server must not log, whatever clients do.
var badLog = regexp.MustCompile(`(?m)^.*(level=ERROR|panic|DATA RACE).*$`)

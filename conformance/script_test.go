package conformance

// This file holds the runner of scripts: programs in another language that drive a client and print a line for each check.

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// scriptPatience is the time a whole script may take.
const scriptPatience = 90 * time.Second

// A script is a client that somebody else wrote, and the program of ours that drives it.
type script struct {
	client string   // as the table calls it
	needs  []string // packages
	argv   []string // the URL of the server follows
}

var (
	npmWS      = script{"npm ws", []string{"nodejs", "ws"}, []string{"node", "node/ws.mjs"}}
	pyShort    = script{"python3-websocket, short", []string{"python3-websocket"}, []string{python, "-B", "python/websocket_short.py"}}
	pyApp      = script{"python3-websocket, run_forever", []string{"python3-websocket"}, []string{python, "-B", "python/websocket_app.py"}}
	websockets = script{"python3-websockets", []string{"python3-websockets"}, []string{python, "-B", "python/websockets_client.py"}}
	tornado    = script{"python3-tornado", []string{"python3-tornado"}, []string{python, "-B", "python/tornado_client.py"}}
)

// run runs the script against a URL. Via is how it gets there, for the table. Stop ends the server, when the script asks for it.
func (s script) run(t *testing.T, via, url string, stop func(), env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scriptPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.argv[0], append(s.argv[1:], url)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	checks := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if lines.Text() == "stop the server" {
			go stop()
			continue
		}
		checks++
		s.report(t, s.client+via, lines.Text())
	}
	err = cmd.Wait()
	if checks == 0 || err != nil && !t.Failed() {
		t.Errorf("%s: %d checks, %v", strings.Join(s.argv, " "), checks, err)
	}
	if stderr.Len() > 0 && t.Failed() {
		t.Logf("%s said:\n%s", s.client, stderr.String())
	}
}

// report turns a line of a script into a subtest.
func (s script) report(t *testing.T, client, line string) {
	t.Helper()
	name, ok := strings.CutPrefix(line, "ok ")
	why := ""
	if !ok {
		var failed bool
		name, why, _ = strings.Cut(line, ": ")
		if name, failed = strings.CutPrefix(name, "not ok "); !failed {
			t.Errorf("%s: a line that is no result: %q", client, line)
			return
		}
	}
	feature, what, _ := strings.Cut(name, "/")
	check(t, client, feature, what, func(t *testing.T) {
		if !ok {
			t.Error(why)
		}
	})
}

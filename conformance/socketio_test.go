package conformance

// This file holds the comparison of Socket.IO servers: the same client runs the same scenarios against the official server and ours, and must see the same.

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// scenarioPatience is the time that a client's script may take.
const scenarioPatience = 60 * time.Second

// A scenarioServer is a server that the scenarios are made for. It can be ended and started again at the same port.
type scenarioServer struct {
	*process
	t    *testing.T
	argv []string
	port string
	bad  bool // its log may hold anything
}

// startScenarios starts the official server, or ours.
func startScenarios(t *testing.T, official bool, flags ...string) *scenarioServer {
	t.Helper()
	argv := []string{scenarioBinary}
	if official {
		argv = []string{"node", "node/socketio/server.mjs"}
	}
	s := &scenarioServer{t: t, argv: append(argv, flags...), bad: official}
	s.start("0")
	return s
}

func (s *scenarioServer) start(port string) {
	s.t.Helper()
	p := start(s.t, slices.Concat(s.argv, []string{"--port", port})...)
	s.process, s.port = p, p.waitFor(`port (\d+)\n`)
	if s.bad {
		return
	}
	s.t.Cleanup(func() {
		p.stop()
		if code := p.cmd.ProcessState.ExitCode(); code > 0 {
			s.t.Errorf("socketioserver exited with %d", code)
		}
		if bad := badLog.FindString(p.out.String()); bad != "" {
			s.t.Errorf("socketioserver logged: %s", bad)
		}
	})
}

func (s *scenarioServer) url() string { return "http://127.0.0.1:" + s.port }

// control does what a client's script asks for.
func (s *scenarioServer) control(what string) {
	s.t.Helper()
	switch what {
	case "kill":
		s.kill()
	case "stop":
		s.stop()
	case "start":
		s.start(s.port)
	default:
		s.t.Errorf("a script asks for %q", what)
	}
}

// startBoth starts the official server and ours.
func startBoth(t *testing.T, flags ...string) [2]*scenarioServer {
	t.Helper()
	return [2]*scenarioServer{startScenarios(t, true, flags...), startScenarios(t, false, flags...)}
}

// A step is a line of a client's script.
type step struct {
	Scenario, Step, Control string
	Saw                     json.RawMessage

	server int // 0: the official one
	line   string
}

// runBoth runs a client's script against both servers at once, and returns what it saw. argv gives the command line for a server.
func runBoth(t *testing.T, servers [2]*scenarioServer, argv func(server int) []string) [2][]step {
	t.Helper()
	steps := make(chan step)
	var inputs [2]io.Writer
	running := 0
	for i := range servers {
		command := argv(i)
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...) // its end is also that of our reading
		cmd.WaitDelay = time.Second
		var errors output
		cmd.Stderr = &errors
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Wait() // the context has ended it, if it had not
			if text := errors.tail(); text != "" {
				t.Logf("%s said:\n%s", strings.Join(command, " "), text)
			}
		})
		inputs[i] = stdin
		running++
		go readSteps(stdout, i, steps)
	}
	var saw [2][]step
	for late := time.After(scenarioPatience); running > 0; {
		select {
		case s := <-steps:
			switch {
			case s.line == "":
				running--
			case s.Control != "":
				servers[s.server].control(s.Control)
				_, _ = io.WriteString(inputs[s.server], "done\n") // if it has ended, its reader says so
			default:
				saw[s.server] = append(saw[s.server], s)
			}
		case <-late:
			t.Fatalf("the scripts take longer than %v; after %d and %d steps", scenarioPatience, len(saw[0]), len(saw[1]))
		}
	}
	return saw
}

// readSteps reads the lines of a script to their end, which is a step without a line.
func readSteps(r io.Reader, server int, steps chan<- step) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s := step{line: lines.Text(), server: server}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			s.Scenario = "failed"
		}
		steps <- s
	}
	steps <- step{server: server}
}

// compare has each scenario as a check, under the feature of the table that it is for.
func compare(t *testing.T, client, what string, saw [2][]step, featureOf func(scenario string) string) {
	t.Helper()
	if len(saw[0]) == 0 {
		t.Error("the client saw nothing of the official server")
	}
	var scenarios []string
	for _, s := range saw[0] {
		if !slices.Contains(scenarios, s.Scenario) {
			scenarios = append(scenarios, s.Scenario)
		}
	}
	for _, scenario := range scenarios {
		check(t, client, featureOf(scenario), what, func(t *testing.T) {
			of := func(s step) bool { return s.Scenario == scenario }
			compareSteps(t, keep(saw[0], of), keep(saw[1], of))
		})
	}
	if len(saw[1]) != len(saw[0]) {
		t.Errorf("%d steps with the official server, %d with ours", len(saw[0]), len(saw[1]))
	}
}

// compareSteps compares what a client saw of the official server and of ours.
func compareSteps(t *testing.T, official, ours []step) {
	t.Helper()
	for i := range max(len(official), len(ours)) {
		var a, b step
		if i < len(official) {
			a = official[i]
		}
		if i < len(ours) {
			b = ours[i]
		}
		if a.Step == "failed" {
			t.Errorf("the scenario fails with the official server: %s", a.Saw)
		}
		if a.line != b.line {
			t.Errorf("%s\nofficial: %s\nours:     %s", a.Step, a.line, b.line)
		}
		if a.Step != b.Step {
			return // the rest is shifted
		}
	}
}

func keep(steps []step, of func(s step) bool) []step {
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return !of(s) })
}

// The report: what the events of go test -json add up to.

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is one line of go test -json; "go doc test2json" tells its fields.
type event struct {
	Action, Package, Test, Output string
}

// report counts tests and keeps the output of those whose fate is not known yet.
type report struct {
	out     io.Writer
	passed  int
	failed  []string // by name, "package TestX/sub"
	skipped []string // the same and why, one line each
	open    map[event]*strings.Builder
}

func newReport(out io.Writer) *report {
	return &report{out: out, open: map[event]*strings.Builder{}}
}

// read takes events to the end. Lines that are none are passed on.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) == nil && e.Action != "":
			r.take(e)
		default:
			fmt.Fprintf(r.out, "%s", line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	key := event{Package: e.Package, Test: e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "run", "start":
		r.open[key] = &strings.Builder{}
	case "output":
		if b := r.open[key]; b != nil {
			b.WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		output := ""
		if b := r.open[key]; b != nil {
			output = b.String()
		}
		delete(r.open, key)
		if e.Test == "" {
			r.endPackage(e, output)
		} else {
			r.endTest(e, output)
		}
	}
}

func (r *report) endTest(e event, output string) {
	name := e.Package + " " + e.Test
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped = append(r.skipped, name+reason(output))
	default:
		r.failed = append(r.failed, name)
		fmt.Fprint(r.out, output)
	}
}

// endPackage prints the package's line. In a package that failed, tests without an end were cut off and have failed too;
// if there is no failed test at all, the package itself counts as one.
func (r *report) endPackage(e event, output string) {
	if e.Action != "fail" {
		lines := strings.Split(strings.TrimSpace(output), "\n")
		fmt.Fprintln(r.out, lines[len(lines)-1])
		return
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.open), func(a, b event) int { return cmp.Compare(a.Test, b.Test) }) {
		if key.Package == e.Package {
			output := r.open[key].String()
			delete(r.open, key)
			r.endTest(event{Action: "fail", Package: key.Package, Test: key.Test}, output)
		}
	}
	fmt.Fprint(r.out, output)
	if !slices.ContainsFunc(r.failed, func(name string) bool { return strings.HasPrefix(name, e.Package+" ") }) {
		r.failed = append(r.failed, e.Package+" (outside its tests)")
	}
}

var logged = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)

// reason returns what a skipped test logged last, or nothing.
func reason(output string) string {
	lines := logged.FindAllStringSubmatch(output, -1)
	if len(lines) == 0 {
		return ""
	}
	return ": " + lines[len(lines)-1][1]
}

func (r *report) add(other *report) {
	r.passed += other.passed
	r.failed = append(r.failed, other.failed...)
	r.skipped = append(r.skipped, other.skipped...)
}

func (r *report) print(out io.Writer) {
	for _, list := range []struct {
		title string
		tests []string
	}{{"skipped", r.skipped}, {"failed", r.failed}} {
		if len(list.tests) > 0 {
			fmt.Fprintf(out, "\n%d %s:\n\t%s\n", len(list.tests), list.title, strings.Join(list.tests, "\n\t"))
		}
	}
	fmt.Fprintf(out, "\n%d passed, %d failed, %d skipped\n", r.passed, len(r.failed), len(r.skipped))
}

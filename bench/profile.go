package main

// This file holds the profiles of what misses its target: where the processor's time, or the memory, goes.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// profiles writes a profile of each of our servers and rows that missed a target. They are taken in runs of their own, because taking them costs time.
func profiles(ctx context.Context, o options, w io.Writer, got map[string]map[string]sample) error {
	var done []string
	for _, t := range targets {
		v, _, ok := t.measured(got[t.row])
		if what := t.row + ", " + t.server; ok && !t.reached(v) && !slices.Contains(done, what) {
			if done = append(done, what); len(done) == 1 {
				fmt.Fprint(w, "\n## Where it goes\n\nProfiles of what missed its target: functions by what they and those that they call take (cum), of the processor's time or of the memory in use.\n")
			}
			text, err := profile(ctx, o, t)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "\n### %s\n\n```\n%s```\n", what, text)
		}
	}
	return nil
}

func (t target) reached(v float64) bool {
	if t.least {
		return v >= t.bound
	}
	return v <= t.bound
}

// profile runs a row of a target once more, and returns where its server's time goes, or its memory.
func profile(ctx context.Context, o options, t target) (string, error) {
	o.profile = filepath.Join(o.bin, "profile")
	r := rows[slices.IndexFunc(rows, func(r row) bool { return r.name == t.row })]
	s := servers[slices.IndexFunc(servers, func(s server) bool { return s.name == t.server })]
	if _, err := measure(ctx, o, s, r); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", "-nodecount=400", "-nodefraction=0.015", "-edgefraction=0",
		filepath.Join(o.bin, s.program), o.profile)
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool pprof: %w", err)
	}
	return telling(string(text)), nil
}

// most is how many functions are shown.
const most = 24

// telling returns the lines of a profile that tell something: not those of the runtime's and the scheduler's insides, but for the largest.
func telling(text string) string {
	_, table, _ := strings.Cut(text, "flat%")
	var b strings.Builder
	fmt.Fprintf(&b, "%10s %10s  %s\n", "flat", "cum", "function")
	n := 0
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 6 || n == most || strings.HasPrefix(f[5], "runtime.") && !slices.Contains(shown, f[5]) {
			continue
		}
		n++
		fmt.Fprintf(&b, "%10s %10s  %s\n", f[1], f[4], strings.ReplaceAll(strings.Join(f[5:], " "), "github.com/duplex-go/duplex/", ""))
	}
	return b.String()
}

// shown are the functions of the runtime that say something.
var shown = []string{"runtime.mallocgc", "runtime.gcBgMarkWorker", "runtime.schedule", "runtime.memmove", "runtime.newproc", "runtime.malg", "runtime.newstack", "runtime.mapassign_faststr"}

// fetch gets a profile from the server, while the client keeps it busy or holds its connections open, and keeps it in o.profile.
func (m *measurement) fetch(ctx context.Context) error {
	what := fmt.Sprintf("profile?seconds=%d", max(1, int(m.o.seconds)))
	if m.r.mode == "idle" {
		what = "heap?gc=1"
	}
	scheme := "http"
	if m.r.tls {
		scheme = "https"
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://127.0.0.1:"+m.port+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f, err := os.Create(m.o.profile)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, resp.Body); err != nil {
		return err
	}
	return f.Close()
}

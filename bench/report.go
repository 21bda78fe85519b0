package main

// This file holds what is written: the tables, and which targets were reached.

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

func insecure() *http.Transport {
	return &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // a certificate made on the spot
}

// report writes the results.
func report(w io.Writer, results map[string]map[string]sample) {
	fmt.Fprintf(w, "# Side by side\n\nMeasured %s on %s, %d processors, Linux %s, %s, node %s, with\n\n    go run . %s\n\n",
		time.Now().UTC().Format("2006-01-02"), model(), runtime.NumCPU(), said("uname", "-r"), runtime.Version(), said("node", "--version"), strings.Join(os.Args[1:], " "))
	fmt.Fprint(w, `CPU is user and system time of the server's whole process for a message; ratios are to duplex-push, and above 1 where a server takes more. Medians
of interleaved rounds, the server alone on one processor with GOMAXPROCS=1, the load on the other, unless a row says that it has both. The machine is shared and
noisy: trust CPU and ratios, not rates.

Text is checked for UTF-8 by duplex and npm ws. It is not by gorilla, gws as set up by default, coder, gobwas (low-level API) and the C loop, which
checks nothing at all. gobwas-gather holds answers back while a further whole frame is buffered, by hand.

`)
	for _, r := range rows {
		if got := results[r.name]; len(got) > 0 {
			table(w, r, got)
		}
	}
	targets(w, results)
}

// table writes a row of the measurement.
func table(w io.Writer, r row, got map[string]sample) {
	fmt.Fprintf(w, "## %s\n\n", r.title)
	base := got["duplex-push"]
	names := make([]string, 0, len(got))
	for _, s := range servers {
		if _, ok := got[s.name]; ok {
			names = append(names, s.name)
		}
	}
	if r.mode == "idle" {
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(got[a].memory, got[b].memory) })
		fmt.Fprint(w, "| server | KiB a connection | ratio |\n|---|---:|---:|\n")
		for _, name := range names {
			fmt.Fprintf(w, "| %s | %.2f | %.2f |\n", name, got[name].memory/1024, got[name].memory/base.memory)
		}
		fmt.Fprintln(w)
		return
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(got[a].cpu, got[b].cpu) })
	fmt.Fprint(w, "| server | CPU, us | ratio | a second | p50, us | p99, us |")
	line := "|---|---:|---:|---:|---:|---:|"
	if r.mode == "sleep" {
		fmt.Fprint(w, " p99 of those that echo, us |")
		line += "---:|"
	}
	fmt.Fprintf(w, "\n%s\n", line)
	for _, name := range names {
		s := got[name]
		fmt.Fprintf(w, "| %s | %.3f | %.2f | %.0f | %.0f | %.0f |", name, s.cpu, s.cpu/base.cpu, s.rate, s.p50, s.p99)
		if r.mode == "sleep" {
			fmt.Fprintf(w, " %.0f |", s.bystander)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// target is a figure that is to be reached: that of mode against the best of others, at most.
type target struct {
	row, mode string
	others    string // by commas; empty: the figure itself, in KiB
	most      float64
	figure    func(sample) float64
	what      string
}

func cpuOf(s sample) float64    { return s.cpu }
func p50Of(s sample) float64    { return s.p50 }
func memoryOf(s sample) float64 { return s.memory / 1024 }

const (
	goroutined = "gorilla,gws,coder"
	everybody  = "gorilla,gws,coder,gobwas,gobwas-gather,npm-ws"
)

var allTargets = []target{
	{"echo32", "duplex-push", goroutined, 0.87, cpuOf, "CPU"},
	{"echo32", "duplex-push", "gobwas", 0.95, cpuOf, "CPU"},
	{"echo32", "duplex-loop", goroutined, 0.82, cpuOf, "CPU"},
	{"echo32", "duplex-loop", "gobwas", 0.90, cpuOf, "CPU"},
	{"echo32x16", "duplex-push", goroutined, 0.15, cpuOf, "CPU"},
	{"echo32x16", "duplex-push", "gobwas-gather", 1, cpuOf, "CPU"},
	{"echo16k", "duplex-push", everybody, 1, cpuOf, "CPU"},
	{"echo1m", "duplex-push", everybody, 1, cpuOf, "CPU"},
	{"one", "duplex-push", everybody, 1.05, p50Of, "p50"},
	{"echo32", "duplex-pull", goroutined, 1, cpuOf, "CPU"},
	{"echo32x16", "duplex-pull", goroutined, 1, cpuOf, "CPU"},
	{"echo1m", "duplex-pull", goroutined, 1, cpuOf, "CPU"},
	{"idle", "duplex-push", "", 0.5, memoryOf, "KiB"},
	{"idletls", "duplex-push", "", 8, memoryOf, "KiB"},
	{"idle", "duplex-pull", "", 5, memoryOf, "KiB"},
	{"broadcast", "duplex-push", everybody, 1, cpuOf, "CPU"},
	{"broadcast16", "duplex-push", everybody, 0.4, cpuOf, "CPU"},
	{"connect", "duplex-push", goroutined, 1, cpuOf, "CPU"},
	{"sleep", "duplex-pull", "duplex-push", 1 / 0.9, func(s sample) float64 { return s.rate }, "rate"},
	{"sleep", "duplex-push", "", 5, func(s sample) float64 { return s.bystander / 1000 }, "p99 of those that echo, ms"},
}

// targets writes which of them were reached.
func targets(w io.Writer, results map[string]map[string]sample) {
	fmt.Fprint(w, "## Targets\n\n| row | server | figure | against | at most | measured | reached |\n|---|---|---|---|---:|---:|---|\n")
	for _, t := range allTargets {
		got := results[t.row]
		mine, ok := got[t.mode]
		if !ok {
			continue
		}
		v, best := t.figure(mine), ""
		if t.others != "" {
			least := 0.0
			for _, name := range strings.Split(t.others, ",") {
				if s, ok := got[name]; ok && (best == "" || t.figure(s) < least) {
					best, least = name, t.figure(s)
				}
			}
			if best == "" {
				continue
			}
			v /= least
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.2f | %.2f | %s |\n", t.row, t.mode, t.what, best, t.most, v, map[bool]string{true: "yes", false: "**no**"}[v <= t.most])
	}
}

func model() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(text), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(line, " \t:")
}

func said(name string, args ...string) string {
	text, err := exec.Command(name, args...).Output()
	if err != nil {
		return "(unknown)"
	}
	return strings.TrimSpace(string(text))
}

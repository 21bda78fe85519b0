package main

// This file holds what is written: the machine, the tables, and which targets were reached.

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// machine says on what was measured, how, and what.
func machine(ctx context.Context) string {
	said := func(args ...string) string {
		text, err := exec.CommandContext(ctx, args[0], args[1:]...).Output()
		if err != nil {
			return "(unknown)"
		}
		return strings.TrimSpace(string(text))
	}
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	_, model, _ := strings.Cut(string(cpuinfo), "model name")
	model, _, _ = strings.Cut(strings.Trim(model, " \t:"), "\n")
	load, _ := os.ReadFile("/proc/loadavg")
	compiler, _, _ := strings.Cut(said("cc", "--version"), "\n")
	libraries := said("go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "github.com/gorilla/websocket", "github.com/lxzan/gws", "github.com/coder/websocket", "github.com/gobwas/ws")
	for _, path := range []string{"npmws/node_modules/ws", "npmsio/node_modules/socket.io"} {
		libraries += "\nnpm " + said("node", "-p", "let p = require('./servers/"+path+"/package.json'); p.name + ' ' + p.version")
	}
	return fmt.Sprintf("- %s, %d processors, Linux %s; load average at the start %s\n- %s, node %s, %s\n- %s\n- %s: `%s`\n",
		model, runtime.NumCPU(), said("uname", "-r"), strings.Join(strings.Fields(string(load))[:1], ""),
		runtime.Version(), said("node", "--version"), compiler, strings.ReplaceAll(libraries, "\n", ", "),
		time.Now().UTC().Format("2006-01-02"), strings.TrimSpace("go run . "+strings.Join(os.Args[1:], " ")))
}

// report writes the results, and returns the medians by row and server.
func report(w io.Writer, machine string, results map[string]map[string][]sample) map[string]map[string]sample {
	fmt.Fprintf(w, "# Side by side\n\n%s\n", machine)
	fmt.Fprint(w, `How it is measured stands at the head of main.go. CPU is user and system time of the server's whole process for a message, and in brackets the least
and the most of the rounds; all other figures are medians. Ratios are to duplex-push, or duplex-sio: above 1, a server takes more. The machine is
shared and noisy: trust CPU and its ratios, not messages a second.

`)
	who(w)
	medians := make(map[string]map[string]sample)
	for _, r := range rows {
		if len(results[r.name]) == 0 {
			continue
		}
		medians[r.name] = make(map[string]sample)
		for name, list := range results[r.name] {
			medians[r.name][name] = median(list)
		}
		table(w, r, results[r.name], medians[r.name])
	}
	reached(w, medians)
	return medians
}

// who says who takes part, and who checks text.
func who(w io.Writer) {
	fmt.Fprint(w, "| server | what it is | checks text for UTF-8 |\n|---|---|---|\n")
	for _, s := range servers {
		fmt.Fprintf(w, "| %s | %s | %s |\n", s.name, s.what, yes(s.utf8))
	}
	fmt.Fprint(w, "\nMessages are text, of ASCII.\n\n")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "**no**"
}

// column is a column of a table: by its name, how a figure is printed.
type column struct {
	name string
	cell func(server string) string
}

// table writes a row of the measurement.
func table(w io.Writer, r row, all map[string][]sample, got map[string]sample) {
	number := func(format string, f func(sample) float64) func(string) string {
		return func(name string) string { return fmt.Sprintf(format, f(got[name])) }
	}
	ratio := func(f func(sample) float64) func(string) string {
		return func(name string) string {
			if base, ok := got[r.base()]; ok {
				return fmt.Sprintf("%.2f", f(got[name])/f(base))
			}
			return ""
		}
	}
	p99 := func(s sample) float64 { return s.p99 }
	var columns []column
	order := cpuOf
	switch r.mode {
	case "idle":
		order = kibOf
		columns = []column{{"KiB a connection", number("%.2f", kibOf)}, {"ratio", ratio(kibOf)}}
	case "sleep":
		order = func(s sample) float64 { return -s.rate }
		columns = []column{{"a second", number("%.0f", rateOf)}, {"ratio", ratio(rateOf)}, {"p50, us", number("%.0f", p50Of)}, {"p99, us", number("%.0f", p99)},
			{"p99 of those that echo, ms", number("%.2f", besideOf)}}
	default:
		cpu := func(name string) string {
			least, most := spread(all[name])
			return fmt.Sprintf("%.3f (%.3f-%.3f)", got[name].cpu, least, most)
		}
		columns = []column{{"CPU, us", cpu}, {"ratio", ratio(cpuOf)}, {"a second", number("%.0f", rateOf)}, {"p50, us", number("%.1f", p50Of)}, {"p99, us", number("%.1f", p99)}}
	}
	fmt.Fprintf(w, "## %s\n\n`-only %s`\n\n| server |", r.title, r.name)
	line := "|---|"
	for _, c := range columns {
		fmt.Fprintf(w, " %s |", c.name)
		line += "---:|"
	}
	fmt.Fprintf(w, "\n%s\n", line)
	for _, name := range sorted(got, order) {
		fmt.Fprintf(w, "| %s |", name)
		for _, c := range columns {
			fmt.Fprintf(w, " %s |", c.cell(name))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// sorted returns the servers, the best first.
func sorted(got map[string]sample, by func(sample) float64) []string {
	var names []string
	for _, s := range servers {
		if _, ok := got[s.name]; ok {
			names = append(names, s.name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch d := by(got[a]) - by(got[b]); {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	return names
}

// reached writes which targets were reached.
func reached(w io.Writer, got map[string]map[string]sample) {
	fmt.Fprint(w, "## Targets\n\n| row | server | figure | against the best of | target | measured | reached |\n|---|---|---|---|---:|---:|---|\n")
	for _, t := range targets {
		v, best, ok := t.measured(got[t.row])
		if !ok {
			continue
		}
		sign := "<="
		if t.least {
			sign = ">="
		}
		against := "(the figure itself)"
		if t.against != nil {
			there := slices.DeleteFunc(slices.Clone(t.against), func(name string) bool { _, ok := got[t.row][name]; return !ok })
			against = fmt.Sprintf("%s: %s", strings.Join(there, ", "), best)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s %.2f | %.2f | %s |\n", t.row, t.server, t.what, against, sign, t.bound, v, yes(t.reached(v)))
	}
}

// measured returns the figure of the target or its ratio to that of the best. ok: all that it takes was measured.
func (t target) measured(got map[string]sample) (v float64, best string, ok bool) {
	mine, ok := got[t.server]
	if !ok || t.against == nil {
		return t.figure(mine), "", ok
	}
	for _, name := range t.against {
		s, ok := got[name]
		if ok && (best == "" || (t.figure(s) < t.figure(got[best])) != t.least) {
			best = name
		}
	}
	if best == "" {
		return 0, "", false
	}
	return t.figure(mine) / t.figure(got[best]), best, true
}

// spread returns the least and the most CPU of the rounds.
func spread(list []sample) (least, most float64) {
	by := func(a, b sample) int {
		if a.cpu < b.cpu {
			return -1
		}
		return 1
	}
	return slices.MinFunc(list, by).cpu, slices.MaxFunc(list, by).cpu
}

// median takes the median of each figure.
func median(list []sample) sample {
	mid := func(f func(sample) float64) float64 {
		v := make([]float64, 0, len(list))
		for _, s := range list {
			v = append(v, f(s))
		}
		slices.Sort(v)
		return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
	}
	return sample{
		cpu: mid(cpuOf), rate: mid(rateOf), p50: mid(p50Of), p99: mid(func(s sample) float64 { return s.p99 }),
		memory: mid(func(s sample) float64 { return s.memory }), beside: mid(func(s sample) float64 { return s.beside }),
	}
}

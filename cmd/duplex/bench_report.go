package main

// This file holds what "duplex bench" reports.

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// result is what came of a run; with --json, in this form.
type result struct {
	Mode       string      `json:"mode"`
	URL        string      `json:"url"`
	Conns      int         `json:"conns"`
	Size       int         `json:"size"`
	Depth      int         `json:"depth"`
	Rate       float64     `json:"rate,omitempty"`
	Seconds    float64     `json:"seconds"`
	Messages   int64       `json:"messages"` // that came back, all copies of a broadcast
	PerSecond  float64     `json:"per_second"`
	Lost       int         `json:"lost"` // connections that ended during the run
	Handshakes int64       `json:"handshakes"`
	Handshake  percentiles `json:"handshake_us"`
	Latency    percentiles `json:"latency_us"`
}

// percentiles are microseconds.
type percentiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

func percentilesOf(h *hdrhistogram.Histogram) percentiles {
	us := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return percentiles{us(50), us(90), us(99), us(99.9), float64(h.Max()) / 1000}
}

// latencies merges the histograms of all connections.
func (b *bench) latencies() percentiles {
	all := newHistogram()
	seen := make(map[*shard]bool)
	for _, l := range b.conns {
		if !seen[l.shared] {
			seen[l.shared] = true
			l.shared.mu.Lock()
			all.Merge(l.shared.latencies)
			l.shared.mu.Unlock()
		}
	}
	return percentilesOf(all)
}

// report prints the result.
func (b *bench) report(w io.Writer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.result
	r.Handshake = percentilesOf(b.handshakes)
	n := r.Messages
	if r.Mode == "connect" {
		n = r.Handshakes
	}
	if r.Seconds > 0 {
		r.PerSecond = float64(n) / r.Seconds
	}
	if b.f.json {
		p, _ := json.MarshalIndent(r, "", "  ") // numbers and strings
		fmt.Fprintf(w, "%s\n", p)
		return
	}
	what := "messages"
	if r.Mode == "connect" {
		what = "connections"
	}
	fmt.Fprintf(w, "%d %s in %.1f s: %.0f a second\n", n, what, r.Seconds, r.PerSecond)
	if r.Lost > 0 {
		fmt.Fprintf(w, "%d of %d connections ended before their time\n", r.Lost, r.Conns)
	}
	fmt.Fprintf(w, "%-12s%12s%12s%12s%12s%12s\n", "", "p50", "p90", "p99", "p99.9", "max")
	row := func(name string, p percentiles) {
		fmt.Fprintf(w, "%-12s", name)
		for _, us := range []float64{p.P50, p.P90, p.P99, p.P999, p.Max} {
			fmt.Fprintf(w, "%12s", shortTime(us))
		}
		fmt.Fprintln(w)
	}
	row("handshake", r.Handshake)
	if r.Mode != "connect" {
		row("message", r.Latency)
	}
}

// shortTime writes microseconds with three figures.
func shortTime(us float64) string {
	d := time.Duration(us * 1000)
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g us", us)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", us/1e3)
	}
	return fmt.Sprintf("%.3g s", us/1e6)
}

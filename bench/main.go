// Command bench measures WebSocket servers and Socket.IO servers side by side, this library's among them, and writes RESULTS.md.
//
//	go run .                                                  # everything, some thirteen minutes
//	go run . -rounds 7 -seconds 3                             # the same, longer
//	go run . -only echo32,idle -servers duplex-push,gws       # some of it, to standard output
//	go run . -only sio                                        # the rows of Socket.IO; ws are the others
//	go run . -list                                            # the names of rows and servers
//
// It builds servers/* (Go, C by cc, JavaScript by npm ci) and client, the load generator. For a row, a thing that is measured, it starts
// each server in turn, pinned to processor 0 with GOMAXPROCS=1, and the client, pinned to processor 1, and does so for several rounds: every
// server once, then every server again, so that the machine's drift hits all alike. The rows named both... leave server and client both processors.
//
// What is compared is the server's CPU time for a message: user and system time of the whole process, exact to the nanosecond
// (/proc/PID/task/*/schedstat), over a window in which all connections are open and warm, by the messages whose answers came in that window. It survives a noisy
// machine; messages a second do not. The client checks every answer. Figures are medians over the rounds.
//
// Memory is what the process has resident (/rss of each server, which collects its garbage first) with the idle connections, less what it had before
// them and after a first hundred that came and went. It does not drift, and is measured in one round.
//
// main.go holds the run, table.go who and what is measured, measure.go one measurement, report.go what is written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// options are those of the command line.
type options struct {
	rounds        int
	seconds       float64
	rows, servers []string // empty: all
	out, bin      string
	profile       string // file for a profile of the server; empty: none is taken
	list          bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, only, who := flags()
	flag.Parse()
	o.rows, o.servers = words(*only), words(*who)
	if err := run(ctx, *o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing to do any more
	}
}

func flags() (o *options, only, who *string) {
	o = new(options)
	flag.IntVar(&o.rounds, "rounds", 3, "how often each server is measured in each row")
	flag.Float64Var(&o.seconds, "seconds", 1.5, "how long each time")
	flag.StringVar(&o.out, "out", "", "file to write; - is standard output; empty: RESULTS.md if all is measured, else standard output")
	flag.StringVar(&o.bin, "bin", "", "folder for the programs; empty: one that is removed")
	flag.BoolVar(&o.list, "list", false, "say what rows and servers there are")
	only = flag.String("only", "", "rows to measure, by commas, or ws or sio for those of WebSocket or Socket.IO; empty: all")
	who = flag.String("servers", "", "servers to measure, by commas; empty: all")
	return o, only, who
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func run(ctx context.Context, o options) error {
	if o.list {
		return printTable(os.Stdout)
	}
	if err := known(o); err != nil {
		return err
	}
	if err := raiseLimit(); err != nil {
		return err
	}
	if o.bin == "" {
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.bin = dir
	}
	if o.out == "" {
		if o.out = "RESULTS.md"; len(o.rows)+len(o.servers) > 0 {
			o.out = "-"
		}
	}
	if err := build(ctx, o); err != nil {
		return err
	}
	m := machine(ctx)
	results, err := measureAll(ctx, o)
	if err != nil {
		return err
	}
	if o.out == "-" {
		return profiles(ctx, o, os.Stdout, report(os.Stdout, m, results))
	}
	f, err := os.Create(o.out)
	if err != nil {
		return err
	}
	err = profiles(ctx, o, f, report(f, m, results))
	return errors.Join(err, f.Close())
}

// known returns an error if the command line names a row or a server that there is not.
func known(o options) error {
	for _, name := range o.rows {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.is(name) }) {
			return fmt.Errorf("there is no row %q: see -list", name)
		}
	}
	for _, name := range o.servers {
		if !slices.ContainsFunc(servers, func(s server) bool { return s.name == name }) {
			return fmt.Errorf("there is no server %q: see -list", name)
		}
	}
	return nil
}

// wants reports whether s is to be measured in r.
func (o options) wants(r row, s server) bool {
	return r.has(s) && (len(o.rows) == 0 || slices.ContainsFunc(o.rows, r.is)) && (len(o.servers) == 0 || slices.Contains(o.servers, s.name))
}

// measureAll measures everything, and returns samples by row and server.
func measureAll(ctx context.Context, o options) (map[string]map[string][]sample, error) {
	results := make(map[string]map[string][]sample)
	for _, r := range rows {
		if !slices.ContainsFunc(servers, func(s server) bool { return o.wants(r, s) }) {
			continue
		}
		rounds := o.rounds
		if r.mode == "idle" {
			rounds = 1
		}
		results[r.name] = make(map[string][]sample)
		for n := range rounds {
			for _, s := range servers {
				if !o.wants(r, s) {
					continue
				}
				got, err := measure(ctx, o, s, r)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if err != nil { // the row stays without it, and says so by that
					fmt.Fprintf(os.Stderr, "%-12s %d %-14s %v\n", r.name, n+1, s.name, err)
					continue
				}
				fmt.Fprintf(os.Stderr, "%-12s %d %-14s %v\n", r.name, n+1, s.name, got)
				results[r.name][s.name] = append(results[r.name][s.name], got)
			}
		}
	}
	return results, nil
}

// printTable says what there is.
func printTable(w io.Writer) error {
	for _, r := range rows {
		fmt.Fprintf(w, "%-14s %s\n", r.name, r.title)
	}
	fmt.Fprintln(w)
	for _, s := range servers {
		fmt.Fprintf(w, "%-14s %s\n", s.name, s.what)
	}
	return nil
}

// duration returns how long a measurement counts.
func (o options) duration() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

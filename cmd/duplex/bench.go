package main

// This file holds "duplex bench": its flags, and what it does with them.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/duplex-go/duplex/websocket"
)

// benchFlags is what the command line asks for.
type benchFlags struct {
	conns, size, depth, senders int
	rate                        float64
	duration                    time.Duration
	binary, deflate, insecure   bool
	json                        bool
}

func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put a WebSocket server under load, and measure it",
		Long: `Put a WebSocket server under load, and measure how long its answers take.

Without --rate each connection sends a message when an answer comes, and keeps --depth of them
in flight: that finds out how much the server can do. With --rate messages are sent at their
time, and latency is counted from when a message was due, not from when it could be sent:
that finds out how long users wait, and a server that stalls does not look good.

Exit codes: 0 done; 1 wrong usage; 2 nobody answers; 3 the handshake failed; 4 connections
ended that should not have; 5 what came was not what was sent.`,
		Example: `  duplex bench echo ws://127.0.0.1:8080/echo
  duplex bench echo --conns 1000 --rate 20000 --duration 30s ws://127.0.0.1:8080/echo
  duplex bench broadcast --conns 1000 ws://127.0.0.1:8080/room
  duplex bench idle --conns 10000 ws://127.0.0.1:8080/echo
  duplex bench connect --json ws://127.0.0.1:8080/echo`,
	}
	add := func(name, short string, defaults benchFlags, run func(*bench, context.Context) error) {
		f := defaults
		sub := &cobra.Command{
			Use:   name + " URL",
			Short: short,
			Args:  cobra.ExactArgs(1),
			RunE:  func(cmd *cobra.Command, args []string) error { return runBench(cmd, args[0], &f, run) },
		}
		f.register(sub.Flags())
		cmd.AddCommand(sub)
	}
	add("echo", "Send messages, and expect them back", benchFlags{conns: 100, depth: 1, size: 32}, (*bench).echo)
	add("broadcast", "Send messages that the server sends to all connections", benchFlags{conns: 100, depth: 1, size: 64}, (*bench).broadcast)
	add("idle", "Open connections, and see that they stay", benchFlags{conns: 1000, depth: 1, size: 512}, (*bench).idle)
	add("connect", "Connect and leave, again and again", benchFlags{conns: 10, depth: 1, size: 32}, (*bench).connect)
	return cmd
}

func (f *benchFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.IntVarP(&f.conns, "conns", "c", f.conns, "how many connections, at the same time")
	flags.IntVarP(&f.size, "size", "s", f.size, "`bytes` of a message")
	flags.IntVar(&f.depth, "depth", f.depth, "how many messages of a connection are in flight; with --rate at most, 1024 if not given")
	flags.Float64Var(&f.rate, "rate", 0, "messages a second, of all connections together; 0 is as fast as the answers come")
	flags.IntVar(&f.senders, "senders", 1, "how many of the connections send, in broadcast")
	flags.DurationVarP(&f.duration, "duration", "d", 10*time.Second, "for how long")
	flags.BoolVar(&f.binary, "binary", false, "send binary messages, not text")
	flags.BoolVar(&f.deflate, "deflate", false, "offer compression (permessage-deflate)")
	flags.BoolVar(&f.insecure, "insecure", false, "do not verify the server's certificate")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
}

// minSize is how many bytes a message of a broadcast needs, to say when it was sent.
const minSize = 16

// check refuses what cannot be meant.
func (f *benchFlags) check(mode string) error {
	switch {
	case f.conns < 1:
		return errors.New("--conns must be 1 or more")
	case f.depth < 1:
		return errors.New("--depth must be 1 or more")
	case f.size < 0:
		return errors.New("--size is negative")
	case f.rate < 0:
		return errors.New("--rate is negative: 0 is as fast as the answers come")
	case f.duration <= 0:
		return errors.New("--duration must be more than nothing: try 10s")
	case mode == "broadcast" && f.size < minSize:
		return fmt.Errorf("--size must be %d or more: a message says when it was sent", minSize)
	case mode == "broadcast" && (f.senders < 1 || f.senders > f.conns):
		return errors.New("--senders must be 1 or more, and no more than --conns")
	}
	return checkDescriptors(f.conns)
}

// runBench runs one of the modes and prints what came of it.
func runBench(cmd *cobra.Command, address string, f *benchFlags, run func(*bench, context.Context) error) error {
	address, err := parseAddress(address)
	if err != nil {
		return err
	}
	if f.rate > 0 && !cmd.Flags().Changed("depth") {
		f.depth = 1024
	}
	if err := f.check(cmd.Name()); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b := newBench(cmd.Name(), address, f)
	b.say = cmd.ErrOrStderr()
	err = run(b, ctx)
	if err == nil || b.result.Messages+b.result.Handshakes > 0 {
		b.report(cmd.OutOrStdout())
	}
	return err
}

// dialOptions returns how connections are opened. Handlers run on the loop: they never wait.
func (f *benchFlags) dialOptions() *websocket.DialOptions {
	o := new(websocket.DialOptions)
	o.ReadLimit = -1
	o.WhenFull = websocket.DropWhenFull
	o.WriteQueue = max(1<<20, 2*f.size*f.depth)
	o.OnLoop = true
	o.CloseTimeout = time.Second
	o.TLS = &tls.Config{InsecureSkipVerify: f.insecure} //nolint:gosec // asked for
	if f.deflate {
		o.Deflate = &websocket.Deflate{Takeover: true}
	}
	return o
}

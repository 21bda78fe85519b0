package main

// This file holds one measurement: a server that is started, the client, and what comes of them.

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duplex-go/duplex/bench/internal/figures"
)

// sample is what one measurement gave, or the medians of several.
type sample struct {
	cpu      float64 // microseconds of the server's CPU for a message
	rate     float64 // messages a second
	p50, p99 float64 // microseconds
	memory   float64 // bytes for an idle connection
	beside   float64 // p99 of the connections that echo beside those that sleep, in microseconds
}

func (s sample) String() string {
	if s.memory != 0 {
		return fmt.Sprintf("%8.0f B", s.memory)
	}
	text := fmt.Sprintf("%8.3f us CPU, %9.0f a second, p50 %.1f us, p99 %.1f us", s.cpu, s.rate, s.p50, s.p99)
	if s.beside != 0 {
		text += fmt.Sprintf(", beside them p99 %.1f us", s.beside)
	}
	return text
}

// build builds the client, and the servers that are to be measured, into dir.
func build(ctx context.Context, o options) error {
	dir, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	steps := [][]string{{"go", "build", "-o", dir + "/", "./client"}}
	built := make(map[string]bool)
	for _, s := range servers {
		if built[s.program] || !slices.ContainsFunc(rows, func(r row) bool { return o.wants(r, s) }) {
			continue
		}
		built[s.program] = true
		folder := "servers/" + s.program
		switch _, err := os.Stat(folder + "/package.json"); {
		case s.program == "floor":
			steps = append(steps, []string{"cc", "-O2", "-o", filepath.Join(dir, "floor"), folder + "/floor.c"})
		case err != nil:
			steps = append(steps, []string{"go", "build", "-o", dir + "/", "./" + folder})
		default:
			if _, err := os.Stat(folder + "/node_modules"); err != nil {
				steps = append(steps, []string{"npm", "ci", "--silent", "--prefix", folder})
			}
		}
	}
	for _, step := range steps {
		cmd := exec.CommandContext(ctx, step[0], step[1:]...)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(step, " "), err)
		}
	}
	return nil
}

// measurement is one server under load.
type measurement struct {
	o    options
	r    row
	port string
	pid  int
}

// measure runs a server and puts it under load once.
func measure(ctx context.Context, o options, s server, r row) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, o.duration()+2*time.Minute)
	defer cancel()
	port, err := freePort()
	if err != nil {
		return sample{}, err
	}
	m := measurement{o: o, r: r, port: port}
	cmd := m.server(ctx, s)
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	m.pid = cmd.Process.Pid // taskset becomes the server
	if err := m.await(); err != nil {
		return sample{}, err
	}
	if r.mode == "idle" {
		return m.idle(ctx)
	}
	return m.load(ctx)
}

// server returns the command that runs s.
func (m *measurement) server(ctx context.Context, s server) *exec.Cmd {
	var args []string
	switch program := filepath.Join(m.o.bin, s.program); s.program {
	case "floor":
		args = []string{program, m.port}
	case "npmws", "npmsio":
		args = []string{"node", "--expose-gc", "servers/" + s.program + "/server.js", m.port}
	default:
		args = append([]string{program, "-addr", "127.0.0.1:" + m.port}, s.args...)
		if m.r.tls {
			args = append(args, "-tls")
		}
	}
	return m.pinned(ctx, "0", args)
}

// client returns the command that puts the server under load.
func (m *measurement) client(ctx context.Context, conns int) *exec.Cmd {
	scheme := "ws"
	if m.r.tls {
		scheme = "wss"
	}
	args := []string{filepath.Join(m.o.bin, "client"), "-mode", m.r.mode, "-pid", strconv.Itoa(m.pid), "-conns", strconv.Itoa(conns),
		"-size", strconv.Itoa(m.r.size), "-depth", strconv.Itoa(m.r.depth), "-for", m.o.duration().String()}
	if m.r.sio && m.r.mode != "poll" {
		args = append(args, "-sio")
	}
	args = append(append(args, m.r.more...), scheme+"://127.0.0.1:"+m.port+m.r.path)
	return m.pinned(ctx, "1", args)
}

// pinned returns the command, for one processor unless the row gives both.
func (m *measurement) pinned(ctx context.Context, processor string, args []string) *exec.Cmd {
	if m.r.both {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stderr = os.Stderr
		return cmd
	}
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", processor}, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if m.o.profile != "" && m.r.mode == "idle" {
		cmd.Env = append(cmd.Env, "GODEBUG=memprofilerate=512") // bytes between two samples of the heap
	}
	cmd.Stderr = os.Stderr
	return cmd
}

// load measures what the client measures.
func (m *measurement) load(ctx context.Context) (sample, error) {
	var fetched chan error
	if m.o.profile != "" {
		fetched = make(chan error, 1)
		time.AfterFunc(time.Second, func() { fetched <- m.fetch(ctx) })
	}
	text, err := m.client(ctx, m.r.conns).Output()
	if err == nil && fetched != nil {
		err = <-fetched
	}
	if err != nil {
		return sample{}, err
	}
	var l figures.Load
	if err := json.Unmarshal(text, &l); err != nil {
		return sample{}, err
	}
	s := sample{cpu: l.CPU / float64(l.Messages), rate: float64(l.Messages) / l.Seconds, p50: l.P50, p99: l.P99}
	if l.Beside != nil { // the CPU is that of both kinds of messages, and tells nothing of one
		s.beside = l.Beside.P99
	}
	return s, nil
}

// idle measures memory.
func (m *measurement) idle(ctx context.Context) (sample, error) {
	before, err := m.hold(ctx, 100, false)
	if err != nil {
		return sample{}, err
	}
	with, err := m.hold(ctx, m.r.conns, true)
	return sample{memory: (with - before) / float64(m.r.conns)}, err
}

// hold has connections opened, used, and closed again. It returns the server's memory while they are open, or after that.
func (m *measurement) hold(ctx context.Context, conns int, open bool) (rss float64, err error) {
	const settle = 300 * time.Millisecond
	client := m.client(ctx, conns)
	stdin, err := client.StdinPipe()
	if err != nil {
		return 0, err
	}
	stdout, err := client.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := client.Start(); err != nil {
		return 0, err
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n') // it says "ready", or why not on standard error
	if open && line != "" {
		time.Sleep(settle)
		if rss, err = m.rss(ctx); err == nil && m.o.profile != "" {
			err = m.fetch(ctx)
		}
	}
	_ = stdin.Close()
	if err := errors.Join(err, client.Wait()); err != nil {
		return 0, err
	}
	if !open {
		time.Sleep(settle)
		rss, err = m.rss(ctx)
	}
	return rss, err
}

// rss returns the server's resident memory. It asks some times, as what is in a sync.Pool survives a collection or two.
func (m *measurement) rss(ctx context.Context) (bytes float64, err error) {
	scheme := "http"
	if m.r.tls {
		scheme = "https"
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting}}
	for range 3 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://127.0.0.1:"+m.port+"/rss", nil)
		if err != nil {
			return 0, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return 0, err
		}
		if bytes, err = strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err != nil {
			return 0, err
		}
	}
	return bytes, nil
}

// trusting accepts the certificates that the servers make on the spot.
var trusting = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // for these alone

// await waits until the server listens.
func (m *measurement) await() (err error) {
	for range 250 {
		var c net.Conn
		if m.r.tls {
			c, err = tls.Dial("tcp", "127.0.0.1:"+m.port, trusting)
		} else {
			c, err = net.Dial("tcp", "127.0.0.1:"+m.port)
		}
		if err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

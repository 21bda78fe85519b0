// Command bench measures WebSocket servers side by side, this library's among them, and writes RESULTS.md.
//
// Each server runs pinned to one processor with GOMAXPROCS=1, the load, "duplex bench", on the other. The rounds of a row are interleaved: every
// server once, then every server again, so that the machine's drift hits all alike. What is compared is the server's CPU time for a
// message: user and system of the whole process over the measured time, from /proc/PID/task/*/schedstat. It survives a noisy machine; messages a
// second do not. Medians over the rounds.
//
//	go run . -rounds 5 -seconds 3
//	go run . -only echo32 -servers duplex-push,gws -out -
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	rounds  = flag.Int("rounds", 3, "how often each server is measured in each row")
	seconds = flag.Float64("seconds", 2, "how long each time")
	only    = flag.String("only", "", "rows to measure, by commas; empty: all")
	which   = flag.String("servers", "", "servers to measure, by commas; empty: all")
	out     = flag.String("out", "RESULTS.md", "file to write; - is standard output")
	keep    = flag.String("bin", "", "folder for the binaries; empty: a temporary one")
)

// server is one of the servers under test.
type server struct {
	name    string
	program string
	args    []string
	utf8    bool // it checks text
}

var servers = []server{
	{"duplex-push", "duplex", []string{"-mode", "push"}, true},
	{"duplex-loop", "duplex", []string{"-mode", "loop"}, true},
	{"duplex-pull", "duplex", []string{"-mode", "pull"}, true},
	{"gorilla", "gorilla", nil, false},
	{"gws", "gws", nil, false},
	{"coder", "coder", nil, false},
	{"gobwas", "gobwas", nil, false},
	{"gobwas-gather", "gobwas", []string{"-gather"}, false},
	{"npm-ws", "npmws", nil, true},
	{"c-epoll", "floor", nil, false},
}

// row is one thing that is measured.
type row struct {
	name, title string
	mode, path  string
	conns, size int
	depth       int
	skip        string // servers that are left out, by commas
	both        bool   // the server has both processors
	tls         bool
}

var rows = []row{
	{name: "echo32", title: "Echo, 32 B, 100 connections", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 1},
	{name: "echo32x16", title: "Echo, 32 B, 100 connections, 16 in flight each", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 16},
	{name: "echo16k", title: "Echo, 16 KiB, 20 connections", mode: "echo", path: "/echo", conns: 20, size: 16 << 10, depth: 1},
	{name: "echo1m", title: "Echo, 1 MiB, 8 connections", mode: "echo", path: "/echo", conns: 8, size: 1 << 20, depth: 1},
	{name: "one", title: "One connection, 32 B: round trip", mode: "echo", path: "/echo", conns: 1, size: 32, depth: 1},
	{name: "broadcast", title: "Broadcast of 64 B to 1,000, one in flight: a delivery", mode: "broadcast", path: "/broadcast", conns: 1000, size: 64, depth: 1},
	{name: "broadcast16", title: "Broadcast of 64 B to 1,000, 16 in flight: a delivery", mode: "broadcast", path: "/broadcast", conns: 1000, size: 64, depth: 16},
	{name: "connect", title: "Connect, upgrade, close", mode: "connect", path: "/echo", conns: 20, size: 32, depth: 1},
	{name: "sleep", title: "1,000 connections whose handler sleeps 50 ms, and 100 that echo", mode: "sleep", path: "/sleep", conns: 1000, size: 32, depth: 1, skip: "duplex-loop,c-epoll,npm-ws"},
	{name: "idle", title: "Idle connection, 10,000 of them, after an echo of 512 B", mode: "idle", path: "/echo", conns: 10000, size: 512, depth: 1},
	{name: "idletls", title: "Idle TLS connection, 2,000 of them, after an echo of 512 B", mode: "idle", path: "/echo", conns: 2000, size: 512, depth: 1, tls: true, skip: "gobwas-gather,npm-ws,c-epoll"},
	{name: "both32", title: "Both processors: echo, 32 B, 100 connections", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 1, both: true},
	{name: "both32x16", title: "Both processors: echo, 32 B, 100 connections, 16 in flight each", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 16, both: true},
}

// sample is what one measurement gave.
type sample struct {
	cpu       float64 // microseconds of the server's CPU for a message
	rate      float64 // messages a second
	p50, p99  float64 // microseconds
	memory    float64 // bytes for an idle connection
	bystander float64 // p99 of the connections that echo beside those that sleep, in microseconds
}

// load is what "duplex bench --json" prints.
type load struct {
	Messages   int64   `json:"messages"`
	Handshakes int64   `json:"handshakes"`
	PerSecond  float64 `json:"per_second"`
	Latency    struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
	} `json:"latency_us"`
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	dir := *keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "bench"); err != nil {
			log.Fatal(err)
		}
		defer os.RemoveAll(dir)
	}
	build(dir)
	results := make(map[string]map[string]sample)
	for _, r := range rows {
		if !chosen(*only, r.name) {
			continue
		}
		all := make(map[string][]sample)
		for n := range *rounds {
			for _, s := range servers {
				if !chosen(*which, s.name) || r.skip != "" && slices.Contains(strings.Split(r.skip, ","), s.name) {
					continue
				}
				got, err := measure(dir, s, r)
				if err != nil {
					log.Printf("%s, %s: %v", r.name, s.name, err)
					continue
				}
				log.Printf("%-12s %d %-14s %s", r.name, n+1, s.name, got)
				all[s.name] = append(all[s.name], got)
			}
		}
		results[r.name] = make(map[string]sample)
		for name, list := range all {
			results[r.name][name] = median(list)
		}
	}
	w := io.Writer(os.Stdout)
	if *out != "-" {
		f, err := os.Create(*out)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close()
		w = f
	}
	report(w, results)
}

func (s sample) String() string {
	return fmt.Sprintf("%8.3f us CPU, %9.0f a second, p50 %.0f us, p99 %.0f us, %.0f B", s.cpu, s.rate, s.p50, s.p99, s.memory)
}

// chosen reports whether name is in a list of the command line.
func chosen(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

// median takes the median of each figure.
func median(list []sample) sample {
	mid := func(f func(sample) float64) float64 {
		var v []float64
		for _, s := range list {
			v = append(v, f(s))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return sample{
		cpu: mid(func(s sample) float64 { return s.cpu }), rate: mid(func(s sample) float64 { return s.rate }),
		p50: mid(func(s sample) float64 { return s.p50 }), p99: mid(func(s sample) float64 { return s.p99 }),
		memory: mid(func(s sample) float64 { return s.memory }), bystander: mid(func(s sample) float64 { return s.bystander }),
	}
}

// build builds everything.
func build(dir string) {
	run := func(folder, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Stderr = folder, os.Stderr
		if err := cmd.Run(); err != nil {
			log.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		log.Fatal(err)
	}
	run("..", "go", "build", "-o", filepath.Join(abs, "load"), "./cmd/duplex")
	for _, name := range []string{"duplex", "gorilla", "gws", "coder", "gobwas"} {
		run(".", "go", "build", "-o", filepath.Join(abs, name), "./servers/"+name)
	}
	run(".", "cc", "-O2", "-o", filepath.Join(abs, "floor"), "servers/floor/floor.c")
	if _, err := os.Stat("servers/npmws/node_modules"); err != nil {
		run("servers/npmws", "npm", "ci", "--silent")
	}
}

// command returns the command that runs s.
func command(dir string, s server, r row, port string) *exec.Cmd {
	var args []string
	if !r.both {
		args = append(args, "taskset", "-c", "0")
	}
	switch s.program {
	case "floor":
		args = append(args, filepath.Join(dir, "floor"), port)
	case "npmws":
		args = append(args, "node", "--expose-gc", "servers/npmws/server.js", port)
	default:
		args = append(append(args, filepath.Join(dir, s.program), "-addr", "127.0.0.1:"+port), s.args...)
		if r.tls {
			args = append(args, "-tls")
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = os.Environ()
	if !r.both {
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	cmd.Stderr = os.Stderr
	return cmd
}

// measure runs a server and puts it under load once.
func measure(dir string, s server, r row) (sample, error) {
	port, err := freePort()
	if err != nil {
		return sample{}, err
	}
	cmd := command(dir, s, r, port)
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if err := await(port); err != nil {
		return sample{}, err
	}
	m := measurement{dir: dir, r: r, pid: cmd.Process.Pid, port: port}
	switch r.mode {
	case "idle":
		return m.idle()
	case "sleep":
		return m.sleep()
	}
	got, cpu, err := m.load(r, nil)
	n := got.Messages
	if r.mode == "connect" {
		n = got.Handshakes
	}
	return sample{cpu: cpu / float64(max(n, 1)), rate: got.PerSecond, p50: got.Latency.P50, p99: got.Latency.P99}, err
}

// measurement is one server under load.
type measurement struct {
	dir  string
	r    row
	pid  int
	port string
}

// load runs "duplex bench" and returns what it tells, and the microseconds of CPU that the server took since all were connected. meanwhile, if
// not nil, is called when they are.
func (m *measurement) load(r row, meanwhile func()) (l load, cpu float64, err error) {
	scheme := "ws"
	if r.tls {
		scheme = "wss"
	}
	args := []string{filepath.Join(m.dir, "load"), "bench", r.mode, "--insecure", "--json", "-c", strconv.Itoa(r.conns), "-s", strconv.Itoa(r.size),
		"--depth", strconv.Itoa(r.depth), "-d", strconv.Itoa(int(*seconds*1000)) + "ms", scheme + "://127.0.0.1:" + m.port + r.path}
	if !r.both {
		args = append([]string{"taskset", "-c", "1"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	var result bytes.Buffer
	cmd.Stdout = &result
	progress, err := cmd.StderrPipe()
	if err != nil {
		return l, 0, err
	}
	before := m.cpu()
	if err := cmd.Start(); err != nil {
		return l, 0, err
	}
	var said []string
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		if said = append(said, lines.Text()); len(said) == 1 && strings.Contains(said[0], "connections in") {
			before = m.cpu()
			if meanwhile != nil {
				go meanwhile()
			}
		}
	}
	err = cmd.Wait()
	cpu = m.cpu() - before
	if err != nil {
		return l, 0, fmt.Errorf("%w: %s", err, strings.Join(said, "; "))
	}
	return l, cpu, json.Unmarshal(result.Bytes(), &l)
}

// cpu returns how many microseconds of CPU the server has taken.
func (m *measurement) cpu() (us float64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", m.pid))
	for _, name := range files {
		text, _ := os.ReadFile(name)
		ns, _, _ := strings.Cut(string(text), " ")
		v, _ := strconv.ParseFloat(ns, 64)
		us += v / 1000
	}
	return us
}

// rss returns the server's resident memory.
func (m *measurement) rss() float64 {
	scheme := "http"
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if m.r.tls {
		scheme = "https"
		client.Transport = insecure()
	}
	resp, err := client.Get(scheme + "://127.0.0.1:" + m.port + "/rss")
	if err != nil {
		log.Print(err)
		return 0
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	v, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	return v
}

// idle measures memory. A first hundred connections come and go before, so that what the process keeps anyhow is not counted.
func (m *measurement) idle() (sample, error) {
	warm := m.r
	warm.conns, warm.mode = 100, "echo"
	if _, _, err := m.load(warm, nil); err != nil {
		return sample{}, err
	}
	before := m.rss()
	held := make(chan float64, 1)
	r := m.r
	_, _, err := m.load(r, func() {
		time.Sleep(time.Duration(*seconds * 0.6 * float64(time.Second))) // all have echoed
		held <- m.rss()
	})
	if err != nil {
		return sample{}, err
	}
	return sample{memory: (<-held - before) / float64(r.conns)}, nil
}

// sleep measures connections whose handler sleeps, beside some that echo.
func (m *measurement) sleep() (sample, error) {
	beside := make(chan load, 1)
	r := m.r
	r.mode = "echo"
	got, cpu, err := m.load(r, func() {
		e := r
		e.path, e.conns = "/echo", 100
		l, _, err := m.load(e, nil)
		if err != nil {
			log.Print(err)
		}
		beside <- l
	})
	if err != nil {
		return sample{}, err
	}
	return sample{cpu: cpu / float64(max(got.Messages, 1)), rate: got.PerSecond, p50: got.Latency.P50, p99: got.Latency.P99, bystander: (<-beside).Latency.P99}, nil
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

// await waits until somebody listens.
func await(port string) error {
	var err error
	for range 200 {
		var c net.Conn
		if c, err = net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

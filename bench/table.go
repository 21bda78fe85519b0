package main

// This file holds who and what is measured, and the figures that are to be reached.

import "slices"

// server is one of the servers under test.
type server struct {
	name    string
	program string // in servers/
	args    []string
	utf8    bool // it checks text: RFC 6455 section 8.1
	what    string
}

var servers = []server{
	{"duplex-push", "duplex", []string{"-mode", "push"}, true, "this library, Serve, as set up by default"},
	{"duplex-loop", "duplex", []string{"-mode", "loop"}, true, "this library, Serve with Options.OnLoop: the handler promises not to block"},
	{"duplex-pull", "duplex", []string{"-mode", "pull"}, true, "this library, Read and Write in a goroutine"},
	{"gorilla", "gorilla", nil, false, "gorilla/websocket, with a pool of write buffers, and reading into pooled buffers"},
	{"gws", "gws", nil, false, "lxzan/gws, as set up by default"},
	{"coder", "coder", nil, false, "coder/websocket, reading into pooled buffers"},
	{"gobwas", "gobwas", nil, false, "gobwas/ws, its low-level API, with pooled buffers"},
	{"gobwas-gather", "gobwas", []string{"-gather"}, false, "the same, answers gathered by hand while a further whole frame is buffered"},
	{"npm-ws", "npmws", nil, true, "npm ws"},
	{"c-epoll", "floor", nil, false, "a bare epoll loop in C that checks nothing: the floor"},
	{"duplex-sio", "duplexsio", nil, true, "this library, Socket.IO, as set up by default"},
	{"npm-sio", "npmsio", nil, true, "npm socket.io, with ws helped by bufferutil, and without each connection's first request"},
}

const (
	push, onLoop, pull     = "duplex-push", "duplex-loop", "duplex-pull"
	gobwas, gathered, node = "gobwas", "gobwas-gather", "npm-ws"
	floor                  = "c-epoll"
	ours, npmSIO           = "duplex-sio", "npm-sio"
)

// row is one thing that is measured.
type row struct {
	name, title string
	mode, path  string // of the client
	conns, size int
	depth       int
	more        []string // of the client's command line
	without     []string // servers that are left out
	only        []string // servers that take part; nil: all
	both        bool     // server and client have both processors
	tls         bool
	sio         bool // it is for sioServers, else for the others
}

// is reports whether r is called so, or is one of the kind that is.
func (r row) is(name string) bool {
	return name == r.name || name == "sio" && r.sio || name == "ws" && !r.sio
}

// has reports whether s takes part.
func (r row) has(s server) bool {
	return r.sio == slices.Contains(sioServers, s.name) && !slices.Contains(r.without, s.name) && (r.only == nil || slices.Contains(r.only, s.name))
}

// Answers can be gathered only where several messages are in flight; elsewhere gobwas-gather would be gobwas again. A handler that sleeps
// has no place on a loop, and with one thread nobody has use for two processors.
var rows = []row{
	{name: "echo32", title: "Echo, 32 B, 100 connections", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 1, without: []string{gathered}},
	{name: "echo32x16", title: "Echo, 32 B, 100 connections, 16 in flight on each", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 16},
	{name: "echo16k", title: "Echo, 16 KiB, 100 connections", mode: "echo", path: "/echo", conns: 100, size: 16 << 10, depth: 1, without: []string{gathered}},
	{name: "echo1m", title: "Echo, 1 MiB, 10 connections", mode: "echo", path: "/echo", conns: 10, size: 1 << 20, depth: 1, without: []string{gathered}},
	{name: "one", title: "One connection, 32 B: the round trip", mode: "echo", path: "/echo", conns: 1, size: 32, depth: 1, without: []string{gathered}},
	{name: "broadcast", title: "Broadcast of 64 B to 1,000, one in flight: a delivery", mode: "broadcast", path: "/broadcast", conns: 1000, size: 64, depth: 1,
		without: []string{gathered}},
	{name: "broadcast16", title: "Broadcast of 64 B to 1,000, 16 in flight: a delivery", mode: "broadcast", path: "/broadcast", conns: 1000, size: 64, depth: 16,
		without: []string{gathered}},
	{name: "connect", title: "Connect, upgrade, close, 20 at once", mode: "connect", path: "/echo", conns: 20, size: 32, depth: 1, without: []string{gathered}},
	{name: "sleep", title: "1,000 connections whose handler sleeps 50 ms a message, beside 100 that echo 32 B every 10 ms", mode: "sleep", path: "/sleep",
		conns: 1000, size: 32, depth: 1, more: []string{"-every", "10ms"}, without: []string{gathered, onLoop, floor}},
	{name: "sleepfull", title: "The same, beside 100 that echo as fast as they can: the processor is full", mode: "sleep", path: "/sleep",
		conns: 1000, size: 32, depth: 1, without: []string{gathered, onLoop, floor}},
	{name: "idle", title: "Idle connection, 10,000 of them, after an echo of 512 B", mode: "idle", path: "/echo", conns: 10000, size: 512, depth: 1,
		without: []string{gathered}},
	{name: "idletls", title: "Idle TLS connection, 10,000 of them, after an echo of 512 B", mode: "idle", path: "/echo", conns: 10000, size: 512, depth: 1, tls: true,
		only: []string{push, onLoop, pull}},
	{name: "both32", title: "Both processors: echo, 32 B, 100 connections", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 1, both: true,
		without: []string{gathered, node, floor}},
	{name: "both32x16", title: "Both processors: echo, 32 B, 100 connections, 16 in flight on each", mode: "echo", path: "/echo", conns: 100, size: 32, depth: 16, both: true,
		without: []string{node, floor}},
	{name: "sioecho", title: "Socket.IO: an event with 32 B and its echo, 100 connections", mode: "echo", path: sioPath, conns: 100, size: 32, depth: 1, sio: true,
		more: warmed},
	{name: "siobroadcast", title: "Socket.IO: broadcast of an event with 64 B to 500: a delivery", mode: "broadcast", path: sioPath, conns: 500, size: 64, depth: 1,
		sio: true, more: warmed},
	{name: "siopoll", title: "Socket.IO, long polling: an event with 32 B as a POST and its echo as the answer to a GET, 20 clients", mode: "poll", path: pollPath,
		conns: 20, size: 32, depth: 1, sio: true, more: warmed},
	{name: "sioidle", title: "Socket.IO: idle connection, 10,000 of them, after an echo of 512 B", mode: "idle", path: sioPath, conns: 10000, size: 512, depth: 1,
		sio: true},
}

// warmed gives a compiler that learns as it goes, as Node's does, the time that so much code takes it.
var warmed = []string{"-warm", "2s"}

// Where Socket.IO is served.
const (
	sioPath  = "/socket.io/?EIO=4&transport=websocket"
	pollPath = "/socket.io/?EIO=4&transport=polling"
)

// base returns the server to which those of the row are compared.
func (r row) base() string {
	if r.sio {
		return ours
	}
	return push
}

// target is a figure that is to be reached.
type target struct {
	row, server string
	what        string // the figure's name
	figure      func(sample) float64
	against     []string // the best of these; nil: the figure itself
	bound       float64  // of the ratio, or of the figure
	least       bool     // bound is the least, and more is better; else the most
}

func cpuOf(s sample) float64    { return s.cpu }
func rateOf(s sample) float64   { return s.rate }
func p50Of(s sample) float64    { return s.p50 }
func kibOf(s sample) float64    { return s.memory / 1024 }
func besideOf(s sample) float64 { return s.beside / 1000 }

// peers keep a goroutine for each connection and have an API that is like ours; libraries are all but the floor.
var (
	peers     = []string{"gorilla", "gws", "coder"}
	libraries = []string{"gorilla", "gws", "coder", gobwas, gathered, node}
)

var sioServers = []string{ours, npmSIO}

var targets = []target{
	{row: "echo32", server: push, what: "CPU", figure: cpuOf, against: peers, bound: 0.87},
	{row: "echo32", server: push, what: "CPU", figure: cpuOf, against: []string{gobwas}, bound: 0.95},
	{row: "echo32", server: onLoop, what: "CPU", figure: cpuOf, against: peers, bound: 0.82},
	{row: "echo32", server: onLoop, what: "CPU", figure: cpuOf, against: []string{gobwas}, bound: 0.90},
	{row: "echo32x16", server: push, what: "CPU", figure: cpuOf, against: peers, bound: 0.15},
	{row: "echo32x16", server: push, what: "CPU", figure: cpuOf, against: []string{gathered}, bound: 1},
	{row: "echo16k", server: push, what: "CPU", figure: cpuOf, against: libraries, bound: 1},
	{row: "echo1m", server: push, what: "CPU", figure: cpuOf, against: libraries, bound: 1},
	{row: "one", server: push, what: "p50", figure: p50Of, against: libraries, bound: 1.05},
	{row: "echo32", server: pull, what: "CPU", figure: cpuOf, against: peers, bound: 1},
	{row: "echo32x16", server: pull, what: "CPU", figure: cpuOf, against: peers, bound: 1},
	{row: "echo1m", server: pull, what: "CPU", figure: cpuOf, against: peers, bound: 1},
	{row: "idle", server: push, what: "KiB", figure: kibOf, bound: 0.5},
	{row: "idletls", server: push, what: "KiB", figure: kibOf, bound: 8},
	{row: "idle", server: pull, what: "KiB", figure: kibOf, bound: 5},
	{row: "broadcast", server: push, what: "CPU", figure: cpuOf, against: libraries, bound: 1},
	{row: "broadcast16", server: push, what: "CPU", figure: cpuOf, against: libraries, bound: 0.4},
	{row: "sleep", server: push, what: "a second", figure: rateOf, against: []string{pull}, bound: 0.9, least: true},
	{row: "sleep", server: push, what: "p99 of those that echo, ms", figure: besideOf, bound: 5},
	{row: "sleepfull", server: push, what: "a second", figure: rateOf, against: []string{pull}, bound: 0.9, least: true},
	{row: "sleepfull", server: push, what: "p99 of those that echo, ms", figure: besideOf, bound: 5},
	{row: "connect", server: push, what: "CPU", figure: cpuOf, against: peers, bound: 1},
	{row: "sioecho", server: ours, what: "CPU", figure: cpuOf, against: []string{npmSIO}, bound: 0.4},
	{row: "siobroadcast", server: ours, what: "CPU", figure: cpuOf, against: []string{npmSIO}, bound: 0.5},
	{row: "siopoll", server: ours, what: "CPU", figure: cpuOf, against: []string{npmSIO}, bound: 0.5},
	{row: "sioidle", server: ours, what: "KiB", figure: kibOf, bound: 2.5},
}

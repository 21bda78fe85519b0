// Command client puts a WebSocket or Socket.IO server under load and prints what came of it as JSON (figures.Load). It is made to cost little, and the
// same with every server: one thread, one epoll set, frames made once. Every answer is checked: its type, its length, the first two bytes of
// its text and the last, which tell connection and number, and its order.
//
//	client -pid 4711 -conns 100 -depth 16 ws://127.0.0.1:9000/echo
//	client -mode broadcast -conns 1000 -senders 1 -depth 16 -size 64 ws://127.0.0.1:9000/broadcast
//	client -mode connect -conns 20 ws://127.0.0.1:9000/echo      # connect, upgrade, close, again and again
//	client -mode sleep -conns 1000 -every 10ms ws://127.0.0.1:9000/sleep     # and 100 more on /echo
//	client -mode idle -conns 10000 -size 512 wss://127.0.0.1:9000/echo
//	client -sio -conns 100 'ws://127.0.0.1:9000/socket.io/?EIO=4&transport=websocket'     # echo, broadcast or idle, as events of Socket.IO
//	client -mode poll -conns 20 'http://127.0.0.1:9000/socket.io/?EIO=4&transport=polling' # echo, each message a POST and its answer by GET
//
// A mode that measures begins to count when all connections are open and -warm has passed. "idle" prints "ready" when each connection has
// echoed a message, and holds them until its standard input ends, or for -for where there is none.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"
)

// config is what the command line says.
type config struct {
	mode                  string
	server                netip.AddrPort
	path                  string
	tls, sio              bool
	conns, senders, depth int
	beside                int           // connections that echo beside those whose handler sleeps
	every                 time.Duration // how often each of them sends; 0: at once, again and again
	size                  int
	binary                bool
	op                    byte
	warm, measured        time.Duration
	pid                   int
}

const (
	patience   = 5 * time.Second // after which a load that gets no answer gives up
	atOnce     = 64              // handshakes in progress
	maxSenders = 16
	maxDepth   = 64 // letter tells no more numbers apart
)

func main() {
	var cfg config
	cfg.flags()
	flag.Parse()
	if err := run(cfg, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(cfg config, address string) error {
	if err := cfg.complete(address); err != nil {
		return err
	}
	if cfg.tls {
		return idleTLS(cfg)
	}
	l, err := load(cfg)
	if err != nil || l == nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(l)
}

func (c *config) flags() {
	flag.StringVar(&c.mode, "mode", "echo", "echo, broadcast, idle, connect, sleep or poll")
	flag.IntVar(&c.conns, "conns", 100, "connections; in connect, how many at once")
	flag.IntVar(&c.senders, "senders", 1, "in broadcast: how many of the connections send")
	flag.IntVar(&c.depth, "depth", 1, "messages in flight, for each connection that sends; one of a broadcast is until everybody has it")
	flag.IntVar(&c.beside, "beside", 100, "in sleep: connections that echo meanwhile")
	flag.DurationVar(&c.every, "every", 0, "in sleep: how often each of those that echo sends; 0: when it has its answer")
	flag.IntVar(&c.size, "size", 32, "bytes of a message")
	flag.DurationVar(&c.warm, "warm", 300*time.Millisecond, "how long to go without counting")
	flag.DurationVar(&c.measured, "for", 2*time.Second, "how long to count")
	flag.IntVar(&c.pid, "pid", 0, "process whose CPU is counted: the server's")
	flag.BoolVar(&c.sio, "sio", false, "speak Socket.IO: the text of a message is the argument of an event, named echo or broadcast")
	flag.BoolVar(&c.binary, "binary", false, "send binary messages; else text, which a server may have to check")
}

// complete takes the address, and checks the rest.
func (c *config) complete(address string) error {
	if c.op = opText; c.binary {
		c.op = opBinary
	}
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	c.tls, c.path = u.Scheme == "wss", u.RequestURI()
	if c.server, err = netip.ParseAddrPort(u.Host); err != nil || !c.server.Addr().Is4() {
		return fmt.Errorf("%q has no IPv4 address and port", address)
	}
	switch {
	case c.size < 3 || c.conns < 1:
		return errors.New("at least 3 bytes and one connection are needed, to check what comes back")
	case c.depth < 1 || c.depth > maxDepth || c.senders < 1 || c.senders > min(maxSenders, c.conns):
		return fmt.Errorf("at most %d messages in flight and %d senders can be told apart", maxDepth, maxSenders)
	case c.tls && (c.mode != "idle" || c.sio):
		return errors.New("over TLS connections can only be idle, and speak WebSocket alone")
	case c.sio && (c.binary || c.mode == "connect" || c.mode == "sleep"):
		return errors.New("events are text, for an echo, a broadcast, or connections that are idle")
	}
	return nil
}

// envelope returns what stands around the text of a message.
func (c *config) envelope() envelope {
	switch {
	case c.sio && c.mode == "broadcast":
		return envelope{`42["broadcast","`, `"]`}
	case c.sio || c.mode == "poll":
		return envelope{`42["echo","`, `"]`}
	}
	return envelope{}
}

// request is the handshake: RFC 6455 section 4.1, with the key of its example.
func request(server netip.AddrPort, path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + net.JoinHostPort(server.Addr().String(), fmt.Sprint(server.Port())) +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
}

// accept is what answers that key.
const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

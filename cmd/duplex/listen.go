package main

// This file holds "duplex listen": the server's half of a conversation, for tests and learning.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/duplex-go/duplex/websocket"
)

// listenFlags is what the command line asks for.
type listenFlags struct {
	echo, broadcast, deflate bool
	raw, pretty, trace       bool
	reply, cert, key         string
	subprotocols             []string
}

func newListenCommand() *cobra.Command {
	var f listenFlags
	cmd := &cobra.Command{
		Use:   "listen ADDRESS",
		Short: "Be a WebSocket server: print what comes, answer by hand or by itself",
		Long: `Be a WebSocket server at ADDRESS, on any path, for tests and learning. What comes is printed,
a message a line; what you type goes to everybody who is connected. A port alone listens on
127.0.0.1, port 0 takes a free one; the address is told on standard error. Pages of any site may
connect: whoever can reach the port can talk.

Ctrl-C stops it: every client is told (close code 1001).`,
		Example: `  duplex listen 9000
  duplex listen --echo --trace 127.0.0.1:9000
  duplex listen --reply '{"ok":true}' :9000`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listen(cmd, args[0], &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.echo, "echo", false, "answer each message with itself")
	flags.StringVar(&f.reply, "reply", "", "answer each message with `message`")
	flags.BoolVar(&f.broadcast, "broadcast", false, "send each message to everybody else")
	flags.BoolVar(&f.pretty, "json", false, "print JSON indented")
	flags.BoolVar(&f.raw, "raw", false, "print what comes as it is, control characters and all")
	flags.BoolVar(&f.trace, "trace", false, "explain every step and every bit, on standard error")
	flags.BoolVar(&f.deflate, "deflate", false, "accept compression (permessage-deflate)")
	flags.StringArrayVar(&f.subprotocols, "subprotocol", nil, "`name` of a subprotocol that we speak, the preferred first (repeatable)")
	flags.StringVar(&f.cert, "tls-cert", "", "PEM `file` with the certificate chain; serves wss")
	flags.StringVar(&f.key, "tls-key", "", "PEM `file` with the private key")
	cmd.MarkFlagsMutuallyExclusive("echo", "reply")
	return cmd
}

// listener is one run of "duplex listen".
type listener struct {
	f     *listenFlags
	ui    *console
	reply *websocket.Prepared // nil: none

	mu      sync.Mutex
	last    int  // number of a client
	over    bool // no more come
	clients map[*websocket.Conn]bool
	handled sync.WaitGroup
}

// listen serves until ctx ends or a signal comes.
func listen(cmd *cobra.Command, address string, f *listenFlags) error {
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		address = "127.0.0.1:" + address
	}
	tlsConfig, err := f.tlsConfig()
	if err != nil {
		return err
	}
	l := &listener{f: f, ui: newConsole(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()), clients: make(map[*websocket.Conn]bool)}
	if cmd.Flags().Changed("reply") {
		if !utf8.ValidString(f.reply) {
			return errors.New("--reply must be UTF-8")
		}
		l.reply = websocket.NewPrepared(websocket.Text, []byte(f.reply))
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return explainPort(address, err)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return l.serve(ctx, stop, ln, tlsConfig)
}

// serve accepts clients until ctx ends. stop ends it.
func (l *listener) serve(ctx context.Context, stop func(), ln net.Listener, tlsConfig *tls.Config) error {
	silent := slog.New(slog.DiscardHandler)
	srv := newHTTPServer(l, silent)
	l.ui.note("listening on %s", l.address(ln, tlsConfig))
	defer l.ui.stop()
	go l.readLines(stop)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(wrapListener(ln, tlsConfig, silent)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop() // a second signal has its usual effect: the end
	l.ui.stop()
	_ = srv.Close()
	l.goodbye()
	return nil
}

// address is what a client on this machine can connect to.
func (l *listener) address(ln net.Listener, tlsConfig *tls.Config) string {
	return strings.Replace(baseURLs(ln.Addr(), tlsConfig != nil)[0], "http", "ws", 1)
}

// explainPort says what to do about a port that cannot be had.
func explainPort(address string, err error) error {
	host, port, splitErr := net.SplitHostPort(address)
	switch {
	case splitErr != nil:
		return fmt.Errorf("%q is not an address such as 127.0.0.1:9000, :9000 or 9000", address)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken: another program listens there already\n  To use any free port:  duplex listen %s\n  To see who has it:     ss -ltnp \"sport = :%s\"",
			address, net.JoinHostPort(host, "0"), port)
	}
	return err
}

func (f *listenFlags) tlsConfig() (*tls.Config, error) {
	switch {
	case f.cert == "" && f.key == "":
		return nil, nil //nolint:nilnil // no TLS
	case f.cert == "" || f.key == "":
		return nil, errors.New("--tls-cert and --tls-key belong together: give both or neither")
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}, nil
}

func (l *listener) options(number int) *websocket.AcceptOptions {
	o := &websocket.AcceptOptions{Subprotocols: l.f.subprotocols, Origins: []string{"*"}}
	o.ReadLimit = maxMessage
	o.WriteQueue = maxMessage
	o.WhenFull = websocket.CloseWhenFull // who does not read must not keep the others waiting
	if l.f.deflate {
		o.Deflate = &websocket.Deflate{Takeover: true, Threshold: 1} // who asks for it wants to see it
	}
	if l.f.trace {
		o.Trace = l.ui.trace(number)
	}
	return o
}

// readLines sends what is typed to everybody. The end of a terminal's input stops the server; that of a pipe does not.
func (l *listener) readLines(stop func()) {
	for {
		line, err := l.ui.readLine()
		if err != nil {
			if l.ui.interactive() {
				stop()
			}
			return
		}
		line = strings.TrimSuffix(line, "\r")
		switch {
		case !utf8.ValidString(line):
			l.ui.trouble("not sent, because text must be UTF-8 and this is not: %s", excerpt(line, 40))
		case l.send(nil, websocket.NewPrepared(websocket.Text, []byte(line))) == 0:
			l.ui.trouble("not sent, because nobody is connected: %s", excerpt(line, 40))
		}
	}
}

// send sends p to everybody but from, and returns to how many.
func (l *listener) send(from *websocket.Conn, p *websocket.Prepared) (sent int) {
	l.mu.Lock()
	targets := make([]*websocket.Conn, 0, len(l.clients))
	for c := range l.clients {
		if c != from {
			targets = append(targets, c)
		}
	}
	l.mu.Unlock()
	for _, c := range targets {
		if c.WritePrepared(context.Background(), p) == nil { // one that errs is gone, which its handler tells
			sent++
		}
	}
	return sent
}

// ServeHTTP is the life of a client.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number, ok := l.arrive()
	if !ok {
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	}
	defer l.handled.Done()
	c, err := websocket.Accept(w, r, l.options(number))
	if err != nil {
		l.ui.trouble("client %d from %s: %s", number, r.RemoteAddr, escape(err.Error(), false))
		return
	}
	defer func() { _ = c.CloseNow() }() // for a panic
	l.ui.note("client %d connected from %s to %s%s", number, r.RemoteAddr, escape(r.URL.Path, false), chosen(c))
	l.add(c)
	defer l.remove(c)
	for {
		m, err := c.Read(context.Background())
		if err != nil {
			l.ui.note("client %d: %s", number, parting(err))
			return
		}
		l.ui.show(m, fmt.Sprintf("%d: ", number), l.f.raw, l.f.pretty)
		l.answer(c, m)
	}
}

// arrive returns the number of a client, unless it is too late.
func (l *listener) arrive() (number int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, false
	}
	l.last++
	l.handled.Add(1)
	return l.last, true
}

// parting tells how a client left.
func parting(err error) string {
	var e *websocket.CloseError
	if !errors.As(err, &e) {
		return escape(err.Error(), false)
	}
	return strings.Replace(closing(e), "the server ", "", 1)
}

// add keeps a client, or tells it that it came too late.
func (l *listener) add(c *websocket.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients[c] = true
	if l.over {
		go sayGoodbye(c)
	}
}

func (l *listener) remove(c *websocket.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.clients, c)
}

// goodbye tells every client that the server goes away, and waits until they have gone.
func (l *listener) goodbye() {
	l.mu.Lock()
	l.over = true
	for c := range l.clients {
		go sayGoodbye(c)
	}
	l.mu.Unlock()
	l.handled.Wait()
}

// sayGoodbye ends the Read of the client's handler, at the latest when Close stops waiting for an answer.
func sayGoodbye(c *websocket.Conn) { _ = c.Close(websocket.StatusGoingAway, "") }

// answer sends what the flags ask for. A client that is gone then, the next Read tells of.
func (l *listener) answer(c *websocket.Conn, m websocket.Message) {
	if l.f.broadcast {
		l.send(c, websocket.NewPrepared(m.Type, m.Data))
	}
	if l.f.echo {
		_ = c.Write(context.Background(), m.Type, m.Data)
	}
	if l.reply != nil {
		_ = c.WritePrepared(context.Background(), l.reply)
	}
}

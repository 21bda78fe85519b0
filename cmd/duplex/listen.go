package main

// This file holds "duplex listen": the server's half of a conversation, for tests and learning.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/duplex-go/duplex/websocket"
)

// listenFlags is what the command line asks for.
type listenFlags struct {
	echo, broadcast, deflate bool
	raw, trace               bool
	reply                    string
	subprotocols             []string
}

func newListenCommand() *cobra.Command {
	var f listenFlags
	cmd := &cobra.Command{
		Use:   "listen ADDRESS",
		Short: "Be a WebSocket server: print what comes, answer by hand or by itself",
		Long: `Be a WebSocket server at ADDRESS, on any path, for tests and learning. What comes is printed, a message
a line; what you type goes to everybody who is connected. Pages of any site may connect.

Ctrl-C stops it: every client is told (close code 1001).`,
		Example: `  duplex listen 127.0.0.1:9000
  duplex listen --echo --trace 127.0.0.1:9000
  duplex listen --reply '{"ok":true}' :9000`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listen(cmd.Context(), args[0], &f, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.echo, "echo", false, "answer each message with itself")
	flags.BoolVar(&f.broadcast, "broadcast", false, "send each message to everybody else")
	flags.StringVar(&f.reply, "reply", "", "answer each message with `message`")
	flags.StringArrayVar(&f.subprotocols, "subprotocol", nil, "`name` of a subprotocol that we speak, the preferred first (repeatable)")
	flags.BoolVar(&f.deflate, "deflate", false, "accept compression (permessage-deflate)")
	flags.BoolVar(&f.raw, "raw", false, "print what comes as it is, control characters and all")
	flags.BoolVar(&f.trace, "trace", false, "explain every step and every bit, on standard error")
	cmd.MarkFlagsMutuallyExclusive("echo", "reply")
	return cmd
}

// listener is one run of "duplex listen".
type listener struct {
	f     *listenFlags
	ui    *console
	reply *websocket.Prepared // nil: none

	mu    sync.Mutex
	next  int
	conns map[*websocket.Conn]int // their numbers
}

// listen serves until ctx ends or a signal comes.
func listen(ctx context.Context, address string, f *listenFlags, in io.Reader, out, notes io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return explainListen(address, err)
	}
	ui, err := newConsole(in, out, notes)
	if err != nil {
		_ = ln.Close()
		return err
	}
	defer ui.restore()
	l := &listener{f: f, ui: ui, conns: make(map[*websocket.Conn]int)}
	if f.reply != "" {
		l.reply = websocket.NewPrepared(websocket.Text, []byte(f.reply))
	}
	ws := &websocket.Server{Handle: l.handle, Options: l.options()}
	srv := &http.Server{Handler: ws, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeaderBytes}
	ui.note("listening on ws://%s", ln.Addr())
	go l.readLines(stop)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	bye, cancel := context.WithTimeout(context.Background(), goodbyeTimeout)
	defer cancel()
	_ = srv.Close()
	return ws.Shutdown(bye)
}

func (l *listener) options() *websocket.AcceptOptions {
	o := &websocket.AcceptOptions{Subprotocols: l.f.subprotocols, Origins: []string{"*"}}
	o.WhenFull = websocket.CloseWhenFull
	if l.f.deflate {
		o.Deflate = &websocket.Deflate{Takeover: true}
	}
	if l.f.trace {
		o.Trace = newTrace(func(text string) { l.ui.write(l.ui.notes, plain, text) })
	}
	return o
}

// readLines sends what is typed to everybody. The end of a terminal's input stops the server; that of a pipe does not.
func (l *listener) readLines(stop func()) {
	for {
		line, err := l.ui.readLine()
		if err != nil {
			if l.ui.tty {
				stop()
			}
			return
		}
		l.send(nil, websocket.NewPrepared(websocket.Text, []byte(line)))
	}
}

// send sends p to everybody but from.
func (l *listener) send(from *websocket.Conn, p *websocket.Prepared) {
	l.mu.Lock()
	targets := make([]*websocket.Conn, 0, len(l.conns))
	for c := range l.conns {
		if c != from {
			targets = append(targets, c)
		}
	}
	l.mu.Unlock()
	for _, c := range targets {
		_ = c.WritePrepared(context.Background(), p) // one that errs is gone
	}
}

// handle prints what one client sends, and answers.
func (l *listener) handle(ctx context.Context, c *websocket.Conn) error {
	l.mu.Lock()
	l.next++
	number := l.next
	l.conns[c] = number
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, c)
	}()
	l.ui.note("client %d connected from %s%s", number, c.RemoteAddr(), chosen(c))
	for {
		m, err := c.Read(ctx)
		if err != nil {
			l.ui.note("client %d: %s", number, escape(err.Error(), false))
			return err
		}
		l.ui.message(l.show(number, m))
		if err := l.answer(ctx, c, m); err != nil {
			return err
		}
	}
}

func (l *listener) show(number int, m websocket.Message) string {
	text := show(m, l.f.raw, l.ui.tty)
	if l.ui.tty {
		return fmt.Sprintf("%d: %s", number, text)
	}
	return text
}

func (l *listener) answer(ctx context.Context, c *websocket.Conn, m websocket.Message) error {
	if l.f.broadcast {
		l.send(c, websocket.NewPrepared(m.Type, m.Data))
	}
	var err error
	if l.f.echo {
		err = c.Write(ctx, m.Type, m.Data)
	}
	if l.reply != nil {
		err = errors.Join(err, c.WritePrepared(ctx, l.reply))
	}
	return err
}

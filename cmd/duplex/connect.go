package main

// This file holds "duplex connect": its flags, and what its exit code tells.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/duplex-go/duplex/websocket"
)

// Exit codes of "duplex connect". 1 is any other error.
const (
	exitRefused   = 2 // nobody answered
	exitHandshake = 3 // somebody did, but not with WebSocket
	exitAbnormal  = 4 // the connection ended otherwise than by 1000, 1001 or no code
	exitNoMatch   = 5 // what was waited for did not come
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

// Error returns what went wrong.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap returns it.
func (e *exitError) Unwrap() error { return e.err }

// connectFlags is what the command line asks for.
type connectFlags struct {
	headers, subprotocols        []string
	origin, user, proxy          string
	insecure                     bool
	cacert, cert, key            string
	deflate, binary, raw, pretty bool
	trace, reconnect             bool
	ping                         time.Duration
	redirects                    int

	once, expect  string
	count         int
	timeout, wait time.Duration
	pattern       *regexp.Regexp // expect
}

func newConnectCommand() *cobra.Command {
	var f connectFlags
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: "Talk to a WebSocket server, by hand or from a script",
		Long: `Talk to a WebSocket server. What you type is sent, a line a message; what comes is printed.
In a terminal, /help lists what else a line can do. In a pipe, a line of standard input is a
message, and a message is a line of standard output.

What the peer sends is escaped, so that it cannot command the terminal; --raw prints it as it is.

Exit codes: 0 done; 1 wrong usage, or an error of our own; 2 nobody answers at the address;
3 the handshake failed; 4 the connection ended abnormally; 5 what was waited for did not come.`,
		Example: `  duplex connect ws://127.0.0.1:8080/echo
  duplex connect --once hello ws://127.0.0.1:8080/echo
  echo '{"op":"subscribe"}' | duplex connect --expect '"ok":true' --timeout 5s wss://example.org/feed
  duplex connect --trace --deflate ws://127.0.0.1:8080/echo`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.once = strings.TrimSuffix(f.once, "\n")
			return connect(cmd.Context(), args[0], &f, cmd.Flags().Changed("once"), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "`\"Name: value\"` to send with the handshake (repeatable)")
	flags.StringVar(&f.origin, "origin", "", "`origin` to send, as a page of that site would")
	flags.StringArrayVar(&f.subprotocols, "subprotocol", nil, "`name` of a subprotocol that we speak, the preferred first (repeatable)")
	flags.StringVar(&f.user, "user", "", "`name:password` for Basic authentication")
	flags.BoolVar(&f.insecure, "insecure", false, "do not verify the server's certificate")
	flags.StringVar(&f.cacert, "cacert", "", "PEM `file` with the certificates to trust instead of the system's")
	flags.StringVar(&f.cert, "cert", "", "PEM `file` with our certificate")
	flags.StringVar(&f.key, "key", "", "PEM `file` with our private key")
	flags.StringVar(&f.proxy, "proxy", "", "`URL` of an http, https or socks5 proxy; \"none\" ignores HTTP_PROXY and the like")
	flags.IntVar(&f.redirects, "redirects", 0, "how many redirects to follow")
	flags.BoolVar(&f.deflate, "deflate", false, "offer compression (permessage-deflate)")
	flags.DurationVar(&f.ping, "ping", 25*time.Second, "how often to ping; 0 turns it off")
	flags.BoolVar(&f.reconnect, "reconnect", false, "connect again when the connection is lost")
	flags.BoolVar(&f.binary, "binary", false, "send lines as binary messages")
	flags.BoolVar(&f.pretty, "json", false, "print JSON indented")
	flags.BoolVar(&f.raw, "raw", false, "print what comes as it is, control characters and all")
	flags.BoolVar(&f.trace, "trace", false, "explain every step and every bit, on standard error")
	flags.StringVar(&f.once, "once", "", "send `message`, print the answer, leave")
	flags.IntVar(&f.count, "count", 0, "leave after so many messages came")
	flags.StringVar(&f.expect, "expect", "", "leave when a message matches `regexp`")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for what --once, --count or --expect waits for; 0 is for ever")
	flags.DurationVar(&f.wait, "wait", time.Second, "how long to stay for answers when standard input has ended")
	return cmd
}

// connect runs a session until it is over.
func connect(ctx context.Context, address string, f *connectFlags, once bool, in io.Reader, out, notes io.Writer) error {
	opts, err := f.dialOptions()
	if err != nil {
		return err
	}
	if f.expect != "" {
		if f.pattern, err = regexp.Compile(f.expect); err != nil {
			return fmt.Errorf("--expect: %w", err)
		}
	}
	if !strings.Contains(address, "://") {
		address = "ws://" + address
	}
	if once {
		in = strings.NewReader("") // there is one message, and it is known
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ui, err := newConsole(in, out, notes)
	if err != nil {
		return err
	}
	defer ui.restore()
	s := &session{f: f, ui: ui, once: once, address: address}
	if f.trace {
		opts.Trace = newTrace(func(text string) { ui.write(ui.notes, plain, text) })
	}
	return s.run(ctx, opts)
}

// dialOptions turns flags into options, and reads the files that they name.
func (f *connectFlags) dialOptions() (*websocket.DialOptions, error) {
	o := &websocket.DialOptions{Header: make(http.Header), Subprotocols: f.subprotocols, MaxRedirects: f.redirects}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("--header %q is not \"Name: value\"", h)
		}
		if value = strings.TrimSpace(value); strings.EqualFold(name, "Host") {
			o.Host = value
		} else {
			o.Header.Add(strings.TrimSpace(name), value)
		}
	}
	if f.origin != "" {
		o.Header.Set("Origin", f.origin)
	}
	if f.user != "" {
		r := http.Request{Header: o.Header}
		name, password, _ := strings.Cut(f.user, ":")
		r.SetBasicAuth(name, password)
	}
	if f.deflate {
		o.Deflate = &websocket.Deflate{Takeover: true, Threshold: 1} // who asks for it wants to see it
	}
	o.PingInterval = f.ping
	if f.ping == 0 {
		o.PingInterval = -1
	}
	if err := f.setProxy(o); err != nil {
		return nil, err
	}
	var err error
	o.TLS, err = f.tlsConfig()
	return o, err
}

func (f *connectFlags) setProxy(o *websocket.DialOptions) error {
	if f.proxy == "" {
		return nil
	}
	var via *url.URL
	if f.proxy != "none" {
		var err error
		if via, err = url.Parse(f.proxy); err != nil || via.Host == "" {
			return errors.New("--proxy is not a URL such as http://127.0.0.1:3128 or socks5://127.0.0.1:1080")
		}
	}
	o.Proxy = func(*url.URL) (*url.URL, error) { return via, nil }
	return nil
}

func (f *connectFlags) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure} //nolint:gosec // it was asked for
	if f.cacert != "" {
		pem, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert: %s holds no certificate in PEM", f.cacert)
		}
	}
	if (f.cert == "") != (f.key == "") {
		return nil, errors.New("--cert and --key belong together: give both or neither")
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("reading our certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

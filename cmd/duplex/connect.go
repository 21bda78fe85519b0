package main

// This file holds "duplex connect": its flags.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/duplex-go/duplex/websocket"
)

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
		Long: `Talk to a WebSocket server. What you type is sent, a line a message; what comes is
printed. At a terminal, /help lists what else a line can do. In a pipe, a line of standard
input is a message, and a message is a line of standard output: JSON on one line, bytes in hex.

What comes is escaped, so that it cannot command the terminal; --raw prints it as it is.

Exit codes: 0 done; 1 wrong usage, or input that cannot be sent; 2 nobody answers;
3 the handshake failed; 4 the connection ended abnormally (not with 1000, 1001 or no code);
5 what --once, --count or --expect waits for did not come.`,
		Example: `  duplex connect 127.0.0.1:8080/echo
  duplex connect --once hello ws://127.0.0.1:8080/echo
  echo '{"op":"subscribe"}' | duplex connect --expect '"ok":true' --timeout 5s wss://example.org/feed
  duplex connect --trace --deflate --once hello ws://127.0.0.1:8080/echo`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return connect(cmd, args[0], &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// register tells the flags to the command, in the order in which its help lists them.
func (f *connectFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&f.once, "once", "", "send `message`, print the answer, leave")
	flags.IntVar(&f.count, "count", 0, "leave after `n` messages came")
	flags.StringVar(&f.expect, "expect", "", "leave when a message matches `regexp`")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for what --once, --count or --expect waits for; 0 is for ever")
	flags.DurationVar(&f.wait, "wait", time.Second, "how long to stay for answers when standard input has ended; negative: until the server closes")
	flags.BoolVar(&f.reconnect, "reconnect", false, "connect again when the connection ends")
	flags.BoolVar(&f.binary, "binary", false, "send lines as binary messages")
	flags.BoolVar(&f.pretty, "json", false, "print JSON indented")
	flags.BoolVar(&f.raw, "raw", false, "print what comes as it is, control characters and all")
	flags.BoolVar(&f.trace, "trace", false, "explain every step and every bit, on standard error")
	flags.BoolVar(&f.deflate, "deflate", false, "offer compression (permessage-deflate)")
	flags.DurationVar(&f.ping, "ping", 25*time.Second, "how often to ping; 0 turns it off")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "`\"Name: value\"` to send with the handshake (repeatable)")
	flags.StringVar(&f.origin, "origin", "", "`origin` to send, as a page of that site would")
	flags.StringArrayVar(&f.subprotocols, "subprotocol", nil, "`name` of a subprotocol that we speak, the preferred first (repeatable)")
	flags.StringVar(&f.user, "user", "", "`name:password` for Basic authentication")
	flags.IntVar(&f.redirects, "redirects", 0, "how many redirects to follow")
	flags.StringVar(&f.proxy, "proxy", "", "`URL` of an http, https or socks5 proxy; \"none\" ignores HTTP_PROXY and the like")
	flags.BoolVar(&f.insecure, "insecure", false, "do not verify the server's certificate")
	flags.StringVar(&f.cacert, "cacert", "", "PEM `file` with the certificates to trust instead of the system's")
	flags.StringVar(&f.cert, "cert", "", "PEM `file` with our certificate")
	flags.StringVar(&f.key, "key", "", "PEM `file` with our private key")
}

// connect runs a session until it is over.
func connect(cmd *cobra.Command, address string, f *connectFlags) error {
	address, err := parseAddress(address)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	opts, err := f.dialOptions()
	if err != nil {
		return err
	}
	in, once := cmd.InOrStdin(), cmd.Flags().Changed("once")
	if once {
		in = strings.NewReader("") // there is one message, and it is known
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	s := &session{f: f, ui: newConsole(in, cmd.OutOrStdout(), cmd.ErrOrStderr()), once: once, address: address, release: stop}
	if f.trace {
		opts.Trace = s.ui.trace(0)
	}
	return s.run(ctx, opts)
}

// parseAddress reads a URL as people write it: without a scheme, or with that of a page.
func parseAddress(text string) (string, error) {
	switch {
	case strings.HasPrefix(text, ":"):
		text = "ws://localhost" + text
	case !strings.Contains(text, "://"):
		text = "ws://" + text
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		text = "ws" + strings.TrimPrefix(text, "http")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not a URL such as ws://127.0.0.1:8080/echo or wss://example.org/feed", text)
	}
	return text, nil
}

// check refuses what cannot be meant.
func (f *connectFlags) check() error {
	switch {
	case f.count < 0:
		return errors.New("--count is negative")
	case f.timeout < 0:
		return errors.New("--timeout is negative: 0 waits for ever")
	case f.ping < 0:
		return errors.New("--ping is negative: 0 turns it off")
	case f.redirects < 0:
		return errors.New("--redirects is negative")
	}
	if f.expect == "" {
		return nil
	}
	var err error
	if f.pattern, err = regexp.Compile(f.expect); err != nil {
		return fmt.Errorf("--expect: %w", err)
	}
	return nil
}

// dialOptions turns flags into options, and reads the files that they name.
func (f *connectFlags) dialOptions() (*websocket.DialOptions, error) {
	o := &websocket.DialOptions{Header: make(http.Header), Subprotocols: f.subprotocols, MaxRedirects: f.redirects}
	o.ReadLimit = maxMessage
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

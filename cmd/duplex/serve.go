package main

// This file holds "duplex serve": its flags, and the life of the server from the port to the last goodbye.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

// The limits on a client that has not said yet what it wants, and on the way out.
const (
	headerTimeout  = 10 * time.Second // from accept to the end of the header; also for the TLS handshake
	pageTimeout    = 30 * time.Second // to take a page. It does not hold for WebSocket
	idleTimeout    = 2 * time.Minute  // between two requests
	maxHeaderBytes = 16 << 10
	goodbyeTimeout = 10 * time.Second // from the signal to the end
	pageGrace      = time.Second      // for pages under way, when the last WebSocket is closed
)

// serveFlags is what the command line asks for.
type serveFlags struct {
	listen, cert, key       string
	origins, proxies        []string
	maxConns, maxConnsPerIP int
	deflate                 bool
	clientDir               string
	logLevel                string
}

func newServeCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the pages and their WebSocket and Socket.IO addresses",
		Long: `Serve the pages and their WebSocket addresses on one port. Each address answers a
browser with a page, and a WebSocket client with WebSocket. Socket.IO clients, of all
versions, are served at /socket.io/: namespaces /test and /chat.

Ctrl-C stops it: every client is told (close code 1001) and has 10 s to go. A second Ctrl-C
stops it at once.`,
		Example: `  duplex serve
  duplex serve --listen :8080 --origin https://app.example.com
  duplex serve --listen :8443 --tls-cert cert.pem --tls-key key.pem`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), &f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&f.cert, "tls-cert", "", "PEM `file` with the certificate chain; serves https and wss")
	flags.StringVar(&f.key, "tls-key", "", "PEM `file` with the private key")
	flags.StringArrayVar(&f.origins, "origin", nil, "`origin` whose pages may connect, besides our own: https://good.com, https://*.good.com, * (repeatable)")
	flags.StringArrayVar(&f.proxies, "trusted-proxy", nil, "`network` whose X-Forwarded-* headers are believed, such as 10.0.0.0/8 (repeatable)")
	flags.IntVar(&f.maxConns, "max-conns", 10000, "most WebSocket connections at each address (path); 0 is no limit")
	flags.IntVar(&f.maxConnsPerIP, "max-conns-per-ip", 0, "most of them from one client; 0 is no limit")
	flags.BoolVar(&f.deflate, "deflate", false, "compress messages for clients that can (permessage-deflate)")
	flags.StringVar(&f.clientDir, "socketio-client", "", "`directory` with the socket.io.js that pages get, instead of our own")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// serve runs until ctx ends, a signal comes, or the server fails.
func serve(ctx context.Context, f *serveFlags, stdout, stderr io.Writer) error {
	opts, tlsConfig, err := f.parse(stderr)
	if err != nil {
		return err
	}
	s, err := newSite(opts)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", f.listen)
	if err != nil {
		return explainListen(f.listen, err)
	}
	var background sync.WaitGroup
	defer background.Wait()
	// From here on a signal is ours, so that whoever has read the addresses can stop us cleanly.
	ctx, release := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer release()

	background.Go(func() { s.demo.Run(ctx) })
	announce(stdout, ln.Addr(), tlsConfig != nil)
	srv := newHTTPServer(s, opts.log)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(wrapListener(ln, tlsConfig, opts.log)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	release() // a second signal has its usual effect: the end
	fmt.Fprintf(stdout, "\nStopping. Connections open: %d. They have %v; a second signal ends it at once.\n", s.len(), goodbyeTimeout)
	return goodbye(srv, s, opts.log)
}

// parse turns flags into options, and reads the certificate.
func (f *serveFlags) parse(stderr io.Writer) (siteOptions, *tls.Config, error) {
	opts := siteOptions{origins: f.origins, maxConns: f.maxConns, maxConnsPerIP: f.maxConnsPerIP, deflate: f.deflate, clientDir: f.clientDir}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return opts, nil, fmt.Errorf("--log-level %q is not debug, info, warn or error", f.logLevel)
	}
	opts.log = newLogger(stderr, level)
	for _, origin := range f.origins {
		if !ws.CheckOriginPattern(origin) {
			return opts, nil, fmt.Errorf("--origin %q is not an origin such as https://good.com or https://*.good.com, nor *", origin)
		}
	}
	for _, text := range f.proxies {
		prefix, err := parseNetwork(text)
		if err != nil {
			return opts, nil, fmt.Errorf("--trusted-proxy %q is not a network such as 10.0.0.0/8 or an address", text)
		}
		opts.proxies = append(opts.proxies, prefix)
	}
	if f.cert == "" && f.key == "" {
		return opts, nil, nil
	}
	if f.cert == "" || f.key == "" {
		return opts, nil, errors.New("--tls-cert and --tls-key belong together: give both or neither")
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return opts, nil, fmt.Errorf("reading the certificate: %w", err)
	}
	return opts, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}, nil
}

// parseNetwork reads a network, or one address as a network of its own.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// newHTTPServer speaks HTTP/1.1 alone: WebSocket needs no more, and what is not spoken needs no defence.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:                      handler,
		Protocols:                    protocols,
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  headerTimeout,
		WriteTimeout:                 pageTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is refused like every target that is no path
		ErrorLog:                     stdlog.New(httpLog{log}, "", 0),
	}
}

// wrapListener survives the end of descriptors, and speaks TLS above that if asked to.
func wrapListener(ln net.Listener, tlsConfig *tls.Config, log *slog.Logger) net.Listener {
	ln = newSpareListener(ln, log)
	if tlsConfig != nil {
		ln = tls.NewListener(websocket.NewListener(ln), tlsConfig)
	}
	return ln
}

// goodbye closes the port and every connection. When the time is up it cuts what is left: the stop was asked for, so
// that is no failure.
func goodbye(srv *http.Server, s *site, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout)
	defer cancel()
	port := make(chan error, 1)
	go func() { port <- srv.Shutdown(ctx) }() // closes the port first, then waits for pages under way
	err := s.shutdown(ctx)
	// Now only pages are under way, and connections that browsers opened in reserve, for which Shutdown would wait 5 s.
	pages := time.AfterFunc(pageGrace, func() { _ = srv.Close() })
	defer pages.Stop()
	if err = errors.Join(err, <-port); err != nil {
		log.Warn("not every connection ended in time", "error", err)
		_ = srv.Close() // what it could not close, the end of the process will
	}
	return nil
}

// Command socketioserver is the scenario server on our library: what ../node/socketio/client.mjs talks to. ../node/socketio/server.mjs is the same server
// on the official one; whoever changes one changes both. It prints its port.
package main

// This file holds the start and the end of the process, and the namespaces.

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/sio"
	"github.com/duplex-go/duplex/socketio"
)

func main() {
	port := flag.Int("port", 0, "to listen at; 0: any that is free")
	cors := flag.String("cors", "", "an `origin` whose pages may connect")
	parser := flag.String("parser", "", `"msgpack", or nothing`)
	interval := flag.Int("ping-interval", 25_000, "in milliseconds")
	timeout := flag.Int("ping-timeout", 20_000, "in milliseconds")
	flag.Parse()

	options := &socketio.Options{NoClient: true, Engine: engineio.Options{
		PingInterval: time.Duration(*interval) * time.Millisecond,
		PingTimeout:  time.Duration(*timeout) * time.Millisecond,
		Logger:       slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}}
	if *cors != "" {
		options.Engine.CORS = &engineio.CORS{Origins: []string{*cors}, Credentials: true}
	}
	if *parser == "msgpack" {
		options.Parser = sio.Msgpack
	}
	if err := serve(newServer(options), *port); err != nil {
		fmt.Fprintln(os.Stderr, "socketioserver:", err)
		os.Exit(1)
	}
}

// serve serves until the process is told to end.
func serve(io *socketio.Server, port int) error {
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	_, port2, _ := net.SplitHostPort(ln.Addr().String())
	_, _ = fmt.Fprintln(os.Stdout, "port", port2)
	select {
	case err := <-failed:
		return err
	case <-told.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(io.Shutdown(patience), server.Shutdown(patience))
}

// newServer returns the server with its namespaces.
func newServer(options *socketio.Options) *socketio.Server {
	io := socketio.NewServer(options)
	s := &scenarios{ends: make(map[string][]any)}
	s.welcome(io.Namespace)
	for _, name := range []string{"/chat", "/ünïcode"} {
		s.welcome(io.Of(name))
	}
	s.welcome(io.OfPattern(regexp.MustCompile(`^/room-\d+$`)))
	s.welcome(io.OfFunc(func(name string, auth json.RawMessage) bool {
		var who struct{ Pass string }
		return name == "/by-auth" && json.Unmarshal(auth, &who) == nil && who.Pass == "open"
	}))
	refusals := map[string]func(who *socketio.Socket) error{
		"/slow": func(*socketio.Socket) error {
			time.Sleep(50 * time.Millisecond)
			return nil
		},
		"/refused": func(*socketio.Socket) error {
			return &socketio.Error{Message: "nobody may", Data: json.RawMessage(`{"code":42,"why":["a",{"b":"c"}]}`)}
		},
		"/refused-plainly": func(*socketio.Socket) error { return errors.New("nobody may") },
		"/auth": func(who *socketio.Socket) error {
			var auth struct {
				Token *string `json:"token"`
			}
			if err := json.Unmarshal(who.Handshake().Auth, &auth); err != nil || auth.Token == nil || *auth.Token != "secret" {
				return &socketio.Error{Message: "who are you?", Data: map[string]any{"got": auth.Token}}
			}
			return nil
		},
	}
	for name, check := range refusals {
		n := io.Of(name)
		n.Use(check)
		s.welcome(n)
	}
	return io
}

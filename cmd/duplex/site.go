package main

// This file holds the site: which addresses there are, and what answers at each.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/examples/chat"
	"github.com/duplex-go/duplex/examples/echo"
	"github.com/duplex-go/duplex/examples/game"
	"github.com/duplex-go/duplex/examples/hello"
	demo "github.com/duplex-go/duplex/examples/socketio"
	"github.com/duplex-go/duplex/socketio"
	"github.com/duplex-go/duplex/web"
	"github.com/duplex-go/duplex/websocket"
)

// places are the addresses, in the order in which they are told to people.
var places = []struct{ path, page, what string }{
	{"/", "index", "what is here, and live counts"},
	{"/echo", "echo", "a tester; every message comes back"},
	{"/chatsocket", "echo", "the same, where older clients look for it"},
	{"/hello", "hello", "the server speaks first"},
	{"/chat", "chat", "a chat room with a memory"},
	{"/game", "game", "2048, played over the wire"},
	{"/socketio", "socketio", "events and rooms, for any Socket.IO client"},
}

// Limits that all addresses share. Those of a single connection are the defaults of package websocket.
const (
	maxUnfinished = 256 << 20 // bytes of messages that have not come to their end, over all connections
	maxFrameRate  = 10000     // frames a second from one client, where nobody has reason to send so many
)

// siteOptions is what a site can be asked for.
type siteOptions struct {
	origins                 []string
	proxies                 []netip.Prefix
	maxConns, maxConnsPerIP int
	deflate                 bool
	clientDir               string // of the Socket.IO client that pages get; empty: our own
	log                     *slog.Logger
}

// A site answers every request. It is safe for use by any goroutine.
type site struct {
	web     *web.Site
	places  map[string]*place
	room    *chat.Room
	io      *socketio.Server
	demo    *demo.Demo
	proxies []netip.Prefix
	started time.Time
	log     *slog.Logger
}

// A place is one address: a page for who opens it, and WebSocket for who upgrades.
type place struct {
	page     http.Handler
	socket   backend
	check    func(url.Values) error // of the query, before the upgrade; nil takes any
	messages *atomic.Int64
}

// A backend is what serves the connections of an address.
type backend interface {
	http.Handler
	Len() int
	Shutdown(ctx context.Context) error
}

func newSite(o siteOptions) (*site, error) {
	files, err := web.New()
	if err != nil {
		return nil, err
	}
	s := &site{web: files, places: map[string]*place{}, proxies: o.proxies, started: time.Now(), log: o.log}
	base := o.accept()
	patient := base // for the echo, which may be used to measure
	base.FrameRate = maxFrameRate

	said, back, chatsocket := new(echo.Said), new(echo.Echo), new(echo.Echo)
	greeter, room, games := new(hello.Hello), chat.NewRoom(), new(game.Server)
	s.add("/", &said.Messages, s.server(o, "/", said.Handle, &patient), nil)
	s.add("/echo", &back.Messages, s.server(o, "/echo", back.Handle, &patient), nil)
	s.add("/chatsocket", &chatsocket.Messages, s.server(o, "/chatsocket", chatsocket.Handle, &patient), nil)
	s.add("/hello", &greeter.Messages, s.server(o, "/hello", greeter.Handle, &base), checker(hello.Every))
	s.add("/chat", &room.Messages, s.server(o, "/chat", room.Handle, chat.Options(base)), nil)
	s.add("/game", &games.Messages, s.server(o, "/game", games.Handle, &base), checker(game.Seed))
	s.room, s.io = room, socketio.NewServer(o.socketio())
	s.room.Door(s.io.Of("/chat"))
	s.demo = demo.New(s.io)
	s.add("/socketio", &s.demo.Messages, s.io, nil)
	for _, p := range places {
		s.places[p.path].page = files.Page(p.page)
	}
	return s, nil
}

// accept gives the options of a connection that hold at every address.
func (o *siteOptions) accept() websocket.AcceptOptions {
	opts := websocket.AcceptOptions{Origins: o.origins, TrustedProxies: o.proxies}
	opts.Logger = o.log
	opts.Budget = websocket.NewBudget(maxUnfinished)
	if o.deflate {
		opts.Deflate = &websocket.Deflate{Takeover: true}
	}
	return opts
}

// socketio gives the options of the Socket.IO server.
func (o *siteOptions) socketio() *socketio.Options {
	opts := &socketio.Options{ClientDir: o.clientDir, Engine: engineio.Options{
		JSONP: true, PacketRate: maxFrameRate,
		MaxSessions: o.maxConns, MaxSessionsPerIP: o.maxConnsPerIP,
		TrustedProxies: o.proxies, Logger: o.log,
	}}
	if len(o.origins) > 0 {
		opts.Engine.CORS = &engineio.CORS{Origins: o.origins}
	}
	if o.deflate {
		opts.Engine.Deflate = &websocket.Deflate{Takeover: true}
	}
	return opts
}

func (s *site) add(path string, messages *atomic.Int64, socket backend, check func(url.Values) error) {
	s.places[path] = &place{socket: socket, check: check, messages: messages}
}

// server returns the WebSocket side of an address.
func (s *site) server(o siteOptions, path string, handle handler, accept *websocket.AcceptOptions) *websocket.Server {
	return &websocket.Server{
		Handle: s.logged(path, handle), Options: accept,
		MaxConns: o.maxConns, MaxConnsPerIP: o.maxConnsPerIP,
	}
}

// checker makes a check of a function that reads a parameter.
func checker[T any](read func(url.Values) (T, error)) func(url.Values) error {
	return func(query url.Values) error {
		_, err := read(query)
		return err
	}
}

// ServeHTTP answers with WebSocket, Socket.IO, a page, an asset, the counts, or why not.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w, done := s.observe(w, r)
	defer done()
	protect(w.Header())
	if !admit(w, r) {
		return
	}
	p := s.places[r.URL.Path]
	switch {
	case strings.HasPrefix(r.URL.Path, "/socket.io/"), r.URL.Path == "/socket.io":
		s.io.ServeHTTP(w, r)
	case websocket.IsUpgrade(r):
		s.upgrade(w, r, p)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD are answered here")
	case p != nil:
		p.page.ServeHTTP(w, r)
	case r.URL.Path == "/stats":
		s.serveStats(w)
	case strings.HasPrefix(r.URL.Path, "/assets/"):
		s.web.ServeAsset(w, r)
	default:
		s.web.NotFound(w, r)
	}
}

// upgrade hands the request to the WebSocket side of its address, if that exists and the query is right.
func (s *site) upgrade(w http.ResponseWriter, r *http.Request, p *place) {
	if p == nil {
		refuse(w, http.StatusNotFound, "no WebSocket lives at this address")
		return
	}
	if p.check != nil {
		if err := p.check(r.URL.Query()); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	p.socket.ServeHTTP(w, r)
}

// len returns how many WebSocket connections are open.
func (s *site) len() (n int) {
	for _, p := range s.places {
		n += p.socket.Len()
	}
	return n
}

// shutdown tells every client that we go (1001), and waits for the handlers until ctx ends.
func (s *site) shutdown(ctx context.Context) error {
	s.room.Close()
	var all sync.WaitGroup
	errs := make([]error, len(places))
	for i, p := range places {
		all.Go(func() {
			if err := s.places[p.path].socket.Shutdown(ctx); err != nil {
				errs[i] = fmt.Errorf("%s: %w", p.path, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

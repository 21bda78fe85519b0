package socketio

// This file holds the Server: its namespaces, the browser client, and how it ends.

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/duplex-go/duplex/adapter"
	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/sio"
)

// Server is an http.Handler that serves Socket.IO. It is made with NewServer. All that can be done with a namespace and is done with the Server concerns
// the namespace "/". Its methods may be called from any goroutine.
type Server struct {
	*Namespace

	opts   *Options
	engine *engineio.Server
	all    adapter.Sockets // carries out orders on all servers
	config sio.Config

	mu      sync.RWMutex
	spaces  map[string]*Namespace
	parents []*parent
	crew    crew
}

// parent is a namespace whose children come to be when a client wants to join them.
type parent struct {
	*Namespace
	match    func(name string, auth json.RawMessage) bool
	children map[string]*Namespace // guarded by Server.mu
}

// NewServer returns a Server. opts may be nil. Where they are wrong, every request is answered with 500, and the reason is logged.
func NewServer(opts *Options) *Server {
	s := &Server{opts: opts.filled(), spaces: make(map[string]*Namespace)}
	s.config = sio.Config{Parser: s.opts.Parser, MaxNamespaces: s.opts.MaxNamespaces, MaxAttachments: s.opts.MaxAttachments}
	s.engine = engineio.NewServer((*engineHandler)(s), &s.opts.Engine)
	s.all = (*local)(s)
	if s.opts.Adapter != nil {
		s.all = s.opts.Adapter(s.all)
	}
	s.Namespace = s.Of(sio.Root)
	return s
}

// Of returns the namespace of a name, which is made if it is not there. "chat" is the same as "/chat". It panics if the name cannot be one: if it
// holds a comma or a question mark, or is longer than 2,048 bytes.
func (s *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if err := sio.CheckNamespace(name); err != nil {
		panic("socketio: Of(" + name + "): " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.spaces[name]
	if n == nil {
		n = newNamespace(s, name, new(registry))
		s.spaces[name] = n
	}
	return n
}

// OfFunc returns a namespace that stands for all whose names match, and that nobody has made by Of. One comes to be when a client wants to join it, with what
// is set here: handlers and middleware. What is emitted here goes to all of them. auth is what the client says of itself, in JSON.
func (s *Server) OfFunc(match func(name string, auth json.RawMessage) bool) *Namespace {
	p := &parent{Namespace: newNamespace(s, "", new(registry)), match: match, children: make(map[string]*Namespace)}
	p.parent = p
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = append(s.parents, p)
	return p.Namespace
}

// OfPattern is OfFunc for names that match a regular expression.
func (s *Server) OfPattern(pattern *regexp.Regexp) *Namespace {
	return s.OfFunc(func(name string, _ json.RawMessage) bool { return pattern.MatchString(name) })
}

// lookup returns a namespace that is there, or nil.
func (s *Server) lookup(name string) *Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if n := s.spaces[name]; n != nil {
		return n
	}
	for _, p := range s.parents {
		if n := p.children[name]; n != nil {
			return n
		}
	}
	return nil
}

// find returns the namespace that a client wants to join, or nil.
func (s *Server) find(name string, auth json.RawMessage) *Namespace {
	if n := s.lookup(name); n != nil {
		return n
	}
	s.mu.RLock()
	parents := slices.Clone(s.parents)
	s.mu.RUnlock()
	for _, p := range parents {
		if !p.match(name, auth) {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		n := p.children[name]
		if n == nil && len(p.children) < s.opts.MaxChildren {
			n = newNamespace(s, name, p.registry)
			n.parent = p
			p.children[name] = n
		}
		return n
	}
	return nil
}

// cleanup removes a namespace that came to be for a client, if nobody is in it.
func (s *Server) cleanup(n *Namespace) {
	if n.parent == nil || !s.opts.CleanupEmpty {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.parent.children[n.name] == n && n.seal() {
		delete(n.parent.children, n.name)
	}
}

// Len returns the number of connections.
func (s *Server) Len() int { return s.engine.Len() }

// ServeHTTP serves the requests of clients, below Path, and the browser client: Path + "socket.io.js".
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, s.opts.Path)
	switch {
	case !ok && r.URL.Path+"/" != s.opts.Path:
		http.NotFound(w, r)
	case isClientFile(name):
		s.serveClient(w, r, name)
	default:
		s.engine.ServeHTTP(w, r)
	}
}

// Shutdown refuses new connections, closes those that are open, spread over a time as Options.Engine.ShutdownRate says, and waits until the handlers
// have been told. If ctx ends before, it closes at once what is left, and returns the context's error.
//
// It is called before the http.Server's own, which waits for polls.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.engine.Shutdown(ctx); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		s.crew.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Error is an error that a client is told in full.
//
// From a function of Use or OnConnect, a client gets connect_error with the message and the data. From a handler, a client that waits for
// an acknowledgement gets {"error": Message}, with data if there is any; of other errors it learns only that there was one.
type Error struct {
	Message string
	Data    any
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errors of Emit and its kin.
var (
	ErrDisconnected = errors.New("socketio: the socket is disconnected")
	ErrTooManyAcks  = errors.New("socketio: too many events wait for the socket's answer")
)

func (s *Server) logger() *slog.Logger {
	if s.opts.Engine.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.opts.Engine.Logger
}

// loud returns the logger for what nobody else would tell.
func (s *Server) loud() *slog.Logger {
	if s.opts.Engine.Logger == nil {
		return slog.Default()
	}
	return s.opts.Engine.Logger
}

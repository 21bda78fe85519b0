package websocket

// This file holds Server: Accept with what a handler needs around it.

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"

	"github.com/duplex-go/duplex/internal/realip"
	"github.com/duplex-go/duplex/proto/ws"
)

// Server is an http.Handler that accepts connections, runs Handle for each, and closes each when Handle returns. It must not be
// copied, and its fields are not changed once it serves.
type Server struct {
	// Handle owns the connection while it runs. ctx ends when the connection does, and holds the request: see Request.
	//
	// It may call c.Serve and return: the connection is then its Handler's, and outlives ctx's values.
	//
	// What it returns decides the close code: nil 1000, a *CloseError its own, any other error 1011. After the connection has ended
	// it does not matter. A panic closes the connection with 1011 and is logged with its stack; the server goes on.
	Handle func(ctx context.Context, c *Conn) error
	// Options may be nil. With a Logger, errors and panics of handlers are logged there; without one panics go
	// to the http.Server's log.
	Options *AcceptOptions
	// MaxConns and MaxConnsPerIP bound the open connections: beyond, the answer is 503, and 429 for a client that has
	// MaxConnsPerIP of its own. If zero, there is no limit.
	MaxConns      int
	MaxConnsPerIP int

	once     sync.Once
	settings *acceptSettings
	bad      error // the options are wrong

	mu    sync.Mutex
	conns map[*Conn]struct{}
	count int                  // of handshakes and connections
	ips   map[*Conn]netip.Addr // if there is a MaxConnsPerIP
	perIP map[netip.Addr]int
	down  bool
	empty chan struct{} // closed when count is 0 after Shutdown began
}

// Len returns the number of open connections.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) begin() {
	if s.settings, s.bad = newAcceptSettings(s.Options); s.bad == nil {
		s.settings.set.server = s
	}
}

// ServeHTTP accepts a connection and returns when its handler has and the connection is closed, or served by a Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(s.begin)
	if s.bad != nil {
		http.Error(w, "websocket: the server's options are wrong", http.StatusInternalServerError)
		s.logger().Error("websocket: wrong options", "error", s.bad)
		return
	}
	ip := realip.Client(r, s.settings.TrustedProxies)
	if bad := s.enter(ip); bad != nil {
		w.Header().Set("Retry-After", "5")
		refuse(w, bad)
		return
	}
	var c *Conn
	defer func() { // also if Handle panics, or ends its goroutine
		if c == nil || !c.flags.served.Load() {
			s.remove(c)
			s.leave(ip)
		}
	}()
	var err error
	if c, err = s.settings.accept(w, r); err != nil {
		s.logger().Debug("websocket: handshake refused", "client", ip.String(), "error", short(err.Error()))
		return
	}
	c.need().request = r // nobody else knows it yet
	if !s.add(c, ip) {
		_ = c.fail(StatusGoingAway, "server shutting down")
	}
	c.startPings()
	s.handle(c, r)
}

// handle runs Handle, and then closes the connection, unless it is served.
func (s *Server) handle(c *Conn, r *http.Request) {
	// The context of the http.Server may end before the connection does.
	stop := context.AfterFunc(r.Context(), func() { _ = c.fail(StatusGoingAway, "server shutting down") })
	defer stop()
	defer func() {
		c.mu.Lock()
		if r := c.rare; r.ctx == nil && r.taps == [2]*ws.Tap{} && c.err == nil && r.gone == nil && r.room == nil && r.stream == nil && r.waiting == nil && r.subprotocol == "" {
			c.rare = nil
		} else {
			r.request = nil
		}
		c.mu.Unlock()
		if !c.flags.served.Load() {
			_ = c.CloseNow() // if Handle ended its goroutine; else it is closed by now
		}
	}()
	defer func() {
		if v := recover(); v != nil {
			_ = c.Close(StatusInternalError, "internal error")
			if s.settings.Logger == nil {
				panic(v) // net/http logs it, with the stack
			}
			s.logger().Error("websocket: panic in a handler", "panic", short(fmt.Sprint(v)), "stack", string(debug.Stack()))
		}
	}()
	err := s.Handle(c.Context(), c)
	switch {
	case !c.flags.served.Load():
		e := c.closing(err)
		_ = c.Close(e.Code, e.Reason)
	case err != nil:
		c.closeFor(err)
	}
}

// gone is told when nothing is left of a connection that was served.
func (s *Server) gone(c *Conn) { s.leave(s.remove(c)) }

// Shutdown closes all connections with 1001, refuses new ones with 503, and waits for the handlers to return. If ctx ends before, it cuts
// off the connections that are left and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.down = true
	if s.empty == nil {
		s.empty = make(chan struct{})
		if s.count == 0 {
			close(s.empty)
		}
	}
	s.mu.Unlock()
	for _, c := range s.open() {
		_ = c.fail(StatusGoingAway, "server shutting down")
	}
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
	}
	for _, c := range s.open() { // with those that came in the meantime: they were told to go when they came
		c.shut(cutOff)
	}
	return ctx.Err()
}

// open returns the open connections.
func (s *Server) open() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// enter counts a handshake in, or refuses it.
func (s *Server) enter(ip netip.Addr) *ws.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down:
		return &ws.Refusal{Status: http.StatusServiceUnavailable, Reason: "the server is shutting down"}
	case s.MaxConns > 0 && s.count >= s.MaxConns:
		return &ws.Refusal{Status: http.StatusServiceUnavailable, Reason: "the server has " + strconv.Itoa(s.MaxConns) + " connections, and takes no more"}
	case s.MaxConnsPerIP > 0 && s.perIP[ip] >= s.MaxConnsPerIP:
		return &ws.Refusal{Status: http.StatusTooManyRequests, Reason: "you have " + strconv.Itoa(s.MaxConnsPerIP) + " connections, and get no more"}
	}
	s.count++
	if s.MaxConnsPerIP > 0 {
		if s.perIP == nil {
			s.perIP = make(map[netip.Addr]int)
		}
		s.perIP[ip]++
	}
	return nil
}

func (s *Server) leave(ip netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	if s.MaxConnsPerIP > 0 {
		if s.perIP[ip]--; s.perIP[ip] == 0 {
			delete(s.perIP, ip)
		}
	}
	if s.empty != nil && s.count == 0 {
		close(s.empty)
	}
}

// add keeps c for Shutdown. It reports false if that began already.
func (s *Server) add(c *Conn, ip netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns, s.ips = make(map[*Conn]struct{}), make(map[*Conn]netip.Addr)
	}
	s.conns[c] = struct{}{}
	if s.MaxConnsPerIP > 0 {
		s.ips[c] = ip
	}
	return !s.down
}

func (s *Server) remove(c *Conn) (ip netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ip = s.ips[c]
	delete(s.conns, c)
	delete(s.ips, c)
	return ip
}

func (s *Server) logger() *slog.Logger {
	if s.settings == nil || s.settings.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.settings.Logger
}

// short cuts what a peer may have chosen to a length that a log can bear.
func short(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

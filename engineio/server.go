package engineio

// This file holds the Server: its sessions, and how it ends.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/websocket"
)

// Handler is what a Server calls. For each session the calls come one at a time, in order: Open, Message for each message, Close.
//
// They may block; that delays only the session's own messages. A polling client hears that its messages have arrived, and sends more, when the
// calls have returned: one that waits in Message for an answer of the same client waits in vain.
//
// A panic is logged with its stack and ends the session.
type Handler interface {
	// Open is called before the client is told that the session is open, and before anything is read. What it sends goes
	// right behind the OPEN packet. An error refuses the session, with 403 for one that polls; the error's text stays here. Close follows.
	Open(s *Session) error
	// Message is called with each message.
	Message(s *Session, m Message)
	// Close is called last, once.
	Close(s *Session, reason Reason)
}

// Reason says why a session ended, in the words of the original.
type Reason = eio.Reason

// The reasons.
const (
	TransportClose = eio.TransportClose // the client ended the session, or its connection did
	TransportError = eio.TransportError // the transport failed, a limit was passed, or the client broke HTTP's or WebSocket's rules
	PingTimeout    = eio.PingTimeout    // the client was silent for too long
	ParseError     = eio.ParseError     // the client sent what is no packet, or one out of place
	ForcedClose    = eio.ForcedClose    // Session.Close was called, or Handler.Open erred
	ServerShutdown = eio.ServerShutdown // Server.Shutdown was called
)

// Server serves Engine.IO at whatever paths it is called for. It is made with NewServer. Its methods may be called from any goroutine.
type Server struct {
	handler Handler
	set     *settings
	bad     error // the options are wrong
	socket  *websocket.Server
	began   time.Time

	mu       sync.Mutex
	sessions map[string]*Session
	perIP    map[netip.Addr]int
	count    int // of sessions, and of requests about to open one
	sockets  int // connections on WebSocket, which outlive their sessions for a moment
	down     bool
	empty    chan struct{} // closed when nothing is left after Shutdown began
}

// NewServer returns a Server that calls h. opts may be nil. Where they are wrong, every request is answered with 500, and the
// reason is logged.
func NewServer(h Handler, opts *Options) *Server {
	s := &Server{handler: h, began: time.Now(), sessions: make(map[string]*Session)}
	s.set, s.bad = newSettings(opts)
	s.socket = &websocket.Server{Handle: s.handleSocket, Options: s.set.socket}
	return s
}

// Len returns the number of sessions.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Session returns the session with an id, or nil.
func (s *Server) Session(id string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// enter counts a session in that is about to open, or refuses it.
func (s *Server) enter(ip netip.Addr) *eio.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down:
		return &eio.Refusal{Code: eio.Forbidden, Status: http.StatusServiceUnavailable, Message: "Server shutting down"}
	case s.set.MaxSessions > 0 && s.count >= s.set.MaxSessions:
		return &eio.Refusal{Code: eio.Forbidden, Status: http.StatusServiceUnavailable, Message: "Too many sessions"}
	case s.set.MaxSessionsPerIP > 0 && s.perIP[ip] >= s.set.MaxSessionsPerIP:
		return &eio.Refusal{Code: eio.Forbidden, Status: http.StatusTooManyRequests, Message: "Too many sessions of yours"}
	}
	s.count++
	if s.set.MaxSessionsPerIP > 0 {
		if s.perIP == nil {
			s.perIP = make(map[netip.Addr]int)
		}
		s.perIP[ip]++
	}
	return nil
}

// leave undoes enter.
func (s *Server) leave(ip netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaveLocked(ip)
}

func (s *Server) leaveLocked(ip netip.Addr) {
	s.count--
	if s.set.MaxSessionsPerIP > 0 {
		if s.perIP[ip]--; s.perIP[ip] == 0 {
			delete(s.perIP, ip)
		}
	}
	s.tellEmpty()
}

// add puts a session that was counted in where requests find it.
func (s *Server) add(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[session.id] = session
}

func (s *Server) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// remove takes a session out, when its Handler has been told.
func (s *Server) remove(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, session.id)
	s.leaveLocked(session.handshake.addr)
}

// countSocket counts a WebSocket connection in, or, with -1, out.
func (s *Server) countSocket(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets += n
	s.tellEmpty()
}

func (s *Server) tellEmpty() {
	if s.empty != nil && s.count == 0 && s.sockets == 0 {
		select {
		case <-s.empty:
		default:
			close(s.empty)
		}
	}
}

// Shutdown refuses new sessions with 503, closes those that are open, ShutdownRate of them in a second and in no order, and waits until the
// Handler has been told of each and their connections are closed. If ctx has a deadline it closes faster, to be done in time.
// When ctx ends, it closes at once what is left, and returns the context's error.
//
// It is called before the http.Server's own, which waits for the polls.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.down = true
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	s.tellEmpty()
	open := make([]*Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		open = append(open, session)
	}
	s.mu.Unlock()
	rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	s.closeSpread(ctx, open)
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for _, session := range s.sessions { // those that came in the meantime
		go session.end(ServerShutdown)
	}
	s.mu.Unlock()
	return ctx.Err()
}

// closeSpread closes sessions over a time, unevenly.
func (s *Server) closeSpread(ctx context.Context, open []*Session) {
	if len(open) == 0 {
		return
	}
	pause := time.Second / time.Duration(s.set.ShutdownRate)
	if by, ok := ctx.Deadline(); ok {
		pause = min(pause, time.Until(by)/2/time.Duration(len(open)))
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for _, session := range open {
		if wait := time.Until(due); wait > time.Millisecond { // shorter ones add up until then
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-s.empty:
			case <-ctx.Done():
			}
		}
		session.end(ServerShutdown)
		due = due.Add(rand.N(2*max(pause, 0) + 1)) // on average pause
	}
}

func (s *Server) logger() *slog.Logger {
	if s.set.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.set.Logger
}

package engineio

// This file holds the session's transport that is WebSocket: sessions that begin on it, and those that change to it.

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/websocket"
)

// socket is a WebSocket connection of a session's, in push mode. It implements websocket.Handler.
type socket struct {
	session *Session
	conn    *websocket.Conn
	format  eio.Format
}

// probeLimit is the size in bytes that a message may have before the change of transport is complete.
const probeLimit = 16

// arrival is a request that is about to become a WebSocket connection. The request's context holds it.
type arrival struct {
	session *Session
	text    bool // the client takes no binary messages
	upgrade bool // else the session is new
	taken   bool // the handshake was good: the session is in handleSocket's hands
}

type arrivalKey struct{}

// openSocket opens a session on WebSocket.
func (s *Server) openSocket(w http.ResponseWriter, r *http.Request, session *Session) *eio.Refusal {
	a := &arrival{session: session, text: session.format.Text}
	refusal := s.acceptSocket(w, r, a)
	if !a.taken {
		s.leave(session.handshake.addr)
	}
	return refusal
}

// serveUpgrade has a session that polls try a WebSocket connection.
func (s *Server) serveUpgrade(w http.ResponseWriter, r *http.Request, q eio.Query, session *Session) *eio.Refusal {
	switch {
	case r.Method != http.MethodGet:
		return &eio.Refusal{Code: eio.BadHandshakeMethod}
	case !websocket.IsUpgrade(r):
		return &eio.Refusal{Code: eio.BadRequest, Detail: "WebSocket without an upgrade"}
	case s.set.NoUpgrades:
		return &eio.Refusal{Code: eio.BadRequest, Detail: "sessions do not change their transport here"}
	case !session.reserveProbe():
		return &eio.Refusal{Code: eio.BadRequest, Detail: "the session has changed its transport, or is at it"}
	}
	defer session.unreserveProbe()
	return s.acceptSocket(w, r, &arrival{session: session, text: q.Text, upgrade: true})
}

// reserveProbe keeps others from trying a transport while WebSocket's handshake is made. It reports false if somebody is at it, or was.
func (s *Session) reserveProbe() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reserved || s.socket != nil || s.probe != nil {
		return false
	}
	s.reserved = true
	return true
}

func (s *Session) unreserveProbe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved = false
}

// acceptSocket performs WebSocket's handshake, which answers the request itself if that is no good one.
func (s *Server) acceptSocket(w http.ResponseWriter, r *http.Request, a *arrival) *eio.Refusal {
	server := s.socket
	if s.set.hasHeaders() {
		own := make(http.Header)
		if err := a.session.addHeaders(own, r, !a.upgrade); err != nil {
			s.logger().Error("engineio: a header that cannot be sent", "error", err)
			return &eio.Refusal{Code: eio.BadRequest, Status: http.StatusInternalServerError, Message: "Internal server error", Detail: err.Error()}
		}
		o := *s.set.socket
		o.Header = maps.Clone(own)
		server = &websocket.Server{Handle: s.handleSocket, Options: &o}
	}
	server.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)))
	return nil
}

// What a connection is closed with for which there is no session any more, or none at all.
var (
	errGone    = &websocket.CloseError{Code: websocket.StatusNoStatusReceived}
	errRefused = &websocket.CloseError{Code: websocket.StatusPolicyViolation}
)

// handleSocket is called with each new connection.
func (s *Server) handleSocket(ctx context.Context, c *websocket.Conn) error {
	a, ok := ctx.Value(arrivalKey{}).(*arrival)
	if !ok {
		return errGone
	}
	a.taken = true
	session := a.session
	k := &socket{session: session, conn: c, format: eio.Format{Revision: session.format.Revision, Text: a.text}}
	if a.upgrade {
		if !session.startProbe(k) {
			return errGone
		}
		c.SetReadLimit(probeLimit)
		s.countSocket(1)
		c.Serve(k)
		return nil
	}
	s.add(session)
	if session.open() != nil {
		return errRefused
	}
	if !session.attach(k) {
		return errGone
	}
	s.countSocket(1)
	c.Serve(k)
	session.start()
	return nil
}

// attach makes k the session's transport. It reports false if the session has ended.
func (s *Session) attach(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != "" {
		return false
	}
	s.socket = k
	k.conn.SetReadLimit(int64(s.maxPayload))
	return true
}

// Open implements websocket.Handler.
func (k *socket) Open(context.Context, *websocket.Conn) error { return nil }

// Message implements websocket.Handler.
func (k *socket) Message(_ context.Context, _ *websocket.Conn, m websocket.Message) error {
	s := k.session
	p, err := eio.ParsePacket(s.format.Revision, m.Type == websocket.Binary, m.Data)
	s.mu.Lock()
	switch k {
	case s.socket:
		s.mu.Unlock()
		s.receive(p, err)
	case s.probe:
		if err != nil {
			p = eio.Packet{Type: eio.TypeNoop} // out of place just as well
		}
		return s.receiveProbeUnlock(k, p)
	default:
		s.mu.Unlock()
		return errGone
	}
	return nil
}

// Closed implements websocket.Handler.
func (k *socket) Closed(_ *websocket.Conn, err *websocket.CloseError) {
	s := k.session
	s.mu.Lock()
	switch k {
	case s.socket:
		s.endUnlock(reasonOf(err))
	case s.probe:
		s.probe = nil
		s.m.StopProbe(time.Now())
		s.flushUnlock()
	default:
		s.mu.Unlock()
	}
	s.server.countSocket(-1)
}

// reasonOf returns why a session ends whose connection ended with err.
func reasonOf(err error) Reason {
	var e *websocket.CloseError
	if errors.As(err, &e) && e.Local {
		return TransportError // the client broke a rule, or did not take what was sent
	}
	return TransportClose
}

// startProbe has k be the connection that the session may change to. It reports false if that cannot be.
func (s *Session) startProbe(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.m.StartProbe(time.Now()) {
		return false
	}
	s.probe = k
	s.arm()
	return true
}

// receiveProbeUnlock takes in a packet from the connection that the session may change to. s.mu is held and let go.
func (s *Session) receiveProbeUnlock(k *socket, p eio.Packet) error {
	switch s.m.ReceiveProbe(p, time.Now()).Kind {
	case eio.EventProbe:
		s.flushUnlock() // a poll that waits gets its NOOP
		return k.write(eio.Probe(eio.TypePong))
	case eio.EventUpgrade:
		s.socket, s.probe = k, nil
		k.conn.SetReadLimit(int64(s.maxPayload))
		if s.poll != nil { // the client should have ended it
			s.poll.answer <- []eio.Packet{{Type: eio.TypeNoop}}
			s.poll = nil
		}
		s.flushUnlock()
		return nil
	}
	s.probe = nil
	s.flushUnlock()
	return errGone
}

// close closes the connection, and waits for that.
func (k *socket) close(r Reason) {
	switch r {
	case ServerShutdown:
		_ = k.conn.Close(websocket.StatusGoingAway, string(r))
	case PingTimeout:
		_ = k.conn.CloseNow() // there is nobody to say it to
	default:
		_ = k.conn.Close(websocket.StatusNoStatusReceived, "")
	}
}

// frames is where packets are put together for sending. The connection copies them.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// write writes a packet as a message. Of a CLOSE packet there is none: the connection is closed instead.
func (k *socket) write(p eio.Packet) error {
	f := k.format
	if p.Type == eio.TypeClose {
		return nil
	}
	if p.Binary && !f.Text && f.Revision == eio.V4 {
		return k.send(websocket.Binary, p.Plain, p.Data)
	}
	buf := frames.Get().(*[]byte) //nolint:errcheck,forcetypeassert // New returns nothing else
	*buf = eio.AppendPacket((*buf)[:0], f.Revision, p, f.Text)
	err := k.send(frameType(f, p), p.Plain, *buf)
	if cap(*buf) <= maxBuffer {
		frames.Put(buf)
	}
	return err
}

func (k *socket) send(t websocket.MessageType, plain bool, data []byte) error {
	if plain {
		return k.conn.WriteUncompressed(k.conn.Context(), t, data)
	}
	return k.conn.Write(k.conn.Context(), t, data)
}

func (k *socket) writeAll(packets []eio.Packet) error {
	for _, p := range packets {
		if err := k.write(p); err != nil {
			return err
		}
	}
	return nil
}

func (k *socket) writePrepared(p *Prepared) error {
	if p.plain && k.session.server.set.Deflate != nil {
		return k.writeAll(p.packets)
	}
	for _, m := range p.framed(k.format) {
		if err := k.conn.WritePrepared(k.conn.Context(), m); err != nil {
			return err
		}
	}
	return nil
}

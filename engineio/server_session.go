package engineio

// This file holds the session, and what may be asked of it.

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/websocket"
)

// Session is a client's session. All methods may be called from any goroutine.
type Session struct {
	// User is for whoever implements Handler to set in Open; the package does not touch it.
	User any

	server    *Server
	id        string
	handshake Handshake

	turn sync.Mutex // held while a Handler's method runs

	// mu is held for moments, never during a call of the Handler, or while waiting for the client. It guards all below but format and jsonp.
	mu         sync.Mutex
	m          eio.Session
	maxPayload int
	socket     *socket       // nil: the session polls
	probe      *socket       // that the session may change to
	poll       *poll         // the request that waits for packets
	post       *post         // the request that brings packets
	timer      *time.Timer   // calls tick at the machine's deadline, or before; nil: the session has not started
	armed      time.Duration // when timer fires, counted from Server.began
	format     eio.Format
	reason     Reason // why the session has ended; empty: it has not
	jsonp      bool
	ready      bool // Open has returned: packets may go out
	writing    bool // somebody writes to socket
	reserved   bool // a probe is about to come
	told       bool // Handler.Close was or is being called
}

// Errors of Send and its kin.
var (
	ErrClosed = errors.New("engineio: the session is closed")
	ErrFull   = errors.New("engineio: the client does not fetch what is sent: the session was closed")
)

// newSession makes a session that was counted in.
func (s *Server) newSession(q eio.Query, h Handshake) *Session {
	session := &Session{
		server:     s,
		id:         newID(),
		handshake:  h,
		format:     eio.Format{Revision: q.Revision, Text: q.Text || q.JSONP != ""},
		jsonp:      q.JSONP != "",
		maxPayload: s.set.MaxPayload,
	}
	o := eio.Open{SID: session.id, PingInterval: s.set.PingInterval, PingTimeout: s.set.PingTimeout, MaxPayload: s.set.MaxPayload}
	if q.Transport == eio.Polling {
		o.Upgrades = s.set.upgrades
	}
	session.m.Reset(eio.Server, q.Revision, &s.set.machine, &o, time.Now())
	return session
}

// ID returns the session's id, which only its client should know: whoever has it can poll for the session.
func (s *Session) ID() string { return s.id }

// Protocol returns the revision of the protocol that the client speaks, 3 or 4.
func (s *Session) Protocol() int { return int(s.format.Revision) }

// Transport returns what carries the session now: "polling" or "websocket".
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil {
		return eio.WebSocket.String()
	}
	return eio.Polling.String()
}

// Handshake returns what is kept of the request that opened the session.
func (s *Session) Handshake() *Handshake { return &s.handshake }

// SetMaxPayload replaces Options.MaxPayload for what comes from now on. A server may bear less from a client that it does not know yet.
func (s *Session) SetMaxPayload(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxPayload = n
	if s.socket != nil {
		s.socket.conn.SetReadLimit(int64(n))
	}
}

// Writable reports whether a message would go out at once: nothing waits, and a client that polls has a poll waiting.
func (s *Session) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.m.Open() || !s.ready || s.m.Queued() > 0 || s.writing:
		return false
	case s.socket != nil:
		return s.socket.conn.Queued() == 0
	}
	return s.poll != nil
}

// Send sends messages, all of them or none, one behind the other with nothing between them. It does not wait: nil means that they were sent, or
// wait for the client. If then more than Options.SendBuffer would wait, the session is ended with TransportError, and Send returns ErrFull.
//
// The data is not kept.
func (s *Session) Send(messages ...Message) error {
	s.mu.Lock()
	if k := s.startDirect(); k != nil {
		s.mu.Unlock()
		var err error
		for _, m := range messages {
			if err = k.write(m.packet()); err != nil {
				break
			}
		}
		return s.endDirect(err)
	}
	packets := make([]eio.Packet, len(messages))
	for i, m := range messages {
		packets[i] = m.packet()
		packets[i].Data = bytes.Clone(m.Data)
	}
	return s.queueUnlock(packets)
}

// SendPrepared is Send for messages that go to many sessions.
func (s *Session) SendPrepared(p *Prepared) error {
	s.mu.Lock()
	if k := s.startDirect(); k != nil {
		s.mu.Unlock()
		return s.endDirect(k.writePrepared(p))
	}
	return s.queueUnlock(p.packets)
}

// startDirect makes the caller the one who writes to the socket, and returns it, if nothing waits. s.mu is held.
func (s *Session) startDirect() *socket {
	if s.socket == nil || !s.ready || s.writing || !s.m.Open() || s.m.Queued() > 0 {
		return nil
	}
	s.writing = true
	return s.socket
}

// endDirect ends what startDirect began, and writes what was queued meanwhile.
func (s *Session) endDirect(err error) error {
	s.mu.Lock()
	s.writing = false
	if err != nil {
		s.endUnlock(reasonOf(err))
		return sendError(err)
	}
	if s.m.Queued() == 0 {
		s.mu.Unlock()
		return nil
	}
	s.flushUnlock()
	return nil
}

// sendError returns what Send does when writing to the socket failed.
func sendError(err error) error {
	var e *websocket.CloseError
	if errors.As(err, &e) && e.Local && e.Code == websocket.StatusPolicyViolation {
		return ErrFull
	}
	return ErrClosed
}

// queueUnlock has packets wait, whose data is kept. s.mu is held and let go.
func (s *Session) queueUnlock(packets []eio.Packet) error {
	err := s.m.Send(packets...)
	switch {
	case errors.Is(err, eio.ErrFull):
		s.endUnlock(TransportError)
		return ErrFull
	case err != nil:
		s.mu.Unlock()
		return ErrClosed
	}
	s.flushUnlock()
	return nil
}

// Close ends the session: what waits goes first, then, to a client that polls, a CLOSE packet. A client that does not fetch it has
// 30 s. Nothing can be sent any more, and nothing more is heard.
func (s *Session) Close() {
	s.mu.Lock()
	s.m.Close(time.Now())
	s.flushUnlock()
}

// Discard ends the session at once: what waits is forgotten.
func (s *Session) Discard() { s.end(ForcedClose) }

package engineio

// This file holds the session: what may be asked of it, its packets' way out, and its end.

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
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
	socket     *socket // nil: the session polls
	probe      *socket // that the session may change to
	poll       *poll   // the request that waits for packets
	post       *post   // the request that brings packets
	timer      *time.Timer
	armed      time.Time // when timer fires
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
	if websocket.CloseStatus(err) == websocket.StatusPolicyViolation {
		return ErrFull
	}
	return ErrClosed
}

// queueUnlock has packets wait, whose data is kept. s.mu is held and let go.
func (s *Session) queueUnlock(packets []eio.Packet) error {
	switch err := s.m.Send(packets...); err {
	case nil:
	case eio.ErrFull:
		s.endUnlock(TransportError)
		return ErrFull
	default:
		s.mu.Unlock()
		return ErrClosed
	}
	s.flushUnlock()
	return nil
}

// Close ends the session: what waits goes first, then, to a client that polls, a CLOSE packet. A client that does not fetch it has
// Options.CloseTimeout. Nothing can be sent any more, and nothing more is heard.
func (s *Session) Close() {
	s.mu.Lock()
	s.m.Close(time.Now())
	s.flushUnlock()
}

// Discard ends the session at once: what waits is forgotten.
func (s *Session) Discard() { s.end(ForcedClose) }

// flushUnlock sends what waits, if the transport can take it now. s.mu is held and let go.
func (s *Session) flushUnlock() {
	for s.ready && s.socket != nil && !s.writing {
		packets := s.m.Take(nil)
		if packets == nil {
			break
		}
		s.writing = true
		last, k := s.m.Closed(), s.socket
		s.mu.Unlock()
		err := k.writeAll(packets)
		s.mu.Lock()
		s.writing = false
		switch {
		case err != nil:
			s.endUnlock(reasonOf(err))
			return
		case last:
			s.endUnlock(ForcedClose)
			return
		}
	}
	if s.ready && s.socket == nil && s.poll != nil && s.answerPoll() {
		s.endUnlock(ForcedClose)
		return
	}
	s.arm()
	s.mu.Unlock()
}

// answerPoll gives the poll what waits. It reports whether the session has ended with that. s.mu is held.
func (s *Session) answerPoll() (last bool) {
	packets := s.m.Take(nil)
	if packets == nil && s.m.Probed() {
		packets = []eio.Packet{{Type: eio.TypeNoop}}
	}
	if packets != nil {
		s.poll.answer <- packets
		s.poll = nil
	}
	return s.m.Closed()
}

// receive takes in a packet that came by the session's transport, or the error that it is none.
func (s *Session) receive(p eio.Packet, err error) {
	s.turn.Lock()
	defer s.release()
	s.mu.Lock()
	var ev eio.Event
	if err != nil {
		s.endUnlock(ParseError)
		return
	}
	ev = s.m.Receive(p, time.Now())
	switch ev.Kind {
	case eio.EventMessage:
		s.mu.Unlock()
		s.call(func() { s.server.handler.Message(s, Message{Binary: ev.Binary, Data: ev.Data}) })
	case eio.EventClose:
		s.endUnlock(ev.Reason)
	default:
		s.flushUnlock()
	}
}

// open calls the Handler's Open. An error means that the session has ended.
func (s *Session) open() error {
	s.turn.Lock()
	defer s.release()
	err := errPanic
	s.call(func() { err = s.server.handler.Open(s) })
	if err != nil {
		s.end(ForcedClose)
	}
	return err
}

// start lets packets go out.
func (s *Session) start() {
	s.mu.Lock()
	s.ready = true
	s.flushUnlock()
	if s.server.isDown() { // since the session was let in
		s.end(ServerShutdown)
	}
}

var errPanic = errors.New("engineio: panic in a handler")

// call calls the Handler. If that panics, the session ends. s.turn is held.
func (s *Session) call(f func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		logger := s.server.set.Logger
		if logger == nil {
			logger = slog.Default() // nobody else would tell
		}
		logger.Error("engineio: panic in a handler", "panic", short(fmt.Sprint(v)), "stack", string(debug.Stack()))
		s.end(TransportError)
	}()
	f()
}

// release gives the turn back. Whoever ended the session meanwhile could not tell the Handler.
func (s *Session) release() {
	s.turn.Unlock()
	s.tell()
}

// end ends the session at once.
func (s *Session) end(r Reason) {
	s.mu.Lock()
	s.endUnlock(r)
}

// endUnlock does so. s.mu is held and let go.
func (s *Session) endUnlock(r Reason) {
	if s.reason != "" {
		s.mu.Unlock()
		return
	}
	s.reason = r
	s.m.End()
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.poll != nil {
		last := eio.TypeClose
		if r == TransportClose { // the client knows
			last = eio.TypeNoop
		}
		s.poll.answer <- []eio.Packet{{Type: last}}
		s.poll = nil
	}
	if s.post != nil {
		s.post.abort()
	}
	sockets := [...]*socket{s.socket, s.probe}
	s.probe = nil
	s.mu.Unlock()
	for _, k := range sockets {
		if k != nil {
			go k.close(r)
		}
	}
	go s.tell()
}

// tell calls Handler.Close when the session has ended, unless somebody has the turn, who will then do it.
func (s *Session) tell() {
	for s.untold(false) && s.turn.TryLock() {
		if s.untold(true) {
			s.call(func() { s.server.handler.Close(s, s.reason) })
			s.server.remove(s)
		}
		s.turn.Unlock()
	}
}

// untold reports whether Handler.Close is to be called. now: it will be.
func (s *Session) untold(now bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == "" || s.told {
		return false
	}
	s.told = now
	return true
}

// arm sees to it that tick is called at the machine's deadline. A timer that fires too early does no harm. s.mu is held.
func (s *Session) arm() {
	by := s.m.Deadline()
	switch {
	case by.IsZero():
	case s.timer == nil:
		s.armed = by
		s.timer = time.AfterFunc(time.Until(by), s.tick)
	case by.Before(s.armed):
		s.armed = by
		s.timer.Reset(time.Until(by))
	}
}

// tick tells the machine the time.
func (s *Session) tick() {
	s.mu.Lock()
	s.armed = time.Time{}
	ev := s.m.Advance(time.Now())
	s.armed = s.m.Deadline()
	if !s.armed.IsZero() {
		s.timer.Reset(time.Until(s.armed))
	}
	switch ev.Kind {
	case eio.EventProbeFailed:
		k := s.probe
		s.probe = nil
		s.flushUnlock()
		go k.close(TransportClose)
	case eio.EventClose:
		s.endUnlock(ev.Reason)
	default:
		s.flushUnlock()
	}
}

// requestHeaders adds what the application wants to the response to r, one that polls. opened: it opens the session.
func (s *Session) requestHeaders(w http.ResponseWriter, r *http.Request, opened bool) *eio.Refusal {
	if !s.server.set.hasHeaders() {
		return nil
	}
	if err := s.addHeaders(w.Header(), r, opened); err != nil {
		s.server.logger().Error("engineio: a header that cannot be sent", "error", err)
		return &eio.Refusal{Code: eio.BadRequest, Status: http.StatusInternalServerError, Message: "Internal server error", Detail: err.Error()}
	}
	return nil
}

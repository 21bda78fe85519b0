package engineio

// This file holds what moves a session: packets out, packets in, calls of the Handler, time, and the end.

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
)

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
	if err != nil {
		s.endUnlock(ParseError)
		return
	}
	switch ev := s.m.Receive(p, time.Now()); ev.Kind {
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
	if s.reason == "" {
		s.timer = time.AfterFunc(time.Hour, s.tick)
		s.armed = math.MaxInt64
	}
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

// arm sees to it that tick is called at the machine's deadline. A timer that fires before does no harm: deadlines move on with every heartbeat,
// and seldom nearer. s.mu is held.
func (s *Session) arm() {
	by := s.m.Deadline()
	if s.timer == nil || by.IsZero() {
		return
	}
	if at := by.Sub(s.server.began); at < s.armed {
		s.armed = at
		s.timer.Reset(time.Until(by))
	}
}

// tick tells the machine the time.
func (s *Session) tick() {
	s.mu.Lock()
	s.armed = math.MaxInt64
	switch ev := s.m.Advance(time.Now()); ev.Kind {
	case eio.EventProbeFailed:
		k := s.probe
		s.probe = nil
		s.flushUnlock()
		k.close(TransportClose)
	case eio.EventClose:
		s.endUnlock(ev.Reason)
	default:
		s.flushUnlock()
	}
}

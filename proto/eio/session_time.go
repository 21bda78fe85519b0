package eio

// This file holds the part of the machine that time drives: heartbeats, and the change of transport, which rests them.

import "time"

// pinger reports whether it is our side that pings: the server's in revision 4, the client's in revision 3.
func (s *Session) pinger() bool { return (s.role == Server) == (s.rev == V4) }

// restart begins the heartbeat anew: the time until we ping, or that the peer may be silent.
func (s *Session) restart(now time.Time) {
	s.waiting = false
	left := s.cfg.PingInterval
	if !s.pinger() {
		left += s.cfg.PingTimeout
	}
	s.beat(now, left)
}

// beat sets how much is left of the heartbeat.
func (s *Session) beat(now time.Time, left time.Duration) {
	if s.resting() {
		s.rest = left
	} else {
		s.deadline = now.Add(left)
	}
}

// heard notes that a packet has come. Whoever pings gives the peer more time once if it sends something else than the PONG: that may
// be behind much else.
func (s *Session) heard(t Type, now time.Time) {
	switch {
	case s.pinger() && t == TypePong,
		!s.pinger() && (s.rev == V3 || t == TypePing): // as the servers did for which clients of revision 3 were made
		s.restart(now)
	case s.waiting && !s.extended:
		s.extended = true
		s.beat(now, s.cfg.PingTimeout)
	}
}

// Deadline returns when Advance is to be called; the zero time: never.
func (s *Session) Deadline() time.Time { return s.deadline }

// resting reports whether a probe is under way, whose deadline stands in for the heartbeat's.
func (s *Session) resting() bool {
	return s.state == open && (s.probe == probing || s.probe == probed)
}

// Advance tells s the time, and returns what its passing means.
func (s *Session) Advance(now time.Time) Event {
	switch {
	case s.deadline.IsZero() || now.Before(s.deadline):
		return Event{}
	case s.resting():
		s.StopProbe(now)
		return Event{Kind: EventProbeFailed}
	case s.state == closing:
		return s.end(ForcedClose)
	case s.waiting || !s.pinger():
		return s.end(PingTimeout)
	}
	s.put(Packet{Type: TypePing})
	s.waiting, s.extended = true, false
	s.deadline = now.Add(s.cfg.PingTimeout)
	return Event{}
}

// StartProbe begins the change to another transport. It reports false if that cannot be: the session is not open, or did change, or is at it.
// A Client then sends Probe(TypePing) by the new transport.
func (s *Session) StartProbe(now time.Time) bool {
	if s.state != open || s.probe != noProbe {
		return false
	}
	s.probe = probing
	s.rest = s.deadline.Sub(now)
	s.deadline = now.Add(s.cfg.UpgradeTimeout)
	return true
}

// Probed reports whether the new transport works and the UPGRADE packet has not come: a Server answers polls with a NOOP packet, so that
// the client can end its polling.
func (s *Session) Probed() bool { return s.probe == probed }

// ReceiveProbe takes in a packet that came by the new transport, and returns what it means.
func (s *Session) ReceiveProbe(p Packet, now time.Time) Event {
	switch {
	case s.probe == probing && s.role == Server && p.isProbe(TypePing),
		s.probe == probing && s.role == Client && p.isProbe(TypePong):
		s.probe = probed
		return Event{Kind: EventProbe}
	case s.probe == probed && s.role == Server && p.Type == TypeUpgrade && !p.Binary:
		s.upgrade(now)
		return Event{Kind: EventUpgrade}
	}
	s.StopProbe(now)
	return Event{Kind: EventProbeFailed}
}

// Upgrade tells a Client, after EventProbe, that its old transport is at rest. The caller sends an UPGRADE packet by the new one, which is now the session's.
func (s *Session) Upgrade(now time.Time) {
	if s.role == Client && s.probe == probed {
		s.upgrade(now)
	}
}

func (s *Session) upgrade(now time.Time) {
	s.probe = upgraded
	if s.state == open {
		s.restart(now) // a PONG that was on its way by the old transport is not waited for
	}
}

// StopProbe ends a probe without success. The heartbeat gets back the time that it rested.
func (s *Session) StopProbe(now time.Time) {
	if s.resting() {
		s.deadline = now.Add(s.rest)
	}
	if s.probe != upgraded {
		s.probe = noProbe
	}
}

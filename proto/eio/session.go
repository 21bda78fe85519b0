package eio

// This file holds the machine: a session's state, what packets and time do to it, and the packets that wait.

import (
	"bytes"
	"errors"
	"time"
)

// Role says which end of a session a Session is.
type Role uint8

// The two ends.
const (
	Server Role = iota
	Client
)

// Config is what the application chooses. One Config may serve many Sessions; it is not changed while they live.
type Config struct {
	PingInterval   time.Duration // a Client's are what the server's OPEN packet says
	PingTimeout    time.Duration
	UpgradeTimeout time.Duration // for a probe, from its start to the UPGRADE packet
	CloseTimeout   time.Duration // for the peer to fetch what waits when we close
	SendBuffer     int           // bytes that may wait for the peer, with PacketCost
	PacketRate     int           // packets that the peer may send in a second; 0 or less: no limit
}

// PacketCost is what a packet that waits counts beside its data, in bytes.
const PacketCost = 64

// Reason says why a session ended, in the words of the original.
type Reason string

// The reasons.
const (
	TransportClose Reason = "transport close"      // the peer ended the session, or the transport did
	TransportError Reason = "transport error"      // the transport failed, or the peer broke its rules
	PingTimeout    Reason = "ping timeout"         // the peer was silent for too long
	ParseError     Reason = "parse error"          // the peer sent what is no packet, or one out of place
	ForcedClose    Reason = "forced close"         // we ended it
	ServerShutdown Reason = "server shutting down" // so did the server as a whole
)

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of Event.
const (
	EventNone        EventKind = iota
	EventOpen                  // a Client's session is open: Open
	EventMessage               // a message: Binary, Data
	EventProbe                 // the new transport works. A Server answers on it with Probe(TypePong); a Client pauses the old one, and calls Upgrade
	EventProbeFailed           // the new transport is to be closed; the session goes on
	EventUpgrade               // the new transport is now the session's, and what waits goes there; the old one is to be ended
	EventClose                 // the session has ended: Reason. The last event
)

// Event is what a packet, or the passing of time, meant.
type Event struct {
	Kind   EventKind
	Binary bool
	Data   []byte // as it was in the packet
	Open   *Open
	Reason Reason
}

// The caller's mistakes, and what Send cannot do.
var (
	ErrClosed = errors.New("eio: the session is closed")
	ErrFull   = errors.New("eio: the peer does not fetch what is sent: more waits than the limit")
)

type state uint8

const (
	opening state = iota // a Client before the OPEN packet
	open
	closing // a CLOSE packet follows what waits
	closed
)

type probe uint8

const (
	noProbe probe = iota
	probing
	probed
	upgraded
)

// Session is one end of a session as a function of packets and times. See the package comment.
// Its methods must not run at the same time.
type Session struct {
	cfg   *Config
	role  Role
	rev   Revision
	state state
	probe probe

	waiting  bool          // we pinged, and no PONG has come
	extended bool          // since then another packet came, and the peer got more time
	deadline time.Time     // of the heartbeat, the probe, or the closing
	rest     time.Duration // what was left of the heartbeat's when the probe began

	second  uint32 // of the time that the last packet came
	packets uint32 // that came in it

	out    []Packet
	queued int // bytes in out, with PacketCost
	ponged int // the place in out of a PONG packet, from 1; 0: there is none
}

// New returns a Session. A Server's is open from now on, and its OPEN packet, with o, is the first that waits; a Client's is when that packet comes.
func New(role Role, rev Revision, cfg *Config, o *Open, now time.Time) *Session {
	s := new(Session)
	s.Reset(role, rev, cfg, o, now)
	return s
}

// Reset makes s what New returns, for a Session that is part of something else.
func (s *Session) Reset(role Role, rev Revision, cfg *Config, o *Open, now time.Time) {
	*s = Session{cfg: cfg, role: role, rev: rev}
	if role == Server {
		s.put(Packet{Type: TypeOpen, Data: AppendOpen(nil, rev, o)})
		s.opened(now)
	}
}

func (s *Session) opened(now time.Time) {
	s.state = open
	s.restart(now)
}

// Revision returns the revision that the session speaks.
func (s *Session) Revision() Revision { return s.rev }

// Open reports whether messages can be sent.
func (s *Session) Open() bool { return s.state == open }

// Closed reports whether the session has ended.
func (s *Session) Closed() bool { return s.state == closed }

// Queued returns how many packets wait, with the CLOSE packet that follows when the session is being closed.
func (s *Session) Queued() int {
	if s.state == closing {
		return len(s.out) + 1
	}
	return len(s.out)
}

// Send has messages wait for the peer, all of them or none. It keeps their data. More than Config.SendBuffer is taken only when nothing waits.
func (s *Session) Send(messages ...Packet) error {
	if s.state != open {
		return ErrClosed
	}
	size := s.queued
	for _, p := range messages {
		size += len(p.Data) + PacketCost
	}
	if size > s.cfg.SendBuffer && s.queued > 0 {
		return ErrFull
	}
	s.put(messages...)
	return nil
}

func (s *Session) put(packets ...Packet) {
	for _, p := range packets {
		s.queued += len(p.Data) + PacketCost
	}
	s.out = append(s.out, packets...)
}

// Take returns what waits, which now is the caller's to write to the transport; nil if that is nothing. spare is used for what will wait next.
// If it is a CLOSE packet, the session has ended with it.
//
// What a Client sends waits while it changes its transport.
func (s *Session) Take(spare []Packet) []Packet {
	switch {
	case s.role == Client && s.probe == probed:
		return nil
	case len(s.out) == 0 && s.state == closing:
		s.End()
		return []Packet{{Type: TypeClose}}
	case len(s.out) == 0:
		return nil
	}
	packets := s.out
	s.out, s.queued, s.ponged = spare[:0], 0, 0
	return packets
}

// Close ends the session: what waits goes first, then, alone, a CLOSE packet, lest it overtakes the others where the client handles them. When Take has returned
// that, or CloseTimeout has passed, the session has ended, with ForcedClose. A change of transport under way may still come to its end, and what waits then goes by the new one.
func (s *Session) Close(now time.Time) {
	if s.state == opening || s.state == open {
		s.state = closing
		s.deadline = now.Add(s.cfg.CloseTimeout)
	}
}

// End ends the session at once, as when its transport has ended. What waits is forgotten.
func (s *Session) End() {
	s.state, s.probe = closed, noProbe
	s.deadline = time.Time{}
	s.out, s.queued, s.ponged = nil, 0, 0
}

func (s *Session) end(r Reason) Event {
	s.End()
	return Event{Kind: EventClose, Reason: r}
}

// Receive takes in a packet that came by the session's transport, and returns what it means.
func (s *Session) Receive(p Packet, now time.Time) Event {
	switch {
	case s.state == closed:
		return Event{}
	case p.Type == TypeClose:
		return s.end(TransportClose)
	case s.state == closing:
		return Event{}
	case !s.count(now):
		return s.end(TransportError)
	case s.state == opening:
		return s.receiveOpen(p, now)
	}
	s.heard(p.Type, now)
	switch {
	case p.Type == TypeMessage:
		return Event{Kind: EventMessage, Binary: p.Binary, Data: p.Data}
	case p.Type == TypePing && !s.pinger():
		s.pong(p.Data)
		return Event{}
	case p.Type == TypePong && s.pinger(), p.Type == TypeNoop && s.role == Client:
		return Event{}
	}
	return s.end(ParseError)
}

// pong answers a PING. Of several that were not answered yet only the last is: a peer that takes no answers costs no more than one.
func (s *Session) pong(data []byte) {
	data = bytes.Clone(data)
	if s.ponged == 0 {
		s.put(Packet{Type: TypePong, Data: data})
		s.ponged = len(s.out)
		return
	}
	p := &s.out[s.ponged-1]
	s.queued += len(data) - len(p.Data)
	p.Data = data
}

// count counts a packet, and reports false if there are too many in a second.
func (s *Session) count(now time.Time) bool {
	if second := uint32(now.Unix()); second != s.second {
		s.second, s.packets = second, 0
	}
	s.packets++
	return s.cfg.PacketRate <= 0 || s.packets <= uint32(s.cfg.PacketRate)
}

func (s *Session) receiveOpen(p Packet, now time.Time) Event {
	o, err := ParseOpen(p.Data)
	if p.Type != TypeOpen || err != nil {
		return s.end(ParseError)
	}
	cfg := *s.cfg
	cfg.PingInterval, cfg.PingTimeout = o.PingInterval, o.PingTimeout
	s.cfg = &cfg
	s.opened(now)
	return Event{Kind: EventOpen, Open: &o}
}

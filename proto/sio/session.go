package sio

// This file holds the machine: which namespaces a connection has joined, and what a packet means there.

import (
	"encoding/json"
	"slices"
	"strings"
)

// Role says which end of a connection a Session is.
type Role uint8

// The two ends.
const (
	Server Role = iota
	Client
)

// Revision is the revision of the protocol. The packets are the same; joining differs.
type Revision uint8

// The revisions. Clients 1.x and 2.x speak the fourth, over Engine.IO 3; newer ones the fifth, over Engine.IO 4.
const (
	V4 Revision = 4
	V5 Revision = 5
)

// Config is what the application chooses. One Config may serve many Sessions; it is not changed while they live.
type Config struct {
	Parser         Parser
	MaxNamespaces  int // that a connection may join
	MaxAttachments int // that a packet may have
}

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of Event.
const (
	EventNone         EventKind = iota
	EventConnect                // a Server's client wants to join Namespace, see Accept and Refuse: Data is what it says of itself, or Query in V4. A Client has joined it: Data
	EventTooMany                // a Server's client wants to join a further namespace: to be refused
	EventConnectError           // a Client may not join Namespace: Data says why
	EventEvent                  // an event: ID, Data, Attachments
	EventAck                    // an acknowledgement: ID, Data, Attachments
	EventDisconnect             // the peer has left Namespace
	EventFail                   // the peer broke a rule: the connection is to be closed. Err says which; nil: it is a good packet in the wrong place
)

// Event is what a message meant.
type Event struct {
	Kind        EventKind
	Namespace   string
	ID          int64
	Data        []byte
	Attachments [][]byte // the last may alias the message
	Query       string
	Err         error
}

// Session is one end of a connection as a function of messages. Its methods must not run at the same time.
//
// For each namespace it goes through these states:
//
//	      EventConnect            Accept
//	none ──────────────► joining ────────► joined
//	  ▲                     │                │
//	  └─────────────────────┴────────────────┘
//	     Refuse                Leave, EventDisconnect
//
// A client that leaves while it is joining keeps its place until Accept, Refuse or Leave is called: else a later wish could get the answer to
// an earlier one, and there would be no bound to how many wait for theirs.
type Session struct {
	cfg     *Config
	role    Role
	rev     Revision
	decoder Decoder
	names   []name
}

type name struct {
	name  string
	state state
}

type state uint8

const (
	joining state = iota
	joined
	left // while it was joining: the answer is still to come
)

// Reset makes s a new Session.
func (s *Session) Reset(role Role, rev Revision, cfg *Config) {
	*s = Session{cfg: cfg, role: role, rev: rev}
}

// Revision returns the revision that the session speaks.
func (s *Session) Revision() Revision { return s.rev }

// Start returns the event with which a session begins: a Server's client of revision 4 joins the root without asking.
func (s *Session) Start() Event {
	if s.role == Server && s.rev == V4 {
		return s.receiveConnect(Packet{Namespace: Root})
	}
	return Event{}
}

func (s *Session) find(name string) int {
	for i := range s.names {
		if s.names[i].name == name {
			return i
		}
	}
	return -1
}

// Joined reports whether a namespace is joined.
func (s *Session) Joined(name string) bool {
	i := s.find(name)
	return i >= 0 && s.names[i].state == joined
}

// Joining reports whether a namespace is about to be joined.
func (s *Session) Joining(name string) bool {
	i := s.find(name)
	return i >= 0 && s.names[i].state == joining
}

// Receive takes in a message, and returns what it means.
func (s *Session) Receive(binary bool, data []byte) Event {
	p, ok, err := s.decoder.Feed(s.cfg.Parser, s.cfg.MaxAttachments, binary, data)
	if err != nil {
		return Event{Kind: EventFail, Err: err}
	}
	if !ok {
		return Event{}
	}
	if p.Type == TypeConnect && s.role == Server {
		return s.receiveConnect(p)
	}
	i := s.find(p.Namespace)
	if i < 0 {
		return s.stray()
	}
	ev := Event{Namespace: s.names[i].name, ID: p.ID, Data: p.Data, Attachments: p.Attachments}
	if s.names[i].state != joined {
		return s.receiveJoining(ev, p.Type)
	}
	switch p.Type {
	case TypeEvent, TypeBinaryEvent:
		ev.Kind = EventEvent
	case TypeAck, TypeBinaryAck:
		ev.Kind = EventAck
	case TypeDisconnect:
		s.leave(p.Namespace)
		ev.Kind = EventDisconnect
	default:
		ev.Kind = EventFail
	}
	return ev
}

// receiveConnect takes in a client's wish to join a namespace.
func (s *Session) receiveConnect(p Packet) Event {
	ev := Event{Kind: EventConnect, Namespace: p.Namespace, Data: p.Data}
	if s.rev == V4 {
		ev.Namespace, ev.Query, _ = strings.Cut(p.Namespace, "?")
		ev.Data = nil
	}
	switch {
	case s.find(ev.Namespace) >= 0:
		ev.Kind = EventFail
	case len(s.names) >= s.cfg.MaxNamespaces:
		ev.Kind = EventTooMany
	default:
		s.names = append(s.names, name{name: ev.Namespace})
	}
	return ev
}

// receiveJoining takes in a packet for a namespace that is not joined yet.
func (s *Session) receiveJoining(ev Event, t Type) Event {
	at := &s.names[s.find(ev.Namespace)].state
	switch {
	case s.role == Server && t == TypeDisconnect && *at == joining: // the client thought better of it
		ev.Kind = EventDisconnect
		*at = left
	case s.role == Client && t == TypeConnect:
		ev.Kind = EventConnect
		*at = joined
	case s.role == Client && t == TypeConnectError:
		ev.Kind = EventConnectError
		s.leave(ev.Namespace)
	default:
		return s.stray()
	}
	return ev
}

// stray returns what a packet means in a namespace that is not joined. The original server closes the connection, and the original client ignores it:
// the server may have sent it before it heard that the client has left.
func (s *Session) stray() Event {
	if s.role == Client {
		return Event{}
	}
	return Event{Kind: EventFail}
}

// leave reports whether the peer believes that the namespace is joined, or that it will be.
func (s *Session) leave(name string) bool {
	i := s.find(name)
	if i < 0 {
		return false
	}
	believed := s.names[i].state != left
	s.names = slices.Delete(s.names, i, i+1)
	return believed
}

// Connect returns the packet with which a Client asks to join a namespace. auth is JSON, an object, or nil; in V4, a query.
func (s *Session) Connect(namespace string, auth []byte) Packet {
	p := Packet{Type: TypeConnect, Namespace: namespace, ID: NoID, Data: auth}
	if s.rev == V4 && len(auth) > 0 {
		p.Namespace, p.Data = namespace+"?"+string(auth), nil
	}
	s.names = append(s.names, name{name: namespace})
	return p
}

// Accept lets the client join, and returns the packet that tells it the id it has there. It reports false if the client does not want to any more.
func (s *Session) Accept(namespace, id string) (Packet, bool) {
	p := Packet{Type: TypeConnect, Namespace: namespace, ID: NoID}
	i := s.find(namespace)
	if i < 0 || s.names[i].state == left {
		s.leave(namespace)
		return p, false
	}
	s.names[i].state = joined
	if s.rev == V5 {
		p.Data = append(append([]byte(`{"sid":`), quote(id)...), '}')
	}
	return p, true
}

// Refuse returns the packet that tells a client why it may not join. data is JSON, or nil. In V4 a client is told the data, if there is any, else the message.
func (s *Session) Refuse(namespace, message string, data []byte) Packet {
	s.leave(namespace)
	p := Packet{Type: TypeConnectError, Namespace: namespace, ID: NoID}
	switch {
	case s.rev == V4 && data != nil:
		p.Data = data
	case s.rev == V4:
		p.Data = quote(message)
	default:
		p.Data = append([]byte(`{"message":`), quote(message)...)
		if data != nil {
			p.Data = append(append(p.Data, `,"data":`...), data...)
		}
		p.Data = append(p.Data, '}')
	}
	return p
}

// Leave leaves a namespace, and returns the packet that says so. It reports false if it was not joined.
func (s *Session) Leave(namespace string) (Packet, bool) {
	return Packet{Type: TypeDisconnect, Namespace: namespace, ID: NoID}, s.leave(namespace)
}

func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string can always be written
	return b
}

package sio

// This file tests what must hold for conversations of any kind: that what a packet means does not depend on when its messages come.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// conversation returns packets at random in the namespaces /0 to /2, and what a Session makes of them that hears nothing else.
func conversation(r *rand.Rand) (packets []Packet, want []string) {
	for i := range 1 + r.IntN(20) {
		p := withAttachments(r.IntN(5))
		p.Namespace, p.ID = fmt.Sprintf("/%d", r.IntN(3)), int64(i)
		kind := "event"
		if len(p.Attachments) == 0 {
			p.Type = TypeEvent
		}
		if r.IntN(3) == 0 {
			kind = "ack"
			p.Type++
		}
		for j := range p.Attachments {
			p.Attachments[j] = slices.Repeat([]byte{byte(r.Uint32())}, r.IntN(30))
		}
		packets = append(packets, p)
		want = append(want, fmt.Sprintf("%s %s %d %s %x", kind, p.Namespace, p.ID, p.Data, p.Attachments))
	}
	return packets, want
}

// A speaker says a conversation to a Session, a message at a time.
type speaker struct {
	s    Session
	left []message
	got  []string // what it made of them
}

func newSpeaker(t *testing.T, parser Parser, packets []Packet) *speaker {
	x := new(speaker)
	x.s.Reset(Server, V5, &Config{Parser: parser, MaxNamespaces: 10, MaxAttachments: 4})
	for i := range 3 {
		x.s.names = append(x.s.names, name{fmt.Sprintf("/%d", i), joined})
	}
	for _, p := range packets {
		x.left = append(x.left, messages(t, parser, p)...)
	}
	return x
}

// say says the next message out of buf, which is overwritten afterwards.
func (x *speaker) say(t *testing.T, buf []byte) {
	m := x.left[0]
	x.left = x.left[1:]
	ev := x.s.Receive(m.binary, append(buf[:0], m.data...))
	switch ev.Kind {
	case EventNone:
	case EventEvent, EventAck:
		data := bytes.Clone(ev.Data)
		if n := len(ev.Attachments); n > 0 {
			ev.Attachments[n-1] = bytes.Clone(ev.Attachments[n-1])
		}
		clear(buf[:cap(buf)]) // what may alias the message is saved; the rest must stay by itself
		x.got = append(x.got, fmt.Sprintf("%s %s %d %s %x", eventKinds[ev.Kind], ev.Namespace, ev.ID, data, ev.Attachments))
	default:
		t.Fatalf("%q: %+v", m.data, ev)
	}
	clear(buf[:cap(buf)])
}

// aside does something to the Session that has nothing to do with the conversation.
func (x *speaker) aside(r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
		if x.s.find("/aside") < 0 {
			x.s.names = append(x.s.names, name{name: "/aside"})
		}
		x.s.Accept("/aside", "id")
	case 1:
		x.s.Leave("/aside")
	case 2:
		x.s.Refuse("/aside", "no", nil)
	case 3:
		x.s.Joined("/0")
	}
}

// A packet means the same whether its attachments come at once or while the application does other things in between, whether messages have a buffer of
// their own or share one, and whatever other connections with the same Config are in the middle of.
func TestAttachmentsInterleaved(t *testing.T) {
	for name, parser := range parsers {
		r := rand.New(rand.NewPCG(3, 4))
		for range 300 {
			var speakers []*speaker
			var wants [][]string
			left := 0
			for range 1 + r.IntN(4) {
				packets, want := conversation(r)
				x := newSpeaker(t, parser, packets)
				left += len(x.left)
				speakers, wants = append(speakers, x), append(wants, want)
			}
			buf := make([]byte, 0, 2000)
			for left > 0 {
				x := speakers[r.IntN(len(speakers))]
				if len(x.left) == 0 {
					continue
				}
				x.say(t, buf)
				left--
				if r.IntN(2) == 0 {
					x.aside(r)
				}
			}
			for i, x := range speakers {
				if !slices.Equal(x.got, wants[i]) {
					t.Fatalf("%s: got\n%q\nwant\n%q", name, x.got, wants[i])
				}
			}
		}
	}
}

// Reset makes a Session a new one, and Revision tells which it is.
func TestReset(t *testing.T) {
	s := newServer(t, Config{})
	s.Receive(false, []byte(`51-["a",`+first+`]`))
	s.Reset(Client, V4, s.cfg)
	if s.Revision() != V4 || s.Joined(Root) || s.Joining(Root) {
		t.Errorf("revision %d, %v", s.Revision(), s.names)
	}
	s.Connect("/a", nil)
	if ev := s.Receive(false, []byte("0/a,")); ev.Kind != EventConnect || !s.Joined("/a") {
		t.Errorf("%+v", ev)
	}
}

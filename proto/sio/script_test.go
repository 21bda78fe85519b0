package sio

// This file runs the scripts in testdata: conversations with the machine, messages in, events and packets out.
//
//	server 5 names=3 attachments=3     # instead of the default one, which is this
//	client 4 msgpack
//	start                              # Start
//	receive `2["foo"]`                 # a message, text
//	event event "/" `["foo"]`          #   what it meant: the namespace, then "id" and a number, "query" and a query, data, "with" and attachments
//	receive 0102                       # binary; without an argument it is empty
//	fail out of place                  #   a good packet in the wrong place, or what is wrong with it
//	connect "/admin" `{"a":1}`         # Connect, a client's; what follows the name may be missing
//	sent `0/admin,{"a":1}`             #   the packet, a message a line
//	accept "/admin" "id"               # Accept
//	refuse "/admin" "no" "1"           # Refuse, with a message, and data, which may be missing
//	leave "/admin"                     # Leave
//	no                                 #   it said false
//	is "/admin"                        # joined, or about to be?
//	joining

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/duplex-go/duplex/internal/script"
)

func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) map[string]script.Command {
		x := new(scripted)
		if _, err := x.reset(Server)(nil); err != nil {
			t.Fatal(err)
		}
		return map[string]script.Command{
			"server":  x.reset(Server),
			"client":  x.reset(Client),
			"start":   func(script.Args) (string, error) { return x.event(x.s.Start()), nil },
			"receive": x.receive,
			"connect": x.call(func(a []string) (Packet, bool) { return x.s.Connect(a[0], optional(a[1])), true }),
			"accept":  x.call(func(a []string) (Packet, bool) { return x.s.Accept(a[0], a[1]) }),
			"refuse":  x.call(func(a []string) (Packet, bool) { return x.s.Refuse(a[0], a[1], optional(a[2])), true }),
			"leave":   x.call(func(a []string) (Packet, bool) { return x.s.Leave(a[0]) }),
			"is":      x.is,
		}
	})
}

func optional(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// scripted is a machine that a script talks to.
type scripted struct{ s Session }

// reset makes a Session of its revision and the words of its Config.
func (x *scripted) reset(role Role) script.Command {
	return func(words script.Args) (string, error) {
		cfg := &Config{Parser: Text, MaxNamespaces: 3, MaxAttachments: 3}
		rev := V5
		for _, word := range words {
			name, value, _ := strings.Cut(word, "=")
			var err error
			switch name {
			case "4":
				rev = V4
			case "5":
			case "msgpack":
				cfg.Parser = Msgpack
			case "names":
				cfg.MaxNamespaces, err = strconv.Atoi(value)
			case "attachments":
				cfg.MaxAttachments, err = strconv.Atoi(value)
			default:
				err = fmt.Errorf("%s is not in Config", name)
			}
			if err != nil {
				return "", err
			}
		}
		x.s.Reset(role, rev, cfg)
		return "", nil
	}
}

func (x *scripted) receive(a script.Args) (string, error) {
	data, err := a.Bytes()
	if err != nil {
		return "", err
	}
	binary := len(a) == 0 || a[0][0] != '"' && a[0][0] != '`'
	return x.event(x.s.Receive(binary, data)), nil
}

// call makes a command of a method that returns a packet.
func (x *scripted) call(method func(a []string) (Packet, bool)) script.Command {
	return func(words script.Args) (string, error) {
		a := make([]string, 3)
		for i := range words {
			b, err := words[i : i+1].Bytes()
			if err != nil {
				return "", err
			}
			a[i] = string(b)
		}
		p, ok := method(a)
		if !ok {
			return "no", nil
		}
		b, err := x.s.cfg.Parser.Append(nil, p)
		return "sent " + show(x.s.cfg.Parser.Whole(), b), err
	}
}

func (x *scripted) is(a script.Args) (string, error) {
	name, err := a.Bytes()
	switch {
	case x.s.Joined(string(name)):
		return "joined", err
	case x.s.Joining(string(name)):
		return "joining", err
	}
	return "neither", err
}

var eventKinds = map[EventKind]string{
	EventConnect: "connect", EventTooMany: "too many", EventConnectError: "connect error",
	EventEvent: "event", EventAck: "ack", EventDisconnect: "disconnect",
}

// event tells an event.
func (x *scripted) event(ev Event) string {
	switch {
	case ev.Kind == EventNone:
		return ""
	case ev.Kind == EventFail && ev.Err == nil:
		return "fail out of place"
	case ev.Kind == EventFail:
		return "fail " + strings.TrimPrefix(ev.Err.Error(), "sio: ")
	}
	b := fmt.Appendf(nil, "event %s %q", eventKinds[ev.Kind], ev.Namespace)
	if ev.ID != NoID && (ev.Kind == EventEvent || ev.Kind == EventAck) {
		b = fmt.Appendf(b, " id %d", ev.ID)
	}
	if ev.Query != "" {
		b = fmt.Appendf(b, " query %q", ev.Query)
	}
	if ev.Data != nil {
		b = append(append(b, ' '), show(false, ev.Data)...)
	}
	for _, a := range ev.Attachments {
		b = append(append(b, " with "...), show(true, a)...)
	}
	return string(b)
}

func show(binary bool, data []byte) string {
	switch {
	case binary && len(data) > 0:
		return fmt.Sprintf("%x", data)
	case strconv.CanBackquote(string(data)) && len(data) > 0:
		return "`" + string(data) + "`"
	}
	return strconv.Quote(string(data))
}

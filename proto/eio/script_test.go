package eio

// This file runs the scripts in testdata: conversations with the machine, packets and times in, events and packets out.
//
//	server 4 interval=25s timeout=20s upgrade=10s close=30s buffer=1000 rate=0    # instead of the default one, which is this
//	client 3                                                               # revision 3; its times are in the OPEN packet
//	receive "4hello"          # a packet by the session's transport
//	event message "hello"     #   what it meant
//	sent "3"                  #   what the machine has for the peer now, a packet a line
//	over                      #   now it is
//	probe "2probe"            # a packet by the new transport
//	send "hi" "ho"            # messages to send at once
//	error more waits ...      #   what it said to that
//	start                     # StartProbe
//	refused                   #   false
//	stop                      # StopProbe
//	upgrade                   # Upgrade, a client's
//	close                     # Close
//	end                       # End
//	advance 25s               # time passes
//	next                      # when is the deadline?
//	in 20s
//	stall                     # nothing is taken from the machine until
//	take                      # now
//
// A packet that is binary is written as hexadecimal digits, as 00ff.

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/internal/script"
)

func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) map[string]script.Command {
		s := &scripted{now: time.Unix(1000, 0)}
		if _, err := s.make(Server)(nil); err != nil {
			t.Fatal(err)
		}
		return s.commands()
	})
}

// scripted is a machine that a script talks to.
type scripted struct {
	s       *Session
	now     time.Time
	stalled bool
	over    bool // said so
}

func (x *scripted) commands() map[string]script.Command {
	do := func(f func()) script.Command {
		return func(script.Args) (string, error) { f(); return x.outcome(Event{}), nil }
	}
	return map[string]script.Command{
		"server":  x.make(Server),
		"client":  x.make(Client),
		"receive": func(a script.Args) (string, error) { return x.packet(a, x.s.Receive) },
		"probe":   func(a script.Args) (string, error) { return x.packet(a, x.s.ReceiveProbe) },
		"send":    x.send,
		"start": func(script.Args) (string, error) {
			if !x.s.StartProbe(x.now) {
				return "refused", nil
			}
			return "", nil
		},
		"stop":    do(func() { x.s.StopProbe(x.now) }),
		"upgrade": do(func() { x.s.Upgrade(x.now) }),
		"close":   do(func() { x.s.Close(x.now) }),
		"end":     do(func() { x.s.End() }),
		"advance": func(a script.Args) (string, error) {
			d, err := time.ParseDuration(strings.Join(a, ""))
			x.now = x.now.Add(d)
			return x.outcome(x.s.Advance(x.now)), err
		},
		"next": func(script.Args) (string, error) {
			if x.s.Deadline().IsZero() {
				return "never", nil
			}
			return "in " + x.s.Deadline().Sub(x.now).String(), nil
		},
		"stall": func(script.Args) (string, error) { x.stalled = true; return "", nil },
		"take":  func(script.Args) (string, error) { x.stalled = false; return x.outcome(Event{}), nil },
	}
}

// make makes a Session of its revision and the words of its Config. The server's OPEN packet is taken, and not told.
func (x *scripted) make(role Role) script.Command {
	return func(words script.Args) (string, error) {
		cfg := &Config{
			PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, UpgradeTimeout: 10 * time.Second,
			CloseTimeout: 30 * time.Second, SendBuffer: 1000,
		}
		rev := V4
		for _, word := range words {
			name, value, _ := strings.Cut(word, "=")
			d, err := time.ParseDuration(value)
			switch name {
			case "3":
				rev, err = V3, nil
			case "4":
				err = nil
			case "interval":
				cfg.PingInterval = d
			case "timeout":
				cfg.PingTimeout = d
			case "upgrade":
				cfg.UpgradeTimeout = d
			case "close":
				cfg.CloseTimeout = d
			case "rate":
				cfg.PacketRate, err = strconv.Atoi(value)
			case "buffer":
				cfg.SendBuffer, err = strconv.Atoi(value)
			default:
				err = fmt.Errorf("%s is not in Config", name)
			}
			if err != nil {
				return "", err
			}
		}
		x.s = New(role, rev, cfg, &Open{SID: "id"}, x.now)
		if p := x.s.Take(nil); role == Server && (len(p) != 1 || p[0].Type != TypeOpen) {
			return "", fmt.Errorf("the first packet is %v", p)
		}
		return "", nil
	}
}

func (x *scripted) packet(a script.Args, take func(Packet, time.Time) Event) (string, error) {
	wire, err := a.Bytes()
	if err != nil {
		return "", err
	}
	p, err := ParsePacket(x.s.Revision(), a[0][0] != '"', wire)
	return x.outcome(take(p, x.now)), err
}

func (x *scripted) send(a script.Args) (string, error) {
	packets := make([]Packet, len(a))
	for i := range a {
		data, err := a[i : i+1].Bytes()
		if err != nil {
			return "", err
		}
		packets[i] = Packet{Type: TypeMessage, Binary: a[i][0] != '"', Data: data}
	}
	if err := x.s.Send(packets...); err != nil {
		return "error " + strings.TrimPrefix(err.Error(), "eio: "), nil
	}
	return x.outcome(Event{}), nil
}

// outcome tells an event, what the machine has for the peer, and whether it is over.
func (x *scripted) outcome(ev Event) string {
	var b strings.Builder
	switch ev.Kind {
	case EventNone:
	case EventOpen:
		fmt.Fprintf(&b, "event open %q\n", ev.Open.SID)
	case EventMessage:
		fmt.Fprintf(&b, "event message %s\n", show(ev.Binary, ev.Data))
	case EventProbe:
		b.WriteString("event probe\n")
	case EventProbeFailed:
		b.WriteString("event probe failed\n")
	case EventUpgrade:
		b.WriteString("event upgrade\n")
	case EventClose:
		fmt.Fprintf(&b, "event close %q\n", ev.Reason)
	}
	if !x.stalled {
		for _, p := range x.s.Take(nil) {
			fmt.Fprintf(&b, "sent %s\n", show(p.Binary, AppendPacket(nil, x.s.Revision(), p, false)))
		}
	}
	if x.s.Closed() && !x.over {
		x.over = true
		b.WriteString("over\n")
	}
	return b.String()
}

func show(binary bool, data []byte) string {
	if binary {
		return fmt.Sprintf("%x", data)
	}
	return strconv.Quote(string(data))
}

// Whatever comes, in whatever order and at whatever time: no panic, a closed session stays closed and says nothing more, and what
// waits has its bound.
func FuzzSession(f *testing.F) {
	f.Add(byte(0), []byte("r4s1p2p5a9c"))
	f.Add(byte(3), []byte("o4s1p3ua9a9a9e"))
	f.Fuzz(func(t *testing.T, kind byte, steps []byte) {
		now := time.Unix(1000, 0)
		cfg := &Config{PingInterval: 5 * time.Second, PingTimeout: 2 * time.Second, UpgradeTimeout: time.Second, CloseTimeout: 3 * time.Second, SendBuffer: 300}
		s := New(Role(kind&1), V3+Revision(kind>>1&1), cfg, new(Open), now)
		for len(steps) > 1 {
			p := Packet{Type: Type(steps[1] - '0'), Binary: steps[1] > 'Z', Data: []byte("probe")}
			wasClosed := s.Closed()
			var ev Event
			switch steps[0] {
			case 'r':
				ev = s.Receive(p, now)
			case 'o':
				p = Packet{Data: AppendOpen(nil, V4, &Open{SID: "a", PingInterval: time.Second, PingTimeout: time.Second})}
				ev = s.Receive(p, now)
			case 'p':
				ev = s.ReceiveProbe(p, now)
			case 's':
				_ = s.Send(p)
			case 't':
				s.Take(nil)
			case 'b':
				s.StartProbe(now)
			case 'q':
				s.StopProbe(now)
			case 'u':
				s.Upgrade(now)
			case 'c':
				s.Close(now)
			case 'e':
				s.End()
			case 'a':
				now = now.Add(time.Duration(steps[1]) * 100 * time.Millisecond)
				ev = s.Advance(now)
			}
			steps = steps[2:]
			switch {
			case wasClosed && !s.Closed(), s.Closed() && (s.Queued() > 0 || !s.Deadline().IsZero()):
				t.Fatal("a closed session goes on")
			case wasClosed && ev.Kind != EventNone && ev.Kind != EventProbeFailed:
				t.Fatalf("a closed session says %v", ev)
			case ev.Kind == EventClose != (ev.Reason != ""):
				t.Fatalf("%v", ev)
			case s.queued > cfg.SendBuffer+1000*PacketCost:
				t.Fatalf("%d bytes wait", s.queued)
			}
		}
	})
}

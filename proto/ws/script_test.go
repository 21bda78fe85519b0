package ws

// This file runs the scripts in testdata: conversations with the machine, fed whole and byte by byte.
//
//	server limit=10 fragments=3 frames=2 inflate=1000 long    # a server instead of the default one; the words are its Config
//	client deflate server_max_window_bits=10                  # permessage-deflate with these parameters
//	feed 8985 00000000 "Hello"                                # bytes from the peer; a mask of 0 leaves them readable
//	event ping "Hello"                                        #   what they meant; of data: each frame
//	sent 8a05 "Hello"                                         #   what it has for the peer now, a frame a line, unmasked
//	over                                                      #   now it is
//	send text more "Hel"                                      # a frame to send; more: not the last of its message
//	plain text "secret"                                       # SendUncompressed
//	close 1000 "bye"                                          # Close
//	limit 100                                                 # SetReadLimit
//	advance 1s                                                # time passes
//	stall                                                     # nothing is taken from the machine until
//	take                                                      # now

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/internal/script"
)

func TestScripts(t *testing.T) {
	for name, cut := range map[string]func() int{"whole": whole, "byte by byte": one} {
		t.Run(name, func(t *testing.T) {
			script.Run(t, "testdata/*.txt", func(*testing.T) map[string]script.Command {
				s := &scripted{cut: cut, now: time.Unix(1000, 0)}
				s.c = newServer(Config{})
				s.c.Advance(s.now)
				return s.commands()
			})
		})
	}
}

// scripted is a machine that a script talks to.
type scripted struct {
	c       *Conn
	cut     func() int
	now     time.Time
	piece   []byte // of a frame that has not ended
	stalled bool
	over    bool // said so
}

func (s *scripted) commands() map[string]script.Command {
	return map[string]script.Command{
		"server": func(a script.Args) (string, error) { return "", s.make(Server, a) },
		"client": func(a script.Args) (string, error) { return "", s.make(Client, a) },
		"feed":   s.feed,
		"send":   func(a script.Args) (string, error) { return s.send(a, s.c.Send) },
		"plain":  func(a script.Args) (string, error) { return s.send(a, s.c.SendUncompressed) },
		"close":  s.close,
		"limit": func(a script.Args) (string, error) {
			n, err := strconv.Atoi(strings.Join(a, ""))
			s.c.SetReadLimit(int64(n))
			return "", err
		},
		"advance": func(a script.Args) (string, error) {
			d, err := time.ParseDuration(strings.Join(a, ""))
			s.now = s.now.Add(d)
			s.c.Advance(s.now)
			return "", err
		},
		"stall": func(script.Args) (string, error) { s.stalled = true; return "", nil },
		"take":  func(script.Args) (string, error) { s.stalled = false; return s.outcome(nil), nil },
	}
}

// make makes a Conn of the words of its Config and, behind deflate, the parameters that were agreed on.
func (s *scripted) make(role Role, words script.Args) (err error) {
	cfg := &Config{MaskKey: maskKey}
	var params *DeflateParams
	for i, word := range words {
		name, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch name {
		case "limit":
			cfg.ReadLimit = int64(n)
		case "fragments":
			cfg.MaxFragments = n
		case "frames":
			cfg.FrameRate = n
		case "inflate":
			cfg.InflateRate = int64(n)
		case "threshold":
			cfg.Threshold = n
		case "long":
			cfg.AllowLongLengths = true
		case "deflate":
			params, err = agreed(strings.Join(words[i:], ";"))
		default:
			if params == nil {
				return fmt.Errorf("%s is not in Config", name)
			}
		}
	}
	s.c = New(role, cfg, params)
	s.c.Advance(s.now)
	return err
}

// agreed returns the parameters that an answer says; in it the name of the extension is short.
func agreed(answer string) (*DeflateParams, error) {
	list, ok := parseExtensions([]string{"permessage-" + answer})
	if !ok {
		return nil, errors.New("this does not follow the grammar of extensions")
	}
	o, ok := parseDeflate(list[0], true)
	if !ok {
		return nil, errors.New("parameters that no answer may have")
	}
	p := &DeflateParams{o.serverNoTakeover, o.clientNoTakeover, maxWindowBits, maxWindowBits}
	if o.serverBits != 0 {
		p.ServerMaxWindowBits = o.serverBits
	}
	if o.clientBits != 0 {
		p.ClientMaxWindowBits = o.clientBits
	}
	return p, nil
}

// opcodes are the words for what can be sent.
var opcodes = map[string]Opcode{
	"text": OpText, "binary": OpBinary, "continuation": OpContinuation, "ping": OpPing, "pong": OpPong, "close": OpClose,
}

func (s *scripted) send(a script.Args, send func(Opcode, bool, []byte) error) (string, error) {
	op, ok := opcodes[a[0]]
	if !ok {
		return "", errors.New("no such opcode")
	}
	a = a[1:]
	fin := len(a) == 0 || a[0] != "more"
	if !fin {
		a = a[1:]
	}
	p, err := a.Bytes()
	return s.outcome(send(op, fin, p)), err
}

func (s *scripted) close(a script.Args) (string, error) {
	code, err := strconv.Atoi(a[0])
	reason, err2 := a[1:].Bytes()
	return s.outcome(s.c.Close(StatusCode(code), string(reason))), errors.Join(err, err2)
}

func (s *scripted) feed(a script.Args) (string, error) {
	wire, err := a.Bytes()
	var events strings.Builder
	for len(wire) > 0 {
		n := min(s.cut(), len(wire))
		s.c.Feed(wire[:n])
		wire = wire[n:]
		for {
			ev, ok := s.c.Next()
			if !ok {
				break
			}
			s.write(&events, ev)
		}
	}
	return events.String() + s.outcome(nil), err
}

// write writes an event as a line, and the data of a frame when that ends.
func (s *scripted) write(b *strings.Builder, ev Event) {
	switch ev.Kind {
	case EventData:
		s.piece = append(s.piece, ev.Data...)
		if !ev.FrameEnd {
			return
		}
		fmt.Fprintf(b, "event %v %s", ev.Opcode, printable(s.piece))
		if !ev.MessageEnd {
			b.WriteString(" more")
		}
		b.WriteByte('\n')
		s.piece = s.piece[:0]
	case EventPing:
		fmt.Fprintf(b, "event ping %s\n", printable(ev.Data))
	case EventPong:
		fmt.Fprintf(b, "event pong %s\n", printable(ev.Data))
	case EventClose:
		fmt.Fprintf(b, "event close %d %q\n", ev.Code, ev.Reason)
	case EventFail:
		fmt.Fprintf(b, "event fail %d %q\n", ev.Code, ev.Reason)
	}
}

// outcome tells what err says, what the machine has for the peer, and whether it is over.
func (s *scripted) outcome(err error) string {
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "error %s\n", strings.TrimPrefix(err.Error(), "ws: "))
	}
	if !s.stalled {
		writeFrames(&b, s.c.Take(nil))
	}
	if s.c.Finished() && !s.over {
		s.over = true
		b.WriteString("over\n")
	}
	return b.String()
}

// writeFrames writes the frames of wire, a line each: the header, the masking key, and the payload as it was before masking.
func writeFrames(b *strings.Builder, wire []byte) {
	for len(wire) > 0 {
		h, n, err := ParseHeader(wire)
		if n == 0 || err != nil || h.Length > int64(len(wire)-n) {
			fmt.Fprintf(b, "sent no frame: %x\n", wire)
			return
		}
		p := wire[n : n+int(h.Length)]
		wire = wire[n+int(h.Length):]
		if h.Masked {
			Mask(p, h.Mask, 0)
			n -= 4
		}
		fmt.Fprintf(b, "sent %x", AppendHeader(nil, h)[:n])
		if h.Masked {
			fmt.Fprintf(b, " %x", h.Mask)
		}
		if h.Opcode == OpClose && len(p) >= 2 {
			fmt.Fprintf(b, " %x", p[:2])
			p = p[2:]
		}
		if len(p) > 0 {
			b.WriteString(" " + printable(p))
		}
		b.WriteByte('\n')
	}
}

// printable returns p quoted if it is valid text, and else in hexadecimal.
func printable(p []byte) string {
	for _, r := range string(p) {
		if !strconv.IsPrint(r) || r == '\uFFFD' {
			return fmt.Sprintf("%x", p)
		}
	}
	return strconv.Quote(string(p))
}

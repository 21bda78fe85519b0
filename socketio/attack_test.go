package socketio

// This file holds the attacks on the protocol, row by row, with a bystander who must not notice, and an audit of what is left.

import (
	"bytes"
	"context"

	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/sio"
)

// attack runs a server with a bystander who asks and is answered all the while, and then run. Afterwards nothing may be left of the attackers.
func attack(t *testing.T, o *Options, run func(s *site)) {
	t.Helper()
	s := start(t, o)
	bystander, id := s.join(socket4)
	if o != nil {
		bystander.how = o.Parser
	}
	bystander.quiet()
	s.peers = nil // but not this one
	defer bystander.hangUp()
	goroutines, files, memory := running(), descriptors(), heap()
	func() {
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			bystander.watch(stop)
		}()
		defer func() {
			close(stop)
			<-done
		}()
		run(s)
	}()
	s.hangUp()
	s.http.CloseIdleConnections()
	s.lives(id)
	eventually(t, "the attackers are gone", func() bool { return s.Len() == 1 })
	eventually(t, "all was told of them", func() bool { return s.audit(id) })
	eventually(t, "their goroutines are gone", func() bool { return running() <= goroutines+3 })
	eventually(t, "their descriptors are gone", func() bool { return descriptors() <= files+2 })
	eventually(t, "their memory is free", func() bool { return heap()-memory < 1<<20+s.slack })
}

// watch asks and is answered until stop is closed.
func (p *peer) watch(stop <-chan struct{}) {
	t := p.site.t
	for {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		begin := time.Now()
		err := p.trySend(`299["sync"]`)
		var got string
		for err == nil && got != `399[]` { // what everybody is sent, the bystander gets too
			got, err = p.tryRead()
		}
		if err != nil {
			t.Errorf("bystander: %v", err)
			return
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("the bystander waited for %v", d)
		}
	}
}

// audit reports whether nothing is left but one socket, and forgets those that have gone.
func (s *site) audit(id string) bool {
	for _, n := range s.namespaces() {
		n.mu.Lock()
		_, stays := n.sockets[id]
		others := len(n.sockets)
		n.mu.Unlock()
		if stays {
			others--
		}
		if rooms, _ := n.rooms.Count(""); others != 0 || rooms != 0 {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, socket := range s.came {
		if other != id && !socket.gone() {
			return false
		}
	}
	s.came = map[string]*Socket{id: s.came[id]}
	s.gone = make(map[*Socket]string)
	return true
}

// gone reports whether nothing is left of a socket.
func (s *Socket) gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Load() == left && s.acks == nil && s.rooms == nil && s.held == nil
}

// running counts goroutines, but for those of the event loops, which stay.
func running() int {
	buf := make([]byte, 1<<20)
	n := 0
	for stack := range bytes.SplitSeq(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if !bytes.Contains(stack, []byte("eventloop.(*Loop).work")) {
			n++
		}
	}
	return n
}

// descriptors counts those that are open. Where that cannot be told it is always the same number.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the pools too
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// many is how often an attack is made: as in its row where DUPLEX_FULL is set, else less, and least with the race detector.
func many(full, usual int) int {
	switch {
	case os.Getenv("DUPLEX_FULL") != "":
		return full
	case raceEnabled:
		return max(usual/5, 1)
	}
	return usual
}

// breaks has a client of each form send packets, which must end its connection.
func (s *site) breaks(what string, packets ...string) {
	s.t.Helper()
	for _, f := range []form{socket4, socket3, poll4, poll3} {
		p, id := s.join(f)
		if err := p.trySend(packets...); err != nil && p.wire == nil {
			s.t.Logf("%s: %v", what, err)
		}
		for err := error(nil); err == nil; _, err = p.tryRead() {
		}
		s.wantReason(id, "forced close")
	}
}

func TestAttack_S05_Payloads(t *testing.T) {
	attack(t, nil, func(s *site) {
		for _, packet := range []string{
			`2{}`, `2"a"`, `2[]`, `2[null]`, `2[true,1]`, `2[{"toString":"x"}]`, `2[["x"]]`, `2`, `3`, `3{}`, `31{}`, `3[`, `0"a"`, `0[1]`, `0null`, `1{}`, `1[]`,
			`4"x"`, `4{"message":"x"}`, `7`, `9`, `-1`, `x`, `2["a"`, `2["a"]x`, `2['a']`,
		} {
			s.breaks(packet, packet)
		}
		p, _ := s.join(socket4)
		p.send(`2[5,"a number is a name, as with the original"]`)
		p.quiet()
	})
}

func TestAttack_S06_ReservedNames(t *testing.T) {
	attack(t, nil, func(s *site) {
		var called atomic.Int32
		s.OnAny(func(_ *Socket, e *Event) error {
			if e.Name != "sync" {
				called.Add(1)
			}
			return nil
		})
		for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", `\u0063onnect`} {
			s.breaks(name, `2["`+name+`","x"]`)
			s.breaks(name+" with bytes", `51-["`+name+`",`+placeholder(0)+`]`, `[x]`)
		}
		p, _ := s.join(socket4)
		p.quiet()
		if n := called.Load(); n != 0 {
			t.Errorf("%d events with a reserved name", n)
		}
		p.send(`2["error","x"]`, `2["connection"]`, `2["message"]`, `2["__proto__"]`, `2["constructor"]`)
		p.quiet()
		if n := called.Load(); n != 5 {
			t.Errorf("%d events with harmless names", n)
		}
	})
}

func TestAttack_S07_OutOfPlace(t *testing.T) {
	attack(t, nil, func(s *site) {
		s.Of("/other")
		hole := placeholder(0)
		for what, packets := range map[string][]string{
			"an event elsewhere":         {`2/other,["x"]`},
			"an answer elsewhere":        {`3/other,0[]`},
			"an event with bytes":        {`51-/other,["x",` + hole + `]`, `[x]`},
			"leaving elsewhere":          {`1/other,`},
			"an event nowhere":           {`2/nowhere,["x"]`},
			"text between bytes":         {`52-["x",` + hole + `,` + placeholder(1) + `]`, `[x]`, `2["y"]`},
			"leaving between bytes":      {`51-["x",` + hole + `]`, `1`},
			"bytes that nobody knows of": {`[x]`},
			"one attachment too many":    {`51-["x",` + hole + `]`, `[x]`, `[y]`},
			"an event after leaving":     {`1`, `2["x"]`},
			"leaving twice":              {`1`, `1`},
		} {
			if strings.Contains(what, "after") || strings.Contains(what, "twice") {
				continue // below
			}
			s.breaks(what, packets...)
		}
		for _, again := range []string{`2["x"]`, `1`, `30[]`} {
			p, id := s.join(socket4)
			p.send(`1`)
			s.wantReason(id, "client namespace disconnect")
			p.send(again)
			p.wantEnd()
		}
		// Half a packet goes with its connection.
		for range many(1000, 100) {
			p, id := s.join(socket4)
			p.send(`51-["x",{"long":"` + strings.Repeat("x", 10_000) + `","a":` + hole + `}]`)
			p.hangUp()
			s.wantReason(id, "transport close")
		}
	})
}

func TestAttack_S08_DynamicNamespaces(t *testing.T) {
	names := many(100_000, 5000)
	const most = 100
	for _, cleanup := range []bool{false, true} {
		o := &Options{MaxChildren: most, CleanupEmpty: cleanup}
		attack(t, o, func(s *site) {
			s.watch(s.OfPattern(regexp.MustCompile(`^/room-`)))
			p, _ := s.join(socket4)
			refused := 0
			for n := range names {
				p.send(fmt.Sprintf(`0/unknown-%d,`, n))
				p.want(fmt.Sprintf(`4/unknown-%d,{"message":"Invalid namespace"}`, n))
				room := fmt.Sprintf(`/room-%d,`, n)
				p.send("0" + room)
				if got := p.read(); got == "4"+room+`{"message":"Invalid namespace"}` {
					refused++
					continue
				}
				p.send("1" + room)
				if n := s.children(); n > most {
					t.Fatalf("%d children", n)
				}
			}
			p.quiet()
			if want := map[bool]int{false: names - most, true: 0}[cleanup]; refused != want {
				t.Errorf("%d were refused, want %d", refused, want)
			}
			if cleanup {
				eventually(t, "they are gone", func() bool { return s.children() == 0 })
			}
		})
	}
}

func TestAttack_S09_Acks(t *testing.T) {
	const most = 1000
	attack(t, &Options{MaxAcks: most}, func(s *site) {
		p, id := s.join(socket4)
		other, _ := s.join(socket4)
		socket := s.socket(id)
		answers := make(chan string, 10)
		go func() {
			args, err := socket.EmitWithAck(context.Background(), "who")
			answers <- fmt.Sprintf("%s %v", args.Raw(0), err)
		}()
		p.want(`20["who"]`)
		p.send(`31["unknown"]`, `39007199254740991["unknown"]`, `3["no id"]`)
		other.send(`30["not asked"]`)
		other.quiet()
		p.send(`30["me"`+strings.Repeat(`,"more"`, 100_000)+`]`, `30["again"]`, `30["and again"]`)
		p.quiet()
		if got := receive(t, answers); got != `"me" <nil>` || len(answers) != 0 {
			t.Error(got)
		}
		for _, id := range []string{"9007199254740992", "9223372036854775808", "99999999999999999999", strings.Repeat("9", 100_000)} {
			s.breaks("an answer to "+id[:min(len(id), 30)], `3`+id+`["x"]`)
		}

		// A client that answers nothing.
		var tooMany, timeouts atomic.Int32
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		const askers = 2 * most
		for range askers {
			go func() {
				defer func() { done <- struct{}{} }()
				switch _, err := socket.EmitWithAck(ctx, "x"); {
				case errors.Is(err, ErrTooManyAcks):
					tooMany.Add(1)
				case errors.Is(err, context.Canceled):
					timeouts.Add(1)
				default:
					t.Error(err)
				}
			}()
		}
		for range askers - most {
			receive(t, done)
		}
		cancel()
		for range most {
			receive(t, done)
		}
		if tooMany.Load() != askers-most || timeouts.Load() != most {
			t.Errorf("%d too many, %d in vain", tooMany.Load(), timeouts.Load())
		}
		socket.mu.Lock()
		if socket.acks != nil {
			t.Errorf("%d still wait", len(socket.acks))
		}
		socket.mu.Unlock()

		// One that goes instead.
		errs := make(chan error, 100)
		for range cap(errs) {
			go func() {
				_, err := socket.EmitWithAck(context.Background(), "x")
				errs <- err
			}()
		}
		eventually(t, "all are asked", func() bool {
			socket.mu.Lock()
			defer socket.mu.Unlock()
			return len(socket.acks) == cap(errs)
		})
		p.hangUp()
		for range cap(errs) {
			if err := receive(t, errs); !errors.Is(err, ErrDisconnected) {
				t.Error(err)
			}
		}
	})
}

func TestAttack_S10_Connects(t *testing.T) {
	goOn := make(chan struct{})
	attack(t, nil, func(s *site) {
		for n := range 1000 {
			s.Of(fmt.Sprintf("/n-%d", n))
		}
		slow := s.Of("/slow")
		var asked atomic.Int32
		slow.Use(func(*Socket) error {
			asked.Add(1)
			<-goOn
			return nil
		})
		s.breaks("joining twice", `0/n-1,`, `0/n-1,`)
		for _, f := range []form{socket4, poll4} {
			p, _ := s.join(f)
			joined, refused := 0, 0
			for n := range 1000 {
				p.send(fmt.Sprintf(`0/n-%d,`, n))
				if got := p.read(); strings.HasPrefix(got, "0") {
					joined++
				} else if strings.Contains(got, "Too many namespaces") {
					refused++
				}
			}
			if joined != 15 || refused != 985 { // and the root
				t.Errorf("joined %d, refused %d", joined, refused)
			}
			p.send(`1/n-3,`)
			p.join("/n-999", "")
		}

		// Joins and what follows before the answer.
		for _, then := range [][]string{{`2/slow,["x"]`}, {`51-/slow,["x",` + placeholder(0) + `]`, `[x]`}, {`3/slow,0[]`}, {`0/slow,`}, {`1/slow,`, `0/slow,`}, {`1/slow,`, `1/slow,`}} {
			p, _ := s.join(socket4)
			p.send(slices.Insert(then, 0, `0/slow,`)...)
			p.wantEnd()
		}
		if n := asked.Load(); n > 6 {
			t.Errorf("Use was called %d times", n)
		}
		close(goOn)
	})
}

func TestAttack_S11_Content(t *testing.T) {
	attack(t, nil, func(s *site) {
		Handle(s, "back", func(_ *Socket, v any) (any, error) { return v, nil })
		deep := func(n int) string {
			return `27["back",` + strings.Repeat("[", n) + strings.Repeat("]", n) + `]`
		}
		for what, packet := range map[string]string{
			"nesting":          deep(200_000),
			"open brackets":    `2["back",` + strings.Repeat("[", 900_000),
			"objects":          `2["back",` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + `]`,
			"a control in it":  "2[\"back\",\"\x01\"]",
			"half an escape":   `2["back","\u12"]`,
			"an unknown one":   `2["back","\x"]`,
			"a leading zero":   `2["back",01]`,
			"a trailing comma": `2["back",1,]`,
			"NaN":              `2["back",NaN]`,
		} {
			begin := time.Now()
			s.breaks(what, packet)
			if d := time.Since(begin); d > 2*time.Second {
				t.Errorf("%s took %v", what, d)
			}
		}
		p, _ := s.join(socket4)
		for _, tt := range []struct{ arg, want string }{
			{`1e999`, `{"error":"the arguments are not as expected"}`},
			{`{"a":1,"a":2}`, `{"a":2}`},
			{`{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}`, `{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}`},
			{`"\ud800"`, "\"\ufffd\""},
			{`"` + strings.Repeat(`\ud800`, 160_000) + `"`, `"` + strings.Repeat("\ufffd", 160_000) + `"`},
			{strings.Repeat("[", 500) + strings.Repeat("]", 500), strings.Repeat("[", 500) + strings.Repeat("]", 500)},
		} {
			p.send(`27["back",` + tt.arg + `]`)
			p.want(`37[` + tt.want + `]`)
		}
	})
}

// msgpackBreaks are messages that are none, or too much.
var msgpackBreaks = map[string]string{
	"nothing":              "",
	"no map":               "\x01",
	"a map of 2^32-1":      "\xdf\xff\xff\xff\xff",
	"an array of 2^32-1":   "\xdd\xff\xff\xff\xff",
	"text of 2^32-1":       "\x81\xdb\xff\xff\xff\xff",
	"bytes of 2^32-1":      "\x81\xa4data\xc6\xff\xff\xff\xff",
	"nesting":              "\x83\xa4type\x02\xa3nsp\xa1/\xa4data" + strings.Repeat("\x91", 500_000) + "\x90",
	"an unknown extension": "\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xd4\x05\x00",
	"an id that is NaN":    "\x84\xa4type\x02\xa3nsp\xa1/\xa2id\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\xa4data\x91\xa1x",
	"a type that is text":  "\x83\xa4type\xa12\xa3nsp\xa1/\xa4data\x91\xa1x",
	"a namespace of 1 MB":  "\x83\xa4type\x00\xa4data\xc0\xa3nsp\xdb\x00\x01\x00\x00" + strings.Repeat("/", 1<<16),
	"a reserved event":     "\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa7connect",
	"something behind it":  "\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa1x\x00",
	"0xc1":                 "\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xc1",
}

func TestAttack_S11_Msgpack(t *testing.T) {
	s := start(t, &Options{Parser: sio.Msgpack})
	for what, m := range msgpackBreaks {
		for _, f := range []form{socket4, poll4} {
			p := s.open(f)
			p.how = sio.Msgpack
			id := p.join("/", "")
			p.how = nil
			_ = p.trySend("[" + m + "]")
			if packet, err := p.tryRead(); err == nil {
				t.Errorf("%s: the connection goes on: %q", what, packet)
			}
			s.wantReason(id, "forced close")
		}
	}
}

func TestAttack_E09_Entropy(t *testing.T) {
	n := many(1_000_000, 100_000)
	seen := make(map[string]bool, n)
	var ones [120]int
	for range n {
		id := newID()
		if len(id) != 20 || seen[id] {
			t.Fatalf("%s again", id)
		}
		seen[id] = true
		for i, c := range []byte(id) {
			v := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c)
			for bit := range 6 {
				ones[i*6+bit] += v >> bit & 1
			}
		}
	}
	for i, k := range ones { // no bit is a counter's, or constant
		if k < n*45/100 || k > n*55/100 {
			t.Errorf("bit %d is 1 in %d of %d", i, k, n)
		}
	}
	s := start(t, nil)
	s.Of("/chat")
	for range 20 { // what others know of a client does not let them poll for it
		p, root := s.join(socket4)
		if chat := p.join("/chat", ""); root == p.id || chat == p.id || root == chat {
			t.Errorf("session %s, sockets %s and %s", p.id, root, chat)
		}
	}
}

// A client that floods loses its connection, by either transport.
func TestAttack_N08_Flood(t *testing.T) {
	attack(t, &Options{Engine: engineio.Options{PacketRate: 200}}, func(s *site) {
		handled := atomic.Int32{}
		On(s, "typing", func(socket *Socket, _ struct{}) error {
			handled.Add(1)
			return socket.Broadcast().Emit("typing")
		})
		for _, f := range []form{socket4, socket3, poll4, poll3} {
			p, id := s.join(f)
			_ = p.trySend(slices.Repeat([]string{`2["typing"]`}, 1000)...)
			s.wantReason(id, "transport error")
		}
		if n := handled.Load(); n > 4*400 { // two seconds may have begun
			t.Errorf("%d events were handled", n)
		}
	})
}

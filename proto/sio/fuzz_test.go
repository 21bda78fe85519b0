package sio

// This file tests what must hold whatever comes: for text, and for the machine.

import (
	"bytes"
	"encoding/json"
	"runtime/metrics"
	"slices"
	"testing"
	"unicode/utf8"
)

// fuzzMost is how many attachments a packet may announce: so many that setting something aside for them would be seen.
const fuzzMost = 1 << 24

// What is parsed can be written and parsed again, and is the same. Its data is what encoding/json says it is. Neither takes more memory than
// the length of the text lets expect.
func FuzzText(f *testing.F) {
	for _, v := range textVectors {
		f.Add([]byte(v.wire))
	}
	for _, doc := range documents {
		f.Add([]byte(`2["a",` + doc + `]`))
		f.Add([]byte(doc))
	}
	f.Add([]byte(`516777216-["a",` + first + `]`))
	f.Add([]byte(`51-[ "\n" , { "n\u0075m" : 0 , "_placeholder" : true } ] `))
	f.Add([]byte(`2["a",` + nested(maxDepth, "[", "", "]") + `]`))
	f.Fuzz(func(t *testing.T, wire []byte) {
		if want := json.Valid(wire) && depth(wire) <= maxDepth; scans(wire) != want {
			t.Fatalf("%q: the scanner says %t", wire, !want)
		}
		begin := heap()
		p, n, err := ParseText(wire, fuzzMost)
		if cost := heap() - begin; cost > 1<<18+1000*uint64(len(wire)) {
			t.Fatalf("%q: allocated %d bytes", wire, cost)
		}
		if err != nil {
			return
		}
		again(t, &p, n)
		if p.Data == nil {
			return
		}
		if !json.Valid(p.Data) {
			t.Fatalf("%s is no JSON", p.Data)
		}
		if p.Data[0] == '[' {
			checkElements(t, p.Data)
			checkPlaced(t, p.Data, n)
		}
	})
}

// heap returns how many bytes were ever allocated, give or take what fits in a span.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// depth returns how deep arrays and objects are within each other, in what is JSON.
func depth(b []byte) int {
	open, most := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			open++
			most = max(most, open)
		case ']', '}':
			open--
		}
	}
	return most
}

// checkElements holds Elements and EventName against encoding/json.
func checkElements(t *testing.T, array []byte) {
	var want []json.RawMessage
	if err := json.Unmarshal(array, &want); err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(Elements(array))
	if !slices.EqualFunc(got, want, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		t.Fatalf("%s has the elements %q", array, got)
	}
	name, rest, ok := EventName(array)
	if !ok {
		return // an acknowledgement
	}
	if arguments := slices.Collect(Elements(array[rest:])); !slices.EqualFunc(arguments, want[1:], func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		t.Fatalf("%s has the arguments %q", array, arguments)
	}
	text := string(want[0])
	if text[0] == '"' && utf8.Valid(want[0]) {
		if err := json.Unmarshal(want[0], &text); err != nil {
			t.Fatal(err)
		}
	}
	if utf8.Valid(want[0]) && string(name) != text {
		t.Fatalf("%s has the name %q", array, name)
	}
}

// checkPlaced checks that each attachment stands in one place, and that where it stands is a value.
func checkPlaced(t *testing.T, array []byte, n int) {
	if n == 0 {
		return
	}
	var used []int
	placed := ReplacePlaceholders(nil, array, func(b []byte, num int) []byte {
		used = append(used, num)
		return append(b, "null"...)
	})
	slices.Sort(used)
	if len(used) != n || used[0] != 0 || used[n-1] != n-1 || len(slices.Compact(used)) != n || !json.Valid(placed) {
		t.Fatalf("%s for %d attachments: %v are used, and it becomes %s", array, n, used, placed)
	}
}

// Whatever comes, in whatever order, and whatever the application does: no panic, no more names than the limit and none of them twice, and what an event
// tells is in accord with what the namespace was before and is then.
//
// A step is a line: what is done, and with what.
func FuzzSession(f *testing.F) {
	f.Add(byte(0), []byte("t0\na/\nt2[\"a\"]\nt51-[\"a\","+first+"]\nbxyz\nt1\nt0{}\nx/\nt0/a,\nl/a\nt0/b,\nt0/c,\nt0/d,\n"))
	f.Add(byte(1), []byte("c/\nt0{\"sid\":\"1\"}\nt2[\"a\"]\nt37[]\nl/\nt2[\"a\"]\nc/\nt4{}\nc/\nt0\nt1\n"))
	f.Add(byte(2), []byte("s\na/\nt0/a?b=c,\na/a\nt2/a,[\"x\"]\nt1/a,\n"))
	f.Add(byte(3), []byte("c/a\nt0/a,\nt4/a,\"no\"\nt1/a,\n"))
	f.Add(byte(0), []byte("t0/a,\nt1/a,\nt0/a,\na/a\nt0/a,\nt51-/a,[\"a\","+first+"]\nt1/a,\n"))
	for _, v := range msgpackVectors {
		f.Add(byte(4), append([]byte("t\n"), "b"+string(unhex(f, v.wire))+"\na/\nb"+string(unhex(f, v.wire))...))
	}
	f.Fuzz(func(t *testing.T, kind byte, steps []byte) {
		cfg := &Config{Parser: Text, MaxNamespaces: 3, MaxAttachments: 3}
		if kind&4 != 0 {
			cfg.Parser = Msgpack
		}
		x := fuzzed{t: t}
		x.s.Reset(Role(kind&1), V4+Revision(kind>>1&1), cfg)
		for step := range bytes.SplitSeq(steps, []byte("\n")) {
			if len(step) > 0 {
				x.step(step[0], step[1:])
				x.check()
			}
		}
	})
}

// fuzzed is a machine and the test of it.
type fuzzed struct {
	t *testing.T
	s Session
}

func (x *fuzzed) step(op byte, with []byte) {
	s, name := &x.s, string(with)
	joined, joining := s.Joined(name), s.Joining(name)
	switch op {
	case 't', 'b':
		x.receive(op == 'b', with)
	case 's':
		if len(s.names) == 0 {
			s.Start()
		}
	case 'a':
		if _, ok := s.Accept(name, "id"); s.role == Server && (ok != (joined || joining) || s.Joined(name) != ok || s.Joining(name)) {
			x.t.Fatalf("%q is accepted: %t", name, ok)
		}
	case 'x':
		if s.Refuse(name, "no", nil); s.Joined(name) || s.Joining(name) {
			x.t.Fatalf("%q is refused, and still there", name)
		}
	case 'l':
		if _, ok := s.Leave(name); ok != (joined || joining) || s.find(name) >= 0 {
			x.t.Fatalf("leaving %q: %t", name, ok)
		}
	case 'c':
		if s.role == Client && s.find(name) < 0 && len(s.names) < 10 && CheckNamespace(name) == nil {
			if s.Connect(name, nil); !s.Joining(name) {
				x.t.Fatalf("%q is not asked for", name)
			}
		}
	case 'z':
		s.Reset(s.role, s.rev, s.cfg)
	}
}

// receive hands a message to the machine, and checks what it tells.
func (x *fuzzed) receive(binary bool, data []byte) {
	s := &x.s
	before := Session{names: slices.Clone(s.names)}
	ev := s.Receive(binary, data)
	was, wasJoining := before.Joined(ev.Namespace), before.Joining(ev.Namespace)
	is, isJoining, known := s.Joined(ev.Namespace), s.Joining(ev.Namespace), before.find(ev.Namespace) >= 0
	server, ok := s.role == Server, false
	switch ev.Kind {
	case EventNone, EventFail:
		ok = slices.Equal(before.names, s.names)
	case EventEvent, EventAck:
		ok = was && is && ev.Data[0] == '['
	case EventConnect:
		ok = server && !known && isJoining || !server && wasJoining && is
	case EventTooMany:
		ok = server && !known && !isJoining && len(s.names) == s.cfg.MaxNamespaces
	case EventConnectError:
		ok = !server && wasJoining && !isJoining
	case EventDisconnect:
		ok = (was || server && wasJoining) && !is && !isJoining
	}
	if !ok || ev.Err != nil && ev.Kind != EventFail || ev.Data != nil && !json.Valid(ev.Data) || len(ev.Attachments) > s.cfg.MaxAttachments {
		x.t.Fatalf("%q in %v, and then %v: %+v", data, before.names, s.names, ev)
	}
}

// check checks the names.
func (x *fuzzed) check() {
	var names []string
	for _, n := range x.s.names {
		names = append(names, n.name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) || x.s.role == Server && len(names) > x.s.cfg.MaxNamespaces || len(names) > 10 {
		x.t.Fatalf("names: %q", names)
	}
}

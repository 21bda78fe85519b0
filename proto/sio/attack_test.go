package sio

// This file tests the machine against the rows S of the list of attacks. Where a row speaks of a connection, package socketio tests the rest of it.

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// allocated returns how many bytes f allocated, those that are garbage again included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// live returns how many bytes of heap are in use.
func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// newServer returns a Session whose client has joined the root.
func newServer(t testing.TB, cfg Config) *Session {
	t.Helper()
	if cfg.Parser == nil {
		cfg.Parser = Text
	}
	if cfg.MaxNamespaces == 0 {
		cfg.MaxNamespaces = 16
	}
	if cfg.MaxAttachments == 0 {
		cfg.MaxAttachments = 10
	}
	s := new(Session)
	s.Reset(Server, V5, &cfg)
	s.names = []name{{Root, joined}}
	return s
}

// fails checks that messages, text, make a Session fail with an error, or, if that is nil, because the last is out of place.
func fails(t *testing.T, want error, messages ...string) {
	t.Helper()
	s := newServer(t, Config{})
	var ev Event
	for i, m := range messages {
		if ev = s.Receive(false, []byte(m)); i < len(messages)-1 && ev.Kind == EventFail {
			t.Errorf("%.100q: %v", m, ev.Err)
		}
	}
	if ev.Kind != EventFail || ev.Err != want {
		t.Errorf("%.100q: %d with %v, want %v", messages, ev.Kind, ev.Err, want)
	}
}

// Numbers of attachments past the limit, and past all numbers: nothing is set aside for them, even where the limit is large.
func TestAttack_S01_Attachments(t *testing.T) {
	for _, n := range []string{
		"11", "100", "65536", "2147483649", "4294967297", "1000000000", "9223372036854775809", "18446744073709551617", "99999999999999999999",
		"1e9", "1e400", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1_0", "NaN", "Infinity", "١",
	} {
		for _, rest := range []string{`-["a",` + first + `]`, `-[` + first + `]`, `-`, ``} {
			for _, typ := range []string{"5", "6"} {
				fails(t, ErrAttachments, typ+n+rest)
			}
		}
		s := newServer(t, Config{})
		wire := []byte("5" + n + `-["a",` + first + `]`)
		if cost := allocated(func() { s.Receive(false, wire) }); cost > 16<<10 {
			t.Errorf("%s: allocated %d bytes", n, cost)
		}
	}
	s := newServer(t, Config{MaxAttachments: 1 << 30})
	for n := 2; n <= 1<<30; n *= 2 {
		wire := fmt.Appendf(nil, `5%d-["a",%s]`, n, first)
		var ev Event
		cost := allocated(func() { ev = s.Receive(false, wire) })
		if ev.Kind != EventFail || ev.Err != ErrPlaceholder || cost > 16<<10 {
			t.Errorf("%d of a billion: %v, allocated %d bytes", n, ev.Err, cost)
		}
	}
}

// Ten are the default limit: ten are good, eleven are not.
func TestAttack_S01_ExactlyTheLimit(t *testing.T) {
	for n, want := range map[int]error{1: nil, 9: nil, 10: nil, 11: ErrAttachments} {
		s := newServer(t, Config{})
		for i, m := range messages(t, Text, withAttachments(n)) {
			if ev := s.Receive(m.binary, m.data); i == 0 && ev.Err != want {
				t.Errorf("%d attachments: %v", n, ev.Err)
			}
		}
	}
}

// Numbers of attachments that are none.
func TestAttack_S02_NoAttachments(t *testing.T) {
	for _, wire := range []string{
		`50-["a"]`, `60-1[]`, `50-`, `5000-["a"]`, `5-["a"]`, `6-[]`, `5["a"]`, `51["a"]`, `61[]`, `5`, `6`, `51`, `5-`, `5--["a"]`, `5-1-["a"]`, `5 1-["a"]`, `51 -["a"]`,
		`5/admin,1-["a"]`, `5[1]-["a"]`, "5\x001-[\"a\"]", `5"1"-["a"]`, `5a-["a"]`,
	} {
		fails(t, ErrAttachments, wire)
	}
	for _, wire := range []string{`51-`, `51-/admin,`, `51-7`, `61-`, `51-1-["a"]`, `51--["a"]`, `51- ["a"]`} {
		fails(t, ErrPayload, wire)
	}
}

// Placeholders that cannot be filled, for a packet of one attachment or more.
func TestAttack_S03_Placeholders(t *testing.T) {
	for _, num := range []string{
		`-1`, `1`, `5`, `1.5`, `0.0`, `-0`, `1e0`, `0e0`, `65536`, `4294967296`, `18446744073709551616`, `1e400`,
		`"0"`, `"splice"`, `"length"`, `"__proto__"`, `null`, `true`, `[0]`, `{}`, `{"num":0}`, first,
	} {
		fails(t, ErrPlaceholder, `51-["a",{"_placeholder":true,"num":`+num+`}]`)
		fails(t, ErrPlaceholder, `51-["a",`+first+`,{"num":`+num+`,"_placeholder":true}]`)
	}
	for _, tt := range []struct{ wire, why string }{
		{`51-["a"]`, "none"},
		{`51-["a",{"_placeholder":true}]`, "no number"},
		{`51-["a",` + first + `,` + first + `]`, "the same twice"},
		{`52-["a",` + first + `,` + first + `]`, "the same twice, and another missing"},
		{`52-["a",` + first + `]`, "fewer than attachments"},
		{`51-["a",` + first + `,` + second + `]`, "more than attachments"},
		{`52-["a",{"_placeholder":true,"num":0,"a":` + second + `}]`, "one in another"},
	} {
		if _, _, err := ParseText([]byte(tt.wire), 10); err != ErrPlaceholder {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
	fails(t, ErrPayload, `51-[`+first+`]`) // instead of the name
	fails(t, ErrPayload, `51-["a",`+nested(10_000, "[", first, "]")+`]`)
	fails(t, ErrPayload, `51-["a",`+nested(10_000, `{"_placeholder":true,"num":`, "0", "}")+`]`)
	fails(t, ErrPlaceholder, `51-["a",`+nested(500, `{"_placeholder":true,"num":`, "0", "}")+`]`)
}

// More attachments than were announced, and fewer: a packet is never made of what does not belong to it.
func TestAttack_S03_Counts(t *testing.T) {
	s := newServer(t, Config{})
	const wire = `52-["a",` + first + `,` + second + `]`
	s.Receive(false, []byte(wire))
	if ev := s.Receive(true, []byte("1")); ev.Kind != EventNone {
		t.Errorf("after the first of two: %+v", ev)
	}
	if ev := s.Receive(false, []byte(wire)); ev.Kind != EventFail || ev.Err != ErrPlaintext {
		t.Errorf("text instead of the second: %+v", ev)
	}
	s = newServer(t, Config{})
	s.Receive(false, []byte(wire))
	s.Receive(true, []byte("1"))
	if ev := s.Receive(true, []byte("2")); ev.Kind != EventEvent || len(ev.Attachments) != 2 {
		t.Errorf("after the second of two: %+v", ev)
	}
	if ev := s.Receive(true, []byte("3")); ev.Kind != EventFail || ev.Err != ErrBinary {
		t.Errorf("after the third of two: %+v", ev)
	}
}

// Without attachments nothing is a placeholder.
func TestAttack_S03_PlainData(t *testing.T) {
	for _, data := range []string{first, second, `{"_placeholder":true,"num":-1}`, `{"_placeholder":true,"num":"splice"}`, first + `,` + first, nested(400, "[", first, "]")} {
		s := newServer(t, Config{})
		ev := s.Receive(false, []byte(`2["a",`+data+`]`))
		if ev.Kind != EventEvent || string(ev.Data) != `["a",`+data+`]` || ev.Attachments != nil {
			t.Errorf("%.50s: %+v", data, ev)
		}
	}
}

// Long numbers and names are refused at the limit, and take no memory.
func TestAttack_S04_LongNumbersAndNames(t *testing.T) {
	const size = 1 << 20
	for _, tt := range []struct {
		name, wire string
		want       error
	}{
		{"id", `2` + strings.Repeat("1", size) + `["a"]`, ErrID},
		{"id of an acknowledgement", `3` + strings.Repeat("9", size) + `[]`, ErrID},
		{"id of zeros", `2` + strings.Repeat("0", size) + `["a"`, ErrPayload},
		{"namespace", `0/` + strings.Repeat("a", size), ErrNamespace},
		{"namespace of an event", `2/` + strings.Repeat("a", size) + `,["a"]`, ErrNamespace},
		{"query", `0/a?` + strings.Repeat("b=c&", size/4) + `,`, ErrNamespace},
		{"attachments", `5` + strings.Repeat("1", size) + `-["a"]`, ErrAttachments},
		{"attachments of zeros", `5` + strings.Repeat("0", size) + `-["a"]`, ErrAttachments},
		{"attachments without end", `5` + strings.Repeat("0", size), ErrAttachments},
	} {
		fails(t, tt.want, tt.wire)
		wire := []byte(tt.wire)
		if cost := allocated(func() { ParseText(wire, 10) }); cost > 64<<10 {
			t.Errorf("%s: allocated %d bytes", tt.name, cost)
		}
	}
}

// What takes longest to read for its size, with an attachment, which takes longer still: if the time grew as the square of it, it would be minutes.
func TestAttack_S04_LinearTime(t *testing.T) {
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, data := range map[string]string{
		"digits":            fill("1"),
		"zeros":             "0." + fill("0"),
		"arrays":            `[` + fill("[],") + `0]`,
		"depth":             fill(nested(maxDepth-2, "[", "", "]")+",") + "0",
		"spaces":            fill(" ") + "0" + fill(" "),
		"escapes":           `"` + fill(`\u00e9`) + `"`,
		"keys":              `{` + fill(`"\n":0,`) + `"a":0}`,
		"numbers":           `{` + fill(`"num":0,`) + `"a":0}`,
		"numbers of spaces": nested(maxDepth/2, `{"num":`, fill(" ")[:1000]+"0", fill(" ")[:1000]+"}"),
		"long numbers":      nested(maxDepth/2, `{"num":`+fill("1")[:1000]+`,"num":`, "0", "}"),
		"long keys":         nested(maxDepth/2, `{"`+fill("é")[:1000]+`\n":`, "0", "}"),
		"placeholders":      fill(`{"_placeholder":false,"num":0},`) + "0",
	} {
		begin := time.Now()
		p, _, err := ParseText([]byte(`51-["a",`+data+`,`+first+`]`), 10)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for e := range Elements(p.Data) {
			PlaceholderNum(e)
		}
		ReplacePlaceholders(nil, p.Data, func(b []byte, _ int) []byte { return b })
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// What does not belong in a packet of its type.
func TestAttack_S05_Payloads(t *testing.T) {
	for _, wire := range []string{
		`2`, `2{}`, `2"a"`, `2[]`, `2[null]`, `2[null,"bar"]`, `2[true,"foo"]`, `2[{"toString":"x"}]`, `2[["a"]]`, `2null`, `21`, `2["a"`, `2["a"]]`, `2["a"]x`, `2 ["a"]`, `2-1["a"]`,
		`2/`, `2/,`, `2/admin`, `2/admin,"invalid`, `2/admin,{}`, `2/admin,7`, `2["a",NaN]`, `2["a",01]`, `2{"0":"a","length":1}`, `2[{"_placeholder":true,"num":0}]`,
		`3`, `3{}`, `37`, `3"a"`, `3null`, `3[`, `3/admin,`, `31{}`,
		`0"a"`, `0[]`, `0[1]`, `0null`, `0true`, `01.5`, `0{`, `0{"a"}`, `0{}{}`, `0/admin,"invalid"`, `0 {}`, `0admin,`,
		`1{}`, `1[]`, `1/admin,{}`, `1 `, `1null`, `1x`,
		`4[]`, `4null`, `41.5`, `4{`, `4"a`, `4true`, `4"a"b`,
		`442["some","data"`,
	} {
		fails(t, ErrPayload, wire)
	}
	for _, wire := range []string{``, `7`, `8[]`, `9`, `999`, `-1`, ` 2["a"]`, `x`, `a["a"]`, "\x00", "\x02[\"a\"]", `"2[]"`, `["a"]`, "\xff", `٢["a"]`} {
		fails(t, ErrType, wire)
	}
	fails(t, nil, `4"x"`)
	fails(t, nil, `4{"message":"x"}`)
	fails(t, nil, `0`)
}

// A number may be the name of an event: the original parser takes it too.
func TestAttack_S05_NumberAsName(t *testing.T) {
	for _, wire := range []string{`2[1]`, `2[1,"a",{}]`, `2[-1.5e3]`, `20[0]`} {
		if ev := newServer(t, Config{}).Receive(false, []byte(wire)); ev.Kind != EventEvent {
			t.Errorf("%s: %+v", wire, ev)
		}
	}
}

// Events of a client with names that have another meaning for applications, in whatever way they are written, are refused; and sent by none.
func TestAttack_S06_ReservedNames(t *testing.T) {
	for _, reserved := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		escaped := fmt.Sprintf(`\u%04x%s`, reserved[0], reserved[1:])
		for _, name := range []string{reserved, escaped} {
			fails(t, ErrReserved, `2["`+name+`"]`)
			fails(t, ErrReserved, `2/admin,7[ "`+name+`" ,"123"]`)
			fails(t, ErrReserved, `51-["`+name+`",`+first+`]`)
		}
		wire, err := AppendMsgpack(nil, &Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte(`["` + reserved + `"]`)})
		if err != nil {
			t.Fatal(err)
		}
		if ev := newServer(t, Config{Parser: Msgpack}).Receive(true, wire); ev.Kind != EventFail || ev.Err != ErrReserved {
			t.Errorf("%s in MessagePack: %+v", reserved, ev)
		}
		if ev := newServer(t, Config{}).Receive(false, []byte(`3["`+reserved+`"]`)); ev.Kind != EventAck {
			t.Errorf("%s in an acknowledgement: %+v", reserved, ev)
		}
		if CheckEventName(reserved) != ErrReserved {
			t.Errorf("%s may be sent", reserved)
		}
	}
	for _, name := range []string{"error", "connection", "Connect", "connect ", "", "__proto__", "constructor", "connecting"} {
		wire := []byte(`2["` + name + `"]`)
		if ev := newServer(t, Config{}).Receive(false, wire); ev.Kind != EventEvent || !bytes.Equal(ev.Data, wire[1:]) {
			t.Errorf("%s: %+v", name, ev)
		}
		if err := CheckEventName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Packets for a namespace that the client has not joined, and none is joined by them.
func TestAttack_S07_NotJoined(t *testing.T) {
	for _, wire := range []string{`2/a,["x"]`, `2/a,7["x"]`, `3/a,7[]`, `1/a,`, `4/a,"x"`, `4/a,{}`} {
		fails(t, nil, wire)
	}
	for _, wire := range []string{`51-/a,["x",` + first + `]`, `61-/a,7[` + first + `]`} {
		s := newServer(t, Config{})
		s.Receive(false, []byte(wire))
		if ev := s.Receive(true, []byte("1")); ev.Kind != EventFail || ev.Err != nil || s.Joined("/a") || s.Joining("/a") || len(s.names) != 1 {
			t.Errorf("%s: %+v, %v", wire, ev, s.names)
		}
	}
}

// An announcement of attachments that never come: it ends with the connection, and takes what has come with it.
func TestAttack_S07_HalfAPacket(t *testing.T) {
	const attachment = 1 << 20
	before := live()
	s := newServer(t, Config{})
	s.Receive(false, []byte(`53-["a",`+first+`,`+second+`,{"_placeholder":true,"num":2}]`))
	s.Receive(true, make([]byte, attachment))
	s.Receive(true, make([]byte, attachment))
	if held := int64(live() - before); held < 2*attachment || held > 3*attachment {
		t.Errorf("two attachments of a MiB take %d bytes", held)
	}
	s.Reset(Server, V5, s.cfg)
	if held := int64(live() - before); held > 64<<10 {
		t.Errorf("%d bytes are left of the last connection", held)
	}
	if ev := s.Receive(false, []byte("0")); ev.Kind != EventConnect {
		t.Errorf("the next one begins with %+v", ev)
	}
	if ev := s.Receive(true, []byte("1")); ev.Kind != EventFail || ev.Err != ErrBinary {
		t.Errorf("the next one takes an attachment of the last: %+v", ev)
	}
}

// A client that joins again and again: each namespace once, and no more of them than the limit.
func TestAttack_S10_ConnectFlood(t *testing.T) {
	s := newServer(t, Config{MaxNamespaces: 16})
	count := make(map[EventKind]int)
	cost := allocated(func() {
		for i := range 1000 {
			ev := s.Receive(false, fmt.Appendf(nil, "0/%d,", i))
			count[ev.Kind]++
			if ev.Kind == EventTooMany {
				s.Refuse(ev.Namespace, "Too many namespaces", nil)
			}
		}
	})
	if count[EventConnect] != 15 || count[EventTooMany] != 985 || len(s.names) != 16 || cost > 1<<20 {
		t.Errorf("%v, %d names, allocated %d bytes", count, len(s.names), cost)
	}
	for range 1000 {
		if ev := s.Receive(false, []byte("0/1,")); ev.Kind != EventFail {
			t.Fatalf("joining twice: %+v", ev)
		}
	}
}

// A client that joins and leaves again while nobody answers: what waits for an answer has its bound all the same, and no answer is taken for
// that to another wish.
func TestAttack_S10_ConnectAndLeaveFlood(t *testing.T) {
	s := newServer(t, Config{MaxNamespaces: 16})
	wait := 0
	for i := range 1000 {
		for _, wire := range []string{fmt.Sprintf("0/%d,", i%100), fmt.Sprintf("1/%d,", i%100)} {
			if s.Receive(false, []byte(wire)).Kind == EventConnect {
				wait++
			}
		}
	}
	if wait != 15 || len(s.names) != 16 {
		t.Errorf("%d wait for an answer, %d names", wait, len(s.names))
	}
	for i := range 100 {
		if _, ok := s.Accept("/"+strconv.Itoa(i), "1"); ok {
			t.Fatalf("/%d is joined, though the client has left", i)
		}
	}
	if len(s.names) != 1 {
		t.Errorf("%d names are left", len(s.names))
	}
}

// Events while the application still makes up its mind are not for it, nor are they kept.
func TestAttack_S10_EarlyEvents(t *testing.T) {
	for _, wire := range []string{`2/a,["x"]`, `2/a,1["x"]`, `3/a,1[]`, `0/a,`, `4/a,"x"`} {
		fails(t, nil, `0/a,`, wire)
	}
}

// JSON that is nested a million times, and none of it is read further than the limit.
func TestAttack_S11_Depth(t *testing.T) {
	const million = 1_000_000
	for _, data := range []string{strings.Repeat("[", million), strings.Repeat(`{"a":`, million), nested(million, "[", "", "]"), nested(maxDepth, "[", "", "]")} {
		fails(t, ErrPayload, `2["a",`+data+`]`)
		fails(t, ErrPayload, `51-["a",`+first+`,`+data+`]`)
		fails(t, ErrPayload, `0{"a":`+data+`}`)
		wire := []byte(`2["a",` + data + `]`)
		if cost := allocated(func() { ParseText(wire, 10) }); cost > 1<<20 { // the stack is not counted, and is bounded by the depth
			t.Errorf("%.10s: allocated %d bytes", data, cost)
		}
	}
	if ev := newServer(t, Config{}).Receive(false, []byte(`2["a",`+nested(maxDepth-1, "[", "", "]")+`]`)); ev.Kind != EventEvent {
		t.Errorf("at the limit: %+v", ev)
	}
}

// Values that other parsers stumble over go through as they came.
func TestAttack_S11_OddValues(t *testing.T) {
	for name, value := range map[string]string{
		"a number that is too large": `1e999`, "one with many digits": strings.Repeat("9", 1<<20), "a negative zero": `-0`,
		"members with the same name": `{"a":1,"a":2}`, "a prototype": `{"__proto__":{"admin":true},"constructor":{"prototype":1}}`,
		"half pairs": `"` + strings.Repeat(`\ud800`, 1<<20/6) + `"`, "an array that looks like an object": `{"length":1e9,"0":"a"}`,
	} {
		s := newServer(t, Config{})
		ev := s.Receive(false, []byte(`2["a",`+value+`]`))
		if ev.Kind != EventEvent || string(ev.Data) != `["a",`+value+`]` {
			t.Errorf("%s: %v", name, ev.Err)
		}
	}
}

// Half of a surrogate pair in a name becomes U+FFFD, a MiB of them in time.
func TestAttack_S11_HalfPairs(t *testing.T) {
	const n = 1 << 20 / 6
	data := []byte(`["` + strings.Repeat(`\ud800`, n) + `"]`)
	name, _, ok := EventName(data)
	if !ok || string(name) != strings.Repeat("\ufffd", n) {
		t.Errorf("%t, %d bytes", ok, len(name))
	}
}

// MessagePack whose lengths promise more than there is, and whose nesting does not end: nothing is set aside for what has not come.
func TestAttack_S11_Msgpack(t *testing.T) {
	head := "\x83\xa4type\x02\xa3nsp\xa1/\xa4data"
	for name, data := range map[string]string{
		"array32": "\xdd\xff\xff\xff\xff", "map32": "\xdf\xff\xff\xff\xff", "text32": "\xdb\xff\xff\xff\xff", "bytes32": "\xc6\xff\xff\xff\xff", "ext32": "\xc9\xff\xff\xff\xff\x00",
		"arrays": strings.Repeat("\x91", 1_000_000), "maps": strings.Repeat("\x81\xa1a", 1_000_000), "array of arrays32": strings.Repeat("\xdd\xff\xff\xff\xff", 100_000),
		"a packet that is a promise": "",
	} {
		wire := []byte(head + data)
		if data == "" {
			wire = []byte("\xdf\xff\xff\xff\xff")
		}
		s := newServer(t, Config{Parser: Msgpack})
		var ev Event
		cost := allocated(func() { ev = s.Receive(true, wire) })
		if ev.Kind != EventFail || ev.Err == nil || cost > 64<<10 {
			t.Errorf("%s: %+v, allocated %d bytes", name, ev, cost)
		}
	}
	for name, id := range map[string]string{"NaN": "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "2^53": "\xcf\x00\x20\x00\x00\x00\x00\x00\x00", "-1": "\xff", "text": "\xa11", "ext": "\xd4\x01\x00"} {
		wire := []byte("\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa1a\xa2id" + id)
		if ev := newServer(t, Config{Parser: Msgpack}).Receive(true, wire); ev.Kind != EventFail || ev.Err == nil {
			t.Errorf("id %s: %+v", name, ev)
		}
	}
}

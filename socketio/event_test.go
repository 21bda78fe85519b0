package socketio

// This file tests what comes: events, the functions that handle them, and what a client is told of their errors.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/eio"
)

func TestOn(t *testing.T) {
	type point struct {
		X, Y int
		Data []byte `json:",omitempty"`
	}
	s := start(t, nil)
	got := make(chan any, 1)
	keep := func(_ *Socket, v any) error { got <- v; return nil }
	On(s, "any", keep)
	On(s, "string", func(s *Socket, v string) error { return keep(s, v) })
	On(s, "int", func(s *Socket, v int) error { return keep(s, v) })
	On(s, "point", func(s *Socket, v point) error { return keep(s, v) })
	On(s, "pointer", func(s *Socket, v *point) error { return keep(s, *v) })
	On(s, "bytes", func(s *Socket, v []byte) error { return keep(s, v) })
	On(s, "raw", func(s *Socket, v json.RawMessage) error { return keep(s, v) })
	On(s, "map", func(s *Socket, v map[string]any) error { return keep(s, v) })
	On(s, "none", func(s *Socket, v struct{}) error { return keep(s, v) })
	On(s, "args", func(s *Socket, v Args) error {
		return keep(s, fmt.Sprintf("%d %s %q", v.Len(), v.Raw(1), v.Attachments()))
	})
	On(s, "event", func(s *Socket, v *Event) error {
		return keep(s, fmt.Sprintf("%s %d %t", v.Name, v.Args.Len(), v.WantsAck()))
	})
	On2(s, "two", func(s *Socket, a int, b []byte) error { return keep(s, fmt.Sprintf("%d %s", a, b)) })
	p, _ := s.join(socket4)
	hole := placeholder(0)
	for _, tt := range []struct {
		packets string // with semicolons between
		want    any
	}{
		{`2["any",null]`, nil},
		{`2["any",{"a":[1,"b"]}]`, map[string]any{"a": []any{1.0, "b"}}},
		{`51-["any",{"a":` + hole + `}]; [xyz]`, map[string]any{"a": []byte("xyz")}},
		{`51-["any",` + hole + `]; []`, []byte{}},
		{`2["any",` + hole + `]`, map[string]any{"_placeholder": true, "num": 0.0}},
		{`2["string","plain"]`, "plain"},
		{`2["string","\u00e9\n\ud83d\udc69"]`, "é\n👩"},
		{`2["string","a","more","arguments"]`, "a"},
		{`2["int",-7]`, -7},
		{`2["point",{"X":1,"y":2,"z":3}]`, point{1, 2, nil}},
		{`51-["point",{"X":1,"Data":` + hole + `}]; [xyz]`, point{X: 1, Data: []byte("xyz")}},
		{`2["point",{"Data":"eHl6"}]`, point{Data: []byte("xyz")}},
		{`2["pointer",{"X":1}]`, point{X: 1}},
		{`51-["bytes",` + hole + `]; [xyz]`, []byte("xyz")},
		{`2["bytes","eHl6"]`, []byte("xyz")},
		{`2["raw",{"a":1}]`, json.RawMessage(`{"a":1}`)},
		{`51-["map",{"a":[` + hole + `,2]}]; [x]`, map[string]any{"a": []any{[]byte("x"), 2.0}}},
		{`2["none"]`, struct{}{}},
		{`2["none",1]`, struct{}{}},
		{`2["args"]`, `0  []`},
		{`2["args",1,[2]]`, `2 [2] []`},
		{`51-["args",1,` + hole + `]; [x]`, `2 ` + hole + ` ["x"]`},
		{`2["event",1]`, `event 1 false`},
		{`29["event",1]`, `event 1 true`},
		{`51-["two",5,` + hole + `]; [x]`, "5 x"},
	} {
		p.send(strings.Split(tt.packets, "; ")...)
		if v := receive(t, got); !reflect.DeepEqual(v, tt.want) {
			t.Errorf("%s\n got %#v\nwant %#v", tt.packets, v, tt.want)
		}
	}
	p.send(`2["nobody listens"]`, `27["nobody listens"]`, `2[5,"a number is a name"]`)
	p.quiet()
}

// A client that waits for an acknowledgement is told of errors, and as much as it should know.
func TestErrorsTold(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		var log journal
		s := start(t, &Options{Engine: engineio.Options{Logger: log.logger()}})
		errs := map[string]error{
			"plain": errors.New("for us only"), "told": &Error{Message: "for you"}, "data": &Error{"for you", []int{1}},
			"wrapped": fmt.Errorf("for us: %w", &Error{Message: "for you"}), "bytes": &Error{"for you", []byte("x")},
			"unwritable": &Error{"for you", func() {}},
		}
		Handle(s, "fail", func(_ *Socket, name string) (int, error) { return 0, errs[name] })
		Handle(s, "sum", func(_ *Socket, list []int) (sum int, err error) {
			for _, n := range list {
				sum += n
			}
			return sum, nil
		})
		Handle(s, "back", func(_ *Socket, v any) (any, error) { return v, nil })
		Handle(s, "all back", func(_ *Socket, v Args) (Args, error) { return v, nil })
		Handle(s, "nothing", func(*Socket, struct{}) (any, error) { return nil, nil })
		Handle(s, "unwritable", func(*Socket, struct{}) (any, error) { return func() {}, nil })
		On(s, "twice", func(_ *Socket, e *Event) error {
			_ = e.Ack(1, "two", []byte("3"))
			if e.WantsAck() {
				t.Error("it wants another")
			}
			return errors.Join(e.Ack(2), errors.New("too late"))
		})
		On2(s, "two", func(_ *Socket, _, _ int) error { return nil })
		p, _ := s.join(f)
		const internal, arguments = `{"error":"internal error"}`, `{"error":"the arguments are not as expected"}`
		for _, tt := range []struct{ packets, want string }{
			{`27["fail","plain"]`, `37[` + internal + `]`},
			{`27["fail","told"]`, `37[{"error":"for you"}]`},
			{`27["fail","data"]`, `37[{"error":"for you","data":[1]}]`},
			{`27["fail","wrapped"]`, `37[{"error":"for you"}]`},
			{`27["fail","bytes"]`, `61-7[{"error":"for you","data":` + placeholder(0) + `}]; [x]`},
			{`27["fail","unwritable"]`, `37[` + internal + `]`},
			{`27["fail",5]`, `37[` + arguments + `]`},
			{`27["fail"]`, `37[` + arguments + `]`},
			{`27["sum",[1,2,3]]`, `37[6]`},
			{`27["sum",["x"]]`, `37[` + arguments + `]`},
			{`27["sum",{}]`, `37[` + arguments + `]`},
			{`27["two",1]`, `37[` + arguments + `]`},
			{`29007199254740991["sum",[]]`, `39007199254740991[0]`},
			{`20["back",{"a":"<é>"}]`, `30[{"a":"<é>"}]`},
			{`51-7["back",[1,` + placeholder(0) + `]]; [xy]`, `61-7[[1,` + placeholder(0) + `]]; [xy]`},
			{`51-7["all back",1,` + placeholder(0) + `]; [xy]`, `61-7[[1,` + placeholder(0) + `]]; [xy]`},
			{`27["nothing"]`, `37[null]`},
			{`27["unwritable"]`, `37[` + internal + `]`},
			{`27["twice"]`, `61-7[1,"two",` + placeholder(0) + `]; [3]`},
		} {
			p.send(strings.Split(tt.packets, "; ")...)
			p.want(strings.Split(tt.want, "; ")...)
			if s.t.Failed() {
				t.Fatal(tt.packets)
			}
		}
		p.send(`2["fail","plain"]`, `2["sum","x"]`) // nobody waits
		p.quiet()
		if log.count("for us only") != 2 || log.count("level=WARN") != 15 {
			t.Errorf("%d errors were logged", log.count("level=WARN"))
		}
	})
}

// Functions are called one at a time, in the order in which the events came, each in the order in which it was added.
func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		s.watch(s.Of("/a"))
		var mu sync.Mutex // never waited for
		var got []string
		note := func(what string) func(*Socket, *Event) error {
			return func(_ *Socket, e *Event) error {
				if !mu.TryLock() {
					t.Error("two functions of one client at once")
				} else {
					defer mu.Unlock()
				}
				got = append(got, what+string(e.Args.Raw(0)))
				return nil
			}
		}
		s.OnAny(note("any "))
		s.UsePacket(note("packet "))
		On(s, "x", note("first "))
		On(s, "x", note("second "))
		On(s.Of("/a"), "x", note("other "))
		p, _ := s.join(f)
		p.join("/a", "")
		var packets, want []string
		for n := range 500 {
			if n%3 == 0 {
				packets = append(packets, fmt.Sprintf(`2/a,["x",%d]`, n))
				want = append(want, fmt.Sprint("other ", n))
				continue
			}
			packets = append(packets, fmt.Sprintf(`2["x",%d]`, n))
			for _, what := range []string{"any", "packet", "first", "second"} {
				want = append(want, fmt.Sprint(what, " ", n))
			}
		}
		p.send(packets[:200]...)
		p.send(packets[200:]...)
		p.quiet()
		want = append(want, "any ", "packet ") // of "sync"
		if !slices.Equal(got, want) {
			t.Errorf("%d calls, want %d", len(got), len(want))
		}
	})
}

func TestUsePacket(t *testing.T) {
	s := start(t, nil)
	handled := 0
	s.UsePacket(func(_ *Socket, e *Event) error {
		if e.Name == "refused" {
			return &Error{"not that", 7}
		}
		return nil
	})
	s.OnAny(func(_ *Socket, e *Event) error {
		if e.Name == "odd" {
			return errors.New("for us only")
		}
		return nil
	})
	for _, name := range []string{"refused", "odd", "fine"} {
		On(s, name, func(_ *Socket, e *Event) error { handled++; return e.Ack() })
	}
	p, _ := s.join(socket4)
	p.send(`21["refused"]`, `22["odd"]`, `23["fine"]`, `2["refused"]`)
	p.want(`31[{"error":"not that","data":7}]`, `32[{"error":"internal error"}]`, `33[]`)
	p.quiet()
	if handled != 1 {
		t.Errorf("%d were handled", handled)
	}
}

func TestOnAnyOutgoing(t *testing.T) {
	s := start(t, nil)
	var mu sync.Mutex
	var got []string
	s.OnAnyOutgoing(func(socket *Socket, e *Event) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%t %s %d %s %q", socket.Connected(), e.Name, e.Args.Len(), e.Args.Raw(0), e.Args.Attachments()))
		if err := e.Ack(1); err != nil || e.WantsAck() {
			t.Error("it can be acknowledged")
		}
	})
	On(s, "go", func(socket *Socket, _ struct{}) error {
		_ = socket.Emit("one", 1, 2)
		_ = socket.Emit("two", []byte("x"))
		_ = s.Emit("three")
		_ = s.To(socket.ID()).Emit("four", map[string][]byte{"a": []byte("y")})
		_ = s.To("nobody").Emit("never")
		_, err := socket.Timeout(1).EmitWithAck(context.Background(), "five")
		if err == nil {
			t.Error("an answer")
		}
		return nil
	})
	p, _ := s.join(socket4)
	p.send(`2["go"]`)
	p.want(`2["one",1,2]`, `51-["two",`+placeholder(0)+`]`, `[x]`, `2["three"]`, `51-["four",{"a":`+placeholder(0)+`}]`, `[y]`, `20["five"]`)
	p.quiet()
	want := []string{`true one 2 1 []`, `true two 1 ` + placeholder(0) + ` ["x"]`, `true three 0  []`, `true four 1 {"a":` + placeholder(0) + `} ["y"]`, `true five 0  []`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// What a client asked for is asked of it: EmitWithAck within a function, over all forms.
func TestAskInHandler(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		Handle(s, "double", func(socket *Socket, n int) (any, error) {
			args, err := socket.EmitWithAck(t.Context(), "times", n, []byte{byte(n)})
			if err != nil {
				return nil, err
			}
			var times int
			var data []byte
			if err := args.Scan(&times, &data); err != nil {
				return nil, err
			}
			return fmt.Sprintf("%d %s", n*times, data), nil
		})
		p, _ := s.join(f)
		for n := range 3 {
			p.send(fmt.Sprintf(`27["double",%d]`, n))
			p.want(fmt.Sprintf(`51-%d["times",%d,%s]`, n, n, placeholder(0)), "["+string(rune(n))+"]")
			p.send(fmt.Sprintf(`61-%d[2,%s]`, n, placeholder(0)), "[data]")
			p.want(fmt.Sprintf(`37["%d data"]`, 2*n))
		}
		p.quiet()
	})
}

func TestEmitErrors(t *testing.T) {
	s := start(t, &Options{MaxAcks: 2})
	p, id := s.join(socket4)
	socket := s.socket(id)
	wantError(t, socket.Emit("connect"), "reserved")
	wantError(t, socket.Emit("x", func() {}), "unsupported type")
	wantError(t, s.Emit("disconnect"), "reserved")
	wantError(t, s.To("x").Emit("x", make(chan int)), "unsupported type")
	_, err := socket.EmitWithAck(t.Context(), "newListener")
	wantError(t, err, "reserved")
	_, err = s.EmitWithAck(t.Context(), "x", func() {})
	wantError(t, err, "unsupported type")

	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 2 {
		go func() {
			_, err := socket.EmitWithAck(ctx, "x")
			errs <- err
		}()
	}
	p.read()
	p.read()
	if _, err := socket.EmitWithAck(ctx, "x"); !errors.Is(err, ErrTooManyAcks) {
		t.Error(err)
	}
	cancel()
	for range 2 {
		if err := receive(t, errs); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	go func() {
		_, err := socket.EmitWithAck(context.Background(), "x")
		errs <- err
	}()
	p.read()
	p.quiet()
	p.leave()
	if err := receive(t, errs); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	s.reason(id)
	if err := socket.Emit("x"); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if _, err := socket.EmitWithAck(t.Context(), "x"); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if err := socket.Join("a room"); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if rooms := socket.Rooms(); rooms != nil {
		t.Error(rooms)
	}
}

func TestArgs(t *testing.T) {
	args := Args{[]byte(`, 1 ,"two",{"a":` + placeholder(0) + `,"b":"b"} , null]`), [][]byte{[]byte("x")}}
	if args.Len() != 4 || string(args.Raw(0)) != "1" || string(args.Raw(3)) != "null" || args.Raw(4) != nil {
		t.Errorf("%d %s %s %s", args.Len(), args.Raw(0), args.Raw(3), args.Raw(4))
	}
	var n int
	var text string
	var object struct {
		A []byte
		B any
	}
	var null *int
	if err := args.Scan(&n, &text, &object, &null); err != nil || n != 1 || text != "two" || string(object.A) != "x" || object.B != "b" || null != nil {
		t.Error(n, text, object, null, err)
	}
	wantError(t, args.Scan(&n, &n), "argument 2")
	wantError(t, args.Scan(&n, &text, &object, &null, &n), "4 arguments, want 5")
	wantError(t, args.Scan(), "")
	wantError(t, Args{}.Scan(), "")
	wantError(t, Args{}.Scan(&n), "0 arguments, want 1")
	var raw json.RawMessage
	wantError(t, args.Scan(&raw), "")
}

// An event may be kept, and its attachments: nothing in it is used again.
func TestKept(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		var kept []*Event
		On(s, "keep", func(_ *Socket, e *Event) error { kept = append(kept, e); return nil })
		p, _ := s.join(f)
		var packets []string
		for i := range 50 {
			packets = append(packets, fmt.Sprintf(`52-["keep",%d,%s,%s]`, i, placeholder(0), placeholder(1)), fmt.Sprintf("[a%d]", i), fmt.Sprintf("[b%d]", i))
		}
		p.send(packets...)
		p.quiet()
		for i, e := range kept {
			var n int
			var a, b []byte
			if err := e.Args.Scan(&n, &a, &b); err != nil || n != i || string(a) != fmt.Sprint("a", i) || string(b) != fmt.Sprint("b", i) {
				t.Fatalf("%d: %d %s %s %v", i, n, a, b, err)
			}
		}
		if len(kept) != 50 {
			t.Errorf("%d", len(kept))
		}
	})
}

// In revision 3 packets look the same.
func TestRevisions(t *testing.T) {
	s := start(t, &Options{Engine: engineio.Options{Revisions: []int{3}}})
	if _, err := s.tryOpen(socket4, ""); err == nil {
		t.Error("revision 4 was let in")
	}
	p, id := s.join(socket3)
	if s.socket(id).Protocol() != int(eio.V3) {
		t.Error(s.socket(id).Protocol())
	}
	p.quiet()
}

package socketio

// This file tests rooms, and what is done with many sockets at once.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
)

// crowd are clients of all forms in the root.
type crowd struct {
	*site
	peers []*peer
	ids   []string
}

// gather has n clients join.
func (s *site) gather(n int) *crowd {
	s.t.Helper()
	c := &crowd{site: s}
	for i := range n {
		p, id := s.join([]form{socket4, socket3, poll4, poll3}[i%4])
		c.peers, c.ids = append(c.peers, p), append(c.ids, id)
	}
	return c
}

func (c *crowd) member(i int) *Socket { return c.socket(c.ids[i]) }

// hear fails unless exactly these of the crowd get the packet, and nothing before it.
func (c *crowd) hear(what, packet string, who ...int) {
	c.t.Helper()
	for i, p := range c.peers {
		var want []string
		if slices.Contains(who, i) {
			want = append(want, packet)
		}
		if got := p.sync(); !slices.Equal(got, want) {
			c.t.Errorf("%s: %d got %q, want %q", what, i, got, want)
		}
	}
}

func TestRooms(t *testing.T) {
	s := start(t, nil)
	c := s.gather(6)
	for i, rooms := range [][]string{{"a"}, {"a", "b"}, {"b"}, {"c"}, {}, {"a", "b", "c"}} {
		if err := c.member(i).Join(rooms...); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.member(5).Rooms(); !slices.Equal(got, []string{c.ids[5], "a", "b", "c"}) {
		t.Errorf("rooms %q", got)
	}
	first := c.member(0)
	for _, tt := range []struct {
		name string
		to   Broadcast
		who  []int
	}{
		{"all", s.Compress(true), []int{0, 1, 2, 3, 4, 5}},
		{"a room", s.To("a"), []int{0, 1, 5}},
		{"in", s.In("a"), []int{0, 1, 5}},
		{"two rooms", s.To("a", "b"), []int{0, 1, 2, 5}},
		{"two rooms in two steps", s.To("a").In("b"), []int{0, 1, 2, 5}},
		{"a room twice", s.To("a", "a").To("a"), []int{0, 1, 5}},
		{"nobody's room", s.To("nowhere"), nil},
		{"nobody's and another", s.To("nowhere", "c"), []int{3, 5}},
		{"all but a room", s.Except("a"), []int{2, 3, 4}},
		{"a room but another", s.To("a").Except("b"), []int{0}},
		{"rooms but others", s.To("a", "b").Except("b").Except("c"), []int{0}},
		{"one's own room", s.To(c.ids[3]), []int{3}},
		{"one's own room twice", s.To(c.ids[3], c.ids[3], "c"), []int{3, 5}},
		{"all but one", s.Except(c.ids[3]), []int{0, 1, 2, 4, 5}},
		{"local", s.Local().To("c"), []int{3, 5}},
		{"the others", first.Broadcast(), []int{1, 2, 3, 4, 5}},
		{"the others of a room", first.To("a"), []int{1, 5}},
		{"the others of one's own room", first.In(c.ids[0]), nil},
		{"the others but a room", first.Except("b"), []int{3, 4}},
		{"the others of a room but another", first.To("a").Except("c"), []int{1}},
		{"the others of rooms", first.To("a").To("b"), []int{1, 2, 5}},
	} {
		if err := tt.to.Emit("x", 1); err != nil {
			t.Error(err)
		}
		c.hear(tt.name, `2["x",1]`, tt.who...)
	}
	if err := first.Emit("x"); err != nil {
		t.Error(err)
	}
	c.hear("one", `2["x"]`, 0)

	c.member(5).Leave("a", "nowhere", "c", c.ids[5])
	if got := c.member(5).Rooms(); !slices.Equal(got, []string{c.ids[5], "b"}) {
		t.Errorf("rooms %q", got)
	}
	_ = s.To("a", "c").Emit("x")
	c.hear("after leaving", `2["x"]`, 0, 1, 3)
	_ = s.To(c.ids[5]).Emit("x")
	c.hear("one's own room", `2["x"]`, 5)
	c.peers[1].leave()
	s.reason(c.ids[1])
	if rooms, members := s.Namespace.rooms.Count("a"); rooms != 3 || members != 1 {
		t.Errorf("%d rooms, %d in a", rooms, members)
	}
}

func TestJoinErrors(t *testing.T) {
	s := start(t, &Options{MaxRooms: 20})
	_, id := s.join(socket4)
	socket := s.socket(id)
	rooms := func() int { return len(socket.Rooms()) - 1 }
	for _, name := range []string{"", strings.Repeat("x", 256)} {
		wantError(t, socket.Join("fine", name), "1 to 255 bytes")
	}
	if rooms() != 0 {
		t.Errorf("%q", socket.Rooms())
	}
	wantError(t, socket.Join(strings.Repeat("x", 255), "\x00\n é/#*", id), "")
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprint(i))
	}
	wantError(t, socket.Join(many...), "20 rooms")
	if rooms() != 2 {
		t.Errorf("%q", socket.Rooms())
	}
	wantError(t, socket.Join(many[:18]...), "")
	wantError(t, socket.Join(many[:18]...), "") // it is there already
	wantError(t, socket.Join(many[3], many[3], "new"), "20 rooms")
	socket.Leave(many[0])
	wantError(t, socket.Join("new", "new"), "")
	if rooms() != 20 {
		t.Errorf("%q", socket.Rooms())
	}
}

// Chains are values: what is derived from one does not change it.
func TestChains(t *testing.T) {
	s := start(t, nil)
	c := s.gather(4)
	for i, room := range []string{"a", "b", "c", "d"} {
		_ = c.member(i).Join(room)
	}
	base := s.To("a")
	rooms := make([]Broadcast, 3)
	for i, room := range []string{"b", "c", "d"} {
		rooms[i] = base.To(room) // each of which might write where the others look
	}
	spare := s.Except("a")
	for i, room := range []string{"b", "c", "d"} {
		_ = base.Except(room)
		_ = spare.Except(room).Volatile().Local().Compress(false).Timeout(1)
		_ = rooms[i].Except("a")
	}
	for i := range rooms {
		_ = rooms[i].Emit("x", i)
		c.hear("a derived chain", fmt.Sprintf(`2["x",%d]`, i), 0, i+1)
	}
	_ = base.Emit("x")
	c.hear("the base", `2["x"]`, 0)
	_ = spare.Emit("x")
	c.hear("the other base", `2["x"]`, 1, 2, 3)
	if o := spare.order; o.Volatile || o.Local || o.Plain || spare.timeout != 0 || len(o.Except) != 1 {
		t.Errorf("%+v", o)
	}
	e := c.member(0).emitter()
	_ = e.Volatile().Compress(false).Timeout(1)
	if e.volatile || e.plain || e.timeout != 0 {
		t.Errorf("%+v", e)
	}
	if v := c.member(0).Compress(false).Timeout(2).Volatile(); !v.plain || !v.volatile || v.timeout != 2 {
		t.Errorf("%+v", v)
	}
}

// What is volatile is dropped if the client could not be sent it at once.
func TestVolatile(t *testing.T) {
	s := start(t, nil)
	ws, wsID := s.join(socket4)
	poll, pollID := s.join(poll4)
	eventually(t, "the news of joining has gone out", s.socket(wsID).writable)
	_ = s.socket(wsID).Volatile().Emit("x")
	ws.want(`2["x"]`)
	_ = s.socket(pollID).Volatile().Emit("dropped") // no poll waits
	eventually(t, "the last one has gone out", s.socket(wsID).writable)
	_ = s.Volatile().Emit("y")
	ws.want(`2["y"]`)
	got := make(chan string)
	go func() { got <- poll.read() }()
	eventually(t, "a poll waits", func() bool { return s.socket(pollID).writable() && s.socket(wsID).writable() })
	_ = s.Volatile().Emit("z")
	if packet := receive(t, got); packet != `2["z"]` {
		t.Error(packet)
	}
	ws.want(`2["z"]`)
	poll.quiet()
}

// Compress(false) keeps responses to polls as they are.
func TestCompress(t *testing.T) {
	s := start(t, &Options{Engine: engineio.Options{CompressThreshold: 10}})
	p, id := s.join(poll4)
	for _, on := range []bool{true, false} {
		_ = s.socket(id).Compress(on).Emit("secret", strings.Repeat("x", 1000))
		r := s.get(s.url+"?"+p.query, "Accept-Encoding", "gzip")
		if compressed := r.header.Get("Content-Encoding") == "gzip"; compressed != on {
			t.Errorf("Compress(%t): compressed: %t", on, compressed)
		}
		_ = s.To(id).Compress(on).Emit("secret", strings.Repeat("x", 1000))
		r = s.get(s.url+"?"+p.query, "Accept-Encoding", "gzip")
		if compressed := r.header.Get("Content-Encoding") == "gzip"; compressed != on {
			t.Errorf("Compress(%t) of many: compressed: %t", on, compressed)
		}
	}
}

func TestTimeout(t *testing.T) {
	s := start(t, nil)
	p, id := s.join(socket4)
	begin := time.Now()
	_, err := s.socket(id).Timeout(50*time.Millisecond).EmitWithAck(context.Background(), "x")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) < 40*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	p.send(`30["too late"]`)
	p.want(`20["x"]`)
	answers, err := s.Timeout(50*time.Millisecond).EmitWithAck(context.Background(), "x")
	if !errors.Is(err, context.DeadlineExceeded) || len(answers) != 0 {
		t.Errorf("%q %v", answers, err)
	}
	p.want(`21["x"]`)
	p.send(`31["too late"]`)
	p.quiet()
}

func TestBroadcastWithAck(t *testing.T) {
	s := start(t, nil)
	c := s.gather(4)
	for i := range 4 {
		_ = c.member(i).Join("room")
	}
	type result struct {
		sums []string
		err  error
	}
	ask := func(b Broadcast) <-chan result {
		results := make(chan result, 1)
		go func() {
			answers, err := b.EmitWithAck(t.Context(), "who", []byte("x"))
			r := result{err: err}
			for _, a := range answers {
				r.sums = append(r.sums, fmt.Sprintf("%s %q", a.Raw(0), a.Attachments()))
			}
			slices.Sort(r.sums)
			results <- r
		}()
		return results
	}
	hear := func(i int) {
		t.Helper()
		got := c.peers[i].read()
		if !strings.HasSuffix(got, `["who",`+placeholder(0)+`]`) || c.peers[i].read() != "[x]" {
			t.Errorf("%d got %q", i, got)
		}
	}

	all := ask(s.To("room"))
	for i := range 4 {
		hear(i)
	}
	for i, p := range c.peers {
		p.send(fmt.Sprintf(`3%d[%d]`, 0, i))
	}
	if r := receive(t, all); r.err != nil || !slices.Equal(r.sums, []string{"0 []", "1 []", "2 []", "3 []"}) {
		t.Errorf("%q %v", r.sums, r.err)
	}

	some := ask(s.To("room").Timeout(200 * time.Millisecond)) // two answer in time, one with bytes
	for i := range 4 {
		hear(i)
	}
	c.peers[0].send(`31["in time"]`)
	c.peers[2].send(`61-1[`+placeholder(0)+`]`, `[y]`)
	if r := receive(t, some); !errors.Is(r.err, context.DeadlineExceeded) || !strings.Contains(r.err.Error(), "2 of 4") ||
		!slices.Equal(r.sums, []string{`"in time" []`, placeholder(0) + ` ["y"]`}) {
		t.Errorf("%q %v", r.sums, r.err)
	}
	c.peers[1].send(`31["late"]`)

	left := ask(c.member(0).Broadcast()) // of three, one leaves
	for i := 1; i < 4; i++ {
		hear(i)
	}
	c.peers[1].leave()
	c.peers[2].send(`32[2]`)
	c.peers[3].send(`32[3]`)
	if r := receive(t, left); !errors.Is(r.err, ErrDisconnected) || !strings.Contains(r.err.Error(), "1 of 3") || !slices.Equal(r.sums, []string{"2 []", "3 []"}) {
		t.Errorf("%q %v", r.sums, r.err)
	}
	if r := receive(t, ask(s.To("nobody"))); r.err != nil || r.sums != nil {
		t.Errorf("%q %v", r.sums, r.err)
	}
	for i := range 4 {
		m := c.member(i)
		m.mu.Lock()
		if m.acks != nil {
			t.Errorf("%d still waits for %d", i, len(m.acks))
		}
		m.mu.Unlock()
	}
}

// A function that asks everybody, itself too, ends when its own client has gone.
func TestAskAllAndGo(t *testing.T) {
	s := start(t, nil)
	errs := make(chan error, 1)
	On(s, "ask", func(*Socket, struct{}) error {
		_, err := s.EmitWithAck(context.Background(), "who")
		errs <- err
		return nil
	})
	p, id := s.join(socket4)
	p.send(`2["ask"]`)
	p.want(`20["who"]`)
	p.hangUp()
	if err := receive(t, errs); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	s.wantReason(id, "transport close")
}

func TestFetchSockets(t *testing.T) {
	s := start(t, nil)
	c := s.gather(3)
	_ = c.member(0).Join("a", "b")
	_ = c.member(1).Join("a")
	c.member(1).SetData(map[string]int{"n": 1})
	ids := func(b Broadcast) (list []string) {
		sockets, err := b.FetchSockets(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, r := range sockets {
			list = append(list, r.ID)
		}
		return list
	}
	if got := ids(s.Namespace.all()); len(got) != 3 {
		t.Errorf("%q", got)
	}
	if got := ids(s.To("a").Except("b")); !slices.Equal(got, c.ids[1:2]) {
		t.Errorf("%q", got)
	}
	if got := ids(s.To("nowhere")); got != nil {
		t.Errorf("%q", got)
	}
	sockets, err := s.To(c.ids[1]).FetchSockets(t.Context())
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	r := sockets[0]
	if !slices.Equal(r.Rooms, []string{c.ids[1], "a"}) || r.Data.(map[string]int)["n"] != 1 || r.Handshake.(*Handshake).URL() == "" {
		t.Errorf("%+v", r)
	}
	_ = r.Chosen().Emit("x")
	c.hear("the one that was fetched", `2["x"]`, 1)
	_ = r.Chosen().SocketsJoin("c")
	_ = s.To("c").Emit("x")
	c.hear("the same", `2["x"]`, 1)
}

func TestSocketsJoinLeave(t *testing.T) {
	s := start(t, &Options{MaxRooms: 3})
	c := s.gather(4)
	_ = c.member(0).Join("a")
	_ = c.member(1).Join("a", "b")
	wantError(t, s.To("a").SocketsJoin("c", "d"), "3 rooms") // which one may, and the other not
	_ = s.To("c").Emit("x")
	c.hear("those who may", `2["x"]`, 0)
	wantError(t, s.Except("a").SocketsJoin("e"), "")
	_ = s.To("e").Emit("x")
	c.hear("joined", `2["x"]`, 2, 3)
	wantError(t, s.To("e").Except(c.ids[3]).SocketsLeave("e", "nowhere"), "")
	_ = s.To("e").Emit("x")
	c.hear("left", `2["x"]`, 3)
	wantError(t, c.member(0).Broadcast().SocketsJoin("f"), "")
	_ = s.To("f").Emit("x")
	c.hear("the others", `2["x"]`, 1, 2, 3)
	wantError(t, s.SocketsLeave("f"), "")
	wantError(t, s.SocketsJoin(""), "1 to 255")
	if rooms, _ := s.Namespace.rooms.Count("f"); rooms != 5 {
		t.Errorf("%d rooms", rooms)
	}
}

func TestDisconnectSockets(t *testing.T) {
	s := start(t, nil)
	chat := s.Of("/chat")
	s.watch(chat)
	c := s.gather(4)
	var ids []string
	for i, p := range c.peers {
		ids = append(ids, p.join("/chat", ""))
		if i < 2 {
			_ = c.socket(ids[i]).Join("room")
		}
	}
	if err := chat.To("room").Except(ids[1]).DisconnectSockets(false); err != nil {
		t.Error(err)
	}
	c.peers[0].want(`1/chat,`)
	s.wantReason(ids[0], "server namespace disconnect")
	c.peers[0].quiet()
	if err := chat.DisconnectSockets(true); err != nil {
		t.Error(err)
	}
	for i, p := range c.peers {
		if i == 0 {
			continue
		}
		p.wantEnd("1", "1/chat,")
		s.wantReason(ids[i], "server namespace disconnect")
		s.wantReason(c.ids[i], "server namespace disconnect")
	}
	c.peers[0].quiet()
	s.lives(c.ids[0])
}

// What everybody is sent arrives in the order in which it was sent, and the same for all who share a form.
func TestBroadcastOrder(t *testing.T) {
	s := start(t, nil)
	c := s.gather(8)
	const n = 300
	go func() {
		for i := range n {
			if i%2 == 0 {
				_ = s.Emit("x", i, []byte{byte(i)})
			} else {
				_ = s.Emit("x", i)
			}
		}
	}()
	for _, p := range c.peers {
		for i := range n {
			if i%2 == 0 {
				p.want(fmt.Sprintf(`51-["x",%d,%s]`, i, placeholder(0)), "["+string([]byte{byte(i)})+"]")
			} else {
				p.want(fmt.Sprintf(`2["x",%d]`, i))
			}
		}
	}
}

package socketio

// This file joins two servers by a wrapper that hands orders to both, as bytes, and tests that rooms, broadcasts, answers and searches span them. So can brokers.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/adapter"
)

// joint is a server's adapter that hands orders to the other one too.
type joint struct {
	local, other adapter.Sockets
	err          error // of the way to the other
}

func (j *joint) Apply(ctx context.Context, o *adapter.Order, reply func(adapter.Reply)) error {
	if o.Local {
		return j.local.Apply(ctx, o, reply)
	}
	var mu sync.Mutex
	tell := func(r adapter.Reply) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			reply(r)
		}
	}
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		if err = j.err; err == nil {
			err = j.other.Apply(ctx, carried(o), func(r adapter.Reply) { tell(carriedReply(r)) })
		}
	})
	own := j.local.Apply(ctx, o, tell)
	wg.Wait()
	return errors.Join(own, err)
}

// carried returns an order as it would come out of a wire.
func carried(o *adapter.Order) *adapter.Order {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	o = new(adapter.Order)
	if err := json.Unmarshal(b, o); err != nil {
		panic(err)
	}
	return o
}

// carriedReply returns a reply as it would come out of a wire.
func carriedReply(r adapter.Reply) adapter.Reply {
	for _, v := range []*any{&r.Data, &r.Handshake} {
		if *v != nil {
			b, err := json.Marshal(*v)
			if err != nil {
				panic(err)
			}
			*v = json.RawMessage(b)
		}
	}
	return r
}

// twins are two servers that are one.
func twins(t *testing.T, o Options) (a, b *site, joints [2]*joint) {
	t.Helper()
	joints = [2]*joint{new(joint), new(joint)}
	var sites [2]*site
	for i := range joints {
		o.Adapter = func(local adapter.Sockets) adapter.Sockets {
			joints[i].local = local
			joints[1-i].other = local
			return joints[i]
		}
		sites[i] = start(t, &o)
	}
	return sites[0], sites[1], joints
}

// both has two clients join each of two servers, and returns them as one crowd: 0 and 1 here, 2 and 3 there.
func both(t *testing.T, a, b *site) *crowd {
	t.Helper()
	here, there := a.gather(2), b.gather(2)
	c := &crowd{site: &site{t: t, came: make(map[string]*Socket)}, peers: append(here.peers, there.peers...), ids: append(here.ids, there.ids...)}
	for i, id := range c.ids {
		c.came[id] = []*site{a, b}[i/2].socket(id)
	}
	return c
}

func TestAdapterBroadcast(t *testing.T) {
	a, b, _ := twins(t, Options{})
	c := both(t, a, b)
	for i, rooms := range [][]string{{"a"}, {"b"}, {"a"}, {"a", "b"}} {
		_ = c.member(i).Join(rooms...)
	}
	for _, tt := range []struct {
		name string
		to   Broadcast
		who  []int
	}{
		{"all", a.Compress(true), []int{0, 1, 2, 3}},
		{"all, from there", b.Compress(true), []int{0, 1, 2, 3}},
		{"a room", a.To("a"), []int{0, 2, 3}},
		{"a room but another", a.To("a").Except("b"), []int{0, 2}},
		{"local", a.Local(), []int{0, 1}},
		{"local, from there", b.To("a").Local(), []int{2, 3}},
		{"one there", a.To(c.ids[3]), []int{3}},
		{"all but one there", a.Except(c.ids[3]), []int{0, 1, 2}},
		{"the others", c.member(2).Broadcast(), []int{0, 1, 3}},
		{"the others of a room", c.member(3).To("a"), []int{0, 2}},
	} {
		if err := tt.to.Emit("x", []int{1}); err != nil {
			t.Error(err)
		}
		c.hear(tt.name, `2["x",[1]]`, tt.who...)
	}
	_ = a.Emit("x", []byte("bytes"))
	for _, p := range c.peers {
		p.want(`51-["x",`+placeholder(0)+`]`, `[bytes]`)
	}
	_ = a.To("nobody").Volatile().Emit("x")
	c.hear("nobody", "")
}

func TestAdapterSockets(t *testing.T) {
	a, b, joints := twins(t, Options{})
	c := both(t, a, b)
	c.member(2).SetData(map[string]int{"n": 1})
	wantError(t, a.SocketsJoin("room"), "")
	_ = b.To("room").Emit("x")
	c.hear("all have joined", `2["x"]`, 0, 1, 2, 3)
	wantError(t, b.To(c.ids[0], c.ids[3]).SocketsLeave("room"), "")
	_ = a.To("room").Emit("x")
	c.hear("two have left", `2["x"]`, 1, 2)

	list, err := a.To("room").FetchSockets(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	slices.SortFunc(list, func(x, y RemoteSocket) int { return slices.Index(c.ids, x.ID) - slices.Index(c.ids, y.ID) })
	if list[0].ID != c.ids[1] || list[1].ID != c.ids[2] || !slices.Equal(list[1].Rooms, []string{c.ids[2], "room"}) {
		t.Errorf("%+v", list)
	}
	var hand struct{ Address string }
	if err := json.Unmarshal(list[1].Handshake.(json.RawMessage), &hand); err != nil || hand.Address != "127.0.0.1" || string(list[1].Data.(json.RawMessage)) != `{"n":1}` {
		t.Errorf("%v %s %v", hand, list[1].Data, err)
	}
	_ = list[1].Chosen().Emit("x")
	c.hear("one that was fetched", `2["x"]`, 2)
	if list, err := a.Local().FetchSockets(t.Context()); err != nil || len(list) != 2 {
		t.Error(list, err)
	}

	joints[0].err = errors.New("the way is broken")
	wantError(t, a.Emit("x"), "broken")
	c.hear("those here", `2["x"]`, 0, 1)
	if list, err := a.FetchSockets(t.Context()); err == nil || len(list) != 2 {
		t.Error(list, err)
	}
	joints[0].err = nil

	wantError(t, a.To("room").DisconnectSockets(true), "")
	c.peers[1].wantEnd("1")
	c.peers[2].wantEnd("1")
	b.wantReason(c.ids[2], "server namespace disconnect")
	b.lives(c.ids[3])
}

func TestAdapterAcks(t *testing.T) {
	a, b, joints := twins(t, Options{})
	c := both(t, a, b)
	type result struct {
		answers []string
		err     error
	}
	ask := func(to Broadcast) <-chan result {
		results := make(chan result, 1)
		go func() {
			list, err := to.EmitWithAck(t.Context(), "who")
			r := result{err: err}
			for _, args := range list {
				r.answers = append(r.answers, fmt.Sprintf("%s %q", args.Raw(0), args.Attachments()))
			}
			slices.Sort(r.answers)
			results <- r
		}()
		return results
	}
	answer := func(i int, args string, attachments ...string) {
		t.Helper()
		packet := c.peers[i].read()
		id, ok := strings.CutSuffix(strings.TrimPrefix(packet, "2"), `["who"]`)
		if !ok {
			t.Fatalf("%d got %q", i, packet)
		}
		head := "3"
		if len(attachments) > 0 {
			head = fmt.Sprintf("6%d-", len(attachments))
		}
		c.peers[i].send(append([]string{head + id + args}, attachments...)...)
	}
	want := func(what string, r result, text string, answers ...string) {
		t.Helper()
		if !slices.Equal(r.answers, answers) {
			t.Errorf("%s: %q, want %q", what, r.answers, answers)
		}
		wantError(t, r.err, text)
	}

	all := ask(a.Compress(true))
	for i := range 3 {
		answer(i, fmt.Sprintf("[%d]", i))
	}
	answer(3, "["+placeholder(0)+"]", "[x]")
	want("all", receive(t, all), "", "0 []", "1 []", "2 []", placeholder(0)+` ["x"]`)

	some := ask(b.Timeout(200 * time.Millisecond))
	answer(0, "[0]")
	answer(3, "[3]")
	c.peers[1].read()
	c.peers[2].read()
	want("some", receive(t, some), "2 of 4", "0 []", "3 []")

	local := ask(b.Local())
	answer(2, "[2]")
	answer(3, "[3]")
	want("local", receive(t, local), "", "2 []", "3 []")

	joints[0].err = errors.New("the way is broken")
	here := ask(a.Compress(true))
	answer(0, "[0]")
	answer(1, "[1]")
	want("those here", receive(t, here), "broken", "0 []", "1 []")
	joints[0].err = nil

	leaves := ask(a.Except(c.ids[0]))
	answer(1, "[1]")
	c.peers[2].read()
	c.peers[2].leave()
	answer(3, "[3]")
	want("one leaves", receive(t, leaves), "1 of 3", "1 []", "3 []")
}

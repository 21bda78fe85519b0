package adapter

// This file tests who is in which room, against a model that is plain.

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// model is Rooms without anything that makes it fast.
type model map[string][]int

func (m model) join(room string, member int) {
	if !slices.Contains(m[room], member) {
		m[room] = append(m[room], member)
	}
}

func (m model) leave(room string, member int) {
	m[room] = slices.DeleteFunc(m[room], func(x int) bool { return x == member })
	if len(m[room]) == 0 {
		delete(m, room)
	}
}

// in returns the members of rooms, each once, in order.
func (m model) in(rooms ...string) []int {
	var list []int
	for _, room := range rooms {
		list = append(list, m[room]...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Whatever is done, Rooms says what the model says.
func TestRoomsAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	names := []string{"", "a", "b", "A", "ä", "a\x00", "room with spaces", "x/y", "*", "7", "8", "9"}
	for range 20 {
		var rooms Rooms[int]
		want := make(model)
		for range 1000 {
			room, member := names[r.IntN(len(names))], r.IntN(8)
			if r.IntN(2) == 0 {
				rooms.Join(room, member)
				want.join(room, member)
			} else {
				rooms.Leave(room, member)
				want.leave(room, member)
			}
			if got := rooms.Has(room, member); got != slices.Contains(want[room], member) {
				t.Fatalf("%d in %q: %t", member, room, got)
			}
			compare(t, &rooms, want, pick(r, names), r.IntN(8))
		}
	}
}

// pick returns some of the names, some of them more than once.
func pick(r *rand.Rand, names []string) []string {
	var list []string
	for range r.IntN(5) {
		list = append(list, names[r.IntN(len(names))])
	}
	return list
}

// compare asks both about rooms and a member.
func compare(t *testing.T, rooms *Rooms[int], want model, some []string, member int) {
	t.Helper()
	all := want.in(some...)
	const before = -1 // what is in the list stays there
	got := rooms.Append([]int{before}, some...)
	if got[0] != before {
		t.Fatalf("%q: the list begins with %d", some, got[0])
	}
	if got = got[1:]; !slices.Equal(slices.Sorted(slices.Values(got)), all) {
		t.Fatalf("%q: %v, want %v", some, got, all)
	}
	if in := rooms.InAny(some, member); in != slices.Contains(all, member) {
		t.Fatalf("%d in any of %q: %t", member, some, in)
	}
	for _, room := range some {
		if n, members := rooms.Count(room); n != len(want) || members != len(want[room]) {
			t.Fatalf("%q: %d rooms, %d members, want %d and %d", room, n, members, len(want), len(want[room]))
		}
	}
}

// To leave a room where one is not, or that is not there, is nothing; and nobody is in no room.
func TestRoomsNobody(t *testing.T) {
	var rooms Rooms[int]
	rooms.Leave("a", 1)
	if n, members := rooms.Count("a"); n != 0 || members != 0 || rooms.Has("a", 1) || rooms.InAny(nil, 1) || rooms.Append(nil, "a") != nil {
		t.Errorf("%d rooms, %d members", n, members)
	}
	rooms.Join("a", 1)
	rooms.Leave("a", 2)
	rooms.Leave("b", 1)
	if n, members := rooms.Count("a"); n != 1 || members != 1 || rooms.InAny(nil, 1) || len(rooms.Append(nil)) != 0 {
		t.Errorf("%d rooms, %d members", n, members)
	}
}

// N03: a room's name is its name, and nothing else.
func TestAttack_N03_Names(t *testing.T) {
	var rooms Rooms[int]
	names := []string{"", " ", "a", "A", "a ", "a\x00", "a/", "*", "ä", "a\u0308", "\xff", "__proto__", string(make([]byte, 1<<20))}
	for i, name := range names {
		rooms.Join(name, i)
	}
	for i, name := range names {
		if got := rooms.Append(nil, name); !slices.Equal(got, []int{i}) {
			t.Errorf("in %.10q: %v, want %d", name, got, i)
		}
	}
}

// Everybody joins and leaves at the same time, and sees at each moment what they themselves have done.
func TestRoomsConcurrent(t *testing.T) {
	const members, steps, kept = 8, 2000, "kept"
	var rooms Rooms[int]
	names := make([]string, 40) // several for each shard
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	var all sync.WaitGroup
	for member := range members {
		all.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(member)))
			mine := make(map[string]bool)
			rooms.Join(kept, member)
			for range steps {
				room := names[r.IntN(len(names))]
				if mine[room] = !mine[room]; mine[room] {
					rooms.Join(room, member)
				} else {
					rooms.Leave(room, member)
				}
				other := names[r.IntN(len(names))]
				if got := rooms.Has(other, member); got != mine[other] {
					t.Errorf("%d in %s: %t", member, other, got)
				}
				list := rooms.Append(nil, kept, room, other)
				if slices.Sort(list); len(slices.Compact(slices.Clone(list))) != len(list) || !slices.Contains(list, member) {
					t.Errorf("%d: %v", member, list)
				}
				if n, in := rooms.Count(kept); n < 1 || n > len(names)+1 || in < 1 || in > members {
					t.Errorf("%d rooms, %d in one", n, in)
				}
			}
			for _, room := range append([]string{kept}, names...) { // now somebody is not in it any more, and must still be listed once
				rooms.Leave(room, member)
			}
		})
	}
	all.Wait()
	for _, room := range append(names, kept) {
		if n, in := rooms.Count(room); n != 0 || in != 0 {
			t.Errorf("%d rooms, %d in %s", n, in, room)
		}
	}
}

// live returns how many bytes of heap are in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // less than there is of memory
}

// A hundred thousand rooms of one member, and as many members of one room: when they have gone, so has what they took.
func TestAttack_N04_ManyRooms(t *testing.T) {
	const many, room = 100_000, "room"
	var rooms Rooms[int]
	for i := range 100 { // bystanders, in each shard and in the one room
		rooms.Join("bystander "+strconv.Itoa(i), -1)
	}
	rooms.Join(room, -1)
	before := live()
	for _, tt := range []struct {
		name         string
		join, leave  func(i int)
		most, inRoom int // without the bystanders
	}{
		{"rooms", func(i int) { rooms.Join(strconv.Itoa(i), 1) }, func(i int) { rooms.Leave(strconv.Itoa(i), 1) }, many, 0},
		{"members", func(i int) { rooms.Join(room, i) }, func(i int) { rooms.Leave(room, i) }, 0, many},
	} {
		for i := range many {
			tt.join(i)
		}
		if n, in := rooms.Count(room); n != 101+tt.most || in != 1+tt.inRoom {
			t.Errorf("many %s: %d rooms, %d in one", tt.name, n, in)
		}
		if took := live() - before; took < 1<<20 {
			t.Errorf("many %s take %d bytes, which is no test", tt.name, took)
		}
		for i := range many {
			tt.leave(i)
		}
		if n, in := rooms.Count(room); n != 101 || in != 1 {
			t.Errorf("no %s: %d rooms, %d in one", tt.name, n, in)
		}
		if left := live() - before; left > 64<<10 {
			t.Errorf("no %s: %d bytes are left", tt.name, left)
		}
	}
	runtime.KeepAlive(&rooms)
}

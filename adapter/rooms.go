package adapter

// This file holds who is in which room, on one server.

import (
	"hash/maphash"
	"slices"
	"sync"
)

// Rooms says which members are in which rooms. A room is there while somebody is in it. The zero value is ready for use, and is not copied. Its methods may
// be called from any goroutine.
type Rooms[M comparable] struct {
	shards [shards]shard[M]
}

// shards is how many rooms may change at the same time.
const shards = 16

type shard[M comparable] struct {
	mu    sync.RWMutex
	rooms shrinking[string, *shrinking[M, struct{}]]
}

// shrinking is a map that gives its memory back: a map of Go keeps the size that it once had.
type shrinking[K comparable, V any] struct {
	m    map[K]V
	most int // how many there were at once since m was made
}

func (s *shrinking[K, V]) put(k K, v V) {
	if s.m == nil {
		s.m = make(map[K]V)
	}
	s.m[k] = v
	s.most = max(s.most, len(s.m))
}

func (s *shrinking[K, V]) remove(k K) {
	delete(s.m, k)
	n := len(s.m)
	if s.most < 64 || n > s.most/4 { // who is copied has paid for it by being put there
		return
	}
	old := s.m
	s.m, s.most = make(map[K]V, n), n
	for k, v := range old {
		s.m[k] = v
	}
}

var seed = maphash.MakeSeed()

func index(room string) int { return int(maphash.String(seed, room) % shards) } //nolint:gosec // less than shards

func (r *Rooms[M]) shard(room string) *shard[M] { return &r.shards[index(room)] }

// members returns who is in a room. Its shard is locked.
func (r *Rooms[M]) members(room string) map[M]struct{} {
	if members := r.shard(room).rooms.m[room]; members != nil {
		return members.m
	}
	return nil
}

// Join puts m into a room.
func (r *Rooms[M]) Join(room string, m M) {
	s := r.shard(room)
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.rooms.m[room]
	if members == nil {
		members = new(shrinking[M, struct{}])
		s.rooms.put(room, members)
	}
	members.put(m, struct{}{})
}

// Leave takes m out of a room.
func (r *Rooms[M]) Leave(room string, m M) {
	s := r.shard(room)
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.rooms.m[room]
	if members == nil {
		return
	}
	members.remove(m)
	if len(members.m) == 0 {
		s.rooms.remove(room)
	}
}

// Has reports whether m is in a room.
func (r *Rooms[M]) Has(room string, m M) bool {
	s := r.shard(room)
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := r.members(room)[m]
	return ok
}

// InAny reports whether m is in one of the rooms.
func (r *Rooms[M]) InAny(rooms []string, m M) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return r.Has(room, m) })
}

// Append appends the members of the rooms, each once, as they are at one moment.
func (r *Rooms[M]) Append(list []M, rooms ...string) []M {
	var locked [shards]bool
	for _, room := range rooms {
		locked[index(room)] = true
	}
	for i := range locked { // in this order everywhere, else two could wait for each other
		if locked[i] {
			r.shards[i].mu.RLock()
		}
	}
	for i, room := range rooms {
		for m := range r.members(room) {
			if !r.listed(rooms[:i], m) {
				list = append(list, m)
			}
		}
	}
	for i := range locked {
		if locked[i] {
			r.shards[i].mu.RUnlock()
		}
	}
	return list
}

// listed reports whether m is in one of the rooms. Their shards are locked.
func (r *Rooms[M]) listed(rooms []string, m M) bool {
	for _, room := range rooms {
		if _, ok := r.members(room)[m]; ok {
			return true
		}
	}
	return false
}

// Count returns how many rooms there are, and how many are in one.
func (r *Rooms[M]) Count(room string) (rooms, members int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		rooms += len(s.rooms.m)
		if in := s.rooms.m[room]; in != nil {
			members = len(in.m)
		}
		s.mu.RUnlock()
	}
	return rooms, members
}

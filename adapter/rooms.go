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
	rooms map[string]map[M]struct{}
}

var seed = maphash.MakeSeed()

func (r *Rooms[M]) shard(room string) *shard[M] {
	return &r.shards[maphash.String(seed, room)%shards]
}

// Join puts m into a room.
func (r *Rooms[M]) Join(room string, m M) {
	s := r.shard(room)
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.rooms[room]
	if members == nil {
		if s.rooms == nil {
			s.rooms = make(map[string]map[M]struct{})
		}
		members = make(map[M]struct{})
		s.rooms[room] = members
	}
	members[m] = struct{}{}
}

// Leave takes m out of a room.
func (r *Rooms[M]) Leave(room string, m M) {
	s := r.shard(room)
	s.mu.Lock()
	defer s.mu.Unlock()
	members := s.rooms[room]
	delete(members, m)
	if len(members) == 0 {
		delete(s.rooms, room)
		if len(s.rooms) == 0 {
			s.rooms = nil // a map keeps the size that it once had
		}
	}
}

// Has reports whether m is in a room.
func (r *Rooms[M]) Has(room string, m M) bool {
	s := r.shard(room)
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.rooms[room][m]
	return ok
}

// InAny reports whether m is in one of the rooms.
func (r *Rooms[M]) InAny(rooms []string, m M) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return r.Has(room, m) })
}

// Append appends the members of the rooms, each once.
func (r *Rooms[M]) Append(list []M, rooms ...string) []M {
	for i, room := range rooms {
		begin := len(list)
		s := r.shard(room)
		s.mu.RLock()
		for m := range s.rooms[room] {
			list = append(list, m)
		}
		s.mu.RUnlock()
		if i > 0 {
			fresh := slices.DeleteFunc(list[begin:], func(m M) bool { return r.InAny(rooms[:i], m) })
			list = list[:begin+len(fresh)]
		}
	}
	return list
}

// Count returns how many rooms there are, and how many are in one.
func (r *Rooms[M]) Count(room string) (rooms, members int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		rooms += len(s.rooms)
		members += len(s.rooms[room])
		s.mu.RUnlock()
	}
	return rooms, members
}

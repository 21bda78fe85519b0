package eventloop

// This file holds the timers of a Loop: a hierarchical timing wheel. Setting and stopping one costs the same however many there are.

import (
	"math/bits"
	"time"
)

const (
	tick   = 10 * time.Millisecond
	levels = 6 // of 64 slots each: 64 ticks, 64*64, ...: the last one covers 21 years
)

// wheel holds sockets by the tick at which their timers end. A socket hangs on the level on which its tick differs from the current one:
// near ticks one by one, far ones in groups that are spread when they come near. Time is a value: the wheel knows no clock.
type wheel struct {
	now   int64 // the tick up to which all timers have ended
	slots [levels][64]*Socket
	used  [levels]uint64 // which slots are not empty
}

// link is a socket's place on the wheel.
type link struct {
	next, prev *Socket // in a ring
	key        int64   // the tick, and below it in three bits the level and one; 0: it hangs nowhere
}

func (l *link) tick() int64 { return l.key >> 3 }
func (l *link) level() int  { return int(l.key&7) - 1 }

// set hangs s so that it ends at the first tick not before at, a time since the wheel's start.
func (w *wheel) set(s *Socket, at time.Duration) {
	w.remove(s)
	w.hang(s, max(int64((at+tick-1)/tick), w.now+1))
}

func (w *wheel) hang(s *Socket, at int64) {
	// The highest bit in which the tick differs from now says on which level it hangs.
	level := max(0, bits.Len64(uint64(at^w.now))-1) / 6 //nolint:gosec // neither is negative
	if level >= levels {
		level = levels - 1
		at = w.now | (1<<(6*levels) - 1) // as far as the wheel goes
	}
	i := at >> (6 * level) & 63
	s.timer.key = at<<3 | int64(level+1)
	head := &w.slots[level][i]
	if *head == nil {
		s.timer.next, s.timer.prev = s, s
		*head = s
		w.used[level] |= 1 << i
		return
	}
	s.timer.next, s.timer.prev = *head, (*head).timer.prev
	s.timer.prev.timer.next, s.timer.next.timer.prev = s, s
}

// remove takes s off, if it hangs.
func (w *wheel) remove(s *Socket) {
	if s.timer.key == 0 {
		return
	}
	level := s.timer.level()
	i := s.timer.tick() >> (6 * level) & 63
	head := &w.slots[level][i]
	if s.timer.next == s {
		*head = nil
		w.used[level] &^= 1 << i
	} else {
		if *head == s {
			*head = s.timer.next
		}
		s.timer.prev.timer.next, s.timer.next.timer.prev = s.timer.next, s.timer.prev
	}
	s.timer = link{}
}

// next returns when to call advance: the first tick at which something ends or is to be spread. False: nothing hangs.
func (w *wheel) next() (time.Duration, bool) {
	for level := range levels {
		shift := 6 * level
		here := w.now >> shift & 63
		if ahead := w.used[level] &^ (2<<here - 1); ahead != 0 {
			at := w.now>>(shift+6)<<(shift+6) | int64(bits.TrailingZeros64(ahead))<<shift
			return time.Duration(at) * tick, true
		}
	}
	return 0, false
}

// advance takes off all sockets whose time is over at now, and calls ended for each.
func (w *wheel) advance(now time.Duration, ended func(*Socket)) {
	to := int64(now / tick)
	for {
		next, ok := w.next()
		at := int64(next / tick)
		if !ok || at > to {
			break
		}
		w.now = at
		// Spread the groups whose time has come, the large ones first, then end what hangs at this tick.
		for level := levels - 1; level >= 0; level-- {
			if w.now&(1<<(6*level)-1) == 0 { // else this level's slot began earlier
				w.spread(level, ended)
			}
		}
	}
	w.now = max(w.now, to)
}

// spread empties the slot of now on a level.
func (w *wheel) spread(level int, ended func(*Socket)) {
	i := w.now >> (6 * level) & 63
	for s := w.slots[level][i]; s != nil; s = w.slots[level][i] {
		at := s.timer.tick()
		w.remove(s)
		if at <= w.now {
			ended(s)
		} else {
			w.hang(s, at)
		}
	}
}

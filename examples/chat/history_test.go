package chat

// This file tests the bounds of the history, and what it finds again.

import (
	"fmt"
	"testing"
)

func filled(n, size, maxEntries, maxBytes int) *history {
	var h history
	for i := range n {
		h.add(entry{seq: uint64(i + 1), key: fmt.Sprintf("key %d", i+1), size: size}, maxEntries, maxBytes)
	}
	return &h
}

func TestHistoryIsBoundedInNumber(t *testing.T) {
	h := filled(1000, 1, 200, 1<<20)
	if len(h.entries) != 200 || h.bytes != 200 || len(h.byKey) != 200 || h.entries[0].seq != 801 {
		t.Errorf("%d entries, %d bytes, %d keys, first %d", len(h.entries), h.bytes, len(h.byKey), h.entries[0].seq)
	}
	if cap(h.entries) > 512 {
		t.Errorf("the array has grown to %d", cap(h.entries))
	}
	if _, ok := h.byKey["key 800"]; ok {
		t.Error("a key outlived its entry")
	}
}

func TestHistoryIsBoundedInBytes(t *testing.T) {
	h := filled(50, 100, 200, 1000)
	if len(h.entries) != 10 || h.bytes != 1000 || h.entries[0].seq != 41 {
		t.Errorf("%d entries, %d bytes, first %d", len(h.entries), h.bytes, h.entries[0].seq)
	}
	h.add(entry{seq: 51, size: 5000}, 200, 1000)
	if len(h.entries) != 1 || h.bytes != 5000 || h.entries[0].seq != 51 {
		t.Errorf("the newest does not stay: %d entries, %d bytes", len(h.entries), h.bytes)
	}
}

func TestHistoryAfter(t *testing.T) {
	h := filled(30, 1, 10, 1<<20) // holds 21 to 30
	for _, test := range []struct {
		seq, first, missed uint64
		n                  int
	}{
		{0, 21, 20, 10}, {5, 21, 15, 10}, {20, 21, 0, 10}, {21, 22, 0, 9}, {29, 30, 0, 1}, {30, 0, 0, 0}, {99, 0, 0, 0},
	} {
		entries, missed := h.after(test.seq)
		if len(entries) != test.n || missed != test.missed || test.n > 0 && entries[0].seq != test.first {
			t.Errorf("after(%d): %d entries, %d missed", test.seq, len(entries), missed)
		}
	}
}

// TestWholeHistoryFitsAQueue holds the limits together: a visitor who comes gets everything in one go, in either form.
func TestWholeHistoryFitsAQueue(t *testing.T) {
	const person = 36 + 6*maxNameRunes + 30 // an id and the longest name, as JSON: a "<" takes 6 bytes there
	if most := maxHistoryBytes + maxVisitors*person + 4096; most > 1<<20 {
		t.Errorf("welcome and history may take %d bytes, more than a write queue of 1 MiB", most)
	}
}

package chat

// This file holds the room's memory: the last messages, bounded in number and in bytes.

// An entry is one message of the room, in all its forms.
type entry struct {
	seq  uint64 // 1 for the room's first message, then without a gap
	key  string // the sender's id and nonce, or empty
	size int    // bytes of all forms
	form form
}

// A history keeps entries in order, and finds those that a sender repeats.
type history struct {
	entries []entry
	bytes   int
	byKey   map[string]entry
}

// add appends an entry and forgets the oldest ones past the limits. The newest always stays.
func (h *history) add(e entry, maxEntries, maxBytes int) {
	h.entries = append(h.entries, e)
	h.bytes += e.size
	if e.key != "" {
		if h.byKey == nil {
			h.byKey = make(map[string]entry)
		}
		h.byKey[e.key] = e
	}
	drop := 0
	for n := len(h.entries); n-drop > 1 && (n-drop > maxEntries || h.bytes > maxBytes); drop++ {
		h.bytes -= h.entries[drop].size
		delete(h.byKey, h.entries[drop].key)
	}
	// Shift down and clear, so that what is forgotten is freed and the array does not creep.
	n := copy(h.entries, h.entries[drop:])
	clear(h.entries[n:])
	h.entries = h.entries[:n]
}

// after returns the entries that follow number seq, and how many between are forgotten. It aliases the history.
func (h *history) after(seq uint64) (entries []entry, missed uint64) {
	for i, e := range h.entries {
		if e.seq > seq {
			return h.entries[i:], e.seq - seq - 1
		}
	}
	return nil, 0
}

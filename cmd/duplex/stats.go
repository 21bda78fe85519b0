package main

// This file holds the live counts, for the index page and for programs.

import (
	"encoding/json"
	"net/http"
	"time"
)

// stats is the answer of /stats.
type stats struct {
	Uptime      int64                `json:"uptime_seconds"`
	Connections int                  `json:"connections"` // WebSocket, open now
	Messages    int64                `json:"messages"`    // since the start
	Paths       map[string]pathStats `json:"paths"`
}

type pathStats struct {
	Connections int   `json:"connections"`
	Messages    int64 `json:"messages"` // received; at /hello, sent
}

func (s *site) stats() stats {
	all := stats{Uptime: int64(time.Since(s.started) / time.Second), Paths: make(map[string]pathStats, len(s.places))}
	for path, p := range s.places {
		one := pathStats{p.socket.Len(), p.messages.Load()}
		all.Paths[path] = one
		all.Connections += one.Connections
		all.Messages += one.Messages
	}
	return all
}

func (s *site) serveStats(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(s.stats()) // it encodes; a client that left needs no answer
}

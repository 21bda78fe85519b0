package conformance

// This file holds the tables that are printed at the end: which client passed how many checks of what.

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
)

// features are the columns, in order, of the table of WebSocket and of that of Socket.IO. Each check belongs to one.
var features = [][]string{
	{
		"handshake", "subprotocol", "origin", "path", "echo", "fragments", "ping", "deflate", "utf-8", "close", "shutdown",
		"index", "hello", "chat", "game", "socketio", "pages", "idle",
	},
	{
		"connect", "polling", "websocket", "upgrade", "namespaces", "auth", "events", "acks", "binary", "rooms", "broadcast", "volatile",
		"pings", "reasons", "restart", "packets", "headers", "listeners", "options",
	},
}

// A tally counts the checks of one client and one feature.
type tally struct{ passed, failed int }

// A table counts by client and feature. Its methods may be called from any goroutine.
type table struct {
	mu      sync.Mutex
	clients []string // the rows
	cells   map[string]map[string]tally
	skipped map[string]string // client to the missing package
}

// results is the table of this run.
var results = table{cells: map[string]map[string]tally{}, skipped: map[string]string{}}

func (r *table) add(client, feature string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	row := r.row(client)
	cell := row[feature]
	if ok {
		cell.passed++
	} else {
		cell.failed++
	}
	row[feature] = cell
}

func (r *table) skip(client, missing string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.row(client)
	r.skipped[client] = missing
}

// row is called with the lock held.
func (r *table) row(client string) map[string]tally {
	if r.cells[client] == nil {
		r.clients = append(r.clients, client)
		r.cells[client] = map[string]tally{}
	}
	return r.cells[client]
}

// print writes the tables: the number of checks passed, "1 of 3!" where some failed, "-" where the client has none. What was skipped follows.
func (r *table) print(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.clients)
	for _, columns := range features {
		r.printColumns(w, columns)
	}
	for _, client := range r.clients {
		if missing := r.skipped[client]; missing != "" {
			_, _ = fmt.Fprintf(w, "skipped: %s, %s is not installed\n", client, missing)
		}
	}
}

// printColumns writes a table of those that have a check in one of the columns.
func (r *table) printColumns(w io.Writer, columns []string) {
	rows := slices.DeleteFunc(slices.Clone(r.clients), func(client string) bool {
		return !slices.ContainsFunc(columns, func(feature string) bool { return r.cells[client][feature] != tally{} })
	})
	if len(rows) == 0 {
		return
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprint(tw, "\nchecks passed")
	for _, feature := range columns {
		_, _ = fmt.Fprint(tw, "\t", feature)
	}
	for _, client := range rows {
		_, _ = fmt.Fprint(tw, "\n", client)
		for _, feature := range columns {
			_, _ = fmt.Fprint(tw, "\t", r.cells[client][feature])
		}
	}
	_, _ = fmt.Fprintln(tw)
	_ = tw.Flush()
}

func (c tally) String() string {
	switch {
	case c.failed > 0:
		return fmt.Sprintf("%d of %d!", c.passed, c.passed+c.failed)
	case c.passed == 0:
		return "-"
	}
	return fmt.Sprint(c.passed)
}

// check runs a check of a client as a subtest, and counts it.
func check(t *testing.T, client, feature, what string, run func(t *testing.T)) {
	t.Helper()
	ok := t.Run(feature+"/"+what, run)
	results.add(client, feature, ok)
}

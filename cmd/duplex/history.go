package main

// This file holds the lines that were typed, in this run and earlier ones.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const maxHistory = 1000 // lines that a run remembers; the file is cut to them when it holds twice as many

// history is the lines that were typed, the oldest first. They are kept in a file, which two runs at a time may share: each line
// is appended when it is typed. It is used by one goroutine.
type history struct {
	path  string // "": nothing is kept
	lines []string
}

// A line in the file: a pasted one may have line ends in it.
var (
	toFile   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	fromFile = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

// loadHistory reads what earlier runs left in $XDG_STATE_HOME/duplex/history. Without a home directory nothing is kept.
func loadHistory() *history {
	h := new(history)
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) { // then it is to be ignored, says the XDG Base Directory Specification
		home, err := os.UserHomeDir()
		if err != nil {
			return h
		}
		dir = filepath.Join(home, ".local", "state")
	}
	h.path = filepath.Join(dir, "duplex", "history")
	data, err := os.ReadFile(h.path)
	if err != nil {
		return h // there is none yet
	}
	for line := range strings.Lines(string(data)) {
		h.lines = append(h.lines, fromFile.Replace(strings.TrimSuffix(line, "\n")))
	}
	if len(h.lines) > 2*maxHistory {
		h.cut()
	}
	return h
}

// cut leaves the latest lines, here and in the file.
func (h *history) cut() {
	h.lines = slices.Clone(h.lines[len(h.lines)-maxHistory:])
	var b strings.Builder
	for _, line := range h.lines {
		b.WriteString(toFile.Replace(line) + "\n")
	}
	fresh := h.path + ".new"
	if os.WriteFile(fresh, []byte(b.String()), 0o600) == nil {
		_ = os.Rename(fresh, h.path) // else the file stays long
	}
}

// add keeps a line, unless it is the same as the last or begins with a space, as in a shell. Only the user may read the file.
func (h *history) add(line string) {
	if line == "" || line[0] == ' ' || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if h.path == "" || os.MkdirAll(filepath.Dir(h.path), 0o700) != nil {
		return
	}
	f, err := os.OpenFile(h.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return // the next run has less history, no more
	}
	_, _ = f.WriteString(toFile.Replace(line) + "\n")
	_ = f.Close()
}

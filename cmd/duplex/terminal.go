package main

// This file holds the person's side of "duplex connect" and "duplex listen": a line editor whose prompt stays below what is printed,
// or plain lines where there is no terminal.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/term"
)

const (
	maxHistory = 1000     // lines
	maxLine    = 16 << 20 // bytes of a line of standard input
)

// console reads lines and prints. Printing may come from any goroutine.
type console struct {
	mu       sync.Mutex
	out      io.Writer // what the peer sends
	notes    io.Writer // all else
	readLine func() (string, error)
	restore  func()
	tty      bool
}

// newConsole returns a line editor if input and output are terminals, and else plain lines.
func newConsole(in io.Reader, out, notes io.Writer) (*console, error) {
	inFile, inOK := in.(*os.File)
	outFile, outOK := out.(*os.File)
	if inOK && outOK && term.IsTerminal(int(inFile.Fd())) && term.IsTerminal(int(outFile.Fd())) {
		return newEditor(inFile, outFile)
	}
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, maxLine)
	readLine := func() (string, error) {
		if scanner.Scan() {
			return scanner.Text(), nil
		}
		if err := scanner.Err(); err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		return "", io.EOF
	}
	return &console{out: out, notes: notes, readLine: readLine, restore: func() {}}, nil
}

// newEditor puts the terminal into raw mode; restore ends that.
func newEditor(in, out *os.File) (*console, error) {
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	editor := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "> ")
	if width, height, err := term.GetSize(int(out.Fd())); err == nil {
		_ = editor.SetSize(width, height)
	}
	editor.SetBracketedPasteMode(true)
	past := loadHistory()
	editor.History = past
	readLine := func() (string, error) {
		line, err := editor.ReadLine()
		if errors.Is(err, term.ErrPasteIndicator) { // a line like any other
			err = nil
		}
		return line, err
	}
	restore := func() {
		editor.SetBracketedPasteMode(false)
		_ = term.Restore(int(in.Fd()), state)
		past.save()
	}
	return &console{out: editor, notes: editor, readLine: readLine, restore: restore, tty: true}, nil
}

// Colours of what is printed, where there is a terminal and NO_COLOR is not set.
const (
	plain  = ""
	bright = "\x1b[36m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
)

// message prints what the peer sent, as a line, or as it is.
func (c *console) message(text string) { c.write(c.out, bright, text) }

// note prints what is not the peer's.
func (c *console) note(format string, a ...any) { c.write(c.notes, dim, fmt.Sprintf(format, a...)) }

// trouble prints what went wrong.
func (c *console) trouble(format string, a ...any) { c.write(c.notes, red, fmt.Sprintf(format, a...)) }

func (c *console) write(w io.Writer, colour, text string) {
	text = strings.TrimSuffix(text, "\n")
	if colour != plain && c.tty && os.Getenv("NO_COLOR") == "" {
		text = colour + text + "\x1b[0m"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.WriteString(w, text+"\n")
}

// history is the lines of earlier runs and this one, the latest first. It is a term.History.
type history struct {
	mu    sync.Mutex
	path  string // "": it is not kept
	lines []string
}

// loadHistory reads what earlier runs left, if they could.
func loadHistory() *history {
	h := new(history)
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
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
		h.Add(strings.TrimSuffix(line, "\n"))
	}
	return h
}

// save keeps the lines for the next run. Only the user may read them.
func (h *history) save() {
	if h.path == "" || os.MkdirAll(filepath.Dir(h.path), 0o700) != nil {
		return
	}
	var b strings.Builder
	for i := h.Len() - 1; i >= 0; i-- {
		b.WriteString(h.At(i) + "\n")
	}
	_ = os.WriteFile(h.path, []byte(b.String()), 0o600) // without it the next run has no history, no more
}

// Add keeps a line.
func (h *history) Add(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if line == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if len(h.lines) > maxHistory {
		h.lines = h.lines[1:]
	}
}

// Len returns the number of lines.
func (h *history) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.lines)
}

// At returns a line; 0 is the latest.
func (h *history) At(i int) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lines[len(h.lines)-1-i]
}

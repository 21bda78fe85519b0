package main

// This file holds the person's side of "duplex connect" and "duplex listen": a line editor where there is a terminal, plain lines
// where there is none, and the colours of what is printed.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

const maxLine = 64 << 20 // bytes of a line of standard input

// console reads lines and prints. Lines are for one goroutine to read; printing may come from any.
type console struct {
	out   sink // what the peer sends
	notes sink // all else

	lines  *bufio.Scanner // nil: editor reads
	editor *editor        // nil: there is no terminal to type at
	begin  func() (end func(), err error)

	mu   sync.Mutex // guards what follows, and writing
	end  func()     // ends the editing; nil: it has not begun
	over bool       // it must not begin any more
}

// sink is where one kind of output goes.
type sink struct {
	w        io.Writer
	terminal bool
	colour   bool
}

// style is how something looks on a terminal.
type style string

const (
	plain     style = ""
	faint     style = "\x1b[2m"
	incoming  style = "\x1b[36m" // what the peer sends
	outgoing  style = "\x1b[32m" // what we send
	emphatic  style = "\x1b[1m"
	alarming  style = "\x1b[31m"
	styleOver       = "\x1b[0m"
)

// newConsole returns a console that edits if both input and output are a terminal.
func newConsole(in io.Reader, out, notes io.Writer) *console {
	c := &console{out: newSink(out), notes: newSink(notes)}
	if f, ok := in.(*os.File); ok && c.out.terminal && isTerminal(f) {
		c.edit(f, out.(*os.File)) //nolint:errcheck,forcetypeassert // a terminal is one
		return c
	}
	c.lines = bufio.NewScanner(in)
	c.lines.Buffer(nil, maxLine)
	c.lines.Split(splitLines)
	return c
}

func newSink(w io.Writer) sink {
	f, ok := w.(*os.File)
	terminal := ok && isTerminal(f)
	return sink{w: w, terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == ""}
}

// isTerminal reports whether f is a terminal that can move its cursor.
func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// edit prepares the editor. The terminal stays as it is until the first line is asked for: Ctrl-C works until then.
func (c *console) edit(in, out *os.File) {
	columns := func() int {
		width, _, err := term.GetSize(int(out.Fd()))
		if err != nil {
			return 0
		}
		return width
	}
	c.editor = &editor{in: in, out: out, columns: columns, past: loadHistory()}
	c.begin = func() (func(), error) {
		state, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return nil, err
		}
		const pastesOn, pastesOff = "\x1b[?2004h", "\x1b[?2004l" // mark pastes as such ("bracketed paste")
		_, _ = out.WriteString(pastesOn)
		stopWatching := watchSize(c.editor.resized)
		return func() {
			stopWatching()
			c.editor.stop()
			_ = term.Restore(int(in.Fd()), state)
			_, _ = out.WriteString(pastesOff)
		}, nil
	}
}

// splitLines is bufio.ScanLines, but leaves a carriage return alone: it may belong to a binary message.
func splitLines(data []byte, atEnd bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEnd && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// interactive reports whether somebody types.
func (c *console) interactive() bool { return c.editor != nil }

// readLine returns the next line, without its end. Its error is io.EOF at the end of input; see also editor.
func (c *console) readLine() (string, error) {
	if c.editor != nil {
		if err := c.start(); err != nil {
			return "", err
		}
		return c.editor.readLine()
	}
	if c.lines.Scan() {
		return c.lines.Text(), nil
	}
	if err := c.lines.Err(); err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return "", io.EOF
}

// start begins the editing, once.
func (c *console) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return io.EOF
	}
	if c.end != nil {
		return nil
	}
	var err error
	c.end, err = c.begin()
	return err
}

// stop gives the terminal back as it was. What is printed after it is printed plainly.
func (c *console) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil && !c.over {
		c.end()
	}
	c.over = true
}

// message prints what the peer sent.
func (c *console) message(text string) { c.write(c.out, paint(c.out, incoming, text)+"\n") }

// note prints what is not the peer's.
func (c *console) note(format string, a ...any) {
	c.write(c.notes, paint(c.notes, faint, fmt.Sprintf(format, a...))+"\n")
}

// trouble prints what went wrong.
func (c *console) trouble(format string, a ...any) {
	c.write(c.notes, paint(c.notes, alarming, fmt.Sprintf(format, a...))+"\n")
}

// write writes whole lines, or bytes as they are, which others do not mix with.
func (c *console) write(to sink, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.terminal && c.end != nil && !c.over {
		c.editor.print(text)
		return
	}
	_, _ = io.WriteString(to.w, text)
}

// paint gives text a style, if where it goes has any.
func paint(to sink, as style, text string) string {
	if !to.colour || as == plain || text == "" {
		return text
	}
	return string(as) + strings.TrimSuffix(text, "\n") + styleOver + text[len(strings.TrimSuffix(text, "\n")):]
}

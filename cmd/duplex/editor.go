package main

// This file holds a line editor that keeps to one row of the terminal: a longer line scrolls sideways. What is printed meanwhile
// goes above it. What is typed goes into the line or does something, and is never left out in silence.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// errInterrupted is what readLine returns after Ctrl-C on an empty line.
var errInterrupted = errors.New("interrupted")

const (
	prompt    = "> "
	clearRow  = "\r\x1b[J" // and what is below it
	maxEchoed = 4          // rows of a line that stay on the screen when it is done
)

// editor reads lines from a terminal in raw mode. readLine is for one goroutine, the other methods for any.
type editor struct {
	in      io.Reader
	out     io.Writer
	columns func() int // of the terminal
	past    *history

	mu      sync.Mutex
	input   []byte // read, and not handled yet
	pasting bool   // input is a paste under way
	refused []byte // of input, because it is not UTF-8
	line    []rune
	pos     int    // of the cursor in line
	recall  int    // how far back in the history line is from; 0: it is not
	draft   []rune // the line that is not from the history, meanwhile
	shown   bool   // the prompt is on the screen
	column  int    // of the cursor there
}

// readLine returns the next line. Its error is io.EOF after Ctrl-D on an empty line, errInterrupted after Ctrl-C on one, or the terminal's.
func (e *editor) readLine() (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shown = true
	for buf := make([]byte, 4096); ; {
		line, done, err := e.handleInput()
		if done || err != nil {
			return line, err
		}
		e.draw()
		e.mu.Unlock()
		n, err := e.in.Read(buf)
		e.mu.Lock()
		e.input = append(e.input, buf[:n]...)
		if err != nil && n == 0 {
			e.hide()
			return "", err
		}
	}
}

// handleInput does what the input says, up to the end of a line or of the input.
func (e *editor) handleInput() (line string, done bool, err error) {
	for {
		if e.pasting && !e.handlePaste() {
			return "", false, nil
		}
		k, n := nextKey(e.input)
		if n == 0 {
			return "", false, nil
		}
		typed := e.input[:n]
		e.input = e.input[n:]
		switch k {
		case keyEnter, keyCtrlJ:
			return e.enter(), true, nil
		case keyCtrlC:
			if len(e.line) == 0 {
				e.hide()
				return "", false, errInterrupted
			}
			e.done("^C")
			e.shown = true
		case keyCtrlD:
			if len(e.line) == 0 {
				e.hide()
				return "", false, io.EOF
			}
			e.erase(e.pos, e.pos+1)
		case keyPaste:
			e.pasting = true
		case keyInvalid:
			e.refused = append(e.refused, typed...)
		default:
			e.press(k)
		}
	}
}

// handlePaste puts a paste that has come whole into the line, its line ends too. Those at its end are left out: who copies a
// line often copies them along.
func (e *editor) handlePaste() bool {
	pasted, rest, whole := bytes.Cut(e.input, []byte("\x1b[201~"))
	if !whole {
		return false
	}
	e.pasting = false
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(pasted))
	text = strings.TrimRight(text, "\n")
	var runes []rune
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(r)) {
			e.refused = append(e.refused, text[i])
			continue
		}
		runes = append(runes, r)
	}
	e.insert(runes...)
	e.input = rest
	return true
}

// press does what a key says that does not end the line.
func (e *editor) press(k key) {
	switch k {
	case keyCtrlA, keyHome:
		e.pos = 0
	case keyCtrlE, keyEnd:
		e.pos = len(e.line)
	case keyLeft, keyCtrlB:
		e.pos = max(0, e.pos-1)
	case keyRight, keyCtrlF:
		e.pos = min(len(e.line), e.pos+1)
	case keyWordLeft:
		e.pos = e.wordStart()
	case keyWordRight:
		e.pos = e.wordEnd()
	case keyBackspace, keyCtrlH:
		e.erase(e.pos-1, e.pos)
	case keyDelete:
		e.erase(e.pos, e.pos+1)
	case keyCtrlW, keyAltBackspace:
		e.erase(e.wordStart(), e.pos)
	case keyCtrlK:
		e.erase(e.pos, len(e.line))
	case keyCtrlU:
		e.erase(0, e.pos)
	case keyUp, keyCtrlP:
		e.remember(+1)
	case keyDown, keyCtrlN:
		e.remember(-1)
	case keyCtrlL:
		e.write("\x1b[H\x1b[2J")
	case keyAltEnter:
		e.insert('\n')
	default:
		if k >= ' ' || k == keyTab {
			e.insert(rune(k))
		}
	}
}

func (e *editor) insert(r ...rune) {
	e.line = slices.Insert(e.line, e.pos, r...)
	e.pos += len(r)
}

// erase takes line[from:to] out, as far as there is such a thing. The cursor is at one of its ends.
func (e *editor) erase(from, to int) {
	from, to = max(0, from), min(len(e.line), to)
	if from < to {
		e.line = slices.Delete(e.line, from, to)
		e.pos = from
	}
}

func (e *editor) wordStart() int {
	i := e.pos
	for i > 0 && e.line[i-1] == ' ' {
		i--
	}
	for i > 0 && e.line[i-1] != ' ' {
		i--
	}
	return i
}

func (e *editor) wordEnd() int {
	i := e.pos
	for i < len(e.line) && e.line[i] == ' ' {
		i++
	}
	for i < len(e.line) && e.line[i] != ' ' {
		i++
	}
	return i
}

// remember goes back in the history, or forth.
func (e *editor) remember(by int) {
	to := e.recall + by
	if to < 0 || to > len(e.past.lines) {
		return
	}
	if e.recall == 0 {
		e.draft = e.line
	}
	e.recall = to
	if to == 0 {
		e.line = e.draft
	} else {
		e.line = []rune(e.past.lines[len(e.past.lines)-to])
	}
	e.pos = len(e.line)
}

// enter ends the line and returns it.
func (e *editor) enter() string {
	line := string(e.line)
	e.done("")
	e.past.add(line)
	return line
}

// done leaves the line on the screen, with a mark, and begins an empty one.
func (e *editor) done(mark string) {
	room := e.width()*maxEchoed - len(prompt) - 30
	n := fit(e.line, room)
	rest := ""
	if n < len(e.line) {
		rest = fmt.Sprintf("… (%d characters)", len(e.line))
	}
	e.write(clearRow + prompt + picture(e.line[:n]) + rest + mark + "\r\n")
	e.line, e.pos, e.recall, e.shown, e.column = nil, 0, 0, false, 0
}

// hide takes the prompt off the screen, but leaves what was typed there.
func (e *editor) hide() {
	if len(e.line) > 0 {
		e.done("")
	} else if e.shown {
		e.write(clearRow)
	}
	e.shown = false
}

// stop ends the editing, for good.
func (e *editor) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hide()
}

// print prints whole lines above the prompt.
func (e *editor) print(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.printLocked(text)
}

func (e *editor) printLocked(text string) {
	text = strings.ReplaceAll(text, "\n", "\r\n")
	if !e.shown {
		e.write(text)
		return
	}
	e.write(clearRow + text + e.row())
}

// resized draws the row anew. The terminal has wrapped it if it became too long.
func (e *editor) resized() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if up := e.column / e.width(); up > 0 && e.shown {
		e.write(fmt.Sprintf("\x1b[%dA", up))
	}
	e.draw()
}

// draw shows the line as it is now, and what was left out of it.
func (e *editor) draw() {
	if len(e.refused) > 0 {
		text := fmt.Sprintf("left out, because text must be UTF-8 and this is not: % x (/binary sends bytes)\n", e.refused[:min(16, len(e.refused))])
		e.refused = nil
		e.printLocked(text)
		return
	}
	if e.shown {
		e.write(clearRow + e.row())
	}
}

// row returns the prompt, as much of the line as there is room for, and the way of the cursor to its place.
func (e *editor) row() string {
	room := e.width() - len(prompt) - 1
	start, used := e.pos, 0
	for start > 0 && used+cells(e.line[start-1]) <= room {
		start--
		used += cells(e.line[start])
	}
	end := start + fit(e.line[start:], room)
	e.column = len(prompt) + used
	return fmt.Sprintf("%s%s\r\x1b[%dC", prompt, picture(e.line[start:end]), e.column)
}

// width returns the columns of the terminal, or those of a usual one if it does not know.
func (e *editor) width() int {
	if n := e.columns(); n > len(prompt)+2 {
		return n
	}
	return 80
}

func (e *editor) write(s string) { _, _ = io.WriteString(e.out, s) }

// fit returns how many of the runes there is room for.
func fit(line []rune, room int) int {
	for i, r := range line {
		if room -= cells(r); room < 0 {
			return i
		}
	}
	return len(line)
}

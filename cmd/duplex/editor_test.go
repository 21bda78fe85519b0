package main

// This file tests the line editor without a terminal: keys go in, lines and what is drawn come out.

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// edited types input into an editor on a terminal of 40 columns, and returns the lines, what was drawn, and the error at the end.
func edited(input io.Reader, past ...string) (lines []string, drawn string, err error) {
	var out strings.Builder
	e := &editor{in: input, out: &out, columns: func() int { return 40 }, past: &history{lines: past}}
	for {
		line, err := e.readLine()
		if err != nil {
			return lines, out.String(), err
		}
		lines = append(lines, line)
	}
}

func TestEditorKeys(t *testing.T) {
	past := []string{"first", "second"}
	for name, test := range map[string]struct{ typed, want string }{
		"plain":                {"hello\r", "hello"},
		"line feed":            {"hello\n", "hello"},
		"empty":                {"\r", ""},
		"UTF-8":                {"你好 😀\r", "你好 😀"},
		"tab":                  {"a\tb\r", "a\tb"},
		"backspace":            {"你x\x7f\x7f\x7fy\r", "y"},
		"left and right":       {"ac\x1b[Db\x1b[Cd\r", "abcd"},
		"application cursor":   {"ac\x1bODb\x1bOCd\r", "abcd"},
		"home and end":         {"b\x1b[Ha\x1b[Fc\r", "abc"},
		"home and end of tmux": {"b\x1b[1~a\x1b[4~c\r", "abc"},
		"Ctrl-A and Ctrl-E":    {"b\x01a\x05c\r", "abc"},
		"Ctrl-B and Ctrl-F":    {"ac\x02b\x06d\r", "abcd"},
		"delete":               {"abc\x01\x1b[3~\x04\r", "c"},
		"by words":             {"one two three\x1b[1;5D\x1bbX\x1b[1;5C\x1bfY\r", "one Xtwo threeY"},
		"Ctrl-W":               {"one two  \x17X\r", "one X"},
		"Alt-Backspace":        {"one two\x1b\x7fX\r", "one X"},
		"Ctrl-U":               {"abc\x02\x15\r", "c"},
		"Ctrl-K":               {"abc\x02\x0b\r", "ab"},
		"Alt-Enter":            {"one\x1b\rtwo\r", "one\ntwo"},
		"Ctrl-C":               {"not this\x03this\r", "this"},
		"up":                   {"\x1b[A\r", "second"},
		"up and up":            {"\x10\x10\x10\r", "first"},
		"down to the draft":    {"dra\x1b[A\x1b[A\x1b[B\x1b[Bft\r", "draft"},
		"changed history":      {"\x1b[A!\r", "second!"},
		"escape alone":         {"\x1b", ""},
		"unknown keys":         {"a\x1b[15~\x1b[5~\x1bx\x1b[Z\x00\x1db\r", "ab"},
		"paste":                {"a\x1b[200~b\r\n\tc\rd\x03\x1b[31m\n\x1b[201~e\r", "ab\n\tc\nd\x03\x1b[31me"},
		"empty paste":          {"a\x1b[200~\x1b[201~\r", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, drawn, err := edited(strings.NewReader(test.typed), past...)
			if got := strings.Join(lines, "|"); got != test.want || err == nil {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
			if strings.ContainsAny(drawn, "\x00\x03\t") {
				t.Errorf("a control character was drawn: %q", drawn)
			}
		})
	}
}

// TestEditorIsCutAnywhere has everything but the escape sequences come a byte at a time: those a terminal sends in one piece.
func TestEditorIsCutAnywhere(t *testing.T) {
	lines, _, _ := edited(iotest.OneByteReader(strings.NewReader("你好 😀\x7f!\rnext\r")))
	if want := []string{"你好 !", "next"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	pasted := io.MultiReader(strings.NewReader("\x1b[200~one\xe4"), strings.NewReader("\xbd\xa0\rtw"), strings.NewReader("o\x1b["), strings.NewReader("201~\r"))
	if lines, _, _ = edited(pasted); len(lines) != 1 || lines[0] != "one你\ntwo" {
		t.Errorf("a paste in pieces: %q", lines)
	}
}

func TestEditorEnds(t *testing.T) {
	for typed, want := range map[string]error{"\x04": io.EOF, "x\r\x04": io.EOF, "\x03": errInterrupted, "x\x03\x03": errInterrupted} {
		if _, _, err := edited(strings.NewReader(typed + "more")); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", typed, err, want)
		}
	}
	if _, drawn, _ := edited(strings.NewReader("half")); !strings.HasSuffix(drawn, "> half\r\n") {
		t.Errorf("what was typed is not left on the screen: %q", drawn)
	}
}

// TestEditorLeavesNothingOutInSilence types and pastes what is not UTF-8.
func TestEditorLeavesNothingOutInSilence(t *testing.T) {
	for _, typed := range []string{"a\xffb\r", "a\x1b[200~\xff\x1b[201~b\r"} {
		lines, drawn, _ := edited(strings.NewReader(typed))
		if len(lines) != 1 || lines[0] != "ab" {
			t.Errorf("%q: got %q", typed, lines)
		}
		if !strings.Contains(drawn, "left out, because text must be UTF-8 and this is not: ff") {
			t.Errorf("%q: nothing is said: %q", typed, drawn)
		}
	}
}

func TestEditorTakesLongLines(t *testing.T) {
	long := strings.Repeat("0123456789", 1<<15)
	lines, drawn, _ := edited(strings.NewReader(long + "\r\x1b[200~" + long + "\x1b[201~\r"))
	if len(lines) != 2 || lines[0] != long || lines[1] != long {
		t.Fatalf("%d lines came", len(lines))
	}
	if limit := len(long) / 10; len(drawn) > limit {
		t.Errorf("%d bytes were drawn, want %d at most", len(drawn), limit)
	}
	if !strings.Contains(drawn, "… (327680 characters)\r\n") {
		t.Error("the line that was cut is not marked")
	}
}

// TestEditorKeepsToOneRow scrolls sideways, counts wide characters as two columns and shows what is not printed.
func TestEditorKeepsToOneRow(t *testing.T) {
	for name, test := range map[string]struct{ typed, row string }{
		"short":          {"hello", "> hello\r\x1b[7C"},
		"at the start":   {"hello\x01", "> hello\r\x1b[2C"},
		"wide":           {"a你😀\x02", "> a你😀\r\x1b[5C"},
		"joined":         {"é\u200d", "> é\u200d\r\x1b[3C"},
		"control":        {"\t\x1b[200~\n\x1b\x7f\u202e\x1b[201~", "> ␉␊␛␡□\r\x1b[7C"},
		"scrolled":       {strings.Repeat("x", 50) + "end", "> " + strings.Repeat("x", 34) + "end\r\x1b[39C"},
		"scrolled back":  {"start" + strings.Repeat("x", 50) + "\x01", "> start" + strings.Repeat("x", 32) + "\r\x1b[2C"},
		"scrolled, wide": {strings.Repeat("你", 50), "> " + strings.Repeat("你", 18) + "\r\x1b[38C"},
	} {
		_, drawn, _ := edited(strings.NewReader(test.typed))
		rows := strings.Split(drawn, clearRow)
		if got := rows[len(rows)-2]; got != test.row { // the last is what stays
			t.Errorf("%s: drawn %q, want %q", name, got, test.row)
		}
	}
}

func TestEditorPrintsAbove(t *testing.T) {
	in, typing := io.Pipe()
	drawn := make(chan string, 100)
	e := &editor{in: in, out: writerFunc(func(p []byte) { drawn <- string(p) }), columns: func() int { return 40 }, past: new(history)}
	e.print("before\n")
	lines := make(chan string)
	go func() {
		for {
			line, err := e.readLine()
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	expect := func(want string) {
		t.Helper()
		if got := <-drawn; got != want {
			t.Errorf("drawn %q, want %q", got, want)
		}
	}
	expect("before\r\n")
	expect(clearRow + "> \r\x1b[2C")
	_, _ = io.WriteString(typing, "ha")
	expect(clearRow + "> ha\r\x1b[4C")
	e.print("one\ntwo\n")
	expect(clearRow + "one\r\ntwo\r\n> ha\r\x1b[4C")
	e.resized()
	expect(clearRow + "> ha\r\x1b[4C")
	_, _ = io.WriteString(typing, "lf\r")
	expect(clearRow + "> half\r\n")
	if line := <-lines; line != "half" {
		t.Errorf("the line is %q", line)
	}
	_ = typing.Close()
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestHistoryLastsAcrossRuns(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	first, second := loadHistory(), loadHistory() // at the same time
	first.add("one")
	second.add(`two\n`)
	first.add("three\nlines\r\n")
	for _, line := range []string{"", " a secret", "three\nlines\r\n"} {
		first.add(line)
	}
	if got, want := loadHistory().lines, []string{"one", `two\n`, "three\nlines\r\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	path := filepath.Join(dir, "duplex", "history")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read it", info.Mode(), err)
	}
	for range 3 * maxHistory {
		first.add("odd")
		first.add("even")
	}
	if got := loadHistory().lines; len(got) != maxHistory || got[maxHistory-1] != "even" {
		t.Errorf("%d lines are left, the last %q", len(got), got[len(got)-1])
	}
	if data, err := os.ReadFile(path); err != nil || strings.Count(string(data), "\n") != maxHistory {
		t.Errorf("the file was not cut: %v", err)
	}
}

// TestHistoryWithoutAHome remembers all the same, for the run.
func TestHistoryWithoutAHome(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "")
	h := loadHistory()
	h.add("one")
	if len(h.lines) != 1 || h.path != "" {
		t.Errorf("%q at %q", h.lines, h.path)
	}
}

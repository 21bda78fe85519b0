// Package script runs a machine by scripts, so that a test reads like the conversation that it tests:
//
//	-- a ping is answered          # a section: a new machine
//	feed 8904 "ding"               # a command, with its arguments
//	event ping "ding"              # what it must answer, line by line
//	sent 8a04 "ding"
//
// Which commands there are and what they answer, the protocol's test says. Every line whose first word is no command is
// an answer expected of the command above it, and nothing but the expected lines may come. Spaces between words
// do not count; # begins a comment; quotes are Go's.
//
// This file holds all of it: what a script is, how it is read, how it is run.
package script

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Args are the words after a command, as they stand in the script.
type Args []string

// Bytes returns what the words say, joined: quoted ones as their text, others as hexadecimal digits.
func (a Args) Bytes() ([]byte, error) {
	var b []byte
	for _, word := range a {
		if s, err := strconv.Unquote(word); err == nil {
			b = append(b, s...)
			continue
		}
		var err error
		if b, err = hex.AppendDecode(b, []byte(word)); err != nil {
			return nil, fmt.Errorf("%s is neither quoted nor hexadecimal", word)
		}
	}
	return b, nil
}

// A Command does what one line says and returns the lines that it answers. An error means that the script is wrong.
type Command func(Args) (answer string, err error)

// Section is one conversation with a new machine.
type Section struct {
	Name  string
	Steps []Step
}

// Step is a command, or, if Command is no command's name, an answer.
type Step struct {
	Where   string // file:line
	Command string
	Args    Args
}

func (s Step) String() string {
	return strings.Join(append([]string{s.Command}, s.Args...), " ")
}

// Parse reads a script. The name is only for messages.
func Parse(name, text string) ([]Section, error) {
	var sections []Section
	for i, line := range strings.Split(text, "\n") {
		where := fmt.Sprintf("%s:%d", name, i+1)
		words, err := split(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", where, err)
		case len(words) == 0:
		case words[0] == "--":
			sections = append(sections, Section{Name: strings.Join(words[1:], " ")})
		case len(sections) == 0:
			return nil, fmt.Errorf("%s: a line before the first section", where)
		default:
			s := &sections[len(sections)-1]
			s.Steps = append(s.Steps, Step{where, words[0], words[1:]})
		}
	}
	return sections, nil
}

// split returns the words of a line; quoted ones keep their quotes.
func split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		word := line
		if i := strings.IndexAny(line, " \t\r\n"); i >= 0 {
			word = line[:i]
		}
		if line[0] == '"' || line[0] == '`' {
			var err error
			if word, err = strconv.QuotedPrefix(line); err != nil {
				return nil, fmt.Errorf("a quote that does not end: %s", line)
			}
		}
		words = append(words, word)
		line = line[len(word):]
	}
}

// Run runs the section and returns an error that tells the first line where it went another way.
func (s Section) Run(commands map[string]Command) error {
	for steps := s.Steps; len(steps) > 0; {
		step := steps[0]
		command, ok := commands[step.Command]
		if !ok {
			return fmt.Errorf("%s: %s is an answer to no command", step.Where, step)
		}
		n := 1
		for n < len(steps) && commands[steps[n].Command] == nil {
			n++
		}
		answer, err := command(step.Args)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", step.Where, step, err)
		}
		if err := compare(step, steps[1:n], answer); err != nil {
			return err
		}
		steps = steps[n:]
	}
	return nil
}

// compare holds the answer to a step against the lines expected.
func compare(step Step, want []Step, answer string) error {
	var got []string
	for line := range strings.Lines(answer) {
		words, err := split(line)
		if err != nil {
			return fmt.Errorf("%s: %s: the answer has %w", step.Where, step, err)
		}
		if len(words) > 0 {
			got = append(got, strings.Join(words, " "))
		}
	}
	for i := range max(len(got), len(want)) {
		where, w, g := step.Where, "nothing more", "nothing more"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			where, w = want[i].Where, want[i].String()
		}
		if g != w {
			return fmt.Errorf("%s: %s:\n got %s\nwant %s\nthe whole answer:\n%s", where, step, g, w, strings.Join(got, "\n"))
		}
	}
	return nil
}

// Run runs the scripts that the pattern matches, each section as a subtest with the commands of a machine made for it.
func Run(t *testing.T, pattern string, start func(t *testing.T) map[string]Command) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no script matches %s", pattern)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sections, err := Parse(file, string(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sections {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+s.Name, func(t *testing.T) {
				if err := s.Run(start(t)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

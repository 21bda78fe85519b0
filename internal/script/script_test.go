// Tests of the runner, most of them of what it says when something is wrong.

package script

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
)

// counter is a machine that counts the bytes that it is fed.
func counter(*testing.T) map[string]Command {
	n := 0
	return map[string]Command{
		"feed": func(a Args) (string, error) {
			p, err := a.Bytes()
			n += len(p)
			return fmt.Sprintf("count %d", n), err
		},
		"ask": func(a Args) (answer string, err error) {
			if len(a) != 1 {
				return "", errors.New("want one number")
			}
			left, err := strconv.Atoi(a[0])
			for ; left > 0; left-- {
				answer += fmt.Sprintf("left   %d\n", left)
			}
			return answer, err
		},
	}
}

func TestRun(t *testing.T) {
	Run(t, "testdata/*.txt", counter)
}

func TestWrong(t *testing.T) {
	tests := []struct{ script, want string }{
		{"feed 00", "x.txt:1: a line before the first section"},
		{"-- a\nfeed \"x", "x.txt:2: a quote that does not end: \"x"},
		{"-- a\n\ncount 1", "x.txt:3: count 1 is an answer to no command"},
		{"-- a\nfeed 0", "x.txt:2: feed 0: 0 is neither quoted nor hexadecimal"},
		{"-- a\nask", "x.txt:2: ask: want one number"},
		{"-- a\nfeed 00\ncount 1\nfeed 00\n\ncount 1", "x.txt:6: feed 00:\n got count 2\nwant count 1\nthe whole answer:\ncount 2"},
		{"-- a\nfeed 00\n", "x.txt:2: feed 00:\n got count 1\nwant nothing more\nthe whole answer:\ncount 1"},
		{"-- a\nask 1\nleft 1\nleft 0", "x.txt:4: ask 1:\n got nothing more\nwant left 0\nthe whole answer:\nleft 1"},
		{"-- a\nask 1\nleft 1\n-- b\nfeed 00\nfead 00", "x.txt:6: feed 00:\n got count 1\nwant fead 00\nthe whole answer:\ncount 1"},
	}
	for _, tt := range tests {
		sections, err := Parse("x.txt", tt.script)
		for _, s := range sections {
			if err == nil {
				err = s.Run(counter(t))
			}
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %s", tt.script, err, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	sections, err := Parse("x.txt", "# first\n--  one  two\r\n\n\tfeed `a\"b` \"c\\\" #\"#d\n--\n")
	if err != nil || len(sections) != 2 || sections[0].Name != "one two" || len(sections[0].Steps) != 1 {
		t.Fatalf("got %+v, %v", sections, err)
	}
	step := sections[0].Steps[0]
	if got := step.String(); got != "feed `a\"b` \"c\\\" #\"" || step.Where != "x.txt:4" {
		t.Errorf("got %s at %s", got, step.Where)
	}
	if got, err := step.Args.Bytes(); string(got) != "a\"bc\" #" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if sections[1].Name != "" || len(sections[1].Steps) != 0 {
		t.Errorf("an empty section: %+v", sections[1])
	}
}

package chat

// This file tests ids, the tokens that prove them, names made fit to show, and the token bucket.

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

var uuidV4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestIDIsARandomUUID(t *testing.T) {
	seen := map[string]bool{}
	for range 10000 {
		id := newID()
		if !uuidV4.MatchString(id) {
			t.Fatalf("%q is no UUID of version 4", id)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
}

func TestTokenProvesItsIDOnly(t *testing.T) {
	n, other := newNotary(), newNotary()
	id, token := "a", n.token("a")
	if !n.valid(id, token) {
		t.Error("the token does not prove its id")
	}
	for _, bad := range [][2]string{{"b", token}, {"a", ""}, {"a", token[1:]}, {"a", token + "x"}, {"a", other.token("a")}, {"", token}} {
		if n.valid(bad[0], bad[1]) {
			t.Errorf("valid(%q, %q)", bad[0], bad[1])
		}
	}
}

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"Ann":                                 "Ann",
		"  Ann \t\n  Lee ":                    "Ann Lee",
		"游客":                                  "游客",
		"Ann\u202egnp.exe":                    "Anngnp.exe", // right-to-left override
		"A\u200bn\u200dn\ufeff":               "Ann",        // zero width
		"\u2066Ann\u2069":                     "Ann",        // isolates
		"A\x00n\x1b[2Jn\u009b":                "An[2Jn",     // control characters
		"\u3164\u115f\u034f":                  "",           // fillers that show nothing
		"a\ufe0fb\U000e0100":                  "ab",         // variation selectors
		"z" + strings.Repeat("\u0301", 50):    "z\u0301\u0301\u0301",
		"<img src=x onerror=alert(1)>":        "<img src=x onerror=alert(1)>", // escaped where it is shown
		strings.Repeat("x", 100):              strings.Repeat("x", 32),
		strings.Repeat("好", 100):              strings.Repeat("好", 32),
		"a\u2028b\u2029c":                     "a b c",
		string([]byte{'a', 0xff, 'b'}):        "ab",
		strings.Repeat("x", 31) + " y and on": strings.Repeat("x", 31),
	} {
		if got := cleanName(in); got != want {
			t.Errorf("cleanName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"hello\nworld\t!":   "hello\nworld\t!",
		" \n hi \n ":        "hi",
		"\x00\x1b[31mred":   "[31mred",
		"\u009b2J\x7f":      "2J",
		"👩‍👩‍👧":             "👩‍👩‍👧", // joiners make one picture of many
		"\r\n":              "",
		"<b>&amp;</b>":      "<b>&amp;</b>",
		"\u202eabc\u202c d": "\u202eabc\u202c d", // the page shows each message in isolation
	} {
		if got := cleanText(in); got != want {
			t.Errorf("cleanText(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Unix(1e9, 0)
	take := func(n int) (taken int) {
		for range n {
			if b.take(now, 10, 20) {
				taken++
			}
		}
		return taken
	}
	if n := take(100); n != 20 {
		t.Errorf("%d at once, want 20", n)
	}
	now = now.Add(time.Second)
	if n := take(100); n != 10 {
		t.Errorf("%d a second later, want 10", n)
	}
	now = now.Add(time.Hour)
	if n := take(100); n != 20 {
		t.Errorf("%d after an hour, want 20", n)
	}
	now = now.Add(-time.Hour)
	if n := take(1); n != 0 {
		t.Error("a clock that went back gave a token")
	}
}

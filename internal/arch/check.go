// The judge: it compares what packages use with the table.

package arch

import (
	"fmt"
	"slices"
	"strings"
)

// A Use is one package using another, at one place.
type Use struct {
	From string // the package, such as ./proto/ws
	File string // the file's path in the repository
	Line int
	Test bool   // the file is a _test.go file
	To   string // the package used: ./proto/ws for one of ours, else its import path
	Name string // what is used of it; empty for the import itself
}

// Check returns a line for each use that the rules forbid and no exception allows, and for each exception whose file
// exists but has no need of it any more.
func Check(rules []Rule, exceptions []Exception, uses []Use) []string {
	var problems []string
	files, needed := map[string]bool{}, map[Exception]bool{}
	for _, u := range uses {
		files[u.File] = true
		for _, r := range rules {
			if !r.forbids(u) {
				continue
			}
			allowed := func(e Exception) bool { return e.File == u.File && e.Import == u.To && u.Name == "" }
			if i := slices.IndexFunc(exceptions, allowed); i >= 0 {
				needed[exceptions[i]] = true
				continue
			}
			what := strings.TrimSuffix(u.To+"."+u.Name, ".")
			problems = append(problems, fmt.Sprintf("%s:%d: %s must not use %s: %s", u.File, u.Line, u.From, what, r.Why))
		}
	}
	for _, e := range exceptions {
		if files[e.File] && !needed[e] {
			problems = append(problems, fmt.Sprintf("%s: the exception for %s is not needed any more", e.File, e.Import))
		}
	}
	return problems
}

func (r *Rule) forbids(u Use) bool {
	x, ok := matchAny(r.From, "", u.From)
	if !ok {
		return false
	}
	if _, ok = matchAny(r.Except, "", u.From); ok {
		return false
	}
	if u.Name != "" {
		return !u.Test && slices.Contains(r.Calls, u.To+"."+u.Name)
	}
	if _, ok = matchAny(r.Never, x, u.To); !ok {
		return false
	}
	if _, ok = matchAny(r.But, x, u.To); ok {
		return false
	}
	_, ok = matchAny(r.TestBut, x, u.To)
	return !u.Test || !ok
}

// matchAny reports whether one of the patterns matches path. A x that is not empty is what {x} must stand for; the one
// returned is what it stood for.
func matchAny(patterns []string, x, path string) (string, bool) {
	for _, p := range patterns {
		if got, ok := match(strings.Split(p, "/"), strings.Split(path, "/"), x); ok {
			return got, true
		}
	}
	return "", false
}

func match(pattern, path []string, x string) (string, bool) {
	for i, want := range pattern {
		switch {
		case want == "...":
			return x, true
		case i >= len(path):
			return "", false
		case want == "{x}" && (x == "" || x == path[i]):
			x = path[i]
		case want != path[i]:
			return "", false
		}
	}
	return x, len(pattern) == len(path)
}

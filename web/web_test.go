package web

// This file tests that the pages are whole: types, caching, nothing from elsewhere, no markup from data, every text in both
// languages.

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func site(t *testing.T) *Site {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	s := site(t)
	for name, script := range scripts {
		if name == "404" {
			continue
		}
		w := get(s.Page(name), "/")
		body := w.Body.String()
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		if !strings.Contains(body, `src="/assets/`+script+`.js"`) || !strings.HasPrefix(body, "<!doctype html>") {
			t.Errorf("%s lacks its script or its doctype", name)
		}
		if again := get(s.Page(name), "/", "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: %d for a tag that is current", name, again.Code)
		}
	}
}

func TestAssets(t *testing.T) {
	s := site(t)
	assets := http.HandlerFunc(s.ServeAsset)
	for path, kind := range map[string]string{
		"/assets/duplex.css": "text/css; charset=utf-8",
		"/assets/page.js":    "text/javascript; charset=utf-8",
		"/assets/duplex.svg": "image/svg+xml",
	} {
		w := get(assets, path)
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Header().Get("ETag") == "" ||
			w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	for _, path := range []string{"/assets/", "/assets/none.js", "/assets/../web.go", "/assets/page.js/"} {
		if w := get(assets, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestNotFoundSpeaksToBrowsersAndPrograms(t *testing.T) {
	s := site(t)
	h := http.HandlerFunc(s.NotFound)
	if w := get(h, "/x", "Accept", "text/html,*/*"); w.Code != 404 || !strings.Contains(w.Body.String(), "<h1") {
		t.Errorf("browser: %d %q", w.Code, w.Body)
	}
	if w := get(h, "/x"); w.Code != 404 || strings.Contains(w.Body.String(), "<") {
		t.Errorf("program: %d %q", w.Code, w.Body)
	}
}

// source gives every embedded file, by name.
func source(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		texts[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestNothingFromElsewhere keeps the pages free of the network, and of what the Content-Security-Policy forbids.
func TestNothingFromElsewhere(t *testing.T) {
	elsewhere := regexp.MustCompile(`(src|href|url|from|import|fetch)\W{1,3}(https?:)?//`)
	inline := regexp.MustCompile(`(?i)<style|style="|\son[a-z]+="|javascript:|<script(?: type="module")?>`)
	for name, text := range source(t) {
		if m := elsewhere.FindString(text); m != "" {
			t.Errorf("%s loads from elsewhere: %s", name, m)
		}
		if m := inline.FindString(text); strings.HasSuffix(name, ".html") && m != "" {
			t.Errorf("%s holds inline script or style: %s", name, m)
		}
	}
}

// TestDataNeverBecomesMarkup forbids the ways by which a script turns a string into markup or code.
func TestDataNeverBecomesMarkup(t *testing.T) {
	ways := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|createContextualFragment|setHTML`)
	for name, text := range source(t) {
		if m := ways.FindString(text); strings.HasSuffix(name, ".js") && m != "" {
			t.Errorf("%s uses %s", name, m)
		}
	}
}

// TestEveryTextHasItsChinese finds the texts in the pages and the scripts, and each of them in words.js, and none there
// that nobody says.
func TestEveryTextHasItsChinese(t *testing.T) {
	texts := source(t)
	said := map[string]bool{}
	marked := regexp.MustCompile(`(?s)<[^>]*\sdata-t[\s>][^<]*`)
	inner := regexp.MustCompile(`(?s)>([^<>]*)$`)
	attribute := regexp.MustCompile(`(placeholder|aria-label)="([^"]*)"`)
	called := regexp.MustCompile(`\bt\(\s*"((?:[^"\\]|\\.)*)"`)
	space := regexp.MustCompile(`\s+`)
	for name, text := range texts {
		switch {
		case strings.HasSuffix(name, ".html"):
			for _, m := range marked.FindAllString(text, -1) {
				said[space.ReplaceAllString(strings.TrimSpace(inner.FindStringSubmatch(m)[1]), " ")] = true
			}
			for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(text, -1) {
				for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
					if strings.Contains(tag, "data-t-"+m[1]) {
						said[m[2]] = true
					} else {
						t.Errorf("%s: %s is not translated", name, m[0])
					}
				}
			}
		case strings.HasSuffix(name, ".js") && name != "assets/words.js":
			for _, m := range called.FindAllStringSubmatch(text, -1) {
				said[m[1]] = true
			}
		}
	}
	entry := regexp.MustCompile(`(?m)^  "(.*?)": "(.*)",$`)
	known := map[string]string{}
	for _, m := range entry.FindAllStringSubmatch(texts["assets/words.js"], -1) {
		known[m[1]] = m[2]
	}
	for text := range said {
		if known[text] == "" {
			t.Errorf("no Chinese for %q", text)
		}
	}
	scripts := texts["assets/page.js"] + texts["assets/echo.js"] + texts["assets/chat.js"] // these look texts up in tables, too
	for text := range known {
		if !said[text] && !strings.Contains(scripts, `"`+text+`"`) {
			t.Errorf("nobody says %q", text)
		}
	}
}

// Package web holds the pages of duplex serve: plain HTML, CSS and JavaScript, embedded, with nothing from the network.
//
// The pages carry no inline script or style, so that a strict Content-Security-Policy holds. The English text stands in
// the HTML; assets/words.js holds the Chinese for it.
package web

// This file assembles the pages once, and serves pages and assets with their types and caching headers.

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed layout.html pages assets
var files embed.FS

// scripts names the module that each page runs.
var scripts = map[string]string{
	"index": "index", "echo": "echo", "hello": "hello", "chat": "chat", "game": "game", "socketio": "socketio", "404": "page",
}

// A Site is every page and asset, ready to serve. It does not change, and is safe for use by any goroutine.
type Site struct {
	pages  map[string]file // by name, such as "chat"
	assets map[string]file // by path, such as "/assets/duplex.css"
}

// A file is what is sent for it. Its tag is a hash of its bytes.
type file struct {
	kind, tag string
	body      []byte
}

// New assembles the site. It fails only if an embedded file is broken.
func New() (*Site, error) {
	s := &Site{pages: map[string]file{}, assets: map[string]file{}}
	for name, script := range scripts {
		tmpl, err := template.ParseFS(files, "layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, err
		}
		var page bytes.Buffer
		if err := tmpl.Execute(&page, struct{ Name, Script string }{name, script}); err != nil {
			return nil, err
		}
		s.pages[name] = newFile(".html", page.Bytes())
	}
	names, err := fs.Glob(files, "assets/*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		body, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s.assets["/"+name] = newFile(path.Ext(name), body)
	}
	return s, nil
}

func newFile(ext string, body []byte) file {
	sum := sha256.Sum256(body)
	return file{contentType(ext), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, body}
}

// contentType knows the kinds of file that are here. Package mime would ask the system, whose answer varies.
func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return "text/html; charset=utf-8"
	}
}

// Page returns a handler for a page: index, echo, hello, chat, game or socketio.
func (s *Site) Page(name string) http.Handler {
	page := s.pages[name]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page.serve(w, r) })
}

// ServeAsset answers a request for a file under /assets/, or tells that there is none.
func (s *Site) ServeAsset(w http.ResponseWriter, r *http.Request) {
	asset, ok := s.assets[r.URL.Path]
	if !ok {
		s.NotFound(w, r)
		return
	}
	asset.serve(w, r)
}

// NotFound answers 404: with a page for who reads HTML, else with a line of text.
func (s *Site) NotFound(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, "404: nothing lives at this address", http.StatusNotFound)
		return
	}
	page := s.pages["404"]
	w.Header().Set("Content-Type", page.kind)
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(page.body) // a client that left needs no answer
}

// serve sends a file, or 304. A browser asks each time whether what it has is current: that costs one short exchange,
// and a page and its script are never of two versions.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}

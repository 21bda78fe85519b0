package socketio

// This file holds the browser client that the server serves.

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

//go:embed browser/socket.io.js
var ourClient []byte

var clientFile = regexp.MustCompile(`^socket\.io(\.esm|\.msgpack)?(\.min)?\.js(\.map)?$`)

// isClientFile reports whether a name below the server's path is that of a browser client, as the original has them.
func isClientFile(name string) bool {
	return name != "" && clientFile.MatchString(name)
}

var ourTag = sync.OnceValue(func() string {
	sum := sha256.Sum256(ourClient)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:9]) + `"`
})

// serveClient serves the browser client: ours, or that in a directory.
func (s *Server) serveClient(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case s.opts.NoClient:
		http.NotFound(w, r)
	case s.opts.ClientDir != "":
		h.Set("Cache-Control", "no-cache")
		http.ServeFile(w, r, filepath.Join(s.opts.ClientDir, name))
	case name != "socket.io.js" && name != "socket.io.min.js":
		http.NotFound(w, r)
	default:
		h.Set("Content-Type", "application/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", ourTag())
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(ourClient))
	}
}

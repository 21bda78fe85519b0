package main

// This file holds what is logged of requests and connections: one line each, without secrets, and never more of a
// stranger's text than is needed to know it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duplex-go/duplex/internal/realip"
	"github.com/duplex-go/duplex/websocket"
)

// maxLogged is how much of a text is logged, in bytes.
const maxLogged = 256

// newLogger writes events as lines of text. The text handler quotes what could break out of its line.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shorten}))
}

// httpLog takes what net/http has to say: a panic is an error, all else is what clients do.
type httpLog struct{ log *slog.Logger }

// Write takes one event.
func (l httpLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if strings.HasPrefix(text, "http: panic") {
		l.log.Error("net/http: panic", "stack", text)
	} else {
		l.log.Debug("net/http", "says", text)
	}
	return len(p), nil
}

// shorten cuts the values of an event, but not the stack of a panic: that is our own.
func shorten(_ []string, a slog.Attr) slog.Attr {
	if a.Key == "stack" {
		return a
	}
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(truncate(v))
	case error:
		a.Value = slog.StringValue(truncate(v.Error()))
	case []byte, fmt.Stringer:
		if a.Value.Kind() == slog.KindAny {
			a.Value = slog.StringValue(truncate(fmt.Sprintf("%s", v)))
		}
	}
	return a
}

// truncate cuts a text at a character, at most maxLogged bytes in.
func truncate(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	end := maxLogged
	for end > maxLogged-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// harmless are the query parameters whose values may be logged. Every other may be a secret.
var harmless = map[string]bool{"seed": true, "every": true, "lang": true, "after": true, "room": true}

// safeQuery writes a query without the values that may be secrets.
func safeQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var out strings.Builder
	for part := range strings.SplitSeq(raw, "&") {
		if out.Len() > maxLogged {
			break // the rest would be cut anyway
		}
		name, value, hasValue := strings.Cut(part, "=")
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(name)
		if !hasValue {
			continue
		}
		if plain, err := url.QueryUnescape(name); err != nil || !harmless[plain] {
			value = "redacted"
		}
		out.WriteByte('=')
		out.WriteString(value)
	}
	return out.String()
}

// handler is what an example gives.
type handler = func(ctx context.Context, c *websocket.Conn) error

// logged is handle with an event when a connection opens and one when it ends.
func (s *site) logged(path string, handle handler) handler {
	return func(ctx context.Context, c *websocket.Conn) error {
		log := s.log.With("path", path, "from", s.client(websocket.Request(ctx)))
		log.Info("websocket opened", "subprotocol", c.Subprotocol())
		opened := time.Now()
		closed := func(err error) {
			log.Info("websocket closed", append(ending(err), "after", time.Since(opened).Round(time.Millisecond))...)
		}
		err := handle(ctx, c)
		if err != nil {
			closed(err)
		} else { // it is served
			context.AfterFunc(ctx, func() { closed(context.Cause(ctx)) })
		}
		return err
	}
}

// client is where a request came from: the address that the trusted proxies tell of, or else the peer's, with its port.
func (s *site) client(r *http.Request) string {
	if len(s.proxies) == 0 {
		return r.RemoteAddr
	}
	return realip.Client(r, s.proxies).String()
}

// ending says how a connection ended, as attributes.
func ending(err error) []any {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Err == nil && !closed.Local && endedWell(closed):
		return []any{"how", "usual"}
	case errors.As(err, &closed):
		return []any{"how", closed}
	default:
		return []any{"how", err}
	}
}

// observe watches the answer to a request. The function that it returns logs it: a refusal for everybody to see, the rest for
// who debugs. Connections have their own events.
func (s *site) observe(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	watched := &watchedWriter{ResponseWriter: w}
	began := time.Now()
	return watched, func() {
		level := slog.LevelDebug
		if watched.status >= 400 && watched.status != http.StatusNotFound {
			level = slog.LevelInfo
		}
		if watched.status == 0 || !s.log.Enabled(r.Context(), level) {
			return
		}
		s.log.Log(r.Context(), level, "request", "status", watched.status, "method", r.Method, "path", r.URL.Path,
			"query", safeQuery(r.URL.RawQuery), "from", s.client(r), "agent", r.UserAgent(),
			"took", time.Since(began).Round(time.Microsecond))
	}
}

// A watchedWriter remembers the status of an answer. Status 0 is a connection that was taken over.
type watchedWriter struct {
	http.ResponseWriter
	status int
}

func (w *watchedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the Hijacker beneath.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

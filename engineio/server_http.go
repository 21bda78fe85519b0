package engineio

// This file holds the door: what a request wants, whether it may, and the answer to one that may not.

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/duplex-go/duplex/internal/realip"
	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

// ServeHTTP serves a request of a client's, whatever its path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.bad != nil {
		http.Error(w, "engineio: the server's options are wrong", http.StatusInternalServerError)
		s.logger().Error("engineio: wrong options", "error", s.bad)
		return
	}
	if refusal := s.serve(w, r); refusal != nil {
		s.refuse(w, r, refusal)
	}
}

// serve checks what the request says of itself, before anything of its body is read.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) *eio.Refusal {
	if refusal := s.checkOrigin(w, r); refusal != nil {
		return refusal
	}
	if s.preflight(w, r) {
		return nil
	}
	q, refusal := eio.ParseQuery(r.URL.RawQuery)
	switch {
	case refusal != nil:
		return refusal
	case !s.set.allows(q.Transport):
		return &eio.Refusal{Code: eio.UnknownTransport}
	case q.JSONP != "" && (!s.set.JSONP || q.Revision != eio.V3 || q.Transport != eio.Polling):
		return &eio.Refusal{Code: eio.BadRequest, Detail: "JSONP is not allowed"}
	case q.SID == "":
		return s.serveNew(w, r, q)
	}
	session := s.Session(q.SID)
	switch {
	case session == nil:
		return &eio.Refusal{Code: eio.UnknownSID}
	case q.Revision != session.format.Revision:
		return &eio.Refusal{Code: eio.BadRequest, Detail: "another revision of the protocol than the session's"}
	case q.Transport == eio.WebSocket:
		return s.serveUpgrade(w, r, q, session)
	case session.Transport() != eio.Polling.String():
		return &eio.Refusal{Code: eio.BadRequest, Detail: "the session polls no longer"}
	case websocket.IsUpgrade(r):
		return &eio.Refusal{Code: eio.BadRequest, Detail: "an upgrade to polling"}
	case session.jsonp != (q.JSONP != ""):
		return &eio.Refusal{Code: eio.BadRequest, Detail: "polling with JSONP and without in one session"}
	}
	switch r.Method {
	case http.MethodGet:
		return session.servePoll(w, r, q)
	case http.MethodPost:
		return session.servePost(w, r)
	}
	return &eio.Refusal{Code: eio.BadHandshakeMethod}
}

// serveNew serves a request that opens a session.
func (s *Server) serveNew(w http.ResponseWriter, r *http.Request, q eio.Query) *eio.Refusal {
	switch {
	case r.Method != http.MethodGet:
		return &eio.Refusal{Code: eio.BadHandshakeMethod}
	case websocket.IsUpgrade(r) != (q.Transport == eio.WebSocket):
		return &eio.Refusal{Code: eio.BadRequest, Detail: "the transport is not the one that the request is made for"}
	}
	if s.set.AllowRequest != nil {
		if err := s.set.AllowRequest(r); err != nil {
			return &eio.Refusal{Code: eio.Forbidden, Message: short(err.Error())}
		}
	}
	if !s.speaks(q.Revision) {
		return &eio.Refusal{Code: eio.UnsupportedRevision}
	}
	h := newHandshake(r, s.set.TrustedProxies)
	if refusal := s.enter(h.addr); refusal != nil {
		return refusal
	}
	session := s.newSession(q, h)
	if q.Transport == eio.WebSocket {
		return s.openSocket(w, r, session)
	}
	return session.openPolling(w, r, q)
}

func (s *Server) speaks(rev eio.Revision) bool {
	for _, r := range s.set.Revisions {
		if r == int(rev) {
			return true
		}
	}
	return false
}

// newID returns 120 random bits, in the 20 characters that ids of the original have.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never errs
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// checkOrigin refuses pages of sites that may not use the server, whatever the transport, and tells the browsers of others that they may.
func (s *Server) checkOrigin(w http.ResponseWriter, r *http.Request) *eio.Refusal {
	origins := r.Header.Values("Origin")
	if len(s.set.origins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	if len(origins) == 0 {
		return nil
	}
	host, secure := realip.Site(r, s.set.TrustedProxies)
	if len(origins) != 1 || !ws.OriginAllowed(origins[0], secure, host, s.set.origins) {
		return &eio.Refusal{Code: eio.Forbidden, Detail: "pages of this Origin may not connect here"}
	}
	if s.set.CORS != nil {
		allowed := origins[0]
		if slices.Contains(s.set.origins, "*") { // which goes without credentials
			allowed = "*"
		}
		w.Header().Set("Access-Control-Allow-Origin", allowed)
		if s.set.CORS.Credentials {
			w.Header().Set("Access-Control-Allow-Credentials", "true")
		}
	}
	return nil
}

// preflight answers a browser that asks what a page of another site, which is allowed, may do.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request) bool {
	if s.set.CORS == nil || r.Method != http.MethodOptions || r.Header.Get("Origin") == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET,POST")
	h.Set("Access-Control-Allow-Headers", strings.Join(append([]string{"Content-Type"}, s.set.CORS.Headers...), ","))
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// addHeaders adds the cookie and what the application wants to the header of a response. opened: the response opens the session.
func (s *Session) addHeaders(h http.Header, r *http.Request, opened bool) error {
	set := s.server.set
	own := make(http.Header)
	if opened {
		if set.Cookie != nil {
			c := *set.Cookie
			c.Value = s.id
			own.Add("Set-Cookie", c.String())
		}
		if set.InitialHeaders != nil {
			set.InitialHeaders(own, r)
		}
	}
	if set.Headers != nil {
		set.Headers(own, r)
	}
	if err := ws.CheckFields(ws.Fields(own)); err != nil {
		return err
	}
	for name, values := range own {
		h[name] = append(h[name], values...)
	}
	return nil
}

// requestHeaders adds what the application wants to the response to r, one that polls. opened: it opens the session.
func (s *Session) requestHeaders(w http.ResponseWriter, r *http.Request, opened bool) *eio.Refusal {
	if !s.server.set.hasHeaders() {
		return nil
	}
	if err := s.addHeaders(w.Header(), r, opened); err != nil {
		s.server.logger().Error("engineio: a header that cannot be sent", "error", err)
		return &eio.Refusal{Code: eio.BadRequest, Status: http.StatusInternalServerError, Message: "Internal server error", Detail: err.Error()}
	}
	return nil
}

// hasHeaders reports whether addHeaders adds anything.
func (s *settings) hasHeaders() bool {
	return s.Cookie != nil || s.InitialHeaders != nil || s.Headers != nil
}

// refuse answers a request that is refused.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, refusal *eio.Refusal) {
	status := refusal.StatusCode()
	s.logger().Debug("engineio: request refused", "client", r.RemoteAddr, "status", status, "error", short(refusal.Error()))
	if s.set.OnConnectionError != nil {
		s.set.OnConnectionError(&ConnectionError{Request: r, Code: int(refusal.Code), Message: refusal.Text(), Detail: refusal.Detail})
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		h.Set("Retry-After", "5")
	}
	if r.ContentLength != 0 || websocket.IsUpgrade(r) { // what follows is not read, and is no request
		h.Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(past)
	}
	w.WriteHeader(status)
	_, _ = w.Write(refusal.AppendJSON(nil))
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// short cuts what somebody else may have chosen to a length that a log can bear.
func short(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

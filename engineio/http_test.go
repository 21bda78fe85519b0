package engineio

// This file tests the door: refusals, origins, headers, cookies, limits on sessions, wrong options.

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/duplex-go/duplex/proto/eio"
)

// What the original answers with which code.
func TestRefusals(t *testing.T) {
	var mu sync.Mutex
	var last *ConnectionError
	o := &Options{Revisions: []int{4}, OnConnectionError: func(e *ConnectionError) {
		mu.Lock()
		defer mu.Unlock()
		last = e
	}}
	s := start(t, o)
	id, q := s.openPolling(poll4)
	sid, _ := s.openSocket(sock4)
	for name, tt := range map[string]struct {
		method, query string
		status        int
		code          eio.Code
		header        []string
	}{
		"no transport":               {http.MethodGet, "EIO=4", 400, eio.UnknownTransport, nil},
		"unknown transport":          {http.MethodGet, "EIO=4&transport=tobi", 400, eio.UnknownTransport, nil},
		"unknown session":            {http.MethodGet, poll4 + "&sid=toby", 400, eio.UnknownSID, nil},
		"POST to open":               {http.MethodPost, poll4, 400, eio.BadHandshakeMethod, nil},
		"OPTIONS to open":            {http.MethodOptions, poll4, 400, eio.BadHandshakeMethod, nil},
		"PUT in a session":           {http.MethodPut, q, 400, eio.BadHandshakeMethod, nil},
		"WebSocket without upgrade":  {http.MethodGet, sock4, 400, eio.BadRequest, nil},
		"upgrade without upgrade":    {http.MethodGet, sock4 + "&sid=" + id, 400, eio.BadRequest, nil},
		"upgrade by POST":            {http.MethodPost, sock4 + "&sid=" + id, 400, eio.BadHandshakeMethod, nil},
		"upgrade to polling":         {http.MethodGet, poll4, 400, eio.BadRequest, []string{"Connection", "Upgrade", "Upgrade", "websocket"}},
		"upgrade of a poll":          {http.MethodGet, q, 400, eio.BadRequest, []string{"Connection", "Upgrade", "Upgrade", "websocket"}},
		"revision 3":                 {http.MethodGet, poll3, 400, eio.UnsupportedRevision, nil},
		"no revision":                {http.MethodGet, "transport=polling", 400, eio.UnsupportedRevision, nil},
		"other revision":             {http.MethodGet, poll3 + "&sid=" + id, 400, eio.BadRequest, nil},
		"polling after WebSocket":    {http.MethodGet, poll4 + "&sid=" + sid, 400, eio.BadRequest, nil},
		"JSONP where it is off":      {http.MethodGet, "EIO=3&transport=polling&j=0", 400, eio.BadRequest, nil},
		"two origins":                {http.MethodGet, poll4, 403, eio.Forbidden, []string{"Origin", s.url, "Origin", s.url}},
		"upgrade of a WebSocket one": {http.MethodGet, sock4 + "&sid=" + sid, 400, eio.BadRequest, []string{"Connection", "Upgrade", "Upgrade", "websocket"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.wantRefusal(s.ask(tt.method, tt.query, "", tt.header...), tt.status, tt.code)
			mu.Lock()
			defer mu.Unlock()
			if last == nil || last.Code != int(tt.code) || last.Message != tt.code.String() || last.Request.Method != tt.method {
				t.Errorf("OnConnectionError was told %+v", last)
			}
			last = nil
		})
	}
	s.lives(t, id)
	s.lives(t, sid)
}

func TestTransports(t *testing.T) {
	s := start(t, &Options{Transports: []string{"websocket"}})
	s.wantRefusal(s.get(poll4), 400, eio.UnknownTransport)
	s.openSocket(sock4)
	s = start(t, &Options{Transports: []string{"polling"}})
	if r := s.get(poll4); !strings.Contains(r.body, `"upgrades":[]`) {
		t.Error(r.body)
	}
	if _, err := s.tryDial(sock4); err == nil {
		t.Error("WebSocket is off")
	}
}

func TestAllowRequest(t *testing.T) {
	s := start(t, &Options{AllowRequest: func(r *http.Request) error {
		if r.URL.Query().Get("token") != "secret" {
			return errors.New("no <token>\r\nSet-Cookie: a=b " + strings.Repeat("x", 1000))
		}
		return nil
	}})
	r := s.get(poll4)
	s.wantRefusal(r, 403, eio.Forbidden)
	if len(r.body) > 400 || r.header.Get("Set-Cookie") != "" || strings.Contains(r.body, "<") {
		t.Errorf("%s, %v", r.body, r.header)
	}
	if _, err := s.tryDial(sock4); err == nil {
		t.Error("the same holds for WebSocket")
	}
	_, q := s.openPolling(poll4 + "&token=secret")
	s.wantOK(strings.Replace(q, "&token=secret", "", 1), "4a") // asked of the first request only
	s.openSocket(sock4 + "&token=secret")
}

func TestCookieAndHeaders(t *testing.T) {
	s := start(t, &Options{
		Cookie:         &http.Cookie{MaxAge: 60},
		InitialHeaders: func(h http.Header, _ *http.Request) { h.Set("X-First", "1") },
		Headers:        func(h http.Header, r *http.Request) { h.Set("X-All", r.Method) },
	})
	r := s.get(poll4)
	o, _ := eio.ParseOpen([]byte(r.body[1:]))
	want := "io=" + o.SID + "; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
	if got := r.header.Get("Set-Cookie"); got != want || r.header.Get("X-First") != "1" || r.header.Get("X-All") != "GET" {
		t.Errorf("%v", r.header)
	}
	r = s.post(poll4+"&sid="+o.SID, "4a")
	if r.header.Get("Set-Cookie") != "" || r.header.Get("X-First") != "" || r.header.Get("X-All") != "POST" {
		t.Errorf("%v", r.header)
	}
	s.openSocket(sock4) // its header is looked at in TestSocketHeaders
}

// headerOf returns the header of the response to a WebSocket handshake by hand.
func headerOf(t *testing.T, s *site, query string, header ...string) reply {
	t.Helper()
	header = append([]string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, header...)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"?"+query, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return reply{status: res.StatusCode, header: res.Header}
}

func TestSocketHeaders(t *testing.T) {
	s := start(t, &Options{
		Cookie:         &http.Cookie{Name: "sticky", SameSite: http.SameSiteStrictMode},
		InitialHeaders: func(h http.Header, _ *http.Request) { h.Set("X-First", "1") },
		Headers:        func(h http.Header, _ *http.Request) { h.Set("X-All", "1") },
	})
	r := headerOf(t, s, sock4)
	if c := r.header.Get("Set-Cookie"); r.status != 101 || !strings.HasPrefix(c, "sticky=") || r.header.Get("X-First") != "1" || r.header.Get("X-All") != "1" {
		t.Errorf("%d %v", r.status, r.header)
	}
	id, _ := s.openPolling(poll4)
	r = headerOf(t, s, sock4+"&sid="+id)
	if r.status != 101 || r.header.Get("Set-Cookie") != "" || r.header.Get("X-First") != "" || r.header.Get("X-All") != "1" {
		t.Errorf("%d %v", r.status, r.header)
	}
}

// H07: a header that the application should not have set never reaches the wire.
func TestAttack_H07_Headers(t *testing.T) {
	var log logBuffer
	s := start(t, &Options{Logger: log.logger(), Headers: func(h http.Header, r *http.Request) {
		if v := r.URL.Query().Get("v"); v != "" {
			h["X-A"] = []string{v}
		}
	}})
	for _, v := range []string{"a%0d%0aSet-Cookie:%20b=c", "a%00", "%7f", "%e9"} {
		r := s.get(poll4 + "&v=" + v)
		if r.status != 500 || r.header.Get("Set-Cookie") != "" || r.header.Get("X-A") != "" {
			t.Errorf("%s: %d %v", v, r.status, r.header)
		}
		if r := headerOf(t, s, sock4+"&v="+v); r.status != 500 || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", v, r.status, r.header)
		}
	}
	if s.server.Len() != 0 || !strings.Contains(log.String(), "cannot be sent") {
		t.Error(s.server.Len(), log.String())
	}
}

// H01, N02: pages of other sites get nothing, whatever the transport.
func TestAttack_H01_Origin(t *testing.T) {
	s := start(t, nil)
	host := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/engine.io/")
	for _, origin := range []string{"https://evil", "null", "http://" + host + ".evil.com", "http://" + host + "@evil", "http://" + host + "`", "HTTP://" + host, "http://" + host + ".", "http://" + host + "0", "ftp://" + host} {
		r := s.ask(http.MethodGet, poll4, "", "Origin", origin, "Cookie", "a=b")
		s.wantRefusal(r, 403, eio.Forbidden)
		if r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Error(r.header)
		}
		if r := headerOf(t, s, sock4, "Origin", origin); r.status != 403 {
			t.Errorf("%s: %d", origin, r.status)
		}
	}
	for _, origin := range []string{"http://" + host, "https://" + host} {
		if r := s.ask(http.MethodGet, poll4, "", "Origin", origin); r.status != 200 || r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", origin, r.status, r.header)
		}
		s.dial(sock4, "Origin", origin)
	}
	s.reset()
}

// reset closes all sessions, for a test that counts them.
func (s *site) reset() {
	s.eventually("no sessions are left", func() bool { // one may be about to begin
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		for _, session := range s.server.sessions {
			go session.Discard()
		}
		return len(s.server.sessions) == 0
	})
}

func TestAttack_E11_CORS(t *testing.T) {
	s := start(t, &Options{CORS: &CORS{Origins: []string{"https://good.com", "https://*.good.com"}, Credentials: true, Headers: []string{"X-Token"}}})
	for _, origin := range []string{"https://good.com", "https://a.b.good.com"} {
		r := s.ask(http.MethodGet, poll4, "", "Origin", origin)
		if h := r.header; r.status != 200 || h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", origin, r.status, h)
		}
		s.dial(sock4, "Origin", origin)
	}
	n := s.server.Len()
	r := s.ask(http.MethodOptions, poll4, "", "Origin", "https://good.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-token,x-evil")
	h := r.header
	if r.status != 204 || h.Get("Access-Control-Allow-Methods") != "GET,POST" || h.Get("Access-Control-Allow-Headers") != "Content-Type,X-Token" ||
		h.Get("Access-Control-Allow-Origin") != "https://good.com" || h.Get("Vary") != "Origin" {
		t.Errorf("%d %v", r.status, h)
	}
	for _, origin := range []string{"https://evil.com", "null", "https://good.com.evil.com", "https://agood.com", "http://good.com"} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			r := s.ask(method, poll4, "", "Origin", origin, "Access-Control-Request-Method", "DELETE")
			if r.status != 403 || r.header.Get("Access-Control-Allow-Origin") != "" || r.header.Get("Vary") != "Origin" {
				t.Errorf("%s %s: %d %v", method, origin, r.status, r.header)
			}
		}
	}
	if s.server.Len() != n {
		t.Error("a preflight opened a session")
	}

	s = start(t, &Options{CORS: &CORS{Origins: []string{"*"}}})
	r = s.ask(http.MethodGet, poll4, "", "Origin", "https://anybody.com")
	if h := r.header; r.status != 200 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", r.status, h)
	}
}

// E17, and whatever else options can be that they should not.
func TestAttack_E17_WrongOptions(t *testing.T) {
	for name, o := range map[string]*Options{
		"cookie name":      {Cookie: &http.Cookie{Name: "io; Domain=evil"}},
		"cookie path":      {Cookie: &http.Cookie{Path: "/; Domain=evil"}},
		"cookie domain":    {Cookie: &http.Cookie{Domain: "a;b"}},
		"cookie line":      {Cookie: &http.Cookie{Path: "/\r\nX: y"}},
		"transport":        {Transports: []string{"webtransport"}},
		"revision":         {Revisions: []int{5}},
		"origin":           {CORS: &CORS{Origins: []string{"example.org"}}},
		"all, with secret": {CORS: &CORS{Origins: []string{"*"}, Credentials: true}},
		"CORS header":      {CORS: &CORS{Headers: []string{"A\r\nB: c"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBuffer
			o.Logger = log.logger()
			s := start(t, o)
			if r := s.get(poll4); r.status != 500 || r.header.Get("Set-Cookie") != "" {
				t.Errorf("%d %v", r.status, r.header)
			}
			if !strings.Contains(log.String(), "wrong options") {
				t.Error(log.String())
			}
		})
	}
}

// H16
func TestAttack_H16_SessionLimits(t *testing.T) {
	s := start(t, &Options{MaxSessions: 3})
	for range 3 {
		s.openPolling(poll4)
	}
	r := s.get(poll4)
	s.wantRefusal(r, 503, eio.Forbidden)
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if r := headerOf(t, s, sock4); r.status != 503 {
		t.Error(r.status)
	}
	s.reset()
	s.openSocket(sock4)

	s = start(t, &Options{MaxSessionsPerIP: 2})
	s.openPolling(poll4)
	id, _ := s.openSocket(sock4)
	s.wantRefusal(s.get(poll4), 429, eio.Forbidden)
	s.session(id).Close()
	s.reason(t, id)
	s.eventually("there is room", func() bool { return s.server.Len() == 1 })
	s.openPolling(poll4)
	// A handshake that fails takes no place for good.
	s.reset()
	for range 10 {
		if r := headerOf(t, s, sock4, "Sec-WebSocket-Key", "another"); r.status != 400 {
			t.Error(r.status)
		}
	}
	s.openSocket(sock4)
}

package engineio

// This file holds the tests' ground: a server on a real socket, a Handler that echoes and keeps account, and a client that is HTTP by hand.

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/websocket"
)

// The event loops stay.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/duplex-go/duplex/internal/eventloop.(*Loop).work"))
}

// echo is a Handler that sends back what comes, and keeps account. Its functions, if set, are called instead.
type echo struct {
	open    func(s *Session) error
	message func(s *Session, m Message)

	mu     sync.Mutex
	opened int
	ended  map[string]Reason // by id
	change chan struct{}     // closed and replaced when ended changes
}

func (e *echo) Open(s *Session) error {
	e.mu.Lock()
	e.opened++
	e.mu.Unlock()
	if e.open != nil {
		return e.open(s)
	}
	return nil
}

func (e *echo) Message(s *Session, m Message) {
	if e.message != nil {
		e.message(s, m)
		return
	}
	_ = s.Send(m)
}

func (e *echo) Close(s *Session, r Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.ended[s.ID()]; ok {
		panic("Close was called twice")
	}
	e.ended[s.ID()] = r
	close(e.change)
	e.change = make(chan struct{})
}

// reason waits until the session has ended.
func (e *echo) reason(t testing.TB, id string) Reason {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		e.mu.Lock()
		r, ok := e.ended[id]
		change := e.change
		e.mu.Unlock()
		if ok {
			return r
		}
		select {
		case <-change:
		case <-limit:
			t.Fatalf("session %s did not end", id)
		}
	}
}

// lives fails if the session has ended.
func (e *echo) lives(t testing.TB, id string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if r, ok := e.ended[id]; ok {
		t.Errorf("the session has ended: %s", r)
	}
}

// site is a server under test.
type site struct {
	*echo
	t      testing.TB
	server *Server
	url    string
	client *http.Client

	conns struct { // that were dialed
		sync.Mutex
		list []*websocket.Conn
	}
}

// start runs a server. It is shut down, and the sessions counted, when the test ends.
func start(t testing.TB, o *Options) *site {
	t.Helper()
	return startEcho(t, o, new(echo))
}

func startEcho(t testing.TB, o *Options, e *echo) *site {
	t.Helper()
	e.ended, e.change = make(map[string]Reason), make(chan struct{})
	s := &site{echo: e, t: t, server: NewServer(e, o), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}}
	srv := httptest.NewServer(s.server)
	s.url = srv.URL + "/engine.io/"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		s.hangUp()
		s.client.CloseIdleConnections()
		srv.Close()
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.opened != len(e.ended) {
			t.Errorf("%d sessions opened, %d ended", e.opened, len(e.ended))
		}
	})
	return s
}

// reply is a response.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a request. header holds names and values in turn.
func (s *site) ask(method, query, body string, header ...string) reply {
	s.t.Helper()
	r, err := s.try(method, query, strings.NewReader(body), header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *site) try(method, query string, body io.Reader, header ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+"?"+query, body)
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b)}, err
}

func (s *site) get(query string) reply { s.t.Helper(); return s.ask(http.MethodGet, query, "") }
func (s *site) post(query, body string) reply {
	s.t.Helper()
	return s.ask(http.MethodPost, query, body)
}
func (s *site) wantOK(query, body string) { s.t.Helper(); s.want(s.post(query, body), 200, "ok") }
func (s *site) wantGet(query, packets string) {
	s.t.Helper()
	s.want(s.get(query), 200, packets)
}

// want compares a reply.
func (s *site) want(r reply, status int, body string) {
	s.t.Helper()
	if r.status != status || r.body != body {
		s.t.Errorf("got %d %.200q, want %d %.200q", r.status, r.body, status, body)
	}
}

// wantRefusal compares a reply with one of the protocol's errors.
func (s *site) wantRefusal(r reply, status int, code eio.Code) {
	s.t.Helper()
	var e struct {
		Code    *int
		Message string
	}
	if err := json.Unmarshal([]byte(r.body), &e); err != nil || e.Code == nil || *e.Code != int(code) || e.Message == "" || r.status != status {
		s.t.Errorf("got %d %.200q, want %d with code %d", r.status, r.body, status, code)
	}
	if ct := r.header.Get("Content-Type"); ct != "application/json" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		s.t.Errorf("%s, X-Content-Type-Options %q", ct, r.header.Get("X-Content-Type-Options"))
	}
}

// open opens a session that polls. The query to go on with is the second result.
func (s *site) openPolling(query string) (id, goOn string) {
	s.t.Helper()
	r := s.get(query)
	body := r.body
	if strings.Contains(query, "EIO=3") {
		_, body, _ = strings.Cut(body, ":")
	}
	o, err := eio.ParseOpen([]byte(body)[1:])
	if r.status != http.StatusOK || body[0] != '0' || err != nil {
		s.t.Fatalf("got %d %q: %v", r.status, r.body, err)
	}
	return o.SID, query + "&sid=" + o.SID
}

// dial opens a WebSocket connection.
func (s *site) dial(query string, header ...string) *websocket.Conn {
	s.t.Helper()
	c, err := s.tryDial(query, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *site) tryDial(query string, header ...string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	o := &websocket.DialOptions{Header: make(http.Header)}
	for i := 0; i < len(header); i += 2 {
		o.Header.Add(header[i], header[i+1])
	}
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.url, "http")+"?"+query, o)
	if err == nil {
		s.conns.Lock()
		defer s.conns.Unlock()
		s.conns.list = append(s.conns.list, c)
	}
	return c, err
}

// hangUp closes the connections that were dialed.
func (s *site) hangUp() {
	s.conns.Lock()
	defer s.conns.Unlock()
	for _, c := range s.conns.list {
		_ = c.CloseNow()
	}
	s.conns.list = nil
}

// openSocket opens a session on WebSocket.
func (s *site) openSocket(query string) (id string, c *websocket.Conn) {
	s.t.Helper()
	c = s.dial(query)
	m := s.read(c)
	o, err := eio.ParseOpen([]byte(m)[1:])
	if m[0] != '0' || err != nil {
		s.t.Fatalf("%q: %v", m, err)
	}
	return o.SID, c
}

// read returns the next message, a binary one in brackets.
func (s *site) read(c *websocket.Conn) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m, err := c.Read(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if m.Type == websocket.Binary {
		return "[" + string(m.Data) + "]"
	}
	return string(m.Data)
}

func (s *site) wantRead(c *websocket.Conn, want string) {
	s.t.Helper()
	if got := s.read(c); got != want {
		s.t.Errorf("got %q, want %q", got, want)
	}
}

// wantEnd waits until the connection ends, and compares the close code.
func (s *site) wantEnd(c *websocket.Conn, want websocket.StatusCode) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		if _, err := c.Read(ctx); err != nil {
			if got := websocket.CloseStatus(err); got != want {
				s.t.Errorf("ended with %d (%v), want %d", got, err, want)
			}
			return
		}
	}
}

// write sends a text message.
func (s *site) write(c *websocket.Conn, text string) {
	s.t.Helper()
	if err := c.Write(context.Background(), websocket.Text, []byte(text)); err != nil {
		s.t.Error(err)
	}
}

// session returns the session with an id.
func (s *site) session(id string) *Session {
	s.t.Helper()
	session := s.server.Session(id)
	if session == nil {
		s.t.Fatalf("no session %s", id)
	}
	return session
}

// eventually waits until f holds.
func (s *site) eventually(what string, f func() bool) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not in 10 s: %s", what)
		}
	}
}

// later sends a request in the background.
func (s *site) later(method, query string, body io.Reader) <-chan reply {
	c := make(chan reply, 1)
	go func() {
		r, err := s.try(method, query, body)
		if err != nil {
			r.body = err.Error()
		}
		c <- r
	}()
	return c
}

// repeated is a reader of the same text over and over.
type repeated struct {
	text string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, bytes.Repeat([]byte(r.text), len(p)/len(r.text)+1))
	n = min(n, r.left)
	r.left -= n
	return n, nil
}

package socketio

// This file holds the tests' ground: a server on a real socket that keeps account of who comes and goes.

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The event loops stay.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/duplex-go/duplex/internal/eventloop.(*Loop).work"))
}

// site is a server under test.
type site struct {
	*Server
	t    testing.TB
	url  string
	addr string
	http *http.Client

	mu     sync.Mutex
	came   map[string]*Socket // by id, of several with the same the last; those that OnConnect was called with
	gone   map[*Socket]string // the reasons of OnDisconnect
	change chan struct{}      // closed and replaced when gone changes
	peers  []*peer

	slack int64 // bytes that may be left of an attack
}

// mapSlack is what maps and timers keep, in bytes, for each client that there once was at the same time as the others.
const mapSlack = 256

// start runs a server. When the test ends it is shut down, and the accounts must be even. The root keeps account; other namespaces do
// that are given to watch.
func start(t testing.TB, o *Options) *site {
	t.Helper()
	s := &site{
		Server: NewServer(o), t: t,
		came: make(map[string]*Socket), gone: make(map[*Socket]string), change: make(chan struct{}),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}},
	}
	s.watch(s.Namespace)
	srv := httptest.NewServer(s.Server)
	s.addr = srv.Listener.Addr().String()
	s.url = srv.URL + "/socket.io/"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		s.hangUp()
		s.http.CloseIdleConnections()
		srv.Close()
		s.even()
	})
	return s
}

// watch has a namespace's sockets kept account of. It answers "sync".
func (s *site) watch(n *Namespace) {
	On(n, "sync", func(_ *Socket, e *Event) error {
		s.mu.Lock() // for the race detector, which sees nothing of what goes through the kernel
		defer s.mu.Unlock()
		return e.Ack()
	})
	n.OnConnect(func(socket *Socket) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.came[socket.ID()] = socket
		return nil
	})
	n.OnDisconnect(func(socket *Socket, reason string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if before, ok := s.gone[socket]; ok {
			s.t.Errorf("OnDisconnect was called twice, with %s and %s", before, reason)
		}
		s.gone[socket] = reason
		close(s.change)
		s.change = make(chan struct{})
	})
}

// even fails if something is left of those who have gone.
func (s *site) even() {
	s.t.Helper()
	if n := s.Len(); n != 0 {
		s.t.Errorf("%d connections are left", n)
	}
	for _, n := range s.namespaces() {
		n.mu.Lock()
		sockets := len(n.sockets)
		n.mu.Unlock()
		if rooms, _ := n.rooms.Count(""); sockets != 0 || rooms != 0 {
			s.t.Errorf("%s: %d sockets and %d rooms are left", n.name, sockets, rooms)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, socket := range s.came {
		socket.mu.Lock()
		if socket.state.Load() != left || socket.acks != nil || socket.rooms != nil || socket.held != nil {
			s.t.Errorf("%s: state %d, acks %v, rooms %q, %d messages held", socket.id, socket.state.Load(), socket.acks, socket.rooms, len(socket.held))
		}
		socket.mu.Unlock()
	}
}

// namespaces returns all that there are.
func (s *site) namespaces() []*Namespace {
	s.Server.mu.Lock()
	defer s.Server.mu.Unlock()
	var list []*Namespace
	for _, n := range s.spaces {
		list = append(list, n)
	}
	for _, p := range s.parents {
		for _, n := range p.children {
			list = append(list, n)
		}
	}
	return list
}

// reason waits until a socket has gone.
func (s *site) reason(id string) string {
	s.t.Helper()
	limit := time.After(patience)
	for {
		s.mu.Lock()
		r, ok := s.gone[s.came[id]]
		change := s.change
		s.mu.Unlock()
		if ok {
			return r
		}
		select {
		case <-change:
		case <-limit:
			s.t.Fatalf("socket %s did not leave", id)
		}
	}
}

func (s *site) wantReason(id, want string) {
	s.t.Helper()
	if r := s.reason(id); r != want {
		s.t.Errorf("left for %q, want %q", r, want)
	}
}

// socket returns the socket with an id.
func (s *site) socket(id string) *Socket {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	socket := s.came[id]
	if socket == nil {
		s.t.Fatalf("no socket %s", id)
	}
	return socket
}

// lives fails if a socket has gone.
func (s *site) lives(id string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.gone[s.came[id]]; ok {
		s.t.Errorf("the socket has left: %s", r)
	}
}

// hangUp closes the clients' connections.
func (s *site) hangUp() {
	s.mu.Lock()
	peers := s.peers
	s.peers = nil
	s.mu.Unlock()
	for _, p := range peers {
		p.hangUp()
	}
}

// reply is a response.
type reply struct {
	status int
	header http.Header
	body   string
}

// try sends a request. header holds names and values in turn.
func (s *site) try(method, url, body string, header ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := s.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b)}, err
}

func (s *site) get(url string, header ...string) reply {
	s.t.Helper()
	r, err := s.try(http.MethodGet, url, "", header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// eventually waits until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// receive waits for a value.
func receive[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("nothing came in %v", patience)
	}
	return v
}

// wantError fails if the error is not the one whose text is wanted, nil if that is empty.
func wantError(t testing.TB, err error, text string) {
	t.Helper()
	if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want %q", err, text)
	}
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// logger returns a Logger that writes to the journal.
func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// count returns how often a text was logged.
func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), text)
}

// alive reports whether the connection's end was not told yet.
func (c *client) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ended
}

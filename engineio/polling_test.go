package engineio

// This file tests sessions that poll.

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
)

const (
	poll4 = "EIO=4&transport=polling"
	poll3 = "EIO=3&transport=polling"
	sock4 = "EIO=4&transport=websocket"
	sock3 = "EIO=3&transport=websocket"
)

func TestOpenPacket(t *testing.T) {
	s := start(t, nil)
	for query, want := range map[string]string{
		poll4: `{"sid":"ID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
		poll3: `{"sid":"ID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`,
		sock4: `{"sid":"ID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
		sock3: `{"sid":"ID","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`,
	} {
		var got string
		if strings.Contains(query, "polling") {
			r := s.get(query)
			got = r.body
			if ct, cc := r.header.Get("Content-Type"), r.header.Get("Cache-Control"); ct != "text/plain; charset=UTF-8" || cc != "no-store" {
				t.Errorf("%s, Cache-Control %s", ct, cc)
			}
		} else {
			got = s.read(s.dial(query))
		}
		if query == poll3 {
			_, got, _ = strings.Cut(got, ":")
		}
		var o struct{ SID string }
		if err := json.Unmarshal([]byte(got)[1:], &o); err != nil || len(o.SID) != 20 {
			t.Errorf("%s: %s: %v", query, got, err)
		}
		if got = strings.ReplaceAll(got, o.SID, "ID"); got != "0"+want {
			t.Errorf("%s: got %s, want %s", query, got, "0"+want)
		}
	}
}

func TestPolling(t *testing.T) {
	s := start(t, nil)
	id, q := s.openPolling(poll4)
	s.wantOK(q, "4hello\x1e4é😀\x1ebAQIDBA==")
	s.wantGet(q, "4hello\x1e4é😀\x1ebAQIDBA==")
	// A poll that waits.
	poll := s.later(http.MethodGet, q, nil)
	session := s.session(id)
	s.eventually("the poll waits", session.Writable)
	if err := session.Send(Text("now"), Binary([]byte{255})); err != nil {
		t.Error(err)
	}
	s.want(<-poll, 200, "4now\x1eb/w==")
	if session.Writable() {
		t.Error("a client that does not poll cannot be written to")
	}
	if session.Transport() != "polling" || session.Protocol() != 4 {
		t.Error(session.Transport(), session.Protocol())
	}
	s.wantOK(q, "1")
	if r := s.reason(t, id); r != TransportClose {
		t.Error(r)
	}
	s.wantRefusal(s.get(q), 400, eio.UnknownSID)
}

func TestPollingRevision3(t *testing.T) {
	s := start(t, nil)
	id, q := s.openPolling(poll3)
	s.wantOK(q, "6:4hello4:4é😀10:b4AQIDBA==")
	r := s.get(q)
	s.want(r, 200, "\x00\x06\xff4hello\x00\x07\xff4é😀\x01\x05\xff\x04\x01\x02\x03\x04")
	if ct := r.header.Get("Content-Type"); ct != "application/octet-stream" {
		t.Error(ct)
	}
	s.want(s.ask(http.MethodPost, q, "\x01\x03\xff\x04\x00\xff\x00\x02\xff4a", "Content-Type", "application/octet-stream"), 200, "ok")
	s.want(s.get(q), 200, "\x01\x03\xff\x04\x00\xff\x00\x02\xff4a")
	s.wantOK(q, "1:2")
	s.wantGet(q, "1:3")
	s.wantOK(q, "1:1")
	if r := s.reason(t, id); r != TransportClose {
		t.Error(r)
	}
	// A client that takes text only.
	_, q = s.openPolling(poll3 + "&b64=1")
	s.wantOK(q, "10:b4AQIDBA==")
	r = s.get(q)
	s.want(r, 200, "10:b4AQIDBA==")
	if ct := r.header.Get("Content-Type"); ct != "text/plain; charset=UTF-8" {
		t.Error(ct)
	}
}

func TestJSONP(t *testing.T) {
	s := start(t, &Options{JSONP: true})
	r := s.get(poll3 + "&j=7")
	argument, ok := strings.CutPrefix(r.body, "___eio[7](")
	var payload string
	err := json.Unmarshal([]byte(strings.TrimSuffix(argument, ");")), &payload)
	if !ok || err != nil || r.header.Get("Content-Type") != "text/javascript; charset=UTF-8" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("%s: %v, %v", r.body, err, r.header)
	}
	_, open, _ := strings.Cut(payload, ":")
	o, err := eio.ParseOpen([]byte(open[1:]))
	if err != nil {
		t.Fatal(err)
	}
	q := poll3 + "&j=7&sid=" + o.SID
	s.want(s.ask(http.MethodPost, q, "d=5%3A4%3C%5Cn%5C%5Cn10%3Ab4AQIDBA%3D%3D", "Content-Type", "application/x-www-form-urlencoded"), 200, "ok")
	s.wantGet(strings.Replace(q, "j=7", "j=8", 1), `___eio[8]("5:4\u003c\n\\n10:b4AQIDBA==");`)
	s.wantRefusal(s.get(poll3+"&sid="+o.SID), 400, eio.BadRequest)
	s.lives(t, o.SID)
	s.wantRefusal(s.post(q, "6:4hello"), 400, eio.BadRequest)
	if r := s.reason(t, o.SID); r != ParseError {
		t.Error(r)
	}
}

// What Open sends goes right behind the OPEN packet.
func TestSendInOpen(t *testing.T) {
	s := startEcho(t, nil, &echo{open: func(s *Session) error {
		if s.Writable() {
			t.Error("writable before it is open")
		}
		return s.Send(Text("first"))
	}})
	for range 2 {
		if _, packets, _ := strings.Cut(s.get(poll4).body, "\x1e"); packets != "4first" {
			t.Errorf("%q", packets)
		}
		_, c := s.openSocket(sock4)
		s.wantRead(c, "4first")
	}
}

func TestOpenRefused(t *testing.T) {
	s := startEcho(t, nil, &echo{open: func(*Session) error { return errors.New("secret") }})
	r := s.get(poll4)
	s.wantRefusal(r, 403, eio.Forbidden)
	if strings.Contains(r.body, "secret") {
		t.Error(r.body)
	}
	c := s.dial(sock4)
	s.wantEnd(c, 1008)
	s.eventually("no sessions are left", func() bool { return s.server.Len() == 0 })
}

func TestCloseInOpen(t *testing.T) {
	s := startEcho(t, nil, &echo{open: func(s *Session) error { s.Close(); return nil }})
	_, q := s.openPolling(poll4)
	s.wantGet(q, "1")
	_, c := s.openSocket(sock4)
	s.wantEnd(c, 1005)
	s.eventually("no sessions are left", func() bool { return s.server.Len() == 0 })
}

func TestHeartbeat(t *testing.T) {
	s := start(t, &Options{PingInterval: 50 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	id, q := s.openPolling(poll4)
	for range 3 {
		s.wantGet(q, "2")
		s.wantOK(q, "3")
	}
	s.wantGet(q, "2")
	poll := s.later(http.MethodGet, q, nil)
	if r := s.reason(t, id); r != PingTimeout {
		t.Error(r)
	}
	s.want(<-poll, 200, "1")

	id, _ = s.openPolling(poll3)
	if r := s.reason(t, id); r != PingTimeout {
		t.Error(r)
	}
}

// Close lets what waits go first; Discard does not.
func TestClose(t *testing.T) {
	s := start(t, nil)
	s.server.set.machine.CloseTimeout = 50 * time.Millisecond
	id, q := s.openPolling(poll4)
	session := s.session(id)
	_ = session.Send(Text("bye"))
	session.Close()
	session.Close()
	if err := session.Send(Text("more")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	s.lives(t, id)
	s.wantGet(q, "4bye")
	s.wantGet(q, "1")
	if r := s.reason(t, id); r != ForcedClose {
		t.Error(r)
	}

	id, q = s.openPolling(poll4)
	poll := s.later(http.MethodGet, q, nil)
	session = s.session(id)
	s.eventually("the poll waits", session.Writable)
	session.Close()
	s.want(<-poll, 200, "1")

	id, _ = s.openPolling(poll4) // nobody fetches it
	s.session(id).Close()
	if r := s.reason(t, id); r != ForcedClose {
		t.Error(r)
	}

	id, q = s.openPolling(poll4)
	session = s.session(id)
	_ = session.Send(Text("bye"))
	session.Discard()
	if r := s.reason(t, id); r != ForcedClose {
		t.Error(r)
	}
	s.wantRefusal(s.get(q), 400, eio.UnknownSID)
}

// A client that ends the session has its poll answered with a NOOP: it knows.
func TestClientCloses(t *testing.T) {
	s := start(t, nil)
	id, q := s.openPolling(poll4)
	poll := s.later(http.MethodGet, q, nil)
	s.eventually("the poll waits", s.session(id).Writable)
	s.wantOK(q, "4a\x1e1\x1e4b")
	s.want(<-poll, 200, "4a")
	if r := s.reason(t, id); r != TransportClose {
		t.Error(r)
	}
	id, q = s.openPolling(poll4)
	poll = s.later(http.MethodGet, q, nil)
	s.eventually("the poll waits", s.session(id).Writable)
	s.wantOK(q, "1")
	s.want(<-poll, 200, "6")
}

// A poll that the client gives up ends the session.
func TestAbortedPoll(t *testing.T) {
	s := start(t, nil)
	id, q := s.openPolling(poll4)
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"?"+q, nil)
	done := make(chan error)
	go func() {
		res, err := s.client.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		done <- err
	}()
	s.eventually("the poll waits", s.session(id).Writable)
	cancel()
	if err := <-done; err == nil {
		t.Error("the poll was answered")
	}
	if r := s.reason(t, id); r != TransportError {
		t.Error(r)
	}
}

// A poll outlasts the times that an http.Server gives to requests.
func TestServerTimeouts(t *testing.T) {
	s := start(t, nil)
	srv := httptest.NewUnstartedServer(s.server)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	srv.Start()
	defer srv.Close()
	s.url = srv.URL
	id, q := s.openPolling(poll4)
	for range 2 {
		poll := s.later(http.MethodGet, q, nil)
		s.eventually("the poll waits", s.session(id).Writable)
		time.Sleep(300 * time.Millisecond)
		_ = s.session(id).Send(Text("late"))
		s.want(<-poll, 200, "4late")
	}
	s.session(id).Discard()
}

func TestCompression(t *testing.T) {
	s := start(t, nil)
	id, q := s.openPolling(poll4)
	session := s.session(id)
	long := strings.Repeat("long ", 300)
	fetch := func(accept string, m ...Message) (encoding, body string) {
		t.Helper()
		if err := session.Send(m...); err != nil {
			t.Fatal(err)
		}
		r := s.ask(http.MethodGet, q, "", "Accept-Encoding", accept)
		var z io.Reader = strings.NewReader(r.body)
		var err error
		switch encoding = r.header.Get("Content-Encoding"); encoding {
		case "gzip":
			z, err = gzip.NewReader(z)
		case "deflate":
			z, err = zlib.NewReader(z)
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil || encoding != "" && len(r.body) > 100 {
			t.Errorf("%d bytes, %v", len(r.body), err)
		}
		return encoding, string(b)
	}
	plain := Text(long)
	plain.Plain = true
	for _, tt := range []struct {
		accept string
		send   []Message
		want   string
	}{
		{"gzip, deflate, br", []Message{Text(long)}, "gzip"},
		{"deflate", []Message{Text(long)}, "deflate"},
		{"gzip;q=0, deflate;q=0.5", []Message{Text(long)}, "deflate"},
		{"br", []Message{Text(long)}, ""},
		{"gzip", []Message{Text("short")}, ""},
		{"gzip", []Message{plain}, ""},
		{"gzip", []Message{plain, Text("and another")}, "gzip"},
	} {
		var want []string
		for _, m := range tt.send {
			want = append(want, "4"+string(m.Data))
		}
		if encoding, body := fetch(tt.accept, tt.send...); encoding != tt.want || body != strings.Join(want, "\x1e") {
			t.Errorf("%s: %q, %.20q, want %q", tt.accept, encoding, body, tt.want)
		}
	}
}

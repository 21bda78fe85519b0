package socketio

// This file tests namespaces that come to be when a client wants to join them, and the browser client that is served beside them.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/duplex-go/duplex/proto/eio"
)

func TestOf(t *testing.T) {
	s := start(t, nil)
	if s.Of("chat") != s.Of("/chat") || s.Of("/") != s.Namespace || s.Of("") != s.Namespace || s.Of("/chat").Name() != "/chat" {
		t.Error("a name stands for two namespaces")
	}
	for _, name := range []string{"a,b", "/a?b", strings.Repeat("x", 2048)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%.20q can be a name", name)
				}
			}()
			s.Of(name)
		}()
	}
}

func TestDynamic(t *testing.T) {
	each(t, func(t *testing.T, f form) {
		s := start(t, nil)
		rooms := s.OfPattern(regexp.MustCompile(`^/room-\d+$`))
		var asked []string
		private := s.OfFunc(func(name string, auth json.RawMessage) bool {
			asked = append(asked, name+string(auth))
			var a struct{ Token string }
			return json.Unmarshal(auth, &a) == nil && a.Token == "secret"
		})
		s.watch(rooms)
		s.watch(private)
		s.watch(s.Of("/room-3")) // which is none of them
		var order []string
		rooms.Use(func(s *Socket) error { order = append(order, "use "+s.Namespace().Name()); return nil })
		rooms.OnConnect(func(s *Socket) error { order = append(order, "connect "+s.Namespace().Name()); return nil })
		Handle(rooms, "where", func(s *Socket, _ struct{}) (string, error) { return s.Namespace().Name(), nil })
		if rooms.Name() != "" {
			t.Error(rooms.Name())
		}

		p, _ := s.join(f)
		first := p.join("/room-1", "")
		p.join("/room-2", "")
		p.join("/room-3", "")
		p.quiet()
		if want := []string{"use /room-1", "connect /room-1", "use /room-2", "connect /room-2"}; !slices.Equal(order, want) {
			t.Errorf("%q", order)
		}
		p.send(`2/room-1,7["where"]`, `2/room-2,8["where"]`)
		p.want(`3/room-1,7["/room-1"]`, `3/room-2,8["/room-2"]`)
		token, given := `{"token":"secret"}`, `{"token":"secret"}`
		if f.rev == eio.V3 {
			token = `token=secret`
		}
		p.join("/private", token)
		p.send("0/room-x,")
		p.want(`4/room-x,{"message":"Invalid namespace"}`)
		p.quiet()
		if want := []string{"/private" + given, "/room-x{}"}; !slices.Equal(asked, want) {
			t.Errorf("asked %q, want %q", asked, want)
		}

		_ = rooms.Emit("all") // in all of them
		got := []string{p.read(), p.read()}
		if slices.Sort(got); !slices.Equal(got, []string{`2/room-1,["all"]`, `2/room-2,["all"]`}) {
			t.Errorf("%q", got)
		}
		_ = s.socket(first).Join("a")
		_ = rooms.To("a").Emit("some")
		p.want(`2/room-1,["some"]`)
		if list, err := rooms.FetchSockets(t.Context()); err != nil || len(list) != 2 {
			t.Error(list, err)
		}
		_ = s.socket(first).Broadcast().Emit("nobody")
		p.quiet()
		_ = rooms.DisconnectSockets(false)
		got = []string{p.read(), p.read()}
		if slices.Sort(got); !slices.Equal(got, []string{`1/room-1,`, `1/room-2,`}) {
			t.Errorf("%q", got)
		}
		p.join("/room-1", "")
	})
}

// children returns how many namespaces came to be for clients.
func (s *site) children() int {
	s.Server.mu.Lock()
	defer s.Server.mu.Unlock()
	n := 0
	for _, p := range s.parents {
		n += len(p.children)
	}
	return n
}

func TestCleanupEmpty(t *testing.T) {
	for _, cleanup := range []bool{false, true} {
		s := start(t, &Options{CleanupEmpty: cleanup})
		rooms := s.OfPattern(regexp.MustCompile(`^/room-`))
		s.watch(rooms)
		rooms.Use(func(s *Socket) error {
			if strings.HasSuffix(s.Namespace().Name(), "refused") {
				return errors.New("not you")
			}
			return nil
		})
		a, _ := s.join(socket4)
		b, _ := s.join(poll4)
		first := a.join("/room-1", "")
		second := b.join("/room-1", "")
		a.send("0/room-refused,")
		a.want(`4/room-refused,{"message":"not you"}`)
		a.send("1/room-1,")
		s.reason(first)
		if n, want := s.children(), map[bool]int{false: 2, true: 1}[cleanup]; n != want {
			t.Errorf("%d children, want %d", n, want)
		}
		b.leave()
		s.reason(second)
		if n, want := s.children(), map[bool]int{false: 2, true: 0}[cleanup]; n != want {
			t.Errorf("%d children, want %d", n, want)
		}
		again := a.join("/room-1", "")
		_ = s.lookup("/room-1").Emit("x")
		a.want(`2/room-1,["x"]`)
		if s.socket(again).Namespace() != s.lookup("/room-1") {
			t.Error("it is in a namespace that was removed")
		}
	}
}

// A namespace that came to be for a client that gave it up at once goes too.
func TestCleanupGivenUp(t *testing.T) {
	s := start(t, &Options{CleanupEmpty: true})
	s.OfPattern(regexp.MustCompile(`^/room-`)).Use(func(*Socket) error { t.Error("Use is asked"); return nil })
	goOn := make(chan struct{})
	On(s, "wait", func(*Socket, struct{}) error { <-goOn; return nil })
	p, _ := s.join(poll4)
	p.send(`2["wait"]`, `0/room-1,`, `1/room-1,`)
	close(goOn)
	p.quiet()
	eventually(t, "the namespace is gone", func() bool { return s.children() == 0 })
}

// A namespace may be removed while a client is asked whether it may join: it joins the one that takes its place, and is in its rooms there.
func TestCleanupMeanwhile(t *testing.T) {
	s := start(t, &Options{CleanupEmpty: true})
	rooms := s.OfPattern(regexp.MustCompile(`^/room-`))
	s.watch(rooms)
	first, _ := s.join(socket4)
	rooms.Use(func(socket *Socket) error {
		if string(socket.Handshake().Auth) == "{}" {
			return nil
		}
		before := socket.Namespace()
		first.send("1/room-1,")
		eventually(t, "the namespace is gone", func() bool { return s.lookup("/room-1") == nil })
		if socket.Namespace() != before {
			t.Error("the socket was moved")
		}
		return socket.Join("hall")
	})
	first.join("/room-1", "")
	second, _ := s.join(poll4)
	id := second.join("/room-1", `{"second":1}`)
	n := s.lookup("/room-1")
	if n == nil || s.socket(id).Namespace() != n {
		t.Fatalf("in %p, not %p", s.socket(id).Namespace(), n)
	}
	_ = n.To("hall").Emit("x")
	second.want(`2/room-1,["x"]`)
	second.send(`2/room-1,1["sync"]`)
	second.want(`3/room-1,1[]`)
	second.send("1/room-1,")
	eventually(t, "the namespace is gone", func() bool { return s.children() == 0 })
}

// Who comes while the last one leaves is in the namespace that others find.
func TestCleanupRace(t *testing.T) {
	s := start(t, &Options{CleanupEmpty: true})
	rooms := s.OfPattern(regexp.MustCompile(`^/room$`))
	rooms.Use(func(s *Socket) error { return s.Join("hall") })
	s.watch(rooms)
	rooms.OnConnect(func(s *Socket) error {
		if found := s.client.server.lookup("/room"); found != s.Namespace() {
			return fmt.Errorf("in another namespace than %p: %p", found, s.Namespace())
		}
		return nil
	})
	Handle(rooms, "hall", func(s *Socket, _ struct{}) (int, error) {
		list, err := s.Namespace().To("hall").FetchSockets(t.Context())
		return len(list), err
	})
	var wg sync.WaitGroup
	for range 4 {
		p, _ := s.join(socket4)
		wg.Go(func() {
			for range 100 {
				p.join("/room", "")
				p.send(`2/room,1["hall"]`)
				if got := p.read(); got == `3/room,1[0]` {
					t.Error("the room is empty of who is in it")
				}
				p.send("1/room,")
			}
			p.quiet()
		})
	}
	wg.Wait()
	eventually(t, "the namespace is gone", func() bool { return s.children() == 0 })
}

func TestBrowserClient(t *testing.T) {
	s := start(t, nil)
	r := s.get(s.url + "socket.io.js")
	if r.status != 200 || r.body != string(ourClient) || r.header.Get("Content-Type") != "application/javascript; charset=utf-8" ||
		r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %d bytes %v", r.status, len(r.body), r.header)
	}
	if r := s.get(s.url+"socket.io.js", "If-None-Match", r.header.Get("ETag")); r.status != http.StatusNotModified || r.body != "" {
		t.Errorf("%d %q", r.status, r.body)
	}
	if r := s.get(s.url + "socket.io.min.js?x=1"); r.status != 200 || r.body != string(ourClient) {
		t.Errorf("%d", r.status)
	}
	for _, name := range []string{"socket.io.esm.min.js", "socket.io.js.map", "socket.io.msgpack.min.js"} {
		if r := s.get(s.url + name); r.status != 404 {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	for _, name := range []string{"socket.io.jsx", "xsocket.io.js", "other.js", "a/socket.io.js"} { // requests for the engine like any other
		if r := s.get(s.url + name); r.status != 400 || !strings.Contains(r.body, `"code"`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := s.get(strings.TrimSuffix(s.url, "socket.io/") + "elsewhere"); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	if r := s.get(strings.TrimSuffix(s.url, "/") + "?EIO=4&transport=polling"); r.status != 200 {
		t.Errorf("without a slash: %d %s", r.status, r.body)
	}
}

func TestBrowserClientElsewhere(t *testing.T) {
	s := start(t, &Options{NoClient: true})
	if r := s.get(s.url + "socket.io.js"); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"socket.io.esm.min.js": "theirs", "secret.js": "secret"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = start(t, &Options{ClientDir: dir})
	if r := s.get(s.url + "socket.io.esm.min.js"); r.status != 200 || r.body != "theirs" || !strings.Contains(r.header.Get("Content-Type"), "javascript") {
		t.Errorf("%d %q %v", r.status, r.body, r.header)
	}
	if r := s.get(s.url + "socket.io.js"); r.status != 404 {
		t.Errorf("%d", r.status)
	}
	for _, name := range []string{"secret.js", "socket.io.js/../secret.js", "socket.io.esm.min.js%2f..%2fsecret.js"} {
		if r := s.get(s.url + name); strings.Contains(r.body, "secret") && r.status == 200 {
			t.Errorf("%s is served", name)
		}
	}
}

func TestPath(t *testing.T) {
	for _, path := range []string{"/chat/io", "/chat/io/"} {
		s := start(t, &Options{Path: path})
		base := strings.TrimSuffix(s.url, "/socket.io/")
		for _, p := range []string{"/chat/io", "/chat/io/"} {
			if r := s.get(base + p + "?EIO=4&transport=polling"); r.status != 200 {
				t.Errorf("%s at %s: %d", path, p, r.status)
			}
		}
		if r := s.get(s.url + "?EIO=4&transport=polling"); r.status != 404 {
			t.Errorf("%d", r.status)
		}
		if r := s.get(base + "/chat/io/socket.io.js"); r.status != 200 {
			t.Errorf("%d", r.status)
		}
	}
}

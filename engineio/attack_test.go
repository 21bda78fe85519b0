package engineio

// This file holds the attacks on Engine.IO, row by row, with a bystander whose session goes on meanwhile.

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/websocket"
)

// attack runs a server with a bystander that echoes all the while, and then run. Afterwards nothing may be left of the attackers.
func attack(t *testing.T, o *Options, run func(s *site)) {
	t.Helper()
	s := start(t, o)
	_, c := s.openSocket(sock4)
	s.conns.list = nil // but not this one
	defer func() { _ = c.CloseNow() }()
	before := descriptors(t)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			begin := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			_ = c.Write(ctx, websocket.Text, []byte("4still here"))
			m, err := c.Read(ctx)
			cancel()
			if err != nil || string(m.Data) != "4still here" {
				t.Errorf("bystander: %q, %v", m.Data, err)
				return
			}
			if d := time.Since(begin); d > time.Second {
				t.Errorf("the bystander waited for %v", d)
			}
		}
	}()
	run(s)
	close(stop)
	<-done
	s.hangUp()
	s.client.CloseIdleConnections()
	s.eventually("the attackers' connections are gone", func() bool {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		return s.server.sockets == 1
	})
	s.eventually("the attackers' descriptors are gone", func() bool { return descriptors(t) <= before+2 })
}

// descriptors counts those that are open. Where that cannot be told it is always the same number.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

func TestAttack_E01_ManyPackets(t *testing.T) {
	attack(t, nil, func(s *site) {
		for _, tt := range []struct{ query, body string }{
			{poll4, strings.Repeat("4\x1e", 499_999) + "4"},
			{poll3, strings.Repeat("1:4", 250_000)},
		} {
			id, q := s.openPolling(tt.query)
			begin := time.Now()
			s.wantRefusal(s.post(q, tt.body), 400, eio.BadRequest)
			if d := time.Since(begin); d > time.Second {
				t.Errorf("%v", d)
			}
			if r := s.reason(t, id); r != ParseError {
				t.Error(r)
			}
		}
	})
}

func TestAttack_E02_Body(t *testing.T) {
	attack(t, &Options{BodyTimeout: 300 * time.Millisecond}, func(s *site) {
		// A length that is too large is refused before anything is read.
		id, q := s.openPolling(poll4)
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"?"+q, io.MultiReader(strings.NewReader("4"), blocked{}))
		req.ContentLength = 10 << 30
		res, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Error(res.StatusCode)
		}
		s.reason(t, id)

		// Chunks without end.
		id, q = s.openPolling(poll4)
		r, err := s.try(http.MethodPost, q, &repeated{"4aaaaaaa", 1_000_001})
		if err != nil {
			t.Fatal(err)
		}
		s.wantRefusal(r, 413, eio.BadRequest)
		s.reason(t, id)
		_, q = s.openPolling(poll4)
		if r, err = s.try(http.MethodPost, q, &repeated{"4aaaaaaa", 1_000_000}); err != nil || r.body != "ok" {
			t.Errorf("as much as the limit: %v %v", r, err)
		}

		// A body that does not come.
		id, q = s.openPolling(poll4)
		begin := time.Now()
		r, err = s.try(http.MethodPost, q, io.MultiReader(strings.NewReader("4a"), blocked{}))
		if err == nil {
			s.wantRefusal(r, 400, eio.BadRequest)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Error(d)
		}
		if r := s.reason(t, id); r != TransportError {
			t.Error(r)
		}

		// A body that is more than it seems.
		id, q = s.openPolling(poll4)
		var bomb bytes.Buffer
		z := gzip.NewWriter(&bomb)
		_, _ = io.Copy(z, &repeated{"4aaa", 4 << 20})
		_ = z.Close()
		s.wantRefusal(s.ask(http.MethodPost, q, bomb.String(), "Content-Encoding", "gzip"), 415, eio.BadRequest)
		s.reason(t, id)
	})
}

// blocked is a reader of nothing, for a while.
type blocked struct{}

func (blocked) Read([]byte) (int, error) {
	time.Sleep(2 * time.Second)
	return 0, io.ErrUnexpectedEOF
}

func TestAttack_E03_BinaryBody(t *testing.T) {
	attack(t, nil, func(s *site) {
		for range many(10_000, 500) {
			id, q := s.openPolling(poll4)
			s.wantRefusal(s.ask(http.MethodPost, q, "\x04abc", "Content-Type", "application/octet-stream"), 400, eio.BadRequest)
			if r := s.reason(t, id); r != TransportError {
				t.Fatal(r)
			}
		}
	})
}

// many is how often an attack is made: as in its row where DUPLEX_FULL is set, else less.
func many(full, usual int) int {
	if os.Getenv("DUPLEX_FULL") != "" {
		return full
	}
	return usual
}

func TestAttack_E04_Overlap(t *testing.T) {
	attack(t, nil, func(s *site) {
		id, q := s.openPolling(poll4)
		first := s.later(http.MethodGet, q, nil)
		s.eventually("the poll waits", s.session(id).Writable)
		s.wantRefusal(s.get(q), 400, eio.BadRequest)
		s.want(<-first, 200, "1")
		if r := s.reason(t, id); r != TransportError {
			t.Error(r)
		}

		id, q = s.openPolling(poll4)
		poll := s.later(http.MethodGet, q, nil)
		post := s.later(http.MethodPost, q, io.MultiReader(strings.NewReader("4a"), blocked{}))
		s.eventually("the body is being read, and the poll waits", func() bool {
			session := s.session(id)
			session.mu.Lock()
			defer session.mu.Unlock()
			return session.post != nil && session.poll != nil
		})
		s.wantRefusal(s.post(q, "4b"), 400, eio.BadRequest)
		s.want(<-poll, 200, "1")
		begin := time.Now()
		<-post
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("the first POST hung for %v", d)
		}
	})
}

func TestAttack_E05_Query(t *testing.T) {
	attack(t, nil, func(s *site) {
		id, _ := s.openPolling(poll4)
		for query, code := range map[string]eio.Code{
			"EIO=5&transport=polling":                   eio.UnsupportedRevision,
			"EIO=a&transport=polling":                   eio.UnsupportedRevision,
			"EIO=4&EIO=4&transport=polling":             eio.BadRequest,
			"EIO=4&transport=__proto__":                 eio.UnknownTransport,
			"EIO=4&transport=constructor":               eio.UnknownTransport,
			"EIO=4&transport=polling&transport=polling": eio.BadRequest,
			poll4 + "&sid=AAAAAAAAAAAAAAAAAAAA":         eio.UnknownSID,
			sock4 + "&sid=AAAAAAAAAAAAAAAAAAAA":         eio.UnknownSID,
			sock4 + "&sid=" + id:                        eio.BadRequest,
			poll4 + "&j=0":                              eio.BadRequest,
			poll3 + "&j=0);alert(1)//":                  eio.BadRequest,
		} {
			s.wantRefusal(s.get(query), 400, code)
		}
		s.lives(t, id)
	})
}

func TestAttack_E06_SID(t *testing.T) {
	attack(t, nil, func(s *site) {
		for _, sid := range []string{"__proto__", "toString", "", strings.Repeat("a", 10<<10), "%00", "'%20OR%201=1--", "*", "?", "[a-z]", "../..", "%0d%0a"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				s.wantRefusal(s.ask(method, poll4+"&sid="+sid, ""), 400, eio.UnknownSID)
			}
		}
	})
}

// Sessions that are opened and abandoned cost little, and go.
func TestAttack_E07_Abandoned(t *testing.T) {
	n := many(100_000, 10_000)
	if raceEnabled {
		n = 2000
	}
	o := &Options{PingInterval: 2 * time.Second, PingTimeout: time.Second}
	s := start(t, o)
	s.openPolling(poll4) // what the first needs is there
	runtime.GC()
	before := heap()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				if r, err := s.try(http.MethodGet, poll4, nil); err != nil || r.status != 200 {
					t.Errorf("%d: %v", r.status, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if open := s.server.Len(); open > 0 {
		t.Logf("%d are open, with %d bytes each", open, (heap()-before)/int64(open))
	}
	s.eventually("all are gone", func() bool { return s.server.Len() == 0 })
	s.mu.Lock()
	for id, r := range s.ended {
		if r != PingTimeout {
			t.Errorf("%s: %s", id, r)
		}
	}
	s.ended, s.opened = make(map[string]Reason), 0
	s.mu.Unlock()
	s.client.CloseIdleConnections()
	s.eventually("the heap is what it was", func() bool { return heap()-before < 1<<20 })
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The body of a request that is refused is not read.
func TestAttack_E08_BodyFirst(t *testing.T) {
	attack(t, &Options{BodyTimeout: time.Second}, func(s *site) {
		ws, _ := s.openSocket(sock4)
		for _, tt := range []struct {
			query  string
			header []string
			status int
			code   eio.Code
		}{
			{poll4 + "&sid=unknown", nil, 400, eio.UnknownSID},
			{poll4 + "&sid=" + ws, nil, 400, eio.BadRequest},
			{poll4, nil, 400, eio.BadHandshakeMethod},
			{"EIO=4", nil, 400, eio.UnknownTransport},
			{poll4 + "&sid=" + ws, []string{"Origin", "https://evil.com"}, 403, eio.Forbidden},
		} {
			begin := time.Now()
			r, err := s.try(http.MethodPost, tt.query, io.MultiReader(strings.NewReader("4a"), blocked{}), tt.header...)
			if err != nil {
				t.Fatal(err)
			}
			s.wantRefusal(r, tt.status, tt.code)
			if d := time.Since(begin); d > time.Second {
				t.Errorf("%s: after %v", tt.query, d)
			}
		}
	})
}

func TestAttack_E09_Entropy(t *testing.T) {
	n := many(1_000_000, 100_000)
	seen := make(map[string]bool, n)
	var ones [120]int
	for range n {
		id := newID()
		if len(id) != 20 || seen[id] {
			t.Fatalf("%s again", id)
		}
		seen[id] = true
		for i, c := range []byte(id) {
			v := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c)
			for bit := range 6 {
				ones[i*6+bit] += v >> bit & 1
			}
		}
	}
	for i, k := range ones { // no bit is a counter's, or constant
		if k < n*45/100 || k > n*55/100 {
			t.Errorf("bit %d is 1 in %d of %d", i, k, n)
		}
	}
}

// Whatever goes wrong with a probe ends the probe only.
func TestAttack_E10_Probe(t *testing.T) {
	attack(t, &Options{UpgradeTimeout: 300 * time.Millisecond}, func(s *site) {
		id, q := s.openPolling(poll4)
		probe := sock4 + "&sid=" + id
		alive := func(what string) {
			t.Helper()
			s.eventually("the probe is gone: "+what, func() bool {
				session := s.session(id)
				session.mu.Lock()
				defer session.mu.Unlock()
				return session.probe == nil && !session.reserved
			})
			s.wantOK(q, "4"+what)
			s.wantGet(q, "4"+what)
		}
		for name, packets := range map[string][]string{
			"a wrong word":            {"2prob"},
			"no packet":               {"x"},
			"an empty message":        {""},
			"an upgrade at once":      {"5"},
			"a message":               {"4a"},
			"a message after probing": {"2probe", "4a"},
			"a probe twice":           {"2probe", "2probe"},
			"a long one":              {"2probe" + strings.Repeat("e", 100)},
			"silence":                 nil,
			"silence after probing":   {"2probe"},
		} {
			c := s.dial(probe)
			for _, p := range packets {
				s.write(c, p)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			for err := error(nil); err == nil; _, err = c.Read(ctx) {
			}
			if ctx.Err() != nil {
				t.Errorf("%s: the probe was not closed", name)
			}
			cancel()
			alive(name)
		}
		c := s.dial(probe)
		_ = c.CloseNow()
		alive("one that hangs up")

		c = s.dial(probe)
		if r := headerOf(t, s, probe); r.status != 400 {
			t.Errorf("a second probe: %d", r.status)
		}
		if r := headerOf(t, s, "EIO=3&transport=websocket&sid="+id); r.status != 400 {
			t.Errorf("another revision: %d", r.status)
		}
		s.write(c, "2probe")
		s.wantRead(c, "3probe")
		s.write(c, "5")
		s.write(c, "4upgraded")
		s.wantRead(c, "4upgraded")
		if r := headerOf(t, s, probe); r.status != 400 {
			t.Errorf("a probe after the upgrade: %d", r.status)
		}
	})
}

// A client that does not fetch what is sent costs the bound, and then its session.
func TestAttack_E14_NobodyFetches(t *testing.T) {
	attack(t, &Options{SendBuffer: 100_000, BodyTimeout: time.Second}, func(s *site) {
		id, _ := s.openPolling(poll4)
		session := s.session(id)
		sent := 0
		for ; sent < 1_000_000; sent++ {
			if err := session.Send(Text("")); err != nil {
				if !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				break
			}
		}
		if sent > 100_000/eio.PacketCost {
			t.Errorf("%d packets waited", sent)
		}
		if r := s.reason(t, id); r != TransportError {
			t.Error(r)
		}
		if err := session.Send(Text("")); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}

		id, _ = s.openSocket(sock4) // which nobody reads
		session = s.session(id)
		m := Text(strings.Repeat("x", 10_000))
		for sent = range 100_000 {
			if err := session.Send(m); err != nil {
				if !errors.Is(err, ErrFull) {
					t.Error(err)
				}
				break
			}
		}
		if sent == 99_999 {
			t.Error("a gigabyte was taken for nobody")
		}
		if r := s.reason(t, id); r != TransportError {
			t.Error(r)
		}
	})
}

func TestAttack_E15_OutOfPlace(t *testing.T) {
	attack(t, nil, func(s *site) {
		for _, packet := range []string{"0{}", "6", "2", "5", "9", "", "b!", "b=", "\x1e", "4a\x1e", "4a\xff"} {
			id, q := s.openPolling(poll4)
			s.wantRefusal(s.post(q, packet), 400, eio.BadRequest)
			if r := s.reason(t, id); r != ParseError {
				t.Errorf("%q: %s", packet, r)
			}
			if i := strings.IndexByte(packet, 0x1e); i >= 0 || !utf8.ValidString(packet) {
				continue // a separator is none there, and UTF-8 is WebSocket's affair
			}
			id, c := s.openSocket(sock4)
			s.write(c, packet)
			if r := s.reason(t, id); r != ParseError {
				t.Errorf("%q: %s", packet, r)
			}
			s.wantEnd(c, 1005)
		}
		id, c := s.openSocket(sock3)
		_ = c.Write(context.Background(), websocket.Binary, []byte{2})
		if r := s.reason(t, id); r != ParseError {
			t.Error(r)
		}
	})
}

func TestAttack_E16_UTF8(t *testing.T) {
	attack(t, nil, func(s *site) {
		for _, body := range []string{"4\xc0\xaf", "4\xed\xa0\x80", "4\xf4\x90\x80\x80", "4\xe2\x82", "4\x80"} {
			id, q := s.openPolling(poll4)
			s.wantRefusal(s.post(q, body), 400, eio.BadRequest)
			if r := s.reason(t, id); r != ParseError {
				t.Error(r)
			}
		}
		id, q := s.openPolling(poll3)
		s.wantRefusal(s.post(q, "2:4\xff"), 400, eio.BadRequest)
		s.reason(t, id)
		id, c := s.openSocket(sock4)
		_ = c.Write(context.Background(), websocket.Text, []byte("4\xff"))
		s.wantEnd(c, 1007)
		if r := s.reason(t, id); r != TransportError {
			t.Error(r)
		}
	})
}

// E13: who has the id can poll, but not at the same time without being noticed.
func TestAttack_E13_StolenID(t *testing.T) {
	attack(t, nil, func(s *site) {
		id, q := s.openPolling(poll4)
		owner := s.later(http.MethodGet, q, nil)
		s.eventually("the poll waits", s.session(id).Writable)
		s.wantRefusal(s.ask(http.MethodGet, q, "", "Cookie", "thief=1"), 400, eio.BadRequest)
		s.want(<-owner, 200, "1")
		s.reason(t, id)
	})
}

// B05: a flood of pongs makes no timers.
func TestAttack_B05_Pongs(t *testing.T) {
	attack(t, nil, func(s *site) {
		_, c := s.openSocket(sock4)
		before := runtime.NumGoroutine()
		for range many(100_000, 10_000) {
			s.write(c, "3")
		}
		s.write(c, "4done")
		s.wantRead(c, "4done")
		if n := runtime.NumGoroutine(); n > before+20 {
			t.Errorf("%d goroutines more", n-before)
		}
		_, q := s.openPolling(poll4)
		s.wantOK(q, "3"+strings.Repeat("\x1e3", 9_999))
	})
}

// B03, of Engine.IO 3: pings that a client fetches no answers to cost one answer, which holds what the last one said, and nothing of anybody else's.
func TestAttack_B03_Pings(t *testing.T) {
	attack(t, nil, func(s *site) {
		id, q := s.openPolling(poll3)
		for range 20 {
			s.wantOK(q, strings.Repeat("1:2", 5000))
		}
		s.wantOK(q, "6:2first")
		s.wantOK(q, "5:2last")
		s.wantOK(q, "10:4overwrite") // into the buffer that the others were read into
		session := s.session(id)
		session.mu.Lock()
		waiting := session.m.Queued()
		session.mu.Unlock()
		if waiting != 2 {
			t.Errorf("%d packets wait", waiting)
		}
		s.wantGet(q, "5:3last10:4overwrite")
		s.wantOK(q, "1:2")
		s.wantGet(q, "1:3")
	})
}

// N08: a client that floods loses its session, by either transport.
func TestAttack_N08_Flood(t *testing.T) {
	attack(t, &Options{PacketRate: 100}, func(s *site) {
		id, c := s.openSocket(sock4)
		for range 250 {
			_ = c.Write(context.Background(), websocket.Text, []byte("4"))
		}
		if r := s.reason(t, id); r != TransportError {
			t.Error(r)
		}
		id, q := s.openPolling(poll4)
		s.post(q, "4"+strings.Repeat("\x1e4", 249))
		if r := s.reason(t, id); r != TransportError {
			t.Error(r)
		}
	})
}

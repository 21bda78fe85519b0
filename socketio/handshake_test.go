package socketio

// This file tests what is known of a client, and what is kept with it.

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
)

func TestHandshake(t *testing.T) {
	s := start(t, &Options{Engine: engineio.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	w, err := dialWire(s.addr, "/socket.io/?EIO=4&transport=websocket&a=1&a=2&b=%C3%A9",
		[]string{"X-Forwarded-For", "192.0.2.7", "X-Forwarded-Proto", "https", "Cookie", "a=1", "Cookie", "b=2", "X-Many", "1", "X-Many", "2"}, `40{"token":["x"]}`)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var socket *Socket
	eventually(t, "it has come", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, socket = range s.came {
			return true
		}
		return false
	})
	h := socket.Handshake()
	if h.Addr() != netip.MustParseAddr("192.0.2.7") || !h.Secure() || h.XDomain() || string(h.Auth) != `{"token":["x"]}` || time.Since(h.Issued()) > time.Minute {
		t.Errorf("%v %v %v %s %v", h.Addr(), h.Secure(), h.XDomain(), h.Auth, h.Issued())
	}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	header := got["headers"].(map[string]any)
	if header["cookie"] != "a=1; b=2" || header["x-many"] != "1, 2" || header["host"] != s.addr {
		t.Errorf("%v", header)
	}
	if _, err := time.Parse("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)", got["time"].(string)); err != nil {
		t.Error(err)
	}
	if got["issued"] != float64(h.Issued().UnixMilli()) {
		t.Errorf("%v", got["issued"])
	}
	maps.DeleteFunc(got, func(key string, _ any) bool { return slices.Contains([]string{"headers", "time", "issued"}, key) })
	text, _ = json.Marshal(got)
	want := `{"address":"192.0.2.7","auth":{"token":["x"]},"query":{"EIO":"4","a":["1","2"],"b":"é","transport":"websocket"},"secure":true,` +
		`"url":"/socket.io/?EIO=4\u0026transport=websocket\u0026a=1\u0026a=2\u0026b=%C3%A9","xdomain":false}`
	if string(text) != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
}

func TestData(t *testing.T) {
	type user struct{ name string }
	s := start(t, nil)
	s.Use(func(socket *Socket) error { socket.SetData(&user{"bob"}); return nil })
	_, id := s.join(socket4)
	socket := s.socket(id)
	if u, ok := DataOf[*user](socket); !ok || u.name != "bob" {
		t.Error(u, ok)
	}
	if _, ok := DataOf[user](socket); ok {
		t.Error("of another type")
	}
	socket.SetData(nil)
	if _, ok := DataOf[*user](socket); ok || socket.Data() != nil {
		t.Error("data that was taken away")
	}
}

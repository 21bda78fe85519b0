package realip

// This file tests who is believed.

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestClient(t *testing.T) {
	for _, tt := range []struct{ peer, forwarded, want string }{
		{"1.2.3.4:5", "", "1.2.3.4"},
		{"1.2.3.4:5", "127.0.0.1", "1.2.3.4"}, // nobody asked this peer
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "6.6.6.6", "6.6.6.6"},
		{"10.0.0.1:5", "127.0.0.1, 6.6.6.6", "6.6.6.6"},
		{"10.0.0.1:5", "6.6.6.6, 10.0.0.2,10.0.0.3 ", "6.6.6.6"},
		{"10.0.0.1:5", "10.0.0.9, 10.0.0.2", "10.0.0.9"}, // all are ours: the first
		{"10.0.0.1:5", "6.6.6.6, garbage", "10.0.0.1"},
		{"10.0.0.1:5", "garbage, 10.0.0.2", "10.0.0.2"},
		{"10.0.0.1:5", "6.6.6.6:80", "10.0.0.1"}, // no address
		{"10.0.0.1:5", "::ffff:6.6.6.6", "6.6.6.6"},
		{"[::ffff:10.0.0.1]:5", "6.6.6.6", "6.6.6.6"},
		{"[fd00::1]:5", "2001:db8::1", "2001:db8::1"},
		{"[fd00::1%eth0]:5", "2001:db8::1", "2001:db8::1"},
		{"10.0.0.1:5", "fe80::1%" + strings.Repeat("z", 5000), "fe80::1"},
		{"10.0.0.1:5", "6.6.6.6, fd00::2%eth0", "6.6.6.6"},
		{"10.0.0.1:5", "6.6.6.6,", "10.0.0.1"},
		{"10.0.0.1:5", "6.6.6.6, 010.0.0.2", "10.0.0.1"},                           // octal or not: no address
		{"@", "6.6.6.6", "invalid IP"},                                             // a Unix socket
		{"10.0.0.1:5", "6.6.6.6" + strings.Repeat(", 10.0.0.2", 1000), "10.0.0.2"}, // no proxy chain is that long
	} {
		r := &http.Request{RemoteAddr: tt.peer, Header: make(http.Header)}
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		if got := Client(r, trusted).String(); got != tt.want {
			t.Errorf("%s for %.40q: %s, want %s", tt.peer, tt.forwarded, got, tt.want)
		}
	}
	// Several fields are one list.
	r := &http.Request{RemoteAddr: "10.0.0.1:5", Header: http.Header{"X-Forwarded-For": {"9.9.9.9", "6.6.6.6", "10.0.0.2"}}}
	if got := Client(r, trusted).String(); got != "6.6.6.6" {
		t.Errorf("several fields: %s", got)
	}
}

func TestSite(t *testing.T) {
	for _, tt := range []struct {
		peer, host, proto string
		tls               bool
		want              string
		secure            bool
	}{
		{"1.2.3.4:5", "", "", false, "site.example", false},
		{"1.2.3.4:5", "", "", true, "site.example", true},
		{"1.2.3.4:5", "evil.example", "https", false, "site.example", false},
		{"10.0.0.1:5", "www.example", "https", false, "www.example", true},
		{"10.0.0.1:5", "www.example, evil.example", "http", true, "site.example", false},
		{"10.0.0.1:5", "", "wss", false, "site.example", true},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Host: "site.example", Header: make(http.Header)}
		if tt.tls {
			r.TLS = new(tls.ConnectionState)
		}
		if tt.host != "" {
			r.Header.Set("X-Forwarded-Host", tt.host)
		}
		if tt.proto != "" {
			r.Header.Set("X-Forwarded-Proto", tt.proto)
		}
		if host, secure := Site(r, trusted); host != tt.want || secure != tt.secure {
			t.Errorf("%+v: %s, %v", tt, host, secure)
		}
	}
}

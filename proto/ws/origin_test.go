package ws

// This file tests which pages may connect.

import (
	"net/url"
	"strings"
	"testing"
)

// The site's own origin, and everything that looks like it.
func TestAttack_H01_OwnOrigin(t *testing.T) {
	const good = "good.com"
	for _, tt := range []struct {
		origin string
		secure bool
		host   string
		want   bool
	}{
		{"https://good.com", true, good, true},
		{"http://good.com", false, good, true},
		{"https://good.com", false, good, true}, // TLS may end at a proxy
		{"http://good.com", true, good, false},
		{"https://evil", true, good, false},
		{"null", true, good, false},
		{"", true, good, false},
		{"https://good.com.evil.com", true, good, false},
		{"https://evilgood.com", true, good, false},
		{"https://sub.good.com", true, good, false},
		{"https://good.co", true, good, false},
		{"https://good.com@evil", true, good, false},
		{"https://evil@good.com", true, good, false},
		{"https://good.com`", true, good, false},
		{"https://good.com%60", true, good, false},
		{"https://good.com%00.evil.com", true, good, false},
		{"https://good.com\\.evil.com", true, good, false},
		{"https://good.com#", true, good, false},
		{"https://good.com?", true, good, false},
		{"https://good.com/", true, good, false}, // no browser writes it so
		{"https://good.com/x", true, good, false},
		{"https://good.com,https://evil", true, good, false},
		{"https://good.com https://evil", true, good, false},
		{"https://good.com\t", true, good, false},
		{" https://good.com", true, good, false},
		{"https:good.com", true, good, false},
		{"https:///good.com", true, good, false},
		{"//good.com", true, good, false},
		{"good.com", true, good, false},
		{"://good.com", true, good, false},
		{"wss://good.com", true, good, false},
		{"file://good.com", true, good, false},
		{"chrome-extension://good.com", true, good, false},
		{"https://GOOD.com", true, good, false},
		{"HTTPS://good.com", true, good, false},
		{"https://good.com.", true, good, false},
		{"https://good.com:8443", true, good, false},
		{"https://good.com:80", true, good, false},
		{"https://good.com:", true, good, false},
		{"https://good.com:0443", true, good, false},
		{"https://ｇood.com", true, good, false},
		{"https://good。com", true, good, false},
		{"https://*.com", true, good, false},
		{"*", true, good, false},

		// Ports: the default one may be left out, on either side.
		{"https://good.com:443", true, good, true},
		{"https://good.com", true, "good.com:443", true},
		{"http://good.com:80", false, good, true},
		{"http://good.com", false, "good.com:80", true},
		{"http://good.com", false, "good.com:443", false},
		{"https://good.com", true, "good.com:80", false},
		{"http://good.com:8080", false, "good.com:8080", true},
		{"http://good.com:8080", false, "good.com:8081", false},
		{"http://good.com", false, "good.com:8080", false},
		{"http://good.com:8080", false, good, false},

		// The Host of a client that is no browser may have any case; addresses are hosts, too.
		{"https://good.com", true, "Good.COM", true},
		{"https://good.com.", true, "good.com.", true},
		{"http://localhost:8080", false, "localhost:8080", true},
		{"http://127.0.0.1:8080", false, "127.0.0.1:8080", true},
		{"http://127.0.0.1:8080", false, "localhost:8080", false},
		{"http://[::1]:8080", false, "[::1]:8080", true},
		{"http://[::1]", false, "[::1]:80", true},
		{"http://[::1]:80", false, "[::1]", true},
		{"http://[::1]:8080", false, "[::1]", false},
		{"http://[::80]", false, "[::80]", true},
		{"http://[::80]", false, "[:", false},
		{"https://[2001:db8::443]", true, "[2001:DB8::443]", true},
		{"http://[::1", false, "[::1", false},
		{"http://::1", false, "[::1]", false},
		{"http://", false, "", false},
		{"http://*", false, "*", false},
	} {
		if got := OriginAllowed(tt.origin, tt.secure, tt.host, nil); got != tt.want {
			t.Errorf("%q at %s, secure %v: %v", tt.origin, tt.host, tt.secure, got)
		}
	}
}

func TestAttack_H01_Patterns(t *testing.T) {
	for _, tt := range []struct {
		origin, pattern string
		want            bool
	}{
		{"https://app.example", "https://app.example", true},
		{"https://app.example:443", "https://app.example", true},
		{"https://app.example", "https://app.example:443", true},
		{"https://app.example:8443", "https://app.example:8443", true},
		{"https://app.example:8443", "https://app.example", false},
		{"https://app.example", "https://app.example:8443", false},
		{"http://app.example", "https://app.example", false},
		{"https://app.example", "http://app.example", false},
		{"chrome-extension://abcdef", "chrome-extension://abcdef", true},
		{"http://[2001:db8::1]:99", "http://[2001:db8::1]:99", true},

		// A * is one or more whole labels, and nothing else.
		{"https://a.app.example", "https://*.app.example", true},
		{"https://a.b.app.example", "https://*.app.example", true},
		{"https://app.example", "https://*.app.example", false},
		{"https://.app.example", "https://*.app.example", false},
		{"https://xapp.example", "https://*.app.example", false},
		{"https://a.app.example.evil", "https://*.app.example", false},
		{"https://a.app.example:8443", "https://*.app.example", false},
		{"https://a.app.example:8443", "https://*.app.example:8443", true},
		{"https://a.app.example:443", "https://*.app.example", true},
		{"https://evil:1.app.example", "https://*.app.example", false},
		{"https://evil@a.app.example", "https://*.app.example", false},
		{"https://evil/.app.example", "https://*.app.example", false},
		{"https://evil?.app.example", "https://*.app.example", false},
		{"https://evil#.app.example", "https://*.app.example", false},
		{"https://evil\\.app.example", "https://*.app.example", false},
		{"https://*.app.example", "https://*.app.example", false},
		{"https://A.app.example", "https://*.app.example", false},
		{"http://a.app.example", "https://*.app.example", false},

		// Patterns that CheckOriginPattern does not pass match nothing.
		{"https://xapp.example", "https://*app.example", false},
		{"https://app.example", "https://*", false},
		{"https://app.example", "https://app.*", false},
		{"https://app.example", "*://app.example", false},
		{"https://app.example", "app.example", false},
		{"https://app.example", "https://app.example/", false},
		{"https://app.example", "", false},

		{"https://anything", "*", true},
		{"null", "*", true},
		{"null", "null", false},
	} {
		if got := OriginAllowed(tt.origin, true, "good.com", []string{"https://other.example", tt.pattern}); got != tt.want {
			t.Errorf("%q with %q: %v", tt.origin, tt.pattern, got)
		}
	}
}

func TestCheckOriginPattern(t *testing.T) {
	for pattern, want := range map[string]bool{
		"*": true, "https://a.example": true, "http://localhost:8080": true, "https://*.a.example": true, "https://*.a.example:8443": true, "http://[::1]:80": true,
		"https://*.localhost": true, "chrome-extension://abc": true,
		"": false, "null": false, "a.example": false, "*.a.example": false, "https://*": false, "https://a*.example": false, "https://a.*.example": false,
		"https://*.*.example": false, "https://*a.example": false, "https://A.example": false, "https://a.example/": false, "https://a.example/x": false,
		"https://u@a.example": false, "//a.example": false, "https://": false, "https://*.": false, "https://*..a": false, "https://*.:80": false,
		"https://a.example https://b.example": false, "https://ä.example": false,
	} {
		if got := CheckOriginPattern(pattern); got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}

// FuzzOrigin: an origin that is allowed has a host that is ours or below the pattern's, for anybody who takes it apart in another way.
func FuzzOrigin(f *testing.F) {
	for _, origin := range []string{"https://good.com", "https://a.good.com:443", "https://good.com@evil", "https://evil/.good.com", "http://[::1]", "null", "https://good.com.evil"} {
		f.Add(origin, true)
		f.Add(origin, false)
	}
	f.Fuzz(func(t *testing.T, origin string, secure bool) {
		if !OriginAllowed(origin, secure, "good.com", []string{"https://*.good.com"}) {
			return
		}
		u, err := url.Parse(origin)
		if err != nil {
			t.Fatalf("%q is allowed, but %v", origin, err)
		}
		scheme, rest, _ := strings.Cut(origin, "://")
		host, port, _ := strings.Cut(rest, ":")
		switch {
		case u.Hostname() != host || host != "good.com" && !strings.HasSuffix(host, ".good.com"):
			t.Errorf("%q is allowed, with host %q", origin, host)
		case scheme != "https" && (secure || scheme != "http" || host != "good.com"):
			t.Errorf("%q is allowed, secure %v", origin, secure)
		case port != "" && port != map[string]string{"http": "80", "https": "443"}[scheme]:
			t.Errorf("%q is allowed, with port %s", origin, port)
		case strings.ContainsAny(origin, "@\\?#%* \t") || strings.Count(origin, "/") != 2:
			t.Errorf("%q is allowed", origin)
		}
	})
}

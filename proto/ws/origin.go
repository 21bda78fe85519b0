package ws

// This file holds the Origin check (RFC 6455 sections 4.2.2 and 10.2, RFC 6454).

import (
	"net/url"
	"strings"
)

// OriginAllowed reports whether a page from origin may connect to the site host.
// secure: the site was reached over TLS.
//
// The site's own origin is allowed. On a site reached without TLS an https origin of the same host is
// its own too, because TLS may end at a proxy; an http page is never a secure site's own.
// Other origins need a pattern: "https://example.org", "https://*.example.org", where a * stands for
// one or more whole labels, or "*". Scheme, host and port are compared exactly; a default port may be left out.
// An origin that is not written as browsers write it, in lower case and without user or path, matches only "*".
func OriginAllowed(origin string, secure bool, host string, patterns []string) bool {
	o, ok := parseOrigin(origin)
	ok = ok && !strings.Contains(o.host, "*")
	if ok && (o.scheme == "https" || o.scheme == "http" && !secure) && o.host == dropPort(strings.ToLower(host), o.scheme) {
		return true
	}
	for _, pattern := range patterns {
		if pattern == "*" {
			return true
		}
		if p, pok := parseOrigin(pattern); ok && pok && o.scheme == p.scheme && hostMatches(o.host, p.host) {
			return true
		}
	}
	return false
}

// CheckOriginPattern reports whether s can be a pattern for OriginAllowed.
func CheckOriginPattern(s string) bool {
	p, ok := parseOrigin(s)
	rest, wild := strings.CutPrefix(p.host, "*.")
	if wild && (rest == "" || rest[0] == '.' || rest[0] == ':') {
		return false
	}
	return s == "*" || ok && !strings.Contains(rest, "*")
}

// site is an origin: a scheme and a host, with its port unless that is the scheme's default.
type site struct{ scheme, host string }

func parseOrigin(s string) (site, bool) {
	if s != strings.ToLower(s) || !fieldText(s) {
		return site{}, false
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != s {
		return site{}, false
	}
	for _, b := range []byte(u.Host) {
		switch {
		case 'a' <= b && b <= 'z', '0' <= b && b <= '9', strings.IndexByte("-._:[]*", b) >= 0:
		default:
			return site{}, false
		}
	}
	return site{u.Scheme, dropPort(u.Host, u.Scheme)}, true
}

func dropPort(host, scheme string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// hostMatches reports whether host is what pattern says, where a first label of * stands for one or more labels.
func hostMatches(host, pattern string) bool {
	suffix, ok := strings.CutPrefix(pattern, "*")
	if !ok {
		return host == pattern
	}
	return strings.HasPrefix(suffix, ".") && strings.HasSuffix(host, suffix) && host[0] != '.'
}

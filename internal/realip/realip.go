// Package realip tells who sent a request that came through proxies, believing only the proxies that it is told to trust.
package realip

// This file holds the whole package.

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many entries of X-Forwarded-For are looked at, from the right.
const maxHops = 32

// Client returns the address of the client behind r: the peer's own, unless the peer is a trusted proxy. Then X-Forwarded-For is walked
// from the right, and the first address that is not trusted is the client's. What cannot be parsed ends the walk at the last address that
// could. The zero Addr means that r.RemoteAddr is no address, as with a Unix socket.
func Client(r *http.Request, trusted []netip.Prefix) netip.Addr {
	client := peer(r)
	if !isTrusted(client, trusted) {
		return client
	}
	list := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for range maxHops {
		i := strings.LastIndexByte(list, ',')
		hop, err := netip.ParseAddr(strings.TrimSpace(list[i+1:]))
		if err != nil {
			return client
		}
		client = hop.Unmap().WithZone("") // the zone is the sender's own affair, and of any length
		if i < 0 || !isTrusted(client, trusted) {
			return client
		}
		list = list[:i]
	}
	return client
}

// Site returns the host that the client asked for, and whether it did so over TLS. A trusted proxy says so in X-Forwarded-Host and
// X-Forwarded-Proto; from anybody else these are ignored.
func Site(r *http.Request, trusted []netip.Prefix) (host string, secure bool) {
	host, secure = r.Host, r.TLS != nil
	if !isTrusted(peer(r), trusted) {
		return host, secure
	}
	if v := r.Header.Values("X-Forwarded-Host"); len(v) == 1 && !strings.Contains(v[0], ",") {
		host = strings.TrimSpace(v[0])
	}
	if v := r.Header.Values("X-Forwarded-Proto"); len(v) == 1 {
		proto := strings.TrimSpace(v[0])
		secure = proto == "https" || proto == "wss"
	}
	return host, secure
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

package ws

// This file tests the server's half of the opening handshake, with requests as they stand on the wire.

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hello is the opening handshake of RFC 6455 section 1.2, without what it need not have.
const hello = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// accepted is the answer to hello.
const accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// with returns hello with more fields.
func with(fields ...string) string {
	return strings.Replace(hello, "\r\n\r\n", "\r\n"+strings.Join(fields, "\r\n")+"\r\n\r\n", 1)
}

// edit returns hello with a part replaced.
func edit(t *testing.T, old, other string) string {
	t.Helper()
	if strings.Count(hello, old) != 1 {
		t.Fatalf("%q does not stand in the request once", old)
	}
	return strings.Replace(hello, old, other, 1)
}

// asked reads a request as net/http does.
func asked(raw string) (*Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return nil, err
	}
	return &Request{
		Method: r.Method, Target: r.RequestURI, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, Host: r.Host,
		Header: Fields(r.Header), HasBody: r.ContentLength != 0 || len(r.TransferEncoding) > 0,
	}, nil
}

// answered is what a server that speaks chat and superchat says to a request: a response, or "400 why".
func answered(raw string, deflate *DeflateOptions) string {
	r, err := asked(raw)
	if err != nil {
		return "400 net/http: " + err.Error()
	}
	if bad := CheckRequest(r); bad != nil {
		return refused(bad)
	}
	a, extensions, bad := Choose(r.Header, []string{"chat", "superchat"}, deflate)
	if bad != nil {
		return refused(bad)
	}
	key, _ := r.Header.first("Sec-Websocket-Key")
	b, err := AppendResponse(nil, key, a, extensions, nil)
	if err != nil {
		return "500 " + err.Error()
	}
	return string(b)
}

func refused(bad *Refusal) string {
	s := fmt.Sprintf("%d %s", bad.Status, bad.Reason)
	if bad.Version {
		s += " (13)"
	}
	if bad.Allow {
		s += " (GET)"
	}
	return s
}

func TestAcceptKey(t *testing.T) { // RFC 6455 section 1.3
	if got := AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
	if got := NewKey([16]byte([]byte("the sample nonce"))); got != "dGhlIHNhbXBsZSBub25jZQ==" {
		t.Error(got)
	}
}

// What is a handshake, if an unusual one.
func TestHandshakeAccepted(t *testing.T) {
	for _, raw := range []string{
		hello,
		edit(t, "Upgrade: websocket", "upgrade: WebSocket"),
		edit(t, "Upgrade: websocket", "Upgrade: h2c, websocket"),
		edit(t, "Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"),
		edit(t, "Connection: Upgrade", "Connection: keep-alive, Upgrade"),
		edit(t, "Connection: Upgrade", "Connection: keep-alive,upgrade"),
		edit(t, "Connection: Upgrade", "Connection: keep-alive\r\nConnection: UPGRADE"),
		edit(t, "/chat", "/chat?a=%00&b=/../"),
		edit(t, "/chat", "/"+strings.Repeat("a", MaxTarget-1)),
		edit(t, "/chat", "//chat/...//..a/a../%E4%BD%A0/"),
		edit(t, "server.example.com", "[2001:db8::1]:8080"),
		edit(t, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version:   13  "),
		with("Content-Length: 0"),
		with("Cookie: " + strings.Repeat("x", 8000)),
		with("Sec-WebSocket-Protocol: "),
		with("Sec-WebSocket-Extensions: x-unknown; a; b=1; c=\"2\", ,"),
	} {
		if got := answered(raw, nil); got != accepted {
			t.Errorf("%q: %s", raw, got)
		}
	}
}

func TestAttack_H02_NoHandshake(t *testing.T) {
	const (
		key     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		badKey  = "400 Sec-WebSocket-Key is not one value of 16 bytes in base64"
		version = "426 Sec-WebSocket-Version is not 13 (13)"
	)
	for _, tt := range []struct{ old, new, want string }{
		{key, "", badKey},
		{key, key + key, badKey},
		{"ZQ==", "", badKey},
		{"ZQ==", "ZWU=", badKey},
		{"ZQ==", "ZWVl", badKey},
		{"ZQ==", "Z***", badKey},
		{"dGhlIHNhbXBsZSBub25jZQ==", "", badKey},
		{"dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAA=AAA", badKey},
		{"Version: 13", "Version: 8", version},
		{"Version: 13", "Version: 12", version},
		{"Version: 13", "Version: 14", version},
		{"Version: 13", "Version: 013", version},
		{"Version: 13", "Version: 13, 8", version},
		{"Version: 13", "Version: 13\r\nSec-WebSocket-Version: 8", version},
		{"Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13", version},
		{"Version: 13", "Version: ", version},
		{"Sec-WebSocket-Version: 13\r\n", "", version},
		{"GET", "POST", "405 a WebSocket handshake is a GET (GET)"},
		{"GET", "HEAD", "405 a WebSocket handshake is a GET (GET)"},
		{"GET", "get", "405 a WebSocket handshake is a GET (GET)"},
		{"HTTP/1.1", "HTTP/1.0", "400 a WebSocket handshake needs HTTP/1.1"},
		{"HTTP/1.1", "HTTP/2.0", "400 a WebSocket handshake needs HTTP/1.1"},
		{"Connection: Upgrade", "Connection: close", "400 Connection does not name upgrade"},
		{"Connection: Upgrade", "Connection: upgraded", "400 Connection does not name upgrade"},
		{"Connection: Upgrade\r\n", "", "400 Connection does not name upgrade"},
		{"Upgrade: websocket\r\n", "", "400 Upgrade does not name websocket"},
		{"Upgrade: websocket", "Upgrade: websocket/13", "400 Upgrade does not name websocket"},
		{"Upgrade: websocket", "Upgrade: web socket", "400 Upgrade does not name websocket"},
		{"Upgrade: websocket\r\n" + "Connection: Upgrade\r\n" + key, "", "426 this is a WebSocket address: connect with a WebSocket client (13)"},
	} {
		if got := answered(edit(t, tt.old, tt.new), nil); got != tt.want {
			t.Errorf("%q for %q: got %s, want %s", tt.new, tt.old, got, tt.want)
		}
	}
}

func TestIsUpgrade(t *testing.T) {
	for _, tt := range []struct {
		header Fields
		want   bool
	}{
		{Fields{}, false},
		{Fields{"Connection": {"Upgrade"}, "Upgrade": {"h2c"}}, false},
		{Fields{"Upgrade": {"h2c, WebSocket"}}, true},
		{Fields{"Sec-Websocket-Key": {""}}, true},
	} {
		if got := IsUpgrade(tt.header); got != tt.want {
			t.Errorf("%v: %v", tt.header, got)
		}
	}
}

// The limits of the whole head, at their edges.
func TestAttack_H03_LargeHeads(t *testing.T) {
	many := func(n, size int) string {
		fields := make([]string, n)
		for i := range fields {
			fields[i] = fmt.Sprintf("a%06d: %s", i, strings.Repeat("x", size-7))
		}
		return with(fields...)
	}
	const own = 4 // lines that hello has, without Host
	bytes := len(hello) - len("GET /chat HTTP/1.1\r\nHost: server.example.com") - own*len(": \r\n") - len("\r\n\r\n")
	for _, tt := range []struct {
		name, raw string
		ok        bool
	}{
		{"128 lines", many(MaxFields-own, 7), true},
		{"129 lines", many(MaxFields-own+1, 7), false},
		{"10,000 lines", many(10_000, 8), false},
		{"8 KiB in a line", many(1, MaxFieldLine), true},
		{"8 KiB and a byte in a line", many(1, MaxFieldLine+1), false},
		{"1 MiB in a line", many(1, 1<<20), false},
		{"16 KiB", many(2, (MaxFieldBytes-bytes)/2), true},
		{"more than 16 KiB", many(2, (MaxFieldBytes-bytes)/2+1), false},
	} {
		got := answered(tt.raw, nil)
		if ok := got == accepted; ok != tt.ok || !ok && !strings.HasPrefix(got, "431 ") {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
	if got := answered(edit(t, "/chat", "/"+strings.Repeat("a", MaxTarget)), nil); !strings.HasPrefix(got, "414 ") {
		t.Errorf("a target of more than 8 KiB: %s", got)
	}
}

// within fails the test if f takes longer than d: a thousand times what it should, so that a busy machine fails no test.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > d {
		t.Errorf("took %v, more than %v", took, d)
	}
}

func TestSubprotocols(t *testing.T) {
	for _, tt := range []struct{ offered, want string }{
		{"chat", "chat"},
		{"superchat, chat", "chat"}, // the server's order
		{"superchat\r\nSec-WebSocket-Protocol: chat", "chat"},
		{"superchat", "superchat"},
		{" , ,superchat,\t", "superchat"},
		{"Chat", ""}, // they are compared with case
		{"soap, wamp", ""},
		{"chatter", ""},
	} {
		want := accepted
		if tt.want != "" {
			want = strings.TrimSuffix(accepted, "\r\n") + "Sec-WebSocket-Protocol: " + tt.want + "\r\n\r\n"
		}
		if got := answered(with("Sec-WebSocket-Protocol: "+tt.offered), nil); got != want {
			t.Errorf("%q: got %s", tt.offered, got)
		}
	}
}

// Lists of subprotocols as no client writes them. The pure functions stay fast even for what CheckHead would not let pass.
func TestAttack_H05_SubprotocolJunk(t *testing.T) {
	const bad = "400 Sec-WebSocket-Protocol holds what is no token"
	for _, list := range []string{`"chat"`, "chat superchat", "chat;q=1", "ch@t", "chat, (superchat)", "chat\tx", "chät"} {
		if got := answered(with("Sec-WebSocket-Protocol: "+list), nil); got != bad {
			t.Errorf("%q: got %s", list, got)
		}
	}
	for name, list := range map[string]string{
		"60,000 spaces":  "b" + strings.Repeat(" ", 60_000) + "x",
		"10,000 commas":  strings.Repeat(",", 10_000) + "chat",
		"10,000 offers":  strings.Repeat("b, ", 10_000) + "chat",
		"spaces, commas": strings.Repeat(" \t,", 20_000) + "chat",
	} {
		within(t, time.Second, func() {
			a, _, refusal := Choose(Fields{"Sec-Websocket-Protocol": {list}}, []string{"chat"}, nil)
			if ok := refusal == nil; ok == (name == "60,000 spaces") || ok != (a.Subprotocol == "chat") {
				t.Errorf("%s: %+v, %v", name, a, refusal)
			}
		})
	}
}

// What the application has us write never breaks out of its field.
func TestAttack_H07_InjectionByTheApplication(t *testing.T) {
	for _, s := range []string{"a\r\nSet-Cookie: x=1", "a\nb", "a\rb", "a\x00b", "a\x7fb", "ä", "\u2028", "a\x1bb"} {
		if err := CheckSubprotocols([]string{s}); err == nil {
			t.Errorf("subprotocol %q passed", s)
		}
		for what, wrong := range map[string]func() ([]byte, error){
			"response, subprotocol": func() ([]byte, error) { return AppendResponse(nil, "", Agreement{Subprotocol: s}, "", nil) },
			"response, extensions":  func() ([]byte, error) { return AppendResponse(nil, "", Agreement{}, s, nil) },
			"response, value":       func() ([]byte, error) { return AppendResponse(nil, "", Agreement{}, "", Fields{"X-A": {"b", s}}) },
			"response, name":        func() ([]byte, error) { return AppendResponse(nil, "", Agreement{}, "", Fields{s: {"b"}}) },
			"request, subprotocol": func() ([]byte, error) {
				return AppendRequest(nil, &Offer{Target: "/", Host: "a", Subprotocols: []string{s}})
			},
			"request, target": func() ([]byte, error) { return AppendRequest(nil, &Offer{Target: "/" + s, Host: "a"}) },
			"request, host":   func() ([]byte, error) { return AppendRequest(nil, &Offer{Target: "/", Host: s}) },
			"request, value": func() ([]byte, error) {
				return AppendRequest(nil, &Offer{Target: "/", Host: "a", Header: Fields{"X-A": {s}}})
			},
			"request, name": func() ([]byte, error) {
				return AppendRequest(nil, &Offer{Target: "/", Host: "a", Header: Fields{s: {"b"}}})
			},
		} {
			if b, err := wrong(); err == nil || strings.Contains(string(b), s) {
				t.Errorf("%s %q: %v, and wrote %q", what, s, err, b)
			}
		}
	}
	for _, name := range []string{"Host", "upgrade", "CONNECTION", "Content-Length", "Transfer-Encoding", "Sec-WebSocket-Accept", "sec-websocket-x", "", "a b", "a:"} {
		if CheckFields(Fields{name: {"x"}}) == nil {
			t.Errorf("field %q passed", name)
		}
	}
	good := Fields{"X-A": {"", "a \t~"}, "Set-Cookie": {"id=1; Path=/", "b=2"}}
	b, err := AppendResponse([]byte("before"), "dGhlIHNhbXBsZSBub25jZQ==", Agreement{}, "", good)
	if head, fields, _ := strings.Cut(string(b), "xOo=\r\n"); err != nil || head+"xOo=\r\n\r\n" != "before"+accepted ||
		!strings.Contains(fields, "X-A: \r\nX-A: a \t~\r\n") || !strings.Contains(fields, "Set-Cookie: id=1; Path=/\r\nSet-Cookie: b=2\r\n") ||
		!strings.HasSuffix(fields, "\r\n\r\n") || strings.Count(fields, "\r\n") != 5 {
		t.Errorf("%v: %q", err, b)
	}
	for _, list := range [][]string{{"a", "b", "a"}, {""}, {"a b"}} {
		if CheckSubprotocols(list) == nil {
			t.Errorf("subprotocols %q passed", list)
		}
	}
	if err := CheckSubprotocols([]string{"a", "A", "v1.chat!#$%&'*+-.^_`|~"}); err != nil {
		t.Error(err)
	}
}

// A request that could smuggle another one is no handshake.
func TestAttack_H08_Smuggling(t *testing.T) {
	const behind = "\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, tt := range []struct{ raw, want string }{
		{with("Content-Length: 5"), "400 a WebSocket handshake has no body"},
		{with("Transfer-Encoding: chunked"), "400 a WebSocket handshake has no body"},
		{with("Transfer-Encoding: chunked", "Content-Length: 5"), "400 a WebSocket handshake has no body"},
		{with("Content-Length: 5", "Content-Length: 6"), "400 net/http: "},
		{with("Content-Length: +0"), "400 net/http: "},
		{with("Transfer-Encoding: identity"), "400 net/http: "},
		{edit(t, "Version: 13", "Version: 1") + behind, "426 Sec-WebSocket-Version is not 13 (13)"},
		{edit(t, "Connection: Upgrade\r\n", "") + behind, "400 Connection does not name upgrade"},
	} {
		if got := answered(tt.raw, nil); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%q: got %s, want %s", tt.raw, got, tt.want)
		}
	}
}

func TestAttack_H14_TargetsAndHosts(t *testing.T) {
	const (
		path   = "400 request target is not a path"
		dots   = `400 ".." in the path`
		escape = "400 malformed escape in the path"
		host   = "400 no Host, or one that is none"
	)
	for target, want := range map[string]string{
		"http://server.example.com/chat":     path,
		"*":                                  path,
		"chat":                               path,
		"":                                   path,
		"server.example.com:80":              path,
		"/a%00b":                             "400 NUL in the path",
		"/a%zz":                              escape,
		"/a%":                                escape,
		"/..":                                dots,
		"/../chat":                           dots,
		"/a/../chat":                         dots,
		"/a/%2e%2E/chat":                     dots,
		"/a/.%2e":                            dots,
		"/a%2f..%2Fchat":                     dots,
		`/a\..\chat`:                         dots,
		"/a%5c..%5cchat":                     dots,
		"/a//../b?c":                         dots,
		"/a/..?b":                            dots,
		"/" + strings.Repeat("a", MaxTarget): "414 request target of more than 8192 bytes",
		"/a?/../%00%zz":                      "",
		"/...":                               "",
		"/a/.../..b/c..":                     "",
		"/%252e%252e/":                       "", // decoded once, as a router does
	} {
		got := ""
		if bad := CheckHead(target, "a", nil); bad != nil {
			got = refused(bad)
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", target, got, want)
		}
	}
	for h, want := range map[string]string{
		"": host, "a b": host, " a": host, "a\tb": host, "a/b": host, `a\b`: host, "a?b": host, "a#b": host, "u@a": host, "a\x00": host, "ä": host, "a\r\n": host,
		"a": "", "a:80": "", "127.0.0.1": "", "[::1]:80": "", "xn--a.example.": "",
	} {
		got := ""
		if bad := CheckHead("/", h, nil); bad != nil {
			got = refused(bad)
		}
		if got != want {
			t.Errorf("Host %q: got %s, want %s", h, got, want)
		}
	}
	for _, raw := range []string{ // net/http knows these
		edit(t, "Host: server.example.com\r\n", "Host: a\r\nHost: b\r\n"),
		edit(t, "Host: server.example.com\r\n", ""),
	} {
		if got := answered(raw, nil); !strings.HasPrefix(got, "400 ") {
			t.Errorf("%q: %s", raw, got)
		}
	}
}

// What browsers sent before there was a standard.
func TestAttack_F14_Drafts(t *testing.T) {
	const hixie = "GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nSec-WebSocket-Protocol: sample\r\n" +
		"Upgrade: WebSocket\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n^n:ds[4U"
	for name, raw := range map[string]string{
		"hixie 75": strings.NewReplacer("Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n", "", "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n", "", "^n:ds[4U", "").Replace(hixie),
		"hixie 76": hixie,
		"hybi 07":  edit(t, "Version: 13", "Version: 7\r\nSec-WebSocket-Origin: http://example.com"),
		"hybi 08":  edit(t, "Version: 13", "Version: 8\r\nSec-WebSocket-Origin: http://example.com"),
	} {
		if got := answered(raw, nil); got != "426 Sec-WebSocket-Version is not 13 (13)" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

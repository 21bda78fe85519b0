package conformance

// This file holds curl: pages and refusals as a person sees them, and the handshake done by hand.

import (
	"os/exec"
	"strings"
	"testing"
)

const curlName = "curl"

// upgrade is a handshake, as RFC 6455 section 1.2 shows one.
var upgrade = []string{
	"-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
	"-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
}

// curl returns the answer, head and body, of what comes within a second.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"-s", "-i", "-N", "--max-time", "1"}, args...)...).Output()
	if len(out) == 0 {
		t.Errorf("curl %q: no answer: %v", args, err)
	}
	return string(out)
}

func wantAll(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("got %q, want %q in it", got, part)
		}
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	need(t, curlName, "curl")
	srv := startServer(t, usualFlags...)
	base := "http://" + srv.addr

	for _, path := range []string{"/", "/echo", "/chatsocket", "/hello", "/chat", "/game"} {
		check(t, curlName, "pages", path, func(t *testing.T) {
			wantAll(t, curl(t, base+path), "HTTP/1.1 200 OK\r\n", "Content-Type: text/html; charset=utf-8\r\n", "<!doctype html>")
		})
	}
	check(t, curlName, "pages", "an unknown one", func(t *testing.T) {
		wantAll(t, curl(t, base+"/nowhere"), "HTTP/1.1 404 ")
	})
	refusals := []struct {
		feature, what, path, want string
		args                      []string
	}{
		{"handshake", "of another version", "/echo", "HTTP/1.1 426 ", []string{"-H", "Sec-WebSocket-Version: 12"}},
		{"handshake", "with another method", "/echo", "HTTP/1.1 405 ", []string{"-X", "POST"}},
		{"handshake", "with a key that is none", "/echo", "HTTP/1.1 400 ", []string{"-H", "Sec-WebSocket-Key: short"}},
		{"origin", "another is refused", "/echo", "HTTP/1.1 403 ", []string{"-H", "Origin: https://evil.example"}},
		{"origin", "our own in another scheme", "/echo", "HTTP/1.1 403 ", []string{"-H", "Origin: ftp://" + srv.addr}},
		{"path", "unknown", "/nowhere", "HTTP/1.1 404 ", nil},
	}
	for _, r := range refusals {
		check(t, curlName, r.feature, r.what, func(t *testing.T) {
			got := curl(t, append(r.args, append(missingFrom(r.args), base+r.path)...)...)
			wantAll(t, got, r.want)
			if _, body, _ := strings.Cut(got, "\r\n\r\n"); len(strings.TrimSpace(body)) < 10 {
				t.Errorf("the body says nothing: %q", got)
			}
		})
	}
	check(t, curlName, "handshake", "asks for version 13", func(t *testing.T) {
		args := []string{"-H", "Sec-WebSocket-Version: 12"}
		got := curl(t, append(args, append(missingFrom(args), base+"/echo")...)...)
		wantAll(t, strings.ToLower(got), "\r\nsec-websocket-version: 13\r\n") // names of fields have no case
	})
	testCurlMessages(t, srv)
}

// testCurlMessages sees what the server says first. A curl that speaks WebSocket prints the messages; an older one is given
// the handshake, and prints the frames.
func testCurlMessages(t *testing.T, srv *server) {
	t.Helper()
	first := func(path string) string { return curl(t, append(upgrade, "http://"+srv.addr+path)...) }
	frame := func(text string) string { return string([]byte{0x81, byte(len(text))}) + text }
	version, err := exec.Command("curl", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(version), " ws ") {
		first = func(path string) string { return curl(t, "ws://"+srv.addr+path) }
		frame = func(text string) string { return text }
	} else {
		check(t, curlName, "handshake", "by hand", func(t *testing.T) {
			wantAll(t, first("/"), "HTTP/1.1 101 Switching Protocols\r\n", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "\r\n\r\n"+frame("You are connected"))
		})
	}
	check(t, curlName, "index", "greets", func(t *testing.T) { wantAll(t, first("/"), frame("You are connected")) })
	check(t, curlName, "hello", "at once, and at the interval", func(t *testing.T) {
		wantAll(t, first("/hello?every=100ms"), strings.Repeat(frame("hello world"), 5))
	})
}

// missingFrom returns the fields of the handshake that args do not replace.
func missingFrom(args []string) (fields []string) {
	for i := 0; i < len(upgrade); i += 2 {
		name, _, _ := strings.Cut(upgrade[i+1], ":")
		if !strings.Contains(strings.Join(args, "\n"), name+":") {
			fields = append(fields, upgrade[i], upgrade[i+1])
		}
	}
	return fields
}

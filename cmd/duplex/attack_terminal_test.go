//go:build linux

package main

// This file attacks the terminal of whoever uses "duplex connect" or "duplex listen".

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

// evil sets the title, writes to the clipboard, asks for the cursor's place, begins a sequence by a C1 character, turns the
// direction, rubs out, and goes back over what was printed. evilBytes has the C1 character as a byte too, which is not UTF-8.
const (
	evil      = "evil\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07\x1b[6n\u009b31m\u202etxt\x7f\b\rCR"
	evilBytes = evil + "\x9b31m"
	evilValue = "evil\u009b31m\u202etxt\x9b31m" // what net/http lets through in a header
)

// evilServer answers each handshake with what head returns, and then sends frames.
func evilServer(t *testing.T, head func(key string) string, frames ...string) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, head(r.Header.Get("Sec-WebSocket-Key"))+strings.Join(frames, ""))
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return ln.Addr().String()
}

func evilFrame(op ws.Opcode, payload string) string {
	return string([]byte{0x80 | byte(op), byte(len(payload))}) + payload
}

func switching(fields string) func(key string) string {
	return func(key string) string {
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + ws.AcceptKey(key) + "\r\n" + fields + "\r\n"
	}
}

func refusing(response string) func(key string) string {
	return func(string) string { return response }
}

// ours are the sequences that the line editor and the colours use.
var ours = regexp.MustCompile(`\x1b\[(\?2004[hl]|[0-9]*[ACJ]|[0-9]*m)|\r\x1b\[J|\r\n|\r\x1b\[[0-9]+C`)

// checkHarmless looks for what could command a terminal. Unless it may be quiet, something must have been told of the attack.
func checkHarmless(t *testing.T, printed string, quiet bool) {
	t.Helper()
	if !quiet && !strings.Contains(printed, "evil") {
		t.Errorf("it is not even told of: %q", printed)
	}
	for i, r := range printed {
		bad := r == utf8.RuneError && !strings.HasPrefix(printed[i:], string(r))
		if bad || r != '\n' && r != '\t' && hidden(r) {
			t.Errorf("%U was printed: %q", r, printed[max(0, i-40):min(len(printed), i+40)])
			return
		}
	}
}

func TestAttack_L02_TextThatCommandsTheTerminal(t *testing.T) {
	t.Parallel()
	closes := evilFrame(ws.OpClose, "\x03\xe8")
	for name, test := range map[string]struct {
		head   func(string) string
		frames string
		code   int
		hidden bool // but for --trace
	}{
		"message":         {switching(""), evilFrame(ws.OpText, evil) + closes, 0, false},
		"bytes":           {switching(""), evilFrame(ws.OpBinary, evilBytes) + evilFrame(ws.OpClose, "\x03\xe8evil"), 0, false},
		"close reason":    {switching(""), evilFrame(ws.OpClose, "\x0f\xa0"+evil), exitAbnormal, false},
		"bad reason":      {switching(""), evilFrame(ws.OpClose, "\x0f\xa0"+evilBytes), exitAbnormal, true},
		"ping":            {switching(""), evilFrame(ws.OpPing, evilBytes) + closes, 0, true},
		"bad text":        {switching(""), evilFrame(ws.OpText, evilBytes), exitAbnormal, true},
		"header value":    {switching("X-Header: " + evilValue + "\r\n"), closes, 0, true},
		"bad header":      {switching("X-Header: " + evilBytes + "\r\n"), "", exitHandshake, false},
		"bad header name": {switching("X-" + evilBytes + ": 1\r\n"), "", exitHandshake, false},
		"subprotocol":     {switching("Sec-WebSocket-Protocol: " + evilValue + "\r\n"), "", exitHandshake, true},
		"extension":       {switching("Sec-WebSocket-Extensions: " + evilValue + "\r\n"), "", exitHandshake, true},
		"accept key": {refusing("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + evilValue + "\r\n\r\n"),
			"", exitHandshake, true},
		"status":   {refusing("HTTP/1.1 403 " + evilBytes + "\r\nContent-Length: 4\r\n\r\nevil"), "", exitHandshake, false},
		"body":     {refusing("HTTP/1.1 403 No\r\nContent-Length: 1000\r\n\r\n" + evilBytes + strings.Repeat("x", 1000)), "", exitHandshake, false},
		"no HTTP":  {refusing("HTTP/9.9 " + evilBytes + "\r\n\r\n"), "", exitHandshake, false},
		"redirect": {refusing("HTTP/1.1 302 Found\r\nLocation: evil://" + evilValue + "\r\n\r\n"), "", exitHandshake, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := evilServer(t, test.head, test.frames)
			for _, flags := range [][]string{nil, {"--json"}, {"--trace"}, {"--trace", "--subprotocol", "chat", "--deflate", "--redirects", "1"}} {
				out, notes, code := pipe(t, append([]string{"connect", address}, flags...)...)
				checkHarmless(t, out+notes, test.hidden && !slices.Contains(flags, "--trace"))
				if code != test.code {
					t.Errorf("%v: exit code %d, want %d", flags, code, test.code)
				}
			}
			p := sit(t, []string{"NO_COLOR="}, "connect", "--trace", address)
			checkHarmless(t, ours.ReplaceAllString(p.leaves(test.code), ""), false)
		})
	}
}

// pipe runs the command without a terminal, and with an empty input that does not end.
func pipe(t *testing.T, args ...string) (out, notes string, code int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = []string{childEnv + "=main", "GORACE=atexit_sleep_ms=0"}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// TestAttack_L02_RawIsForMessagesOnly: who opts out gets messages as they are, and nothing else.
func TestAttack_L02_RawIsForMessagesOnly(t *testing.T) {
	t.Parallel()
	address := evilServer(t, switching(""), evilFrame(ws.OpText, evil), evilFrame(ws.OpBinary, evilBytes), evilFrame(ws.OpClose, "\x0f\xa0"+evil))
	out, notes, code := pipe(t, "connect", "--raw", "--trace", address)
	if want := evil + "\n" + evilBytes; out != want || code != exitAbnormal {
		t.Errorf("printed %q, exit code %d, want %q", out, code, want)
	}
	checkHarmless(t, notes, false)
}

func TestAttack_L02_ClientsOfListen(t *testing.T) {
	t.Parallel()
	p := sit(t, []string{"NO_COLOR="}, "listen", "--trace", "--subprotocol", "chat", "0")
	p.sees("listening on ws://")
	p.sees("\r\n")
	_, rest, _ := strings.Cut(p.all.String(), "ws://")
	address := regexp.MustCompile(`^[0-9.:]+`).FindString(rest)
	for _, request := range []string{
		"GET /evil%1b]0;title%07%e2%80%ae%0d%9b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\nX-Evil: " + evilValue + "\r\n\r\n" + maskedByNothing(evil) + maskedByNothing("\x03\xe8"+evil),
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: " + evilValue + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: " + evilValue + "\r\n\r\n",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, request)
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	p.sees(`client 1 connected from 127.0.0.1:`)
	p.types("\x04")
	checkHarmless(t, ours.ReplaceAllString(p.leaves(0), ""), false)
	for _, want := range []string{`evil\u001b]0;title\u0007\u202e\r\x9b`, `1: evil\u001b]0;title\u0007`, "client 3 from"} {
		if !strings.Contains(p.all.String(), want) {
			t.Errorf("%q is not in what was printed", want)
		}
	}
}

// maskedByNothing is a client's frame whose masking key is zero: a text frame, or a close frame if it begins with code 1000.
func maskedByNothing(payload string) string {
	op := ws.OpText
	if strings.HasPrefix(payload, "\x03\xe8") {
		op = ws.OpClose
	}
	return string([]byte{0x80 | byte(op), 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext": "plain\ttext",
		"a\nb\r\n":    `a\nb\r\n`,
		evilBytes:     `evil\u001b]0;title\u0007\u001b]52;c;ZXZpbA==\u0007\u001b[6n\u009b31m\u202etxt\u007f\u0008\rCR\x9b31m`,
		"你好 é 👩\u200d🚀 می\u200cخواهم ⚠️": "你好 é 👩\u200d🚀 می\u200cخواهم ⚠️",
		"\ufffd":               "\ufffd",
		"\u200b\u2028\ufeff":   `\u200b\u2028\ufeff`,
		"\U000e0041\U000f0000": `\udb40\udc41\udb80\udc00`,
	} {
		if got := escape(text, false); got != want {
			t.Errorf("escape(%q) = %q, want %q", text, got, want)
		}
	}
	if got := escape("a\nb\x1b", true); got != "a\nb\\u001b" {
		t.Errorf("with line ends: %q", got)
	}
}

func TestMessagesInAPipeAreLines(t *testing.T) {
	for _, test := range []struct {
		typ           websocket.MessageType
		data          string
		pretty, lines bool
		want          string
	}{
		{websocket.Text, "a\nb", false, false, `a\nb`},
		{websocket.Text, "a\nb", false, true, "a\nb"},
		{websocket.Text, "{\n  \"a\": \"\u202e\U000e0041\"\n}\n", false, false, `{"a":"\u202e\udb40\udc41"}`},
		{websocket.Text, `{"a":1}`, true, false, "{\n  \"a\": 1\n}"},
		{websocket.Text, `no JSON`, true, false, "no JSON"},
		{websocket.Binary, "a\n\xff", false, false, "610aff"},
	} {
		got := forPipe(websocket.Message{Type: test.typ, Data: []byte(test.data)}, test.pretty, test.lines)
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.data, got, test.want)
		}
	}
	long := forPerson(websocket.Message{Type: websocket.Text, Data: []byte(strings.Repeat("é", maxShown))}, false)
	if !utf8.ValidString(long) || !strings.HasSuffix(long, "é… (65536 bytes in all; --raw shows them)") {
		t.Errorf("a long message ends in %q", long[len(long)-60:])
	}
}

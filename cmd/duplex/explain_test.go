package main

// This file tests the layout of frames, on frames made by hand, and of the accept key.

import (
	"cmp"
	"encoding/hex"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

var update = flag.Bool("update", false, "write the layouts that are expected anew, to be read with care")

// TestExplainFrames lays out the frames in testdata/explain/*.txt. The first lines of such a file, each with a # before it, are
// a description and the bytes in hex; a # alone ends them. What follows is the layout.
func TestExplainFrames(t *testing.T) {
	files, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			head, want, _ := strings.Cut(string(data), "\n#\n")
			got := explainBytes(t, head)
			if got == want {
				return
			}
			if !*update {
				t.Fatalf("got\n%s\nwant\n%s", got, want)
			}
			if err := os.WriteFile(path, []byte(head+"\n#\n"+got), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// explainBytes lays out the frames whose bytes head holds in hex; "41*300" is a byte that stands 300 times.
func explainBytes(t *testing.T, head string) string {
	t.Helper()
	_, digits, _ := strings.Cut(head, "\n")
	var wire []byte
	for word := range strings.FieldsSeq(strings.ReplaceAll(digits, "#", " ")) {
		digits, times, _ := strings.Cut(word, "*")
		p, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(cmp.Or(times, "1"))
		if err != nil {
			t.Fatal(err)
		}
		wire = append(wire, strings.Repeat(string(p), n)...)
	}
	var b strings.Builder
	params := &ws.DeflateParams{ClientMaxWindowBits: 15, ServerMaxWindowBits: 15}
	tap := ws.NewTap(ws.Client, params, explainLimit, func(f *websocket.Frame) {
		b.WriteString(frameTitle(f) + "\n" + explainFrame(f, unpainted))
	})
	tap.Feed(wire)
	for line := range strings.Lines(b.String()) {
		if utf8.RuneCountInString(line) > 80+len("\n") {
			t.Errorf("longer than 80 columns: %q", line)
		}
	}
	return b.String()
}

// TestExplainAcceptKey has the key of RFC 6455 section 1.3.
func TestExplainAcceptKey(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	got := explainAccept(key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	for _, want := range []string{
		key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", "b37a4f2cc0624f1690f64606cf385945b2bec4ea",
		"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  as the response says",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got := explainAccept(key, "bad\x1b]0;x"); !strings.Contains(got, `but the response says bad\u001b]0;x`) {
		t.Errorf("a wrong accept key:\n%s", got)
	}
}

// TestExplainKeepsWhatIsToldTogether checks that each frame is told by one call.
func TestExplainKeepsWhatIsToldTogether(t *testing.T) {
	var told []string
	e := &explainer{to: sink{w: io.Discard}, tell: func(_ sink, text string) { told = append(told, text) }, who: "3 ", server: true}
	e.request("GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	e.response("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	f := &websocket.Frame{Header: ws.Header{Fin: true, Opcode: ws.OpText, Length: 2}, Head: []byte{0x81, 2}, Payload: []byte("hi")}
	e.frame(true, f)
	e.frame(false, f)
	e.frame(true, f)
	for i, want := range []string{
		`^3 < GET / HTTP/1\.1\n3 < Sec-.*\n3 <\n$`, `^3 > HTTP/1\.1 101 .*\n3 > sec-.*\n3 >\n3 \* how Sec(.*\n)+$`,
		`^3 > frame 1: text "hi"\n(  .*\n)+$`, `^3 < frame 1: text "hi"\n(  .*\n)+$`, `^3 > frame 2: `,
	} {
		if !regexp.MustCompile(want).MatchString(told[i]) {
			t.Errorf("told\n%s\nwant %s", told[i], want)
		}
	}
}

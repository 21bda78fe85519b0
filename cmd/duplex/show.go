package main

// This file holds how a message is printed.

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/duplex-go/duplex/websocket"
)

// maxShown is how many bytes of a message are shown to a person who types.
const maxShown = 32 << 10

// show prints a message. To somebody who types, mark stands before it. In a pipe a message is a line: JSON that has line ends is put on one,
// those of other text are escaped, and bytes are in hex. raw: what came is printed as it is; behind text comes a line end, behind
// bytes nothing. pretty: JSON is indented.
func (c *console) show(m websocket.Message, mark string, raw, pretty bool) {
	switch {
	case raw && m.Type == websocket.Binary:
		c.write(c.out, string(m.Data))
	case raw:
		c.write(c.out, string(m.Data)+"\n")
	case c.interactive():
		c.message(aside(mark, forPerson(m, pretty)))
	default:
		c.message(forPipe(m, pretty, c.out.terminal))
	}
}

// forPerson is a message over as many lines as it needs, up to maxShown.
func forPerson(m websocket.Message, pretty bool) string {
	if m.Type == websocket.Binary {
		return dump(m.Data)
	}
	text, cut := string(m.Data), ""
	if pretty {
		text = indented(m.Data)
	}
	if len(text) > maxShown {
		text, cut = strings.ToValidUTF8(text[:maxShown], ""), fmt.Sprintf("… (%d bytes in all; --raw shows them)", len(m.Data))
	}
	return escape(text, true) + cut
}

// aside puts mark before text, and its other lines under each other.
func aside(mark, text string) string {
	return mark + strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", len(mark)))
}

// dump is bytes in hex and as ASCII, as many lines as they need, up to maxShown.
func dump(p []byte) string {
	lines := []string{byteCount(int64(len(p)))}
	for rest := p[:min(len(p), maxShown)]; len(rest) > 0; {
		part := rest[:min(16, len(rest))]
		lines = append(lines, hexLine(part, unpainted))
		rest = rest[len(part):]
	}
	if len(p) > maxShown {
		lines = append(lines, "…")
	}
	return strings.Join(lines, "\n")
}

func unpainted(_ style, text string) string { return text }

// forPipe is a message on one line, or over several if pretty or if lines may stay.
func forPipe(m websocket.Message, pretty, lines bool) string {
	switch {
	case m.Type == websocket.Binary:
		return hex.EncodeToString(m.Data)
	case pretty:
		return escape(indented(m.Data), true)
	case lines || !bytes.ContainsAny(m.Data, "\r\n"):
		return escape(string(m.Data), lines)
	}
	var b bytes.Buffer
	if json.Compact(&b, m.Data) == nil {
		return escape(b.String(), false)
	}
	return escape(string(m.Data), false)
}

// indented is JSON indented, and other text as it is.
func indented(data []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, data, "", "  ") != nil {
		return string(data)
	}
	return b.String()
}

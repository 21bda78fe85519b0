package main

// This file holds a frame, laid out bit by bit (RFC 6455 section 5.2).

import (
	"fmt"
	"strings"

	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

// painter gives text a style.
type painter func(as style, text string) string

// layout writes the lines of a frame.
type layout struct {
	b     strings.Builder
	paint painter
}

// frameTitle tells what a frame is in a few words.
func frameTitle(f *websocket.Frame) string {
	s := f.Opcode.String()
	text := f.Payload
	if f.Compressed {
		s += ", compressed"
		text = f.Inflated
	}
	switch {
	case f.Opcode == ws.OpClose && !f.Cut:
		s += ", " + closeTitle(f.Payload)
	case f.Opcode == ws.OpText && f.Length > 0:
		s += " " + excerpt(string(text), 40)
	default:
		s += ", " + byteCount(f.Length)
	}
	if !f.Fin {
		s += ", more of the message follows"
	}
	return s
}

// closeTitle tells what the payload of a close frame says.
func closeTitle(p []byte) string {
	code, reason, err := ws.ParseClose(p)
	switch {
	case err != nil:
		return byteCount(int64(len(p))) + " that must not be"
	case len(p) == 0:
		return "without a code"
	case reason == "":
		return code.String()
	}
	return code.String() + " " + excerpt(reason, 40)
}

func byteCount(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// explainFrame lays a frame out: its header bit by bit, then the bytes of each of its parts, and what they mean.
func explainFrame(f *websocket.Frame, paint painter) string {
	l := &layout{paint: paint}
	l.header(f)
	rest := f.Head[2:]
	switch f.Head[1] & 0x7F {
	case 126:
		l.row("length", rest[:2], fmt.Sprintf("%d, in 16 bits", f.Length))
		rest = rest[2:]
	case 127:
		l.row("length", rest[:8], fmt.Sprintf("%d, in 64 bits", f.Length))
		rest = rest[8:]
	}
	if f.Masked {
		l.row("masking key", rest[:4], "XORed with the payload, over and over")
	}
	l.payload(f)
	return l.b.String()
}

// header lays out the first two bytes: what each bit is called, what it is, and what that means.
func (l *layout) header(f *websocket.Frame) {
	meaning := map[bool]string{true: "yes", false: "no"}
	last := map[bool]string{true: "last", false: "more"}[f.Fin]
	deflated := ""
	if f.RSV&ws.RSV1 != 0 && f.Compressed {
		deflated = "deflated"
	}
	first, second := f.Head[0], f.Head[1]
	length := fmt.Sprint(second & 0x7F)
	switch second & 0x7F {
	case 126:
		length += ": 16 bits follow"
	case 127:
		length += ": 64 bits follow"
	}
	bits := func(b byte, width int) string { return fmt.Sprintf("%0*b", width, b) }
	l.ruler("header", emphatic, fmt.Sprintf("%02x", first), "", "", "", "", fmt.Sprintf("%02x", second), "")
	l.ruler("", faint, "FIN", "RSV1", "RSV2", "RSV3", "opcode", "MASK", "length")
	l.ruler("", emphatic, bits(first>>7, 1), bits(first>>6&1, 1), bits(first>>5&1, 1), bits(first>>4&1, 1), bits(first&0xF, 4),
		bits(second>>7, 1), bits(second&0x7F, 7))
	l.ruler("", plain, last, deflated, "", "", f.Opcode.String(), meaning[f.Masked], length)
}

// ruler writes a line of the header, in the columns of its fields.
func (l *layout) ruler(label string, as style, fields ...any) {
	text := fmt.Sprintf("%-5s%-9s%-5s%-5s%-14s%-5s%s", fields...)
	l.line(label, l.paint(as, strings.TrimRight(text, " ")))
}

// line writes a line behind a label.
func (l *layout) line(label, text string) {
	fmt.Fprintf(&l.b, "  %s%s\n", l.paint(faint, fmt.Sprintf("%-13s", label)), text)
}

// row writes bytes and what they mean.
func (l *layout) row(label string, p []byte, meaning string) {
	l.line(label, l.paint(emphatic, fmt.Sprintf("%-24s", fmt.Sprintf("% x", p)))+meaning)
}

// payload shows the payload: as it was sent, without the mask, without the compression.
func (l *layout) payload(f *websocket.Frame) {
	label := "payload"
	if f.Masked {
		l.dump("masked", f.Wire)
		label = "unmasked"
	}
	switch {
	case f.Opcode == ws.OpClose && !f.Cut && len(f.Payload) >= 2:
		l.close(f.Payload)
	default:
		l.dump(label, f.Payload)
	}
	if f.Compressed {
		l.dump("inflated", f.Inflated)
	}
	if f.Cut {
		l.line("", l.paint(faint, fmt.Sprintf("… and so on: the first %d bytes are shown", explainLimit)))
	}
}

// close shows the parts of a close frame's payload (RFC 6455 section 5.5.1).
func (l *layout) close(p []byte) {
	code := ws.StatusCode(p[0])<<8 | ws.StatusCode(p[1])
	l.row("close code", p[:2], code.String())
	l.dump("reason", p[2:])
}

// dump shows bytes in hex and as text, 16 a line.
func (l *layout) dump(label string, p []byte) {
	for len(p) > 0 {
		part := p[:min(16, len(p))]
		l.line(label, hexLine(part, l.paint))
		p, label = p[len(part):], ""
	}
}

// hexLine is up to 16 bytes in hex and as ASCII.
func hexLine(p []byte, paint painter) string {
	text := make([]byte, len(p))
	for i, c := range p {
		text[i] = '.'
		if c >= ' ' && c <= '~' {
			text[i] = c
		}
	}
	return paint(emphatic, fmt.Sprintf("%-47s", fmt.Sprintf("% x", p))) + "  " + string(text)
}

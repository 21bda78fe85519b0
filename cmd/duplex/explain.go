package main

// This file holds --trace: every step of a connection, and every bit of a frame, laid out for who wants to follow them.

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 section 1.3
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

// explainLimit is how many bytes of a payload are shown.
const explainLimit = 256

// explainer prints what a Trace tells. It may be called from any goroutine.
type explainer struct {
	mu     sync.Mutex
	print  func(text string) // gets whole lines, escaped
	key    string            // Sec-WebSocket-Key of the request
	frames [2]int            // that came, and that were sent
}

// newTrace returns a Trace that explains to print.
func newTrace(print func(text string)) *websocket.Trace {
	e := &explainer{print: print}
	return &websocket.Trace{
		Resolved:     e.resolved,
		Connected:    e.connected,
		TLS:          e.tls,
		Request:      e.request,
		Response:     e.response,
		Frame:        e.frame,
		PayloadLimit: explainLimit,
	}
}

func (e *explainer) resolved(host string, addresses []string, err error) {
	if err != nil {
		e.print(fmt.Sprintf("* %s cannot be resolved: %v\n", escape(host, false), err))
		return
	}
	e.print(fmt.Sprintf("* %s is %s\n", escape(host, false), strings.Join(addresses, ", ")))
}

func (e *explainer) connected(network, address string, err error) {
	if err != nil {
		e.print(fmt.Sprintf("* %s %s: %v\n", network, address, err))
		return
	}
	e.print(fmt.Sprintf("* connected: %s %s\n", network, address))
}

func (e *explainer) tls(state tls.ConnectionState, err error) {
	if err != nil {
		e.print(fmt.Sprintf("* TLS handshake: %v\n", err))
		return
	}
	e.print(fmt.Sprintf("* TLS: %s, %s\n", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)))
}

// head returns the lines of a request or response, each behind mark, and the value of the field that is asked for.
func head(mark, text, field string) (lines, value string) {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\r\n") {
		fmt.Fprintf(&b, "%s %s\n", mark, escape(line, false))
		if name, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, field) {
			value = strings.TrimSpace(v)
		}
	}
	return b.String() + mark + "\n", value
}

func (e *explainer) request(text string) {
	lines, key := head(">", text, "Sec-WebSocket-Key")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.key = key
	e.print(lines)
}

func (e *explainer) response(text string) {
	lines, accept := head("<", text, "Sec-WebSocket-Accept")
	e.mu.Lock()
	defer e.mu.Unlock()
	if accept != "" {
		lines += explainAccept(e.key, accept)
	}
	e.print(lines)
}

// explainAccept shows how the accept key comes from the key (RFC 6455 section 4.2.2).
func explainAccept(key, accept string) string {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	verdict := "as it must be"
	if accept != ws.AcceptKey(key) {
		verdict = "but the server says " + escape(accept, false)
	}
	return fmt.Sprintf(`* the accept key: the key, followed by a GUID that RFC 6455 fixes
      %s%s
    its SHA-1
      %x
    that in base64
      %s   %s
`, escape(key, false), guid, sha1.Sum([]byte(key+guid)), ws.AcceptKey(key), verdict) //nolint:gosec // see the import
}

func (e *explainer) frame(sent bool, f *websocket.Frame) {
	e.mu.Lock()
	defer e.mu.Unlock()
	mark, i := "<", 0
	if sent {
		mark, i = ">", 1
	}
	e.frames[i]++
	e.print(fmt.Sprintf("%s frame %d: %s\n%s", mark, e.frames[i], frameTitle(f), explainFrame(f)))
}

func frameTitle(f *websocket.Frame) string {
	s := f.Opcode.String()
	if f.Compressed {
		s += ", compressed"
	}
	if !f.Fin {
		s += ", more of the message follows"
	}
	return fmt.Sprintf("%s, %d bytes of payload", s, f.Length)
}

// explainFrame lays out the bits of RFC 6455 section 5.2.
func explainFrame(f *websocket.Frame) string {
	var b strings.Builder
	bit := map[bool]int{true: 1}
	row := func(p []byte, format string, a ...any) {
		fmt.Fprintf(&b, "    %-24s %s\n", hex.EncodeToString(p), fmt.Sprintf(format, a...))
	}
	row(f.Head[:1], "FIN=%d RSV1=%d RSV2=%d RSV3=%d opcode=0x%X %s", bit[f.Fin],
		bit[f.RSV&ws.RSV1 != 0], bit[f.RSV&ws.RSV2 != 0], bit[f.RSV&ws.RSV3 != 0], uint8(f.Opcode), f.Opcode)
	short := f.Head[1] & 0x7F
	row(f.Head[1:2], "MASK=%d length=%d", bit[f.Masked], short)
	rest := f.Head[2:]
	switch short {
	case 126:
		row(rest[:2], "length=%d, in 16 bits", f.Length)
		rest = rest[2:]
	case 127:
		row(rest[:8], "length=%d, in 64 bits", f.Length)
		rest = rest[8:]
	}
	if f.Masked {
		row(rest[:4], "masking key")
	}
	switch {
	case f.Masked:
		dump(&b, "payload as sent", f.Wire)
		dump(&b, "unmasked", f.Payload)
	default:
		dump(&b, "payload", f.Payload)
	}
	if f.Compressed {
		dump(&b, "inflated", f.Inflated)
	}
	if f.Cut {
		fmt.Fprintf(&b, "    ... the first %d bytes are shown\n", explainLimit)
	}
	if f.Opcode == ws.OpClose && !f.Cut {
		if code, reason, err := ws.ParseClose(f.Payload); err == nil {
			fmt.Fprintf(&b, "    close code %v, reason %q\n", code, escape(reason, false))
		}
	}
	return b.String()
}

// dump writes bytes in hex and as text, 16 a line.
func dump(b *strings.Builder, title string, p []byte) {
	if len(p) == 0 {
		return
	}
	fmt.Fprintf(b, "    %s\n", title)
	for len(p) > 0 {
		line := p[:min(16, len(p))]
		text := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, string(latin(line)))
		fmt.Fprintf(b, "      %-48s %s\n", fmt.Sprintf("% x", line), text)
		p = p[len(line):]
	}
}

// latin returns a rune for each byte.
func latin(p []byte) []rune {
	r := make([]rune, len(p))
	for i, c := range p {
		r[i] = rune(c)
	}
	return r
}

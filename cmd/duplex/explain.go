package main

// This file holds --trace: every step of a connection, told to who wants to follow it.

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 section 1.3
	"crypto/tls"
	"fmt"
	"strings"
	"sync"

	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

// explainLimit is how many bytes of a payload are shown.
const explainLimit = 256

// explainer tells what a Trace sees of one connection, or of several one after the other. What is told at once stays together.
type explainer struct {
	to     sink
	tell   func(to sink, text string) // gets whole lines
	server bool                       // we are
	who    string                     // stands before each step: "2 " for the second of several clients

	mu     sync.Mutex
	key    string // Sec-WebSocket-Key of the request
	frames [2]int // how many came, and were sent
}

// trace returns a Trace that explains where notes go. client is the number of a server's client; 0: we are the client.
func (c *console) trace(client int) *websocket.Trace {
	e := &explainer{to: c.notes, tell: c.write}
	if client > 0 {
		e.server, e.who = true, fmt.Sprintf("%d ", client)
	}
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

// step tells of one that has no bytes to show.
func (e *explainer) step(format string, a ...any) {
	e.tell(e.to, paint(e.to, faint, e.who+"* "+escape(fmt.Sprintf(format, a...), false))+"\n")
}

func (e *explainer) resolved(host string, addresses []string, err error) {
	if err != nil {
		e.step("looking up %s: %v", host, err)
		return
	}
	e.step("%s is %s", host, strings.Join(addresses, ", "))
}

func (e *explainer) connected(network, address string, err error) {
	if err != nil {
		e.step("connecting to %s: %v", address, err)
		return
	}
	e.mu.Lock()
	e.frames = [2]int{}
	e.mu.Unlock()
	e.step("connected to %s by %s", address, network)
}

func (e *explainer) tls(state tls.ConnectionState, err error) {
	if err != nil {
		e.step("TLS handshake: %v", err)
		return
	}
	e.step("%s with %s, certificate of %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), subject(state))
}

func subject(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return "nobody"
	}
	return state.PeerCertificates[0].Subject.String()
}

// head returns the lines of a request or response, each behind mark.
func (e *explainer) head(mark string, as style, text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\r\n") {
		b.WriteString(paint(e.to, as, e.who+mark+" "+escape(line, false)) + "\n")
	}
	return b.String() + paint(e.to, as, e.who+mark) + "\n" // the empty line that ends it
}

// field returns the value of a header field in the text of a head, or "".
func field(text, name string) string {
	for line := range strings.SplitSeq(text, "\r\n") {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (e *explainer) request(text string) {
	mark, as := direction(!e.server)
	e.mu.Lock()
	e.key = field(text, "Sec-WebSocket-Key")
	e.mu.Unlock()
	e.tell(e.to, e.head(mark, as, text))
}

func (e *explainer) response(text string) {
	mark, as := direction(e.server)
	lines := e.head(mark, as, text)
	e.mu.Lock()
	key := e.key
	e.mu.Unlock()
	if accept := field(text, "Sec-WebSocket-Accept"); accept != "" {
		lines += e.who + "* " + explainAccept(key, accept)
	}
	e.tell(e.to, lines)
}

// direction is how what was sent, or came, is marked.
func direction(sent bool) (mark string, as style) {
	if sent {
		return ">", outgoing
	}
	return "<", incoming
}

// explainAccept shows how the accept key comes from the key (RFC 6455 section 4.2.2).
func explainAccept(key, accept string) string {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid)) //nolint:gosec // see the import
	want := ws.AcceptKey(key)
	verdict := "as the response says"
	if accept != want {
		verdict = "but the response says " + escape(accept, false)
	}
	return fmt.Sprintf(`how Sec-WebSocket-Accept comes from Sec-WebSocket-Key:
  key          %s
  + GUID       %s (of RFC 6455, always the same)
  SHA-1        %x
  in base64    %s  %s
`, escape(key, false), guid, sum, want, verdict)
}

func (e *explainer) frame(sent bool, f *websocket.Frame) {
	mark, as := direction(sent)
	i := 0
	if sent {
		i = 1
	}
	e.mu.Lock()
	defer e.mu.Unlock() // so that the numbers are told in order
	e.frames[i]++
	title := fmt.Sprintf("%s%s frame %d: %s", e.who, mark, e.frames[i], frameTitle(f))
	if sent && f.Opcode == ws.OpPing && !e.server {
		title += ", to hear that all has arrived"
	}
	e.tell(e.to, paint(e.to, as, title)+"\n"+explainFrame(f, func(as style, text string) string { return paint(e.to, as, text) }))
}

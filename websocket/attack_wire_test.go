package websocket

// This file holds the attackers: raw sockets, and the bytes that they send. None of it is made by the code that is tested.

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw is an attacker's connection.
type raw struct {
	net.Conn
	t  *testing.T
	br *bufio.Reader
}

// dial connects, with TLS if the target has it.
func (a *target) dial() *raw {
	a.t.Helper()
	nc, err := net.Dial("tcp", a.addr)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.client != nil {
		nc = tls.Client(nc, a.client)
	}
	a.keep(nc)
	return newRaw(a.t, nc)
}

func newRaw(t *testing.T, nc net.Conn) *raw {
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return &raw{nc, t, bufio.NewReaderSize(nc, 512)} // small: the attackers' memory is counted too
}

// request returns a handshake that is in order, but for the fields given: each replaces the one of its name, takes it away if it has
// no value ("Host:"), or is added. A field that begins with a space is added beside the one that is there.
func request(path string, fields ...string) string {
	head := []string{"Host: example.com", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		if f[0] == ' ' {
			head = append(head, f[1:])
			continue
		}
		kept := head[:0]
		for _, h := range head {
			if !strings.HasPrefix(h, name+":") {
				kept = append(kept, h)
			}
		}
		if head = kept; value != "" {
			head = append(head, f)
		}
	}
	return "GET " + path + " HTTP/1.1\r\n" + strings.Join(head, "\r\n") + "\r\n\r\n"
}

// send writes p. That the other side has closed is not the test's concern here: it sees that when it reads.
func (r *raw) send(p ...byte) bool {
	_, err := r.Write(p)
	return err == nil
}

func (r *raw) response() *http.Response {
	r.t.Helper()
	resp, err := http.ReadResponse(r.br, nil)
	if err != nil {
		r.t.Errorf("no response: %v", err)
		return &http.Response{Body: http.NoBody}
	}
	return resp
}

// upgrade opens a WebSocket connection.
func (a *target) upgrade(path string, fields ...string) *raw {
	a.t.Helper()
	r := a.dial()
	r.send([]byte(request(path, fields...))...)
	if resp := r.response(); resp.StatusCode != http.StatusSwitchingProtocols {
		a.t.Errorf("handshake answered with %d", resp.StatusCode)
	}
	return r
}

// refused sends a request with another, for /smuggled, behind it, and expects a refusal with one of the statuses. Nothing may
// follow it: the connection ends, and the second request is not answered.
func (a *target) refused(req string, statuses ...int) *http.Response {
	a.t.Helper()
	r := a.dial()
	defer func() { _ = r.Close() }()
	r.send([]byte(req + "GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n")...)
	resp := r.response()
	body, _ := io.ReadAll(resp.Body)
	ok := false
	for _, s := range statuses {
		ok = ok || s == resp.StatusCode
	}
	if !ok {
		a.t.Errorf("answered with %d and %q, expected one of %d", resp.StatusCode, body, statuses)
	}
	if len(body) == 0 {
		a.t.Errorf("status %d without a reason", resp.StatusCode)
	}
	r.wantEnd()
	return resp
}

// wantEnd expects that the server ends the connection and sends nothing before it does.
func (r *raw) wantEnd() {
	r.t.Helper()
	n, err := io.Copy(io.Discard, r.br)
	if n > 0 {
		r.t.Errorf("%d bytes came after the end", n)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.t.Error("the connection does not end")
	}
}

// read reads a frame.
func (r *raw) read() (b0 byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r.br, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r.br, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r.br, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil || n > 1<<28 {
		return 0, nil, fmt.Errorf("frame of %d bytes, %w", n, err)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r.br, payload)
	return head[0], payload, err
}

// want expects a frame.
func (r *raw) want(b0 byte, payload string) {
	r.t.Helper()
	got, p, err := r.read()
	if err != nil || got != b0 || string(p) != payload {
		r.t.Errorf("frame %#x %.80q, error %v; expected %#x %.80q", got, p, err, b0, payload)
	}
}

// wantClose expects a close frame with code, once, whatever came before it, and then the end of the connection.
func (r *raw) wantClose(code StatusCode) (before int) {
	r.t.Helper()
	for ; ; before++ {
		b0, p, err := r.read()
		if err != nil {
			r.t.Errorf("no close frame after %d frames: %v", before, err)
			return before
		}
		if b0 != 0x88 {
			continue
		}
		if len(p) < 2 || StatusCode(binary.BigEndian.Uint16(p)) != code {
			r.t.Errorf("closed with % x %q, expected %v", p[:min(2, len(p))], p[min(2, len(p)):], code)
		}
		break
	}
	r.send(masked(0x88, binary.BigEndian.AppendUint16(nil, uint16(code)))...)
	r.wantEnd()
	return before
}

// masked returns a client's frame with the length in its shortest form.
func masked(b0 byte, payload []byte) []byte {
	var b []byte
	switch n := len(payload); {
	case n < 126:
		b = []byte{b0, 0x80 | byte(n)}
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16([]byte{b0, 0x80 | 126}, uint16(n))
	default:
		b = binary.BigEndian.AppendUint64([]byte{b0, 0x80 | 127}, uint64(n))
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i&3])
	}
	return b
}

// text is masked for a message.
func text(s string) []byte { return masked(0x81, []byte(s)) }

// longHead returns the header of a masked frame with a 64-bit length.
func longHead(b0 byte, n uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{b0, 0x80 | 127}, n), 1, 2, 3, 4)
}

// deflated returns p as the payload of a compressed message, made by the standard library.
func deflated(p []byte) []byte {
	var buf bytes.Buffer
	w, _ := flate.NewWriter(&buf, flate.BestCompression)
	_, _ = w.Write(p)
	_ = w.Flush()
	return buf.Bytes()[:buf.Len()-4]
}

// bomb returns a compressed message that inflates to n MiB of zeros.
func bomb(n int) []byte {
	chunk := append(deflated(make([]byte, 1<<20)), 0, 0, 0xff, 0xff)
	p := bytes.Repeat(chunk, n)
	return p[:len(p)-4]
}

const deflateField = "Sec-WebSocket-Extensions: permessage-deflate"

// reset ends the connection with an RST.
func (r *raw) reset() {
	if tcp, ok := underTLS(r.Conn).(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
}

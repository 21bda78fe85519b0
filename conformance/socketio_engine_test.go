package conformance

// This file holds a raw Engine.IO client: sessions of both revisions, over polling and WebSocket, with every packet to be seen.

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/duplex-go/duplex/websocket"
)

// rawPatience is the time that a packet may take.
const rawPatience = 10 * time.Second

// A rawSession is a session of Engine.IO. Packets are text; those of bytes are "b:" and hex.
type rawSession struct {
	revision, url string
	sid           string
	ws            *websocket.Conn // nil: polling
	waiting       []string        // that came in one response
}

// openRaw opens a session.
func openRaw(t *testing.T, server, revision, transport string) *rawSession {
	t.Helper()
	s := &rawSession{revision: revision, url: server + "/socket.io/?EIO=" + revision + "&transport=" + transport}
	if transport == "websocket" {
		var err error
		s.ws, err = websocket.Dial(rawContext(t), "ws"+strings.TrimPrefix(s.url, "http"), &websocket.DialOptions{Options: websocket.Options{PingInterval: -1}})
		if err != nil {
			t.Fatal(err)
		}
	}
	open, ok := s.read(t)
	var handshake struct{ SID string }
	if !ok || !strings.HasPrefix(open, "0") || json.Unmarshal([]byte(open[1:]), &handshake) != nil {
		t.Fatalf("the server opens with %q", open)
	}
	s.sid = handshake.SID
	s.url += "&sid=" + s.sid
	s.waiting = append([]string{open}, s.waiting...) // to be seen
	return s
}

func rawContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), rawPatience)
	t.Cleanup(cancel)
	return ctx
}

// send sends a packet. That the session has ended, read tells.
func (s *rawSession) send(t *testing.T, packet string) {
	t.Helper()
	data, binary := bytesOf(packet)
	if s.ws != nil {
		typ := websocket.Text
		switch {
		case !binary:
			data = []byte(packet)
		case s.revision == "3":
			typ, data = websocket.Binary, append([]byte{4}, data...)
		default:
			typ = websocket.Binary
		}
		_ = s.ws.Write(rawContext(t), typ, data)
		return
	}
	if binary {
		packet = "b" + base64.StdEncoding.EncodeToString(data)
		if s.revision == "3" {
			packet = "b4" + packet[1:]
		}
	}
	if s.revision == "3" {
		packet = fmt.Sprintf("%d:%s", len(utf16.Encode([]rune(packet))), packet)
	}
	s.request(t, http.MethodPost, packet)
}

// read returns a packet, or how the session ended and false.
func (s *rawSession) read(t *testing.T) (packet string, ok bool) {
	t.Helper()
	if len(s.waiting) > 0 {
		packet, s.waiting = s.waiting[0], s.waiting[1:]
		return packet, packet != "1"
	}
	if s.ws != nil {
		m, err := s.ws.Read(rawContext(t))
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code != websocket.StatusNoStatusReceived && closed.Code != websocket.StatusAbnormalClosure:
			return fmt.Sprintf("closed with %d %q", closed.Code, closed.Reason), false
		case errors.Is(err, context.DeadlineExceeded):
			return "nothing", false
		case err != nil: // what we have sent since may have reset the connection, and the close frame is lost
			return "closed", false
		case m.Type == websocket.Text:
			return string(m.Data), string(m.Data) != "1"
		}
		return "b:" + hex.EncodeToString(m.Data), true
	}
	status, contentType, body := s.request(t, http.MethodGet, "")
	if status != http.StatusOK {
		return fmt.Sprintf("%d %s", status, body), false
	}
	packets, err := s.packets(contentType, body)
	if err != nil {
		t.Fatalf("a response that cannot be read: %v: %q", err, body)
	}
	s.waiting = slices.DeleteFunc(packets, func(p string) bool { return p == "6" }) // a noop only ends a poll
	return s.read(t)
}

func (s *rawSession) request(t *testing.T, method, body string) (status int, contentType string, response []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(rawContext(t), method, s.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", []byte("no response")
	}
	defer func() { _ = w.Body.Close() }()
	response, _ = io.ReadAll(w.Body) // what is cut does not compare
	return w.StatusCode, w.Header.Get("Content-Type"), response
}

// packets takes a payload apart.
func (s *rawSession) packets(contentType string, payload []byte) (list []string, err error) {
	if s.revision == "4" {
		for p := range bytes.SplitSeq(payload, []byte{0x1e}) {
			list = append(list, plainPacket(string(p), "b"))
		}
		return list, nil
	}
	if contentType == "application/octet-stream" {
		return binaryPayload(payload)
	}
	units := utf16.Encode([]rune(string(payload)))
	for len(units) > 0 {
		digits, _, ok := strings.Cut(string(utf16.Decode(units[:min(len(units), 10)])), ":")
		n, err := strconv.Atoi(digits)
		end := len(digits) + 1 + n
		if !ok || err != nil || end > len(units) {
			return nil, errors.New("a length that is none")
		}
		list = append(list, plainPacket(string(utf16.Decode(units[len(digits)+1:end])), "b4"))
		units = units[end:]
	}
	return list, nil
}

// plainPacket returns a packet of a text payload, in which bytes are Base64 behind a prefix.
func plainPacket(p, prefix string) string {
	if text, ok := strings.CutPrefix(p, prefix); ok {
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			return "b:" + hex.EncodeToString(b)
		}
	}
	return p
}

// binaryPayload takes apart the binary payload of revision 3: for each packet 0 or 1 for text or bytes, the digits of its length, 255, and the packet.
func binaryPayload(payload []byte) (list []string, err error) {
	for len(payload) > 0 {
		end := bytes.IndexByte(payload, 255)
		if end < 1 {
			return nil, errors.New("a header without an end")
		}
		n := 0
		for _, digit := range payload[1:end] {
			n = n*10 + int(digit)
		}
		kind, rest := payload[0], payload[end+1:]
		if n > len(rest) {
			return nil, errors.New("a length past the end")
		}
		if kind == 0 {
			list = append(list, string(rest[:n]))
		} else {
			list = append(list, "b:"+hex.EncodeToString(rest[:n]))
		}
		payload = rest[n:]
	}
	return list, nil
}

func (s *rawSession) close() {
	if s.ws != nil {
		_ = s.ws.CloseNow()
	}
}

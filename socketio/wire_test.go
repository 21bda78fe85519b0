package socketio

// This file holds a WebSocket client on a bare connection, so that a test says what goes out in one segment, and so that thousands cost little.

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

var wireConfig = ws.Config{MaskKey: func() (key [4]byte) {
	binary.NativeEndian.PutUint32(key[:], rand.Uint32())
	return key
}}

// wire is a WebSocket connection.
type wire struct {
	net.Conn
	in *bufio.Reader

	mu      sync.Mutex // guards machine
	machine *ws.Conn
}

// errClosed is the error of read when the server has closed the connection in the proper way. Its text tells the code.
var errClosed = errors.New("closed")

// dialWire opens a connection. Text messages that are to follow go in the same segment as the request. header holds names and values in turn.
func dialWire(addr, target string, header []string, messages ...string) (*wire, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, in: bufio.NewReaderSize(conn, 2048), machine: ws.New(ws.Client, &wireConfig, nil)}
	if err = w.handshake(addr, target, header, messages); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return w, nil
}

func (w *wire) handshake(addr, target string, header, messages []string) error {
	offer := ws.Offer{Target: target, Host: addr, Key: ws.NewKey([16]byte{1}), Header: make(ws.Fields)}
	for i := 0; i < len(header); i += 2 {
		offer.Header[header[i]] = append(offer.Header[header[i]], header[i+1])
	}
	request, err := ws.AppendRequest(nil, &offer)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := w.machine.Send(ws.OpText, true, []byte(m)); err != nil {
			return err
		}
	}
	_ = w.SetDeadline(time.Now().Add(patience))
	if _, err := w.Write(append(request, w.machine.Take(nil)...)); err != nil {
		return err
	}
	response, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	_, err = ws.CheckResponse(response.StatusCode, ws.Fields(response.Header), &offer)
	return err
}

// send sends a message, a binary one if it is in brackets.
func (w *wire) send(message string) error {
	op, data := ws.OpText, message
	if inner, ok := strings.CutPrefix(message, "["); ok {
		op, data = ws.OpBinary, strings.TrimSuffix(inner, "]")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.machine.Send(op, true, []byte(data)); err != nil {
		return err
	}
	return w.flush()
}

// flush writes what the machine has. w.mu is held.
func (w *wire) flush() error {
	_ = w.SetWriteDeadline(time.Now().Add(patience))
	_, err := w.Write(w.machine.Take(nil))
	return err
}

// read returns the next message, a binary one in brackets.
func (w *wire) read() (string, error) {
	_ = w.SetReadDeadline(time.Now().Add(patience))
	var message []byte
	for {
		w.mu.Lock()
		ev, ok := w.machine.Next()
		w.mu.Unlock()
		switch {
		case !ok:
			if err := w.feed(); err != nil {
				return "", err
			}
		case ev.Kind == ws.EventData:
			message = append(message, ev.Data...)
			if !ev.MessageEnd {
				continue
			}
			if ev.Opcode == ws.OpBinary {
				return "[" + string(message) + "]", nil
			}
			return string(message), nil
		case ev.Kind == ws.EventClose || ev.Kind == ws.EventFail:
			w.mu.Lock()
			_ = w.flush()
			w.mu.Unlock()
			return "", fmt.Errorf("%w: %d %s", errClosed, ev.Code, ev.Reason)
		}
	}
}

// feed gives the machine bytes that have come.
func (w *wire) feed() error {
	if _, err := w.in.Peek(1); err != nil {
		return err
	}
	b, _ := w.in.Peek(w.in.Buffered())
	b = append([]byte{}, b...) // the machine works on it, and holds on to it
	_, _ = w.in.Discard(len(b))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.machine.Feed(b)
	return nil
}

package websocket

// This file fuzzes a connection on an event loop: whatever comes, and however it is cut, it means what it means to the machine.

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

func FuzzServe(f *testing.F) {
	handle := MessageFunc(func(ctx context.Context, c *Conn, m Message) error { return c.Write(ctx, m.Type, m.Data) })
	srv := httptest.NewServer(&Server{
		Options: &AcceptOptions{Options: Options{ReadLimit: 1 << 16, CloseTimeout: time.Second, PingInterval: -1}},
		Handle:  func(_ context.Context, c *Conn) error { c.Serve(handle); return nil },
	})
	f.Cleanup(srv.Close)
	f.Add(append(text("hello"), text("there")...), uint8(3))
	f.Add(append(masked(0x01, []byte("a")), append(masked(0x89, []byte("p")), masked(0x80, []byte("b"))...)...), uint8(1))
	f.Add(append(text("before"), masked(0x88, []byte{3, 232})...), uint8(0))
	f.Add(append(text("before"), 0xff, 0xff, 1, 2, 3), uint8(7))
	f.Add(masked(0x81, []byte{0xc3, 0x28}), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		if len(data) > 1<<12 {
			return
		}
		want := meaning(bytes.Clone(data))
		nc := dialRaw(t, wsURL(srv))
		defer func() { _ = nc.Close() }()
		r := newRaw(t, nc)
		r.send([]byte(request("/"))...)
		r.response()
		go func() {
			for p := data; len(p) > 0; {
				n := min(len(p), 1+int(cut))
				if cut == 0 {
					n = len(p)
				}
				if !r.send(p[:n]...) {
					return
				}
				p = p[n:]
			}
			_ = nc.(interface{ CloseWrite() error }).CloseWrite()
		}()
		got := ""
		for {
			b0, p, err := r.read()
			if err != nil {
				break
			}
			if b0&0xf == 8 && len(p) >= 2 {
				got += fmt.Sprintf("close %d;", int(p[0])<<8|int(p[1]))
			} else if b0&0xf == 1 || b0&0xf == 2 {
				got += fmt.Sprintf("%x %x;", b0, p)
			}
		}
		if got != want {
			t.Errorf("%x in pieces of %d: %s, want %s", data, cut, got, want)
		}
	})
}

// meaning is what an echo on the machine alone answers.
func meaning(data []byte) (out string) {
	set := newSettings(&Options{ReadLimit: 1 << 16})
	m := ws.New(ws.Server, &set.machine, nil)
	m.Feed(data)
	var msg []byte
	for {
		ev, ok := m.Next()
		switch {
		case !ok:
			return out
		case ev.Kind == ws.EventData:
			if msg = append(msg, ev.Data...); ev.MessageEnd {
				out += fmt.Sprintf("%x %x;", 0x80|byte(ev.Opcode), msg)
				msg = nil
			}
		case ev.Kind == ws.EventClose && ev.Code == ws.StatusNoStatusReceived:
			return out
		case ev.Kind == ws.EventClose, ev.Kind == ws.EventFail:
			return out + fmt.Sprintf("close %d;", ev.Code)
		}
	}
}

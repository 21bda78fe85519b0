// Command gobwas serves with the low-level API of gobwas/ws: a goroutine and a buffered reader a connection, payloads and answers in buffers of
// a pool, one write for an answer. With -gather, answers are gathered while a further whole frame is in the reader's buffer. Compiled frames are its
// prepared messages. It does not check UTF-8.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/duplex-go/duplex/bench/internal/serve"
)

var gather = flag.Bool("gather", false, "gather answers while a further whole frame is buffered")

const (
	readBuffer = 4 << 10
	apart      = 8 << 10 // bytes: payloads above it are not copied behind their header, but written with it by one writev
)

type conn struct {
	net.Conn
	r   *bufio.Reader
	out *bytes.Buffer // answers that are gathered, or nil
	mu  sync.Mutex    // for broadcasts
}

type handler func(c *conn, h ws.Header, p []byte) error

var room serve.Room[*conn]

func handle(joins bool, each handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		nc, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		c := &conn{Conn: nc, r: bufio.NewReaderSize(nc, readBuffer)}
		if joins {
			room.Join(c)
		}
		go func() { // so that net/http's goroutine and buffers go
			defer room.Leave(c)
			defer c.Close()
			for c.one(each) == nil {
			}
		}()
	}
}

// one handles one frame.
func (c *conn) one(each handler) error {
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		return err
	}
	b := serve.Buffer()
	defer serve.Release(b)
	b.Grow(int(h.Length))
	p := b.AvailableBuffer()[:h.Length]
	if _, err := io.ReadFull(c.r, p); err != nil {
		return err
	}
	ws.Cipher(p, h.Mask, 0)
	switch {
	case h.OpCode.IsData():
		return each(c, h, p)
	case h.OpCode == ws.OpPing:
		return ws.WriteFrame(c, ws.NewPongFrame(p))
	case h.OpCode == ws.OpClose:
		_ = ws.WriteFrame(c, ws.NewCloseFrame(p))
		return io.EOF
	}
	return nil
}

func echo(c *conn, h ws.Header, p []byte) error {
	if c.out == nil {
		c.out = serve.Buffer()
	}
	h.Masked = false
	if err := ws.WriteHeader(c.out, h); err != nil {
		return err
	}
	if len(p) > apart {
		return c.flush(p)
	}
	c.out.Write(p)
	if *gather && c.more() {
		return nil
	}
	return c.flush(nil)
}

// more reports whether another whole frame of less than 126 bytes is buffered.
func (c *conn) more() bool {
	n := c.r.Buffered()
	if n < ws.MinHeaderSize+4 {
		return false
	}
	head, _ := c.r.Peek(2)
	length := int(head[1] & 0x7f)
	return length < 126 && n >= ws.MinHeaderSize+4+length
}

// flush writes the answers, and p after them.
func (c *conn) flush(p []byte) (err error) {
	if len(p) > 0 {
		parts := net.Buffers{c.out.Bytes(), p}
		_, err = parts.WriteTo(c.Conn)
	} else {
		_, err = c.Write(c.out.Bytes())
	}
	serve.Release(c.out)
	c.out = nil
	return err
}

func sleep(c *conn, h ws.Header, p []byte) error {
	time.Sleep(50 * time.Millisecond)
	return echo(c, h, p)
}

func broadcast(_ *conn, h ws.Header, p []byte) error {
	frame, err := ws.CompileFrame(ws.NewFrame(h.OpCode, h.Fin, p))
	if err != nil {
		return err
	}
	for _, to := range room.All() {
		to.mu.Lock()
		_, _ = to.Write(frame)
		to.mu.Unlock()
	}
	return nil
}

func main() {
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("/echo", handle(false, echo))
	mux.Handle("/sleep", handle(false, sleep))
	mux.Handle("/broadcast", handle(true, broadcast))
	panic(serve.HTTP(mux, nil)) // it returns only an error
}

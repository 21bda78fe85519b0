// Command gobwas serves with the low-level API of gobwas/ws: a goroutine a connection, a buffered reader, one write an answer. With
// -gather answers are gathered while a further whole frame is in the reader's buffer. It does not check UTF-8.
package main

import (
	"bufio"
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

type conn struct {
	net.Conn
	mu  sync.Mutex // for broadcasts
	r   *bufio.Reader
	in  []byte
	out []byte
}

var room serve.Room[*conn]

// next reads a frame, and unmasks it. Answers of ours to control frames are left out but for the close.
func (c *conn) next() (ws.Header, []byte, error) {
	h, err := ws.ReadHeader(c.r)
	if err != nil {
		return h, nil, err
	}
	if int64(cap(c.in)) < h.Length {
		c.in = make([]byte, h.Length)
	}
	p := c.in[:h.Length]
	if _, err := io.ReadFull(c.r, p); err != nil {
		return h, nil, err
	}
	ws.Cipher(p, h.Mask, 0)
	return h, p, nil
}

// frame appends a frame to out.
func (c *conn) frame(op ws.OpCode, p []byte) error {
	w := writer{&c.out}
	if err := ws.WriteHeader(w, ws.Header{Fin: true, OpCode: op, Length: int64(len(p))}); err != nil {
		return err
	}
	c.out = append(c.out, p...)
	return nil
}

type writer struct{ p *[]byte }

func (w writer) Write(p []byte) (int, error) {
	*w.p = append(*w.p, p...)
	return len(p), nil
}

// more reports whether a whole frame is buffered.
func (c *conn) more() bool {
	n := c.r.Buffered()
	if n < 6 {
		return false
	}
	b, _ := c.r.Peek(2)
	length := int(b[1] & 0x7f)
	return length < 126 && n >= 6+length
}

func (c *conn) flush() error {
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

func handle(joins bool, each func(c *conn, op ws.OpCode, p []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		nc, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		c := &conn{Conn: nc, r: bufio.NewReaderSize(nc, 4096)}
		if joins {
			room.Join(c)
		}
		go func() { // so that net/http's goroutine and buffers go
			defer nc.Close()
			for {
				h, p, err := c.next()
				if err != nil || h.OpCode == ws.OpClose {
					_ = ws.WriteFrame(nc, ws.NewCloseFrame(nil))
					room.Leave(c)
					return
				}
				if h.OpCode.IsData() && each(c, h.OpCode, p) != nil {
					return
				}
			}
		}()
	}
}

func echo(c *conn, op ws.OpCode, p []byte) error {
	if err := c.frame(op, p); err != nil {
		return err
	}
	if *gather && len(c.out) < 64<<10 && c.more() {
		return nil
	}
	return c.flush()
}

func main() {
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("/echo", handle(false, echo))
	mux.Handle("/sleep", handle(false, func(c *conn, op ws.OpCode, p []byte) error {
		time.Sleep(50 * time.Millisecond)
		return echo(c, op, p)
	}))
	mux.Handle("/broadcast", handle(true, func(_ *conn, op ws.OpCode, p []byte) error {
		frame := ws.MustCompileFrame(ws.NewFrame(op, true, p))
		for _, to := range room.All() {
			to.mu.Lock()
			_, _ = to.Write(frame)
			to.mu.Unlock()
		}
		return nil
	}))
	serve.HTTP(mux, nil)
}

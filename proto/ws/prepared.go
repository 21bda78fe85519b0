package ws

// This file holds messages that are framed once and sent to many.

// Prepared is a message in the form in which it goes out. It is not changed once it is made, and many Conns may send it.
type Prepared struct {
	op       Opcode
	data     []byte
	plain    []byte // a server's frame
	deflated []byte // the same, compressed without a dictionary; nil: not made, or no smaller
}

// Prepare frames a message, a copy of data.
func Prepare(op Opcode, data []byte) *Prepared {
	p := &Prepared{op: op}
	p.plain = AppendHeader(make([]byte, 0, MaxHeaderSize+len(data)), Header{Fin: true, Opcode: op, Length: int64(len(data))})
	head := len(p.plain)
	p.plain = append(p.plain, data...)
	p.data = p.plain[head:]
	return p
}

// Deflate returns p with the message compressed as well, for Conns that agreed on that.
func (p *Prepared) Deflate() *Prepared {
	d := deflateSend{window: 1 << maxWindowBits}
	z := takeCompressor(0)
	defer z.release(0)
	d.message(z, p.data, true)
	if len(z.buf) >= len(p.data) {
		return p
	}
	q := *p
	h := Header{Fin: true, RSV: RSV1, Opcode: p.op, Length: int64(len(z.buf))}
	q.deflated = append(AppendHeader(make([]byte, 0, MaxHeaderSize+len(z.buf)), h), z.buf...)
	return &q
}

// Len returns the size of the message in bytes, uncompressed.
func (p *Prepared) Len() int { return len(p.data) }

// SendPrepared is Send for a Prepared. A Client, whose frames are masked each with its own key, frames it anew.
func (c *Conn) SendPrepared(p *Prepared) error {
	if c.role == Client {
		return c.Send(p.op, true, p.data)
	}
	if err := c.checkMessage(p.op, len(p.data)); err != nil {
		return err
	}
	c.putPong()
	if c.deflate == nil || p.deflated == nil || len(p.data) < c.cfg.Threshold || len(p.data) > c.deflate.window {
		c.out = append(c.out, p.plain...)
		return nil
	}
	c.out = append(c.out, p.deflated...)
	c.deflate.remember(p.data)
	return nil
}

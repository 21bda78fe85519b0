package ws

// This file holds the way of a message to bytes for the peer.

// Send queues a frame: a message (OpText, OpBinary; fin), the first fragment of one (not fin), the
// fragments that follow (OpContinuation), a ping or a pong. It copies p.
// Where permessage-deflate was agreed, a message not shorter than Config.Threshold is compressed, and so is every message in fragments.
// Text is not checked for UTF-8: a peer that is sent other bytes closes with 1007.
//
// An error is the caller's mistake, and nothing was queued.
func (c *Conn) Send(op Opcode, fin bool, p []byte) error {
	return c.send(op, fin, p, c.deflate != nil)
}

// SendUncompressed is Send that does not compress. A message that holds both a secret and what an attacker chose
// must not be compressed: its size tells of the secret (CRIME, BREACH).
func (c *Conn) SendUncompressed(op Opcode, fin bool, p []byte) error {
	return c.send(op, fin, p, false)
}

func (c *Conn) send(op Opcode, fin bool, p []byte, deflate bool) error {
	if err := c.checkSend(op, fin, len(p)); err != nil {
		return err
	}
	c.putPong()
	switch {
	case op.IsControl():
		c.frameOut(Header{Fin: true, Opcode: op}, p)
		return nil
	case op == OpContinuation:
		deflate = c.deflating
	case fin && len(p) < c.cfg.Threshold:
		deflate = false
	}
	c.startFragment(op, fin, deflate)
	h := Header{Fin: fin, Opcode: op}
	if !deflate {
		c.frameOut(h, p)
		return nil
	}
	z := takeCompressor(c.deflate.level)
	c.deflate.message(z, p, fin)
	if op != OpContinuation && fin && len(z.buf) >= len(p) {
		c.frameOut(h, p) // it did not help
	} else {
		if op != OpContinuation {
			h.RSV = RSV1
		}
		c.frameOut(h, z.buf)
		c.deflate.remember(p)
	}
	z.release(c.deflate.level)
	return nil
}

func (c *Conn) checkSend(op Opcode, fin bool, n int) error {
	switch {
	case c.closeSent:
		return ErrCloseSent
	case op == OpPing || op == OpPong:
		if !fin || n > MaxControlPayload {
			return ErrControlPayload
		}
	case op == OpContinuation:
		if c.sending == OpContinuation {
			return ErrNoMessageOpen
		}
	case op == OpText || op == OpBinary:
		if c.sending != OpContinuation {
			return ErrMessageOpen
		}
	default:
		return ErrOpcode
	}
	return nil
}

// checkMessage is checkSend for a message in one frame.
func (c *Conn) checkMessage(op Opcode, n int) error {
	if op != OpText && op != OpBinary {
		return ErrOpcode
	}
	return c.checkSend(op, true, n)
}

// startFragment keeps which message is going out in fragments.
func (c *Conn) startFragment(op Opcode, fin, deflate bool) {
	if op != OpContinuation {
		c.sending, c.deflating = op, deflate
	}
	if fin {
		c.sending = OpContinuation
	}
}

// SendHeader queues the header of an uncompressed message in one frame, for a driver that then writes what Take returns
// and, right behind it, the n bytes of payload from where they are. Only a Server can: a Client masks.
func (c *Conn) SendHeader(op Opcode, n int) error {
	if err := c.checkMessage(op, n); err != nil {
		return err
	}
	c.putPong()
	c.out = AppendHeader(c.out, Header{Fin: true, Opcode: op, Length: int64(n)})
	return nil
}

// frameOut appends a frame to what goes out, masked if c is a Client (RFC 6455 section 5.3).
func (c *Conn) frameOut(h Header, p []byte) {
	h.Length = int64(len(p))
	if c.role == Client {
		h.Masked, h.Mask = true, c.cfg.MaskKey()
	}
	c.out = AppendHeader(c.out, h)
	start := len(c.out)
	c.out = append(c.out, p...)
	if h.Masked {
		Mask(c.out[start:], h.Mask, 0)
	}
}

// Close queues a close frame. What still comes is discarded up to the peer's close frame, which is the last event.
// A reason that is too long is cut (see AppendClose). It returns ErrStatusCode, and queues nothing, for a code that may
// not be sent, and ErrCloseSent if a close frame was queued before.
func (c *Conn) Close(code StatusCode, reason string) error {
	if c.closeSent {
		return ErrCloseSent
	}
	if !code.OnWire() && code != StatusNoStatusReceived {
		return ErrStatusCode
	}
	c.queueClose(code, reason)
	if c.inflate != nil {
		c.inflate.z = nil // not back to its pool: whoever was given the last Event may still look at it, Close is not a read
	}
	if c.phase == inData || c.phase == inInflate {
		c.phase = inDiscard
		if c.frame.Fin {
			c.endMessage()
		}
	}
	return nil
}

// queueClose queues a close frame if none was queued (RFC 6455 section 5.5.1).
func (c *Conn) queueClose(code StatusCode, reason string) {
	if c.closeSent {
		return
	}
	c.putPong()
	var buf [MaxControlPayload]byte
	c.frameOut(Header{Fin: true, Opcode: OpClose}, AppendClose(buf[:0], code, reason))
	c.closeSent = true
}

// putPong queues the pong that is due (RFC 6455 section 5.5.3).
func (c *Conn) putPong() {
	if c.pongDue {
		c.pongDue = false
		c.frameOut(Header{Fin: true, Opcode: OpPong}, c.control.pong)
	}
}

// Queued returns how many bytes Take would return.
func (c *Conn) Queued() int {
	n := len(c.out)
	if c.pongDue {
		n += 2 + len(c.control.pong)
		if c.role == Client {
			n += 4
		}
	}
	return n
}

// Room returns how many bytes fit in the buffer that c fills. When there is no more, it makes a larger one.
func (c *Conn) Room() int { return cap(c.out) - len(c.out) }

// Lend gives c a buffer to go on with, moves there what is queued, and returns the one that c has filled so far. A buf that is no larger
// is not taken.
func (c *Conn) Lend(buf []byte) []byte {
	if cap(buf) <= cap(c.out) {
		return buf
	}
	old := c.out
	c.out = buf[:copy(buf[:cap(buf)], old)]
	return old
}

// Take returns the bytes for the peer that have been queued, and keeps spare, from its start, to fill next.
func (c *Conn) Take(spare []byte) []byte {
	c.putPong()
	p := c.out
	c.out = spare[:0]
	return p
}

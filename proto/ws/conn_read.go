package ws

// This file holds the way of a byte from the peer to an Event.

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// Feed gives c bytes from the peer. c unmasks them in place and holds on to p until Next has returned false;
// by then it has copied what it still needs, so that p can be used again.
func (c *Conn) Feed(p []byte) { c.in = p }

// Next returns what the fed bytes meant, an Event at a time. False: give me more.
func (c *Conn) Next() (Event, bool) {
	if c.phase == inHead && len(c.in) > 2 {
		if ev := c.nextWhole(); ev.Kind != 0 {
			return ev, true
		}
	}
	for {
		ev, st := c.step()
		switch st {
		case gotEvent:
			return ev, true
		case needMore:
			c.in = nil
			return Event{}, false
		}
	}
}

// nextWhole is a short way for what nearly all frames are: a message of less than 126 bytes in one frame, not compressed, that is
// there whole. It leaves all others, and all that is wrong but for text, to the long way.
func (c *Conn) nextWhole() (ev Event) {
	b := c.in
	op, masked, n := Opcode(b[0]&^0x80), b[1]&0x80 != 0, int(b[1]&0x7F)
	head := 2
	if masked {
		head = 6
	}
	switch {
	case b[0] != 0x81 && b[0] != 0x82, masked == (c.role == Client), n > 125, len(b) < head+n,
		c.nhead != 0, c.opcode != OpContinuation, c.closeSent, int64(n) > c.limit, c.control != nil && c.control.limit != 0, c.cfg.FrameRate > 0:
		return ev
	}
	p := b[head : head+n : head+n]
	c.in = b[head+n:]
	if masked {
		Mask(p, [4]byte(b[2:6]), 0)
	}
	if c.inflate != nil {
		c.inflate.release()
	}
	if op == OpText && !utf8.Valid(p) {
		ev, _ = c.fail(StatusInvalidFramePayloadData, "text is not UTF-8")
		return ev
	}
	return Event{Kind: EventData, Opcode: op, FrameEnd: true, MessageEnd: true, Data: p}
}

// Want returns how many bytes of an uncompressed data frame's payload are still to come. A driver may read
// so many straight to where they are to stay and feed them there.
func (c *Conn) Want() int64 {
	if c.phase == inData && !c.compressed() {
		return c.left
	}
	return 0
}

// Pending reports whether there are fed bytes that Next has not gone through.
func (c *Conn) Pending() bool { return len(c.in) > 0 }

type outcome uint8

const (
	goOn outcome = iota
	gotEvent
	needMore
)

func (c *Conn) step() (Event, outcome) {
	if c.inflate != nil {
		c.inflate.release()
	}
	switch c.phase {
	case inHead:
		return c.stepHead()
	case inControl:
		return c.stepControl()
	case inData:
		return c.stepData()
	case inInflate:
		return c.stepInflate()
	case inDiscard:
		c.in = c.in[c.payload():]
		if c.left > 0 {
			return Event{}, needMore
		}
		c.phase = inHead
		return Event{}, goOn
	}
	return Event{}, needMore // over: the trivial path
}

// payload consumes as much of the frame's payload as is there and returns how much that is.
func (c *Conn) payload() int {
	n := int(min(c.left, int64(len(c.in))))
	c.left -= int64(n)
	return n
}

func (c *Conn) stepHead() (Event, outcome) {
	b := c.in
	if c.nhead > 0 { // a header that was cut
		n := copy(c.head[c.nhead:], c.in)
		b = c.head[:int(c.nhead)+n]
	}
	// The first two bytes can condemn a frame before its length is there.
	if len(b) >= 2 {
		if why := c.checkFirst(b[0], b[1]); why != "" {
			return c.fail(StatusProtocolError, why)
		}
	}
	h, n, err := ParseHeader(b)
	if n == 0 {
		c.nhead = uint8(copy(c.head[:], b)) //nolint:gosec // less than a header
		return Event{}, needMore
	}
	if err != nil && !(c.cfg.AllowLongLengths && err == ErrLengthForm) { //nolint:errorlint // ParseHeader returns it as it is
		return c.fail(StatusProtocolError, err.Error())
	}
	c.in = c.in[n-int(c.nhead):]
	c.nhead = 0
	c.frame, c.left, c.pos = h, h.Length, 0
	if c.tooFast() {
		return c.fail(StatusPolicyViolation, "more than "+strconv.Itoa(c.cfg.FrameRate)+" frames in a second")
	}
	if h.Opcode.IsControl() {
		if c.phase = inControl; c.control != nil {
			c.control.ctl = c.control.ctl[:0]
		}
		return Event{}, goOn
	}
	return c.startData()
}

// tooFast counts a frame, and reports whether it is one too many.
func (c *Conn) tooFast() bool {
	if c.cfg.FrameRate <= 0 {
		return false
	}
	c.rates.frames++
	return c.rates.frames > c.cfg.FrameRate
}

// checkFirst is the rules of RFC 6455 section 5 for the first two bytes of a frame, as one switch.
// It returns what is wrong, or "".
func (c *Conn) checkFirst(b0, b1 byte) string {
	op, fin, rsv := Opcode(b0&0xF), b0&0x80 != 0, b0>>4&0x7
	masked, short := b1&0x80 != 0, b1&0x7F
	switch {
	case op.IsReserved(): // 5.2
		return "reserved opcode " + strconv.Itoa(int(op))
	case rsv&(RSV2|RSV3) != 0: // 5.2
		return "RSV2 or RSV3 set, and no extension that uses them"
	case rsv != 0 && c.inflate == nil: // 5.2
		return "RSV1 set, and no extension that uses it"
	case rsv != 0 && op != OpText && op != OpBinary: // RFC 7692 section 6.1
		return "RSV1 set on a " + op.String() + " frame"
	case masked && c.role == Client: // 5.1
		return "frame from the server is masked"
	case !masked && c.role == Server: // 5.1
		return "frame from the client is not masked"
	case op.IsControl() && !fin: // 5.5
		return "fragmented " + op.String() + " frame"
	case op.IsControl() && short > MaxControlPayload: // 5.5
		return op.String() + " frame of more than 125 bytes"
	case op == OpContinuation && c.opcode == OpContinuation: // 5.4
		return "continuation of no message"
	case !op.IsControl() && op != OpContinuation && c.opcode != OpContinuation: // 5.4
		return "new message inside a message"
	}
	return ""
}

func (c *Conn) compressed() bool { return c.inflate != nil && c.inflate.active }

// startData takes the header of a data frame.
func (c *Conn) startData() (Event, outcome) {
	if c.frame.Opcode != OpContinuation {
		c.opcode, c.size, c.frames = c.frame.Opcode, 0, 0
		if c.frame.RSV&RSV1 != 0 {
			c.inflate.active, c.inflate.taken = true, 0
		}
	}
	if c.closeSent {
		if c.frame.Fin {
			c.endMessage()
		}
		c.phase = inDiscard
		return Event{}, goOn
	}
	if c.frames++; c.cfg.MaxFragments > 0 && int(c.frames) > c.cfg.MaxFragments {
		return c.fail(StatusPolicyViolation, "message of more than "+strconv.Itoa(c.cfg.MaxFragments)+" fragments")
	}
	// A frame that would break the limit is refused by its header.
	if k := c.control; k != nil && k.limit != 0 {
		c.limit, k.limit = k.limit, 0
	}
	room := c.limit - c.size
	if c.compressed() && room >= 0 {
		room = c.maxDeflated() - c.inflate.taken
		c.inflate.taken += c.left
	}
	if c.left > room {
		return c.tooBig()
	}
	c.phase = inData
	return Event{}, goOn
}

// maxDeflated returns how many compressed bytes the message may have so far. They are held to the limit too, with room for
// what stored blocks and flushes add, so that blocks that hold nothing do not go on for ever.
func (c *Conn) maxDeflated() int64 {
	n := c.limit
	if more := n/8 + 16*int64(c.frames) + 1024; more <= math.MaxInt64-n {
		n += more
	}
	return n
}

func (c *Conn) tooBig() (Event, outcome) {
	return c.fail(StatusMessageTooBig, "message exceeds the limit of "+strconv.FormatInt(c.limit, 10)+" bytes")
}

// stepData takes payload of a data frame.
func (c *Conn) stepData() (Event, outcome) {
	n := c.payload()
	if n == 0 && c.left > 0 {
		return Event{}, needMore
	}
	p := c.in[:n:n]
	c.in = c.in[n:]
	if c.frame.Masked {
		c.pos = uint8(Mask(p, c.frame.Mask, int(c.pos))) //nolint:gosec // 0 to 3
	}
	if c.compressed() {
		last := c.left == 0 && c.frame.Fin
		if last && c.inflate.taken == 0 { // even an empty message has a byte: RFC 7692 section 7.2.3.6
			return c.fail(StatusInvalidFramePayloadData, "compressed message of no bytes")
		}
		c.inflate.feed(p, last)
		c.phase = inInflate
		return Event{}, goOn
	}
	return c.data(p, c.left == 0)
}

// stepInflate takes payload that the inflater has not put out yet.
func (c *Conn) stepInflate() (Event, outcome) {
	p, more, err := c.inflate.next()
	size, rate := c.limit-c.size, int64(math.MaxInt64)
	if c.cfg.InflateRate > 0 {
		rate = c.cfg.InflateRate - c.rates.inflated
	}
	c.rates.inflated += int64(len(p))
	if over := int64(len(p)) > min(size, rate); over || err != nil {
		// However it was cut, a message fails for what comes first in it: so what comes before is looked at first.
		if ev, st := c.data(p[:min(int64(len(p)), size, rate)], false); ev.Kind == EventFail {
			return ev, st
		}
		switch {
		case !over:
			return c.fail(StatusInvalidFramePayloadData, "compressed message: "+err.Error())
		case size <= rate:
			return c.tooBig()
		}
		return c.fail(StatusPolicyViolation, "more than "+strconv.FormatInt(c.cfg.InflateRate, 10)+" inflated bytes in a second")
	}
	if !more {
		c.phase = inData
	}
	if len(p) == 0 && (more || c.left > 0) {
		return Event{}, goOn
	}
	return c.data(p, !more && c.left == 0)
}

// data makes the event for p, a piece of a message as it was before compression; end: it ends its frame.
func (c *Conn) data(p []byte, end bool) (Event, outcome) {
	c.size += int64(len(p))
	ev := Event{Kind: EventData, Opcode: c.opcode, FrameEnd: end, MessageEnd: end && c.frame.Fin, Data: p}
	if c.opcode == OpText && !c.text.check(p, ev.MessageEnd) {
		return c.fail(StatusInvalidFramePayloadData, "text is not UTF-8")
	}
	if end {
		c.phase = inHead
	}
	if ev.MessageEnd {
		c.endMessage()
	}
	return ev, gotEvent
}

func (c *Conn) endMessage() {
	c.opcode = OpContinuation
	if c.inflate != nil {
		c.inflate.end()
	}
}

// stepControl takes payload of a control frame (RFC 6455 section 5.5).
func (c *Conn) stepControl() (Event, outcome) {
	n := c.payload()
	p := c.in[:n:n]
	c.in = c.in[n:]
	if k := c.control; c.left > 0 || k != nil && len(k.ctl) > 0 { // in pieces
		if k = c.needControl(); k.ctl == nil {
			k.ctl = make([]byte, 0, MaxControlPayload)
		}
		k.ctl = append(k.ctl, p...)
		if c.left > 0 {
			return Event{}, needMore
		}
		p = k.ctl
	}
	if c.frame.Masked {
		Mask(p, c.frame.Mask, 0)
	}
	c.phase = inHead
	switch c.frame.Opcode {
	case OpPing:
		if !c.closeSent {
			k := c.needControl()
			k.pong, c.pongDue = append(k.pong[:0], p...), true // only the latest is answered: 5.5.3
		}
		return Event{Kind: EventPing, Data: p}, gotEvent
	case OpPong:
		return Event{Kind: EventPong, Data: p}, gotEvent
	}
	code, reason, err := ParseClose(p)
	if v, ok := err.(*Violation); ok { //nolint:errorlint // ParseClose returns it as it is
		return c.fail(v.Code, v.Reason)
	}
	c.queueClose(code, "")
	c.end()
	return Event{Kind: EventClose, Code: code, Reason: reason}, gotEvent
}

// fail queues a close frame, unless one was sent, and discards whatever else comes (RFC 6455 section 7.1.7).
func (c *Conn) fail(code StatusCode, reason string) (Event, outcome) {
	c.queueClose(code, reason)
	c.end()
	return Event{Kind: EventFail, Code: code, Reason: reason}, gotEvent
}

func (c *Conn) end() {
	c.phase, c.in = over, nil
	c.control, c.pongDue = nil, false
	if c.inflate != nil {
		c.inflate.drop()
	}
}

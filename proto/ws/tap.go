package ws

// This file holds Tap: the frames in one direction, for those who watch a connection.

// Frame is a frame as it went over the wire, and what it meant.
type Frame struct {
	Header
	Head       []byte // the header's bytes
	Wire       []byte // the payload as it was sent: masked, compressed
	Payload    []byte // the payload unmasked
	Compressed bool   // it belongs to a compressed message
	Inflated   []byte // if Compressed: what the payload adds to the message
	Cut        bool   // there was more than the Tap's limit: the payloads hold their first bytes only
}

// Tap cuts the bytes of one direction into frames. It only watches: it enforces no rule, and stops at bytes that can be no frame.
// Its methods must not run at the same time.
type Tap struct {
	limit   int
	show    func(*Frame)
	inflate *deflateRecv // nil: permessage-deflate was not agreed
	f       Frame
	in      bool // inside a payload
	left    int64
	stopped bool
}

// NewTap returns a Tap for what sender sends. show gets each frame when it is complete, valid during the call, with limit
// bytes of payload at most. params is nil unless permessage-deflate was agreed.
func NewTap(sender Role, params *DeflateParams, limit int, show func(*Frame)) *Tap {
	t := &Tap{limit: limit, show: show}
	if params != nil {
		t.inflate = New(1-sender, &Config{}, params).inflate
	}
	return t
}

// Feed gives t the bytes that went by. It does not change them, and does not keep them.
func (t *Tap) Feed(p []byte) {
	for !t.stopped && (len(p) > 0 || t.in && t.left == 0) {
		if t.in {
			n := int(min(t.left, int64(len(p))))
			t.payload(p[:n])
			p = p[n:]
			continue
		}
		p = p[t.header(p):]
	}
}

// header takes bytes of a header and returns how many.
func (t *Tap) header(p []byte) int {
	had := len(t.f.Head)
	t.f.Head = append(t.f.Head, p[:min(len(p), MaxHeaderSize-had)]...)
	h, n, err := ParseHeader(t.f.Head)
	if n == 0 {
		return len(p)
	}
	if h.Length < 0 || err == ErrLengthTopBit { //nolint:errorlint // ParseHeader returns it as it is
		t.stopped = true
		return len(p)
	}
	t.f.Header, t.f.Head = h, t.f.Head[:n]
	t.in, t.left = true, h.Length
	if t.inflate != nil && !h.Opcode.IsControl() {
		t.inflate.release()
		if h.Opcode != OpContinuation {
			t.inflate.active = h.RSV&RSV1 != 0
		}
		t.f.Compressed = t.inflate.active
	}
	return n - had
}

// payload takes bytes of a payload, and shows the frame at its end.
func (t *Tap) payload(p []byte) {
	pos := int((t.f.Length - t.left) & 3)
	t.left -= int64(len(p))
	t.f.Wire = t.keep(t.f.Wire, p)
	if t.f.Masked {
		p = append([]byte(nil), p...)
		Mask(p, t.f.Mask, pos)
	}
	t.f.Payload = t.keep(t.f.Payload, p)
	if t.f.Compressed {
		t.inflated(p)
	}
	if t.left > 0 {
		return
	}
	t.show(&t.f)
	if t.f.Fin && t.f.Compressed {
		t.inflate.end()
	}
	t.f = Frame{Head: t.f.Head[:0], Wire: t.f.Wire[:0], Payload: t.f.Payload[:0], Inflated: t.f.Inflated[:0]}
	t.in = false
}

// inflated inflates p. What cannot be inflated is left out.
func (t *Tap) inflated(p []byte) {
	t.inflate.feed(p, t.f.Fin && t.left == 0)
	for more := true; more; {
		var out []byte
		var err error
		out, more, err = t.inflate.next()
		t.f.Inflated = t.keep(t.f.Inflated, out)
		if err != nil {
			return
		}
	}
}

func (t *Tap) keep(b, p []byte) []byte {
	if n := t.limit - len(b); n < len(p) {
		t.f.Cut = true
		p = p[:n]
	}
	return append(b, p...)
}

package ws

// This file holds the machine: its configuration, its state, its events, and how it is made.

import (
	"errors"
	"math"
	"time"
)

// Role says which end of the connection a Conn is.
type Role uint8

// The two ends. A client masks what it sends; a server does not (RFC 6455 section 5.1).
const (
	Server Role = iota
	Client
)

// Config is what the application chooses. One Config may serve many Conns; it is not changed while they live.
type Config struct {
	ReadLimit        int64          // bytes of a message, after inflating; 0 or less: no limit
	MaxFragments     int            // frames of a message; 0 or less: no limit
	FrameRate        int            // frames that the peer may send in a second; 0 or less: no limit
	InflateRate      int64          // bytes that the peer's messages may inflate to in a second; 0 or less: no limit
	AllowLongLengths bool           // take lengths that are not in their shortest form
	MaskKey          func() [4]byte // a fresh, unpredictable masking key (RFC 6455 section 5.3); a Client needs it
	Threshold        int            // bytes; a shorter message is not compressed
	Level            int            // 0: fastest, stateless; 1 to 9 as in compress/flate
}

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of Event.
const (
	EventData  EventKind = iota + 1 // a piece of a message: Opcode, Data, FrameEnd, MessageEnd
	EventPing                       // a ping: Data. The pong is already queued
	EventPong                       // a pong: Data
	EventClose                      // the peer's close frame: Code, Reason. The answer is already queued. The last event
	EventFail                       // the peer broke a rule: Code, Reason, as queued in our close frame. The last event
)

// Event is what bytes from the peer meant.
type Event struct {
	Kind       EventKind
	Opcode     Opcode     // of the message: OpText or OpBinary
	FrameEnd   bool       // Data ends its frame
	MessageEnd bool       // Data ends its message
	Code       StatusCode // StatusNoStatusReceived for a close frame without one
	Reason     string
	Data       []byte // valid until the next call of Feed or Next; may be empty
}

// Violation is what a peer did against the specification or over a limit, and the code to close with.
type Violation struct {
	Code   StatusCode
	Reason string
}

// Error returns what the peer did.
func (v *Violation) Error() string { return "ws: " + v.Reason }

// The caller's mistakes, which Send returns.
var (
	ErrCloseSent      = errors.New("ws: the close frame was sent already")
	ErrMessageOpen    = errors.New("ws: a message is being sent: only its continuation or a control frame may follow")
	ErrNoMessageOpen  = errors.New("ws: no message is being sent that a continuation frame could go on with")
	ErrControlPayload = errors.New("ws: a control frame has one frame and at most 125 bytes")
	ErrOpcode         = errors.New("ws: Send takes text, binary, continuation, ping and pong")
)

// phase says what the next byte from the peer is.
type phase uint8

const (
	inHead    phase = iota
	inControl       // payload of a control frame
	inData          // payload of a data frame
	inInflate       // payload that is being inflated
	inDiscard       // payload of a data frame after our close frame
	over            // nothing more is expected: whatever comes is discarded
)

// Conn is one end of an established connection as a function of bytes. See the package comment.
// Its methods must not run at the same time.
type Conn struct {
	cfg *Config

	// What came.
	in     []byte // fed and not consumed yet
	left   int64  // bytes of the frame's payload still to come
	limit  int64  // bytes that a message may have
	size   int64  // bytes of it so far, inflated
	frame  Header
	head   [MaxHeaderSize]byte
	nhead  uint8
	role   Role
	phase  phase
	opcode Opcode // of the message that is coming; OpContinuation: none
	pos    uint8  // of the next payload byte in the masking key
	frames int32  // of the message so far
	text   utf8Check

	sending   Opcode // of the message that is going out in fragments; OpContinuation: none
	deflating bool   // that message is compressed
	closeSent bool
	pongDue   bool

	out     []byte       // what goes out
	control *control     // nil: there was none yet
	rates   *rates       // nil: there is no limit per second
	deflate *deflateSend // nil: permessage-deflate was not agreed
	inflate *deflateRecv
}

// control is what control frames need.
type control struct {
	ctl  []byte // payload of one that came in pieces
	pong []byte // the payload of the pong that is due

	limit int64 // what SetReadLimit set, for the frames to come; 0: nothing
}

// needControl returns c.control, made on first use.
func (c *Conn) needControl() *control {
	if c.control == nil {
		c.control = new(control)
	}
	return c.control
}

// rates counts what the peer did in the current second.
type rates struct {
	since    time.Time
	frames   int
	inflated int64
}

// New returns a Conn at the moment after the opening handshake. params is nil unless permessage-deflate was agreed.
func New(role Role, cfg *Config, params *DeflateParams) *Conn {
	c := new(Conn)
	c.Reset(role, cfg, params)
	return c
}

// Reset makes c what New returns, for a Conn that is part of something else.
func (c *Conn) Reset(role Role, cfg *Config, params *DeflateParams) {
	*c = Conn{cfg: cfg, role: role}
	c.SetReadLimit(cfg.ReadLimit)
	if cfg.FrameRate > 0 || params != nil {
		c.rates = new(rates)
	}
	if params == nil {
		return
	}
	noTakeover, bits := params.ServerNoContextTakeover, params.ServerMaxWindowBits
	peerNoTakeover, peerBits := params.ClientNoContextTakeover, params.ClientMaxWindowBits
	if role == Client {
		noTakeover, bits, peerNoTakeover, peerBits = peerNoTakeover, peerBits, noTakeover, bits
	}
	c.deflate = &deflateSend{takeover: !noTakeover, window: 1 << bits, level: cfg.Level}
	c.inflate = &deflateRecv{takeover: !peerNoTakeover, window: 1 << peerBits}
}

// SetReadLimit sets the limit for messages from the next frame on, in bytes after inflating; 0 or less: no limit.
func (c *Conn) SetReadLimit(n int64) {
	if n <= 0 {
		n = math.MaxInt64
	}
	if c.phase != inHead {
		c.needControl().limit = n
		return
	}
	if c.limit = n; c.control != nil {
		c.control.limit = 0
	}
}

// Advance tells c the time, for the limits per second. A driver calls it before Feed; where Config sets no
// limit per second it need not.
func (c *Conn) Advance(now time.Time) {
	if c.rates != nil && now.Sub(c.rates.since) >= time.Second {
		*c.rates = rates{since: now}
	}
}

// Finished reports whether the last event has been given: the driver sends what Take returns and ends the
// transport connection.
func (c *Conn) Finished() bool { return c.phase == over }

// CloseSent reports whether our close frame has been queued: nothing can be sent any more.
func (c *Conn) CloseSent() bool { return c.closeSent }

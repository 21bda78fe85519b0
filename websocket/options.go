package websocket

// This file holds what both ends of a connection can be asked for, and the defaults.

import (
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// Options are what a server and a client can both choose. The zero value holds the defaults.
type Options struct {
	// ReadLimit is the size that a message from the peer may have, in bytes, after inflating. A larger one closes
	// the connection with 1009. If zero, 1 MiB; if negative, there is no limit.
	ReadLimit int64
	// MaxFragments is how many frames a message may come in. More close the connection with 1008. If zero, 4,096.
	MaxFragments int
	// FrameRate is how many frames the peer may send in a second, control frames included. More close the connection
	// with 1008. If zero, there is no limit.
	FrameRate int
	// InflateRate is how many bytes the peer's compressed messages may inflate to in a second. More close the connection
	// with 1008. If zero, 64 MiB; if negative, there is no limit.
	InflateRate int64

	// WriteQueue is how many bytes may wait for a peer that reads slowly. If zero, 1 MiB. A single message larger
	// than that is taken when nothing waits.
	WriteQueue int
	// WhenFull says what becomes of a message for which the queue has no room. If zero, WaitWhenFull.
	WhenFull FullPolicy
	// WriteTimeout is how long the system may take for each 256 KiB that wait, or for less if no more waits. A peer that
	// does not take them in that time is gone: the connection ends. If zero, 10 s.
	WriteTimeout time.Duration
	// CloseTimeout is how long the peer may take to answer our close frame. If zero, 5 s.
	CloseTimeout time.Duration

	// PingInterval is how often the peer is pinged, PingTimeout how long it may then stay silent: a dead peer
	// is known after their sum at most, as long as somebody reads. If zero, 25 s and 20 s; a negative PingInterval turns pings off.
	// A PingTimeout longer than PingInterval is cut to that.
	PingInterval time.Duration
	PingTimeout  time.Duration

	// OnLoop promises that the Handler of a connection in push mode never blocks: no lock that is held for long, no waiting for a socket,
	// a file or a timer. It is then called on the event loop itself, which saves a change of goroutines each time. A Handler that breaks the
	// promise holds up other connections. With WaitWhenFull its writes may wait: choose another policy.
	OnLoop bool

	// Deflate asks for permessage-deflate (RFC 7692). If nil, it is off.
	Deflate *Deflate
	// Budget bounds the memory that unfinished messages may hold together, over all connections that share it. If nil, nothing does.
	Budget *Budget
	// Trace is called at every step. If nil, it costs nothing.
	Trace *Trace
	// Logger takes what has no caller to be returned to. If nil, nothing is logged.
	Logger *slog.Logger
}

// FullPolicy says what becomes of a message for which the write queue has no room.
type FullPolicy uint8

// The policies. With the last two a write never waits for the peer, so that one goroutine can write to many.
const (
	WaitWhenFull  FullPolicy = iota // Write waits until there is room or its context ends
	DropWhenFull                    // Write drops the message and returns ErrQueueFull
	CloseWhenFull                   // the connection is closed with 1008: "slow consumer"
)

// Deflate is how a connection compresses messages (RFC 7692).
//
// Memory, for each connection: without Takeover none between messages. With Takeover 1 KiB for what is sent, and
// 1<<WindowBits bytes for what is received. While a compressed message is coming it borrows 72 KiB, whatever the settings.
type Deflate struct {
	// Takeover keeps history from message to message, in both directions if the peer agrees. Short messages
	// that resemble each other, such as JSON, are hardly compressed without.
	Takeover bool
	// WindowBits is the size of the history kept of what is received, 9 to 15: 512 bytes to 32 KiB. If zero, 10.
	WindowBits int
	// Threshold is the size in bytes from which a message is compressed. If zero, 64 with Takeover and 1,024 without.
	Threshold int
	// Level is 1 (fast) to 9 (small), as in compress/flate. If zero, a fast one that keeps no state.
	Level int
}

// Budget bounds the memory of unfinished messages over many connections. A connection that needs more is closed with 1013.
// Its methods may be called from any goroutine.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used returns how many bytes are held now.
func (b *Budget) Used() int64 { return b.used.Load() }

// take holds n bytes more, or none if that would exceed the limit.
func (b *Budget) take(n int) bool {
	if b == nil || n == 0 {
		return true
	}
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(int64(-n))
		return false
	}
	return true
}

func (b *Budget) give(n int) {
	if b != nil {
		b.used.Add(int64(-n))
	}
}

// settings are Options with the defaults filled in, shared by all connections made with them.
type settings struct {
	Options
	machine ws.Config
	hooks   hooks
	deflate *ws.DeflateOptions
	server  *Server // whose connections these are; nil: nobody's
}

// hooks are called by whoever reads.
type hooks struct {
	ping func(c *Conn, payload []byte)
	pong func(c *Conn, payload []byte, rtt time.Duration)
}

func newSettings(o *Options) *settings {
	s := new(settings)
	if o != nil {
		s.Options = *o
	}
	s.ReadLimit = orDefault(s.ReadLimit, 1<<20)
	s.MaxFragments = orDefault(s.MaxFragments, 4096)
	s.InflateRate = orDefault(s.InflateRate, 64<<20)
	s.WriteQueue = orDefault(s.WriteQueue, 1<<20)
	s.WriteTimeout = orDefault(s.WriteTimeout, 10*time.Second)
	s.CloseTimeout = orDefault(s.CloseTimeout, 5*time.Second)
	s.PingInterval = orDefault(s.PingInterval, 25*time.Second)
	s.PingTimeout = orDefault(s.PingTimeout, 20*time.Second)
	if s.PingInterval > 0 {
		s.PingTimeout = min(s.PingTimeout, s.PingInterval)
	}
	s.machine = ws.Config{
		ReadLimit:    s.ReadLimit,
		MaxFragments: s.MaxFragments,
		FrameRate:    s.FrameRate,
		InflateRate:  s.InflateRate,
		MaskKey:      randomKey,
	}
	if d := s.Deflate; d != nil {
		s.deflate = &ws.DeflateOptions{Takeover: d.Takeover, WindowBits: d.WindowBits}
		s.machine.Level = min(max(d.Level, 0), 9)
		s.machine.Threshold = orDefault(d.Threshold, 1024)
		if d.Takeover {
			s.machine.Threshold = orDefault(d.Threshold, 64)
		}
	}
	return s
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// randomKey is a masking key that nobody can foresee (RFC 6455 section 5.3).
func randomKey() (key [4]byte) {
	_, _ = rand.Read(key[:]) // never errs
	return key
}

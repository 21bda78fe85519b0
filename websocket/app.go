package websocket

// This file holds App: a client that stays connected.

import (
	"context"
	"errors"
	"iter"
	"time"
)

// App is a client that stays connected: it dials, dials again when the connection ends, and tells of all that happens by calling functions.
// Set the fields, of which only URL or Dial is needed, and call Run. No function is called at the same time as another, except
// those of Options.Trace, and OnUndelivered under AppDropOldest, which Send calls. The fields are not changed while it runs, and App must not be copied.
//
// # What Send promises
//
// A message for which Send returns nil is sent once, in the order of the Sends, on the first connection that can carry it, after OnOpen has run on that.
// If that connection then ends before the peer is known to have received the message, it is not sent again, because it might
// arrive twice: it is given back by OnUndelivered with ErrUnsure. What was never sent when App stops is given back with
// ErrNotSent. So every message that was accepted either arrived, once, or is given back.
//
// A message is known to have been received, by the peer's WebSocket layer, when the peer answers a ping that was sent behind it. Only an answer
// from the application tells that it was understood.
type App struct {
	// URL is where to connect, and Options how. Options may be nil.
	URL     string
	Options *DialOptions
	// Dial, if not nil, is called for each attempt and says where and how to connect instead: with a fresh token, say.
	// The first attempt is number 0. An error is like one of the handshake.
	Dial func(ctx context.Context, attempt int) (url string, opts *DialOptions, err error)

	// OnOpen is called for each connection before anything that was queued goes out: for a login, or subscriptions. It may write to c and
	// read from it. OnReconnect is called before it, for each connection but the first. An error closes the connection
	// with 1011, and counts as a failed attempt.
	OnOpen      func(ctx context.Context, c *Conn) error
	OnReconnect func(ctx context.Context, c *Conn) error
	// OnMessage is called for each message, whose Data is valid during the call.
	OnMessage func(ctx context.Context, c *Conn, m Message)
	// OnContinuation is called for each continuation frame, as it comes; fin: it ends its message. If it is set, messages in
	// fragments are not joined, and not given to OnMessage. OnData is called for what OnMessage and
	// OnContinuation are, and for the first frame of a message in fragments.
	OnContinuation func(ctx context.Context, c *Conn, p []byte, fin bool)
	OnData         func(ctx context.Context, c *Conn, t MessageType, p []byte, fin bool)
	// OnPing is called for each ping, which is answered already, and OnPong for each pong; rtt is 0 if no ping of ours asked for it.
	OnPing func(c *Conn, payload []byte)
	OnPong func(c *Conn, payload []byte, rtt time.Duration)
	// OnError is called for each attempt that failed, and with what OnOpen returned. OnClose is called when a connection has ended: see CloseError.Clean.
	OnError func(err error)
	OnClose func(e *CloseError)
	// OnUndelivered is called for each message that Send accepted and that is given back.
	OnUndelivered func(m Message, err error)

	// Retry decides whether to go on after err, of an attempt or of a connection. If nil, DefaultRetry does.
	Retry func(err error) bool
	// MaxAttempts is how many attempts in a row may fail. If zero, there is no limit.
	MaxAttempts int
	// MinDelay and MaxDelay bound the wait before an attempt: a random time below MinDelay, which doubles for each that failed until it is
	// MaxDelay ("full jitter"). If zero, 1 s and 1 min. A Retry-After of the server, up to an hour, and the status codes 1012 (5 to 30 s)
	// and 1013 (MaxDelay) make it longer.
	MinDelay, MaxDelay time.Duration
	// MinUptime is how long a connection must have lived to count as a success. If zero, 10 s.
	MinUptime time.Duration

	// QueueMessages and QueueBytes bound what waits to be sent or to be confirmed. If zero, 1,024 messages and 1 MiB.
	QueueMessages, QueueBytes int
	// WhenFull says what Send does at the bounds. If zero, AppWait.
	WhenFull AppFullPolicy

	queue queue
}

// Why a message is given back.
var (
	// ErrUnsure is given when the connection that carried a message ended before it was confirmed.
	ErrUnsure = errors.New("websocket: the connection ended, and nobody knows whether the message arrived")
	// ErrNotSent is given when App stopped before it sent a message.
	ErrNotSent = errors.New("websocket: stopped before the message was sent")
	// ErrDropped is given under AppDropOldest.
	ErrDropped = errors.New("websocket: the queue was full: the oldest message was dropped")
)

// Run stays connected until ctx ends or there is no going on, closes with 1000, and returns why: the context's error, or the last
// attempt's. It can be called again, but not twice at the same time.
func (a *App) Run(ctx context.Context) error {
	for c, err := range a.connections(ctx) {
		if err != nil {
			return err
		}
		a.serve(ctx, c)
	}
	return ctx.Err()
}

// Connections is App for straight-line code: it returns the connections, one after the other. The body of the loop owns the
// connection, which is closed when it ends; the next is dialed when the body is done. A last pair holds the error, if there is no going on.
// OnReconnect and OnOpen have run. What is queued by Send is sent; OnMessage, OnData and OnContinuation are not called.
func (a *App) Connections(ctx context.Context) iter.Seq2[*Conn, error] {
	return func(yield func(*Conn, error) bool) {
		for c, err := range a.connections(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			stop := a.queue.start(ctx, a, c)
			more := yield(c, nil)
			_ = c.Close(StatusNormalClosure, "")
			stop()
			if !more {
				return
			}
		}
	}
}

// connections dials and waits, until ctx ends or there is no going on.
func (a *App) connections(ctx context.Context) iter.Seq2[*Conn, error] {
	return func(yield func(*Conn, error) bool) {
		defer func() { a.giveBack(a.queue.stop(), ErrNotSent) }()
		pace := pace{app: a}
		for attempt := 0; ; attempt++ {
			if pace.wait(ctx) != nil {
				return
			}
			c, err := a.open(ctx, attempt, pace.connected)
			if err == nil {
				pace.connected = true
				began := time.Now()
				if !yield(c, nil) {
					return
				}
				err = a.closed(c)
				pace.ended(err, time.Since(began))
			} else {
				if ctx.Err() != nil {
					return
				}
				if a.OnError != nil {
					a.OnError(err)
				}
				pace.failed(err)
			}
			if ctx.Err() != nil {
				return
			}
			if !a.retry(err) || a.MaxAttempts > 0 && pace.failures >= a.MaxAttempts {
				yield(nil, err)
				return
			}
		}
	}
}

func (a *App) retry(err error) bool {
	if a.Retry != nil {
		return a.Retry(err)
	}
	return DefaultRetry(err)
}

// open dials once and runs OnReconnect and OnOpen.
func (a *App) open(ctx context.Context, attempt int, again bool) (*Conn, error) {
	url, opts := a.URL, a.Options
	if a.Dial != nil {
		var err error
		if url, opts, err = a.Dial(ctx, attempt); err != nil {
			return nil, err
		}
	}
	c, err := dial(ctx, url, opts, hooks{ping: a.OnPing, pong: a.pong})
	if err != nil {
		return nil, err
	}
	if again && a.OnReconnect != nil {
		err = a.OnReconnect(ctx, c)
	}
	if err == nil && a.OnOpen != nil {
		err = a.OnOpen(ctx, c)
	}
	if err != nil {
		_ = c.Close(StatusInternalError, "")
		return nil, err
	}
	return c, nil
}

// closed tells of the end of c and returns the *CloseError.
func (a *App) closed(c *Conn) error {
	err := c.ended()
	var e *CloseError
	if errors.As(err, &e) && a.OnClose != nil {
		a.OnClose(e)
	}
	return err
}

// serve sends what is queued and reads, until the connection has ended.
func (a *App) serve(ctx context.Context, c *Conn) {
	stop := a.queue.start(ctx, a, c)
	defer stop()
	for {
		f, err := c.read(ctx, a.OnContinuation == nil)
		if err != nil {
			_ = c.Close(StatusNormalClosure, "") // ctx has ended, or the connection has
			return
		}
		if a.OnData != nil {
			a.OnData(ctx, c, f.Type, f.Data, f.fin)
		}
		switch {
		case !f.first:
			a.OnContinuation(ctx, c, f.Data, f.fin)
		case f.fin && a.OnMessage != nil:
			a.OnMessage(ctx, c, f.Message)
		}
	}
}

// pong handles a pong: it confirms what was sent before its ping.
func (a *App) pong(c *Conn, payload []byte, rtt time.Duration) {
	a.queue.confirm(c, payload)
	if a.OnPong != nil {
		a.OnPong(c, payload, rtt)
	}
}

func (a *App) giveBack(list []Message, err error) {
	if a.OnUndelivered == nil {
		return
	}
	for _, m := range list {
		a.OnUndelivered(m, err)
	}
}

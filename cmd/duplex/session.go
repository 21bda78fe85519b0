package main

// This file holds a session of "duplex connect": lines go out, messages come in, until something ends it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/duplex-go/duplex/websocket"
)

// Limits of a session.
const (
	maxMessage = 64 << 20         // bytes of a message that comes, or of a file that goes
	flushTime  = 10 * time.Second // to hear that all has arrived, when standard input has ended
	partTime   = 2 * time.Second  // the same, when somebody waits at a terminal
	retryTime  = 10 * time.Second // between two attempts, at most
	pingTime   = 10 * time.Second // for the answer to /ping
	maxGiven   = 5                // messages that were given back and are told of one by one
)

// session is one run of "duplex connect".
type session struct {
	f       *connectFlags
	ui      *console
	once    bool
	address string
	release func() // a signal that comes now has its usual effect: the end

	app     websocket.App
	end     context.CancelCauseFunc
	conn    atomic.Pointer[websocket.Conn] // nil: there is none now
	leaving atomic.Bool                    // do not connect again
	pretty  atomic.Bool

	// Used by the App's functions only, which are not called at the same time.
	opens, came int
	given       []string // messages that are not known to have arrived
}

// Why a session ended, if that was no error.
var (
	errSatisfied = errors.New("what was waited for came")
	errTimeout   = errors.New("what was waited for did not come")
	errLeft      = errors.New("the user left")
)

// run talks until the session is over, and tells by its error how.
func (s *session) run(ctx context.Context, opts *websocket.DialOptions) error {
	s.pretty.Store(s.f.pretty)
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	defer context.AfterFunc(ctx, func() { // at once, for the closing handshake may take a while
		s.release()
		s.ui.stop()
	})()
	leaves := func() bool { return ctx.Err() != nil || s.leaving.Load() }
	s.app = websocket.App{
		URL:           s.address,
		Options:       opts,
		MaxDelay:      retryTime,
		OnOpen:        s.opened,
		OnMessage:     s.message,
		OnClose:       func(e *websocket.CloseError) { s.closed(e, leaves()) },
		OnError:       s.failed,
		Retry:         func(err error) bool { return s.f.reconnect && !leaves() && websocket.DefaultRetry(err) },
		OnUndelivered: func(m websocket.Message, err error) { s.given = append(s.given, givenBack(m, err)) },
	}
	if s.waits() && s.f.timeout > 0 {
		defer time.AfterFunc(s.f.timeout, func() { s.end(errTimeout) }).Stop()
	}
	if s.once {
		if err := s.send(ctx, s.typ(), s.f.once); err != nil {
			return fmt.Errorf("--once: %w", err)
		}
	}
	err := s.app.Run(ctx)
	s.ui.stop()
	s.tellGiven()
	if ctx.Err() != nil {
		return s.left(context.Cause(ctx))
	}
	if s.leaving.Load() {
		return s.unmet() // it was /close
	}
	return s.verdict(err)
}

// waits reports whether there is something that the session waits for.
func (s *session) waits() bool { return s.once || s.f.count > 0 || s.f.pattern != nil }

func (s *session) typ() websocket.MessageType {
	if s.f.binary {
		return websocket.Binary
	}
	return websocket.Text
}

// opened begins to read lines, once; a connection after the first goes on with them.
func (s *session) opened(ctx context.Context, c *websocket.Conn) error {
	s.opens++
	switch {
	case s.opens > 1:
		s.ui.note("connected again")
	case s.ui.interactive():
		s.ui.note("connected to %s%s; /help tells what you can do", shownAddress(s.address), chosen(c))
	}
	s.conn.Store(c)
	if s.opens == 1 && !s.once {
		go s.readLines(ctx)
	}
	return nil
}

// shownAddress is an address without its password.
func shownAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return escape(u.Redacted(), false)
}

func chosen(c *websocket.Conn) string {
	if c.Subprotocol() == "" {
		return ""
	}
	return ", subprotocol " + escape(c.Subprotocol(), false)
}

// readLines sends what is typed. It lives until standard input ends, or the process.
func (s *session) readLines(ctx context.Context) {
	for number := 1; ; number++ {
		line, err := s.ui.readLine()
		switch {
		case err == io.EOF: //nolint:errorlint // the contract of readLine
			s.leave(ctx)
			return
		case errors.Is(err, errInterrupted):
			s.end(errLeft)
			return
		case err != nil:
			s.end(&exitError{1, err})
			return
		case s.ui.interactive():
			s.typed(ctx, line)
			continue
		}
		if !s.f.binary {
			line = strings.TrimSuffix(line, "\r")
		}
		if err := s.send(ctx, s.typ(), line); err != nil {
			s.flush(ctx, flushTime)
			s.end(&exitError{1, fmt.Errorf("line %d of standard input: %w", number, err)})
			return
		}
	}
}

// send queues a message.
func (s *session) send(ctx context.Context, t websocket.MessageType, data string) error {
	if t == websocket.Text && !utf8.ValidString(data) {
		return errors.New("not sent, because text must be UTF-8 and this is not (--binary sends bytes)")
	}
	return s.app.Send(ctx, t, []byte(data))
}

// flush waits until all has arrived that was sent, for some time. What has not then, the end of the session will tell.
func (s *session) flush(ctx context.Context, atMost time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	_ = s.app.Flush(ctx)
}

// leave ends the session after standard input has: at once at a terminal, and else when what was sent has arrived and the
// time for answers is up. What is waited for is waited for as long as it takes.
func (s *session) leave(ctx context.Context) {
	switch {
	case s.ui.interactive():
		s.flush(ctx, partTime)
		s.end(errLeft)
	case !s.waits() && s.f.wait >= 0:
		s.flush(ctx, flushTime)
		time.AfterFunc(s.f.wait, func() { s.end(errLeft) })
	}
}

// message prints what came, and ends the session if that is what it waited for.
func (s *session) message(ctx context.Context, _ *websocket.Conn, m websocket.Message) {
	if ctx.Err() != nil {
		return // what was waited for has come, or nobody waits any more
	}
	s.came++
	s.ui.show(m, "< ", s.f.raw, s.pretty.Load())
	if s.f.pattern != nil && !s.f.pattern.Match(m.Data) {
		return
	}
	if s.f.pattern != nil || s.once && s.f.count == 0 || s.f.count > 0 && s.came >= s.f.count {
		s.end(errSatisfied)
	}
}

// closed tells how a connection ended. left: because we leave.
func (s *session) closed(e *websocket.CloseError, left bool) {
	s.conn.Store(nil)
	if left || !s.f.reconnect {
		s.ui.stop() // what is half typed stays on the screen
	}
	switch {
	case left || endedWell(e):
		if s.ui.interactive() || !e.Local && (e.Code != websocket.StatusNormalClosure || e.Reason != "") {
			s.ui.note("%s", closing(e))
		}
	case s.f.reconnect:
		s.ui.trouble("%s", closing(e)) // else the error of the session says it
	}
	s.tellGiven()
	if s.f.reconnect && !left {
		s.ui.note("connecting again")
	}
}

// failed tells why an attempt failed, with what the server said.
func (s *session) failed(err error) {
	if s.f.reconnect {
		s.ui.trouble("%v; trying again", s.explain(err)) // else main says it
	}
	var e *websocket.HandshakeError
	if errors.As(err, &e) && len(e.Body) > 0 {
		s.ui.trouble("the server says:\n%s", aside("  ", escape(strings.TrimSpace(string(e.Body)), true)))
	}
}

// givenBack tells of a message that the App gave back.
func givenBack(m websocket.Message, err error) string {
	what := excerpt(string(m.Data), 40)
	if m.Type == websocket.Binary {
		what = fmt.Sprintf("%d bytes", len(m.Data))
	}
	if errors.Is(err, websocket.ErrUnsure) {
		return "nobody knows whether this arrived: " + what
	}
	return "not sent: " + what
}

// tellGiven tells of what was given back.
func (s *session) tellGiven() {
	for i, text := range s.given {
		if i == maxGiven {
			s.ui.trouble("… and %d more", len(s.given)-i)
			break
		}
		s.ui.trouble("%s", text)
	}
	s.given = nil
}

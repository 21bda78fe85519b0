package main

// This file holds a session of "duplex connect": lines go out, messages come in, until something ends it.

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/duplex-go/duplex/websocket"
)

// session is one run of "duplex connect".
type session struct {
	f       *connectFlags
	ui      *console
	once    bool
	address string

	app  websocket.App
	conn atomic.Pointer[websocket.Conn]
	end  context.CancelCauseFunc
	came int // messages; used by the App's functions only

	pretty atomic.Bool
}

// Why a session ended, if that was no error.
var (
	errSatisfied = errors.New("what was waited for came")
	errTimeout   = errors.New("what was waited for did not come in time")
	errLeft      = errors.New("standard input ended")
	errClosed    = errors.New("/close was typed")
)

// run talks until the session is over, and tells by its error how.
func (s *session) run(ctx context.Context, opts *websocket.DialOptions) error {
	s.pretty.Store(s.f.pretty)
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	s.app = websocket.App{
		URL:       s.address,
		Options:   opts,
		OnOpen:    s.opened,
		OnMessage: s.message,
		OnPong:    s.pong,
		OnClose:   s.closed,
		OnError:   func(err error) { s.complain(err) },
		Retry:     func(err error) bool { return s.f.reconnect && websocket.DefaultRetry(err) },
		OnUndelivered: func(m websocket.Message, err error) {
			s.ui.trouble("not delivered: %s (%v)", escape(string(m.Data), false), err)
		},
	}
	if s.waits() && s.f.timeout > 0 {
		timer := time.AfterFunc(s.f.timeout, func() { s.end(errTimeout) })
		defer timer.Stop()
	}
	if s.once {
		if err := s.app.Send(ctx, s.typ(), []byte(s.f.once)); err != nil {
			return err
		}
	}
	return s.verdict(s.app.Run(ctx), context.Cause(ctx))
}

// waits reports whether there is something that the session waits for.
func (s *session) waits() bool { return s.once || s.f.count > 0 || s.f.pattern != nil }

func (s *session) typ() websocket.MessageType {
	if s.f.binary {
		return websocket.Binary
	}
	return websocket.Text
}

// verdict turns the end into an exit code.
func (s *session) verdict(err, cause error) error {
	switch {
	case errors.Is(cause, errSatisfied), errors.Is(cause, errClosed):
		return nil
	case errors.Is(cause, errTimeout):
		return &exitError{exitNoMatch, fmt.Errorf("%w (%v)", errTimeout, s.f.timeout)}
	case cause != nil && !errors.Is(cause, errLeft) && !errors.Is(cause, context.Canceled):
		return cause
	case cause != nil:
		return s.unmet()
	}
	var closed *websocket.CloseError
	var handshake *websocket.HandshakeError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &closed):
		switch closed.Code { //nolint:exhaustive // all others are abnormal
		case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusReceived:
			return s.unmet()
		}
		return &exitError{exitAbnormal, err}
	case errors.As(err, &handshake), errors.As(err, &certificate), errors.As(err, &alert), errors.As(err, &record),
		strings.HasPrefix(err.Error(), "websocket: handshake:"):
		return &exitError{exitHandshake, err}
	case strings.HasPrefix(err.Error(), "websocket: dial:"):
		return &exitError{exitRefused, err}
	}
	return err
}

// unmet returns an error if what was waited for did not come before the connection ended well.
func (s *session) unmet() error {
	if s.waits() {
		return &exitError{exitNoMatch, errors.New("the connection ended before what was waited for came")}
	}
	return nil
}

// opened begins to read lines, once; a connection after the first goes on with them.
func (s *session) opened(ctx context.Context, c *websocket.Conn) error {
	first := s.conn.Swap(c) == nil
	if s.ui.tty {
		s.ui.note("connected to %s%s; /help tells what you can do", s.address, chosen(c))
	}
	if first && !s.once {
		go s.readLines(ctx)
	}
	return nil
}

func chosen(c *websocket.Conn) string {
	if c.Subprotocol() == "" {
		return ""
	}
	return ", subprotocol " + c.Subprotocol()
}

// readLines sends what is typed. It lives until standard input ends, or the process.
func (s *session) readLines(ctx context.Context) {
	for {
		line, err := s.ui.readLine()
		switch {
		case err == io.EOF: //nolint:errorlint // the contract of readLine
			s.leave(ctx)
			return
		case err != nil:
			s.end(err)
			return
		}
		if s.ui.tty && strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "//") {
			s.command(ctx, line)
			continue
		}
		if s.ui.tty {
			line = strings.TrimPrefix(line, "/") // "//x" sends "/x"
		}
		if err := s.app.Send(ctx, s.typ(), []byte(line)); err != nil {
			return // the session is over
		}
	}
}

// leave ends the session after standard input has: at once at a terminal, and else when what was sent has arrived and the
// time for answers is up. What is waited for is waited for as long as it takes.
func (s *session) leave(ctx context.Context) {
	if s.ui.tty {
		s.end(errLeft)
		return
	}
	if s.waits() || s.app.Flush(ctx) != nil {
		return
	}
	time.AfterFunc(s.f.wait, func() { s.end(errLeft) })
}

// message prints what came, and ends the session if that is what it waited for.
func (s *session) message(_ context.Context, _ *websocket.Conn, m websocket.Message) {
	s.came++
	s.ui.message(s.show(m))
	matched := s.f.pattern != nil && s.f.pattern.Match(m.Data)
	if matched || s.f.pattern == nil && (s.once && s.f.count == 0 || s.f.count > 0 && s.came == s.f.count) {
		s.end(errSatisfied)
	}
}

func (s *session) show(m websocket.Message) string {
	var indented bytes.Buffer
	if m.Type == websocket.Text && s.pretty.Load() && json.Indent(&indented, m.Data, "", "  ") == nil {
		return escape(indented.String(), true)
	}
	return show(m, s.f.raw, s.ui.tty)
}

// show is a message as it is printed: text escaped, bytes in hex, or all as it is.
func show(m websocket.Message, raw, tty bool) string {
	switch {
	case raw:
		return string(m.Data)
	case m.Type == websocket.Binary && tty:
		return fmt.Sprintf("(%d bytes) %s", len(m.Data), hex.EncodeToString(m.Data))
	case m.Type == websocket.Binary:
		return hex.EncodeToString(m.Data)
	}
	return escape(string(m.Data), tty)
}

func (s *session) pong(_ *websocket.Conn, _ []byte, rtt time.Duration) {
	if s.ui.tty && rtt > 0 && s.f.trace {
		s.ui.note("pong after %v", rtt.Round(time.Microsecond))
	}
}

func (s *session) closed(e *websocket.CloseError) {
	switch {
	case !e.Clean():
		s.ui.trouble("%s", escape(e.Error(), false))
	case s.ui.tty || s.f.trace || e.Code != websocket.StatusNormalClosure:
		s.ui.note("%s", escape(e.Error(), false))
	}
}

// complain tells why an attempt failed, with what the server said.
func (s *session) complain(err error) {
	if s.f.reconnect {
		s.ui.trouble("%s", escape(err.Error(), false)) // else main says it
	}
	var e *websocket.HandshakeError
	if errors.As(err, &e) && len(e.Body) > 0 {
		s.ui.trouble("the server says: %s", escape(strings.TrimSpace(string(e.Body)), true))
	}
}

const help = `a line is sent as a message; one that begins with // is sent without the first /
/ping                  ping, and tell the round-trip time
/close [CODE [REASON]] close the connection
/binary HEX            send bytes
/file PATH             send a file: text if it is UTF-8, else binary
/json                  print JSON indented, or no longer
/quit                  leave; so does Ctrl-D`

// command does what a line that begins with / asks for.
func (s *session) command(ctx context.Context, line string) {
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	var err error
	switch name {
	case "/help":
		s.ui.note("%s", help)
	case "/ping":
		go s.ping(ctx) // the prompt stays
	case "/close":
		err = s.close(rest)
	case "/binary":
		var p []byte
		if p, err = hex.DecodeString(strings.ReplaceAll(rest, " ", "")); err == nil {
			err = s.app.Send(ctx, websocket.Binary, p)
		}
	case "/file":
		err = s.file(ctx, rest)
	case "/json":
		s.pretty.Store(!s.pretty.Load())
	case "/quit":
		s.end(errClosed)
	default:
		err = fmt.Errorf("no such command: /help lists them, and //%s sends it as a message", strings.TrimPrefix(line, "/"))
	}
	if err != nil {
		s.ui.trouble("%s: %v", name, err)
	}
}

func (s *session) ping(ctx context.Context) {
	rtt, err := s.conn.Load().Ping(ctx)
	if err != nil {
		s.ui.trouble("/ping: %v", err)
		return
	}
	s.ui.note("pong after %v", rtt.Round(time.Microsecond))
}

// close closes with the code and reason that were typed.
func (s *session) close(args string) error {
	code, reason := websocket.StatusNormalClosure, ""
	if args != "" {
		number, text, _ := strings.Cut(args, " ")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || !websocket.StatusCode(n).OnWire() {
			return fmt.Errorf("%q is no status code that may be sent: 1000 to 1014 but 1004 to 1006, and 3000 to 4999", number)
		}
		code, reason = websocket.StatusCode(n), text
	}
	c := s.conn.Load()
	go func() {
		_ = c.Close(code, reason) // how it ended, OnClose tells
		s.end(errClosed)
	}()
	return nil
}

func (s *session) file(ctx context.Context, path string) error {
	p, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t := websocket.Binary
	if utf8.Valid(p) {
		t = websocket.Text
	}
	s.ui.note("sending %d bytes as %v", len(p), t)
	return s.app.Send(ctx, t, p)
}

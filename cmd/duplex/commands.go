package main

// This file holds what can be typed beside messages in "duplex connect".

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

const help = `what you type is sent, a line a message; a paste of several lines is one message
/ping                   ping, and tell the round-trip time
/close [CODE [REASON]]  close the connection, and leave
/binary HEX             send bytes
/file PATH              send a file: as text if it is UTF-8, else as bytes
/json                   print JSON indented, or no longer
/quit                   leave; so do Ctrl-D and Ctrl-C
//                      sends a message that begins with one /
Alt-Enter begins a new line within a message. Lines that begin with a space are not kept for the next run.`

// typed sends a line that somebody typed, or does what it asks for.
func (s *session) typed(ctx context.Context, line string) {
	name, rest, _ := strings.Cut(line, " ")
	var err error
	switch {
	case strings.HasPrefix(line, "//"), !strings.HasPrefix(line, "/"), strings.Contains(line, "\n"):
		name = "not sent"
		if strings.HasPrefix(line, "//") {
			line = line[1:]
		}
		err = s.sendNow(ctx, s.typ(), line)
	default:
		err = s.command(ctx, name, strings.TrimSpace(rest))
	}
	if err != nil && ctx.Err() == nil {
		s.ui.trouble("%s", escape(fmt.Sprintf("%s: %v", name, err), false))
	}
}

// sendNow is send for somebody who may wonder where the message is.
func (s *session) sendNow(ctx context.Context, t websocket.MessageType, data string) error {
	if s.conn.Load() == nil {
		s.ui.note("not connected: it is sent when the connection is back")
	}
	return s.send(ctx, t, data)
}

// command does what a line that begins with / asks for.
func (s *session) command(ctx context.Context, name, rest string) error {
	switch name {
	case "/help":
		s.ui.note("%s", help)
	case "/ping":
		return s.ping(ctx)
	case "/close":
		return s.close(rest)
	case "/binary":
		data, err := parseHex(rest)
		if err != nil {
			return err
		}
		return s.sendNow(ctx, websocket.Binary, data)
	case "/file":
		return s.file(ctx, rest)
	case "/json":
		pretty := !s.pretty.Load()
		s.pretty.Store(pretty)
		s.ui.note("JSON is printed %s", map[bool]string{true: "indented", false: "as it comes"}[pretty])
	case "/quit":
		s.leave(ctx)
	default:
		return fmt.Errorf("no such command; /help lists them, and /%s sends it as a message", name)
	}
	return nil
}

// ping tells how long the server takes to answer. Meanwhile one can go on typing.
func (s *session) ping(ctx context.Context) error {
	c := s.conn.Load()
	if c == nil {
		return errNotConnected
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, pingTime)
		defer cancel()
		began := time.Now()
		rtt, err := c.Ping(ctx)
		switch {
		case err == nil:
			s.ui.note("pong after %v", rtt.Round(time.Microsecond))
		case errors.Is(err, context.DeadlineExceeded):
			s.ui.trouble("/ping: no answer within %v", time.Since(began).Round(time.Second))
		}
	}()
	return nil
}

var errNotConnected = errors.New("not connected")

// close closes with the code and reason that were typed, and ends the session.
func (s *session) close(args string) error {
	code, reason := websocket.StatusNormalClosure, ""
	if args != "" {
		number, text, _ := strings.Cut(args, " ")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || !websocket.StatusCode(n).OnWire() {
			return fmt.Errorf("%q is not a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999", number)
		}
		code, reason = websocket.StatusCode(n), strings.TrimSpace(text)
	}
	if len(reason) > ws.MaxReason {
		return fmt.Errorf("the reason has %d bytes, and may have %d", len(reason), ws.MaxReason)
	}
	c := s.conn.Load()
	if c == nil {
		return errNotConnected
	}
	s.leaving.Store(true)
	go func() {
		if err := c.Close(code, reason); errors.Is(err, websocket.ErrCloseTimeout) {
			s.ui.trouble("the server did not answer the close frame")
		}
	}()
	return nil
}

// parseHex reads bytes as people write them: 68656c6c6f, 68 65 6c, 0x68.
func parseHex(text string) (string, error) {
	text = strings.TrimPrefix(strings.Join(strings.Fields(text), ""), "0x")
	p, err := hex.DecodeString(text)
	switch {
	case errors.Is(err, hex.ErrLength):
		return "", fmt.Errorf("%d hexadecimal digits are no whole number of bytes", len(text))
	case err != nil:
		return "", fmt.Errorf("bytes are written as 68656c6c6f or 68 65 6c 6c 6f: %w", err)
	}
	return string(p), nil
}

// file sends a file.
func (s *session) file(ctx context.Context, path string) error {
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, "~/") {
		path = filepath.Join(home, path[2:])
	}
	f, err := os.Open(path) //nolint:gosec // the user named it
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxMessage+1))
	switch {
	case err != nil:
		return err
	case len(data) > maxMessage:
		return fmt.Errorf("%s has more than %d bytes", path, maxMessage)
	}
	t := websocket.Binary
	if utf8.Valid(data) {
		t = websocket.Text
	}
	s.ui.note("sending %d bytes as %v", len(data), t)
	return s.sendNow(ctx, t, string(data))
}

package main

// This file holds how a session of "duplex connect" ended: in words, and as an exit code.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/duplex-go/duplex/websocket"
)

// Exit codes of "duplex connect". 1 is any other error.
const (
	exitRefused   = 2 // nobody answered
	exitHandshake = 3 // somebody did, but not with WebSocket
	exitAbnormal  = 4 // the connection ended otherwise than by 1000, 1001 or no code
	exitNoMatch   = 5 // what was waited for did not come
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

// Error returns what went wrong.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap returns it.
func (e *exitError) Unwrap() error { return e.err }

// left turns the reason why we ended the session into an exit code.
func (s *session) left(why error) error {
	var exit *exitError
	switch {
	case errors.Is(why, errSatisfied):
		return nil
	case errors.Is(why, errTimeout):
		return &exitError{exitNoMatch, fmt.Errorf("%w within %v", errTimeout, s.f.timeout)}
	case errors.As(why, &exit):
		return exit
	}
	return s.unmet()
}

// verdict turns the end of the connection, or of the attempt at one, into an exit code.
func (s *session) verdict(err error) error {
	var closed *websocket.CloseError
	var handshake *websocket.HandshakeError
	var network *net.OpError
	switch {
	case errors.As(err, &closed) && endedWell(closed):
		return s.unmet()
	case errors.As(err, &closed):
		return &exitError{exitAbnormal, errors.New(closing(closed))}
	case errors.As(err, &handshake):
		return &exitError{exitHandshake, s.explain(err)}
	case errors.As(err, &network) && (network.Op == "dial" || network.Op == "socks connect"):
		return &exitError{exitRefused, s.explain(err)}
	case strings.HasPrefix(err.Error(), handshaking), strings.HasPrefix(err.Error(), dialing), strings.Contains(err.Error(), "redirect"):
		return &exitError{exitHandshake, s.explain(err)} // somebody was there
	}
	return err
}

// How the errors of an attempt begin.
const (
	dialing     = "websocket: dial: "
	handshaking = "websocket: handshake: "
)

// explain says why an attempt failed, and what to do about it if that is known.
func (s *session) explain(err error) error {
	hint := ""
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		hint = "\n  To trust a certificate of your own:  --cacert FILE\n  To connect all the same:             --insecure"
	case errors.As(err, &record):
		hint = "\n  Without TLS:  " + strings.Replace(shownAddress(s.address), "wss://", "ws://", 1)
	}
	text := escape(err.Error(), false)
	if rest, ok := strings.CutPrefix(text, dialing); ok {
		text = "no connection: " + rest
	} else if rest, ok := strings.CutPrefix(text, handshaking); ok {
		text = "no WebSocket: " + rest
	}
	return errors.New(text + hint)
}

// unmet returns an error if what was waited for did not come before the session ended well.
func (s *session) unmet() error {
	if s.waits() {
		return &exitError{exitNoMatch, errors.New("the connection ended before what was waited for came")}
	}
	return nil
}

// endedWell reports whether the end of a connection is none to worry about.
func endedWell(e *websocket.CloseError) bool {
	switch e.Code { //nolint:exhaustive // all others are abnormal
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusReceived:
		return true
	}
	return false
}

// closing tells how a connection ended.
func closing(e *websocket.CloseError) string {
	s := fmt.Sprintf("the server closed with %v", e.Code)
	switch {
	case e.Err != nil:
		return "connection lost: " + escape(e.Err.Error(), false)
	case e.Local:
		s = fmt.Sprintf("closed with %v", e.Code)
	}
	if e.Reason != "" {
		s += ": " + excerpt(e.Reason, 123)
	}
	return s
}

package websocket

// This file holds the errors, and the names of the status codes.

import (
	"errors"
	"fmt"

	"github.com/duplex-go/duplex/proto/ws"
)

// StatusCode says why a connection was closed (RFC 6455 section 7.4).
type StatusCode = ws.StatusCode

// The status codes of RFC 6455 section 7.4.1 and of the IANA registry. 3000 to 4999 are for libraries and applications.
const (
	StatusNormalClosure           = ws.StatusNormalClosure
	StatusGoingAway               = ws.StatusGoingAway
	StatusProtocolError           = ws.StatusProtocolError
	StatusUnsupportedData         = ws.StatusUnsupportedData
	StatusNoStatusReceived        = ws.StatusNoStatusReceived // the close frame had no code
	StatusAbnormalClosure         = ws.StatusAbnormalClosure  // the connection ended without a close frame
	StatusInvalidFramePayloadData = ws.StatusInvalidFramePayloadData
	StatusPolicyViolation         = ws.StatusPolicyViolation
	StatusMessageTooBig           = ws.StatusMessageTooBig
	StatusMandatoryExtension      = ws.StatusMandatoryExtension
	StatusInternalError           = ws.StatusInternalError
	StatusServiceRestart          = ws.StatusServiceRestart
	StatusTryAgainLater           = ws.StatusTryAgainLater
	StatusBadGateway              = ws.StatusBadGateway
)

// CloseError is the error of every call after a connection has ended. A handler of a Server returns one to
// choose what the connection is closed with.
type CloseError struct {
	Code   StatusCode // StatusAbnormalClosure: no close frame came
	Reason string
	Local  bool  // we began: by Close, or because the peer broke a rule or a limit
	Err    error // what ended the connection, if that was no close frame; else nil
}

// Error returns the code and the reason.
func (e *CloseError) Error() string {
	by := "peer closed"
	if e.Local {
		by = "closed"
	}
	s := fmt.Sprintf("websocket: %s with %v", by, e.Code)
	if e.Err != nil {
		return fmt.Sprintf("websocket: connection lost: %v", e.Err)
	}
	if e.Reason != "" {
		s += fmt.Sprintf(": %q", e.Reason)
	}
	return s
}

// Clean reports whether a close frame ended the connection, ours or the peer's.
func (e *CloseError) Clean() bool { return e.Err == nil }

// Unwrap returns e.Err.
func (e *CloseError) Unwrap() error { return e.Err }

// CloseStatus returns the status code with which a connection ended, if err says so, and 0 if it does not.
func CloseStatus(err error) StatusCode {
	var e *CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// Errors that leave the connection as it is, and causes found in CloseError.Err.
var (
	// ErrQueueFull is returned by a write under DropWhenFull that was dropped.
	ErrQueueFull = errors.New("websocket: the write queue is full: message dropped")
	// ErrPingTimeout is the cause when the peer stayed silent for PingTimeout after a ping.
	ErrPingTimeout = errors.New("the peer does not answer pings")
	// ErrCloseNow is the cause after CloseNow.
	ErrCloseNow = errors.New("closed without a closing handshake")
	// ErrCloseTimeout is what Close returns if the peer did not answer within CloseTimeout.
	ErrCloseTimeout = errors.New("websocket: the peer did not answer the close frame in time")
)

package ws

// This file holds the status codes and the payload of a close frame (RFC 6455 sections 5.5.1 and 7.4).

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// StatusCode says why a connection was closed (RFC 6455 section 7.4).
type StatusCode uint16

// The status codes of RFC 6455 section 7.4.1 and of the IANA registry (1012 to 1014).
const (
	StatusNormalClosure           StatusCode = 1000
	StatusGoingAway               StatusCode = 1001
	StatusProtocolError           StatusCode = 1002
	StatusUnsupportedData         StatusCode = 1003
	StatusNoStatusReceived        StatusCode = 1005 // never on the wire: the close frame had no code
	StatusAbnormalClosure         StatusCode = 1006 // never on the wire: no close frame came
	StatusInvalidFramePayloadData StatusCode = 1007
	StatusPolicyViolation         StatusCode = 1008
	StatusMessageTooBig           StatusCode = 1009
	StatusMandatoryExtension      StatusCode = 1010
	StatusInternalError           StatusCode = 1011
	StatusServiceRestart          StatusCode = 1012
	StatusTryAgainLater           StatusCode = 1013
	StatusBadGateway              StatusCode = 1014
	StatusTLSHandshake            StatusCode = 1015 // never on the wire
)

// MaxReason is how many bytes of reason a close frame can hold.
const MaxReason = MaxControlPayload - 2

// ErrStatusCode is returned for a status code that may not stand in a close frame.
var ErrStatusCode = errors.New("ws: status code not allowed in a close frame")

// OnWire reports whether c may stand in a close frame (RFC 6455 section 7.4.2): the defined codes,
// and 3000 to 4999 for libraries and applications.
func (c StatusCode) OnWire() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

var statusNames = map[StatusCode]string{
	StatusNormalClosure:           "normal closure",
	StatusGoingAway:               "going away",
	StatusProtocolError:           "protocol error",
	StatusUnsupportedData:         "unsupported data",
	StatusNoStatusReceived:        "no status received",
	StatusAbnormalClosure:         "abnormal closure",
	StatusInvalidFramePayloadData: "invalid frame payload data",
	StatusPolicyViolation:         "policy violation",
	StatusMessageTooBig:           "message too big",
	StatusMandatoryExtension:      "mandatory extension",
	StatusInternalError:           "internal error",
	StatusServiceRestart:          "service restart",
	StatusTryAgainLater:           "try again later",
	StatusBadGateway:              "bad gateway",
	StatusTLSHandshake:            "TLS handshake",
}

// String returns the number of c and, if it has one, its name: "1000 (normal closure)".
func (c StatusCode) String() string {
	s := strconv.Itoa(int(c))
	if name, ok := statusNames[c]; ok {
		s += " (" + name + ")"
	}
	return s
}

// ParseClose reads the payload of a close frame. An empty one has the code StatusNoStatusReceived.
// The error is a *Violation.
func ParseClose(p []byte) (StatusCode, string, error) {
	if len(p) == 0 {
		return StatusNoStatusReceived, "", nil
	}
	if len(p) == 1 {
		return 0, "", &Violation{StatusProtocolError, "close frame with 1 byte of payload"}
	}
	code := StatusCode(binary.BigEndian.Uint16(p))
	if !code.OnWire() {
		return 0, "", &Violation{StatusProtocolError, "close frame with illegal code " + strconv.Itoa(int(code))}
	}
	if !utf8.Valid(p[2:]) {
		return 0, "", &Violation{StatusInvalidFramePayloadData, "close reason is not UTF-8"}
	}
	return code, string(p[2:]), nil
}

// AppendClose appends the payload of a close frame to b: nothing for StatusNoStatusReceived, else the code and
// as much of reason as fits, cut between characters; what is not UTF-8 in it is replaced.
func AppendClose(b []byte, code StatusCode, reason string) []byte {
	if code == StatusNoStatusReceived {
		return b
	}
	reason = strings.ToValidUTF8(reason, string(utf8.RuneError))
	if len(reason) > MaxReason {
		cut := MaxReason
		for !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}

package ws

// This file holds the client's half of the opening handshake (RFC 6455 sections 4.1 and 4.2.2).

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// NewKey returns the Sec-WebSocket-Key for 16 random bytes.
func NewKey(nonce [16]byte) string { return base64.StdEncoding.EncodeToString(nonce[:]) }

// Offer is what a client asks for.
type Offer struct {
	Target       string // path and query
	Host         string
	Key          string
	Subprotocols []string
	Deflate      *DeflateOptions // nil: no compression
	Header       Fields          // further fields
}

// AppendRequest appends the head of a client's opening handshake. The error tells of what cannot stand there.
func AppendRequest(b []byte, o *Offer) ([]byte, error) {
	if err := CheckSubprotocols(o.Subprotocols); err != nil {
		return b, err
	}
	if !strings.HasPrefix(o.Target, "/") || !fieldText(o.Target) || strings.ContainsAny(o.Target, " \t#") || !isHost(o.Host) {
		return b, errors.New("ws: the address is none, or holds a byte that no request may hold")
	}
	b = append(b, "GET "+o.Target+" HTTP/1.1\r\nHost: "+o.Host+
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+o.Key+"\r\n"...)
	if len(o.Subprotocols) > 0 {
		b = append(b, "Sec-WebSocket-Protocol: "+strings.Join(o.Subprotocols, ", ")+"\r\n"...)
	}
	if o.Deflate != nil {
		b = append(b, "Sec-WebSocket-Extensions: "+offerDeflate(o.Deflate)+"\r\n"...)
	}
	return appendFields(b, o.Header)
}

// CheckResponse checks the server's answer to o (RFC 6455 section 4.1).
func CheckResponse(status int, header Fields, o *Offer) (a Agreement, err error) {
	if status != 101 {
		return a, errors.New("the server did not switch protocols")
	}
	if v, ok := header.first("Upgrade"); !ok || !strings.EqualFold(trimOWS(v), "websocket") {
		return a, errors.New("the answer's Upgrade is not websocket")
	}
	if !header.hasToken("Connection", "upgrade") {
		return a, errors.New("the answer's Connection does not name upgrade")
	}
	if v, ok := header.first("Sec-Websocket-Accept"); !ok || trimOWS(v) != AcceptKey(o.Key) {
		return a, errors.New("the answer's Sec-WebSocket-Accept does not fit the key")
	}
	if v := header["Sec-Websocket-Protocol"]; len(v) > 0 {
		if len(v) > 1 || !slices.Contains(o.Subprotocols, v[0]) {
			return a, errors.New("the answer names a subprotocol that was not offered")
		}
		a.Subprotocol = v[0]
	}
	a.Deflate, err = checkDeflate(header["Sec-Websocket-Extensions"], o.Deflate)
	return a, err
}

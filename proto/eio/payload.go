package eio

// This file holds payloads: several packets in the body of a request or a response.

import (
	"bytes"
	"errors"
	"iter"
	"strconv"
	"unicode/utf8"
)

// separator stands between the packets of a payload of revision 4.
const separator = 0x1e

// maxDigits bounds the length of a packet in a payload of revision 3, so that it cannot overflow.
const maxDigits = 9

// The ways in which a payload can be wrong, beside those of a packet.
var (
	ErrTooManyPackets = errors.New("eio: more packets in a payload than the limit")
	ErrLength         = errors.New("eio: a packet whose length is no number, or more than there is")
)

// Format is how a session's payloads are written.
type Format struct {
	Revision Revision
	Text     bool // the peer takes no binary bodies: binary data goes as Base64, in revision 4 always
}

// Packets goes through the packets of a payload, in the order in which they were sent. binary tells the two forms of revision 3 apart; in
// revision 4 it is false. After most packets, or at the first that is wrong, it gives an error and ends.
//
// The data aliases body, unless it was in Base64.
func Packets(rev Revision, binary bool, body []byte, most int) iter.Seq2[Packet, error] {
	next := nextV4
	switch {
	case rev == V3 && binary:
		next = nextV3Binary
	case rev == V3:
		next = nextV3
	}
	return func(yield func(Packet, error) bool) {
		if !binary && !utf8.Valid(body) {
			yield(Packet{}, ErrUTF8)
			return
		}
		rest := body
		for n := 0; ; n++ {
			one, after, err := next(rest)
			var p Packet
			switch {
			case err != nil:
			case n == most:
				err = ErrTooManyPackets
			case one.binary || len(one.data) > 0 || rev == V4:
				p, err = ParsePacket(rev, one.binary, one.data)
			}
			if err != nil {
				yield(Packet{}, err)
				return
			}
			none := rev == V3 && !one.binary && len(one.data) == 0 // "0:" is how revision 3 says that there is nothing
			if !none && !yield(p, nil) || after == nil {
				return
			}
			rest = after
		}
	}
}

// framed is a packet as a payload holds it.
type framed struct {
	binary bool
	data   []byte
}

// nextV4 cuts a packet off the front of a payload of revision 4. after is nil behind the last.
func nextV4(b []byte) (one framed, after []byte, err error) {
	data, rest, more := bytes.Cut(b, []byte{separator})
	switch {
	case len(data) == 0:
		return framed{}, nil, ErrEmptyPacket
	case more:
		after = rest
	}
	return framed{data: data}, after, nil
}

// nextV3 does so in a text payload of revision 3: a length in UTF-16 code units, a colon, the packet.
func nextV3(b []byte) (one framed, after []byte, err error) {
	i := 0
	for i < len(b) && i <= maxDigits && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == 0 || i > maxDigits || i == len(b) || b[i] != ':' {
		return framed{}, nil, ErrLength
	}
	units, _ := strconv.Atoi(string(b[:i])) // they are digits, and not too many
	b = b[i+1:]
	n := 0
	for units > 0 && n < len(b) {
		r, size := rune(b[n]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b[n:])
		}
		if units--; r > 0xffff {
			units--
		}
		n += size
	}
	if units != 0 { // cut short, or within a pair of surrogates
		return framed{}, nil, ErrLength
	}
	return framed{data: b[:n]}, tail(b[n:]), nil
}

// nextV3Binary does so in a binary payload of revision 3: 0 for text or 1 for binary data, the length in bytes as digits of a
// byte each, 255, the packet.
func nextV3Binary(b []byte) (one framed, after []byte, err error) {
	if len(b) < 3 || b[0] > 1 {
		return framed{}, nil, ErrLength
	}
	i, size := 1, 0
	for i < len(b) && i <= maxDigits && b[i] <= 9 {
		size = size*10 + int(b[i])
		i++
	}
	if i == 1 || i == len(b) || b[i] != 255 || size > len(b)-i-1 {
		return framed{}, nil, ErrLength
	}
	one = framed{binary: b[0] == 1, data: b[i+1 : i+1+size]}
	if !one.binary && !utf8.Valid(one.data) {
		return framed{}, nil, ErrUTF8
	}
	return one, tail(b[i+1+size:]), nil
}

// tail returns b, or nil if nothing is left.
func tail(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// AppendPayload appends the payload of packets, and tells whether it is binary, which it is in revision 3 if one of them is.
func AppendPayload(b []byte, f Format, packets []Packet) (body []byte, binary bool) {
	if f.Revision == V4 {
		for i, p := range packets {
			if i > 0 {
				b = append(b, separator)
			}
			b = AppendPacket(b, V4, p, true)
		}
		return b, false
	}
	for _, p := range packets {
		binary = binary || p.Binary && !f.Text
	}
	for _, p := range packets {
		if binary {
			b = appendV3Binary(b, p)
		} else {
			b = appendV3(b, p)
		}
	}
	return b, binary
}

func appendV3(b []byte, p Packet) []byte {
	var units int
	if p.Binary {
		units = len("b4") + (len(p.Data)+2)/3*4
	} else {
		units = 1 + utf16Len(p.Data)
	}
	b = append(strconv.AppendInt(b, int64(units), 10), ':')
	return AppendPacket(b, V3, p, true)
}

func appendV3Binary(b []byte, p Packet) []byte {
	kind := byte(0)
	if p.Binary {
		kind = 1
	}
	b = append(b, kind)
	i := len(b)
	b = strconv.AppendInt(b, int64(1+len(p.Data)), 10)
	for ; i < len(b); i++ {
		b[i] -= '0'
	}
	return AppendPacket(append(b, 255), V3, p, false)
}

package ws

// This file tests status codes and the payload of a close frame.

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// Every code there is: RFC 6455 section 7.4 and the IANA registry.
func TestAttack_F06_EveryStatusCode(t *testing.T) {
	for code := range 1 << 16 {
		code := StatusCode(code)
		legal := code >= 3000 && code <= 4999
		switch code {
		case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
			legal = true
		}
		if code.OnWire() != legal {
			t.Errorf("%d: OnWire is %v", code, !legal)
		}
		got, _, err := ParseClose([]byte{byte(code >> 8), byte(code)})
		if legal && (got != code || err != nil) {
			t.Errorf("%d: parsed as %d, %v", code, got, err)
		}
		var v *Violation
		if !legal && (!errors.As(err, &v) || v.Code != StatusProtocolError) {
			t.Errorf("%d: parsed as %d, %v", code, got, err)
		}
	}
}

func TestParseClose(t *testing.T) {
	for _, tt := range []struct {
		payload string
		code    StatusCode
		reason  string
		err     string
	}{
		{"", StatusNoStatusReceived, "", ""},
		{"\x03\xe8", StatusNormalClosure, "", ""},
		{"\x03\xe8bye κόσμε", StatusNormalClosure, "bye κόσμε", ""},
		{"\x0f\xa0", 4000, "", ""},
		{"\x03", 0, "", "1002 ws: close frame with 1 byte of payload"},
		{"\x03\xed", 0, "", "1002 ws: close frame with illegal code 1005"},
		{"\x03\xed\xff", 0, "", "1002 ws: close frame with illegal code 1005"},
		{"\x03\xe8\xc0\xaf", 0, "", "1007 ws: close reason is not UTF-8"},
		{"\x03\xe8\xe2\x82", 0, "", "1007 ws: close reason is not UTF-8"},
		{"\x03\xe8" + strings.Repeat("x", MaxReason), 1000, strings.Repeat("x", MaxReason), ""},
	} {
		code, reason, err := ParseClose([]byte(tt.payload))
		got := ""
		var v *Violation
		if errors.As(err, &v) {
			got = fmt.Sprintf("%d %v", v.Code, v)
		}
		if code != tt.code || reason != tt.reason || got != tt.err {
			t.Errorf("%q: %d, %q, %q", tt.payload, code, reason, got)
		}
	}
}

// A reason that we are given always fits and is always UTF-8: it is cut between characters.
func TestAppendClose(t *testing.T) {
	for _, tt := range []struct {
		code         StatusCode
		reason, want string
	}{
		{StatusNoStatusReceived, "not sent", ""},
		{StatusNormalClosure, "", "\x03\xe8"},
		{StatusGoingAway, "bye", "\x03\xe9bye"},
		{4999, strings.Repeat("x", 123), "\x13\x87" + strings.Repeat("x", 123)},
		{4999, strings.Repeat("x", 124), "\x13\x87" + strings.Repeat("x", 123)},
		{4999, strings.Repeat("x", 122) + "é", "\x13\x87" + strings.Repeat("x", 122)},
		{4999, strings.Repeat("x", 121) + "é", "\x13\x87" + strings.Repeat("x", 121) + "é"},
		{4999, strings.Repeat("x", 120) + "𝄞", "\x13\x87" + strings.Repeat("x", 120)},
		{4999, strings.Repeat("x", 119) + "𝄞", "\x13\x87" + strings.Repeat("x", 119) + "𝄞"},
		{4999, "a\xffb", "\x13\x87a\uFFFDb"},
		{4999, strings.Repeat("\xffa", 200), "\x13\x87" + strings.Repeat("\uFFFDa", 30) + "\uFFFD"},
	} {
		got := AppendClose([]byte("before"), tt.code, tt.reason)
		if string(got) != "before"+tt.want {
			t.Errorf("AppendClose(%d, %q) = %q, want %q", tt.code, tt.reason, got[6:], tt.want)
		}
		if len(got) > 6 {
			if code, reason, err := ParseClose(got[6:]); code != tt.code || !utf8.ValidString(reason) || err != nil {
				t.Errorf("AppendClose(%d, %q) is read as %d, %q, %v", tt.code, tt.reason, code, reason, err)
			}
		}
	}
}

func TestStatusCodeString(t *testing.T) {
	for code, want := range map[StatusCode]string{
		1000: "1000 (normal closure)", 1015: "1015 (TLS handshake)", 1004: "1004", 4000: "4000", 0: "0",
	} {
		if code.String() != want {
			t.Errorf("got %q, want %q", code, want)
		}
	}
}

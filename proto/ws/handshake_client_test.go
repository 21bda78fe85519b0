package ws

// This file tests the client's half of the opening handshake, and both halves against each other.

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// replied reads a response as net/http does and checks it as the answer to o.
func replied(raw string, o *Offer) (Agreement, error) {
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), &http.Request{Method: http.MethodGet})
	if err != nil {
		return Agreement{}, err
	}
	return CheckResponse(r.StatusCode, Fields(r.Header), o)
}

var testOffer = &Offer{
	Target: "/chat?room=1", Host: "server.example.com", Key: "dGhlIHNhbXBsZSBub25jZQ==",
	Subprotocols: []string{"superchat", "chat"}, Deflate: &DeflateOptions{}, Header: Fields{"Origin": {"http://example.com"}},
}

func TestAppendRequest(t *testing.T) {
	got, err := AppendRequest([]byte("before "), testOffer)
	want := "before GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: superchat, chat\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits\r\n" +
		"Origin: http://example.com\r\n\r\n"
	if string(got) != want || err != nil {
		t.Errorf("%v:\n got %q\nwant %q", err, got, want)
	}
}

func TestAttack_K05_Addresses(t *testing.T) {
	for _, o := range []Offer{
		{Target: "", Host: "a"}, {Target: "chat", Host: "a"}, {Target: "/a b", Host: "a"}, {Target: "/a\r\nX: y", Host: "a"}, {Target: "/a#b", Host: "a"},
		{Target: "/ä", Host: "a"}, {Target: "/", Host: ""}, {Target: "/", Host: "a\r\nX: y"}, {Target: "/", Host: "a b"}, {Target: "/", Host: "u@a"},
		{Target: "/", Host: "a", Header: Fields{"Host": {"b"}}},
		{Target: "/", Host: "a", Subprotocols: []string{"b", "b"}},
	} {
		if b, err := AppendRequest(nil, &o); err == nil || len(b) > 0 && strings.HasSuffix(string(b), "\r\n\r\n") {
			t.Errorf("%+v: wrote %q", o, b)
		}
	}
}

// The answers of servers that are broken or hostile.
func TestAttack_K04_WrongAnswers(t *testing.T) {
	const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	const (
		noAccept     = "the answer's Sec-WebSocket-Accept does not fit the key"
		noUpgrade    = "the answer's Upgrade is not websocket"
		noConnection = "the answer's Connection does not name upgrade"
		subprotocol  = "the answer names a subprotocol that was not offered"
		extension    = "the answer names an extension or a parameter that was not offered"
	)
	protocol := func(s string) string { return accept + "Sec-WebSocket-Protocol: " + s + "\r\n" }
	deflate := func(s string) string { return accept + "Sec-WebSocket-Extensions: " + s + "\r\n" }
	for _, tt := range []struct{ old, new, want string }{
		{"101 Switching Protocols", "200 OK", "the server did not switch protocols"},
		{"101 Switching Protocols", "403 Forbidden", "the server did not switch protocols"},
		{"Upgrade: websocket", "Upgrade: foo", noUpgrade},
		{"Upgrade: websocket", "Upgrade: websocket, h2c", noUpgrade},
		{"Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket", noUpgrade},
		{"Upgrade: websocket\r\n", "", noUpgrade},
		{"Connection: Upgrade\r\n", "", noConnection},
		{"Connection: Upgrade", "Connection: close", noConnection},
		{accept, "", noAccept},
		{accept, accept + accept, noAccept},
		{"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", noAccept}, // with case
		{"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", noAccept},
		{"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "dGhlIHNhbXBsZSBub25jZQ==", noAccept},
		{accept, protocol("soap"), subprotocol},
		{accept, protocol(""), subprotocol},
		{accept, protocol("chat, superchat"), subprotocol},
		{accept, protocol("Chat"), subprotocol},
		{accept, protocol("chat") + "Sec-WebSocket-Protocol: chat\r\n", subprotocol},
		{accept, deflate("foo"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover, foo"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover, permessage-deflate"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover; foo"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover; server_no_context_takeover"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover=1"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover; server_max_window_bits"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover; server_max_window_bits=7"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover; server_max_window_bits=16"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover; client_max_window_bits"), extension},
		{accept, deflate("permessage-deflate; server_no_context_takeover; client_max_window_bits=16"), extension},
		{accept, deflate(`permessage-deflate; a="`), "malformed Sec-WebSocket-Extensions"},
		{accept, deflate(";"), "malformed Sec-WebSocket-Extensions"},
	} {
		if strings.Count(accepted, tt.old) != 1 {
			t.Fatalf("%q does not stand in the response once", tt.old)
		}
		if a, err := replied(strings.Replace(accepted, tt.old, tt.new, 1), testOffer); err == nil || err.Error() != tt.want {
			t.Errorf("%q for %q: got %+v, %v", tt.new, tt.old, a, err)
		}
	}
	plain := *testOffer
	plain.Deflate, plain.Subprotocols = nil, nil
	for _, fields := range []string{protocol("chat"), deflate("permessage-deflate; server_no_context_takeover")} {
		if a, err := replied(strings.Replace(accepted, accept, fields, 1), &plain); err == nil {
			t.Errorf("%q, not asked for: %+v", fields, a)
		}
	}
}

// What is a right answer, if an unusual one.
func TestCheckResponse(t *testing.T) {
	const deflate = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"
	params := func(server, client int) *DeflateParams { return &DeflateParams{true, true, server, client} }
	for _, tt := range []struct {
		old, new, subprotocol string
		deflate               *DeflateParams
	}{
		{"", "", "", nil},
		{"Upgrade: websocket", "upgrade: WebSocket", "", nil},
		{"Connection: Upgrade", "Connection: keep-alive, upgrade", "", nil},
		{"\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n", "chat", nil},
		{"\r\n\r\n", "\r\nSec-WebSocket-Extensions: \r\n\r\n", "", nil},
		{"\r\n\r\n", "\r\n" + deflate + "\r\n\r\n", "", params(15, 15)},
		{"\r\n\r\n", "\r\n" + deflate + "; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=8\r\n\r\n", "", params(10, 8)},
	} {
		a, err := replied(strings.Replace(accepted, tt.old, tt.new, 1), testOffer)
		if err != nil || a.Subprotocol != tt.subprotocol || !sameParams(a.Deflate, tt.deflate) {
			t.Errorf("%q for %q: %q, %+v, %v", tt.new, tt.old, a.Subprotocol, a.Deflate, err)
		}
	}
}

func sameParams(a, b *DeflateParams) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// Whatever a client of ours asks for and a server of ours wants, they agree, and on the same. Neither keeps more history than it wants.
func TestHandshakeWithOurselves(t *testing.T) {
	wants := []*DeflateOptions{nil, {}, {WindowBits: 15}, {Takeover: true}, {Takeover: true, WindowBits: 9}, {Takeover: true, WindowBits: 12}, {Takeover: true, WindowBits: 15}}
	for _, client := range wants {
		for _, server := range wants {
			t.Run(fmt.Sprintf("client %+v, server %+v", client, server), func(t *testing.T) {
				o := *testOffer
				o.Deflate = client
				request, err := AppendRequest(nil, &o)
				if err != nil {
					t.Fatal(err)
				}
				r, err := asked(string(request))
				if err != nil {
					t.Fatal(err)
				}
				if bad := CheckRequest(r); bad != nil {
					t.Fatal(bad)
				}
				theirs, extensions, bad := Choose(r.Header, []string{"chat"}, server)
				if bad != nil {
					t.Fatal(bad)
				}
				response, err := AppendResponse(nil, o.Key, theirs, extensions, nil)
				if err != nil {
					t.Fatal(err)
				}
				ours, err := replied(string(response), &o)
				if err != nil {
					t.Fatalf("%v\n%s%s", err, request, response)
				}
				if ours.Subprotocol != "chat" || theirs.Subprotocol != "chat" || !sameParams(ours.Deflate, theirs.Deflate) {
					t.Errorf("the client has %+v, the server %+v\n%s%s", ours.Deflate, theirs.Deflate, request, response)
				}
				p := ours.Deflate
				if (p != nil) != (client != nil && server != nil) {
					t.Fatalf("agreed on %+v", p)
				}
				if p == nil {
					return
				}
				if !p.ServerNoContextTakeover && (!client.Takeover || p.ServerMaxWindowBits > client.windowBits()) {
					t.Errorf("the client would keep more than it wants: %+v", p)
				}
				if !p.ClientNoContextTakeover && (!server.Takeover || p.ClientMaxWindowBits > server.windowBits()) {
					t.Errorf("the server would keep more than it wants: %+v", p)
				}
				if client.Takeover && server.Takeover && (p.ServerNoContextTakeover || p.ClientNoContextTakeover) {
					t.Errorf("both want takeover, but have %+v", p)
				}
			})
		}
	}
}

// A pair that wants the same agrees on the same without a handshake.
func TestAgreeDeflate(t *testing.T) {
	for _, want := range []DeflateOptions{{}, {Takeover: true}, {Takeover: true, WindowBits: 15}} {
		p := AgreeDeflate(&want)
		if p == nil || p.ServerNoContextTakeover == want.Takeover || p.ClientNoContextTakeover == want.Takeover {
			t.Fatalf("%+v: %+v", want, p)
		}
		if want.Takeover && (p.ServerMaxWindowBits != want.windowBits() || p.ClientMaxWindowBits != want.windowBits()) {
			t.Errorf("%+v: %+v", want, p)
		}
	}
}

// A server that leaves the parameters out that bound its history is taken at its word, and the history kept; one that names a larger
// window than was offered is not.
func TestUnboundedAnswer(t *testing.T) {
	for _, tt := range []struct {
		takeover bool
		answer   string
		want     *DeflateParams
	}{
		{false, "permessage-deflate", &DeflateParams{false, true, 15, 15}},
		{true, "permessage-deflate", &DeflateParams{false, false, 15, 15}},
		{true, "permessage-deflate; server_max_window_bits=10", &DeflateParams{false, false, 10, 15}},
		{true, "permessage-deflate; server_max_window_bits=11", nil},
	} {
		got, err := checkDeflate([]string{tt.answer}, &DeflateOptions{Takeover: tt.takeover})
		if (err != nil) != (tt.want == nil) || err == nil && *got != *tt.want {
			t.Errorf("%+v: %+v, %v", tt, got, err)
		}
	}
}

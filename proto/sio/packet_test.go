package sio

// This file tests packets as text that stand alone.

import (
	"errors"
	"math"
	"strings"
	"testing"
)

const (
	first  = `{"_placeholder":true,"num":0}`
	second = `{"_placeholder":true,"num":1}`
)

func packet(t Type, namespace string, id int64, data string) Packet {
	p := Packet{Type: t, Namespace: namespace, ID: id}
	if data != "" {
		p.Data = []byte(data)
	}
	return p
}

// textVectors are the examples of the protocol's documents, revisions 5 and 4, and what the original parser's tests add to them.
var textVectors = []struct {
	wire        string
	packet      Packet
	attachments int
}{
	// Revision 5, "Packet encoding": connection to a namespace.
	{`0`, packet(TypeConnect, "/", NoID, ""), 0},
	{`0{"sid":"wZX3oN0bSVIhsaknAAAI"}`, packet(TypeConnect, "/", NoID, `{"sid":"wZX3oN0bSVIhsaknAAAI"}`), 0},
	{`0/admin,`, packet(TypeConnect, "/admin", NoID, ""), 0},
	{`0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}`, packet(TypeConnect, "/admin", NoID, `{"sid":"oSO0OpakMV_3jnilAAAA"}`), 0},
	{`4{"message":"Not authorized"}`, packet(TypeConnectError, "/", NoID, `{"message":"Not authorized"}`), 0},
	// Sending and receiving data.
	{`2["foo"]`, packet(TypeEvent, "/", NoID, `["foo"]`), 0},
	{`2/admin,["bar"]`, packet(TypeEvent, "/admin", NoID, `["bar"]`), 0},
	{`51-["baz",` + first + `]`, packet(TypeBinaryEvent, "/", NoID, `["baz",`+first+`]`), 1},
	{`52-/admin,["baz",` + first + `,` + second + `]`, packet(TypeBinaryEvent, "/admin", NoID, `["baz",`+first+`,`+second+`]`), 2},
	// Acknowledgement.
	{`212["foo"]`, packet(TypeEvent, "/", 12, `["foo"]`), 0},
	{`312[]`, packet(TypeAck, "/", 12, `[]`), 0},
	{`2/admin,13["foo"]`, packet(TypeEvent, "/admin", 13, `["foo"]`), 0},
	{`3/admin,13["bar"]`, packet(TypeAck, "/admin", 13, `["bar"]`), 0},
	{`51-14["foo",` + first + `]`, packet(TypeBinaryEvent, "/", 14, `["foo",`+first+`]`), 1},
	{`314["bar"]`, packet(TypeAck, "/", 14, `["bar"]`), 0},
	{`215["foo"]`, packet(TypeEvent, "/", 15, `["foo"]`), 0},
	{`61-15["bar",` + first + `]`, packet(TypeBinaryAck, "/", 15, `["bar",`+first+`]`), 1},
	// Disconnection, and the sample session.
	{`1`, packet(TypeDisconnect, "/", NoID, ""), 0},
	{`1/admin,`, packet(TypeDisconnect, "/admin", NoID, ""), 0},
	{`61-/admin,1[` + first + `]`, packet(TypeBinaryAck, "/admin", 1, `[`+first+`]`), 1},
	// Revision 4: a query, and an error that is text.
	{`0/admin?token=1234&uid=abcd,`, packet(TypeConnect, "/admin?token=1234&uid=abcd", NoID, ""), 0},
	{`2["hello",1]`, packet(TypeEvent, "/", NoID, `["hello",1]`), 0},
	{`2/admin,456["project:delete",123]`, packet(TypeEvent, "/admin", 456, `["project:delete",123]`), 0},
	{`3/admin,456[]`, packet(TypeAck, "/admin", 456, `[]`), 0},
	{`4/admin,"Not authorized"`, packet(TypeConnectError, "/admin", NoID, `"Not authorized"`), 0},
	{`51-["hello",` + first + `]`, packet(TypeBinaryEvent, "/", NoID, `["hello",`+first+`]`), 1},
	{`51-/admin,456["project:delete",` + first + `]`, packet(TypeBinaryEvent, "/admin", 456, `["project:delete",`+first+`]`), 1},
	{`61-/admin,456[` + first + `]`, packet(TypeBinaryAck, "/admin", 456, `[`+first+`]`), 1},
	// The original parser's tests.
	{`0/woot,{"token":"123"}`, packet(TypeConnect, "/woot", NoID, `{"token":"123"}`), 0},
	{`2[1,"a",{}]`, packet(TypeEvent, "/", NoID, `[1,"a",{}]`), 0},
	{`2/test,1["a",1,{}]`, packet(TypeEvent, "/test", 1, `["a",1,{}]`), 0},
	{`51-/cool,23["a",{"b":["c",` + first + `]}]`, packet(TypeBinaryEvent, "/cool", 23, `["a",{"b":["c",`+first+`]}]`), 1},
	{`61-/back,127["a",` + first + `,{}]`, packet(TypeBinaryAck, "/back", 127, `["a",`+first+`,{}]`), 1},
	// The largest, and the smallest.
	{`29007199254740991["a"]`, packet(TypeEvent, "/", maxID, `["a"]`), 0},
	{`20["a"]`, packet(TypeEvent, "/", 0, `["a"]`), 0},
	{`2[""]`, packet(TypeEvent, "/", NoID, `[""]`), 0},
	{`3[]`, packet(TypeAck, "/", NoID, `[]`), 0},
	{`4""`, packet(TypeConnectError, "/", NoID, `""`), 0},
	{`4`, packet(TypeConnectError, "/", NoID, ""), 0},
	{`0{}`, packet(TypeConnect, "/", NoID, `{}`), 0},
}

// All vectors are read and written, byte for byte.
func TestText(t *testing.T) {
	for _, v := range textVectors {
		got, n, err := ParseText([]byte(v.wire), 10)
		if err != nil || n != v.attachments || !samePacket(&got, &v.packet) {
			t.Errorf("%s: %+v with %s, %d attachments, %v", v.wire, got, got.Data, n, err)
		}
		p := v.packet
		p.Attachments = make([][]byte, v.attachments)
		if wire := AppendText([]byte("x"), &p); string(wire) != "x"+v.wire {
			t.Errorf("%+v: %s, want %s", v.packet, wire, v.wire)
		}
	}
}

// What may be written in another way is read, and means the same.
func TestTextOtherForms(t *testing.T) {
	for _, tt := range []struct {
		wire string
		want Packet
	}{
		{`0/`, packet(TypeConnect, "/", NoID, "")},
		{`0/,{}`, packet(TypeConnect, "/", NoID, "{}")},
		{`0/admin`, packet(TypeConnect, "/admin", NoID, "")}, // the comma may be missing at the end
		{`1/admin`, packet(TypeDisconnect, "/admin", NoID, "")},
		{`2/,7["a"]`, packet(TypeEvent, "/", 7, `["a"]`)},
		{`2007["a"]`, packet(TypeEvent, "/", 7, `["a"]`)},
		{`5001-["a",` + first + `]`, packet(TypeBinaryEvent, "/", NoID, `["a",`+first+`]`)},
		{"2[ \"a\"\t,\r\n1 ] ", packet(TypeEvent, "/", NoID, "[ \"a\"\t,\r\n1 ] ")},
		{`17`, packet(TypeDisconnect, "/", 7, "")},
		{`2//,["a"]`, packet(TypeEvent, "//", NoID, `["a"]`)},
		{`2/1,["a"]`, packet(TypeEvent, "/1", NoID, `["a"]`)},
		{`2/["a"],["b"]`, packet(TypeEvent, `/["a"]`, NoID, `["b"]`)},
	} {
		got, _, err := ParseText([]byte(tt.wire), 10)
		if err != nil || !samePacket(&got, &tt.want) {
			t.Errorf("%s: %+v with %s, %v", tt.wire, got, got.Data, err)
		}
	}
}

// A packet that is cut short is an error, or another packet that could have been sent. JSON that is cut short is always an error.
func TestTextCut(t *testing.T) {
	for _, v := range textVectors {
		for cut := range v.wire {
			p, n, err := ParseText([]byte(v.wire[:cut]), 10)
			if begin := len(v.wire) - len(v.packet.Data); err == nil && cut > begin {
				t.Errorf("%s: %+v with %s", v.wire[:cut], p, p.Data)
			}
			if err == nil {
				again(t, &p, n)
			}
		}
	}
}

// again fails unless p can be written and read, and is the same.
func again(t *testing.T, p *Packet, attachments int) {
	t.Helper()
	sent := *p
	sent.Attachments = make([][]byte, attachments)
	wire := AppendText(nil, &sent)
	if got, n, err := ParseText(wire, attachments); err != nil || n != attachments || !samePacket(&got, p) {
		t.Fatalf("%+v with %s became %s, and that %+v with %d attachments, %v", p, p.Data, wire, got, n, err)
	}
}

// A namespace may be as long as the limit, and an id as large.
func TestTextLimits(t *testing.T) {
	longest := "/" + strings.Repeat("x", maxNamespace-1)
	for _, tt := range []struct {
		wire string
		want error
	}{
		{"0" + longest, nil},
		{"0" + longest + ",{}", nil},
		{"0" + longest + "x", ErrNamespace},
		{"0" + longest + "x,{}", ErrNamespace},
		{`29007199254740991["a"]`, nil},
		{`29007199254740992["a"]`, ErrID},
		{`2` + "18446744073709551617" + `["a"]`, ErrID}, // 1, if it went round
	} {
		if _, _, err := ParseText([]byte(tt.wire), 0); !errors.Is(err, tt.want) {
			t.Errorf("%.30s of %d bytes: %v, want %v", tt.wire, len(tt.wire), err, tt.want)
		}
	}
}

// What CheckNamespace lets pass comes back from the wire; what it does not would not.
func TestCheckNamespace(t *testing.T) {
	for name, want := range map[string]bool{
		"/": true, "/admin": true, "/a/b": true, "/é": true, `/["a"]`: true, "/" + strings.Repeat("x", maxNamespace-1): true,
		"": false, "admin": false, "/a,b": false, "/a?b": false, "?": false, "/" + strings.Repeat("x", maxNamespace): false,
	} {
		if err := CheckNamespace(name); (err == nil) != want || err != nil && err != ErrNamespace {
			t.Errorf("%.20q: %v", name, err)
		}
		if want {
			p := packet(TypeEvent, name, 1, `["a"]`)
			again(t, &p, 0)
		}
	}
}

// The types and their names belong to the digits of the protocol.
func TestTypeString(t *testing.T) {
	var all []string
	for _, typ := range []Type{TypeConnect, TypeDisconnect, TypeEvent, TypeAck, TypeConnectError, TypeBinaryEvent, TypeBinaryAck, 7, math.MaxUint8} {
		all = append(all, typ.String())
	}
	if got := strings.Join(all, ", "); got != "connect, disconnect, event, ack, connect error, binary event, binary ack, unknown, unknown" {
		t.Error(got)
	}
}

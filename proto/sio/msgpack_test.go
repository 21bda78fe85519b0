package sio

// This file tests packets in MessagePack. Where a vector says so, npm made it: socket.io-msgpack-parser 3.0.2, which is notepack.io 2.2.0,
// and notepack.io 3.0.1 for what newer encoders do.

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

const anyNumber = 1 << 16 // of attachments

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func samePacket(a, b *Packet) bool {
	if a.Type != b.Type || a.Namespace != b.Namespace || a.ID != b.ID || !bytes.Equal(a.Data, b.Data) || len(a.Attachments) != len(b.Attachments) {
		return false
	}
	for i := range a.Attachments {
		if !bytes.Equal(a.Attachments[i], b.Attachments[i]) {
			return false
		}
	}
	return (a.Data == nil) == (b.Data == nil)
}

// event returns the message of an event named a with one argument in MessagePack.
func event(argument string) []byte {
	return []byte("\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a" + argument)
}

// argument returns the JSON of that argument.
func argument(t testing.TB, p *Packet) string {
	t.Helper()
	s, ok := strings.CutPrefix(string(p.Data), `["a",`)
	if !ok {
		t.Fatalf("%s", p.Data)
	}
	return strings.TrimSuffix(s, "]")
}

// What npm's parser sends, with the members in our order.
var msgpackVectors = []struct {
	wire   string
	packet Packet
}{
	{"82a47479706500a36e7370a12f", Packet{Type: TypeConnect, Namespace: "/", ID: NoID}},
	{
		"83a47479706500a36e7370a52f63686174a46461746181a5746f6b656ea3313233",
		Packet{Type: TypeConnect, Namespace: "/chat", ID: NoID, Data: []byte(`{"token":"123"}`)},
	},
	{"82a47479706501a36e7370a52f63686174", Packet{Type: TypeDisconnect, Namespace: "/chat", ID: NoID}},
	{
		"83a47479706502a36e7370a12fa46461746196a568656c6c6fa5776f726c6401c3c2c0",
		Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte(`["hello","world",1,true,false,null]`)},
	},
	{
		"84a47479706502a36e7370a52f63686174a46461746191a26869a26964cd012c",
		Packet{Type: TypeEvent, Namespace: "/chat", ID: 300, Data: []byte(`["hi"]`)},
	},
	{"84a47479706503a36e7370a12fa46461746190a2696400", Packet{Type: TypeAck, Namespace: "/", ID: 0, Data: []byte(`[]`)}},
	{
		"83a47479706504a36e7370a12fa46461746182a76d657373616765a26e6fa46461746181a4636f64652a",
		Packet{Type: TypeConnectError, Namespace: "/", ID: NoID, Data: []byte(`{"message":"no","data":{"code":42}}`)},
	},
	{
		"83a47479706502a36e7370a12fa46461746193a162c40301020381a17891c400",
		Packet{
			Type: TypeBinaryEvent, Namespace: "/", ID: NoID,
			Data:        []byte(`["b",{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1}]}]`),
			Attachments: [][]byte{{1, 2, 3}, {}},
		},
	},
	{
		"84a47479706503a36e7370a12fa46461746191c401ffa2696407",
		Packet{Type: TypeBinaryAck, Namespace: "/", ID: 7, Data: []byte(`[{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{0xff}}},
	},
	{
		"83a47479706502a36e7370a12fa46461746193a9c3a9e282acf09f9880a4225c0a01a0",
		Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte("[\"\u00e9\u20ac\U0001f600\",\"\\\"\\\\\\n\\u0001\",\"\"]")},
	},
	{
		"83a47479706502a36e7370a12fa4646174619aa16e7fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000cf001fffffffffffff",
		Packet{
			Type: TypeEvent, Namespace: "/", ID: NoID,
			Data: []byte(`["n",127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991]`),
		},
	},
	{
		"83a47479706502a36e7370a12fa4646174619ba16effe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001",
		Packet{
			Type: TypeEvent, Namespace: "/", ID: NoID,
			Data: []byte(`["n",-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]`),
		},
	},
	{
		"83a47479706502a36e7370a12fa46461746196a16ecb3ff8000000000000cbbfd0000000000000cb3e7ad7f29abcaf48cb0000000000000001cb3fb999999999999a",
		Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte(`["n",1.5,-0.25,1e-7,5e-324,0.1]`)},
	},
}

func TestMsgpack(t *testing.T) {
	for _, v := range msgpackVectors {
		wire := unhex(t, v.wire)
		if got, err := AppendMsgpack([]byte("x"), &v.packet); err != nil || string(got) != "x"+string(wire) {
			t.Errorf("%v: %x, %v", v.packet, got, err)
		}
		if got, err := ParseMsgpack(wire, anyNumber); err != nil || !samePacket(&got, &v.packet) {
			t.Errorf("%s: %v %s, %v", v.wire, got, got.Data, err)
		}
	}
}

func TestMsgpackParser(t *testing.T) {
	var d Decoder
	for _, v := range msgpackVectors {
		wire, err := Msgpack.Append(nil, v.packet)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok, err := d.Feed(Msgpack, anyNumber, true, wire); err != nil || !ok || !samePacket(&got, &v.packet) {
			t.Errorf("%s: %v, %v, %v", v.wire, got, ok, err)
		}
	}
	if _, _, err := Msgpack.Parse(false, []byte(`0{"sid":"x"}`), 0); err != ErrMsgpack || !Msgpack.Whole() {
		t.Errorf("text: %v", err)
	}
}

// What npm's client sends, and other encoders might.
func TestParseMsgpack(t *testing.T) {
	for _, tt := range []struct {
		name, wire string
		want       Packet
	}{
		{
			"npm: data that is undefined, options", "84a47479706500a464617461d40000a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
			Packet{Type: TypeConnect, Namespace: "/", ID: NoID},
		},
		{
			"npm: undefined in an array, in an object, as id", "85a47479706502a46461746193a161d4000083a162d40000a16301a164d40000a76f7074696f6e7381" +
				"a8636f6d7072657373c3a26964d40000a36e7370a12f",
			Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte(`["a",null,{"c":1}]`)},
		},
		{"npm: another order", "84a2696403a47479706503a46461746191a178a36e7370a12f", Packet{Type: TypeAck, Namespace: "/", ID: 3, Data: []byte(`["x"]`)}},
		{
			"npm: an ArrayBuffer", "83a47479706502a36e7370a12fa46461746192a161c702000908",
			Packet{Type: TypeBinaryEvent, Namespace: "/", ID: NoID, Data: []byte(`["a",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{9, 8}}},
		},
		{"python-socketio: nil for none", "83a47479706501a464617461c0a36e7370a12f", Packet{Type: TypeDisconnect, Namespace: "/", ID: NoID}},
		{
			"wide formats of everything", "df00000004" + "db0000000474797065" + "d200000003" + "da00036e7370" + "d9012f" +
				"d90464617461" + "dd00000002" + "de0001d90161c0" + "d3ffffffffffffffff" + "d9026964" + "cb4010000000000000",
			Packet{Type: TypeAck, Namespace: "/", ID: 4, Data: []byte(`[{"a":null},-1]`)},
		},
		{
			"the last of members with the same name", "87a46461746191a162a46461746191c40100a46461746191a161a47479706501a47479706502a36e7370a22f78a36e7370a12f",
			Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte(`["a"]`)},
		},
		{
			"bytes that nobody asks for", "84a178c40101a47479706502a36e7370a12fa46461746191a161",
			Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte(`["a"]`)},
		},
		{
			"the same behind the data", "84a47479706502a36e7370a12fa46461746192a161c40101a17893c40102c40103a179",
			Packet{Type: TypeBinaryEvent, Namespace: "/", ID: NoID, Data: []byte(`["a",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{1}}},
		},
	} {
		got, err := ParseMsgpack(unhex(t, tt.wire), anyNumber)
		if err != nil || !samePacket(&got, &tt.want) {
			t.Errorf("%s: %v %s, %v", tt.name, got, got.Data, err)
		}
	}
}

// Values and the JSON that npm's parser and JSON.stringify make of them.
func TestParseMsgpackValues(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{"cb7ff8000000000000", "null"}, // NaN
		{"cb7ff0000000000000", "null"},
		{"caff800000", "null"},
		{"ca7f800000", "null"},
		{"cb8000000000000000", "0"}, // -0
		{"ca3dcccccd", "0.10000000149011612"},
		{"ca7f7fffff", "3.4028234663852886e+38"},
		{"ca00000001", "1.401298464324817e-45"},
		{"cb444b1ae4d6e2ef50", "1e+21"},
		{"cb444b1ae4d6e2ef4f", "999999999999999900000"},
		{"cbc1d954fc40000000", "-1700000000"},
		{"cb3eb0c6f7a0b5ed8d", "0.000001"},
		{"cb3e7ad7f29abcaf48", "1e-7"},
		{"cfffffffffffffffff", "18446744073709551615"}, // with all its digits, which JavaScript has not
		{"d38000000000000000", "-9223372036854775808"},
		{"cf0020000000000000", "9007199254740992"},
		{"d000", "0"},
		{"d081", "-127"},
		{"d1ff00", "-256"},
		// Dates of notepack.io 2.
		{"d7000000000000000000", `"1970-01-01T00:00:00.000Z"`},
		{"d700ffffffffffffffff", `"1969-12-31T23:59:59.999Z"`},
		{"d7000000018bcfe5687b", `"2023-11-14T22:13:20.123Z"`},
		{"d700001eb208c2dc0000", `"+275760-09-13T00:00:00.000Z"`},
		{"d700001eb208c2dc0001", "null"}, // no such date in JavaScript
		{"d7008000000000000000", "null"},
		{"d700ffe14df73d240000", `"-271821-04-20T00:00:00.000Z"`},
		{"d700ffffc76e394a7400", `"-000001-01-01T00:00:00.000Z"`},
		{"d7000000e677d21fdc00", `"+010000-01-01T00:00:00.000Z"`},
		// Timestamps of notepack.io 3.
		{"d6ff6553f100", `"2023-11-14T22:13:20.000Z"`},
		{"d7ff1d5353006553f100", `"2023-11-14T22:13:20.123Z"`},
		{"d7ff0000000100000000", `"2106-02-07T06:28:16.000Z"`},
		{"c70cff000000000000000400000000", `"2514-05-30T01:53:04.000Z"`},
		{"c70cff1dcd6500fffffffffffffffe", `"1969-12-31T23:59:58.500Z"`},
		{"c70cff000000007fffffffffffffff", "null"},
		// Text that is not UTF-8, and text that JSON escapes.
		{"a3" + "61ff62", `"a` + "\ufffd" + `b"`},
		{"a3" + "eda080", `"` + "\ufffd\ufffd\ufffd" + `"`}, // half of a surrogate pair
		{"a2" + "f09f", `"` + "\ufffd\ufffd" + `"`},
		{"a3" + "efbfbd", `"` + "\ufffd" + `"`},
		{"aa" + "08090a0b0c0d1f7f225c", `"\b\t\n\u000b\f\r\u001f` + "\x7f" + `\"\\"`},
		{"a3" + "e280a8", `"` + "\u2028" + `"`},
		// Keys, and members that are undefined.
		{"83" + "01a161" + "d0ffa162" + "a0a163", `{"1":"a","-1":"b","":"c"}`},
		{"82" + "a161d40000" + "a16101", `{"a":1}`},
		{"82" + "a16101" + "a16102", `{"a":1,"a":2}`},
		{"81" + "a2ff22c0", `{"` + "\ufffd" + `\"":null}`},
		{"92" + "d40000d400ff", `[null,null]`},
	} {
		p, err := ParseMsgpack(event(string(unhex(t, tt.value))), 0)
		if err != nil || argument(t, &p) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.value, p.Data, err, tt.want)
		}
	}
}

// JSON in other words than our own, and the formats that notepack.io gives the values.
func TestAppendMsgpackValues(t *testing.T) {
	for _, tt := range []struct{ json, want string }{
		{"1.0", "01"},
		{"1e3", "cd03e8"},
		{"-1E+2", "d09c"},
		{"-0", "00"},
		{"-0.0", "00"},
		{"123456789e-2", "cb4132d687e3d70a3d"},
		{"18446744073709551615", "cfffffffffffffffff"},
		{"-9223372036854775808", "d38000000000000000"},
		{"9223372036854775808", "cf8000000000000000"},
		{"18446744073709551616", "cb43f0000000000000"}, // of which notepack.io makes 0
		{"-1e19", "cbc3e158e460913d00"},
		{"1e999", "cb7ff0000000000000"},
		{`"\u00e9\ud83d\ude00\/"`, "a7c3a9f09f98802f"},
		{`"\ud83d"`, "a3efbfbd"},
		{"\"\xff\"", "a3efbfbd"},
		{" { \"a\" :\t[ ] , \"b\" : { } }\r\n", "82a16190a16280"},
		{`[[],[1,[2,3]],[]]`, "9390920192020390"},
		{`{"a":{"b":[true]},"c":"],:\"}"}`, "82a16181a16291c3a163a55d2c3a227d"},
		{`"` + strings.Repeat("x", 31) + `"`, "bf" + strings.Repeat("78", 31)},
		{`"` + strings.Repeat("x", 32) + `"`, "d920" + strings.Repeat("78", 32)},
		{`"` + strings.Repeat("x", 255) + `"`, "d9ff" + strings.Repeat("78", 255)},
		{`"` + strings.Repeat("x", 256) + `"`, "da0100" + strings.Repeat("78", 256)},
		{`"` + strings.Repeat("x", 65536) + `"`, "db00010000" + strings.Repeat("78", 65536)},
		{"[" + strings.Repeat("0,", 14) + "0]", "9f" + strings.Repeat("00", 15)},
		{"[" + strings.Repeat("0,", 15) + "0]", "dc0010" + strings.Repeat("00", 16)},
		{"[" + strings.Repeat("0,", 65535) + "0]", "dd00010000" + strings.Repeat("00", 65536)},
		{"{" + strings.Repeat(`"a":0,`, 14) + `"a":0}`, "8f" + strings.Repeat("a16100", 15)},
		{"{" + strings.Repeat(`"a":0,`, 15) + `"a":0}`, "de0010" + strings.Repeat("a16100", 16)},
		{"{" + strings.Repeat(`"a":0,`, 65535) + `"a":0}`, "df00010000" + strings.Repeat("a16100", 65536)},
	} {
		p := Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: []byte(`["a",` + tt.json + `]`)}
		want := event(string(unhex(t, tt.want)))
		if got, err := AppendMsgpack(nil, &p); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%.80s: %.200x, %v; want %.200x", tt.json, got, err, want)
		}
	}
}

func TestMsgpackAttachments(t *testing.T) {
	for _, size := range []int{0, 255, 256, 65535, 65536} {
		bin := bytes.Repeat([]byte{'b'}, size)
		p := Packet{
			Type: TypeBinaryEvent, Namespace: "/", ID: NoID, Data: []byte(`["a",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{bin},
		}
		wire, err := AppendMsgpack(nil, &p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseMsgpack(wire, 1); err != nil || !samePacket(&got, &p) {
			t.Errorf("%d bytes: %v", size, err)
		}
		ext := binary.BigEndian.AppendUint32([]byte{msgpackExt8 + 2}, uint32(size)) // an ArrayBuffer, of which notepack.io 2 makes this
		if got, err := ParseMsgpack(event(string(append(append(ext, 0), bin...))), 1); err != nil || !samePacket(&got, &p) {
			t.Errorf("ArrayBuffer of %d bytes: %v", size, err)
		}
	}
	// However the JSON spells its placeholders, and however often.
	p := Packet{
		Type: TypeBinaryEvent, Namespace: "/", ID: NoID,
		Data:        []byte(`["a",[{ "num": 1 , "_placeholder": true }, {"_place\u0068older":true,"num":0,"x":[{"_placeholder":false}]},{"num":2}]]`),
		Attachments: [][]byte{[]byte("zero"), []byte("one")},
	}
	want := event("\x93\xc4\x03one\xc4\x04zero\x81\xa3num\x02")
	if got, err := AppendMsgpack(nil, &p); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	p.Attachments = p.Attachments[:1]
	if got, err := AppendMsgpack([]byte("x"), &p); err != ErrPlaceholder || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	p.Type = TypeEvent // which knows no placeholders
	if got, err := AppendMsgpack(nil, &p); err != nil || !bytes.Contains(got, []byte("\xac_placeholder\xc3")) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAppendMsgpackRefuses(t *testing.T) {
	for _, tt := range []struct {
		packet Packet
		want   error
	}{
		{Packet{Type: 7}, ErrType},
		{Packet{Data: []byte{}}, ErrPayload},
		{Packet{Data: []byte(`[1`)}, ErrPayload},
		{Packet{Data: []byte(`[1]]`)}, ErrPayload},
		{Packet{Data: []byte(`[1 2]`)}, ErrPayload},
		{Packet{Data: []byte(strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1))}, ErrPayload},
		{Packet{Type: TypeBinaryAck, Data: []byte(`[{"_placeholder":true,"num":0}]`)}, ErrPlaceholder},
		{Packet{Type: TypeBinaryAck, Data: []byte(`[{"_placeholder":true}]`), Attachments: [][]byte{{}}}, ErrPlaceholder},
		{
			Packet{
				Type: TypeBinaryAck, Data: []byte(`[{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":1}}]`), Attachments: [][]byte{{}, {}},
			},
			ErrPlaceholder,
		},
	} {
		if got, err := AppendMsgpack([]byte("x"), &tt.packet); err != tt.want || string(got) != "x" {
			t.Errorf("%v %s: %q, %v; want %v", tt.packet.Type, tt.packet.Data, got, err, tt.want)
		}
	}
}

func TestParseMsgpackRefuses(t *testing.T) {
	const head = "\x83\xa4type\x02\xa3nsp\xa1/\xa4data"
	nested := func(n int) string { return head + "\x92\xa1a" + strings.Repeat("\x91", n) + "\xc0" }
	for _, tt := range []struct {
		name, wire string
		want       error
	}{
		{"nothing", "", ErrMsgpack},
		{"no map", "\x90", ErrMsgpack},
		{"an empty map", "\x80", ErrType},
		{"no type", "\x81\xa3nsp\xa1/", ErrType},
		{"type 5", "\x82\xa4type\x05\xa3nsp\xa1/", ErrType},
		{"type -1", "\x82\xa4type\xff\xa3nsp\xa1/", ErrType},
		{"type 1.5", "\x82\xa4type\xca\x3f\xc0\x00\x00\xa3nsp\xa1/", ErrType},
		{"type NaN", "\x82\xa4type\xca\x7f\xc0\x00\x00\xa3nsp\xa1/", ErrType},
		{"type 2 as text", "\x82\xa4type\xa12\xa3nsp\xa1/", ErrType},
		{"no namespace", "\x81\xa4type\x01", ErrNamespace},
		{"a namespace that is no text", "\x82\xa4type\x01\xa3nsp\x01", ErrNamespace},
		{"a namespace of no bytes", "\x82\xa4type\x01\xa3nsp\xa0", ErrNamespace},
		{"a namespace with a comma", "\x82\xa4type\x01\xa3nsp\xa4/a,b", ErrNamespace},
		{"a namespace without a slash", "\x82\xa4type\x01\xa3nsp\xa1x", ErrNamespace},
		{"a namespace that is too long", "\x82\xa4type\x01\xa3nsp\xda\x08\x01/" + strings.Repeat("x", maxNamespace), ErrNamespace},
		{"an id that is text", "\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x90\xa2id\xa11", ErrID},
		{"an id below zero", "\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x90\xa2id\xff", ErrID},
		{"an id that is too large", "\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x90\xa2id\xcf\x00\x20\x00\x00\x00\x00\x00\x00", ErrID},
		{"an id of 1e300", "\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x90\xa2id\xcb\x7e\x37\xe4\x3c\x88\x00\x75\x9c", ErrID},
		{"an id with all bits", "\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x90\xa2id\xcf\xff\xff\xff\xff\xff\xff\xff\xff", ErrID},
		{"an event without data", "\x82\xa4type\x02\xa3nsp\xa1/", ErrPayload},
		{"an event without a name", head + "\x90", ErrPayload},
		{"an event whose name is bytes", head + "\x91\xc4\x01a", ErrPayload},
		{"an event that is a map", head + "\x81\xa1a\xc0", ErrPayload},
		{"an event with a reserved name", head + "\x91\xaadisconnect", ErrReserved},
		{"a disconnect with data", "\x83\xa4type\x01\xa3nsp\xa1/\xa4data\x80", ErrPayload},
		{"a connect with an array", "\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x90", ErrPayload},
		{"a connect with bytes", "\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa1a\xc4\x00", ErrAttachments},
		{"a connect error of bytes", "\x83\xa4type\x04\xa3nsp\xa1/\xa4data\xc4\x00", ErrAttachments},
		{"a byte more", "\x82\xa4type\x01\xa3nsp\xa1/\x00", ErrMsgpack},
		{"0xc1", string(event("\xc1")), ErrMsgpack},
		{"a key that is nil", string(event("\x81\xc0\x00")), ErrMsgpack},
		{"a key that is a number with a fraction", string(event("\x81\xca\x3f\xc0\x00\x00\x00")), ErrMsgpack},
		{"a key that is bytes", string(event("\x81\xc4\x00\x00")), ErrMsgpack},
		{"a member of the packet whose key is nil", "\x83\xa4type\x01\xa3nsp\xa1/\xc0\x00", ErrMsgpack},
		{"an extension of another type", string(event("\xd4\x01\x00")), ErrMsgpack},
		{"a fixed one of notepack's that it has not", string(event("\xd5\x00\x00\x00")), ErrMsgpack},
		{"a timestamp of no such size", string(event("\xd5\xff\x00\x00")), ErrMsgpack},
		{"an array of four thousand million", string(event("\xdd\xff\xff\xff\xff\x00")), ErrMsgpack},
		{"a map of four thousand million", string(event("\xdf\xff\xff\xff\xff\xa0\x00")), ErrMsgpack},
		{"text of four thousand million", string(event("\xdb\xff\xff\xff\xffx")), ErrMsgpack},
		{"bytes of four thousand million", string(event("\xc6\xff\xff\xff\xffx")), ErrMsgpack},
		{"an ArrayBuffer of four thousand million", string(event("\xc9\xff\xff\xff\xff\x00x")), ErrMsgpack},
		{"deeper than the limit", nested(maxDepth), ErrMsgpack},
		{"far deeper", nested(1 << 20), ErrMsgpack},
		{"three attachments", string(event("\x93\xc4\x00\xc4\x00\xc4\x00")), ErrAttachments},
		{"another placeholder beside bytes", string(event("\x92\xc4\x00\x82\xac_placeholder\xc3\xa3num\x00")), ErrPlaceholder},
		{"another, of no attachment", string(event("\x92\xc4\x00\x82\xac_placeholder\xc3\xa3num\x01")), ErrPlaceholder},
	} {
		if p, err := ParseMsgpack([]byte(tt.wire), 2); err != tt.want || !samePacket(&p, &Packet{}) {
			t.Errorf("%s: %v, %v; want %v", tt.name, p, err, tt.want)
		}
	}
	if _, err := ParseMsgpack([]byte(nested(maxDepth-1)), 0); err != nil {
		t.Errorf("as deep as the limit: %v", err)
	}
	if p, err := ParseMsgpack(event("\x82\xac_placeholder\xc3\xa3num\x05"), 0); err != nil || p.Type != TypeEvent {
		t.Errorf("what looks like a placeholder, without attachments: %v, %v", p, err)
	}
}

func TestParseMsgpackCut(t *testing.T) {
	for _, v := range msgpackVectors {
		wire := unhex(t, v.wire)
		for i := range wire {
			if p, err := ParseMsgpack(wire[:i:i], anyNumber); err == nil {
				t.Errorf("%s cut at %d: %v", v.wire, i, p)
			}
		}
	}
}

// The values of which JSON takes most, by the bytes that they take.
func TestParseMsgpackGrowth(t *testing.T) {
	for name, value := range map[string]string{
		"text":       "\xdb\x00\x00\x40\x00" + strings.Repeat("\x01", 1<<14),
		"not UTF-8":  "\xdb\x00\x00\x40\x00" + strings.Repeat("\xff", 1<<14),
		"false":      "\xdc\x40\x00" + strings.Repeat("\xc2", 1<<14),
		"undefined":  "\xdc\x40\x00" + strings.Repeat("\xd4\x00\x00", 1<<14),
		"floats":     "\xdc\x40\x00" + strings.Repeat("\xca\x80\x80\x00\x01", 1<<14),
		"timestamps": "\xdc\x40\x00" + strings.Repeat("\xd6\xff\x00\x00\x00\x00", 1<<14),
		"keys":       "\xde\x40\x00" + strings.Repeat("\xa1\x01\xc2", 1<<14),
		"bytes":      "\xdc\x40\x00" + strings.Repeat("\xc4\x00", 1<<14),
	} {
		wire := event(value)
		p, err := ParseMsgpack(wire, anyNumber)
		if err != nil || len(p.Data) > growth(wire, &p) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(p.Data), len(wire), err)
		}
	}
}

// growth returns how long the JSON of a packet may be.
func growth(wire []byte, p *Packet) int { return 6*len(wire) + 40*len(p.Attachments) }

// Whatever is taken is a packet that can be sent on, and comes back the same.
func FuzzParseMsgpack(f *testing.F) {
	for _, v := range msgpackVectors {
		f.Add(unhex(f, v.wire))
	}
	for _, value := range []string{"\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b", "\xd6\xff\x65\x53\xf1\x00", "\xc7\x01\x00x", "\x81\x01\xd4\x00\x00", "\xca\x3d\xcc\xcc\xcd"} {
		f.Add(event(value))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		p, err := ParseMsgpack(wire, 4)
		if err != nil {
			return
		}
		if len(p.Attachments) > 4 || len(p.Data) > growth(wire, &p) || p.Data != nil && !json.Valid(p.Data) {
			t.Fatalf("%q became %v with %s", wire, p, p.Data)
		}
		again, err := AppendMsgpack(nil, &p)
		if err != nil {
			t.Fatalf("%s: %v", p.Data, err)
		}
		if got, err := ParseMsgpack(again, 4); err != nil || !samePacket(&got, &p) {
			t.Fatalf("%q became %v with %s, and that %v with %s, %v", wire, p, p.Data, got, got.Data, err)
		}
	})
}

// JSON that is sent comes back, and means the same.
func FuzzAppendMsgpack(f *testing.F) {
	for _, v := range msgpackVectors {
		f.Add(v.packet.Data)
	}
	f.Add([]byte(` [ "a" , { "b" : [ ] , "\u00e9\ud800" : { } } , 1e400 , -0.0 , 18446744073709551616 ] `))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append(append([]byte(`["a",`), data...), ']')
		wire, err := AppendMsgpack(nil, &Packet{Type: TypeEvent, Namespace: "/", ID: NoID, Data: data})
		if err != nil {
			if !errors.Is(err, ErrPayload) {
				t.Fatal(err)
			}
			return
		}
		p, err := ParseMsgpack(wire, 0)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		var before, after any
		if json.Unmarshal(data, &before) != nil {
			return // a number that is too large
		}
		if err := json.Unmarshal(p.Data, &after); err != nil {
			t.Fatalf("%s became %s: %v", data, p.Data, err)
		}
		if !alike(before, after) {
			t.Fatalf("%s became %s", data, p.Data)
		}
	})
}

// alike compares what was decoded. 0 and -0 are.
func alike(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.Abs(a-b) <= math.Abs(a)*1e-15)
	case []any:
		b, ok := b.([]any)
		for i := range a {
			if !ok || len(a) != len(b) || !alike(a[i], b[i]) {
				return false
			}
		}
		return ok && len(a) == len(b)
	case map[string]any:
		b, ok := b.(map[string]any)
		for k := range a {
			if !ok || !alike(a[k], b[k]) {
				return false
			}
		}
		return ok && len(a) == len(b)
	}
	return a == b
}

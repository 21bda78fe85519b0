package eio

// This file tests what stands before and around packets: the query, refusals, OPEN, JSONP.

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestQuery(t *testing.T) {
	for raw, want := range map[string]Query{
		"EIO=4&transport=polling":                      {Revision: V4, Transport: Polling},
		"EIO=3&transport=websocket&b64=1&t=NxX":        {Revision: V3, Transport: WebSocket, Text: true},
		"transport=polling":                            {Revision: V3, Transport: Polling},
		"EIO=4&transport=polling&sid=a%2Bb&x=1&x=2&%z": {Revision: V4, Transport: Polling, SID: "a+b"},
		"EIO=3&transport=polling&j=12":                 {Revision: V3, Transport: Polling, JSONP: "12"},
		"EIO=5&transport=polling":                      {Transport: Polling},
		"EIO=a&transport=polling":                      {Transport: Polling},
		"EIO=&transport=polling":                       {Transport: Polling},
	} {
		if got, refusal := ParseQuery(raw); refusal != nil || got != want {
			t.Errorf("%s: %+v, %v", raw, got, refusal)
		}
	}
}

// E05, E06, E12
func TestAttack_E05_Query(t *testing.T) {
	for raw, want := range map[string]Code{
		"":                                  UnknownTransport,
		"EIO=4":                             UnknownTransport,
		"EIO=4&transport=__proto__":         UnknownTransport,
		"EIO=4&transport=constructor":       UnknownTransport,
		"EIO=4&transport=unknown":           UnknownTransport,
		"EIO=4&transport=":                  UnknownTransport,
		"EIO=4&transport=Polling":           UnknownTransport,
		"EIO=4&EIO=4&transport=polling":     BadRequest,
		"transport=polling&transport=po":    BadRequest,
		"sid=a&sid=b&transport=polling":     BadRequest,
		"transport=polling&sid=":            UnknownSID,
		"transport=polling&sid":             UnknownSID,
		"transport=polling&j=":              BadRequest,
		"transport=polling&j=0);alert(1)//": BadRequest,
		"transport=polling&j=1&j=1":         BadRequest,
		"transport=polling&j=1234567890":    BadRequest,
		"transport=polling&j=%31x":          BadRequest,
		"transport=polling&" + strings.Repeat("a=1&", maxParameters): BadRequest,
	} {
		if got, refusal := ParseQuery(raw); refusal == nil || refusal.Code != want || got != (Query{}) {
			t.Errorf("%.60s: %+v, %v", raw, got, refusal)
		}
	}
}

func TestRefusal(t *testing.T) {
	for _, tt := range []struct {
		r      Refusal
		status int
		body   string
	}{
		{Refusal{Code: UnknownTransport}, 400, `{"code":0,"message":"Transport unknown"}`},
		{Refusal{Code: UnknownSID}, 400, `{"code":1,"message":"Session ID unknown"}`},
		{Refusal{Code: BadHandshakeMethod}, 400, `{"code":2,"message":"Bad handshake method"}`},
		{Refusal{Code: BadRequest}, 400, `{"code":3,"message":"Bad request"}`},
		{Refusal{Code: Forbidden}, 403, `{"code":4,"message":"Forbidden"}`},
		{Refusal{Code: UnsupportedRevision}, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{Refusal{Code: Forbidden, Status: 503, Message: "<\"\r\n"}, 503, `{"code":4,"message":"\u003c\"\r\n"}`},
	} {
		body := string(tt.r.AppendJSON(nil))
		if body != tt.body || tt.r.StatusCode() != tt.status {
			t.Errorf("%d %s, want %d %s", tt.r.StatusCode(), body, tt.status, tt.body)
		}
	}
	r := Refusal{Code: BadRequest, Detail: "two polls at once"}
	if r.Error() != "eio: request refused: Bad request: two polls at once" || Code(9).String() != "error 9" {
		t.Error(r.Error(), Code(9))
	}
	if s := Polling.String() + " " + WebSocket.String() + " " + Transport(0).String(); s != "polling websocket unknown" {
		t.Error(s)
	}
}

// The JSON has exactly these fields, in this order.
func TestOpen(t *testing.T) {
	o := Open{SID: "a\"b", Upgrades: []string{"websocket"}, PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, MaxPayload: 1e6}
	for rev, want := range map[Revision]string{
		V4: `{"sid":"a\"b","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
		V3: `{"sid":"a\"b","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`,
	} {
		data := AppendOpen(nil, rev, &o)
		if string(data) != want {
			t.Errorf("%d: %s", rev, data)
		}
		if got, err := ParseOpen(data); err != nil || got.SID != o.SID || got.PingInterval != o.PingInterval || len(got.Upgrades) != 1 {
			t.Errorf("%d: %+v, %v", rev, got, err)
		}
	}
	if s := string(AppendOpen(nil, V4, &Open{Upgrades: []string{"a", "b"}})); !strings.Contains(s, `"upgrades":["a","b"]`) {
		t.Error(s)
	}
	if s := string(AppendOpen(nil, V4, new(Open))); !strings.Contains(s, `"upgrades":[]`) {
		t.Error(s)
	}
}

func TestOpenWrong(t *testing.T) {
	for _, s := range []string{
		"", "null", "[]", `{"sid":1}`, `{"sid":"a"}`,
		`{"sid":"","pingInterval":1,"pingTimeout":1}`,
		`{"sid":"a","pingInterval":-1,"pingTimeout":1}`,
		`{"sid":"a","pingInterval":1,"pingTimeout":0}`,
		`{"sid":"a","pingInterval":1e300,"pingTimeout":1}`,
		`{"sid":"a","pingInterval":1,"pingTimeout":9000000000000000000}`,
		`{"sid":"a","pingInterval":1,"pingTimeout":1,"maxPayload":-1}`,
	} {
		if o, err := ParseOpen([]byte(s)); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %+v, %v", s, o, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseOpen(data)
		if err != nil {
			return
		}
		again, err := ParseOpen(AppendOpen(nil, V4, &o))
		if err != nil || again.SID != o.SID || again.PingInterval != o.PingInterval || again.MaxPayload != o.MaxPayload {
			t.Fatalf("%+v became %+v, %v", o, again, err)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("EIO=4&transport=polling&sid=abc")
	f.Add("EIO=3&transport=polling&j=0&b64=1")
	f.Add("transport=%70olling&%zz=&;&&")
	f.Fuzz(func(t *testing.T, raw string) {
		q, refusal := ParseQuery(raw)
		if (refusal == nil) == (q.Transport == 0) {
			t.Fatalf("%+v, %v", q, refusal)
		}
		if strings.Trim(q.JSONP, "0123456789") != "" {
			t.Fatalf("a callback of %q", q.JSONP)
		}
	})
}

// formed writes a payload as the original client does into a form, and a browser into a body.
func formed(payload string) string {
	payload = strings.ReplaceAll(payload, `\n`, "\\\n")
	payload = strings.ReplaceAll(payload, "\n", `\n`)
	return "d=" + url.QueryEscape(payload)
}

func TestForm(t *testing.T) {
	for _, payload := range []string{"", "6:4hello", "2:4\n", `3:4\n`, `4:4\\n`, "5:4a\n\\n", `\\\\n\n` + "\n\n", "2:4€", "a+b&c=d%"} {
		if got, err := ParseForm([]byte(formed(payload))); err != nil || string(got) != payload {
			t.Errorf("%q: %q, %v", payload, got, err)
		}
	}
}

// E12
func TestAttack_E12_Form(t *testing.T) {
	for _, body := range []string{"", "d", "x=1", "d=1&d=2", "d=1&x=2", strings.Repeat("a=1&", 1_000_000) + "d=4", "d=%", "d=%zz"} {
		start := time.Now()
		if got, err := ParseForm([]byte(body)); !errors.Is(err, ErrForm) {
			t.Errorf("%.20q: %q, %v", body, got, err)
		}
		if d := time.Since(start); d > 50*time.Millisecond {
			t.Errorf("%.20q: %v", body, d)
		}
	}
}

// E12
func TestAttack_E12_Script(t *testing.T) {
	got := string(AppendScript(nil, "0", []byte("9:4</script>&\u2028\u2029\"\\\n\xff")))
	want := `___eio[0]("9:4\u003c/script\u003e\u0026\u2028\u2029\"\\\n\ufffd");`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("d=6%3A4hello")
	f.Add(`d=\n\\n+%5Cn`)
	f.Fuzz(func(t *testing.T, body string) {
		payload, err := ParseForm([]byte(body))
		if err != nil || strings.Contains(string(payload), "\\\n") { // which no client can mean
			return
		}
		again, err := ParseForm([]byte(formed(string(payload))))
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%q became %q, %v", payload, again, err)
		}
	})
}

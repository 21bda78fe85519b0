package conformance

// This file holds raw Socket.IO: packets written by hand, right and wrong, and what comes back, byte for byte, of the official server and of ours.

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A rawScript is what a client sends after it has connected to "/": Socket.IO packets, "b:" and bytes in hex, or "e:" and an Engine.IO packet. "wait:" and
// a namespace waits until all is done that was sent before. In an acknowledgement # stands for the id of the last question.
type rawScript struct {
	name string
	send []string
}

// one is a script of a single packet, which is its name.
func one(packets ...string) []rawScript {
	var list []rawScript
	for _, p := range packets {
		list = append(list, rawScript{fmt.Sprintf("%.60s", p), []string{p}})
	}
	return list
}

const attachment = `{"_placeholder":true,"num":0}`

var rawScripts = slices.Concat(
	// Right.
	one(`0/chat,`, `0/chat`, `0/room-1,`, `0/slow,`, `0/chat?x=1,`, `0/auth?token=secret,`, `0/auth,{"token":"secret"}`, `0/chat,{"a":"é"}`,
		`0/nowhere,`, `0/nowhere`, `0/refused,`, `0/refused-plainly,`, `0/auth,`, `0/auth,{"token":"wrong"}`,
		`2["echo"]`, `2["echo",1,"two",null,{"a":[]},"é界👩"]`, `27["echo",1]`, `2/,7["echo",1]`, `2999999999["echo"]`,
		`2["nobody listens"]`, `27["nobody listens"]`, `2["binary"]`, `2["several",3]`, `27["twice"]`, `2["forbidden"]`,
		`2["bye",true]`, `2[""]`, `30[]`, `3123["x"]`, `2["echo","`+strings.Repeat("x", 70_000)+`"]`),
	[]rawScript{
		{"in a namespace", []string{`0/chat,`, `2/chat,["echo",1]`, `2/chat,0["echo",2]`}},
		{"refused, and then an event", []string{`0/refused,`, `2/refused,["echo",1]`}},
		{"leaves and comes back", []string{`0/chat,`, `1/chat,`, "wait:", `0/chat,`, `2/chat,5["echo",1]`}},
		{"leaves twice", []string{`0/chat,`, `1/chat,`, "wait:", `1/chat,`}},
		{"leaves the root, and goes on elsewhere", []string{`0/chat,`, `1`, "wait:/chat,", `2/chat,5["echo",1]`, "wait:/chat,"}},
		{"is disconnected in the root", []string{`0/chat,`, `2["bye",false]`, "wait:/chat,"}},
		{"is disconnected in one of two", []string{`0/chat,`, `2/chat,["bye",false]`}},
		{"is disconnected in both", []string{`0/chat,`, `2/chat,["bye",true]`}},
		{"answers", []string{`2["ask","x",{"y":1}]`, `3#["answer",2]`}},
		{"answers with nothing", []string{`2["ask"]`, `3#[]`}},
		{"answers twice", []string{`2["ask",1]`, `3#[1]`, `3#[2]`}},
		{"answers in another namespace", []string{`0/chat,`, `2["ask",1]`, `3/chat,#["wrong"]`, `3#["right"]`}},
		{"bytes", []string{`51-["echo",` + attachment + `]`, "b:0102"}},
		{"no bytes", []string{`51-["echo",` + attachment + `]`, "b:"}},
		{"bytes, acknowledged", []string{`51-3["echo",{"a":[` + attachment + `]}]`, "b:00ff"}},
		{"bytes, in a namespace", []string{`0/chat,`, `51-/chat,3["echo",` + attachment + `]`, "b:00ff"}},
		{"bytes twice", []string{`52-["echo",` + attachment + `,{"_placeholder":true,"num":1}]`, "b:01", "b:02"}},
		{"bytes in the other order", []string{`52-["echo",{"_placeholder":true,"num":1},` + attachment + `]`, "b:01", "b:02"}},
		{"answers with bytes", []string{`2["ask",1]`, `61-#[` + attachment + `]`, "b:05"}},
		{"is asked with bytes", []string{`51-["ask",` + attachment + `]`, "b:05", `3#[7]`}},
		{"ten attachments", slices.Concat([]string{`510-7["echo"` + attachments(10) + `]`}, slices.Repeat([]string{"b:01"}, 10))},
		{"a placeholder in a text", []string{`27["echo",` + attachment + `]`}},
	},
	// Wrong.
	one(`2[1]`, `2[1,2]`, `2[null]`, `2[true]`, `2[{}]`, `2[[]]`, `2[]`, `2{}`, `2{"0":"echo"}`, `2null`, `2"a"`, `2[`, `2["a"`, `2["a"]x`,
		`2["echo",1] `, `2["echo",01]`, `2["echo",'a']`, `2["echo",NaN]`, `2-1["echo"]`, `2["connect"]`, `2["connect_error"]`, `2["disconnect"]`, `2["disconnecting"]`,
		`2["newListener"]`, `2["removeListener"]`, `2["error","x"]`, `2["connection"]`,
		`3[]`, `30{}`, `30["a"`, `3/chat,1[]`, `2/chat,["a"]`, `1/chat,`, `1{}`, `1x`, `7`, `8[]`, `9`, `x`, ``, `4`, `4{"message":"x"}`, `4/chat,"x"`,
		`0`, `0{}`, `0/`, `0/,`, `0chat,`, `0/chat,{bad`, `0/chat,[1]`, `0/chat,"x"`, `0/chat,null`, `0/chat,1`, `0/chat,{}x`, `2//,["x"]`,
		`5["a"]`, `5-["a"]`, `50-["echo",1]`, `5x-["a"]`, `51["a"]`, `5-1-["a"]`, `51.5-["a"]`, `51-`, `51-["echo"`, `6`, `60-1[]`, `61-1[]`, `b:01`),
	[]rawScript{
		{"connects twice", []string{`0/chat,`, `0/chat,`}},
		{"text between bytes", []string{`51-["echo",` + attachment + `]`, `2["echo",1]`}},
		{"an announcement in an announcement", []string{`51-["echo",` + attachment + `]`, `51-["echo",` + attachment + `]`}},
		{"too few bytes", []string{`52-["echo",` + attachment + `]`, "b:01"}},
		{"too many bytes", []string{`51-["echo",` + attachment + `]`, "b:01", "wait:", "b:02"}},
		{"bytes of a number that is not there", []string{`51-["echo",{"_placeholder":true,"num":1}]`, "b:01"}},
		{"bytes of a negative number", []string{`51-["echo",{"_placeholder":true,"num":-1}]`, "b:01"}},
		{"bytes of a number in quotes", []string{`51-["echo",{"_placeholder":true,"num":"0"}]`, "b:01"}},
		{"bytes without a number", []string{`51-["echo",{"_placeholder":true}]`, "b:01"}},
		{"bytes for the event's name", []string{`51-[` + attachment + `]`, "b:01"}},
		{"eleven attachments", slices.Concat([]string{`511-7["echo"` + attachments(11) + `]`}, slices.Repeat([]string{"b:01"}, 11))},
		{"an unknown packet of Engine.IO", []string{"e:9"}},
		{"a ping", []string{"e:2"}},
		{"a pong", []string{"e:3"}},
	},
)

// stricter are scripts that the official server lets pass, in one way or another, and ours does not.
var stricter = slices.Concat(one(`2`, `30`, `2 ["echo",1]`),
	[]rawScript{
		{"bytes that nothing stands for", []string{`51-["echo",1]`, "b:01"}},
		{"bytes of half a number", []string{`51-["echo",{"_placeholder":true,"num":0.5}]`, "b:01"}},
		{"the same bytes twice", []string{`51-["echo",` + attachment + `,` + attachment + `]`, "b:01"}},
		{"a noop of Engine.IO", []string{"e:6"}},
		{"an open of Engine.IO", []string{"e:0"}},
		{"an upgrade of Engine.IO", []string{"e:5"}},
	},
)

// beforeConnect are scripts of a client that has not connected to any namespace; clients of revision 3 always have.
var beforeConnect = one(`2["echo",1]`, `1`, `30[]`, `51-["a"]`, `4"x"`, `b:01`, `0`, `0{}`, `0{"token":"x"}`, `0null`, `0[]`, `0"x"`, `0{bad`, `0/`, `0/,`, `0/chat,`,
	`0/nowhere,`, `0/refused,`, `0/refused-plainly,`, `0/auth,{"token":"secret"}`, `0/`+strings.Repeat("x", 2000)+`,`, `0{"a":"`+strings.Repeat("x", 10_000)+`"}`)

// attachments are arguments that stand for bytes.
func attachments(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"_placeholder":true,"num":%d}`, i)
	}
	return b.String()
}

// mostFailures is how many scripts may fail before the others are not tried: each may have to wait.
const mostFailures = 5

func TestSocketIORaw(t *testing.T) {
	t.Parallel()
	const client = "raw packets"
	need(t, client, "nodejs", "socket.io")
	servers := startBoth(t)
	for _, revision := range []string{"4", "3"} {
		for _, transport := range []string{"polling", "websocket"} {
			check(t, client+", EIO="+revision, "packets", transport, func(t *testing.T) {
				run := func(s rawScript, connect bool) (official, ours []string) {
					return s.run(t, servers[0].url(), revision, transport, connect), s.run(t, servers[1].url(), revision, transport, connect)
				}
				failures := 0
				equal := func(s rawScript, connect bool) {
					if official, ours := run(s, connect); !slices.Equal(official, ours) {
						t.Errorf("%s (connected: %t)\n%s", s.name, connect, sideBySide(official, ours))
						if failures++; failures == mostFailures {
							t.FailNow()
						}
					}
				}
				for _, s := range rawScripts {
					equal(s, true)
				}
				for _, s := range stricter {
					if official, ours := run(s, true); last(official) != barrierAnswer || last(ours) == barrierAnswer {
						t.Errorf("%s: not stricter any more\n%s", s.name, sideBySide(official, ours))
					}
				}
				if revision == "4" {
					for _, s := range beforeConnect {
						equal(s, false)
					}
				}
			})
		}
	}
}

func last(list []string) string { return list[len(list)-1] }

// The barrier is a question that any client may ask, and its answer.
const barrier, barrierAnswer = `4299["echo","barrier"]`, `4399["barrier"]`

// run returns the packets that a server sends to a client that runs the script, until it answers or ends the session.
func (s rawScript) run(t *testing.T, url, revision, transport string, connect bool) []string {
	t.Helper()
	c := openRaw(t, url, revision, transport)
	defer c.close()
	var got []string
	question := ""
	until := func(done func(packet string) bool) bool {
		for {
			p, ok := c.read(t)
			if m := questionID.FindStringSubmatch(p); m != nil {
				question = m[1]
			}
			got = append(got, placeholders(p, c.sid, revision))
			if !ok || done(p) {
				return ok
			}
		}
	}
	if revision == "4" && connect {
		c.send(t, "40")
	}
	if connect && !until(joined.MatchString) {
		return got
	}
	for _, packet := range s.send {
		if namespace, ok := strings.CutPrefix(packet, "wait:"); ok {
			c.send(t, "42"+namespace+`98["echo"]`)
			if !until(func(p string) bool { return p == "43"+namespace+"98[]" }) {
				return got
			}
			continue
		}
		if strings.Contains(packet, "#") && question == "" {
			until(questionID.MatchString)
		}
		c.send(t, enginePacket(strings.ReplaceAll(packet, "#", question)))
		if strings.HasPrefix(packet, "0") && !until(joined.MatchString) {
			return got
		}
	}
	if !connect {
		c.send(t, "40/room-2,")
		until(joined.MatchString)
		return got
	}
	c.send(t, barrier)
	until(func(p string) bool { return p == barrierAnswer })
	return got
}

// enginePacket returns a script's packet as one of Engine.IO; bytes stay as they are written.
func enginePacket(p string) string {
	switch {
	case strings.HasPrefix(p, "b:"):
		return p
	case strings.HasPrefix(p, "e:"):
		return p[2:]
	}
	return "4" + p
}

var (
	questionID = regexp.MustCompile(`^4[25](?:\d+-)?(?:/[^,]*,)?(\d+)\["question"`)
	joined     = regexp.MustCompile(`^42(/[^,]*,)?\["welcome"|^44`) // or refused
	socketID   = regexp.MustCompile(`"sid":"[\w-]{20}"`)
)

// placeholders replaces what differs from session to session, and takes out what revision 3 does not know: the official server tells it all the same.
func placeholders(packet, sid, revision string) string {
	if revision == "3" && strings.HasPrefix(packet, "0") {
		packet = strings.Replace(packet, `,"maxPayload":1000000`, "", 1)
	}
	if m := questionID.FindStringSubmatchIndex(packet); m != nil {
		packet = packet[:m[2]] + "<id>" + packet[m[3]:]
	}
	packet = socketID.ReplaceAllString(packet, `"sid":"<sid>"`)
	if sid != "" {
		packet = strings.ReplaceAll(packet, sid, "<sid>")
	}
	if len(packet) > 300 {
		packet = fmt.Sprintf("%s...(%d)", packet[:100], len(packet))
	}
	return packet
}

func sideBySide(official, ours []string) string {
	var b strings.Builder
	for i := range max(len(official), len(ours)) {
		line := func(list []string) string {
			if i < len(list) {
				return list[i]
			}
			return "(nothing)"
		}
		if line(official) == line(ours) {
			fmt.Fprintf(&b, "  both     %s\n", line(ours))
		} else {
			fmt.Fprintf(&b, "  official %s\n  ours     %s\n", line(official), line(ours))
		}
	}
	return b.String()
}

// bytesOf returns the bytes that a script writes as "b:" and hex.
func bytesOf(packet string) ([]byte, bool) {
	text, ok := strings.CutPrefix(packet, "b:")
	if !ok {
		return nil, false
	}
	b, err := hex.DecodeString(text)
	return b, err == nil
}

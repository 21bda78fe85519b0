package chat

// This file tests the room over real connections: both formats, refusals, coming back, order, and a slow reader.

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// open serves a room, and returns its address.
func open(t *testing.T) (room *Room, address string) {
	t.Helper()
	room = NewRoom()
	ws := &websocket.Server{Handle: room.Handle, Options: Options(websocket.AcceptOptions{})}
	srv := httptest.NewServer(ws)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := ws.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return room, "ws" + strings.TrimPrefix(srv.URL, "http")
}

// A guest is a visitor of the test.
type guest struct {
	t    *testing.T
	conn *websocket.Conn
	id   string
	in   welcomeEvent // of those who speak JSON
}

// event has the members of every JSON event.
type event struct {
	Type, UID, Name, Text, Nonce, Code, Error string
	Seq                                       uint64
	Time                                      time.Time
}

func dial(t *testing.T, address string, protocols ...string) *websocket.Conn {
	t.Helper()
	c, err := websocket.Dial(t.Context(), address, &websocket.DialOptions{Subprotocols: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// visit comes with the HTML format.
func visit(t *testing.T, address string) *guest {
	t.Helper()
	g := &guest{t: t, conn: dial(t, address)}
	g.id = g.text()
	return g
}

// visitJSON comes with the JSON format.
func visitJSON(t *testing.T, address string, query url.Values) *guest {
	t.Helper()
	g := &guest{t: t, conn: dial(t, address+"?"+query.Encode(), Subprotocol)}
	if err := json.Unmarshal([]byte(g.text()), &g.in); err != nil || g.in.Type != "welcome" {
		t.Fatalf("no welcome: %+v, %v", g.in, err)
	}
	g.id = g.in.ID
	return g
}

// text reads one message.
func (g *guest) text() string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	msg, err := g.conn.Read(ctx)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(msg.Data)
}

func (g *guest) event() (e event) {
	g.t.Helper()
	text := g.text()
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		g.t.Fatalf("%s: %v", text, err)
	}
	return e
}

// wait reads events until one of a type.
func (g *guest) wait(kind string) event {
	g.t.Helper()
	for {
		if e := g.event(); e.Type == kind {
			return e
		}
	}
}

func (g *guest) sendRaw(text string) {
	g.t.Helper()
	if err := g.conn.Write(g.t.Context(), websocket.Text, []byte(text)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) say(text, nonce string) {
	g.t.Helper()
	g.sendRaw(string(encode(map[string]string{"uid": g.id, "message": text, "nonce": nonce})))
}

// said returns how many messages the room has taken.
func said(room *Room) uint64 {
	room.turn.Lock()
	defer room.turn.Unlock()
	return room.last
}

func TestHTMLFormat(t *testing.T) {
	_, address := open(t)
	ann, bob := visit(t, address), visit(t, address)
	if !uuidV4.MatchString(ann.id) || ann.id == bob.id {
		t.Fatalf("ids %q and %q", ann.id, bob.id)
	}
	ann.say(`<script>alert("1")</script> & '2'`, "")
	for _, g := range []*guest{ann, bob} {
		got := g.text()
		if !strings.HasPrefix(got, `<div style="border: `) || !strings.Contains(got, "游客"+ann.id) {
			t.Errorf("no bordered div of 游客%s: %s", ann.id, got)
		}
		if !strings.Contains(got, "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#39;2&#39;") || strings.Contains(got, "<script") {
			t.Errorf("not escaped: %s", got)
		}
	}
	late := visit(t, address)
	if got := late.text(); !strings.Contains(got, ann.id) {
		t.Errorf("history: %s", got)
	}
}

func TestJSONFormat(t *testing.T) {
	room, address := open(t)
	ann := visitJSON(t, address, url.Values{"name": {" Ann\u202e "}})
	want := welcomeEvent{
		Type: "welcome", Room: room.id, ID: ann.id, Token: room.notary.token(ann.id), Name: "Ann",
		Who: []person{{ann.id, "Ann"}},
	}
	if got := ann.in; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("welcome %+v, want %+v", got, want)
	}
	bob := visitJSON(t, address, nil)
	if len(bob.in.Who) != 2 || bob.in.Who[0] != (person{ann.id, "Ann"}) || bob.in.Who[1] != (person{bob.id, ""}) {
		t.Errorf("who is here: %+v", bob.in.Who)
	}
	if e := ann.event(); e.Type != "join" || e.UID != bob.id {
		t.Errorf("join: %+v", e)
	}
	plain := visit(t, address)
	if e := ann.event(); e.Type != "join" || e.UID != plain.id {
		t.Errorf("join of one who speaks HTML: %+v", e)
	}

	bob.wait("join")
	bob.sendRaw(`{"type":"name","uid":"` + bob.id + `","name":"Bob"}`)
	for _, g := range []*guest{ann, bob} {
		if e := g.event(); e.Type != "name" || e.UID != bob.id || e.Name != "Bob" {
			t.Errorf("name: %+v", e)
		}
	}
	bob.say("hi", "n1")
	for _, g := range []*guest{ann, bob} {
		e := g.event()
		if e.Type != "message" || e.Seq != 1 || e.UID != bob.id || e.Name != "Bob" || e.Text != "hi" || e.Nonce != "n1" ||
			time.Since(e.Time).Abs() > time.Minute {
			t.Errorf("message: %+v", e)
		}
	}
	if got := plain.text(); !strings.Contains(got, "游客"+bob.id) {
		t.Errorf("the same in HTML: %s", got)
	}
	if err := bob.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if e := ann.event(); e.Type != "leave" || e.UID != bob.id {
		t.Errorf("leave: %+v", e)
	}
}

// TestBadMessagesGoNoFurther sends what is not what it should be: the sender reads why, its connection stays, and a bystander
// reads nothing of it.
func TestBadMessagesGoNoFurther(t *testing.T) {
	_, address := open(t)
	bystander := visitJSON(t, address, nil)
	for _, test := range []struct{ name, text, code string }{
		{"empty", "", "format"},
		{"no JSON", "hello", "format"},
		{"cut JSON", `{"uid":"ID","message":"x"`, "format"},
		{"two values", `{"uid":"ID","message":"x"} {}`, "format"},
		{"array", `[]`, "format"},
		{"null", `null`, "uid"},
		{"number for a text", `{"uid":"ID","message":5}`, "format"},
		{"object for an id", `{"uid":{},"message":"x"}`, "format"},
		{"deep", strings.Repeat("[", 20000), "format"},
		{"no id", `{"message":"x"}`, "uid"},
		{"id of nobody", `{"uid":"x","message":"x"}`, "uid"},
		{"id of another", `{"uid":"OTHER","message":"x"}`, "uid"},
		{"name of another", `{"type":"name","uid":"OTHER","name":"x"}`, "uid"},
		{"no message", `{"uid":"ID"}`, "format"},
		{"null message", `{"uid":"ID","message":null}`, "format"},
		{"unknown type", `{"type":"join","uid":"ID"}`, "format"},
		{"nothing to see", `{"uid":"ID","message":" \u0000\n"}`, "empty"},
		{"too long", `{"uid":"ID","message":"` + strings.Repeat("x", maxText+1) + `"}`, "size"},
		{"too long, escaped", `{"uid":"ID","message":"` + strings.Repeat(`\u0041`, maxText+1) + `"}`, "size"},
		{"long nonce", `{"uid":"ID","message":"x","nonce":"` + strings.Repeat("n", maxNonce+1) + `"}`, "format"},
		{"name without a name", `{"type":"name","uid":"ID"}`, "format"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, g := range []*guest{visit(t, address), visitJSON(t, address, nil)} {
				text := strings.NewReplacer("OTHER", bystander.id, "ID", g.id).Replace(test.text)
				g.sendRaw(text)
				answer := g.text()
				if g.in.Type == "" {
					if !strings.Contains(answer, `role="alert"`) || !strings.Contains(answer, "error: ") {
						t.Errorf("HTML answer: %s", answer)
					}
					continue
				}
				for strings.Contains(answer, `"type":"leave"`) { // of a guest before
					answer = g.text()
				}
				if !strings.Contains(answer, `"type":"error","code":"`+test.code+`"`) {
					t.Errorf("JSON answer: %s", answer)
				}
				g.sendRaw(`{"type":"name","uid":"` + g.id + `","name":"still here"}`)
				g.wait("name")
			}
		})
	}
	t.Run("binary", func(t *testing.T) {
		g := visitJSON(t, address, nil)
		if err := g.conn.Write(t.Context(), websocket.Binary, []byte(`{"uid":"`+g.id+`","message":"x"}`)); err != nil {
			t.Fatal(err)
		}
		if e := g.wait("error"); e.Code != "format" {
			t.Errorf("answer: %+v", e)
		}
	})
	g := visit(t, address)
	g.say("the first that is right", "")
	if e := bystander.wait("message"); e.Text != "the first that is right" || e.Seq != 1 {
		t.Errorf("the bystander heard %+v", e)
	}
}

func TestTheLongestMessagePasses(t *testing.T) {
	_, address := open(t)
	g := visitJSON(t, address, nil)
	g.sendRaw(`{"uid":"` + g.id + `","message":"` + strings.Repeat(`\u0041`, maxText) + `"}`)
	if e := g.event(); e.Type != "message" || e.Text != strings.Repeat("A", maxText) {
		t.Errorf("%.100v", e)
	}
}

func TestTooFast(t *testing.T) {
	room, address := open(t)
	g, bystander := visitJSON(t, address, nil), visitJSON(t, address, nil)
	const n = 100
	for i := range n {
		g.say("hi", fmt.Sprint(i))
	}
	said, refused := 0, 0
	g.wait("join")
	for range n {
		switch e := g.event(); {
		case e.Type == "message":
			said++
		case e.Code == "rate" && e.Nonce != "":
			refused++
		default:
			t.Fatalf("%+v", e)
		}
	}
	if said < talkBurst || said > talkBurst+20 || said+refused != n {
		t.Errorf("%d said, %d refused", said, refused)
	}
	for i := range said {
		if e := bystander.event(); e.Seq != uint64(i+1) {
			t.Fatalf("the bystander heard %+v", e)
		}
	}
	if room.Messages.Load() != n {
		t.Errorf("%d messages counted", room.Messages.Load())
	}
}

func TestComingBack(t *testing.T) {
	room, address := open(t)
	ann, bob := visitJSON(t, address, nil), visitJSON(t, address, nil)
	for i := range 5 {
		bob.say(fmt.Sprint("message ", i+1), fmt.Sprint(i+1))
	}
	for ann.wait("message").Seq < 3 { // and no further: the rest is lost on the way
	}
	_ = ann.conn.CloseNow()
	bob.wait("leave")
	if n := said(room); n != 5 {
		t.Fatalf("%d messages in the room", n)
	}

	back := url.Values{"id": {ann.id}, "token": {ann.in.Token}, "room": {ann.in.Room}, "after": {"3"}, "name": {"Ann"}}
	again := visitJSON(t, address, back)
	if again.id != ann.id || again.in.Token != ann.in.Token || again.in.Last != 5 || again.in.Missed != 0 {
		t.Errorf("welcome back: %+v", again.in)
	}
	for _, want := range []uint64{4, 5} {
		if e := again.event(); e.Seq != want {
			t.Errorf("seq %d, want %d", e.Seq, want)
		}
	}
	if e := bob.wait("join"); e.UID != ann.id || e.Name != "Ann" {
		t.Errorf("join: %+v", e)
	}

	second := visitJSON(t, address, back) // another tab: nobody joins who is here
	_ = second.conn.Close(websocket.StatusNormalClosure, "")
	bob.say("sixth", "6")
	if e := bob.event(); e.Type != "message" {
		t.Errorf("a second connection of one who is here made %+v", e)
	}

	for name, change := range map[string][2]string{
		"wrong token":  {"token", "x"},
		"no token":     {"token", ""},
		"another's id": {"id", bob.id},
	} {
		query, _ := url.ParseQuery(back.Encode())
		query.Set(change[0], change[1])
		if g := visitJSON(t, address, query); g.id == ann.id || g.id == bob.id {
			t.Errorf("%s: was believed", name)
		}
	}
	for name, change := range map[string][2]string{
		"another room": {"room", "x"},
		"no number":    {"after", "x"},
	} {
		query, _ := url.ParseQuery(back.Encode())
		query.Set(change[0], change[1])
		if e := visitJSON(t, address, query).wait("message"); e.Seq != 1 {
			t.Errorf("%s: history begins at %d", name, e.Seq)
		}
	}
}

func TestARepeatIsAnsweredAndNotSaidAgain(t *testing.T) {
	room, address := open(t)
	ann, bob := visitJSON(t, address, nil), visitJSON(t, address, nil)
	ann.say("once", "n")
	bob.wait("message")
	ann.say("once", "n")
	ann.wait("message")
	if e := ann.wait("message"); e.Seq != 1 || e.Nonce != "n" {
		t.Errorf("the answer to the repeat: %+v", e)
	}
	bob.say("another with the same nonce", "n")
	if e := bob.wait("message"); e.Seq != 2 {
		t.Errorf("bob heard the repeat: %+v", e)
	}
	if n := said(room); n != 2 {
		t.Errorf("%d messages in the room", n)
	}
}

// After Close nothing is said. A message that is refused behind it shows that it was looked at.
func TestAClosedRoomHearsNothing(t *testing.T) {
	room, address := open(t)
	ann, bob := visitJSON(t, address, nil), visitJSON(t, address, nil)
	ann.say("before", "1")
	bob.wait("message")
	room.Close()
	ann.say("after", "2")
	ann.sendRaw("no request")
	ann.wait("message")
	if e := ann.event(); e.Type != "error" {
		t.Errorf("heard %+v", e)
	}
	if n := said(room); n != 1 {
		t.Errorf("%d messages in the room", n)
	}
}

func TestForgottenMessagesAreCounted(t *testing.T) {
	room, address := open(t)
	v := visitJSON(t, address, nil)
	for i := range maxEntries + 50 {
		room.post(&visitor{person: person{UID: "x"}}, fmt.Sprint(i), "", time.Now())
	}
	back := visitJSON(t, address, url.Values{"room": {v.in.Room}, "after": {"10"}})
	if back.in.Missed != 40 || back.in.Last != maxEntries+50 {
		t.Errorf("%d missed of %d", back.in.Missed, back.in.Last)
	}
	if e := back.event(); e.Seq != 51 {
		t.Errorf("history begins at %d", e.Seq)
	}
	if fresh := visitJSON(t, address, nil); fresh.in.Missed != 0 {
		t.Errorf("a new visitor missed %d", fresh.in.Missed)
	}
}

func TestAFullRoomTakesNobody(t *testing.T) {
	room, address := open(t)
	room.turn.Lock()
	room.visitors = make([]*visitor, maxVisitors)
	room.turn.Unlock()
	_, err := dial(t, address).Read(t.Context())
	if code := websocket.CloseStatus(err); code != websocket.StatusTryAgainLater {
		t.Errorf("closed with %d, want 1013: %v", code, err)
	}
}

// TestOneOrderForAll has many visitors talk at once while others come and go. Everybody hears every message from where it came
// in, once, in one order; the order in which each speaker spoke is kept.
func TestOneOrderForAll(t *testing.T) {
	_, address := open(t)
	const speakers, each, total = 24, talkBurst, 24 * talkBurst
	var mu sync.Mutex
	heard := map[uint64]string{} // what anybody heard under a number
	listen := func(g *guest) {
		next, last := uint64(0), map[string]int{}
		for next <= total {
			e := g.event()
			if e.Type != "message" {
				continue
			}
			if next != 0 && e.Seq != next {
				t.Errorf("heard %d after %d", e.Seq, next-1)
				return
			}
			next = e.Seq + 1
			mu.Lock()
			if was, ok := heard[e.Seq]; ok && was != e.UID+e.Text {
				t.Errorf("number %d is %q and %q", e.Seq, was, e.UID+e.Text)
			}
			heard[e.Seq] = e.UID + e.Text
			mu.Unlock()
			var n int
			if _, err := fmt.Sscan(e.Text, &n); err != nil || n <= last[e.UID] {
				t.Errorf("%s said %d after %d", e.UID, n, last[e.UID])
			}
			last[e.UID] = n
		}
	}
	var all sync.WaitGroup
	for range speakers {
		g := visitJSON(t, address, nil)
		all.Go(func() { listen(g) })
		all.Go(func() {
			for i := range each {
				g.say(fmt.Sprint(i+1), fmt.Sprint(i))
			}
		})
	}
	for range 30 { // who comes late and listens on, and who comes and goes
		g := visitJSON(t, address, nil)
		all.Go(func() { listen(g) })
		_ = visit(t, address).conn.CloseNow()
	}
	all.Wait()
	if len(heard) != total {
		t.Errorf("%d messages heard, want %d", len(heard), total)
	}
}

// TestASlowReaderIsClosed has one visitor never read: it is closed when its queue is full, and the others wait for nothing.
func TestASlowReaderIsClosed(t *testing.T) {
	room, address := open(t)
	fast := visitJSON(t, address, nil)
	visitJSON(t, address, nil) // the slow one
	fast.wait("join")
	text := strings.Repeat("x", maxText)
	speaker := &visitor{person: person{UID: "speaker"}}
	longest := time.Duration(0)
	for n := uint64(1); ; n++ {
		if n > 10000 {
			t.Fatal("the slow reader is still there after 40 MB")
		}
		began := time.Now()
		room.post(speaker, text, "", time.Now())
		longest = max(longest, time.Since(began))
		e := fast.event()
		if e.Type == "leave" {
			break
		}
		if e.Type != "message" || e.Seq != n {
			t.Fatalf("event %d: %s %d", n, e.Type, e.Seq)
		}
	}
	if longest > time.Second {
		t.Errorf("a post took %v", longest)
	}
	room.turn.Lock()
	defer room.turn.Unlock()
	if len(room.visitors) != 1 {
		t.Errorf("%d visitors are left", len(room.visitors))
	}
}

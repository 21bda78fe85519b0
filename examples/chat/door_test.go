package chat

// This file tests the door for Socket.IO, with the packets as they are on the wire.

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/socketio"
	"github.com/duplex-go/duplex/websocket"
)

// openBoth serves a room with both doors, and returns their addresses.
func openBoth(t *testing.T) (room *Room, address, door string) {
	t.Helper()
	room = NewRoom()
	io := socketio.NewServer(nil)
	room.Door(io.Of("/chat"))
	ws := &websocket.Server{Handle: room.Handle, Options: Options(websocket.AcceptOptions{})}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	mux.Handle("/", ws)
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(ws.Shutdown(ctx), io.Shutdown(ctx)); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	address = "ws" + strings.TrimPrefix(srv.URL, "http")
	return room, address, address + "/socket.io/?EIO=4&transport=websocket"
}

// comeByDoor is visitJSON for a client that speaks Socket.IO.
func comeByDoor(t *testing.T, door, auth string) *guest {
	t.Helper()
	g := &guest{t: t, conn: dial(t, door)}
	g.text() // Engine.IO's OPEN packet
	g.sendRaw("40/chat," + auth)
	if joined := g.text(); !strings.HasPrefix(joined, "40/chat,") {
		t.Fatal(joined)
	}
	name, data := g.packet()
	if err := json.Unmarshal(data, &g.in); err != nil || name != "welcome" {
		t.Fatalf("no welcome: %s %s", name, data)
	}
	g.id = g.in.ID
	return g
}

// packet reads an event's name and its argument.
func (g *guest) packet() (name string, data []byte) {
	g.t.Helper()
	text := g.text()
	var args []json.RawMessage
	if rest, ok := strings.CutPrefix(text, "42/chat,"); !ok || json.Unmarshal([]byte(rest), &args) != nil || len(args) != 2 {
		g.t.Fatalf("no event: %s", text)
	}
	_ = json.Unmarshal(args[0], &name)
	return name, args[1]
}

func (g *guest) wantPacket(name string) (e event) {
	g.t.Helper()
	for {
		got, data := g.packet()
		if err := json.Unmarshal(data, &e); err != nil {
			g.t.Fatal(err)
		}
		if got == name {
			return e
		}
	}
}

// Visitors of both doors see each other.
func TestBothDoors(t *testing.T) {
	_, address, door := openBoth(t)
	ann := visitJSON(t, address, nil)
	bob := comeByDoor(t, door, `{"name":"Bob"}`)
	if e := ann.wait("join"); e.UID != bob.id || e.Name != "Bob" {
		t.Errorf("%+v", e)
	}
	ann.say("hello", "1")
	if e := bob.wantPacket("message"); e.Text != "hello" || e.UID != ann.id || e.Seq != 1 {
		t.Errorf("%+v", e)
	}
	bob.sendRaw(`42/chat,["message","hello too"]`)
	bob.sendRaw(`42/chat,7["message",{"message":"again","nonce":"n"}]`)
	ann.wait("message")
	for _, want := range []string{"hello too", "again"} {
		if e := ann.wait("message"); e.Text != want || e.UID != bob.id || e.Name != "Bob" {
			t.Errorf("%+v", e)
		}
		bob.wantPacket("message")
	}
	if ack := bob.text(); ack != "43/chat,7[]" {
		t.Error(ack)
	}
	bob.sendRaw(`42/chat,["name","Robert"]`)
	if e := ann.wait("name"); e.UID != bob.id || e.Name != "Robert" {
		t.Errorf("%+v", e)
	}
	_ = bob.conn.CloseNow()
	if e := ann.wait("leave"); e.UID != bob.id {
		t.Errorf("%+v", e)
	}

	// It comes back as who it was, and gets what it missed.
	ann.say("gone?", "2")
	ann.wait("message")
	back := comeByDoor(t, door, `{"id":"`+bob.id+`","token":"`+bob.in.Token+`","room":"`+bob.in.Room+`","after":3}`)
	if e := back.wantPacket("message"); back.id != bob.id || e.Text != "gone?" {
		t.Errorf("%s, not %s: %+v", back.id, bob.id, e)
	}
}

// What cannot be said is refused, to its sender only.
func TestTheDoorRefuses(t *testing.T) {
	room, _, door := openBoth(t)
	bob := comeByDoor(t, door, "")
	for sent, want := range map[string]string{
		`42/chat,["message",5]`:                  "format",
		`42/chat,["message"]`:                    "format",
		`42/chat,["message","  "]`:               "empty",
		`42/chat,["message",{"nonce":"n"}]`:      "format",
		`42/chat,["name",{"message":"no name"}]`: "format",
	} {
		bob.sendRaw(sent)
		if e := bob.wantPacket("refused"); e.Code != want {
			t.Errorf("%s: %+v", sent, e)
		}
	}
	bob.sendRaw(`42/chat,1["message",""]`)
	if ack := bob.text(); !strings.HasPrefix(ack, `43/chat,1[{"type":"error","code":"empty"`) {
		t.Error(ack)
	}
	if n := said(room); n != 0 {
		t.Errorf("%d messages in the room", n)
	}
}

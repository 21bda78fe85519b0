package demo

// This file tests the namespace with clients that speak the protocol by hand, over WebSocket.

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/socketio"
	"github.com/duplex-go/duplex/websocket"
)

// serve runs the demo until the test ends, and returns it with the address of its server.
func serve(t *testing.T) (*Demo, string) {
	t.Helper()
	io := socketio.NewServer(nil)
	d := New(io)
	srv := httptest.NewServer(io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return d, "ws" + strings.TrimPrefix(srv.URL, "http")
}

// client is somebody in the namespace.
type client struct {
	t  *testing.T
	c  *websocket.Conn
	id string
}

// come joins the namespace, to the end of the greeting.
func come(t *testing.T, url string) *client {
	t.Helper()
	c, err := websocket.Dial(t.Context(), url+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	p := &client{t: t, c: c}
	p.next() // OPEN
	p.send("40/test,")
	p.id = strings.TrimSuffix(strings.TrimPrefix(p.next(), `40/test,{"sid":"`), `"}`)
	p.hears(`{"data":"Connected","count":0}`)
	return p
}

func (p *client) send(packet string) {
	p.t.Helper()
	if err := p.c.Write(p.t.Context(), websocket.Text, []byte(packet)); err != nil {
		p.t.Fatal(err)
	}
}

// says sends an event with its arguments as JSON.
func (p *client) says(event string, args ...string) {
	p.t.Helper()
	p.send(fmt.Sprintf("42/test,[%s]", strings.Join(append([]string{`"` + event + `"`}, args...), ",")))
}

// next returns the next packet.
func (p *client) next() string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Second)
	defer cancel()
	msg, err := p.c.Read(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(msg.Data)
}

// hears fails unless the next packet is my_response with this argument.
func (p *client) hears(arg string) {
	p.t.Helper()
	if got, want := p.next(), `42/test,["my_response",`+arg+`]`; got != want {
		p.t.Fatalf("got %s, want %s", got, want)
	}
}

func TestEventsAreAnsweredAndCounted(t *testing.T) {
	d, url := serve(t)
	ann, bob := come(t, url), come(t, url)
	for i, data := range []string{`"hello"`, `{"a":[1,2.5,null,true]}`, `"Grüße, 你好"`} {
		ann.says("my_event", `{"data":`+data+`}`)
		ann.hears(fmt.Sprintf(`{"data":%s,"count":%d}`, data, i+1))
	}
	ann.says("my_broadcast_event", `{"data":"to all"}`)
	for _, p := range []*client{ann, bob} {
		p.hears(`{"data":"to all","count":4}`)
	}
	bob.says("my_event", `{"data":"mine"}`)
	bob.hears(`{"data":"mine","count":1}`)
	bob.says("my_ping")
	if got := bob.next(); got != `42/test,["my_pong"]` {
		t.Errorf("the ping was answered with %s", got)
	}
	if n := d.Messages.Load(); n != 6 {
		t.Errorf("%d events counted, want 6", n)
	}
}

func TestRooms(t *testing.T) {
	_, url := serve(t)
	ann, bob := come(t, url), come(t, url)
	ann.says("join", `{"room":"one"}`)
	ann.hears(fmt.Sprintf(`{"data":"In rooms: %s, one","count":1}`, ann.id))
	bob.says("my_room_event", `{"room":"one","data":"hello, one"}`)
	ann.hears(`{"data":"hello, one","count":1}`)
	ann.says("join", `{"room":"two"}`)
	ann.hears(fmt.Sprintf(`{"data":"In rooms: %s, one, two","count":2}`, ann.id))
	ann.says("leave", `{"room":"one"}`)
	ann.hears(fmt.Sprintf(`{"data":"In rooms: %s, two","count":3}`, ann.id))
	bob.says("close_room", `{"room":"two"}`)
	ann.hears(`{"data":"Room two is closing.","count":2}`)
	bob.says("my_room_event", `{"room":"two","data":"anybody?"}`)
	bob.says("my_event", `{"data":"nobody"}`)
	bob.hears(`{"data":"nobody","count":4}`)
	ann.says("my_event", `{"data":"alone"}`) // what was said in the room would have come before
	ann.hears(`{"data":"alone","count":4}`)
	ann.says("join", `{"room":""}`)
	ann.hears(`{"data":"socketio: the name of a room has 1 to 255 bytes, not 0","count":5}`)
}

func TestIsDisconnectedWhenItHasAcknowledged(t *testing.T) {
	_, url := serve(t)
	ann := come(t, url)
	ann.says("disconnect_request")
	const head, tail = "42/test,", `["my_response",{"data":"Disconnected!","count":1}]`
	goodbye := ann.next()
	ack, ok := strings.CutSuffix(strings.TrimPrefix(goodbye, head), tail)
	if !ok || ack == "" {
		t.Fatalf("got %s", goodbye)
	}
	ann.send("43/test," + ack + "[]")
	if got := ann.next(); got != "41/test," {
		t.Errorf("got %s, want the end", got)
	}
}

func TestTheServersOwnEventsComeUntilTheContextEnds(t *testing.T) {
	d, url := serve(t)
	d.every = 20 * time.Millisecond
	ann := come(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		d.Run(ctx)
	}()
	for i := range 3 {
		ann.hears(fmt.Sprintf(`{"data":"Server generated event","count":%d}`, i+1))
	}
	cancel()
	select {
	case <-over:
	case <-time.After(5 * time.Second):
		t.Error("Run goes on")
	}
}

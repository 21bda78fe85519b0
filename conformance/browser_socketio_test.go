package conformance

// This file holds the Socket.IO demo as people use it, with our own client in the page and with official ones, old and new.

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestChromiumSocketIO drives the page at /socketio, which is the same with every client that the server hands out.
func TestChromiumSocketIO(t *testing.T) {
	t.Parallel()
	need(t, chromium, "chromium", "socket.io")
	b := startBrowser(t)
	check(t, chromium, "socketio", "our own client", func(t *testing.T) { testDemo(t, b, usualFlags...) })
	for _, version := range []string{"2.2.0", "2.5", "3.1", "4.x"} {
		check(t, chromium, "socketio", version, func(t *testing.T) {
			testDemo(t, b, "--socketio-client", filepath.Join("node", "socketio", "node_modules", "client-"+version, "dist"))
		})
	}
}

// inDemo opens the page and waits until it has said hello.
func (b *browser) inDemo(t *testing.T, srv *server) *tab {
	t.Helper()
	p := b.newTab(t, desktop)
	p.do(chromedp.Navigate("http://" + srv.addr + "/socketio"))
	p.waitForState("open")
	p.heard(`my_response {"data":"I'm connected!","count":1}`)
	return p
}

// submit fills in one of the page's forms and sends it.
func (p *tab) submit(form string, fields map[string]string) {
	p.t.Helper()
	for name, value := range fields {
		p.do(chromedp.SetValue(chromedp.CSS(fmt.Sprintf("#%s [name=%s]", form, name)), value))
	}
	eval[chromedp.Void](p, fmt.Sprintf("document.querySelector('#%s').requestSubmit()", form))
}

// heard waits until the log shows an event that came.
func (p *tab) heard(event string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("[...document.querySelectorAll('#log .in')].some((line) => line.textContent.includes(%q))", event))
}

// unheard fails if the log shows an event that came.
func (p *tab) unheard(event string) {
	p.t.Helper()
	if eval[bool](p, fmt.Sprintf("[...document.querySelectorAll('#log .in')].some((line) => line.textContent.includes(%q))", event)) {
		p.t.Errorf("heard %s", event)
	}
}

func testDemo(t *testing.T, b *browser, flags ...string) {
	srv := startServer(t, flags...)
	ann, bob := b.inDemo(t, srv), b.inDemo(t, srv)
	ann.waitFor("document.querySelector('#transport').textContent === 'websocket'") // after the upgrade
	ann.waitFor("document.querySelector('#ping-pong').textContent.endsWith(' ms')")

	ann.submit("emit", map[string]string{"data": "to myself"})
	ann.heard(`{"data":"to myself","count":2}`)
	ann.submit("broadcast", map[string]string{"data": "to all"})
	ann.heard(`{"data":"to all","count":3}`)
	bob.heard(`{"data":"to all","count":3}`)
	bob.unheard("to myself")

	bob.submit("join", map[string]string{"room": "red"})
	bob.heard(`red","count":2}`)
	ann.submit("send_room", map[string]string{"room": "red", "data": "to the red"})
	bob.heard(`{"data":"to the red","count":4}`)
	ann.unheard("to the red")
	ann.submit("join", map[string]string{"room": "red"})
	ann.heard(`red","count":5}`)
	bob.submit("close", map[string]string{"room": "red"})
	ann.heard(`{"data":"Room red is closing.","count":3}`)
	bob.heard(`{"data":"Room red is closing.","count":3}`)
	ann.submit("send_room", map[string]string{"room": "red", "data": "to nobody"})
	bob.submit("join", map[string]string{"room": "blue"})
	bob.heard(`blue","count":4}`)
	bob.submit("leave", map[string]string{"room": "blue"})
	bob.waitFor("!document.querySelector('#log .in:last-of-type')?.textContent.includes('blue')")
	ann.submit("send_room", map[string]string{"room": "blue", "data": "to nobody"})

	ann.submit("disconnect", nil)
	ann.heard(`{"data":"Disconnected!","count":8}`)
	ann.waitForState("closed")
	bob.submit("broadcast", map[string]string{"data": "who is left"})
	bob.heard("who is left")
	for _, p := range []*tab{ann, bob} {
		p.unheard("to nobody")
		p.quiet(t)
	}
	ann.unheard("who is left")
	ann.submit("disconnect", nil) // it is the button to connect, now
	ann.waitForState("open")
}

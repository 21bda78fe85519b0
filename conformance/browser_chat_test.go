package conformance

// This file holds the chat room between browsers, also while the server goes and comes back under them.

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// enter opens the room in a tab of its own.
func enter(t *testing.T, b *browser, srv *server, l look, query string) *tab {
	t.Helper()
	p := b.newTab(t, l)
	p.do(chromedp.Navigate("http://" + srv.addr + "/chat" + query))
	p.waitForState("open")
	return p
}

// sayInChat types a message and sends it with Enter.
func (p *tab) sayInChat(text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS("#compose textarea"), text), pressEnter)
	if left := eval[string](p, "document.querySelector('#compose textarea').value"); left != "" {
		p.t.Errorf("%q is left in the field", left)
	}
}

// bubbles are the messages that the tab shows, without those that are still on their way.
func (p *tab) bubbles() []string {
	p.t.Helper()
	return eval[[]string](p, "[...document.querySelectorAll('.msg:not(.pending) .bubble')].map((n) => n.textContent)")
}

// wantBubbles waits until the tab shows exactly these messages.
func (p *tab) wantBubbles(want ...string) {
	p.t.Helper()
	for deadline := time.Now().Add(browserPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if slices.Equal(p.bubbles(), want) && eval[bool](p, "!document.querySelector('.msg.pending')") {
			return
		}
	}
	p.shoot("failed-bubbles")
	p.t.Fatalf("the tab shows %q, want %q", p.bubbles(), want)
}

func testChat(t *testing.T, b *browser) {
	srv := startServer(t, usualFlags...)
	ann, bob := enter(t, b, srv, desktop, "?lang=en"), enter(t, b, srv, phone, "?lang=zh")
	ann.waitFor("document.querySelector('#n-here').textContent === '2'")
	const markup = `<img src=x onerror="document.title='broken'"><b>bold</b> &amp;`
	ann.do(chromedp.SendKeys(chromedp.CSS("#rename input"), "Ann"), pressEnter)
	ann.sayInChat("hello, Bob")
	bob.sayInChat("你好，Ann")
	ann.wantBubbles("hello, Bob", "你好，Ann")
	ann.sayInChat(markup)
	all := []string{"hello, Bob", "你好，Ann", markup}
	ann.wantBubbles(all...)
	bob.wantBubbles(all...)
	for _, p := range []*tab{ann, bob} {
		if eval[bool](p, "document.querySelector('#messages img, #messages .bubble b') !== null") {
			t.Error("a message became markup")
		}
	}
	if own := eval[int](ann, "document.querySelectorAll('.msg.own').length"); own != 2 {
		t.Errorf("%d of Ann's messages are shown as her own, want 2", own)
	}
	bob.waitFor("document.querySelector('.msg .by').innerText.includes('Ann')")
	ann.shoot("chat-two-desktop")
	bob.shoot("chat-two-phone")

	for _, p := range []*tab{ann, bob} { // a reload shows the history, and we are who we were
		p.do(chromedp.Reload())
		p.waitForState("open")
		p.wantBubbles(all...)
	}
	if own := eval[int](ann, "document.querySelectorAll('.msg.own').length"); own != 2 {
		t.Errorf("after a reload %d of Ann's messages are shown as her own, want 2", own)
	}
	ann.do(chromedp.Navigate("about:blank"))
	bob.waitFor("document.querySelector('#n-here').textContent === '1'")
	ann.quiet(t)
	bob.quiet(t)
}

// testChatCrash kills the server: what was typed while it was away is said when it is back.
func testChatCrash(t *testing.T, b *browser) {
	srv := startServer(t, usualFlags...)
	ann, bob := enter(t, b, srv, desktop, ""), enter(t, b, srv, phone, "")
	ann.sayInChat("before")
	ann.wantBubbles("before")
	bob.wantBubbles("before")

	srv.kill()
	ann.waitForState("waiting")
	bob.waitForState("waiting")
	ann.sayInChat("while it was away 1")
	ann.sayInChat("while it was away 2")
	ann.waitFor("document.querySelectorAll('.msg.pending').length === 2")
	ann.shoot("chat-away-desktop")
	bob.shoot("chat-away-phone")
	startServerAt(t, srv.addr, usualFlags...)
	bob.waitForState("open")
	ann.waitForState("open")
	want := []string{"before", "while it was away 1", "while it was away 2"}
	ann.wantBubbles(want...)
	bob.wantBubbles(want...)
	bob.sayInChat("after")
	want = append(want, "after")
	ann.wantBubbles(want...)
	bob.wantBubbles(want...)
	ann.shoot("chat-back-desktop")

	ann.quiet(t, refused)
	bob.quiet(t, refused)
}

// testChatRestart stops the server, and starts it again, while one talks faster than the room allows.
func testChatRestart(t *testing.T, b *browser) {
	const messages = 40
	srv := startServer(t, usualFlags...)
	ann, bob := enter(t, b, srv, desktop, ""), enter(t, b, srv, desktop, "")
	var want []string
	for i := range messages {
		want = append(want, fmt.Sprint("message ", i))
	}
	eval[chromedp.Void](ann, fmt.Sprintf(`{
		const text = document.querySelector("#compose textarea"), form = document.querySelector("#compose");
		let i = 0;
		const timer = setInterval(() => {
			text.value = "message " + i++;
			form.requestSubmit();
			if (i === %d) clearInterval(timer);
		}, 20);
	}`, messages))
	ann.waitFor("document.querySelectorAll('.msg:not(.pending)').length > 5")
	srv.stop()
	startServerAt(t, srv.addr, usualFlags...)
	ann.wantBubbles(want...)
	bob.wantBubbles(want...)
	ann.quiet(t, refused)
	bob.quiet(t, refused)
}

package conformance

// This file holds what must be true of every page, at every size, in both colours and both languages; and the tests of the pages that
// need no file of their own.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestChromiumLooks sees every page with every look.
func TestChromiumLooks(t *testing.T) {
	t.Parallel()
	need(t, chromium, "chromium")
	b := startBrowser(t)
	srv := startServer(t, usualFlags...)
	for _, l := range []look{desktop, phone} {
		for _, how := range []struct {
			name, lang string
			dark       bool
		}{{"light-en", "en", false}, {"dark-en", "en", true}, {"light-zh", "zh-CN", false}} {
			shown := look{l.name + "-" + how.name, l.width, l.height, l.touch, how.dark, how.lang}
			check(t, chromium, "pages", shown.name, func(t *testing.T) { testLook(t, b, srv, shown) })
		}
	}
}

// TestChromium drives the pages in one browser.
func TestChromium(t *testing.T) {
	t.Parallel()
	need(t, chromium, "chromium")
	b := startBrowser(t)
	check(t, chromium, "index", "says and is answered", func(t *testing.T) { testIndex(t, b) })
	check(t, chromium, "hello", "at the interval chosen", func(t *testing.T) { testHello(t, b) })
	check(t, chromium, "echo", "the tester", func(t *testing.T) { testTester(t, b) })
	check(t, chromium, "chat", "two tabs", func(t *testing.T) { testChat(t, b) })
	check(t, chromium, "chat", "the server crashes under two tabs", func(t *testing.T) { testChatCrash(t, b) })
	check(t, chromium, "chat", "the server restarts while one talks", func(t *testing.T) { testChatRestart(t, b) })
	check(t, chromium, "game", "keys, buttons, swipes", func(t *testing.T) { testGame(t, b) })
	check(t, chromium, "game", "to its end", func(t *testing.T) { testGameOver(t, b) })
	check(t, chromium, "shutdown", "pages say so", func(t *testing.T) { testShutdown(t, b) })
}

// pages are the paths, and what fills each with something to see.
var pages = []struct {
	path, name string
	fill       func(p *tab)
}{
	{"/", "index", func(p *tab) {
		p.do(chromedp.SendKeys(chromedp.CSS("#say input"), "Hallo! 你好"), pressEnter)
		p.waitFor("document.querySelectorAll('#said .in').length === 2 && document.querySelector('#n-uptime').textContent !== '–'")
	}},
	{"/echo", "echo", func(p *tab) {
		p.do(chromedp.Click(chromedp.ID("connect")))
		p.waitForState("open")
		p.do(chromedp.SendKeys(chromedp.CSS("#message textarea"), "What goes out comes back."), pressEnter)
		p.waitFor("document.querySelector('#log .in')")
	}},
	{"/hello", "hello", func(p *tab) {
		p.do(chromedp.SetValue(chromedp.CSS("#form select"), "100ms"))
		p.waitFor("Number(document.querySelector('#n-count').textContent) > 10")
	}},
	{"/chat", "chat", func(p *tab) {
		p.waitForState("open")
		p.do(chromedp.SendKeys(chromedp.CSS("#compose textarea"), "Is anybody here? 有人吗？"), pressEnter)
		p.waitFor("document.querySelector('.msg.own:not(.pending)')")
	}},
	{"/game?seed=7", "game", func(p *tab) {
		p.waitForState("open")
		for range 12 {
			p.do(chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowRight))
		}
		p.do(chromedp.Sleep(settled))
	}},
	{"/socketio", "socketio", func(p *tab) {
		p.waitForState("open")
		p.submit("broadcast", map[string]string{"data": "Hallo! 你好"})
		p.heard("Hallo! 你好")
	}},
	{"/nowhere", "404", func(*tab) {}},
}

// testLook sees all pages with one look.
func testLook(t *testing.T, b *browser, srv *server, l look) {
	p := b.newTab(t, l)
	for _, page := range pages {
		p.do(chromedp.Navigate("http://" + srv.addr + page.path))
		page.fill(p)
		if wide := eval[int](p, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
			t.Errorf("%s is %d pixels wider than the window", page.path, wide)
		}
		if lang := eval[string](p, "document.documentElement.lang"); !strings.HasPrefix(l.lang, lang) {
			t.Errorf("%s is in %q", page.path, lang)
		}
		if strings.HasPrefix(l.lang, "zh") {
			for _, text := range eval[[]string](p, untranslated) {
				t.Errorf("%s has no Chinese for %q", page.path, text)
			}
		}
		for _, text := range eval[[]string](p, smallTargets) {
			t.Errorf("%s: too small for a finger: %s", page.path, text)
		}
		p.shoot(l.name + "-" + page.name)
		p.quiet(t, "status of 404") // of the page that is none
	}
}

// untranslated are the texts of a Chinese page that hold no Chinese.
const untranslated = `[...document.querySelectorAll("[data-t]")].map((n) => n.textContent).filter((s) => s && !/\p{Script=Han}/u.test(s))`

// smallTargets are the buttons, links of the navigation and fields that are less than 44 pixels high.
const smallTargets = `[...document.querySelectorAll("button, select, input:not([type=radio]), textarea, .nav a, .lang, summary")]
	.filter((n) => n.checkVisibility() && n.getBoundingClientRect().height < 43.5)
	.map((n) => n.outerHTML.slice(0, 60) + " " + n.getBoundingClientRect().height)`

func testIndex(t *testing.T, b *browser) {
	srv := startServer(t)
	p := b.newTab(t, desktop)
	p.do(chromedp.Navigate("http://"+srv.addr+"/"), chromedp.SendKeys(chromedp.CSS("#say input"), "<i>hi</i>"), pressEnter)
	p.waitFor("document.querySelector('#said').innerText.includes('You said <i>hi</i>')")
	p.waitFor("document.querySelector('#n-connections').textContent === '1'")
	p.do(chromedp.Click(chromedp.ID("tab-go")))
	p.waitFor("document.querySelector('#code').textContent.includes('websocket.Dial')")
	p.quiet(t)
}

func testHello(t *testing.T, b *browser) {
	srv := startServer(t)
	p := b.newTab(t, desktop)
	p.do(chromedp.Navigate("http://" + srv.addr + "/hello"))
	p.waitFor("document.querySelector('#n-count').textContent === '1'")
	p.do(chromedp.SetValue(chromedp.CSS("#form select"), "100ms"))
	p.waitFor("Number(document.querySelector('#n-count').textContent) > 5")
	p.do(chromedp.Click(chromedp.ID("toggle")))
	p.waitForState("closed")
	p.quiet(t)
}

func testTester(t *testing.T, b *browser) {
	srv := startServer(t, usualFlags...)
	p := b.newTab(t, desktop)
	logs := func(text string) {
		p.waitFor(fmt.Sprintf("document.querySelector('#log').innerText.includes(%q)", text))
	}
	write := func(text string) {
		// The page leaves what was sent selected, so that typing replaces it.
		p.do(chromedp.SendKeys(chromedp.CSS("#message textarea"), text), pressEnter)
	}
	p.do(chromedp.Navigate("http://" + srv.addr + "/chatsocket"))
	if host := eval[string](p, "document.querySelector('#url').textContent"); host != "ws://"+srv.addr+"/chatsocket" {
		t.Errorf("the tester would connect to %s", host)
	}
	p.do(chromedp.Click(chromedp.ID("connect")))
	p.waitForState("open")
	logs("permessage-deflate")
	write("hello 你好 <b>")
	p.waitFor("[...document.querySelectorAll('#log .out, #log .in')].filter((n) => n.innerText.includes('hello 你好 <b>')).length === 2")
	logs("16 B")
	p.do(chromedp.Click(chromedp.CSS("input[value=binary]")))
	write("00 ff 7f")
	p.waitFor("[...document.querySelectorAll('#log .out, #log .in')].filter((n) => n.innerText.includes('00 ff 7f')).length === 2")
	write("0")
	p.waitFor("!document.querySelector('#problem').hidden")
	p.do(chromedp.Click(chromedp.ID("disconnect")))
	logs("Closed with 1000")

	// A subprotocol, and a close whose code and reason are the server's.
	p.do(chromedp.SetValue(chromedp.CSS("[name=path]"), "/chat"), chromedp.SetValue(chromedp.CSS("[name=protocols]"), "chat.duplex.v1, other"),
		chromedp.Click(chromedp.ID("connect")))
	logs("subprotocol chat.duplex.v1")
	logs(`"type":"welcome"`)
	p.do(chromedp.Click(chromedp.CSS("input[value=text]")))
	eval[chromedp.Void](p, "document.querySelector('#message textarea').value = 'x'.repeat(100000); document.querySelector('#send').click()")
	logs("Closed with 1009")
	logs("message too big · reason: ")
	p.shoot("tester-closed")
	p.quiet(t)

	// Nobody there.
	p.do(chromedp.SetValue(chromedp.CSS("[name=path]"), "/nowhere"), chromedp.Click(chromedp.ID("connect")))
	logs("Closed with 1006")
	p.quiet(t, "WebSocket connection to")
}

// testShutdown sees what pages say when the server stops.
func testShutdown(t *testing.T, b *browser) {
	srv := startServer(t)
	tester, game := b.newTab(t, desktop), b.newTab(t, phone)
	tester.do(chromedp.Navigate("http://"+srv.addr+"/echo"), chromedp.Click(chromedp.ID("connect")))
	tester.waitForState("open")
	game.do(chromedp.Navigate("http://" + srv.addr + "/game"))
	game.waitForState("open")
	srv.stop()
	tester.waitFor("document.querySelector('#log').innerText.includes('Closed with 1001')")
	game.waitForState("closed")
	game.waitFor("!document.querySelector('#veil').hidden")
	game.do(chromedp.Sleep(2 * settled)) // it fades in
	game.shoot("game-lost")
	startServerAt(t, srv.addr)
	game.do(chromedp.Click(chromedp.ID("again")))
	game.waitForState("open")
	game.waitFor("document.querySelectorAll('.tile').length === 2")
	tester.quiet(t, refused)
	game.quiet(t, refused)
}

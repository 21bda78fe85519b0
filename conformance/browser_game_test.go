package conformance

// This file holds 2048 as a person plays it: with keys, buttons and swipes.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// settled is longer than tiles take to slide.
const settled = 400 * time.Millisecond

// moves does something that is a move and returns what the page tells a screen reader about it.
func (p *tab) moves(steps ...chromedp.Action[chromedp.Void]) string {
	p.t.Helper()
	eval[chromedp.Void](p, "document.querySelector('#spoken').textContent = ''")
	p.do(steps...)
	p.waitFor("document.querySelector('#spoken').textContent")
	return eval[string](p, "document.querySelector('#spoken').textContent")
}

func testGame(t *testing.T, b *browser) {
	srv := startServer(t)
	p := b.newTab(t, phone)
	p.do(chromedp.Navigate("http://" + srv.addr + "/game?seed=7"))
	p.waitFor("document.querySelectorAll('.tile').length === 2")

	button := func(direction int) chromedp.Action[chromedp.Void] {
		return chromedp.Tap(chromedp.CSS(fmt.Sprintf("[data-move='%d']", direction)))
	}
	const away = 120                                     // pixels
	ways := map[string][]chromedp.Action[chromedp.Void]{ // up, down, left, right
		"arrow keys": {chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowLeft), chromedp.KeyEvent(kb.ArrowRight)},
		"WASD":       {chromedp.KeyEvent("w"), chromedp.KeyEvent("s"), chromedp.KeyEvent("a"), chromedp.KeyEvent("d")},
		"buttons":    {button(0), button(1), button(2), button(3)},
		"swipes":     {p.swipe(0, -away), p.swipe(0, away), p.swipe(-away, 0), p.swipe(away, 0)},
	}
	for way, steps := range ways {
		moved := 0
		for direction, name := range []string{"Up", "Down", "Left", "Right"} {
			spoken := p.moves(steps[direction])
			switch {
			case strings.HasPrefix(spoken, name+"."):
				moved++
			case !strings.HasPrefix(spoken, "Nothing moved."):
				t.Errorf("%s: %s is %q", way, name, spoken)
			}
		}
		if moved == 0 {
			t.Errorf("%s moved nothing in any direction", way)
		}
		if y := eval[float64](p, "scrollY"); y != 0 {
			t.Errorf("%s scrolled the page by %v pixels", way, y)
		}
	}

	// What is seen is what was spoken: each tile stands where the server has it.
	time.Sleep(settled)
	spoken := eval[string](p, "document.querySelector('#spoken').textContent")
	shown := eval[string](p, `[0, 1, 2, 3].map((y) => [0, 1, 2, 3].map((x) => [...document.querySelectorAll(".tile")]
		.filter((n) => n.style.getPropertyValue("--x") === String(x) && n.style.getPropertyValue("--y") === String(y))
		.map((n) => n.textContent).join("+") || "empty").join(" ")).join("; ")`)
	if !strings.HasSuffix(spoken, shown) {
		t.Errorf("the board shows %s, but it is %s", shown, spoken)
	}
	p.quiet(t)
}

// swipe is a finger that moves over the board.
func (p *tab) swipe(dx, dy float64) chromedp.Action[chromedp.Void] {
	touch := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) chromedp.Action[chromedp.Void] {
		return command(input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
	}
	const x, y, steps = 195, 330, 5 // the middle of the board on a phone
	all := []chromedp.Action[chromedp.Void]{touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: x, Y: y})}
	for i := 1; i <= steps; i++ {
		part := float64(i) / steps
		all = append(all, touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: x + dx*part, Y: y + dy*part}))
	}
	return chromedp.Steps(append(all, touch(input.DispatchTouchEventTypeTouchEnd))...)
}

// testGameOver plays until nothing can move, and begins again.
func testGameOver(t *testing.T, b *browser) {
	srv := startServer(t)
	p := b.newTab(t, desktop)
	p.do(chromedp.Navigate("http://" + srv.addr + "/game?seed=7"))
	p.waitFor("document.querySelectorAll('.tile').length === 2")
	// Keys faster than the tiles slide, as an impatient player's.
	eval[chromedp.Void](p, `{
		const codes = ["ArrowUp", "ArrowLeft", "ArrowDown", "ArrowRight"];
		let i = 0;
		const timer = setInterval(() => {
			if (!document.querySelector("#veil").hidden) return clearInterval(timer);
			dispatchEvent(new KeyboardEvent("keydown", { code: codes[i++ % 4] }));
		}, 5);
	}`)
	p.waitFor("!document.querySelector('#veil').hidden")
	p.do(chromedp.Sleep(2 * settled))
	p.shoot("game-over")
	if tiles := eval[int](p, "document.querySelectorAll('.tile').length"); tiles != 16 {
		t.Errorf("nothing can move on a board with %d tiles", tiles)
	}
	p.do(chromedp.Click(chromedp.ID("again")))
	p.waitFor("document.querySelectorAll('.tile').length === 2 && document.querySelector('#veil').hidden")
	p.quiet(t)
}

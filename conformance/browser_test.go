package conformance

// This file holds Chromium: how it is started, and tabs with what the tests do in them.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

const (
	chromium        = "Chromium"
	browserPatience = 15 * time.Second // that a page may take to show what it should
)

// A browser is a Chromium without a window, with a profile of its own.
type browser struct {
	ctx   context.Context
	shots string // the folder for screenshots
}

// startBrowser starts Chromium, which ends with the test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	shots := os.Getenv("DUPLEX_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program("chromium")),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // the tests may run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		patient, cancel := context.WithTimeout(ctx, browserPatience)
		defer cancel()
		if err := chromedp.Cancel(patient); err != nil {
			t.Errorf("Chromium did not end: %v", err)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &browser{ctx, shots}
}

// A look is how a tab shows pages.
type look struct {
	name          string
	width, height int64
	touch, dark   bool
	lang          string // of the browser; if empty, en
}

var (
	desktop = look{name: "desktop", width: 1280, height: 800}
	phone   = look{name: "phone", width: 390, height: 844, touch: true}
)

// A tab shows one page after the other. Each has a browser context of its own, and shares no storage with others.
type tab struct {
	t       *testing.T
	browser *browser
	ctx     context.Context
	marks   chan string // end marks seen in the console

	mu         sync.Mutex
	complaints []string // errors and warnings in the console, also of the Content-Security-Policy
}

func (b *browser) newTab(t *testing.T, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &tab{t: t, browser: b, ctx: ctx, marks: make(chan string, 16)}
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return // the tab is closed
			}
			p.hear(m)
		}
	}()
	viewport := []chromedp.EmulateViewportOption{}
	if l.touch {
		viewport = append(viewport, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait, chromedp.EmulateScale(2))
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	p.do(chromedp.EmulateViewport(l.width, l.height, viewport...), command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
	p.speak(l.lang)
	return p
}

// speak sets the language of the browser.
func (p *tab) speak(lang string) {
	p.t.Helper()
	if lang == "" {
		lang = "en-GB"
	}
	agent := eval[string](p, "navigator.userAgent")
	p.do(command(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: lang}))
}

// hear keeps what the console says that it should not.
func (p *tab) hear(m chromedp.ConsoleMessage) {
	if mark, ok := strings.CutPrefix(m.Text, endMark); ok {
		p.marks <- mark
		return
	}
	if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.complaints = append(p.complaints, m.String())
	}
}

// refused is what the console says while no server is there.
const refused = "ERR_CONNECTION_REFUSED"

const endMark = "duplex end mark "

// quiet fails if the console complained, but for lines that hold one of the words.
func (p *tab) quiet(t *testing.T, but ...string) {
	t.Helper()
	// Messages come in order: when the mark is there, everything before it is.
	eval[chromedp.Void](p, fmt.Sprintf("console.debug(%q)", endMark))
	select {
	case <-p.marks:
	case <-time.After(browserPatience):
		t.Error("the console is dead")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, complaint := range p.complaints {
		expected := false
		for _, word := range but {
			expected = expected || strings.Contains(complaint, word)
		}
		if !expected {
			t.Errorf("the console says: %s", complaint)
		}
	}
	p.complaints = nil
}

// do runs steps in the tab.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx); err != nil { // the tab must not end with the steps' time
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, 2*browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// command is a step that runs one command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

// pressEnter is the key as a keyboard sends it: what it types is part of the same event, so that a page can prevent it.
var pressEnter = chromedp.Steps(
	command(input.DispatchKeyEvent, input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13,
	}),
	command(input.DispatchKeyEvent, input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeKeyUp, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13,
	}),
)

// eval returns what an expression is in the page.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// waitFor returns when an expression is true in the page.
func (p *tab) waitFor(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(browserPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		// A page that loads has no document for a moment.
		if ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")); err == nil && ok {
			return
		}
	}
	p.shoot("failed-" + strings.ReplaceAll(p.t.Name(), "/", "-"))
	p.t.Fatalf("the page never came to: %s\nit shows: %s", expression, eval[string](p, "document.body.innerText"))
}

// waitForState returns when the page says that its connection is in a state.
func (p *tab) waitForState(state string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("document.querySelector('#state')?.dataset.state === %q", state))
}

// shoot saves the page as the tab shows it, to its end.
func (p *tab) shoot(name string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(p.browser.shots, name+".png"), png, 0o600)
	}
	if err != nil {
		p.t.Error(err)
	}
}

package conformance

// This file holds the official Socket.IO clients in Chromium: a page of another site runs them against the official server and ours, and must see the same.

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestSocketIOBrowser(t *testing.T) {
	t.Parallel()
	clients := []struct{ name, script string }{
		{"socket.io-client 2.2.0, " + chromium, "2.2.0/socket.io.js"},
		{"socket.io-client 4.x, " + chromium, "4.x/socket.io.js"},
	}
	for _, c := range clients {
		need(t, c.name, "chromium", "nodejs", "socket.io")
	}
	page := httptest.NewServer(http.HandlerFunc(servePage))
	t.Cleanup(page.Close)
	servers := startBoth(t, "--cors", page.URL)
	b := startBrowser(t)
	for _, c := range clients {
		for _, transport := range transports {
			check(t, c.name, transport, c.script, func(t *testing.T) {
				var saw [2][]string
				for i, s := range servers {
					p := b.newTab(t, desktop)
					query := url.Values{"client": {c.script}, "transport": {transport}, "url": {s.url()}}
					p.do(chromedp.Navigate(page.URL + "/?" + query.Encode()))
					p.waitFor("window.saw.at(-1) === 'done'")
					saw[i] = eval[[]string](p, "window.saw")
					p.quiet(t, "status of 400") // a poll that comes when the session has ended
				}
				if !slices.Equal(saw[0], saw[1]) || len(saw[0]) < 10 {
					t.Errorf("the page saw\n%s", sideBySide(saw[0], saw[1]))
				}
			})
		}
	}
}

// servePage serves the page, and the clients as npm has them.
func servePage(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		http.ServeFile(w, r, "node/socketio/page.html")
	case "/client-2.2.0/socket.io.js":
		http.ServeFile(w, r, "node/socketio/node_modules/client-2.2.0/dist/socket.io.js")
	case "/client-4.x/socket.io.js":
		http.ServeFile(w, r, "node/socketio/node_modules/client-4.x/dist/socket.io.js")
	default: // an icon
		w.WriteHeader(http.StatusNoContent)
	}
}

package main

// This file holds what stands before every handler: requests that no handler should see, and headers that every answer bears.

import (
	"net/http"

	"github.com/duplex-go/duplex/proto/ws"
)

// contentPolicy allows a page its own scripts and styles. It may connect elsewhere by WebSocket alone: the tester does.
const contentPolicy = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// protect sets the headers that tell a browser to take nothing for what it is not.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// admit refuses a request whose head is not to be trusted, and tells whether it let it pass.
func admit(w http.ResponseWriter, r *http.Request) bool {
	refusal := ws.CheckHead(r.RequestURI, r.Host, ws.Fields(r.Header))
	if refusal == nil {
		return true
	}
	refuse(w, refusal.Status, refusal.Reason)
	return false
}

// refuse answers with a status and a reason as plain text, and closes the connection: what follows a request that was
// refused is not read as another.
func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Connection", "close")
	http.Error(w, reason, status)
}

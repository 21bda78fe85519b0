package conformance

// This file holds the checks of the browser client that our server serves.

import "testing"

// TestOurBrowserClient runs them in Node, against the official server and ours.
func TestOurBrowserClient(t *testing.T) {
	t.Parallel()
	s := script{"our browser client", []string{"nodejs", "ws", "socket.io"}, []string{"node", "node/socketio/ourclient.mjs"}}
	need(t, s.client, s.needs...)
	for _, official := range []bool{true, false} {
		via := map[bool]string{true: ", official server"}[official]
		t.Run("server"+via, func(t *testing.T) {
			t.Parallel()
			server := startScenarios(t, official, "--ping-interval", "500", "--ping-timeout", "2500")
			s.run(t, via, server.url(), server.stop)
		})
	}
}

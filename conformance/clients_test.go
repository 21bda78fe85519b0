package conformance

// This file holds the clients that are driven by scripts, straight and over TLS. Each has a server of its own, which it
// also sees stop.

import "testing"

func TestNpmWS(t *testing.T)                    { testStraight(t, npmWS) }
func TestPythonWebsocketShort(t *testing.T)     { testStraight(t, pyShort) }
func TestPythonWebsocketLongLived(t *testing.T) { testStraight(t, pyApp) }
func TestPythonWebsockets(t *testing.T)         { testStraight(t, websockets) }
func TestPythonTornado(t *testing.T)            { testStraight(t, tornado) }

func testStraight(t *testing.T, s script) {
	t.Helper()
	t.Parallel()
	need(t, s.client, s.needs...)
	srv := startServer(t, usualFlags...)
	s.run(t, "", "ws://"+srv.addr, srv.stop)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert := newCertificate(t)
	for _, s := range []script{npmWS, websockets} {
		t.Run(s.client, func(t *testing.T) {
			need(t, s.client+", TLS", s.needs...)
			srv := startServer(t, append([]string{"--tls-cert", cert.chain, "--tls-key", cert.key}, usualFlags...)...)
			s.run(t, ", TLS", "wss://"+srv.addr, srv.stop, cert.trust()...)
		})
	}
}

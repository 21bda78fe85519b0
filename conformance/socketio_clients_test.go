package conformance

// This file holds the Socket.IO clients that are driven by scripts: the official ones of four generations, and Debian's python3-socketio.

import "testing"

// The ways in which clients talk to a server.
var transports = []string{"polling", "websocket", "upgrade"}

// quickPings are for the scenario about clients that fall silent.
var quickPings = []string{"--ping-interval", "300", "--ping-timeout", "1500"}

func TestSocketIOClients(t *testing.T) {
	t.Parallel()
	clients := []string{"2.2.0", "2.5", "3.1", "4.x"}
	for _, client := range clients {
		need(t, "socket.io-client "+client, "nodejs", "socket.io")
	}
	pings := startBoth(t, quickPings...)
	t.Run("clients", func(t *testing.T) { // waits for its parallel tests, before the servers end
		for _, client := range clients {
			for _, transport := range transports {
				t.Run(client+" "+transport, func(t *testing.T) {
					t.Parallel()
					servers := startBoth(t)
					saw := runBoth(t, servers, func(i int) []string {
						argv := append(officialClient(client, transport, servers[i]), "--pings", pings[i].url())
						if client == clients[0] || client == clients[len(clients)-1] { // each restart takes time, and the others do the same
							argv = append(argv, "--restarts")
						}
						return argv
					})
					compare(t, "socket.io-client "+client, transport, saw, featureFor(transport))
				})
			}
		}
	})
}

func TestSocketIOMsgpack(t *testing.T) {
	t.Parallel()
	const client = "socket.io-client 4.x, msgpack"
	need(t, client, "nodejs", "socket.io")
	for _, transport := range []string{"polling", "upgrade"} {
		servers := startBoth(t, "--parser", "msgpack")
		saw := runBoth(t, servers, func(i int) []string {
			return append(officialClient("4.x", transport, servers[i]), "--parser", "msgpack")
		})
		compare(t, client, transport, saw, featureFor(transport))
	}
}

func TestPythonSocketIO(t *testing.T) {
	t.Parallel()
	const client = "python3-socketio"
	need(t, client, "nodejs", "socket.io", "python3-socketio", "python3-requests", "python3-websocket")
	for _, transport := range transports {
		servers := startBoth(t)
		saw := runBoth(t, servers, func(i int) []string {
			return []string{python, "-B", "python/socketio_client.py", servers[i].url(), transport, "--restarts"}
		})
		compare(t, client, transport, saw, featureFor(transport))
	}
}

func officialClient(client, transport string, s *scenarioServer) []string {
	return []string{"node", "node/socketio/client.mjs", "--client", client, "--transport", transport, "--url", s.url()}
}

// featureFor tells the column of the table that a scenario belongs to: mostly that of its name.
func featureFor(transport string) func(scenario string) string {
	return func(scenario string) string {
		if scenario == "transport" {
			return transport
		}
		return scenario
	}
}

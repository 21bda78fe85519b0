//go:build race

package websocket

// raceEnabled says that the race detector is on.
const raceEnabled = true

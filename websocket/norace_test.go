//go:build !race

package websocket

// raceEnabled says that the race detector is off.
const raceEnabled = false

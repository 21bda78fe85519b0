//go:build race

package socketio

// raceEnabled says that the race detector is on.
const raceEnabled = true

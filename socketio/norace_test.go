//go:build !race

package socketio

// raceEnabled says that the race detector is off.
const raceEnabled = false

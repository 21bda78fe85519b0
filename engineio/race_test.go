//go:build race

package engineio

// raceEnabled says that the race detector is on.
const raceEnabled = true

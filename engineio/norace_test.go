//go:build !race

package engineio

// raceEnabled says that the race detector is off.
const raceEnabled = false

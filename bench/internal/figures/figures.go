// Package figures holds what the load generator prints, as JSON, and the runner reads.
package figures

// Load is what came of putting a server under load for a while.
type Load struct {
	Messages int64   `json:"messages"` // echoes, deliveries of a broadcast, or connections opened and closed
	Seconds  float64 `json:"seconds"`  // how long they were counted
	CPU      float64 `json:"cpu_us"`   // microseconds of CPU, user and system, that the server's process took meanwhile; 0 without -pid
	P50      float64 `json:"p50_us"`   // microseconds from sending a message to having all of its answer
	P99      float64 `json:"p99_us"`
	Beside   *Load   `json:"beside,omitempty"` // of the connections that echo beside those whose handler sleeps
}

//go:build race

package conformance

// buildFlags: tests that look for data races run a server that does. One that finds a race exits with 66.
var buildFlags = []string{"-race"}

package conformance

// This file holds what comes before all tests and after them: the build of the binary, and the table.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the path of the duplex command that all tests run.
var binary string

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "duplex-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "duplex")
	build := exec.Command("go", append([]string{"build"}, append(buildFlags, "-o", binary, "./cmd/duplex")...)...)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build ./cmd/duplex: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	results.print(os.Stdout)
	return code
}

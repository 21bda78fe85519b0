package conformance

// This file holds what comes before all tests and after them: the build of the binaries, and the table.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the path of the duplex command that all tests run, scenarioBinary that of the server of the Socket.IO scenarios.
var binary, scenarioBinary string

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
	binary, scenarioBinary = filepath.Join(dir, "duplex"), filepath.Join(dir, "socketioserver")
	if err := errors.Join(build(binary, "..", "./cmd/duplex"), build(scenarioBinary, ".", "./socketioserver")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	results.print(os.Stdout)
	return code
}

// build builds a command of the module in a folder.
func build(path, dir, pkg string) error {
	cmd := exec.Command("go", append([]string{"build"}, append(buildFlags, "-o", path, pkg)...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Command gotest runs "go test -json" with the flags given, in the root module and in conformance, and tells the
// result so that a person can read it: a line for each package, all that failing tests printed, which tests were skipped and
// why, and as its last line
//
//	N passed, N failed, N skipped
//
// where tests and subtests count alike. It exits with 1 if anything failed, also if it failed outside every test.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	var total report
	for _, dir := range []string{".", "conformance"} {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}
		r := newReport(os.Stdout)
		if err := run(r, dir, os.Args[1:]); err != nil && len(r.failed) == 0 {
			r.failed = append(r.failed, fmt.Sprintf("go test in %s: %v", dir, err))
		}
		total.add(r)
	}
	total.print(os.Stdout)
	if len(total.failed) > 0 {
		os.Exit(1)
	}
}

// run tests one module and reports it as it goes.
func run(r *report, dir string, flags []string) error {
	cmd := exec.Command("go", append(append([]string{"test", "-json"}, flags...), "./...")...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = r.read(out)
	_, _ = io.Copy(io.Discard, out) // so that go test can end
	if waitErr := cmd.Wait(); waitErr != nil {
		return waitErr
	}
	return err
}

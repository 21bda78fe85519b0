//go:build unix

package main

// This file holds how many connections a process may have.

import (
	"fmt"
	"syscall"
)

// checkDescriptors raises the limit of open files to what is allowed, and says if n connections are more.
func checkDescriptors(n int) error {
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) // it does not err: the limit exists
	limit.Cur = limit.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // likewise
	const ours = 64                                      // files that are no connections, and handshakes that pass from one to another
	if uint64(n)+ours > uint64(limit.Cur) {              //nolint:gosec,unconvert // both are counts; the type differs between systems
		return fmt.Errorf("--conns %d is more than this process may open: it has %d files, see ulimit -n", n, limit.Cur)
	}
	return nil
}

package main

// This file holds the limit of open files.

import "syscall"

// raiseLimit lets this process and those that it starts open as many files as they may. (Go raises its own limit, but not its children's.)
func raiseLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

//go:build unix

package main

// This file holds how a terminal tells that its size has changed: by a signal.

import (
	"os"
	"os/signal"
	"syscall"
)

// watchSize calls changed when the size of the terminal has changed, until stop is called.
func watchSize(changed func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	go func() {
		for range signals {
			changed()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

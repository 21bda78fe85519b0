package eventloop

// This file holds what a Loop asks of the system.

import (
	"errors"
	"syscall"
)

// ErrUnsupported is returned where there are no Loops.
var ErrUnsupported = errors.New("eventloop: not on this system")

// kernel is the system, or a test's imitation of it.
type kernel interface {
	// wait waits until something has happened and says what. It parks the goroutine, not the thread.
	wait(events []event) (int, error)
	// watch has wait tell of fd, edge-triggered, by the tag.
	watch(fd int32, tag uint64) error
	// recv and send never wait: they return EAGAIN.
	recv(fd int32, p []byte) (int, syscall.Errno)
	send(fd int32, a, b []byte) (int, syscall.Errno)
	close(fd int32)
}

//go:build !linux || 386 || s390x

package websocket

// This file holds what stands in for stream_linux.go elsewhere (on 386 and s390x the system has no send call of its own): writes
// always wait, in a goroutine where they must not.

import (
	"net"
	"syscall"
)

// socket does not exist here.
type socket struct {
	stream
	Conn net.Conn
	raw  syscall.RawConn
}

func newSocket(net.Conn) *socket { return nil }

// Borrow is never called.
func (s *socket) Borrow() ([]byte, error) { return nil, syscall.EINVAL }

func tune(net.Conn) {}

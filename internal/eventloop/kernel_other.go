//go:build !linux || 386 || s390x

package eventloop

// This file holds what stands in where there is no Loop.

import (
	"net"
	"syscall"
)

// Supported reports whether there are Loops on this system.
const Supported = false

func newKernel() (kernel, error) { return nil, ErrUnsupported }

func copyOf(syscall.Conn) (fd int32, err error) { return 0, ErrUnsupported }

// CloseWrite returns ErrUnsupported.
func (s *Socket) CloseWrite() error { return ErrUnsupported }

// SetLinger returns ErrUnsupported.
func (s *Socket) SetLinger(int) error { return ErrUnsupported }

// LocalAddr returns nil.
func (s *Socket) LocalAddr() net.Addr { return nil }

// RemoteAddr returns nil.
func (s *Socket) RemoteAddr() net.Addr { return nil }

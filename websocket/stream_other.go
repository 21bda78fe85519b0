//go:build !linux

package websocket

// This file holds what stands in for stream_linux.go elsewhere: writes always wait, in a goroutine where they must not.

import "net"

func newSocket(net.Conn) tryWriter { return nil }

func tune(net.Conn) {}

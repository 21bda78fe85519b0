package websocket

// This file holds what a connection asks of the transport beyond net.Conn.

import (
	"crypto/tls"
	"net"
)

// tryWriter is a stream that can write without waiting: n < len(p) without an error means that it is full.
type tryWriter interface {
	TryWrite(p []byte) (n int, err error)
}

func newTryWriter(nc net.Conn) tryWriter {
	if t, ok := nc.(tryWriter); ok {
		return t
	}
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return newSocket(nc)
	}
	return nil
}

func underTLS(nc net.Conn) net.Conn {
	if t, ok := nc.(*tls.Conn); ok {
		return t.NetConn()
	}
	return nc
}

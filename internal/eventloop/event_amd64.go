//go:build linux

package eventloop

// This file holds the event of epoll as the system lays it out on amd64: packed.

type epollEvent struct {
	what uint32
	data [2]uint32
}

func newEpollEvent(what uint32, tag uint64) epollEvent {
	return epollEvent{what, [2]uint32{uint32(tag), uint32(tag >> 32)}} //nolint:gosec // the halves
}

func (e *epollEvent) tag() uint64 { return uint64(e.data[0]) | uint64(e.data[1])<<32 }

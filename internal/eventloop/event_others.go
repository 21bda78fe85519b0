//go:build linux && !amd64 && !386 && !s390x

package eventloop

// This file holds the event of epoll as the system lays it out on most machines.

type epollEvent struct {
	what uint32
	data uint64
}

func newEpollEvent(what uint32, tag uint64) epollEvent { return epollEvent{what, tag} }

func (e *epollEvent) tag() uint64 { return e.data }

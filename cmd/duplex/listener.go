package main

// This file holds a listener that outlives the end of descriptors.

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A spareListener keeps one descriptor in reserve. When the process has no other left, it gives that one up for a moment, takes
// a client with it, tells the client to come again later, and lets it go. Without, clients would hang in the kernel's queue
// with no answer. Between such rounds it waits, longer each time, so that it never spins.
type spareListener struct {
	net.Listener
	log   *slog.Logger
	spare *os.File      // used by Accept alone, which runs in one goroutine
	wait  time.Duration // before the next round
	told  time.Time     // when the log last heard of it
	once  sync.Once
	done  chan struct{} // closed by Close, to end a wait
}

const (
	firstAcceptWait   = 5 * time.Millisecond
	longestAcceptWait = time.Second
	maxTurnedAway     = 32                   // clients in one round
	turnAwayTime      = 5 * time.Millisecond // for each of them, to read and to write
)

// busy is all that a client is told whom we have no descriptor for. A client of TLS sees a broken handshake instead.
const busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 38\r\n\r\nno descriptor is free: try again later"

func newSpareListener(ln net.Listener, log *slog.Logger) *spareListener {
	l := &spareListener{Listener: ln, log: log, done: make(chan struct{})}
	l.reserve()
	return l
}

// Accept returns the next client that there is a descriptor for. It is for one goroutine.
func (l *spareListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			l.wait = 0
			l.reserve()
			return c, nil
		}
		if !exhausted(err) {
			return nil, err
		}
		if time.Since(l.told) > time.Minute {
			l.told = time.Now()
			l.log.Warn("no descriptor is free: new clients are told to come again later", "error", err)
		}
		l.wait = min(max(2*l.wait, firstAcceptWait), longestAcceptWait)
		l.turnAway()
		select {
		case <-l.done:
			return nil, net.ErrClosed
		case <-time.After(l.wait):
		}
	}
}

// Close closes the port.
func (l *spareListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// exhausted tells whether an error means that no descriptor is free, here (EMFILE) or in the whole system (ENFILE).
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// reserve takes the spare descriptor, if we have none and there is one.
func (l *spareListener) reserve() {
	if l.spare == nil {
		l.spare, _ = os.Open(os.DevNull) // none: the next client that comes asks again
	}
}

// turnAway gives up the spare and answers those who wait in the kernel's queue, one after the other, until it is empty.
func (l *spareListener) turnAway() {
	ln, ok := l.Listener.(interface{ SetDeadline(t time.Time) error })
	if !ok || l.spare == nil {
		return
	}
	_ = l.spare.Close()
	l.spare = nil
	defer l.reserve()
	defer func() { _ = ln.SetDeadline(time.Time{}) }()
	for range maxTurnedAway {
		// The kernel reports no free descriptor even when nobody waits. So this Accept must not wait for somebody.
		_ = ln.SetDeadline(time.Now().Add(time.Millisecond))
		c, err := l.Listener.Accept()
		if err != nil {
			return
		}
		answerBusy(c)
	}
}

// answerBusy tells one client to come again later. It reads what the client has sent: to close a socket with unread bytes
// resets it, and the client might never see the answer.
func answerBusy(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(turnAwayTime))
	_, _ = c.Read(make([]byte, 4096))
	_ = c.SetDeadline(time.Now().Add(turnAwayTime))
	_, _ = c.Write([]byte(busy))
	_ = c.Close()
}

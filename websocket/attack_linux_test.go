package websocket

// This file holds what the attack tests ask of Linux.

import (
	"context"
	"syscall"
	"testing"
)

// descriptors returns how many descriptors the process may have.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 256
	}
	return int(limit.Cur)
}

// The system gives up a connection whose bytes are not acknowledged.
func TestAttack_B08_UserTimeout(t *testing.T) {
	conns := make(chan *Conn, 1)
	s := setup{Handle: func(ctx context.Context, c *Conn) error {
		conns <- c
		return sink(ctx, c)
	}}
	onTCPAndTLS(t, s, func(a *target) {
		client := a.open("/", nil)
		for name, c := range map[string]*Conn{"client": client, "server": <-conns} {
			sc, ok := socketOf(c).(syscall.Conn)
			if !ok {
				continue // it has moved to a loop, as it was
			}
			raw, err := sc.SyscallConn()
			if err != nil {
				a.t.Fatal(err)
			}
			_ = raw.Control(func(fd uintptr) {
				const userTimeout = 18 // TCP_USER_TIMEOUT
				if ms, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout); err != nil || ms != 30_000 {
					a.t.Errorf("%s: %d ms, %v", name, ms, err)
				}
			})
		}
		_ = client.CloseNow()
	})
}

// Where no descriptor is left a connection is served all the same, by a goroutine that reads.
func TestAttack_B10_ServeWithoutDescriptor(t *testing.T) {
	client, server := netPair(t, nil, nil)
	defer func() { _ = client.CloseNow() }()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	low := limit
	low.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	server.Serve(echoHandler)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if server.push.looped {
		t.Error("it found a descriptor")
	}
	if err := client.Write(testContext(t), Text, []byte("still served")); err != nil {
		t.Fatal(err)
	}
	if m, err := client.Read(testContext(t)); err != nil || string(m.Data) != "still served" {
		t.Errorf("%q, %v", m.Data, err)
	}
}

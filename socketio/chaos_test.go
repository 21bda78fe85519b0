package socketio

// This file tests that all ends well whatever clients and the application do at the same time.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
)

// Clients do anything at any time, and so does the application: whoever was told that a socket came is told once that it went, and nothing is left,
// which start sees to.
func TestChaos(t *testing.T) {
	s := start(t, &Options{
		Engine: engineio.Options{
			PingInterval: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond, UpgradeTimeout: 30 * time.Millisecond,
			SendBuffer: 20_000, BodyTimeout: 200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
		},
		ConnectTimeout: 100 * time.Millisecond, CleanupEmpty: true, MaxRooms: 5, MaxAcks: 5,
	})
	var came, gone atomic.Int64
	account := func(n *Namespace) { // the last of OnConnect: none after it refuses
		n.Use(func(socket *Socket) error { return chaos(s, socket) })
		n.OnConnect(func(socket *Socket) error { return chaos(s, socket) })
		s.watch(n)
		n.OnConnect(func(*Socket) error { came.Add(1); return nil })
		n.OnDisconnect(func(*Socket, string) { gone.Add(1) })
		n.OnDisconnecting(func(socket *Socket, _ string) { _ = chaos(s, socket) })
		On(n, "x", func(socket *Socket, _ Args) error { return chaos(s, socket) })
		Handle(n, "back", func(_ *Socket, v any) (any, error) { return v, nil })
	}
	account(s.Of("/chat"))
	account(s.OfPattern(regexp.MustCompile(`^/room-\d$`)))
	On(s, "x", func(socket *Socket, _ Args) error { return chaos(s, socket) })
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			for time.Now().Before(end) {
				chaoticClient(s)
			}
		})
	}
	wg.Go(func() {
		for ; time.Now().Before(end); time.Sleep(time.Millisecond) {
			chaoticApplication(s)
		}
	})
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if came.Load() != gone.Load() {
		t.Errorf("%d came, %d went", came.Load(), gone.Load())
	}
	if n := s.children(); n != 0 {
		t.Errorf("%d namespaces are left", n)
	}
	t.Logf("%d sockets", came.Load())
}

// chaos is what an application may do to a socket.
func chaos(s *site, socket *Socket) error {
	switch rand.IntN(24) {
	case 0:
		socket.Disconnect(false)
	case 1:
		go socket.Disconnect(true)
	case 2:
		return errors.New("chaos")
	case 3:
		panic("chaos")
	case 4:
		_ = socket.Join(fmt.Sprint(rand.IntN(10)), fmt.Sprint(rand.IntN(10)))
	case 5:
		socket.Leave(socket.Rooms()...)
	case 6:
		_ = socket.Emit("x", []byte("bytes"), strings.Repeat("x", 3000))
	case 7:
		_, _ = socket.EmitWithAck(context.Background(), "who")
	case 8:
		go func() { _, _ = socket.Timeout(20*time.Millisecond).EmitWithAck(context.Background(), "who") }()
	case 9:
		_, _ = socket.Namespace().Timeout(20*time.Millisecond).EmitWithAck(context.Background(), "who")
	case 10:
		_ = socket.To("1", "2").Volatile().Emit("x", 1)
	case 11:
		_ = socket.Namespace().To(fmt.Sprint(rand.IntN(10))).SocketsJoin(fmt.Sprint(rand.IntN(10)))
	case 12:
		select {
		case <-socket.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	case 13:
		_, _ = socket.Broadcast().FetchSockets(context.Background())
	case 14:
		socket.SetData(s)
	case 15:
		go func() { _ = socket.Compress(false).Emit("x") }()
	}
	return nil
}

func chaoticApplication(s *site) {
	n := s.lookup([]string{"/", "/chat", "/room-1", "/room-2"}[rand.IntN(4)])
	if n == nil {
		return
	}
	switch rand.IntN(8) {
	case 0:
		_ = n.To(fmt.Sprint(rand.IntN(10))).DisconnectSockets(rand.IntN(2) == 0)
	case 1:
		_ = n.SocketsLeave(fmt.Sprint(rand.IntN(10)))
	default:
		_ = n.Emit("x", []byte("bytes"))
	}
}

// chaoticClient opens a connection, does some things, and leaves it.
func chaoticClient(s *site) {
	p, err := s.tryOpen([]form{socket4, socket3, poll4, poll3}[rand.IntN(4)], "", []string{"0", "0/chat,", "0/room-1,"}[:2+rand.IntN(2)]...)
	if err != nil {
		return
	}
	_, _ = p.tryRead()
	packets := []string{
		`2["x"]`, `2/chat,["x"]`, `2["sync"]`, `2/chat,["sync"]`, `2/chat,1["back",1]`, `21["sync"]`, "0/chat,", "1/chat,",
		"0", "0/chat,", "0/room-1,", "0/room-2,{}", "0/nowhere,", "1", "1/chat,", "1/room-1,", `2["x"]`, `2/chat,["x"]`, `2/room-1,["x"]`, `2/chat,1["back",1]`,
		`51-["x",` + placeholder(0) + `]`, `[bytes]`, `30[]`, `3/chat,0[]`, `3/room-1,0[1]`, `9`,
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			packet, err := p.tryRead()
			if err != nil {
				return
			}
			if i := strings.Index(packet, `["who"]`); i > 0 && rand.IntN(2) == 0 {
				_ = p.trySend("3" + packet[1:i] + "[1]")
			}
		}
	})
	for range rand.IntN(15) {
		switch rand.IntN(12) {
		case 0:
			p.hangUp()
		case 1:
			p.leave()
		case 2:
			if p.wire == nil {
				if w, err := p.probe(); err == nil {
					_ = w.Close()
				}
			}
		case 3:
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		default:
			_ = p.trySend(packets[rand.IntN(len(packets))])
		}
	}
	p.hangUp()
	wg.Wait()
	s.mu.Lock()
	s.peers = nil
	s.mu.Unlock()
}

package socketio

// This file tests with many clients: those that abandon their sessions, those that are quick, and those that change their transport under traffic.

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/eio"
)

// scale is how many clients a test has: fewer with the race detector.
func scale(usual int) int {
	if raceEnabled || testing.Short() {
		return usual / 10
	}
	return usual
}

// inTurns runs f for all numbers below n, so many at once.
func inTurns(n, atOnce int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// Sessions that are opened, joined or not, and abandoned leave nothing.
func TestAbandoned(t *testing.T) {
	attack(t, &Options{Engine: engineio.Options{PingInterval: 2 * time.Second, PingTimeout: time.Second}}, func(s *site) {
		s.watch(s.Of("/chat"))
		s.OnConnect(func(socket *Socket) error {
			_ = socket.Emit("welcome", make([]byte, 100))
			return socket.Join("lobby", "of "+socket.ID())
		})
		s.slack = mapSlack * int64(scale(10_000))
		inTurns(scale(10_000), 4, func(i int) {
			p, err := s.tryOpen([]form{poll4, poll3}[i%2], "")
			if err == nil && p.rev == eio.V4 && i%4 == 0 {
				err = p.trySend("0", "0/chat,")
			}
			if err != nil {
				t.Error(err)
			}
		})
		s.mu.Lock()
		s.peers = nil
		s.mu.Unlock()
		t.Logf("%d are open", s.Len()-1)
		for end := time.Now().Add(20 * time.Second); s.Len() > 1 && time.Now().Before(end); {
			_ = s.To("lobby").Emit("news")
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// A client may say that it wants to join in the same segment as it asks for the connection: each gets its answer.
func TestQuick(t *testing.T) {
	n := scale(20_000)
	batch := min(n, 4000) // both ends are in this process
	attack(t, nil, func(s *site) {
		s.watch(s.Of("/chat"))
		s.slack = mapSlack * int64(batch)
		for range n / batch {
			peers := make([]*peer, batch)
			inTurns(batch, 32, func(i int) {
				var err error
				if peers[i], err = quick(s, i); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			})
			if want := batch + 1; s.Len() != want {
				t.Errorf("%d connections, want %d", s.Len(), want)
			}
			_ = s.Emit("all", "of you") // as they all go
			for _, p := range peers {
				if p != nil {
					_ = p.wire.Conn.(*net.TCPConn).SetLinger(0)
					p.hangUp()
				}
			}
			eventually(t, "they are gone", func() bool { return s.Len() == 1 })
			s.mu.Lock()
			s.peers = nil
			s.mu.Unlock()
		}
	})
}

// quick is a client that is.
func quick(s *site, i int) (*peer, error) {
	f, packet, want := socket4, "0", `0{"sid":"`
	switch i % 3 {
	case 1:
		packet, want = "0/chat,", `0/chat,{"sid":"`
	case 2:
		f, packet, want = socket3, "0/chat", "0"
	}
	p, err := s.tryOpen(f, "", packet)
	if err != nil {
		return p, err
	}
	got, err := p.tryRead()
	if err == nil && f == socket3 && got == want {
		want = "0/chat,"
		got, err = p.tryRead()
	}
	if err == nil && !strings.HasPrefix(got, want) {
		err = fmt.Errorf("got %q, want %s", got, want)
	}
	return p, err
}

// Events flow both ways, with and without bytes, while the transport changes: none is lost, doubled or out of order.
func TestUpgradeUnderTraffic(t *testing.T) {
	s := start(t, &Options{Engine: engineio.Options{SendBuffer: 8 << 20}})
	s.OnConnect(func(socket *Socket) error {
		go func() { // the server's own stream, beside the echoes
			for n := range streamLength {
				_ = socket.Emit("s", eventArgs(n)...)
				if n%8 == 0 {
					time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
				}
			}
		}()
		return nil
	})
	On(s, "c", func(socket *Socket, args Args) error {
		if args.Len() == 1 {
			return socket.Emit("c", args.Raw(0))
		}
		return socket.Emit("c", args.Raw(0), args.Attachments()[0])
	})
	inTurns(scale(1000), 20, func(i int) {
		x := &traffic{form: []form{poll4, poll3}[i%2], site: s}
		if err := x.run(); err != nil {
			t.Errorf("client %d: sent %d, %d echoes, %d others: %v", i, x.sent, x.echo, x.own, err)
		}
	})
}

// streamLength is how many events go each way.
const streamLength = 50

// eventArgs are the arguments of event n of a stream: a third has bytes.
func eventArgs(n int) []any {
	if n%3 == 0 {
		return []any{n, []byte(fmt.Sprint("bytes of ", n))}
	}
	return []any{n}
}

// eventPackets are the packets of event n of a stream.
func eventPackets(name string, n int) []string {
	if n%3 == 0 {
		return []string{fmt.Sprintf(`51-["%s",%d,%s]`, name, n, placeholder(0)), fmt.Sprintf("[bytes of %d]", n)}
	}
	return []string{fmt.Sprintf(`2["%s",%d]`, name, n)}
}

// traffic is a client that polls, changes to WebSocket while events flow, as the original's does, and checks what it gets.
type traffic struct {
	form
	*peer
	site *site
	sent int // of our own
	echo int // of them came back
	own  int // of the server's own came
	next []string
}

func (x *traffic) run() (err error) {
	if x.peer, err = x.site.tryOpen(x.form, ""); err != nil {
		return err
	}
	if x.rev == eio.V4 {
		if err := x.trySend("0"); err != nil {
			return err
		}
	}
	if packet, err := x.tryRead(); err != nil || packet[0] != '0' {
		return fmt.Errorf("joining is answered with %q: %w", packet, err)
	}
	if err := x.check(); err != nil {
		return err
	}
	for before := rand.IntN(streamLength); x.sent < before; { // some traffic before
		if err := x.both(); err != nil {
			return err
		}
	}
	w, err := x.probeUnderTraffic()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.send("5"); err != nil {
		return err
	}
	x.wire = w
	for x.sent < streamLength { // and the rest by the new transport
		if err := x.trySend(x.events(1)...); err != nil {
			return err
		}
	}
	for {
		if err := x.check(); err != nil {
			return err
		}
		if x.echo == streamLength && x.own == streamLength && len(x.next) == 0 {
			return nil
		}
		if err := x.fetch(); err != nil {
			return fmt.Errorf("after %d echoes and %d others: %w", x.echo, x.own, err)
		}
	}
}

// probeUnderTraffic tries WebSocket, with some traffic meanwhile.
func (x *traffic) probeUnderTraffic() (*wire, error) {
	type probed struct {
		w   *wire
		err error
	}
	done := make(chan probed, 1)
	go func() {
		w, err := x.probe()
		done <- probed{w, err}
	}()
	for {
		select {
		case p := <-done:
			return p.w, p.err
		default:
			if err := x.both(); err != nil {
				return nil, err
			}
		}
	}
}

// events returns the packets of our next n events.
func (x *traffic) events(n int) (packets []string) {
	for ; n > 0 && x.sent < streamLength; n-- {
		packets = append(packets, eventPackets("c", x.sent)...)
		x.sent++
	}
	return packets
}

// both polls and posts at once.
func (x *traffic) both() error {
	posted := make(chan error, 1)
	if packets := x.events(rand.IntN(3)); len(packets) > 0 {
		go func() { posted <- x.trySend(packets...) }()
	} else {
		posted <- nil
	}
	if x.echo < x.sent || x.own < streamLength { // else nothing would come before the NOOP
		if err := x.fetch(); err != nil {
			return err
		}
	}
	if err := x.check(); err != nil {
		return err
	}
	return <-posted
}

// check checks what came.
func (x *traffic) check() error {
	x.mu.Lock()
	came := x.came
	x.came = nil
	x.mu.Unlock()
	for _, packet := range came {
		if len(x.next) == 0 {
			switch echo, own := eventPackets("c", x.echo), eventPackets("s", x.own); packet {
			case echo[0]:
				x.next = echo
				x.echo++
			case own[0]:
				x.next = own
				x.own++
			}
		}
		if len(x.next) == 0 || packet != x.next[0] {
			return fmt.Errorf("got %q after %d echoes and %d others, want %q", packet, x.echo, x.own, x.next)
		}
		x.next = x.next[1:]
	}
	return nil
}

package websocket

// This file holds the ground of the attack tests: a real server on a real socket, a bystander that keeps echoing while it is
// attacked, and the accounts that must be even when the attackers are gone.
//
// The numbers in most rows are scaled to a small machine with few descriptors. DUPLEX_FULL=1 runs them as they are written, as far
// as the descriptors go.

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What an attack may leave behind, and how long the bystander may wait for an echo during it.
const (
	settleTime = 5 * time.Second // generous to slow machines; what must hold then holds exactly
	maxLeft    = 1 << 20         // bytes of live heap
	maxEcho    = time.Second
)

// setup is how a server is run for an attack. The zero value is what our documentation tells people to do.
type setup struct {
	Accept        AcceptOptions
	Handle        func(ctx context.Context, c *Conn) error // of the addresses but /bystander; nil: echo, and /sink reads only
	MaxConns      int
	MaxConnsPerIP int
	HeaderTimeout time.Duration // if zero, 10 s
	TLS           bool
	push          bool
	Pages         http.Handler // answers what asks for no upgrade; nil: the Server does
}

// target is a server under attack.
type target struct {
	t      *testing.T
	addr   string
	server *Server
	http   *http.Server
	client *tls.Config // nil: no TLS
	log    *syncBuffer // what net/http logs
	before usage

	mu        sync.Mutex
	attackers []net.Conn
}

// attack runs a server and a bystander, and then run. Afterwards it hangs up for the attackers and sees to the accounts. It does so twice,
// in pull and in push mode.
func attack(t *testing.T, s setup, run func(a *target)) {
	t.Helper()
	for _, s.push = range []bool{false, true} {
		attackOnce(t, s, run)
	}
}

func attackOnce(t *testing.T, s setup, run func(a *target)) {
	t.Helper()
	a := startTarget(t, s)
	if s.push {
		pushServers.Store(a.server, true)
		defer pushServers.Delete(a.server)
	}
	b := a.startBystander()
	a.before = measure()
	run(a)
	a.hangUp()
	a.checkAccounts()
	b.stop()
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	if err := a.server.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	_ = a.http.Close()
}

// onTCPAndTLS runs an attack over both.
func onTCPAndTLS(t *testing.T, s setup, run func(a *target)) {
	t.Helper()
	for _, name := range []string{"tcp", "tls"} {
		t.Run(name, func(t *testing.T) {
			s.TLS = name == "tls"
			attack(t, s, func(a *target) {
				a.t = t
				run(a)
			})
		})
	}
}

func startTarget(t *testing.T, s setup) *target {
	t.Helper()
	handle := s.Handle
	if handle == nil {
		handle = func(ctx context.Context, c *Conn) error {
			if Request(ctx).URL.Path == "/sink" {
				return sink(ctx, c)
			}
			return echo(ctx, c)
		}
	}
	a := &target{t: t, log: new(syncBuffer)}
	a.server = &Server{
		Options: &s.Accept, MaxConns: s.MaxConns, MaxConnsPerIP: s.MaxConnsPerIP,
		Handle: func(ctx context.Context, c *Conn) error {
			switch {
			case Request(ctx).URL.Path == "/bystander":
				return echo(ctx, c)
			case s.push && s.Handle == nil && Request(ctx).URL.Path != "/sink":
				c.Serve(echoHandler)
				return nil
			}
			return handle(ctx, c)
		},
	}
	// What our documentation asks of an http.Server.
	a.http = &http.Server{
		Handler:           a.server,
		ReadHeaderTimeout: orDefault(s.HeaderTimeout, 10*time.Second),
		WriteTimeout:      2 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(a.log, "", 0),
	}
	if s.Pages != nil {
		a.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if IsUpgrade(r) {
				a.server.ServeHTTP(w, r)
			} else {
				s.Pages.ServeHTTP(w, r)
			}
		})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.addr = ln.Addr().String()
	if s.TLS {
		var cert *tls.Config
		cert, a.client = testTLS()
		ln = tls.NewListener(ln, cert)
	}
	go func() { _ = a.http.Serve(ln) }()
	return a
}

// testTLS returns the settings of a server, with httptest's certificate for example.com, and of a client that trusts it.
var testTLS = sync.OnceValues(func() (server, client *tls.Config) {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	server = &tls.Config{Certificates: srv.TLS.Certificates, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	client = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	client.ServerName = "example.com"
	return server, client
})

// url returns the address of path.
func (a *target) url(path string) string {
	if a.client != nil {
		return "wss://" + a.addr + path
	}
	return "ws://" + a.addr + path
}

// open returns a connection of our own client.
func (a *target) open(path string, o *DialOptions) *Conn {
	a.t.Helper()
	var d DialOptions
	if o != nil {
		d = *o
	}
	d.TLS = a.client
	c, err := Dial(testContext(a.t), a.url(path), &d)
	if err != nil {
		a.t.Fatal(err)
	}
	a.keep(c.nc)
	return c
}

// keep has nc hung up when the attack is over.
func (a *target) keep(nc net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attackers = append(a.attackers, nc)
}

// hangUp ends what the attackers hold, without a word.
func (a *target) hangUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, nc := range a.attackers {
		_ = underTLS(nc).Close()
	}
	a.attackers = nil
}

// each runs f for 0 to n-1, a few at a time.
func (a *target) each(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// usage is what the process holds.
type usage struct {
	goroutines, files int
	heap              int64 // bytes that are alive
}

func measure() usage {
	runtime.GC()
	runtime.GC() // the second empties the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // none where the system has no such thing
	return usage{goroutines(), len(files), int64(m.HeapAlloc)}
}

// goroutines counts them, without those that the event loops keep: they are there for all connections, and bounded.
func goroutines() (n int) {
	stacks := make([]byte, 4<<20)
	for _, stack := range bytes.Split(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if !bytes.Contains(stack, []byte("eventloop.(*Loop).work(")) {
			n++
		}
	}
	return n
}

// grown returns how many bytes of live heap there are more than before the attack.
func (a *target) grown() int64 { return measure().heap - a.before.heap }

// checkAccounts waits until nothing is left of the attack.
func (a *target) checkAccounts() {
	a.t.Helper()
	var now usage
	for deadline := time.Now().Add(settleTime); ; time.Sleep(20 * time.Millisecond) {
		now = measure()
		if now.goroutines <= a.before.goroutines && now.files <= a.before.files && now.heap < a.before.heap+maxLeft {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	stacks := make([]byte, 1<<20)
	a.t.Errorf("left behind: %d goroutines, %d descriptors, %d bytes of heap\n%s",
		now.goroutines-a.before.goroutines, now.files-a.before.files, now.heap-a.before.heap, stacks[:runtime.Stack(stacks, true)])
}

// bystander is a connection that has nothing to do with the attack.
type bystander struct {
	t     *testing.T
	c     *Conn
	quit  chan struct{}
	done  chan struct{}
	worst time.Duration
	echos int
}

func (a *target) startBystander() *bystander {
	a.t.Helper()
	c, err := Dial(testContext(a.t), a.url("/bystander"), &DialOptions{TLS: a.client})
	if err != nil {
		a.t.Fatal(err)
	}
	b := &bystander{t: a.t, c: c, quit: make(chan struct{}), done: make(chan struct{})}
	b.echo() // all is warm when the accounts are opened
	go b.run()
	return b
}

func (b *bystander) run() {
	defer close(b.done)
	for b.echo() {
		select {
		case <-b.quit:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (b *bystander) echo() bool {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 10*maxEcho)
	defer cancel()
	if err := b.c.Write(ctx, Text, []byte("all well")); err != nil {
		b.t.Errorf("bystander: write: %v", err)
		return false
	}
	if msg, err := b.c.Read(ctx); err != nil || string(msg.Data) != "all well" {
		b.t.Errorf("bystander: read %q, %v", msg.Data, err)
		return false
	}
	b.worst = max(b.worst, time.Since(start))
	b.echos++
	return true
}

func (b *bystander) stop() {
	b.t.Helper()
	close(b.quit)
	<-b.done
	if b.worst >= maxEcho {
		b.t.Errorf("bystander: one of %d echos took %v", b.echos, b.worst)
	}
	if err := b.c.Close(StatusNormalClosure, ""); err != nil {
		b.t.Errorf("bystander: close: %v", err)
	}
}

// scale returns n, or full if DUPLEX_FULL is set and as far as there are descriptors: two for a connection.
func scale(n, full int) int {
	if os.Getenv("DUPLEX_FULL") == "" {
		return n
	}
	return max(n, min(full, descriptors()/2-100))
}

// scaleWork is scale for what takes no descriptors.
func scaleWork(n, full int) int {
	if os.Getenv("DUPLEX_FULL") == "" {
		return n
	}
	return full
}

func sink(ctx context.Context, c *Conn) error {
	if waitServed(ctx, c, MessageFunc(func(context.Context, *Conn, Message) error { return nil })) {
		return c.ended()
	}
	for _, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

// syncBuffer is a log that many may write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var _ io.Writer = (*syncBuffer)(nil)

// eventually waits until ok reports true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(settleTime); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v later still not: %s", settleTime, what)
		}
	}
}

// socketOf returns the socket of c, wherever it is watched.
func socketOf(c *Conn) net.Conn {
	nc := underTLS(c.nc)
	if m, ok := nc.(*movable); ok {
		nc = m.at.Load().stream
		if s, ok := nc.(*socket); ok {
			nc = s.Conn
		}
	}
	return nc
}

// pushServers are the servers whose connections are in push mode.
var pushServers sync.Map

// waitServed serves c with h, if its server is one of these, and waits for the end.
func waitServed(ctx context.Context, c *Conn, h Handler) bool {
	if _, ok := pushServers.Load(c.set.server); !ok {
		return false
	}
	c.Serve(h)
	<-ctx.Done()
	return true
}

package websocket

// This file holds the behaviour suite's ground: the same tests over memory, TCP and TLS, with either end as the one that is tested.

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The event loops stay.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/duplex-go/duplex/internal/eventloop.(*Loop).work"))
}

// pairs are the ways to come by two ends of a connection.
var pairs = map[string]func(t testing.TB, o *Options) (client, server *Conn){
	"memory": func(_ testing.TB, o *Options) (*Conn, *Conn) { return Pair(o) },
	"tcp":    func(t testing.TB, o *Options) (*Conn, *Conn) { return netPair(t, o, (*httptest.Server).Start) },
	"tls":    func(t testing.TB, o *Options) (*Conn, *Conn) { return netPair(t, o, (*httptest.Server).StartTLS) },
	"tls on the loop": func(t testing.TB, o *Options) (*Conn, *Conn) {
		return netPair(t, o, func(srv *httptest.Server) {
			srv.Listener = NewListener(srv.Listener)
			srv.StartTLS()
		})
	},
}

// netPair opens a connection over a real listener.
func netPair(t testing.TB, o *Options, start func(*httptest.Server)) (client, server *Conn) {
	t.Helper()
	accepted := make(chan *Conn, 1)
	if o == nil {
		o = new(Options)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, &AcceptOptions{Options: *o})
		if err != nil {
			t.Errorf("accept: %v", err)
		}
		accepted <- c
	}))
	if start == nil {
		start = (*httptest.Server).Start
	}
	start(srv)
	t.Cleanup(srv.Close)
	client, err := Dial(testContext(t), wsURL(srv), dialOptions(srv, o))
	if err != nil {
		t.Fatal(err)
	}
	return client, <-accepted
}

func wsURL(srv *httptest.Server) string { return "ws" + strings.TrimPrefix(srv.URL, "http") }

func dialOptions(srv *httptest.Server, o *Options) *DialOptions {
	d := new(DialOptions)
	if o != nil {
		d.Options = *o
	}
	if srv.TLS != nil {
		d.TLS = srv.Client().Transport.(*http.Transport).TLSClientConfig
	}
	return d
}

// testContext ends long after a test that works, and before the test binary's own limit.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// end is an end of a connection. In push mode its Handler hands each message to who reads, and waits until he reads on.
type end struct {
	*Conn
	in   chan Message // nil: pull mode
	next chan struct{}
	held atomic.Bool // the Handler waits at next
}

// served returns c in push mode.
func served(c *Conn) *end {
	e := &end{Conn: c, in: make(chan Message), next: make(chan struct{})}
	c.Serve(e)
	return e
}

// Open implements Handler.
func (e *end) Open(context.Context, *Conn) error { return nil }

// Message implements Handler.
func (e *end) Message(ctx context.Context, _ *Conn, m Message) error {
	select {
	case e.in <- m:
	case <-ctx.Done():
		return nil
	}
	<-e.next // not at the end of ctx: the data is still read
	return nil
}

// Closed implements Handler.
func (e *end) Closed(*Conn, *CloseError) { close(e.in) }

// Read is that of Conn.
func (e *end) Read(ctx context.Context) (Message, error) {
	if e.in == nil {
		return e.Conn.Read(ctx)
	}
	if e.held.Swap(false) {
		e.next <- struct{}{}
	}
	select {
	case m, ok := <-e.in:
		if ok {
			e.held.Store(true)
			return m, nil
		}
		return Message{}, e.ended()
	case <-ctx.Done():
		return Message{}, e.stopped(ctx)
	}
}

// Messages is that of Conn.
func (e *end) Messages(ctx context.Context) iter.Seq2[Message, error] {
	if e.in == nil {
		return e.Conn.Messages(ctx)
	}
	return func(yield func(Message, error) bool) {
		for {
			msg, err := e.Read(ctx)
			if err != nil {
				if !endedWell(err) {
					yield(Message{}, err)
				}
				return
			}
			if !yield(msg, nil) {
				return
			}
		}
	}
}

// Reader is that of Conn.
func (e *end) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	if e.in == nil {
		return e.Conn.Reader(ctx)
	}
	msg, err := e.Read(ctx)
	return msg.Type, bytes.NewReader(msg.Data), err
}

// ReadJSON is that of Conn.
func (e *end) ReadJSON(ctx context.Context, v any) error {
	if e.in == nil {
		return e.Conn.ReadJSON(ctx, v)
	}
	msg, err := e.Read(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(msg.Data, v)
}

// onAll runs a test over every kind of pair, in pull and in push mode, with the client and with the server as the end that is tested,
// here, and the other, there.
func onAll(t *testing.T, o *Options, test func(t *testing.T, here, there *end)) {
	t.Helper()
	for name, pair := range pairs {
		for _, mode := range []string{"pull", "push"} {
			for _, role := range []string{"client", "server"} {
				t.Run(name+"/"+mode+"/"+role, func(t *testing.T) {
					here, there := pair(t, o)
					if role == "server" {
						here, there = there, here
					}
					defer func() {
						_ = here.CloseNow()
						_ = there.CloseNow()
					}()
					e := &end{Conn: here}
					if mode == "push" {
						e = served(here)
						defer close(e.next)
					}
					test(t, e, &end{Conn: there})
				})
			}
		}
	}
}

func echo(ctx context.Context, c *Conn) error {
	if waitServed(ctx, c, echoHandler) {
		return c.ended()
	}
	return (&end{Conn: c}).echo(ctx)
}

func (e *end) echo(ctx context.Context) error {
	for msg, err := range e.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := e.Write(ctx, msg.Type, msg.Data); err != nil {
			return err
		}
	}
	return nil
}

// goEcho echoes on c until it ends.
func goEcho(t *testing.T, c *Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = echo(context.Background(), c)
	}()
	t.Cleanup(func() {
		_ = c.CloseNow()
		<-done
	})
}

var _ net.Conn = (*netConn)(nil)

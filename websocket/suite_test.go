package websocket

// This file holds the behaviour suite's ground: the same tests over memory, TCP and TLS, with either end as the one that is tested.

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pairs are the ways to come by two ends of a connection.
var pairs = map[string]func(t testing.TB, o *Options) (client, server *Conn){
	"memory": func(_ testing.TB, o *Options) (*Conn, *Conn) { return Pair(o) },
	"tcp":    func(t testing.TB, o *Options) (*Conn, *Conn) { return netPair(t, o, (*httptest.Server).Start) },
	"tls":    func(t testing.TB, o *Options) (*Conn, *Conn) { return netPair(t, o, (*httptest.Server).StartTLS) },
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

// onAll runs a test over every kind of pair, with the client and with the server as the end that is tested, here, and the other, there.
func onAll(t *testing.T, o *Options, test func(t *testing.T, here, there *Conn)) {
	t.Helper()
	for name, pair := range pairs {
		for _, role := range []string{"client", "server"} {
			t.Run(name+"/"+role, func(t *testing.T) {
				here, there := pair(t, o)
				if role == "server" {
					here, there = there, here
				}
				defer func() {
					_ = here.CloseNow()
					_ = there.CloseNow()
				}()
				test(t, here, there)
			})
		}
	}
}

func echo(ctx context.Context, c *Conn) error {
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, msg.Type, msg.Data); err != nil {
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

package websocket

// This file tests Dial and Trace.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is asked for stands in the request, and the cookies of the response in the jar.
func TestDialRequest(t *testing.T) {
	got := make(chan *http.Request, 4)
	srv := httptest.NewServer(&Server{
		Handle:  func(ctx context.Context, c *Conn) error { got <- Request(ctx); return echo(ctx, c) },
		Options: &AcceptOptions{Header: http.Header{"Set-Cookie": {"seen=1"}}, Origins: []string{"https://page.example"}},
	})
	defer srv.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &DialOptions{
		Host: "name.example", Jar: jar, Subprotocols: []string{"a", "b"},
		Header: http.Header{"Origin": {"https://page.example"}, "Cookie": {"own=1"}, "X-Test": {"1", "2"}},
	}
	for i := range 2 {
		c, err := Dial(testContext(t), strings.Replace(wsURL(srv), "ws://", "ws://user:p%40ss@", 1)+"/a/b?c=d", o)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow()
		r := <-got
		user, password, _ := r.BasicAuth()
		cookies := map[int]string{0: "own=1", 1: "own=1; seen=1"}[i]
		if r.Host != "name.example" || r.RequestURI != "/a/b?c=d" || user != "user" || password != "p@ss" || r.Header.Get("Cookie") != cookies ||
			r.Header.Get("Sec-WebSocket-Protocol") != "a, b" || len(r.Header["X-Test"]) != 2 {
			t.Errorf("attempt %d: %s %s %v", i, r.Host, r.RequestURI, r.Header)
		}
	}
	if len(o.Header) != 3 {
		t.Errorf("the caller's header was changed: %v", o.Header)
	}
}

// A Unix socket, and a connection that was there before.
func TestDialNetDial(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: &Server{Handle: echo}}
	go func() { _ = srv.Serve(ln) }()
	defer func() { _ = srv.Close() }()
	given, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){
		"unix": func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		"given": func(context.Context, string, string) (net.Conn, error) { return given, nil },
	} {
		c, err := Dial(testContext(t), "ws://anything/", &DialOptions{NetDial: dial})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(testContext(t), Text, []byte(name)); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(testContext(t)); err != nil || string(m.Data) != name {
			t.Errorf("%q, %v", m.Data, err)
		}
		if err := c.Close(StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
}

// A handshake that failed tells what the server said.
func TestDialRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Why", "because")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, strings.Repeat("x", 5000))
	}))
	defer srv.Close()
	_, err := Dial(testContext(t), wsURL(srv), nil)
	var e *HandshakeError
	if !errors.As(err, &e) || e.Status != http.StatusForbidden || e.Header.Get("X-Why") != "because" || len(e.Body) != 1024 {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Dial(ctx, wsURL(srv), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The environment names the proxy, unless NO_PROXY says otherwise. It is read once in a process, so each case has its own.
func TestDialProxyFromEnvironment(t *testing.T) {
	if os.Getenv("DUPLEX_TEST_DIAL") != "" {
		_, err := Dial(context.Background(), os.Getenv("DUPLEX_TEST_DIAL"), nil)
		_, _ = fmt.Fprintf(os.Stdout, "dialed: %v\n", err)
		return
	}
	asked := make(chan string, 8)
	proxy := hostile(t, func(nc net.Conn, r *http.Request) {
		asked <- r.Method + " " + r.Host
		_, _ = fmt.Fprint(nc, "HTTP/1.1 403 Forbidden\r\n\r\n")
	})
	for _, tt := range []struct{ url, no, want string }{
		{"ws://10.1.2.3:7/", "", "CONNECT 10.1.2.3:7"},
		{"ws://site.invalid/", "other.invalid", "CONNECT site.invalid:80"},
		{"wss://site.invalid/", "", "CONNECT site.invalid:443"},
		{"ws://site.invalid/", ".invalid", ""},
		{"ws://127.9.9.9:1/", "127.0.0.0/8", ""},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDialProxyFromEnvironment$")
		cmd.Env = append(os.Environ(), "DUPLEX_TEST_DIAL="+tt.url, "HTTP_PROXY=http://"+proxy, "HTTPS_PROXY=http://"+proxy, "NO_PROXY="+tt.no)
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("dialed: websocket: ")) {
			t.Errorf("%s: %v %s", tt.url, err, out)
		}
		got := ""
		select {
		case got = <-asked:
		default:
		}
		if got != tt.want {
			t.Errorf("%s with NO_PROXY=%s: the proxy is asked %q, want %q", tt.url, tt.no, got, tt.want)
		}
	}
}

// All hooks are called, in order, at both ends, and frames are told with all they have.
func TestTrace(t *testing.T) {
	record := func(log *syncBuffer, who string) *Trace {
		return &Trace{
			Resolved: func(host string, addresses []string, err error) {
				fmt.Fprintln(log, who, "resolved", host, len(addresses) > 0, err)
			},
			Connected: func(network, _ string, err error) { fmt.Fprintln(log, who, "connected", network, err) },
			TLS: func(state tls.ConnectionState, err error) {
				fmt.Fprintln(log, who, "TLS", state.HandshakeComplete, err)
			},
			Request:  func(head string) { fmt.Fprintln(log, who, strings.Fields(head)[0], strings.Fields(head)[1]) },
			Response: func(head string) { fmt.Fprintln(log, who, strings.Fields(head)[1]) },
			Frame: func(sent bool, f *Frame) {
				fmt.Fprintln(log, who, sent, f.Opcode, f.Fin, f.Masked, f.Length, f.Compressed, brief(f.Payload), brief(f.Inflated), f.Cut, bytes.Equal(f.Wire, f.Payload))
			},
			PayloadLimit: 8,
		}
	}
	var client, server syncBuffer
	srv := httptest.NewUnstartedServer(&Server{Handle: echo, Options: &AcceptOptions{Options: Options{
		Trace: record(&server, "server"), Deflate: &Deflate{Threshold: 20},
	}}})
	srv.StartTLS()
	defer srv.Close()
	o := dialOptions(srv, &Options{Trace: record(&client, "client"), Deflate: &Deflate{Threshold: 20}})
	o.TLS = o.TLS.Clone()
	o.TLS.ServerName = "example.com"
	c, err := Dial(testContext(t), strings.Replace(wsURL(srv), "127.0.0.1", "localhost", 1)+"/x", o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"short", strings.Repeat("long ", 20)} {
		if err := c.Write(testContext(t), Text, []byte(s)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	got := client.String()
	for _, line := range []string{
		"client resolved localhost true <nil>\nclient connected tcp <nil>\nclient TLS true <nil>\nclient GET /x\nclient 101\n" +
			"client true text true true 5 false short  false false\nclient false text true false 5 false short  false true\n",
		"client true close true true 2 false", "client false close true false 2 false",
	} {
		// A machine may know localhost by two addresses, of which one refuses.
		if !strings.Contains(got, line) && !strings.Contains(got, strings.Replace(line, "client connected tcp <nil>\n", "", 1)) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
	if !strings.Contains(got, " true long lon true ") && !strings.Contains(got, "long lon") {
		t.Errorf("the inflated text is not in\n%s", got)
	}
	eventually(t, "the server has told all", func() bool { return strings.Count(server.String(), "server ") >= 8 })
	if s := server.String(); !strings.HasPrefix(s, "server GET /x\nserver 101\nserver false text true true 5 false short  false false\nserver true text true false 5") {
		t.Error(s)
	}
}

// brief is what of a payload is told in a line.
func brief(p []byte) string { return strings.ToValidUTF8(string(p[:min(len(p), 8)]), "?") }

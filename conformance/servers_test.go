package conformance

// This file runs our client against servers that others wrote, and through proxies that others wrote.

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// servers are the echo servers: what they need and how they are started.
var servers = map[string]struct {
	packages  []string
	argv      []string
	fragments bool // it can be asked for a message in fragments
}{
	"websockets server": {[]string{"python3-websockets"}, []string{python, "-I", "python/servers/websockets_server.py"}, true},
	"tornado server":    {[]string{"python3-tornado"}, []string{python, "-I", "python/servers/tornado_server.py"}, false},
	"ws server":         {[]string{"nodejs", "ws"}, []string{"node", "node/servers/ws.mjs"}, true},
}

func TestServers(t *testing.T) {
	for name, s := range servers {
		t.Run(name, func(t *testing.T) {
			need(t, name, s.packages...)
			address := "127.0.0.1:" + start(t, s.argv...).waitFor(`port (\d+)`)
			for deflate, d := range map[string]*websocket.Deflate{"plain": nil, "deflate": {Threshold: 1}, "takeover": {Threshold: 1, Takeover: true}} {
				t.Run(deflate, func(t *testing.T) {
					o := &websocket.DialOptions{Subprotocols: []string{"v1", "v2"}, Options: websocket.Options{Deflate: d, ReadLimit: 1 << 22}}
					talk(t, name, deflate, func() (*websocket.Conn, error) {
						return websocket.Dial(patient(t), "ws://"+address+"/", o)
					}, s.fragments)
				})
			}
		})
	}
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// talk checks a conversation with an echo server.
func talk(t *testing.T, client, way string, dial func() (*websocket.Conn, error), fragments bool) {
	t.Helper()
	ctx := patient(t)
	c, err := dial()
	check(t, client, "handshake", way, func(t *testing.T) {
		if err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	ask := func(t *testing.T, typ websocket.MessageType, p []byte) websocket.Message {
		t.Helper()
		if err := c.Write(ctx, typ, p); err != nil {
			t.Fatal(err)
		}
		m, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	check(t, client, "echo", way, func(t *testing.T) {
		for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
			for typ, p := range map[websocket.MessageType][]byte{
				websocket.Text:   []byte(strings.Repeat("界", n/3+1)),
				websocket.Binary: bytes.Repeat([]byte{0, 1, 2, 0xFF}, n/4+1)[:n],
			} {
				if m := ask(t, typ, p); m.Type != typ || !bytes.Equal(m.Data, p) {
					t.Errorf("%v of %d bytes comes back as %v of %d", typ, len(p), m.Type, len(m.Data))
				}
			}
		}
	})
	check(t, client, "subprotocol", way, func(t *testing.T) {
		if c.Subprotocol() != "v2" {
			t.Errorf("%q", c.Subprotocol())
		}
	})
	check(t, client, "fragments", way, func(t *testing.T) {
		w, err := c.Writer(ctx, websocket.Text)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 5000)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(ctx); err != nil || len(m.Data) != 25000 {
			t.Errorf("%d bytes, %v", len(m.Data), err)
		}
		if fragments {
			if m := ask(t, websocket.Text, []byte("fragments")); string(m.Data) != "fragments" {
				t.Errorf("%q", m.Data)
			}
		}
	})
	check(t, client, "ping", way, func(t *testing.T) {
		if m := ask(t, websocket.Text, []byte("ping")); string(m.Data) != "ponged" {
			t.Errorf("%q", m.Data)
		}
		reading, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = c.Read(reading)
		}()
		if rtt, err := c.Ping(ctx); err != nil || rtt <= 0 {
			t.Errorf("%v, %v", rtt, err)
		}
		stop()
		<-done
	})
	check(t, client, "close", way, func(t *testing.T) {
		if err := c.Write(ctx, websocket.Text, []byte("close")); err != nil {
			t.Fatal(err)
		}
		_, err := c.Read(ctx)
		var e *websocket.CloseError
		if !errors.As(err, &e) || e.Code != 4000 || e.Reason != "as you wish" || e.Local || !e.Clean() {
			t.Errorf("%v", err)
		}
		again, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Error(err)
		}
	})
}

// Our client through proxies: tinyproxy, which is asked with CONNECT, and microsocks, which speaks SOCKS5; each with a password.
func TestClientThroughProxies(t *testing.T) {
	target := startServer(t)
	for name, run := range map[string]func(t *testing.T, address string) (*process, string){
		"tinyproxy": func(t *testing.T, address string) (*process, string) {
			_, port, _ := net.SplitHostPort(address)
			config := filepath.Join(t.TempDir(), "tinyproxy.conf")
			text := "Port " + port + "\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nBasicAuth user pass\n"
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return start(t, program("tinyproxy"), "-d", "-c", config), "http://user:pass@" + address
		},
		"microsocks": func(t *testing.T, address string) (*process, string) {
			host, port, _ := net.SplitHostPort(address)
			return start(t, program("microsocks"), "-i", host, "-p", port, "-u", "user", "-P", "pass"), "socks5://user:pass@" + address
		},
	} {
		t.Run(name, func(t *testing.T) {
			need(t, name, name)
			address := freePort(t)
			p, via := run(t, address)
			p.waitForPort(address)
			through := func(via string) *websocket.DialOptions {
				return &websocket.DialOptions{Proxy: func(*url.URL) (*url.URL, error) { return url.Parse(via) }}
			}
			check(t, name, "echo", "with the password", func(t *testing.T) {
				c, err := websocket.Dial(patient(t), "ws://"+target.addr+"/echo", through(via))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.CloseNow() }()
				for _, n := range []int{0, 126, 1 << 17} {
					p := make([]byte, n)
					if err := c.Write(patient(t), websocket.Binary, p); err != nil {
						t.Fatal(err)
					}
					if m, err := c.Read(patient(t)); err != nil || !bytes.Equal(m.Data, p) {
						t.Fatalf("%d bytes, %v", len(m.Data), err)
					}
				}
				if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
					t.Error(err)
				}
			})
			check(t, name, "handshake", "with a wrong password", func(t *testing.T) {
				_, err := websocket.Dial(patient(t), "ws://"+target.addr+"/echo", through(strings.Replace(via, "pass@", "wrong@", 1)))
				if err == nil || strings.Contains(err.Error(), "wrong") {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

package conformance

// This file holds proxies: real ones before the real server, with the few lines of configuration that WebSocket asks for.

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// A proxy is a program that forwards to our server.
type proxy struct {
	name, pkg string
	config    func(dir string, o proxyOptions) string
	argv      func(program, dir, config string) []string
}

type proxyOptions struct {
	listen, backend string        // host and port
	timeout         time.Duration // after which a silent connection is cut
	cert            certificate   // for TLS, if set
}

var nginx = proxy{
	name: "nginx", pkg: "nginx-light",
	config: func(dir string, o proxyOptions) string {
		listen := o.listen
		if o.cert.chain != "" {
			listen += fmt.Sprintf(" ssl; ssl_certificate %s; ssl_certificate_key %s", o.cert.chain, o.cert.key)
		}
		user := ""
		if os.Getuid() == 0 {
			user = "user root;" // our folder is closed to others
		}
		return fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/nginx.pid; error_log stderr; %[5]s
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen %[2]s;
    location / {
      proxy_pass http://%[3]s;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout %[4]dms; proxy_send_timeout %[4]dms;
    }
  }
}`, dir, listen, o.backend, o.timeout.Milliseconds(), user)
	},
	argv: func(program, dir, config string) []string {
		return []string{program, "-p", dir, "-e", "stderr", "-c", config}
	},
}

var haproxy = proxy{
	name: "HAProxy", pkg: "haproxy",
	config: func(dir string, o proxyOptions) string {
		listen := o.listen
		if o.cert.chain != "" {
			listen += " ssl crt " + pemBundle(dir, o.cert)
		}
		return fmt.Sprintf(`global
  log stderr format raw local0 warning
defaults
  mode http
  log global
  timeout connect 5s
  timeout client %[3]dms
  timeout server %[3]dms
  timeout tunnel %[3]dms
frontend front
  bind %[1]s
  option forwardfor
  http-request set-header X-Forwarded-Proto %%[ssl_fc,iif(https,http)]
  default_backend back
backend back
  server duplex %[2]s
`, listen, o.backend, o.timeout.Milliseconds())
	},
	argv: func(program, _, config string) []string { return []string{program, "-db", "-f", config} },
}

// pemBundle is a certificate in one file, as HAProxy wants it.
func pemBundle(dir string, cert certificate) string {
	path := filepath.Join(dir, "bundle.pem")
	var bundle []byte
	for _, part := range []string{cert.chain, cert.key} {
		pem, err := os.ReadFile(part)
		if err != nil {
			panic(err) // we have just written it
		}
		bundle = append(bundle, pem...)
	}
	if err := os.WriteFile(path, bundle, 0o600); err != nil {
		panic(err)
	}
	return path
}

// start runs the proxy before a server and returns where it listens.
func (p proxy) start(t *testing.T, o proxyOptions) string {
	t.Helper()
	dir := t.TempDir()
	o.listen = freePort(t)
	config := filepath.Join(dir, "proxy.conf")
	if err := os.WriteFile(config, []byte(p.config(dir, o)), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, p.argv(program(p.pkg), dir, config)...).waitForPort(o.listen)
	return o.listen
}

func TestNginx(t *testing.T)   { testProxy(t, nginx) }
func TestHAProxy(t *testing.T) { testProxy(t, haproxy) }

func testProxy(t *testing.T, p proxy) {
	t.Helper()
	t.Parallel()
	for _, s := range []script{npmWS, websockets} {
		via := ", " + p.name
		t.Run(s.client, func(t *testing.T) {
			need(t, s.client+via, append(s.needs, p.pkg)...)
			srv := startServer(t, usualFlags...)
			addr := p.start(t, proxyOptions{backend: srv.addr, timeout: time.Minute})
			s.run(t, via, "ws://"+addr, srv.stop)
		})
	}
	// TLS ends at the proxy: the server knows by X-Forwarded-Proto that its own origin is https.
	t.Run(websockets.client+", TLS", func(t *testing.T) {
		via := ", TLS, " + p.name
		need(t, websockets.client+via, append(websockets.needs, p.pkg)...)
		cert := newCertificate(t)
		srv := startServer(t, append([]string{"--trusted-proxy", "127.0.0.1"}, usualFlags...)...)
		addr := p.start(t, proxyOptions{backend: srv.addr, timeout: time.Minute, cert: cert})
		websockets.run(t, via, "wss://"+addr, srv.stop, cert.trust()...)
	})
}

// TestIdle sees connections on which nobody says anything: a proxy cuts them, unless somebody pings.
func TestIdle(t *testing.T) {
	t.Parallel()
	const serverPings = 25 * time.Second // the server's default
	cases := []struct {
		what    string
		timeout time.Duration // the proxy's
		silence time.Duration
		ping    time.Duration // the client's; -1: it does not
		alive   bool
	}{
		{"without pings the proxy cuts", 2 * time.Second, 4 * time.Second, -1, false},
		{"the client's pings keep it", 2 * time.Second, 5 * time.Second, time.Second, true},
		{"the server's pings keep it", serverPings + 3*time.Second, serverPings + 7*time.Second, -1, true},
	}
	proxies := []proxy{nginx, haproxy}
	errs := make([][]error, len(proxies))
	var all sync.WaitGroup // at once: they mostly wait
	for n, p := range proxies {
		if !installed(p.pkg) {
			continue
		}
		srv := startServer(t)
		errs[n] = make([]error, len(cases))
		for i, c := range cases {
			addr := p.start(t, proxyOptions{backend: srv.addr, timeout: c.timeout})
			all.Go(func() { errs[n][i] = idle(t.Context(), addr, c.silence, c.ping) })
		}
	}
	all.Wait()
	for n, p := range proxies {
		client := "duplex, " + p.name
		t.Run(p.name, func(t *testing.T) {
			need(t, client, p.pkg)
			for i, c := range cases {
				check(t, client, "idle", c.what, func(t *testing.T) {
					if alive := errs[n][i] == nil; alive != c.alive {
						t.Errorf("after %v of silence: %v", c.silence, errs[n][i])
					}
				})
			}
		})
	}
}

// idle connects, is silent, and tells whether an echo comes back after that.
func idle(ctx context.Context, addr string, silence, ping time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, silence+10*time.Second)
	defer cancel()
	c, err := websocket.Dial(ctx, "ws://"+addr+"/echo", &websocket.DialOptions{
		Options: websocket.Options{PingInterval: ping, PingTimeout: time.Second},
		Header:  http.Header{"Origin": {"http://" + addr}},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.CloseNow() }()
	go func() {
		time.Sleep(silence)
		_ = c.Write(ctx, websocket.Text, []byte("still here")) // if it fails, so does Read
	}()
	msg, err := c.Read(ctx) // answers pings meanwhile
	if err == nil && !strings.Contains(string(msg.Data), "still") {
		return fmt.Errorf("got %q", msg.Data)
	}
	return err
}

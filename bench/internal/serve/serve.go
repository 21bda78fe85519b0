// Package serve holds what the servers under test share: how they are started, how they tell of their memory, buffers, and a room.
package serve

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// ReadLimit is how many bytes a message may have, in all servers: more than any that is sent.
const ReadLimit = 4 << 20

var (
	addr   = flag.String("addr", "127.0.0.1:9000", "address to listen on")
	useTLS = flag.Bool("tls", false, "serve TLS, with a certificate made on the spot")
)

// HTTP serves mux, and /rss and profiles beside it, until the process is killed: it returns only an error. wrap, which may be nil, is put around the
// listener, below TLS. The command line has been parsed.
func HTTP(mux *http.ServeMux, wrap func(net.Listener) net.Listener) error {
	mux.HandleFunc("/rss", RSS)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.Handle("/debug/pprof/heap", pprof.Handler("heap"))
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	if wrap != nil {
		ln = wrap(ln)
	}
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	if !*useTLS {
		return s.Serve(ln)
	}
	cert, err := certificate()
	if err != nil {
		return err
	}
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	return s.ServeTLS(ln, "", "")
}

// RSS answers with the resident memory of the process in bytes, after giving back what is free.
func RSS(w http.ResponseWriter, _ *http.Request) {
	debug.FreeOSMemory()
	var size, resident int
	f, err := os.Open("/proc/self/statm")
	if err == nil {
		_, err = fmt.Fscan(f, &size, &resident)
		_ = f.Close()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, resident*os.Getpagesize())
}

func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Buffer returns an empty buffer of a pool, for libraries that read into one, and Release gives it back.
func Buffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) } //nolint:errcheck,forcetypeassert // New returns nothing else

// Release gives a buffer back.
func Release(b *bytes.Buffer) {
	b.Reset()
	buffers.Put(b)
}

// Room is a set of connections that a broadcast goes to.
type Room[C comparable] struct {
	mu   sync.Mutex
	set  map[C]struct{}
	list []C // made anew after a change; read without the lock
}

// Join adds c.
func (r *Room[C]) Join(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set == nil {
		r.set = make(map[C]struct{})
	}
	r.set[c] = struct{}{}
	r.list = nil
}

// Leave removes c.
func (r *Room[C]) Leave(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.set, c)
	r.list = nil
}

// All returns the connections.
func (r *Room[C]) All() []C {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		for c := range r.set {
			r.list = append(r.list, c)
		}
	}
	return r.list
}

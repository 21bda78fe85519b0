//go:build linux

package main

// This file tests that serve speaks TLS: pages over https, WebSocket over wss, and nothing to who does not.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// writeCertificate makes a certificate for 127.0.0.1, and returns its files and who trusts it.
func writeCertificate(t *testing.T) (cert, key string, trust *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	trust = x509.NewCertPool()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		trust.AppendCertsFromPEM(text)
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER), trust
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	cert, key, trust := writeCertificate(t)
	p := startChild(t, "main", "serve", "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(p.base, "https://") {
		t.Fatalf("served at %s", p.base)
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: true,
	}}
	res, err := client.Get(p.base + "/chat")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 200 || res.ProtoMajor != 1 {
		t.Errorf("%d over %s", res.StatusCode, res.Proto)
	}
	client.CloseIdleConnections()

	c, err := websocket.Dial(t.Context(), strings.Replace(p.base, "https", "wss", 1)+"/echo", &websocket.DialOptions{
		TLS: &tls.Config{RootCAs: trust}, Header: http.Header{"Origin": {p.base}},
	})
	if err != nil {
		t.Fatal(err)
	}
	stillEchoes(t, c)
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

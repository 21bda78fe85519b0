package websocket

// This file holds when an App dials again: backoff, and who must be obeyed.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter is the longest that a server can make an App wait.
const maxRetryAfter = time.Hour

// pace is how often and how fast an App dials.
type pace struct {
	app       *App
	failures  int           // in a row
	atLeast   time.Duration // the peer asked for
	connected bool          // there has been a connection
}

// failed counts an attempt that gave no connection.
func (p *pace) failed(err error) {
	p.failures++
	p.atLeast = 0
	var e *HandshakeError
	if errors.As(err, &e) {
		p.atLeast = retryAfter(e.Header.Get("Retry-After"), time.Now())
	}
}

// ended counts a connection that has ended.
func (p *pace) ended(err error, uptime time.Duration) {
	p.failures++
	if uptime >= orDefault(p.app.MinUptime, 10*time.Second) {
		p.failures = 1
	}
	p.atLeast = 0
	switch CloseStatus(err) { //nolint:exhaustive // the others ask for nothing
	case StatusServiceRestart:
		p.atLeast = 5*time.Second + rand.N(25*time.Second) //nolint:gosec // jitter
	case StatusTryAgainLater:
		p.atLeast = p.max()
	}
}

func (p *pace) max() time.Duration { return orDefault(p.app.MaxDelay, time.Minute) }

// wait waits until the next attempt is due.
func (p *pace) wait(ctx context.Context) error {
	if p.failures == 0 {
		return ctx.Err()
	}
	ceiling := p.max()
	if shift := p.failures - 1; shift < 32 {
		if d := orDefault(p.app.MinDelay, time.Second) << shift; d > 0 {
			ceiling = min(ceiling, d)
		}
	}
	timer := time.NewTimer(max(p.atLeast, rand.N(ceiling))) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads a Retry-After: seconds or a date (RFC 9110 section 10.2.3). 0: it says nothing.
func retryAfter(s string, now time.Time) time.Duration {
	d := time.Duration(0)
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(s); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// DefaultRetry is what App goes on after: everything but a URL that is none, a server whose certificate cannot be verified, and a response
// that says that the request is at fault: 4xx other than 408, 425 and 429.
func DefaultRetry(err error) bool {
	var badCertificate *tls.CertificateVerificationError
	var badName x509.HostnameError
	var badAddress *addressError
	if errors.As(err, &badCertificate) || errors.As(err, &badName) || errors.As(err, &badAddress) {
		return false
	}
	var e *HandshakeError
	if !errors.As(err, &e) || e.Status/100 != 4 {
		return true
	}
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooEarly || e.Status == http.StatusTooManyRequests
}

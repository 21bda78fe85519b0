package engineio

// This file holds what a server can choose, and the defaults.

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/proto/ws"
	"github.com/duplex-go/duplex/websocket"
)

// Options are what a server can choose. The zero value holds the defaults. They are not changed once the server has them.
type Options struct {
	// Transports are those that clients may use: "polling", "websocket". If nil, both.
	Transports []string
	// Revisions are those of the protocol that clients may speak: 4, 3. If nil, both.
	Revisions []int
	// JSONP lets clients of revision 3 poll by script elements, as very old browsers must. Pages of any site can then open sessions.
	JSONP bool
	// NoUpgrades keeps polling sessions polling.
	NoUpgrades bool

	// PingInterval is how often a client is pinged, or has to ping, and PingTimeout how long an answer may take. If zero, 25 s and 20 s.
	PingInterval time.Duration
	PingTimeout  time.Duration
	// UpgradeTimeout is how long the change to WebSocket may take. If zero, 10 s.
	UpgradeTimeout time.Duration
	// BodyTimeout is how long the body of a request, and the writing of a response, may take. If zero, 10 s.
	BodyTimeout time.Duration

	// MaxPayload is the size that a message, or the body of a request, may have, in bytes. If zero, 1,000,000.
	MaxPayload int
	// MaxPackets is how many packets the body of a request may hold. If zero, 10,000: clients send all that they have at once.
	MaxPackets int
	// SendBuffer is how many bytes may wait for a client. Past it the session ends. If zero, 1 MiB. What is larger is taken when nothing waits.
	SendBuffer int
	// PacketRate is how many packets a client may send in a second. More end the session with TransportError. If zero, there is no limit.
	PacketRate int
	// MaxSessions and MaxSessionsPerIP bound the sessions: beyond, the answer is 503, and 429 for a client that has
	// MaxSessionsPerIP of its own. If zero, there is no limit.
	MaxSessions      int
	MaxSessionsPerIP int

	// CompressThreshold is the size in bytes from which a response to a poll is compressed. If zero, 1,024; if negative, none is.
	CompressThreshold int
	// Deflate asks for permessage-deflate on WebSocket. If nil, it is off.
	Deflate *websocket.Deflate

	// Cookie is a model for one that is set to the session's id when a session opens, for load balancers. Its Name is "io" and its Path "/" if they are
	// empty; SameSite is Lax if zero; it is always HttpOnly. If nil, no cookie is set.
	Cookie *http.Cookie
	// CORS lets pages of other sites open sessions. If nil, only those of our own may, over any transport.
	CORS *CORS
	// TrustedProxies are the addresses of proxies whose X-Forwarded-For, -Host and -Proto are believed. If nil, nobody's are.
	TrustedProxies []netip.Prefix

	// AllowRequest is asked about each request that opens a session. An error refuses it with 403; the client sees its text.
	AllowRequest func(r *http.Request) error
	// InitialHeaders can add fields to the response that opens a session, Headers to every response of a session.
	InitialHeaders func(h http.Header, r *http.Request)
	Headers        func(h http.Header, r *http.Request)
	// OnConnectionError is told of each request that is refused.
	OnConnectionError func(e *ConnectionError)

	// ShutdownRate is how many sessions Shutdown closes in a second, so that not all clients come back at once. If zero, 2,000.
	ShutdownRate int
	// Logger takes what has no caller to be returned to. If nil, nothing is logged but panics, to slog.Default.
	Logger *slog.Logger
}

// CORS says which pages of other sites may use a server.
type CORS struct {
	// Origins are the sites: "https://example.org", "https://*.example.org" for the hosts below it, "*" for all.
	Origins []string
	// Credentials lets their browsers send cookies. It cannot go with "*".
	Credentials bool
	// Headers are the request fields that their pages may set, beside Content-Type.
	Headers []string
}

// ConnectionError is a request that was refused.
type ConnectionError struct {
	Request *http.Request
	Code    int    // as the client sees it: 0 unknown transport, 1 unknown session, 2 method, 3 bad request, 4 forbidden, 5 revision
	Message string // the same
	Detail  string // more, for the log; may be empty
}

// closeTimeout is how long a client that polls has to fetch what waits when we close.
const closeTimeout = 30 * time.Second

// settings are Options with the defaults filled in, and what follows from them.
type settings struct {
	Options
	machine  eio.Config
	upgrades []string
	origins  []string
	socket   *websocket.AcceptOptions
}

func newSettings(o *Options) (*settings, error) {
	s := new(settings)
	if o != nil {
		s.Options = *o
	}
	setDefault(&s.PingInterval, 25*time.Second)
	setDefault(&s.PingTimeout, 20*time.Second)
	setDefault(&s.UpgradeTimeout, 10*time.Second)
	setDefault(&s.BodyTimeout, 10*time.Second)
	setDefault(&s.MaxPayload, 1_000_000)
	setDefault(&s.MaxPackets, 10_000)
	setDefault(&s.SendBuffer, 1<<20)
	setDefault(&s.CompressThreshold, 1024)
	setDefault(&s.ShutdownRate, 2000)
	if s.Transports == nil {
		s.Transports = []string{eio.Polling.String(), eio.WebSocket.String()}
	}
	if s.Revisions == nil {
		s.Revisions = []int{int(eio.V4), int(eio.V3)}
	}
	if s.allows(eio.WebSocket) && !s.NoUpgrades {
		s.upgrades = []string{eio.WebSocket.String()}
	}
	s.machine = eio.Config{
		PingInterval:   s.PingInterval,
		PingTimeout:    s.PingTimeout,
		UpgradeTimeout: s.UpgradeTimeout,
		CloseTimeout:   closeTimeout,
		SendBuffer:     s.SendBuffer,
		PacketRate:     s.PacketRate,
	}
	if s.CORS != nil {
		s.origins = s.CORS.Origins
	}
	s.socket = s.socketOptions()
	return s, errors.Join(s.checkTransports(), s.setCookie(), s.checkCORS())
}

// socketOptions returns those of the WebSocket connections, whose pings and origins are the session's affair.
func (s *settings) socketOptions() *websocket.AcceptOptions {
	return &websocket.AcceptOptions{
		Options: websocket.Options{
			ReadLimit:    int64(s.MaxPayload),
			WriteQueue:   s.SendBuffer,
			WhenFull:     websocket.CloseWhenFull,
			WriteTimeout: s.BodyTimeout,
			PingInterval: -1,
			Deflate:      s.Deflate,
			Logger:       s.Logger,
		},
		Origins: []string{"*"},
	}
}

func (s *settings) allows(t eio.Transport) bool { return slices.Contains(s.Transports, t.String()) }

func (s *settings) checkTransports() error {
	for _, t := range s.Transports {
		if t != eio.Polling.String() && t != eio.WebSocket.String() {
			return fmt.Errorf("engineio: %q is no transport", t)
		}
	}
	for _, r := range s.Revisions {
		if r != int(eio.V3) && r != int(eio.V4) {
			return fmt.Errorf("engineio: revision %d of the protocol is not known", r)
		}
	}
	return nil
}

// setCookie replaces the model by a copy with the defaults filled in.
func (s *settings) setCookie() error {
	if s.Cookie == nil {
		return nil
	}
	c := *s.Cookie
	setDefault(&c.Name, "io")
	setDefault(&c.Path, "/")
	setDefault(&c.SameSite, http.SameSiteLaxMode)
	c.HttpOnly = true
	c.Value = "id"
	s.Cookie = &c
	if err := c.Valid(); err != nil {
		return fmt.Errorf("engineio: the cookie: %w", err)
	}
	return nil
}

func (s *settings) checkCORS() error {
	if s.CORS == nil {
		return nil
	}
	for _, p := range s.CORS.Origins {
		if !ws.CheckOriginPattern(p) {
			return fmt.Errorf("engineio: %q is no origin: write it as https://example.org or https://*.example.org", p)
		}
		if p == "*" && s.CORS.Credentials {
			return errors.New("engineio: credentials cannot be allowed to pages of all sites: name the origins")
		}
	}
	return ws.CheckSubprotocols(s.CORS.Headers) // they are tokens too
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

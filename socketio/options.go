package socketio

// This file holds what a server can choose, and the defaults.

import (
	"strings"
	"time"

	"github.com/duplex-go/duplex/adapter"
	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/sio"
)

// Options are what a server can choose. The zero value holds the defaults. They are not changed once the server has them.
type Options struct {
	// Engine is what concerns connections: transports, heartbeats, CORS, cookies, limits, the Logger.
	Engine engineio.Options

	// Path is where clients look for the server. If empty, "/socket.io/", which they take by default too.
	Path string
	// ConnectTimeout is how long a client may be connected without joining a namespace. If zero, 45 s.
	ConnectTimeout time.Duration
	// Parser is the form of packets, which clients must be told of: sio.Msgpack, or one of your own. If nil, sio.Text.
	Parser sio.Parser
	// Adapter makes several servers one: it is given what carries out orders on this server's sockets, and returns what does so on all. If nil,
	// the server is alone.
	Adapter func(local adapter.Sockets) adapter.Sockets

	// NoClient serves no browser client. ClientDir is a directory whose socket.io.js, and files of the like, are served instead of our own.
	NoClient  bool
	ClientDir string

	// CleanupEmpty removes a namespace that came to be by OfFunc or OfPattern when its last socket has gone.
	CleanupEmpty bool

	// MaxNamespaces is how many namespaces a client may join, MaxChildren how many may come to be by one OfFunc or OfPattern. If zero, 16 and 10,000.
	MaxNamespaces int
	MaxChildren   int
	// MaxRooms is how many rooms a socket may be in. If zero, 1,000. A room's name has 1 to 255 bytes.
	MaxRooms int
	// MaxAcks is how many events may wait for a socket's answer. If zero, 10,000.
	MaxAcks int
	// MaxAttachments is how many pieces of bytes a packet may have. If zero, 10.
	MaxAttachments int
	// EarlyPayload replaces Engine.MaxPayload, in bytes, until a client has joined a namespace. If zero, 16 KiB.
	EarlyPayload int
}

const (
	maxRoomName = 255
	// A client whose handlers are busy is not read from when so many events, or bytes of them, wait.
	maxWaiting      = 256
	maxWaitingBytes = 1 << 20
)

// filled returns o with the defaults.
func (o *Options) filled() *Options {
	f := new(Options)
	if o != nil {
		*f = *o
	}
	setDefault(&f.Path, "/socket.io/")
	if !strings.HasSuffix(f.Path, "/") {
		f.Path += "/"
	}
	setDefault(&f.ConnectTimeout, 45*time.Second)
	setDefault(&f.MaxNamespaces, 16)
	setDefault(&f.MaxChildren, 10_000)
	setDefault(&f.MaxRooms, 1000)
	setDefault(&f.MaxAcks, 10_000)
	setDefault(&f.MaxAttachments, 10)
	setDefault(&f.EarlyPayload, 16<<10)
	setDefault(&f.Engine.MaxPayload, 1_000_000)
	setDefault(&f.Engine.PingInterval, 25*time.Second)
	setDefault(&f.Engine.PingTimeout, 20*time.Second)
	f.EarlyPayload = min(f.EarlyPayload, f.Engine.MaxPayload)
	if f.Parser == nil {
		f.Parser = sio.Text
	}
	return f
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

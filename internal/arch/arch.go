// Package arch holds the never-arrows of the house: which package must not know which, and why.
// Its test reads every Go file of the repository and fails on the first arrow that points up.
//
// The files are parsed, not listed by the go command: so files for other systems count too, a tree
// that does not compile can still be judged, and the test cache sees every file that was read. This file
// holds the table; nothing else need be touched to change a rule.
package arch

// Module is the path of the root module. In patterns "./" stands for it.
const Module = "github.com/duplex-go/duplex"

// A Rule forbids the packages From, but not Except, to use the packages Never, but not But.
//
// A pattern is an import path. "..." at its end stands for anything or nothing, as in the go command;
// "{x}" stands for one path element, and in But for the element that it stood for in From.
type Rule struct {
	From, Except []string
	Never, But   []string
	TestBut      []string // what _test.go files may import besides
	Calls        []string // names of imported packages, such as time.Now, that files other than tests must not use
	Why          string
}

// An Exception allows one file, by its path in the repository, one import that a rule forbids.
type Exception struct {
	File, Import, Why string
}

// Rules is the table. Rows about floors that nobody has built yet hold until somebody does.
var Rules = []Rule{
	{
		From: []string{"./proto/{x}/..."}, Never: []string{"./..."}, But: []string{"./proto/{x}/..."},
		TestBut: []string{"./internal/script"},
		Why:     "a protocol stands on the ground: no floor above, no protocol beside it",
	},
	{
		From:    []string{"./proto/..."},
		Never:   []string{"net/...", "os/...", "context", "log/...", "sync/...", "runtime/..."},
		But:     []string{"net/url"},
		TestBut: []string{"..."},
		Calls: []string{
			"time.Now", "time.Since", "time.Until", "time.After", "time.AfterFunc",
			"time.Sleep", "time.NewTimer", "time.NewTicker", "time.Tick",
		},
		Why: "the ground is a function of bytes and given times",
	},
	{
		From:  []string{"./internal/arch", "./internal/eventloop/...", "./internal/memnet", "./internal/script", "./internal/wheel"},
		Never: []string{"./..."}, But: []string{"./internal/..."},
		Why: "leaves carry bytes and times and know nothing of what they carry",
	},
	{
		From: []string{"./internal/eventloop/..."}, Never: []string{"net/http/..."},
		Why: "the event loop knows descriptors and bytes, no protocol",
	},
	{
		From: []string{"./websocket/..."}, Never: []string{"./engineio/...", "./socketio/...", "./adapter/..."},
		Why: "WebSocket does not know what is built on it",
	},
	{
		From: []string{"./engineio/..."}, Never: []string{"./socketio/...", "./adapter/..."},
		Why: "Engine.IO does not know what is built on it",
	},
	{
		From: []string{"./adapter/..."}, Never: []string{"./engineio/...", "./socketio/...", "./websocket/..."},
		Why: "a bus moves messages between servers and sees no sockets",
	},
	{
		From: []string{"./adapter/{x}/..."}, Except: []string{"./adapter/adaptertest/..."},
		Never: []string{"./..."}, But: []string{"./adapter", "./adapter/{x}/..."},
		TestBut: []string{"./adapter/adaptertest"},
		Why:     "a broker is one room with one door",
	},
	{
		From:  []string{"./socketio/..."},
		Never: []string{"./websocket/...", "./adapter/...", "./internal/eventloop/..."}, But: []string{"./adapter"},
		Why: "sockets are reached through engineio, other servers through adapter",
	},
	{
		From: []string{"./..."}, Except: []string{"./cmd/...", "./examples/..."}, Never: []string{"./cmd/...", "./examples/..."},
		Why: "programs are built on the house, not into it",
	},
	{
		From: []string{"./examples/..."}, Never: []string{"./cmd/..."},
		Why: "the command hosts the examples and not the other way round",
	},
	{
		From: []string{"./..."}, Except: []string{"./bench/...", "./conformance/..."}, Never: []string{"./bench/...", "./conformance/..."},
		Why: "they are modules of their own, so that nobody inherits what they depend on",
	},
}

// Exceptions to the table, each with its reason.
var Exceptions = []Exception{
	{"proto/ws/deflate.go", "sync", "a pool of inflaters and compressors: they are too large for each connection to own one"},
}

// Sided packages keep client and server apart: both stand on what they share, and no file of one side uses a
// declaration of the other. The first word of the file's name that stands in Sides tells its side.
var Sided = []string{"./websocket", "./engineio", "./socketio"}

// Sides maps words of file names, as in dial.go or server_limits.go, to the side that they mean.
var Sides = map[string]string{"client": "client", "dial": "client", "server": "server", "accept": "server"}

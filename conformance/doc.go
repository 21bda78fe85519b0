// Package conformance runs clients that others wrote against the real binary, in real processes: npm's ws, Debian's
// python3-websocket (short and long-lived style), python3-websockets and python3-tornado, curl, and Chromium; straight, over
// TLS, and through nginx and HAProxy. And it runs our client against servers and proxies that others wrote.
//
// For Socket.IO it runs the official clients of four generations, in Node and in Chromium, and Debian's python3-socketio, through the same scenarios twice:
// against the official server and against ours (socketioserver). What the client saw must be the same, and so must every packet that a raw client is sent.
// Nothing is recorded: both servers run.
//
// It holds tests only, and the server of the scenarios. The checks of the script clients stand in node/ and python/; each prints a line for each check, which
// becomes a subtest. At the end a table says which client passed how many checks of what. A test whose program is not
// installed is skipped by the name of the package; scripts/setup.sh installs them all.
//
// It is a module of its own, so that what it needs is no dependency of ours.
package conformance

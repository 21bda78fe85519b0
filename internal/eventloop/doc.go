// Package eventloop watches many sockets with few goroutines. It knows file descriptors and bytes, and no protocol.
//
// A Loop is one epoll set. Its goroutine finds out which sockets are ready, and waits for that in the runtime's own poller: no thread
// blocks in a system call, and one goroutine stands for every idle socket. A socket that is ready borrows a goroutine, which calls
// its Runner, and gives it back. A Runner may therefore block; it delays only its own socket. See work for how few goroutines that takes.
//
// A socket's states, kept in one word beside the events that have come:
//
//	        event                   taken by a goroutine
//	idle ----------> scheduled ----------------------------> running
//	  ^                  ^                                   |     |
//	  |                  +--- an event came, or more is due -+     |
//	  +------------------------- nothing came meanwhile -----------+
//
// Events are edge-triggered: a Runner reads until Read returns ErrWouldBlock. An event for a socket that was closed, whose descriptor
// may have been given to another one since, is known by the number of its generation and dropped.
//
// Only on Linux; elsewhere Supported is false.
package eventloop

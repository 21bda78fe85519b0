package websocket

// This file holds the buffers that connections borrow.

import (
	"math/bits"
	"sync"
	"unsafe"
)

const (
	smallBuffer = 4 << 10 // bytes: what a connection reads into while no large message is coming
	largeBuffer = 4 << 20 // bytes: the largest that is pooled
)

// buffers are the pools, by powers of two from smallBuffer to largeBuffer. They hold pointers to the first byte: a
// slice in an interface would be an allocation each time.
var buffers [11]sync.Pool

func bufferClass(n int) int { return max(0, bits.Len(uint(n-1))-bits.Len(smallBuffer-1)) } //nolint:gosec // n is a size

// getBuffer returns a buffer of at least n bytes; what it holds is undefined.
func getBuffer(n int) []byte {
	class := bufferClass(n)
	if class >= len(buffers) {
		return make([]byte, n)
	}
	if b, ok := buffers[class].Get().(*byte); ok {
		return unsafe.Slice(b, smallBuffer<<class)
	}
	return make([]byte, smallBuffer<<class)
}

// putBuffer gives a buffer back. Nobody may hold on to it. One that did not come from getBuffer is left to the collector.
func putBuffer(b []byte) {
	b = b[:cap(b)]
	class := bufferClass(max(1, len(b)))
	if class < len(buffers) && len(b) == smallBuffer<<class {
		buffers[class].Put(unsafe.SliceData(b))
	}
}

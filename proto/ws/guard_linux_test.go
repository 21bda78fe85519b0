package ws

// This file feeds bytes that end, or begin, at a page that must not be touched.

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
)

// guarded returns a page between two that fault.
func guarded(t *testing.T) []byte {
	t.Helper()
	size := syscall.Getpagesize()
	m, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	for _, page := range [][]byte{m[:size], m[2*size:]} {
		if err := syscall.Mprotect(page, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return m[size : 2*size : 2*size]
}

// onFault makes a fault fail the test instead of ending the program.
func onFault(t *testing.T) func() {
	was := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(was)
		if r := recover(); r != nil { //nolint:revive // it is: what is returned is deferred
			t.Fatalf("touched what is beside: %v", r)
		}
	}
}

func TestAttack_F15_MaskAtThePageEnd(t *testing.T) {
	page := guarded(t)
	defer onFault(t)()
	plain := bytes.Repeat([]byte("0123456789abcdef"), 16)
	for n := range 200 {
		for pos := range 4 {
			want := bytes.Clone(plain[:n])
			maskSlow(want, maskKey(), pos)
			for _, at := range []int{0, len(page) - n} {
				p := page[at : at+n : at+n]
				copy(p, plain)
				Mask(p, maskKey(), pos)
				if !bytes.Equal(p, want) {
					t.Fatalf("%d bytes at %d with offset %d are wrong", n, at, pos)
				}
			}
		}
	}
}

// The whole machine, fed from the end of a page in every cut of a conversation in two.
func TestAttack_F15_FeedAtThePageEnd(t *testing.T) {
	page := guarded(t)
	defer onFault(t)()
	for name, params := range allParams {
		from := New(Client, testConfig, params)
		for i := range 4 {
			_ = from.Send(OpText, true, fmt.Appendf(nil, `{"id":%d,"text":"good morning, good morning, κόσμε"}`, i))
			_ = from.Send(OpPing, true, []byte("are you there?"))
		}
		wire := from.Take(nil)
		want := feedCut(New(Server, testConfig, params), wire, whole)
		for n := range wire {
			c := New(Server, testConfig, params)
			var l eventLog
			for _, piece := range [][]byte{wire[:n], wire[n:]} {
				p := page[len(page)-len(piece):]
				copy(p, piece)
				c.Feed(p)
				l.drain(c)
			}
			l.lines = append(l.lines, fmt.Sprintf("sent %x", c.Take(nil)))
			if !slices.Equal(l.lines, want) {
				t.Fatalf("%s, cut at %d: %s", name, n, firstDifference(l.lines, want))
			}
		}
	}
}

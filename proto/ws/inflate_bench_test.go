// This file measures the inflater against the reader of compress/flate.

package ws

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"
)

// inflateLoad is a set of messages, each compressed by itself.
type inflateLoad struct {
	name     string
	payloads [][]byte
	size     int // bytes of output a message, on average; of input, where there is no output
}

func inflateLoads(b *testing.B) []inflateLoad {
	load := func(name string, level int, messages ...[]byte) inflateLoad {
		l := inflateLoad{name: name}
		for _, m := range messages {
			l.size += len(m)
			l.payloads = append(l.payloads, deflateWith(b, stdWriter(level), m)...)
		}
		l.size /= len(messages)
		return l
	}
	var small [][]byte
	for i := range 64 {
		small = append(small, jsonMessage(i))
	}
	return []inflateLoad{
		load("json 220 B", 6, small...),
		load("json 64 KiB", 6, bytes.Repeat(bytes.Join(small, nil), 5)[:64<<10]),
		load("text 64 KiB", 6, text(64<<10)),
		load("noise 64 KiB", 6, noise(64<<10, 0x3f)),
		load("zeros 1 MiB", 6, make([]byte, 1<<20)),
		{"empty final blocks", [][]byte{append(bytes.Repeat([]byte{0x03, 0x00}, 500_000), 0x00)}, 1_000_000},
		{"empty dynamic blocks", [][]byte{append(bytes.Repeat(dearBlock(), 1_000_000/len(dearBlock())), 0x00)}, 1_000_000},
	}
}

// dearBlock is the dearest input there is: 23 bytes, a final block without output, whose codes fill all of the table.
func dearBlock() []byte {
	pre := lengthsOf(preSymbols, 18, 4)
	for l := 1; l <= 15; l++ {
		pre[l] = 4
	}
	w := counts(257, 1, pre)
	w.p[0] |= 1 // BFINAL
	for l := uint(1); l <= 15; l++ {
		w.code(l-1, 4)
	}
	w.code(15, 4).bits(138-11, 7).code(15, 4).bits(103-11, 7) // 241 times 0
	w.code(14, 4).code(0, 4)                                  // the end of block, a distance
	return w.code(1<<15-1, 15).align().p
}

func BenchmarkInflate(b *testing.B) {
	for _, l := range inflateLoads(b) {
		b.Run(l.name+"/ours", func(b *testing.B) { benchmarkOurs(b, l) })
		b.Run(l.name+"/std", func(b *testing.B) { benchmarkStd(b, l) })
	}
}

func benchmarkOurs(b *testing.B, l inflateLoad) {
	z := new(inflater)
	b.SetBytes(int64(l.size))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		z.reset(nil, maxWindow)
		for _, p := range [][]byte{l.payloads[i%len(l.payloads)], deflateTail} {
			z.feed(p)
			for more := true; more; {
				var err error
				if _, more, err = z.next(); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := z.finish(); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkStd does it as WebSocket libraries do: the tail and an empty final block behind each message.
func benchmarkStd(b *testing.B, l inflateLoad) {
	var streams [][]byte
	for _, p := range l.payloads {
		streams = append(streams, append(bytes.Clone(p), 0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF))
	}
	in, buf := new(bytes.Reader), make([]byte, 32<<10)
	fr := flate.NewReader(in)
	b.SetBytes(int64(l.size))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		in.Reset(streams[i%len(streams)])
		for in.Len() > 0 {
			if err := fr.(flate.Resetter).Reset(in, nil); err != nil {
				b.Fatal(err)
			}
			if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, fr, buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}

package websocket

// This file measures what a message costs: go test -bench . ./websocket

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkEcho is a round trip: Write and Read here, Read and Write there. Both ends are counted.
func BenchmarkEcho(b *testing.B) {
	for _, name := range []string{"memory", "tcp", "tls"} {
		for _, size := range []int{32, 16 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				here, there := pairs[name](b, nil)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = echo(context.Background(), there)
				}()
				ctx, p := context.Background(), make([]byte, size)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if err := here.Write(ctx, Binary, p); err != nil {
						b.Fatal(err)
					}
					if _, err := here.Read(ctx); err != nil {
						b.Fatal(err)
					}
				}
				_ = here.CloseNow()
				<-done
			})
		}
	}
}

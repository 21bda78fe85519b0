package websocket

// This file holds the tests that a message's bytes are its reader's until the next read, whatever becomes of the connection.

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDataOutlivesConnection(t *testing.T) {
	small, large := strings.Repeat("secret! ", 100), strings.Repeat("secret! ", 10000)
	ends := map[string]func(here, there *end){
		"close":    func(here, _ *end) { _ = here.Close(StatusNormalClosure, "") },
		"shutdown": func(here, _ *end) { _ = here.fail(StatusGoingAway, ""); <-here.isGone() },
		"closeNow": func(here, _ *end) { _ = here.CloseNow() },
		"lost":     func(here, _ *end) { here.lost(ErrPingTimeout) },
	}
	for name, o := range map[string]*Options{"plain": nil, "deflate": {Deflate: &Deflate{Takeover: true, Threshold: 1}}} {
		for how, over := range ends {
			for _, data := range []string{small, large} {
				t.Run(name+"/"+how, func(t *testing.T) {
					for range 5 { // the pools are free to forget
						here, there := Pair(o)
						keepsData(t, &end{Conn: here}, there, over, data)
						there, here = netPair(t, o, nil)
						e := served(here)
						keepsData(t, e, there, over, data)
						close(e.next)
					}
				})
			}
		}
	}
}

func keepsData(t *testing.T, here *end, there *Conn, over func(here, there *end), data string) {
	t.Helper()
	ctx := testContext(t)
	goEcho(t, there)
	go func() {
		for _, s := range []string{data, "more that follows at once, ", "and more"} {
			_ = there.Write(ctx, Text, []byte(s))
		}
	}()
	msg, err := here.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	over(here, &end{Conn: there})

	// Others use what the pools hold now.
	for size := smallBuffer; size <= 128<<10; size *= 2 {
		var taken [][]byte
		for range 4 {
			b := getBuffer(size)
			for i := range b {
				b[i] = 0xAA
			}
			taken = append(taken, b)
		}
		for _, b := range taken {
			putBuffer(b)
		}
	}
	a, b := Pair(&Options{Deflate: &Deflate{Threshold: 1}})
	other := bytes.Repeat([]byte("somebody else's "), len(data)/16+1)
	done := make(chan error)
	go func() { done <- a.Write(context.Background(), Text, other) }()
	if _, err := b.Read(ctx); err != nil {
		t.Fatal(err)
	}
	<-done
	_, _ = a.CloseNow(), b.CloseNow()
	if string(msg.Data) != data {
		t.Fatalf("a message has changed under its reader: %.40q", msg.Data)
	}
}

// A connection that is lost gives back what it took of the Budget, whoever noticed, and whether somebody was reading or not.
func TestBudgetGivenBack(t *testing.T) {
	for name, over := range map[string]func(here, there *end){
		"peer gone": func(_, there *end) { _ = there.CloseNow() },
		"closed":    func(here, _ *end) { _ = here.Close(StatusNormalClosure, "") },
		"closeNow":  func(here, _ *end) { _ = here.CloseNow() },
		"lost":      func(here, _ *end) { here.lost(ErrPingTimeout) },
		"broken":    func(_, there *end) { _, _ = there.nc.Write([]byte{0xff, 0xff}) },
	} {
		for _, reading := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/reading=%v", name, reading), func(t *testing.T) {
				budget := NewBudget(1 << 30)
				onAll(t, &Options{Budget: budget, CloseTimeout: 100 * time.Millisecond}, func(t *testing.T, here, there *end) {
					endHalfRead(t, budget, [2]*end{here, there}, over, reading)
				})
			})
		}
	}
}

// endHalfRead has over end here in the middle of a message, while a Read waits for the rest of it or after it was cancelled.
func endHalfRead(t *testing.T, budget *Budget, ends [2]*end, over func(here, there *end), reading bool) {
	t.Helper()
	here, there := ends[0], ends[1]
	ctx, cancel := context.WithCancel(testContext(t))
	read := make(chan error)
	go func() {
		_, err := here.Read(ctx)
		read <- err
	}()
	w, err := there.Writer(testContext(t), Binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 100<<10)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message is half there", func() bool { return budget.Used() > 0 })
	if reading {
		over(here, there)
		if CloseStatus(<-read) == 0 {
			t.Error("Read does not tell of the end")
		}
		cancel()
	} else {
		cancel()
		<-read
		over(here, there)
		here.lost(ErrPingTimeout) // where nobody reads, the next ping notices
	}
	eventually(t, "the budget is given back", func() bool { return budget.Used() == 0 })
}

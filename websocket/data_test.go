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
	ends := map[string]func(here, there *Conn){
		"close":    func(here, _ *Conn) { _ = here.Close(StatusNormalClosure, "") },
		"shutdown": func(here, _ *Conn) { _ = here.fail(StatusGoingAway, ""); <-here.gone },
		"closeNow": func(here, _ *Conn) { _ = here.CloseNow() },
		"lost":     func(here, _ *Conn) { here.lost(ErrPingTimeout) },
	}
	for name, o := range map[string]*Options{"plain": nil, "deflate": {Deflate: &Deflate{Takeover: true, Threshold: 1}}} {
		for how, end := range ends {
			for _, data := range []string{small, large} {
				t.Run(name+"/"+how, func(t *testing.T) {
					for range 5 { // the pools are free to forget
						keepsData(t, o, end, data)
					}
				})
			}
		}
	}
}

func keepsData(t *testing.T, o *Options, end func(here, there *Conn), data string) {
	t.Helper()
	ctx := testContext(t)
	here, there := Pair(o)
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
	end(here, there)

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
	for name, end := range map[string]func(here, there *Conn){
		"peer gone": func(_, there *Conn) { _ = there.CloseNow() },
		"closed":    func(here, _ *Conn) { _ = here.Close(StatusNormalClosure, "") },
		"closeNow":  func(here, _ *Conn) { _ = here.CloseNow() },
		"lost":      func(here, _ *Conn) { here.lost(ErrPingTimeout) },
		"broken":    func(_, there *Conn) { _, _ = there.nc.Write([]byte{0xff, 0xff}) },
	} {
		for _, reading := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/reading=%v", name, reading), func(t *testing.T) {
				budget := NewBudget(1 << 30)
				onAll(t, &Options{Budget: budget, CloseTimeout: 100 * time.Millisecond}, func(t *testing.T, here, there *Conn) {
					endHalfRead(t, budget, here, there, end, reading)
				})
			})
		}
	}
}

// endHalfRead has end end here in the middle of a message, while a Read waits for the rest of it or after it was cancelled.
func endHalfRead(t *testing.T, budget *Budget, here, there *Conn, end func(here, there *Conn), reading bool) {
	t.Helper()
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
		end(here, there)
		if CloseStatus(<-read) == 0 {
			t.Error("Read does not tell of the end")
		}
		cancel()
	} else {
		cancel()
		<-read
		end(here, there)
		here.lost(ErrPingTimeout) // where nobody reads, the next ping notices
	}
	eventually(t, "the budget is given back", func() bool { return budget.Used() == 0 })
}

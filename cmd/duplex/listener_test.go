//go:build linux

package main

// This file tests the listener when the process has no descriptor left.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/duplex-go/duplex/websocket"
)

// fewDescriptors is what the starved server may have open.
const fewDescriptors = 48

// starvedServer serves with few descriptors until it is killed.
func starvedServer() {
	limit := syscall.Rlimit{Cur: fewDescriptors, Max: fewDescriptors}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	f := serveFlags{listen: "127.0.0.1:0", logLevel: "info"}
	fmt.Println(serve(context.Background(), &f, os.Stdout, os.Stderr))
}

// TestAttack_B10_DescriptorExhaustion takes all descriptors of a server: who comes then is told so with 503, the bystander keeps
// echoing, the server does not spin, and when the descriptors are free again it serves at once.
func TestAttack_B10_DescriptorExhaustion(t *testing.T) {
	t.Parallel()
	p := startChild(t, "starved")
	bystander := dialChild(t, p, "/echo")
	host := strings.TrimPrefix(p.base, "http://")

	var hogs []net.Conn
	free := func() {
		for _, c := range hogs {
			_ = c.Close()
		}
		hogs = nil
	}
	defer free()
	for range 2 * fewDescriptors { // beyond the limit they wait in the kernel's queue
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		hogs = append(hogs, c)
	}
	time.Sleep(500 * time.Millisecond)

	before := cpuTime(t, p.cmd.Process.Pid)
	const hold = 3 * time.Second
	turnedAway := 0
	for began := time.Now(); time.Since(began) < hold; {
		if status := ask(host); status == http.StatusServiceUnavailable {
			turnedAway++
		} else if status != 0 {
			t.Errorf("answered %d, want 503", status)
		}
		stillEchoes(t, bystander)
	}
	if turnedAway == 0 {
		t.Error("nobody was told that the server is full")
	}
	if used := cpuTime(t, p.cmd.Process.Pid) - before; used > hold/4 {
		t.Errorf("the server used %v of processor time in %v", used, hold)
	}

	free()
	freed := time.Now()
	for ask(host) != http.StatusOK {
		if time.Since(freed) > 2*time.Second {
			t.Fatal("the server has not come back 2 s after the descriptors were freed")
		}
		time.Sleep(10 * time.Millisecond)
	}
	stillEchoes(t, bystander)
}

// ask sends a request and returns the status of the answer, or 0 if there is none in a second.
func ask(host string) int {
	c, err := net.DialTimeout("tcp", host, time.Second)
	if err != nil {
		return 0
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(1500 * time.Millisecond))
	_, _ = io.WriteString(c, "GET /stats HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
		return -1
	}
	return res.StatusCode
}

func stillEchoes(t *testing.T, c *websocket.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := c.Write(ctx, websocket.Text, []byte("still here")); err != nil {
		t.Fatal(err)
	}
	if msg, err := c.Read(ctx); err != nil || string(msg.Data) != "still here" {
		t.Fatalf("the bystander read %q, %v", msg.Data, err)
	}
}

// cpuTime returns the processor time that a process has used: fields 14 and 15 of its stat, in hundredths of a second.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name before may hold spaces
	fields := strings.Fields(after)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

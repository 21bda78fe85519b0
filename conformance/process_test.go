package conformance

// This file holds processes: how they are started, watched and, whatever happens, ended.

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// How long a process may take to say that it is there, and to go.
const (
	startPatience = 20 * time.Second
	stopPatience  = 15 * time.Second
)

// A process is a program that a test runs. It ends with the test.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   output
	ended chan struct{} // closed when the process has
	once  sync.Once     // for stop
}

// start runs a program and has it ended with the test, at the latest.
func start(t *testing.T, argv ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state tells
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(argv, " "), p.out.tail())
		}
	})
	return p
}

// stop asks the process to end, once, and waits until it has. It kills one that takes too long.
func (p *process) stop() {
	p.once.Do(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // errs if it has ended
		select {
		case <-p.ended:
		case <-time.After(stopPatience):
			p.t.Errorf("%s did not stop within %v", p.cmd.Path, stopPatience)
			p.kill()
		}
	})
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(os.Kill)
	<-p.ended
}

// waitFor returns what the pattern's group matches in the output, as soon as it does.
func (p *process) waitFor(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(p.out.String()); m != nil {
			return m[1]
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended: %v\n%s", p.cmd.Path, p.cmd.ProcessState, p.out.tail())
		default:
		}
	}
	p.t.Fatalf("%s did not say %s", p.cmd.Path, pattern)
	return ""
}

// waitForPort returns when somebody listens at an address.
func (p *process) waitForPort(addr string) {
	p.t.Helper()
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended: %v\n%s", p.cmd.Path, p.cmd.ProcessState, p.out.tail())
		default:
		}
	}
	p.t.Fatalf("%s does not listen at %s", p.cmd.Path, addr)
}

// freePort returns an address at which nobody listens. Somebody else may take it before we do: programs that can take a free
// port by themselves do not need this.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// An output keeps what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// tail returns the last of it, for the message of a test that failed.
func (o *output) tail() string {
	const most = 8 << 10
	text := o.String()
	if len(text) > most {
		return fmt.Sprintf("(%d bytes)...%s", len(text)-most, text[len(text)-most:])
	}
	return text
}

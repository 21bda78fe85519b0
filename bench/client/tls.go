package main

// This file holds idle connections over TLS: a goroutine each, as what they cost here is not measured.

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// idleTLS opens the connections, echoes a message on each, says so, and holds them until standard input ends.
func idleTLS(cfg config) error {
	var opening, held sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	errs := make(chan error, cfg.conns)
	over := make(chan struct{})
	for range cfg.conns {
		slots <- struct{}{}
		opening.Add(1)
		held.Go(func() {
			nc, err := openTLS(cfg)
			<-slots
			opening.Done()
			if err != nil {
				errs <- err
				return
			}
			go func() { _ = answerPings(nc) }() // until nc is closed
			<-over
			_ = nc.SetDeadline(time.Now()) // no goodbyes
			_ = nc.NetConn().Close()
		})
	}
	opening.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	fmt.Fprintln(os.Stdout, "ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	close(over)
	held.Wait()
	return err
}

// openTLS opens a connection and echoes a message on it.
func openTLS(cfg config) (*tls.Conn, error) {
	raw, err := net.DialTimeout("tcp", cfg.server.String(), patience)
	if err != nil {
		return nil, err
	}
	nc := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate was made on the spot
	if err := echoTLS(nc, cfg); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return nc, nil
}

func echoTLS(nc *tls.Conn, cfg config) error {
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if _, err := nc.Write(request(cfg.server, cfg.path)); err != nil {
		return err
	}
	want := mark{letter(0), letter(1), letter(2)}
	frame := newTemplate(cfg.op, envelope{}, cfg.size)
	if _, err := nc.Write(frame.mark(want)); err != nil {
		return err
	}
	r := bufio.NewReaderSize(nc, 1024)
	status, err := r.ReadString('\n')
	if err != nil || len(status) < 12 || status[9:12] != "101" {
		return fmt.Errorf("the server did not upgrade, but said %q: %w", status, err)
	}
	for line := status; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			return err
		}
	}
	m, err := nextMessage(r, new(decoder))
	if err != nil {
		return err
	}
	if got, ok := frame.markOf(m); !ok || m.op != cfg.op || got != want {
		err = fmt.Errorf("a message of %d bytes with marks %q came back", m.size, got)
	}
	_ = nc.SetDeadline(time.Time{})
	return err
}

// nextMessage reads up to the end of a message.
func nextMessage(r io.Reader, d *decoder) (*message, error) {
	var one [1]byte // no more than the message is taken
	for {
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return nil, err
		}
		if _, m, err := d.next(one[:]); m != nil || err != nil {
			return m, err
		}
	}
}

// answerPings reads until the connection ends.
func answerPings(nc *tls.Conn) error {
	var d decoder
	for {
		m, err := nextMessage(nc, &d)
		if err != nil {
			return err
		}
		if m.op == opPing {
			if _, err := nc.Write(appendFrame(nil, opPong, m.control)); err != nil {
				return err
			}
		}
	}
}

package websocket

// This file holds keepalive and latency (RFC 6455 sections 5.5.2 and 5.5.3).

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/duplex-go/duplex/proto/ws"
)

// pinger is what pings need. It is guarded by Conn.mu.
type pinger struct {
	at      int64 // when the last ping was sent, in nanoseconds since epoch
	latency time.Duration
	sent    uint32 // its number, which is its payload
	heard   uint32 // how often something came
	before  uint32 // heard when the keepalive ping was sent
	due     bool   // timer runs for the answer, not for the next ping
}

// epoch is what pings are timed from: half the size of a time.Time.
var epoch = time.Now()

// pinged is a ping on its way.
type pinged struct {
	number uint32
	at     int64
	answer chan time.Duration // with room for one; nil: nobody waits
}

// startPings begins keepalive and returns c.
func (c *Conn) startPings() *Conn {
	if c.set.PingInterval > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pull.Load().timer = time.AfterFunc(c.set.PingInterval, c.keepAlive)
	}
	return c
}

// setTimer has keepAlive run after d. c.mu is held, and keepalive on.
func (c *Conn) setTimer(d time.Duration) {
	if p := c.pull.Load(); p != nil {
		p.timer.Reset(d)
	} else {
		c.push.sock.SetTimer(d)
	}
}

func (c *Conn) stopTimer() {
	if p := c.pull.Load(); p == nil {
		c.push.sock.StopTimer()
	} else if p.timer != nil {
		p.timer.Stop()
	}
}

// listening reports whether somebody reads: what comes is heard.
func (c *Conn) listening() bool {
	p := c.pull.Load()
	return p == nil || len(p.turn) > 0 // in push mode, a loop does between the calls of the Handler, and keepAlive runs then
}

// keepAlive runs when a ping is due, or its answer.
func (c *Conn) keepAlive() {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	p := &c.ping
	if !p.due {
		p.due, p.before = true, p.heard
		c.queuePing()
		c.setTimer(c.set.PingTimeout)
		c.kickUnlock()
		return
	}
	// Whatever came since is a sign of life. While nobody reads nothing can be heard, so nothing is concluded.
	if p.heard == p.before && c.listening() {
		c.mu.Unlock()
		c.lost(ErrPingTimeout)
		return
	}
	p.due = false
	c.setTimer(max(0, c.set.PingInterval-c.set.PingTimeout))
	c.mu.Unlock()
}

// queuePing queues a ping. c.mu is held, and the connection open.
func (c *Conn) queuePing() pinged {
	c.ping.sent++
	var payload [8]byte
	binary.BigEndian.PutUint64(payload[:], uint64(c.ping.sent))
	c.lend(ws.MaxHeaderSize + ws.MaxControlPayload)
	_ = c.m.Send(ws.OpPing, true, payload[:]) // cannot err: no close frame was sent
	c.ping.at = int64(time.Since(epoch))
	return pinged{number: c.ping.sent, at: c.ping.at}
}

// handlePong takes an answer. A peer may answer only the latest of several pings (RFC 6455 section 5.5.3).
// It returns the round-trip time, or 0 if it answers none of ours.
// c.mu is held.
func (c *Conn) handlePong(payload []byte) (rtt time.Duration) {
	p, number := &c.ping, pongNumber(payload)
	if number == 0 || number > uint64(p.sent) {
		return 0 // unsolicited
	}
	now := int64(time.Since(epoch))
	if uint64(p.sent) == number {
		rtt = time.Duration(now - p.at)
		p.latency = rtt
	}
	if c.rare == nil {
		return rtt
	}
	c.rare.waiting = slices.DeleteFunc(c.rare.waiting, func(w *pinged) bool {
		if uint64(w.number) > number {
			return false
		}
		rtt = time.Duration(now - w.at)
		p.latency = rtt
		w.answer <- rtt
		return true
	})
	return rtt
}

// pongNumber returns the number of the ping that a pong answers, or 0 if it is none of ours.
func pongNumber(payload []byte) uint64 {
	if len(payload) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(payload)
}

// Ping sends a ping, waits for its pong and returns the round-trip time. Somebody must be reading.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return 0, c.err
	}
	w := c.queuePing()
	w.answer = make(chan time.Duration, 1)
	r := c.need()
	r.waiting = append(r.waiting, &w)
	c.kickUnlock()
	select {
	case rtt := <-w.answer:
		return rtt, nil
	case <-c.Context().Done():
		return 0, c.ended()
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil { // it goes before the end of ctx, see stopped
		return 0, c.err
	}
	c.rare.waiting = slices.DeleteFunc(c.rare.waiting, func(p *pinged) bool { return p == &w })
	return 0, ctx.Err()
}

// Latency returns the round-trip time of the last ping that was answered, Ping's or keepalive's. 0: none was.
func (c *Conn) Latency() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ping.latency
}

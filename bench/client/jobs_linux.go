package main

// This file holds the jobs: what each mode does with its connections.

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

var errEnded = errors.New("the server closed the connection")

// check compares a message with what was to come.
func (l *loop) check(m *message, want mark) error {
	if got, ok := l.frame.markOf(m); ok && m.op == l.cfg.op && got == want {
		return nil
	}
	return fmt.Errorf("a message of %d bytes with opcode %d came, from %q to %q, where %d bytes with opcode %d and marks %q were sent",
		m.size, m.op, m.head[:min(m.size, len(m.head))], m.tail, l.frame.size, l.cfg.op, want)
}

// echoJob sends, and wants all of it back in order.
type echoJob struct{ *loop }

func (j *echoJob) hello(int) []byte { return request(j.cfg.server, j.cfg.path) }

func (j *echoJob) opened(*conn) {}

func (j *echoJob) start() {
	for _, c := range j.list {
		j.begin(c, j.cfg.depth)
	}
}

func (j *echoJob) message(c *conn, m *message) error { return j.again(c, m, &j.tallies[0]) }

// again counts an echo, and sends another message.
func (j *echoJob) again(c *conn, m *message, t *tally) error {
	if err := j.answer(c, m, t); err != nil {
		return err
	}
	j.send(c, 1)
	return nil
}

// answer counts an echo.
func (j *echoJob) answer(c *conn, m *message, t *tally) error {
	if err := j.check(m, j.mark(c, c.wants)); err != nil {
		return err
	}
	t.add(j.now - c.sent[c.wants%len(c.sent)])
	c.wants++
	return nil
}

func (j *echoJob) ended(*conn) error { return errEnded }

func (j *echoJob) mark(c *conn, number int) mark {
	return mark{letter(number), letter(number >> 6), letter(c.id)}
}

// sleepJob is echo on a path whose handler sleeps, and beside it on /echo: there each connection sends at its times, or, without -every, as
// soon as it has its answer, which leaves the server no time for the others.
type sleepJob struct {
	echoJob
	due []time.Duration // when each of those that echo is to send next
}

func (j *sleepJob) hello(id int) []byte {
	if id < j.cfg.conns {
		return request(j.cfg.server, j.cfg.path)
	}
	return request(j.cfg.server, "/echo")
}

// opened starts those that sleep one by one, so that they do not wake in step.
func (j *sleepJob) opened(c *conn) {
	if c.id < j.cfg.conns {
		j.send(c, j.cfg.depth)
	}
}

func (j *sleepJob) start() {
	others := j.list[j.cfg.conns:]
	if j.cfg.every == 0 {
		for _, c := range others {
			j.begin(c, 1)
		}
		return
	}
	for i := range others {
		j.due = append(j.due, j.clock()+j.cfg.every*time.Duration(i)/time.Duration(len(others)))
	}
	j.tick = j.sendDue
}

// sendDue sends on the connections whose time has come, but for those that still wait for an answer.
func (j *sleepJob) sendDue() {
	for i, c := range j.list[j.cfg.conns:] {
		if c.next == c.wants && c.due == 0 && j.due[i] <= j.now {
			j.due[i] += j.cfg.every
			j.begin(c, 1)
		}
	}
}

func (j *sleepJob) message(c *conn, m *message) error {
	if c.id < j.cfg.conns {
		return j.again(c, m, &j.tallies[0])
	}
	if j.cfg.every == 0 {
		return j.again(c, m, &j.tallies[1])
	}
	if err := j.answer(c, m, &j.tallies[1]); err != nil {
		return err
	}
	if due := &j.due[c.id-j.cfg.conns]; *due <= j.now { // it should have gone before this came, and counts from then
		j.send(c, 1)
		c.sent[c.wants%len(c.sent)] = *due
		*due += j.cfg.every
	}
	return nil
}

// idleJob echoes one message on each connection.
type idleJob struct{ echoJob }

func (j *idleJob) start() {}

// opened sends the message: not all at once, which no server is asked to bear here.
func (j *idleJob) opened(c *conn) { j.send(c, 1) }

func (j *idleJob) message(c *conn, m *message) error {
	if c.wants > 0 {
		return errors.New("more than one echo came")
	}
	return j.answer(c, m, &j.tallies[0])
}

// connectJob opens a connection, closes it as RFC 6455 section 7.1.1 wants, and opens the next.
type connectJob struct{ *loop }

func (j *connectJob) hello(int) []byte { return request(j.cfg.server, j.cfg.path) }

func (j *connectJob) opened(c *conn) {
	c.control = appendFrame(c.control, opClose, []byte{1000 >> 8, 1000 & 0xff})
	j.touch(c)
}

func (j *connectJob) start() {}

func (j *connectJob) message(c *conn, m *message) error {
	if m.op != opClose || c.wants > 0 {
		return fmt.Errorf("opcode %d came where a close was to", m.op)
	}
	c.wants++
	return nil
}

func (j *connectJob) ended(c *conn) error {
	if c.wants == 0 {
		return errEnded
	}
	j.tallies[0].add(j.now - c.sent[0])
	_ = syscall.Close(c.fd)
	*c = conn{id: c.id, sent: c.sent}
	return j.dial(c)
}

func (j *connectJob) mark(*conn, int) (none mark) { return none }

// broadcastJob sends on the first connections, and wants everything on all. A message is in flight until everybody has it.
type broadcastJob struct {
	*loop
	got   [maxSenders][maxDepth]int // how many have the message, by sender and number
	wants [][]uint32                // by connection and sender: number of the next
}

func newBroadcastJob(l *loop) *broadcastJob {
	j := &broadcastJob{loop: l, wants: make([][]uint32, l.total)}
	for i := range j.wants {
		j.wants[i] = make([]uint32, l.cfg.senders)
	}
	return j
}

func (j *broadcastJob) hello(int) []byte { return request(j.cfg.server, j.cfg.path) }

func (j *broadcastJob) opened(*conn) {}

func (j *broadcastJob) start() {
	for _, c := range j.list[:j.cfg.senders] {
		j.begin(c, j.cfg.depth)
	}
}

func (j *broadcastJob) message(c *conn, m *message) error {
	marks, _ := j.frame.markOf(m)
	from := number(marks[2])
	if from < 0 || from >= j.cfg.senders {
		return fmt.Errorf("a message with marks %q came, that nobody sent", marks)
	}
	wanted := int(j.wants[c.id][from])
	sender := j.list[from]
	if err := j.check(m, j.mark(sender, wanted)); err != nil {
		return err
	}
	j.wants[c.id][from]++
	slot := wanted % j.cfg.depth
	j.tallies[0].add(j.now - sender.sent[slot])
	if j.got[from][slot]++; j.got[from][slot] == j.total {
		j.got[from][slot] = 0
		j.send(sender, 1)
	}
	return nil
}

func (j *broadcastJob) ended(*conn) error { return errEnded }

func (j *broadcastJob) mark(c *conn, number int) mark {
	return mark{letter(number), letter(number >> 6), letter(c.id)}
}

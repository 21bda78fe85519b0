package main

// This file holds Socket.IO: what a WebSocket connection says before it is in the namespace, and the pings of Engine.IO.

import "fmt"

// packet takes a message that is no event: while the connection joins the namespace, and the pings.
func (l *loop) packet(c *conn, m *message) error {
	var answer string
	switch kind := string(m.head[:min(m.size, 2)]); {
	case m.op != opText:
		return fmt.Errorf("a message with opcode %d came before the namespace was joined", m.op)
	case kind == "2":
		answer = "3"
	case kind == "0{" && !c.joined:
		answer = "40"
	case kind == "40" && !c.joined:
		c.joined = true
		l.opened(c)
		return nil
	default:
		return fmt.Errorf("a message of %d bytes that begins with %q came before the namespace was joined", m.size, m.head[:min(m.size, len(m.head))])
	}
	c.control = appendFrame(c.control, opText, []byte(answer))
	l.touch(c)
	return nil
}

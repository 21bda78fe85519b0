package main

// This file holds Socket.IO over long polling: each client has a connection for its POSTs, and one for its GETs, of which one is always waiting.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// pollJob sends an event as a POST, and wants it back as the answer to a GET, and an answer to the POST, before it sends another.
type pollJob struct {
	*loop
	clients []poller
	text    string // of a message, but for its marks
	marks   [3]int
}

// poller is a client.
type poller struct {
	post, get *conn
	sid       string
	poll      []byte // the GET
	message   []byte // the POST of a message
	text      []byte // its body, of which the marks change
	number    int    // of that message
	sent      time.Duration
	posting   bool // a POST has no answer yet
	answered  bool // the message has come back
	pinged    bool // an answer to a ping is to be sent
}

const separator = "\x1e" // stands between the packets of a payload

func newPollJob(l *loop) *pollJob {
	e, size := l.cfg.envelope(), l.cfg.size
	j := &pollJob{loop: l, clients: make([]poller, l.cfg.conns), text: string(e.wrap(size)), marks: e.marks(size)}
	l.total = 2 * len(j.clients)
	l.handle = j.responses
	return j
}

// hello has the second connection of a client ask for a session. The first has nothing to say yet.
func (j *pollJob) hello(id int) []byte {
	if id%2 == 0 {
		return nil
	}
	return j.request(http.MethodGet, "", "")
}

// request returns a request for the session sid, with those headers of a browser's that a server reads.
func (j *pollJob) request(method, sid, body string) []byte {
	head := method + " " + j.cfg.path
	if sid != "" {
		head += "&sid=" + sid
	}
	head += " HTTP/1.1\r\nHost: " + j.cfg.server.String() + "\r\nAccept: */*\r\n"
	if method == http.MethodPost {
		head += "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return []byte(head + "\r\n" + body)
}

func (j *pollJob) opened(*conn) {}

func (j *pollJob) start() {
	j.now = j.clock()
	for i := range j.clients {
		k := &j.clients[i]
		k.answered = true
		j.next(k)
		_ = j.flush(k.post) // an error comes again when it is read from
	}
}

// responses handles the bytes of a connection.
func (j *pollJob) responses(c *conn, p []byte) error {
	c.head = append(c.head, p...)
	for {
		body, size, err := response(c.head)
		if err != nil || size == 0 {
			return err
		}
		k := &j.clients[c.id/2]
		switch {
		case c.id%2 == 0:
			err = j.posted(k, body)
		case k.poll == nil:
			err = j.session(k, c, body)
		default:
			err = j.polled(k, body)
		}
		if err != nil {
			return err
		}
		c.head = append(c.head[:0], c.head[size:]...)
	}
}

// response returns the body of the response at the front of b, and the size of all of it: 0 if it has not all come.
func response(b []byte) (body []byte, size int, err error) {
	head := bytes.Index(b, []byte("\r\n\r\n")) + 4
	if head < 4 {
		return nil, 0, nil
	}
	_, length, ok := bytes.Cut(b[:head], []byte("\r\nContent-Length: "))
	if !ok || !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
		return nil, 0, fmt.Errorf("the server answered %q", b)
	}
	for _, c := range length {
		if c < '0' || c > '9' {
			break
		}
		size = 10*size + int(c-'0')
	}
	if size += head; size > len(b) {
		return nil, 0, nil
	}
	return b[head:size], size, nil
}

// session takes the packet with which a session begins, and asks for the namespace.
func (j *pollJob) session(k *poller, c *conn, body []byte) error {
	var open struct{ SID string }
	if len(body) == 0 || body[0] != '0' || json.Unmarshal(body[1:], &open) != nil || open.SID == "" {
		return fmt.Errorf("a session began with %q", body)
	}
	k.sid, k.get, k.post = open.SID, c, j.list[c.id-1]
	k.get.open, k.post.open = true, true
	k.poll = j.request(http.MethodGet, k.sid, "")
	k.message = j.request(http.MethodPost, k.sid, j.text)
	k.text = k.message[len(k.message)-len(j.text):]
	j.say(k.get, k.poll)
	j.say(k.post, j.request(http.MethodPost, k.sid, "40"))
	k.posting = true
	return nil
}

// polled takes the packets that answer a GET, and sends the next.
func (j *pollJob) polled(k *poller, body []byte) error {
	for packet := range bytes.SplitSeq(body, []byte(separator)) {
		switch {
		case string(packet) == "2":
			k.pinged = true
		case !k.get.joined && bytes.HasPrefix(packet, []byte("40")):
			k.get.joined = true
			j.loop.opened(k.get)
			j.loop.opened(k.post)
		case k.answered || !bytes.Equal(packet, k.text):
			return fmt.Errorf("%q came, where %q was sent", packet, k.text)
		default:
			k.answered = true
			j.tallies[0].add(j.now - k.sent)
		}
	}
	j.say(k.get, k.poll)
	j.next(k)
	return nil
}

// posted takes the answer to a POST.
func (j *pollJob) posted(k *poller, body []byte) error {
	if !k.posting || string(body) != "ok" {
		return fmt.Errorf("%q answers a POST", body)
	}
	k.posting = false
	j.next(k)
	return nil
}

// next sends what is to be sent, if it is time.
func (j *pollJob) next(k *poller) {
	switch {
	case k.posting:
		return
	case k.pinged:
		k.pinged = false
		j.say(k.post, j.request(http.MethodPost, k.sid, "3"))
	case k.answered:
		k.answered = false
		for i, letter := range j.mark(k.post, k.number) {
			k.text[j.marks[i]] = letter
		}
		k.number++
		k.sent = j.now
		j.say(k.post, k.message)
	default:
		return
	}
	k.posting = true
}

// say has bytes sent.
func (j *pollJob) say(c *conn, p []byte) {
	c.control = append(c.control, p...)
	j.touch(c)
}

func (j *pollJob) message(*conn, *message) error { return errors.ErrUnsupported } // there are no frames

func (j *pollJob) ended(*conn) error { return errEnded }

func (j *pollJob) mark(c *conn, number int) mark {
	return mark{letter(number), letter(number >> 6), letter(c.id)}
}

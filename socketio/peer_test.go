package socketio

// This file holds a client that says packets as they stand on the wire, over both transports and in both revisions.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/duplex-go/duplex/proto/eio"
	"github.com/duplex-go/duplex/proto/sio"
)

// form is how a client speaks.
type form struct {
	rev       eio.Revision
	transport string
}

var (
	socket4 = form{eio.V4, "websocket"}
	socket3 = form{eio.V3, "websocket"}
	poll4   = form{eio.V4, "polling"}
	poll3   = form{eio.V3, "polling"}
)

// each runs a test with clients of every form.
func each(t *testing.T, f func(t *testing.T, f form)) {
	t.Helper()
	for _, form := range []form{socket4, socket3, poll4, poll3} {
		t.Run(fmt.Sprintf("EIO=%d,%s", form.rev, form.transport), func(t *testing.T) { f(t, form) })
	}
}

// peer is a client. Packets of Socket.IO are written as they stand on the wire; one in brackets is binary: an attachment.
type peer struct {
	form
	site  *site
	query string
	id    string     // of the Engine.IO session
	wire  *wire      // nil: it polls
	how   sio.Parser // nil: packets go as they are written

	mu   sync.Mutex // guards came, which one goroutine at a time fills
	came []string
}

// open opens a connection. query is added to that of the form.
func (s *site) open(f form, query ...string) *peer {
	s.t.Helper()
	p, err := s.tryOpen(f, strings.Join(query, ""))
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// tryOpen opens a connection. Packets that are to follow go in the same segment as the request, if they can.
func (s *site) tryOpen(f form, query string, packets ...string) (p *peer, err error) {
	p = &peer{form: f, site: s, query: fmt.Sprintf("EIO=%d&transport=%s%s", f.rev, f.transport, query)}
	if f.transport == "websocket" {
		for i := range packets {
			packets[i] = "4" + packets[i]
		}
		if p.wire, err = dialWire(s.addr, "/socket.io/?"+p.query, nil, packets...); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	s.peers = append(s.peers, p)
	s.mu.Unlock()
	for p.id == "" && err == nil {
		err = p.fetch()
	}
	return p, err
}

// join opens a connection, and joins the root. auth is JSON, or empty.
func (s *site) join(f form, auth ...string) (p *peer, id string) {
	s.t.Helper()
	p = s.open(f)
	id = p.join("/", strings.Join(auth, ""))
	return p, id
}

// join joins a namespace, and returns the id of the socket there. auth is JSON, in revision 3 a query; both may be empty.
func (p *peer) join(namespace, auth string) (id string) {
	p.site.t.Helper()
	in := ""
	if namespace != "/" {
		in = namespace + ","
	}
	if p.rev == eio.V3 {
		if namespace == "/" {
			p.want("0")
			return p.id
		}
		if auth != "" {
			p.send("0" + namespace + "?" + auth + ",")
		} else {
			p.send("0" + namespace)
		}
		p.want("0" + in)
		return namespace + "#" + p.id
	}
	p.send("0" + in + auth)
	packet := p.read()
	rest, ok := strings.CutPrefix(packet, "0"+in)
	var answer struct{ SID string }
	if err := json.Unmarshal([]byte(rest), &answer); err != nil || !ok || answer.SID == "" {
		p.site.t.Fatalf("got %q, want to have joined %s", packet, namespace)
	}
	return answer.SID
}

// send sends packets.
func (p *peer) send(packets ...string) {
	p.site.t.Helper()
	if err := p.trySend(packets...); err != nil {
		p.site.t.Error(err)
	}
}

func (p *peer) trySend(packets ...string) error {
	if p.how != nil {
		packets = p.pack(packets)
	}
	if p.wire == nil {
		list := make([]eio.Packet, len(packets))
		for i, packet := range packets {
			list[i] = eio.Packet{Type: eio.TypeMessage, Data: []byte(packet)}
			if inner, ok := strings.CutPrefix(packet, "["); ok {
				list[i].Binary, list[i].Data = true, []byte(strings.TrimSuffix(inner, "]"))
			}
		}
		payload, _ := eio.AppendPayload(nil, eio.Format{Revision: p.rev, Text: true}, list)
		return p.post(string(payload))
	}
	for _, packet := range packets {
		if inner, ok := strings.CutPrefix(packet, "["); !ok {
			packet = "4" + packet
		} else if p.rev == eio.V3 {
			packet = "[\x04" + inner
		}
		if err := p.wire.send(packet); err != nil {
			return err
		}
	}
	return nil
}

// pack returns packets in the form of p.how.
func (p *peer) pack(packets []string) (packed []string) {
	p.site.t.Helper()
	for len(packets) > 0 {
		packet, n, err := sio.ParseText([]byte(packets[0]), 100)
		if err != nil {
			p.site.t.Fatal(err)
		}
		rest := packets[1:]
		for _, a := range rest[:n] {
			packet.Attachments = append(packet.Attachments, []byte(a[1:len(a)-1]))
		}
		b, err := p.how.Append(nil, packet)
		if err != nil {
			p.site.t.Fatal(err)
		}
		if p.how.Whole() {
			packed = append(packed, "["+string(b)+"]")
		} else {
			packed = append(append(packed, string(b)), rest[:n]...)
		}
		packets = rest[n:]
	}
	return packed
}

// unpack returns a message that came as the packets that it stands for.
func (p *peer) unpack(packet eio.Packet) ([]string, error) {
	text := string(packet.Data)
	if packet.Binary {
		text = "[" + text + "]"
	}
	if p.how == nil || packet.Binary && !p.how.Whole() {
		return []string{text}, nil
	}
	unpacked, n, err := p.how.Parse(packet.Binary, packet.Data, 100)
	var packets []string
	for _, a := range unpacked.Attachments {
		packets = append(packets, "["+string(a)+"]")
	}
	for range n { // which are to come
		unpacked.Attachments = append(unpacked.Attachments, nil)
	}
	return append([]string{string(sio.AppendText(nil, &unpacked))}, packets...), err
}

// post sends a payload of Engine.IO.
func (p *peer) post(payload string) error {
	r, err := p.site.try(http.MethodPost, p.site.url+"?"+p.query, payload, "Content-Type", "text/plain;charset=UTF-8")
	if err == nil && r.body != "ok" {
		err = fmt.Errorf("POST: %d %s", r.status, r.body)
	}
	return err
}

// read returns the next packet.
func (p *peer) read() string {
	p.site.t.Helper()
	packet, err := p.tryRead()
	if err != nil {
		p.site.t.Fatal(err)
	}
	return packet
}

func (p *peer) tryRead() (string, error) {
	for {
		p.mu.Lock()
		if len(p.came) > 0 {
			packet := p.came[0]
			p.came = p.came[1:]
			p.mu.Unlock()
			return packet, nil
		}
		p.mu.Unlock()
		if err := p.fetch(); err != nil {
			return "", err
		}
	}
}

// want reads packets, and compares them.
func (p *peer) want(packets ...string) {
	p.site.t.Helper()
	for _, want := range packets {
		if got := p.read(); got != want {
			p.site.t.Errorf("got %.300q, want %.300q", got, want)
		}
	}
}

// wantEnd reads packets until the connection ends, which must be these.
func (p *peer) wantEnd(packets ...string) {
	p.site.t.Helper()
	var got []string
	for {
		packet, err := p.tryRead()
		if err != nil {
			break
		}
		got = append(got, packet)
	}
	if !slices.Equal(got, packets) {
		p.site.t.Errorf("got %.300q before the end, want %q", got, packets)
	}
}

// quiet fails if something comes before the answer to a question of our own. Then the functions have returned that were called for the client before.
func (p *peer) quiet() {
	p.site.t.Helper()
	if got := p.sync(); len(got) > 0 {
		p.site.t.Errorf("got %.300q, want nothing", got)
	}
}

// sync returns what comes before the answer to a question of our own.
func (p *peer) sync() (got []string) {
	p.site.t.Helper()
	p.send(`299["sync"]`)
	for {
		packet := p.read()
		if packet == `399[]` {
			break
		}
		got = append(got, packet)
	}
	p.site.mu.Lock()
	defer p.site.mu.Unlock()
	return got
}

// fetch waits for packets.
func (p *peer) fetch() error {
	if p.wire != nil {
		m, err := p.wire.read()
		if err != nil {
			return err
		}
		inner, binary := strings.CutPrefix(m, "[")
		packet, err := eio.ParsePacket(p.rev, binary, []byte(strings.TrimSuffix(inner, "]")))
		if !binary {
			packet, err = eio.ParsePacket(p.rev, false, []byte(m))
		}
		if err != nil {
			return err
		}
		return p.take(packet)
	}
	r, err := p.site.try(http.MethodGet, p.site.url+"?"+p.query, "")
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return fmt.Errorf("GET: %d %s", r.status, r.body)
	}
	binary := r.header.Get("Content-Type") == "application/octet-stream"
	for packet, err := range eio.Packets(p.rev, binary, []byte(r.body), 1<<20) {
		if err != nil {
			return err
		}
		if err := p.take(packet); err != nil {
			return err
		}
	}
	return nil
}

// take takes in a packet of Engine.IO.
func (p *peer) take(packet eio.Packet) error {
	switch packet.Type {
	case eio.TypeOpen:
		o, err := eio.ParseOpen(packet.Data)
		if err != nil {
			return err
		}
		p.id = o.SID
		p.query += "&sid=" + o.SID
	case eio.TypePing:
		if p.wire != nil {
			return p.wire.send("3")
		}
		return p.post("3")
	case eio.TypeClose:
		return errClosed
	case eio.TypeMessage:
		packets, err := p.unpack(packet)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.came = append(p.came, packets...)
		p.mu.Unlock()
	}
	return nil
}

// leave ends the connection as a client does that is closed.
func (p *peer) leave() {
	if p.wire == nil {
		if p.rev == eio.V3 {
			_ = p.post("1:1")
			return
		}
		_ = p.post("1")
		return
	}
	_ = p.wire.send("1")
	p.hangUp()
}

// hangUp closes the connection without a word; there is none of a client that polls.
func (p *peer) hangUp() {
	if p.wire == nil {
		p.leave()
		return
	}
	_ = p.wire.Close()
}

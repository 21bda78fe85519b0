package engineio

// This file holds the session's transport that is long polling: GET fetches packets, POST brings them.

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/duplex-go/duplex/proto/eio"
)

// poll is a request that waits for packets.
type poll struct {
	answer chan []eio.Packet // of one
}

// post is a request that brings packets.
type post struct {
	response *http.ResponseController
	reading  bool
}

// abort ends the reading of the body. The session's mu is held.
func (p *post) abort() {
	if p.reading {
		_ = p.response.SetReadDeadline(past)
	}
}

// openPolling opens a session with the request r.
func (s *Session) openPolling(w http.ResponseWriter, r *http.Request, q eio.Query) *eio.Refusal {
	if refusal := s.requestHeaders(w, r, true); refusal != nil {
		s.server.leave(s.handshake.addr)
		return refusal
	}
	s.server.add(s)
	if err := s.open(); err != nil {
		return &eio.Refusal{Code: eio.Forbidden, Detail: err.Error()}
	}
	s.start()
	return s.await(w, r, q)
}

// servePoll answers a GET with the packets that wait, or when there are any.
func (s *Session) servePoll(w http.ResponseWriter, r *http.Request, q eio.Query) *eio.Refusal {
	if refusal := s.requestHeaders(w, r, false); refusal != nil {
		return refusal
	}
	return s.await(w, r, q)
}

func (s *Session) await(w http.ResponseWriter, r *http.Request, q eio.Query) *eio.Refusal {
	p := &poll{answer: make(chan []eio.Packet, 1)}
	s.mu.Lock()
	switch {
	case s.reason != "":
		s.mu.Unlock()
		return &eio.Refusal{Code: eio.UnknownSID}
	case s.socket != nil:
		s.mu.Unlock()
		return &eio.Refusal{Code: eio.BadRequest, Detail: "the session polls no longer"}
	case s.poll != nil:
		s.endUnlock(TransportError)
		return &eio.Refusal{Code: eio.BadRequest, Detail: "two polls at once"}
	}
	s.poll = p
	s.flushUnlock()
	select {
	case packets := <-p.answer:
		return s.respond(w, r, q, packets)
	default:
	}
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); !ok || server.ReadTimeout > 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // that of the server would cut the poll short
	}
	select {
	case packets := <-p.answer:
		return s.respond(w, r, q, packets)
	case <-r.Context().Done(): // the client hung up; what it was given just now is lost
		s.mu.Lock()
		if s.poll == p {
			s.poll = nil
		}
		s.endUnlock(TransportError)
		return nil
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxBuffer is the size in bytes of the largest buffer that is kept.
const maxBuffer = 64 << 10

func getBuffer() *bytes.Buffer {
	return buffers.Get().(*bytes.Buffer) //nolint:errcheck,forcetypeassert // New returns nothing else
}

func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// respond writes packets as the response to a poll.
func (s *Session) respond(w http.ResponseWriter, r *http.Request, q eio.Query, packets []eio.Packet) *eio.Refusal {
	buf := getBuffer()
	defer putBuffer(buf)
	body, binary := eio.AppendPayload(buf.AvailableBuffer(), s.format, packets)
	_, _ = buf.Write(body)
	h := w.Header()
	switch {
	case binary:
		h["Content-Type"] = octets
	case q.JSONP != "":
		h["Content-Type"] = javaScript
		script := eio.AppendScript(nil, q.JSONP, body)
		buf.Reset()
		_, _ = buf.Write(script)
	default:
		h["Content-Type"] = plainText
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.server.set.BodyTimeout))
	if err := s.writeBody(w, r, buf, packets); err != nil {
		s.end(TransportError)
	}
	return nil
}

// writeBody writes a body, compressed if that is worth it and the client understands.
func (s *Session) writeBody(w http.ResponseWriter, r *http.Request, body *bytes.Buffer, packets []eio.Packet) error {
	plain := true // unless there is one that may be compressed
	for _, p := range packets {
		plain = plain && p.Plain
	}
	threshold := s.server.set.CompressThreshold
	if !plain && threshold >= 0 && body.Len() >= threshold {
		w.Header().Add("Vary", "Accept-Encoding")
		if name := encoding(r.Header.Values("Accept-Encoding")); name != "" {
			return writeCompressed(w, name, body.Bytes())
		}
	}
	return write(w, body.Bytes())
}

// The values of fields that responses have in common: http.Header.Set would make new ones each time.
var (
	octets     = []string{"application/octet-stream"}
	javaScript = []string{"text/javascript; charset=UTF-8"}
	plainText  = []string{"text/plain; charset=UTF-8"}
	html       = []string{"text/html"}
	noStore    = []string{"no-store"}
	noSniff    = []string{"nosniff"}
)

// write writes a body with the fields that all have.
func write(w http.ResponseWriter, body []byte) error {
	h := w.Header()
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	_, err := w.Write(body)
	return err
}

// servePost takes in the packets that a POST brings.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request) *eio.Refusal {
	p := &post{response: http.NewResponseController(w), reading: true}
	binary := strings.HasPrefix(r.Header.Get("Content-Type"), "application/octet-stream")
	s.mu.Lock()
	limit := s.maxPayload
	if refusal := s.checkPost(r, binary); refusal != nil {
		if s.socket == nil { // else somebody is too late
			s.endUnlock(TransportError)
		} else {
			s.mu.Unlock()
		}
		return refusal
	}
	s.post = p
	s.mu.Unlock()
	defer s.donePost()

	buf := getBuffer()
	defer putBuffer(buf)
	if refusal := s.readBody(w, r, buf, limit); refusal != nil {
		s.end(TransportError)
		return refusal
	}
	if err := s.receivePayload(buf.Bytes(), binary); err != nil {
		return &eio.Refusal{Code: eio.BadRequest, Detail: err.Error()}
	}
	if refusal := s.requestHeaders(w, r, false); refusal != nil {
		return refusal
	}
	s.donePost() // the client may send the next when it has the response
	w.Header()["Content-Type"] = html
	_ = p.response.SetWriteDeadline(time.Now().Add(s.server.set.BodyTimeout))
	_ = write(w, []byte("ok")) // who does not hear it will be missed by the heartbeat
	return nil
}

// checkPost refuses a POST by what its header says. s.mu is held.
func (s *Session) checkPost(r *http.Request, binary bool) *eio.Refusal {
	switch {
	case s.reason != "":
		return &eio.Refusal{Code: eio.UnknownSID}
	case s.socket != nil:
		return &eio.Refusal{Code: eio.BadRequest, Detail: "the session polls no longer"}
	case s.post != nil:
		return &eio.Refusal{Code: eio.BadRequest, Detail: "two requests with data at once"}
	case binary && s.format.Revision == eio.V4:
		return &eio.Refusal{Code: eio.BadRequest, Detail: "a binary body"}
	case r.Header.Get("Content-Encoding") != "":
		return &eio.Refusal{Code: eio.BadRequest, Status: http.StatusUnsupportedMediaType, Message: "Unsupported content encoding"}
	case r.ContentLength > int64(s.maxPayload):
		return errTooLarge()
	}
	return nil
}

func errTooLarge() *eio.Refusal {
	return &eio.Refusal{Code: eio.BadRequest, Status: http.StatusRequestEntityTooLarge, Message: "Payload too large"}
}

// readBody reads a body of limit bytes at most, in the time that is given.
func (s *Session) readBody(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer, limit int) *eio.Refusal {
	s.mu.Lock()
	p := s.post
	if s.reason == "" {
		_ = p.response.SetReadDeadline(time.Now().Add(s.server.set.BodyTimeout))
	}
	s.mu.Unlock()
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, int64(limit)))
	s.mu.Lock()
	p.reading = false
	s.mu.Unlock()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errTooLarge()
	case err != nil:
		return &eio.Refusal{Code: eio.BadRequest, Detail: err.Error()}
	}
	_ = p.response.SetReadDeadline(time.Time{})
	return nil
}

// receivePayload takes in the packets of a body. An error means that it holds something else, and that the session has ended.
func (s *Session) receivePayload(body []byte, binary bool) error {
	if s.jsonp {
		var err error
		if body, err = eio.ParseForm(body); err != nil {
			s.receive(eio.Packet{}, err)
			return err
		}
	}
	for p, err := range eio.Packets(s.format.Revision, binary, body, s.server.set.MaxPackets) {
		s.receive(p, err)
		if err != nil {
			return err
		}
		if s.endedBy(ParseError) {
			return errOutOfPlace
		}
	}
	return nil
}

var errOutOfPlace = errors.New("engineio: a packet out of place")

func (s *Session) endedBy(r Reason) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason == r
}

// donePost lets the next POST come.
func (s *Session) donePost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.post = nil
}

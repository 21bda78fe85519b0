package socketio

// This file holds the socket: a client in a namespace.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/sio"
)

// Socket is a client in a namespace. Its methods may be called from any goroutine.
type Socket struct {
	ns     *Namespace
	client *client
	id     string
	auth   []byte // JSON
	state  atomic.Int32
	place  int // in ns.list, guarded by ns.mu

	// mu is held for moments, but for joining: then while the news of it is sent. It guards all below. It is taken before client.mu.
	mu     sync.Mutex
	told   bool               // the client knows that it has joined
	held   []engineio.Message // what was emitted before that
	rooms  []string
	acks   map[int64]func(a Args, err error)
	data   any
	ctx    context.Context //nolint:containedctx // what Context returns; nil: nobody asked
	cancel context.CancelCauseFunc
}

// The states of a socket.
const (
	asking  int32 = iota // the functions of Use are called
	joining              // those of OnConnect are
	joined
	leaving   // its client has gone; functions are still to be called, for what it sent before too
	dismissed // likewise, but we disconnected it: what it sent is ignored
	left
)

// ID returns the socket's id, which is known to its client, and the name of a room of its own. For clients of revision 4 of the protocol it tells
// the Engine.IO session's id, as they expect; to others that is not told.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Transport returns what carries the connection now: "polling" or "websocket".
func (s *Socket) Transport() string { return s.client.engine.Transport() }

// Protocol returns the revision of Engine.IO that the client speaks: 3 for clients 1.x and 2.x, 4 for newer ones.
func (s *Socket) Protocol() int { return s.client.engine.Protocol() }

// Connected reports whether the client is in the namespace.
func (s *Socket) Connected() bool { return s.state.Load() <= joined }

// Recovered reports whether the socket took over the state of one that was lost. It is false: that is not done yet.
func (s *Socket) Recovered() bool { return false }

// Data returns what SetData was given last.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// SetData keeps something with the socket, for whoever looks for it, see Broadcast.FetchSockets. DataOf returns it with its type.
func (s *Socket) SetData(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = v
}

// DataOf returns what SetData was given last, if it is a T.
func DataOf[T any](s *Socket) (T, bool) {
	v, ok := s.Data().(T)
	return v, ok
}

// Context returns a context that ends when the client has gone, while functions of its socket may still run. Its cause tells the reason.
func (s *Socket) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancelCause(context.Background())
		if s.state.Load() >= leaving {
			s.cancel(ErrDisconnected)
		}
	}
	return s.ctx
}

// Join puts the socket into rooms. It errs if the socket has left, would be in too many rooms, or a name is empty or longer than 255 bytes;
// then it is in none of them that it was not in before.
//
// The id of another socket is a name like any other: whoever joins it hears what is sent to that socket. Check names that clients choose.
func (s *Socket) Join(rooms ...string) error {
	for _, room := range rooms {
		if room == "" || len(room) > maxRoomName {
			return fmt.Errorf("socketio: the name of a room has 1 to %d bytes, not %d", maxRoomName, len(room))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() == left {
		return ErrDisconnected
	}
	fresh := make([]string, 0, len(rooms))
	for _, room := range rooms {
		if room != s.id && !s.in(room) && !slices.Contains(fresh, room) {
			fresh = append(fresh, room)
		}
	}
	if most := s.ns.server.opts.MaxRooms; len(s.rooms)+len(fresh) > most {
		return fmt.Errorf("socketio: a socket can be in %d rooms, and no more", most)
	}
	for _, room := range fresh {
		s.ns.rooms.Join(room, s)
	}
	s.rooms = append(s.rooms, fresh...)
	return nil
}

// in reports whether the socket is in a room. s.mu is held.
func (s *Socket) in(room string) bool {
	if len(s.rooms) < 16 {
		return slices.Contains(s.rooms, room)
	}
	return s.ns.rooms.Has(room, s)
}

// Leave takes the socket out of rooms. It stays in that of its own id.
func (s *Socket) Leave(rooms ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, room := range rooms {
		if i := slices.Index(s.rooms, room); i >= 0 {
			s.rooms = slices.Delete(s.rooms, i, i+1)
			s.ns.rooms.Leave(room, s)
		}
	}
}

// Rooms returns the rooms that the socket is in, that of its own id first.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() == left {
		return nil
	}
	return append([]string{s.id}, s.rooms...)
}

// Emit sends an event to the client. args are its arguments, written as encoding/json does, but for bytes: a []byte, anywhere in an argument, arrives as bytes.
//
// It does not wait: nil means that the event was sent or waits for the client. A client that does not fetch what is sent is disconnected,
// see engineio.Options.SendBuffer.
func (s *Socket) Emit(name string, args ...any) error { return s.emitter().Emit(name, args...) }

// EmitWithAck sends an event, waits for the client's acknowledgement, and returns its arguments. It errs if ctx ends before, or the socket leaves.
func (s *Socket) EmitWithAck(ctx context.Context, name string, args ...any) (Args, error) {
	return s.emitter().EmitWithAck(ctx, name, args...)
}

// Volatile returns what emits events that are dropped if they cannot be sent at once.
func (s *Socket) Volatile() Emitter { return s.emitter().Volatile() }

// Compress returns what emits events that may be compressed, which is usual, or not, for what is secret or does not shrink.
func (s *Socket) Compress(on bool) Emitter { return s.emitter().Compress(on) }

// Timeout returns what waits no longer than d for acknowledgements.
func (s *Socket) Timeout(d time.Duration) Emitter { return s.emitter().Timeout(d) }

func (s *Socket) emitter() Emitter { return Emitter{socket: s} }

// Emitter is a Socket with a choice of how events are sent. It is a value: its methods return others.
type Emitter struct {
	socket   *Socket
	timeout  time.Duration
	volatile bool
	plain    bool
}

// Volatile is that of Socket.
func (e Emitter) Volatile() Emitter {
	e.volatile = true
	return e
}

// Compress is that of Socket.
func (e Emitter) Compress(on bool) Emitter {
	e.plain = !on
	return e
}

// Timeout is that of Socket.
func (e Emitter) Timeout(d time.Duration) Emitter {
	e.timeout = d
	return e
}

// Emit is that of Socket.
func (e Emitter) Emit(name string, args ...any) error {
	return e.emit(name, args, sio.NoID)
}

// EmitWithAck is that of Socket.
func (e Emitter) EmitWithAck(ctx context.Context, name string, args ...any) (Args, error) {
	if e.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.timeout)
		defer cancel()
	}
	type answer struct {
		args Args
		err  error
	}
	s := e.socket
	answers := make(chan answer, 1)
	id := s.ns.ids.Add(1) - 1
	if err := s.await(id, func(a Args, err error) { answers <- answer{a, err} }); err != nil {
		return Args{}, err
	}
	err := e.emit(name, args, id)
	if err == nil && s.state.Load() == joining {
		err = s.accept() // it cannot answer before
	}
	if err != nil {
		s.forget(id)
		return Args{}, err
	}
	select {
	case a := <-answers:
		return a.args, a.err
	case <-ctx.Done():
		s.forget(id)
		return Args{}, fmt.Errorf("socketio: %s was not acknowledged: %w", name, ctx.Err())
	}
}

func (e Emitter) emit(name string, args []any, id int64) error {
	s := e.socket
	buf := getBuffer()
	defer putBuffer(buf)
	data, attachments, err := encodeEvent((*buf)[:0], name, args)
	if err != nil {
		return err
	}
	*buf = data
	if out := s.ns.calls().outgoing; out != nil {
		s.tellOutgoing(out, slices.Clone(data), attachments)
	}
	if e.volatile && !s.writable() {
		return nil
	}
	p := sio.Packet{Type: sio.TypeEvent, Namespace: s.ns.name, ID: id, Data: data, Attachments: attachments}
	if attachments != nil {
		p.Type = sio.TypeBinaryEvent
	}
	return s.send(&p, e.plain)
}

// writable reports whether an event would go out at once.
func (s *Socket) writable() bool { return s.state.Load() == joined && s.client.engine.Writable() }

func (s *Socket) tellOutgoing(out []func(s *Socket, e *Event), data []byte, attachments [][]byte) {
	name, rest, _ := sio.EventName(data)
	for _, f := range out {
		s.client.guard(func() { f(s, &Event{Name: string(name), Args: Args{data[rest:], attachments}, id: sio.NoID}) })
	}
}

// sendAck acknowledges an event.
func (s *Socket) sendAck(id int64, args []any) error {
	buf := getBuffer()
	defer putBuffer(buf)
	data, attachments, err := encodeArgs((*buf)[:0], args)
	if err != nil {
		return err
	}
	*buf = data
	p := sio.Packet{Type: sio.TypeAck, Namespace: s.ns.name, ID: id, Data: data, Attachments: attachments}
	if attachments != nil {
		p.Type = sio.TypeBinaryAck
	}
	return s.send(&p, false)
}

// send sends a packet, or, if the client does not know yet that it has joined, keeps it until then.
func (s *Socket) send(p *sio.Packet, plain bool) error {
	buf := getBuffer()
	defer putBuffer(buf)
	var few [4]engineio.Message
	messages, err := s.client.server.encode(few[:0], buf, p, plain)
	if err != nil {
		return err
	}
	return s.sendMessages(messages, nil)
}

// sendMessages sends messages that belong together; prepared holds the same for many, or is nil.
func (s *Socket) sendMessages(messages []engineio.Message, prepared *engineio.Prepared) error {
	if s.state.Load() < joined {
		s.mu.Lock()
		if s.state.Load() < joined {
			defer s.mu.Unlock()
			return s.hold(messages)
		}
		s.mu.Unlock()
	}
	if s.state.Load() != joined {
		return ErrDisconnected
	}
	var err error
	if prepared != nil {
		err = s.client.engine.SendPrepared(prepared)
	} else {
		err = s.client.engine.Send(messages...)
	}
	if errors.Is(err, engineio.ErrClosed) {
		err = ErrDisconnected
	}
	return err
}

// maxHeld is how many bytes are kept for a socket that is joining.
const maxHeld = 1 << 20

// hold keeps messages. s.mu is held.
func (s *Socket) hold(messages []engineio.Message) error {
	size := 0
	for _, m := range s.held {
		size += len(m.Data)
	}
	for _, m := range messages {
		if size += len(m.Data); size > maxHeld {
			return engineio.ErrFull
		}
		m.Data = slices.Clone(m.Data)
		s.held = append(s.held, m)
	}
	return nil
}

// await has f called with the answer to an event, or with an error when the socket leaves. Then it must not block.
func (s *Socket) await(id int64, f func(a Args, err error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state := s.state.Load(); {
	case state >= leaving:
		return ErrDisconnected
	case state == asking:
		return errAsking
	case len(s.acks) >= s.ns.server.opts.MaxAcks:
		return ErrTooManyAcks
	}
	if s.acks == nil {
		s.acks = make(map[int64]func(a Args, err error))
	}
	s.acks[id] = f
	return nil
}

var errAsking = errors.New("socketio: a client cannot be asked before it may join")

// forget undoes await, and returns what it was given, or nil.
func (s *Socket) forget(id int64) func(a Args, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.acks[id]
	delete(s.acks, id)
	if len(s.acks) == 0 {
		s.acks = nil
	}
	return f
}

// accept tells the client that it has joined, and sends what was kept.
func (s *Socket) accept() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told {
		return nil
	}
	p, ok := s.client.accept(s)
	if !ok {
		return ErrDisconnected
	}
	s.told = true
	buf := getBuffer()
	defer putBuffer(buf)
	messages, err := s.client.server.encode(nil, buf, &p, false)
	if err != nil {
		return err
	}
	err = s.client.engine.Send(append(messages, s.held...)...)
	s.held = nil
	s.state.CompareAndSwap(joining, joined)
	return err
}

// knows reports whether the client was told that it has joined.
func (s *Socket) knows() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told
}

// Disconnect has the socket leave its namespace; with all, its client is disconnected from all namespaces, and the connection closed. What comes from then on is ignored. The
// functions of OnDisconnecting and OnDisconnect are called when the handler that runs has returned.
func (s *Socket) Disconnect(all bool) {
	if all {
		s.client.disconnectAll()
		return
	}
	s.leave()
}

// leave tells the client that the socket has left.
func (s *Socket) leave() {
	if s.state.Load() == joining {
		_ = s.accept() // as the original: the client hears of both
	}
	s.client.dismiss(s)
}

// end takes the socket out of its namespace, and calls the functions that want to know. It is called by the client's goroutine.
func (s *Socket) end(reason string) {
	if s.state.Load() == left {
		return
	}
	c := s.ns.calls()
	for _, f := range c.disconnecting {
		s.client.guard(func() { f(s, reason) })
	}
	s.vanish(reason)
	for _, f := range c.disconnect {
		s.client.guard(func() { f(s, reason) })
	}
}

// move moves a socket that nobody has seen but Use to the namespace that took the place of its own.
func (s *Socket) move(n *Namespace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, room := range s.rooms {
		s.ns.rooms.Leave(room, s)
		n.rooms.Join(room, s)
	}
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	s.ns = n
}

// part tells those who wait for the client that it has gone. They may be the functions that are to return before the socket can leave.
func (s *Socket) part(reason string) {
	s.mu.Lock()
	acks, cancel := s.acks, s.cancel
	s.acks = nil
	s.mu.Unlock()
	for f := range maps.Values(acks) {
		f(Args{}, ErrDisconnected)
	}
	if cancel != nil {
		cancel(fmt.Errorf("%w: %s", ErrDisconnected, reason))
	}
}

// vanish takes the socket out of everything.
func (s *Socket) vanish(reason string) {
	s.ns.remove(s)
	s.mu.Lock()
	s.state.Store(left)
	rooms := s.rooms
	s.rooms, s.held = nil, nil
	s.mu.Unlock()
	for _, room := range rooms {
		s.ns.rooms.Leave(room, s)
	}
	s.part(reason)
}

package socketio

// This file holds what is done with many sockets at once.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/duplex-go/duplex/adapter"
	"github.com/duplex-go/duplex/proto/sio"
)

// Broadcast is a choice of sockets, on all servers, and of how events are sent to them. It is a value: its methods return others, and it may be kept and used
// again, from any goroutine.
type Broadcast struct {
	ns      *Namespace
	order   adapter.Order
	timeout time.Duration
}

// all chooses all sockets of the namespace.
func (n *Namespace) all() Broadcast {
	return Broadcast{ns: n, order: adapter.Order{Namespace: n.name}}
}

// To chooses the sockets in any of the rooms, beside those that were chosen by To or In before. The id of a socket is a room.
func (b Broadcast) To(rooms ...string) Broadcast {
	b.order.Rooms = append(slices.Clip(b.order.Rooms), rooms...)
	return b
}

// In is To.
func (b Broadcast) In(rooms ...string) Broadcast { return b.To(rooms...) }

// Except leaves out the sockets in any of the rooms.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b.order.Except = append(slices.Clip(b.order.Except), rooms...)
	return b
}

// Local leaves out the sockets of other servers.
func (b Broadcast) Local() Broadcast {
	b.order.Local = true
	return b
}

// Volatile leaves out the sockets that could not be sent an event at once.
func (b Broadcast) Volatile() Broadcast {
	b.order.Volatile = true
	return b
}

// Compress says whether events may be compressed, which is usual.
func (b Broadcast) Compress(on bool) Broadcast {
	b.order.Plain = !on
	return b
}

// Timeout has EmitWithAck wait no longer than d.
func (b Broadcast) Timeout(d time.Duration) Broadcast {
	b.timeout = d
	return b
}

// Emit sends an event to the sockets. It is encoded and framed once for all who share a form. It does not wait for anybody, see Socket.Emit.
func (b Broadcast) Emit(name string, args ...any) error {
	if err := b.encode(name, args); err != nil {
		return err
	}
	return b.apply(context.Background(), nil)
}

func (b *Broadcast) encode(name string, args []any) (err error) {
	b.order.Op = adapter.Emit
	b.order.Event, b.order.Attachments, err = encodeEvent(nil, name, args)
	return err
}

// apply gives the order. That of a namespace with children goes to each of them.
func (b Broadcast) apply(ctx context.Context, reply func(adapter.Reply)) error {
	s := b.ns.server
	if b.ns.name != "" {
		return s.all.Apply(ctx, &b.order, reply)
	}
	var errs []error
	for _, n := range s.childrenOf(b.ns.parent) {
		o := b.order
		o.Namespace = n.name
		errs = append(errs, s.all.Apply(ctx, &o, reply))
	}
	return errors.Join(errs...)
}

// EmitWithAck sends an event to the sockets, waits for the acknowledgements of all, and returns the arguments of each. Those that are there when ctx ends, or
// Timeout has passed, or when the others have left, are returned with an error.
func (b Broadcast) EmitWithAck(ctx context.Context, name string, args ...any) ([]Args, error) {
	if err := b.encode(name, args); err != nil {
		return nil, err
	}
	b.order.Ack = true
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	replies := make(chan adapter.Reply)
	applied := make(chan error, 1)
	go func() {
		applied <- b.apply(ctx, func(r adapter.Reply) {
			select {
			case replies <- r:
			case <-ctx.Done():
			}
		})
	}()
	return gather(ctx, replies, applied)
}

// gather collects answers until all have come.
func gather(ctx context.Context, replies <-chan adapter.Reply, applied <-chan error) (answers []Args, err error) {
	found, lost := 0, 0
	for applied != nil || len(answers)+lost < found {
		select {
		case err = <-applied:
			applied = nil
		case r := <-replies:
			switch r.Kind {
			case adapter.Found:
				found++
			case adapter.Answered:
				answers = append(answers, Args{r.Answer, r.Attachments})
			case adapter.Lost:
				lost++
			}
		case <-ctx.Done():
			return answers, fmt.Errorf("socketio: %d of %d have acknowledged: %w", len(answers), found, ctx.Err())
		}
	}
	if err == nil && lost > 0 {
		err = fmt.Errorf("socketio: %d of %d have left without acknowledging: %w", lost, found, ErrDisconnected)
	}
	return answers, err
}

// RemoteSocket is a socket of this server or of another.
type RemoteSocket struct {
	ns        *Namespace
	ID        string
	Rooms     []string // that of its id first
	Data      any      // what SetData was given; if the socket is another server's, json.RawMessage
	Handshake any      // a *Handshake; if the socket is another server's, json.RawMessage
}

// Chosen returns the socket as a choice of one, for what can be done with many.
func (r RemoteSocket) Chosen() Broadcast { return r.ns.To(r.ID) }

// FetchSockets returns the sockets.
func (b Broadcast) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	b.order.Op = adapter.Fetch
	var list []RemoteSocket
	err := b.apply(ctx, func(r adapter.Reply) {
		list = append(list, RemoteSocket{b.ns, r.ID, r.Rooms, r.Data, r.Handshake})
	})
	return list, err
}

// SocketsJoin has the sockets join rooms, as Socket.Join does.
func (b Broadcast) SocketsJoin(rooms ...string) error {
	b.order.Op, b.order.Args = adapter.Join, rooms
	return b.apply(context.Background(), nil)
}

// SocketsLeave has the sockets leave rooms.
func (b Broadcast) SocketsLeave(rooms ...string) error {
	b.order.Op, b.order.Args = adapter.Leave, rooms
	return b.apply(context.Background(), nil)
}

// DisconnectSockets has the sockets leave the namespace, see Socket.Disconnect.
func (b Broadcast) DisconnectSockets(all bool) error {
	b.order.Op, b.order.Close = adapter.Disconnect, all
	return b.apply(context.Background(), nil)
}

// Of a socket, which is left out.

// Broadcast chooses all other sockets of the namespace.
func (s *Socket) Broadcast() Broadcast { return s.ns.all().Except(s.id) }

// To chooses the other sockets in any of the rooms.
func (s *Socket) To(rooms ...string) Broadcast { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) Broadcast { return s.To(rooms...) }

// Except chooses the other sockets that are in none of the rooms.
func (s *Socket) Except(rooms ...string) Broadcast { return s.Broadcast().Except(rooms...) }

// Of a namespace.

// To is that of Broadcast, as are those that follow, for all sockets of the namespace.
func (n *Namespace) To(rooms ...string) Broadcast { return n.all().To(rooms...) }

// In is To.
func (n *Namespace) In(rooms ...string) Broadcast { return n.all().To(rooms...) }

// Except is that of Broadcast.
func (n *Namespace) Except(rooms ...string) Broadcast { return n.all().Except(rooms...) }

// Local is that of Broadcast.
func (n *Namespace) Local() Broadcast { return n.all().Local() }

// Volatile is that of Broadcast.
func (n *Namespace) Volatile() Broadcast { return n.all().Volatile() }

// Compress is that of Broadcast.
func (n *Namespace) Compress(on bool) Broadcast { return n.all().Compress(on) }

// Timeout is that of Broadcast.
func (n *Namespace) Timeout(d time.Duration) Broadcast { return n.all().Timeout(d) }

// Emit is that of Broadcast.
func (n *Namespace) Emit(name string, args ...any) error { return n.all().Emit(name, args...) }

// EmitWithAck is that of Broadcast.
func (n *Namespace) EmitWithAck(ctx context.Context, name string, args ...any) ([]Args, error) {
	return n.all().EmitWithAck(ctx, name, args...)
}

// FetchSockets is that of Broadcast.
func (n *Namespace) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	return n.all().FetchSockets(ctx)
}

// SocketsJoin is that of Broadcast.
func (n *Namespace) SocketsJoin(rooms ...string) error { return n.all().SocketsJoin(rooms...) }

// SocketsLeave is that of Broadcast.
func (n *Namespace) SocketsLeave(rooms ...string) error { return n.all().SocketsLeave(rooms...) }

// DisconnectSockets is that of Broadcast.
func (n *Namespace) DisconnectSockets(all bool) error { return n.all().DisconnectSockets(all) }

// childrenOf returns the namespaces that came to be by a parent.
func (s *Server) childrenOf(p *parent) []*Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Namespace, 0, len(p.children))
	for _, n := range p.children {
		list = append(list, n)
	}
	return list
}

// tellAll calls the functions that want to know of each event that is sent.
func (n *Namespace) tellAll(targets []*Socket, o *adapter.Order) {
	if out := n.calls().outgoing; out != nil {
		for _, s := range targets {
			s.tellOutgoing(out, o.Event, o.Attachments)
		}
	}
}

// packet returns an order's event as a packet.
func packet(o *adapter.Order, id int64) sio.Packet {
	p := sio.Packet{Type: sio.TypeEvent, Namespace: o.Namespace, ID: id, Data: o.Event, Attachments: o.Attachments}
	if o.Attachments != nil {
		p.Type = sio.TypeBinaryEvent
	}
	return p
}

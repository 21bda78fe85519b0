package socketio

// This file holds how orders are carried out on the server's own sockets.

import (
	"context"
	"errors"
	"sync"

	"github.com/duplex-go/duplex/adapter"
	"github.com/duplex-go/duplex/engineio"
	"github.com/duplex-go/duplex/proto/sio"
)

// local is the Server as an adapter.Sockets.
type local Server

// Apply implements adapter.Sockets.
func (l *local) Apply(ctx context.Context, o *adapter.Order, reply func(adapter.Reply)) error {
	n := (*Server)(l).lookup(o.Namespace)
	if n == nil {
		return nil // nobody is there
	}
	targets := n.pick(o.Rooms, o.Except)
	switch o.Op {
	case adapter.Emit:
		return n.emit(ctx, targets, o, reply)
	case adapter.Join:
		var errs []error
		for _, s := range targets {
			if err := s.Join(o.Args...); err != nil && !errors.Is(err, ErrDisconnected) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	case adapter.Leave:
		for _, s := range targets {
			s.Leave(o.Args...)
		}
	case adapter.Disconnect:
		for _, s := range targets {
			s.Disconnect(o.Close)
		}
	case adapter.Fetch:
		for _, s := range targets {
			reply(adapter.Reply{Kind: adapter.Found, ID: s.id, Rooms: s.Rooms(), Data: s.Data(), Handshake: s.Handshake()})
		}
	}
	return nil
}

// emit sends an order's event.
func (n *Namespace) emit(ctx context.Context, targets []*Socket, o *adapter.Order, reply func(adapter.Reply)) error {
	id := int64(sio.NoID)
	if o.Ack {
		id = n.ids.Add(1) - 1
	}
	p := packet(o, id)
	buf := getBuffer()
	defer putBuffer(buf)
	messages, err := n.server.encode(nil, buf, &p, o.Plain)
	if err != nil {
		return err
	}
	if o.Ack {
		targets = n.expect(ctx, targets, id, reply)
	}
	n.tellAll(targets, o)
	var prepared *engineio.Prepared
	if len(targets) > 1 {
		prepared = engineio.NewPrepared(messages...)
	}
	for _, s := range targets {
		if o.Volatile && !s.writable() {
			continue
		}
		_ = s.sendMessages(messages, prepared) // who has gone, or does not fetch what is sent, is none of the others' business
	}
	return nil
}

// expect has the sockets' answers told until ctx ends, and returns those that can answer.
func (n *Namespace) expect(ctx context.Context, targets []*Socket, id int64, reply func(adapter.Reply)) []*Socket {
	var mu sync.Mutex
	tell := func(r adapter.Reply) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			reply(r)
		}
	}
	able := targets[:0]
	for _, s := range targets {
		err := s.await(id, func(a Args, err error) {
			if err != nil {
				tell(adapter.Reply{Kind: adapter.Lost, ID: s.id})
				return
			}
			tell(adapter.Reply{Kind: adapter.Answered, ID: s.id, Answer: a.list, Attachments: a.attachments})
		})
		if err == nil {
			able = append(able, s)
			tell(adapter.Reply{Kind: adapter.Found, ID: s.id})
		}
	}
	context.AfterFunc(ctx, func() {
		for _, s := range able {
			s.forget(id)
		}
	})
	return able
}

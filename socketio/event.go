package socketio

// This file holds what comes: events, and the typed functions that handle them.

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/duplex-go/duplex/proto/sio"
)

// Event is an event that came, or that is sent.
type Event struct {
	Name string
	Args Args

	socket *Socket
	id     int64 // sio.NoID: the client wants no acknowledgement
	acked  atomic.Bool
}

// WantsAck reports whether the client waits for an acknowledgement.
func (e *Event) WantsAck() bool { return e.id != sio.NoID && !e.acked.Load() }

// Ack sends the acknowledgement that the client waits for. It does nothing if there is none to send any more. After an error the client still waits.
func (e *Event) Ack(args ...any) error {
	if e.id == sio.NoID || e.acked.Swap(true) {
		return nil
	}
	err := e.socket.sendAck(e.id, args)
	if err != nil {
		e.acked.Store(false)
	}
	return err
}

// Scope is a Namespace, or a Server, which then stands for its namespace "/".
type Scope interface {
	on(name string, f func(s *Socket, e *Event) error)
}

// On adds a function that is called with each event of a name. T is the type of its argument, see Args.Scan. It can also be Args, for all arguments as they came,
// *Event, for the event itself, or struct{}, for none. An acknowledgement is sent by Event.Ack, or see Handle.
//
// An error of f is logged, and told to a client that waits for an acknowledgement, see Error. So are arguments that are none of T.
func On[T any](n Scope, name string, f func(s *Socket, v T) error) {
	n.on(name, func(s *Socket, e *Event) error {
		v, err := argument[T](e)
		if err != nil {
			return err
		}
		return f(s, v)
	})
}

// On2 is On for events with two arguments.
func On2[A, B any](n Scope, name string, f func(s *Socket, a A, b B) error) {
	n.on(name, func(s *Socket, e *Event) error {
		var a A
		var b B
		if err := e.Args.Scan(&a, &b); err != nil {
			return &argumentError{err}
		}
		return f(s, a, b)
	})
}

// Handle is On for events that are answered: what f returns is the argument of the acknowledgement.
func Handle[T, R any](n Scope, name string, f func(s *Socket, v T) (R, error)) {
	n.on(name, func(s *Socket, e *Event) error {
		v, err := argument[T](e)
		if err != nil {
			return err
		}
		r, err := f(s, v)
		if err != nil {
			return err
		}
		return e.Ack(r)
	})
}

// argument returns the argument of an event with one. What is usual goes without the memory that decoding takes.
func argument[T any](e *Event) (v T, err error) {
	switch v := any(&v).(type) {
	case *struct{}:
	case *Args:
		*v = e.Args
	case **Event:
		*v = e
	case *json.RawMessage:
		if *v = e.Args.Raw(0); *v == nil {
			return scan[T](e)
		}
	case *string:
		text, ok := plainText(e.Args.Raw(0))
		if !ok {
			return scan[T](e)
		}
		*v = text
	default:
		return scan[T](e)
	}
	return v, nil
}

func scan[T any](e *Event) (v T, err error) {
	if err := e.Args.Scan(&v); err != nil {
		return v, &argumentError{err}
	}
	return v, nil
}

// argumentError is the client's mistake.
type argumentError struct{ err error }

func (e *argumentError) Error() string { return e.err.Error() }
func (e *argumentError) Unwrap() error { return e.err }

// told returns what a client is told of a handler's error.
func told(err error) any {
	type answer struct {
		Error string `json:"error"`
		Data  any    `json:"data,omitempty"`
	}
	var e *Error
	if errors.As(err, &e) {
		return answer{e.Message, e.Data}
	}
	var bad *argumentError
	if errors.As(err, &bad) {
		return answer{Error: "the arguments are not as expected"}
	}
	return answer{Error: "internal error"}
}

// dispatch calls what is there for an event that came.
func (s *Socket) dispatch(ev *sio.Event) {
	c := s.ns.calls()
	name, rest, _ := sio.EventName(ev.Data)
	h := c.events[string(name)]
	if h == nil && c.any == nil && c.packet == nil {
		return
	}
	e := &Event{Args: Args{ev.Data[rest:], ev.Attachments}, socket: s, id: ev.ID}
	var handlers []func(*Socket, *Event) error
	if h != nil {
		e.Name, handlers = h.name, h.list
	} else {
		e.Name = string(name)
	}
	for _, list := range [...][]func(*Socket, *Event) error{c.any, c.packet, handlers} {
		for _, f := range list {
			if err := f(s, e); err != nil {
				s.ns.server.logger().Warn("socketio: handler", "event", short(e.Name), "error", short(err.Error()))
				if unwritable := e.Ack(told(err)); unwritable != nil {
					_ = e.Ack(told(unwritable))
				}
				return
			}
		}
	}
}

// short cuts what a peer may have chosen to a length that a log can bear.
func short(s string) string {
	const most = 256
	if len(s) > most {
		return fmt.Sprintf("%s...", s[:most])
	}
	return s
}

// Package game plays 2048 over a connection: a small state machine that a visitor drives.
//
// The visitor's first message is the JSON string "success" and starts a game; sent again, it starts a new one. Then
// 0 is up, 1 down, 2 left, 3 right. Every reply is a [State]. A message that is none of these is answered with
// {"error": "..."} and changes nothing.
package game

// This file holds a game in play, the messages that drive it, and the handler.

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/duplex-go/duplex/websocket"
)

// A State is a game as the visitor sees it after a message.
type State struct {
	Board Board `json:"board"`
	Score int   `json:"score"`
	Moved bool  `json:"moved"` // the last message moved a tile
	Over  bool  `json:"over"`  // nothing can move any more
	Won   bool  `json:"won"`   // a tile has reached 2048; the game may go on
}

// A Game is one visitor's game. It is not safe for use by several goroutines.
type Game struct {
	rng     *rand.Rand
	state   State
	started bool
}

// New returns a game that has not started. Equal seeds give equal games for equal moves.
func New(seed uint64) *Game {
	return &Game{rng: rand.New(rand.NewPCG(seed, seed))}
}

// What a visitor reads when a message is not what it should be.
var (
	errNotStarted = errors.New(`the game has not started: send the JSON string "success" first`)
	errUnknown    = errors.New(`expected 0 (up), 1 (down), 2 (left), 3 (right), or "success" for a new game`)
)

// Play takes one message and returns the state after it. An error is meant for the visitor and has changed nothing.
func (g *Game) Play(msg []byte) (State, error) {
	msg = bytes.TrimSpace(msg)
	switch word := string(unquote(msg)); {
	case word == "success" && len(word) != len(msg): // a JSON string, not the bare word
		g.start()
	case len(word) != 1 || word < "0" || word > "3":
		return g.state, errUnknown
	case !g.started:
		return g.state, errNotStarted
	default:
		g.move(Dir(word[0] - '0'))
	}
	return g.state, nil
}

// unquote takes the quotes off a JSON string. Clients send a move as 2 or as "2".
func unquote(msg []byte) []byte {
	if n := len(msg); n >= 2 && msg[0] == '"' && msg[n-1] == '"' {
		return msg[1 : n-1]
	}
	return msg
}

// start deals a new board with two tiles.
func (g *Game) start() {
	g.started = true
	g.state = State{}
	g.state.Board.Spawn(g.rng)
	g.state.Board.Spawn(g.rng)
}

// move slides the board, and spawns a tile if that changed anything.
func (g *Game) move(d Dir) {
	next, gained, moved := g.state.Board.Move(d)
	g.state.Moved = moved
	if !moved {
		return
	}
	next.Spawn(g.rng)
	g.state.Board = next
	g.state.Score += gained
	g.state.Won = next.Won()
	g.state.Over = next.Over()
}

// Seed reads the seed from a query such as seed=7. Without one it is random. The error says what was wrong; it is
// meant for the visitor.
func Seed(query url.Values) (uint64, error) {
	if !query.Has("seed") {
		return rand.Uint64(), nil
	}
	seed, err := strconv.ParseUint(query.Get("seed"), 10, 64)
	if err != nil {
		return 0, errors.New("seed must be a whole number from 0 to 18446744073709551615")
	}
	return seed, nil
}

// A Server gives each connection its own game. The zero value is ready. One Server may serve any number of
// connections at once.
type Server struct {
	Messages atomic.Int64 // received since the start, over all connections
}

// Handle begins a game, with the seed that the request asks for.
func (s *Server) Handle(ctx context.Context, c *websocket.Conn) error {
	seed, err := Seed(websocket.Request(ctx).URL.Query())
	if err != nil {
		return &websocket.CloseError{Code: websocket.StatusPolicyViolation, Reason: err.Error()}
	}
	game := New(seed)
	c.Serve(websocket.MessageFunc(func(ctx context.Context, c *websocket.Conn, msg websocket.Message) error {
		s.Messages.Add(1)
		return reply(ctx, c, game, msg)
	}))
	return nil
}

// reply answers one message, with the state or with what was wrong.
func reply(ctx context.Context, c *websocket.Conn, game *Game, msg websocket.Message) error {
	if msg.Type != websocket.Text {
		return writeError(ctx, c, errUnknown)
	}
	state, err := game.Play(msg.Data)
	if err != nil {
		return writeError(ctx, c, err)
	}
	return c.WriteJSON(ctx, state)
}

func writeError(ctx context.Context, c *websocket.Conn, err error) error {
	return c.WriteJSON(ctx, map[string]string{"error": err.Error()})
}

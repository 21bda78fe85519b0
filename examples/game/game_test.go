package game

// This file tests a game in play: the messages that drive it, and the handler over a connection in memory.

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/duplex-go/duplex/websocket"
)

func TestPlayNeedsAStart(t *testing.T) {
	g := New(7)
	for _, move := range []string{"0", `"3"`} {
		if _, err := g.Play([]byte(move)); err != errNotStarted {
			t.Errorf("Play(%s) before the start: %v", move, err)
		}
	}
	state, err := g.Play([]byte(`"success"`))
	if err != nil {
		t.Fatal(err)
	}
	if n := tiles(state.Board); n != 2 || state.Score != 0 || state.Moved || state.Over || state.Won {
		t.Errorf("a new game: %d tiles, %+v", n, state)
	}
}

func TestPlayAcceptsBothFormsOfAMove(t *testing.T) {
	for move := range 4 {
		bare, quoted := started(7), started(7)
		a, errA := bare.Play([]byte{byte('0' + move)})
		b, errB := quoted.Play([]byte(`"` + string(rune('0'+move)) + `"`))
		if errA != nil || errB != nil || a != b {
			t.Errorf("move %d: %v (%v) and %v (%v)", move, a, errA, b, errB)
		}
	}
}

func TestPlayRefusesEverythingElse(t *testing.T) {
	g := started(7)
	before := g.state
	for _, msg := range []string{
		"", "4", "-1", "00", "01", "1.0", "up", `"up"`, `""`, `"`, "success", "null", "{}", "[0]", "0 1", `"success`,
		"\x00", "٣", strings.Repeat("0", 10000), `{"__proto__":0}`,
	} {
		if _, err := g.Play([]byte(msg)); err != errUnknown {
			t.Errorf("Play(%.20q) = %v, want %v", msg, err, errUnknown)
		}
	}
	if g.state != before {
		t.Error("a refused message changed the game")
	}
}

func TestEqualSeedsGiveEqualGames(t *testing.T) {
	a, b, c := started(7), started(7), started(8)
	differs := a.state != c.state
	for i := range 200 {
		move := []byte{byte('0' + i%4)}
		sa, _ := a.Play(move)
		sb, _ := b.Play(move)
		sc, _ := c.Play(move)
		if sa != sb {
			t.Fatalf("move %d: %v and %v", i, sa, sb)
		}
		differs = differs || sa != sc
	}
	if !differs {
		t.Error("another seed gave the same game")
	}
}

func TestAMoveThatMovesNothingSpawnsNothing(t *testing.T) {
	g := started(7)
	g.state.Board = Board{{2, 4, 8, 16}}
	state, err := g.Play([]byte("2"))
	if err != nil || state.Moved || state.Board != (Board{{2, 4, 8, 16}}) {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestWonGoesOnAndOverIsSeen(t *testing.T) {
	g := started(7)
	g.state.Board = Board{{1024, 1024}}
	state, _ := g.Play([]byte("2"))
	if !state.Won || state.Over || state.Score != 2048 || state.Board[0][0] != 2048 {
		t.Errorf("after the win: %+v", state)
	}
	if state, _ = g.Play([]byte("1")); !state.Won || !state.Moved {
		t.Errorf("play goes on: %+v", state)
	}

	// One gap, and whichever tile comes into it makes no pair: neither 2 nor 4 stands beside it.
	g.state.Board = Board{{0, 16, 32, 64}, {8, 64, 16, 128}, {16, 8, 64, 256}, {8, 16, 32, 512}}
	state, _ = g.Play([]byte("2"))
	if !state.Moved || !state.Over {
		t.Errorf("nothing can move: %+v", state)
	}
	if state, err := g.Play([]byte("0")); err != nil || state.Moved || !state.Over {
		t.Errorf("a move after the end: %+v, %v", state, err)
	}
}

func TestStateOnTheWire(t *testing.T) {
	got, err := json.Marshal(State{Board: Board{{2, 0, 0, 4}}, Score: 8, Moved: true})
	want := `{"board":[[2,0,0,4],[0,0,0,0],[0,0,0,0],[0,0,0,0]],"score":8,"moved":true,"over":false,"won":false}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestSeed(t *testing.T) {
	if seed, err := Seed(url.Values{"seed": {"7"}}); seed != 7 || err != nil {
		t.Errorf("seed=7: %d, %v", seed, err)
	}
	for _, bad := range []string{"", "-1", "x", "1.5", "18446744073709551616", "7 "} {
		if _, err := Seed(url.Values{"seed": {bad}}); err == nil {
			t.Errorf("seed=%q was accepted", bad)
		}
	}
	if _, err := Seed(nil); err != nil {
		t.Error(err)
	}
}

func started(seed uint64) *Game {
	g := New(seed)
	g.start()
	return g
}

func tiles(b Board) (n int) {
	for _, row := range b {
		for _, tile := range row {
			if tile != 0 {
				n++
			}
		}
	}
	return n
}

func TestHandle(t *testing.T) {
	var s Server
	ws := &websocket.Server{Handle: s.Handle}
	srv := httptest.NewServer(ws)
	defer srv.Close()
	ctx := t.Context()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"?seed=7", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	twin := New(7)
	for _, msg := range []string{`"success"`, "0", `"1"`, "2", "3", "2", `"success"`, "0"} {
		if err := c.Write(ctx, websocket.Text, []byte(msg)); err != nil {
			t.Fatal(err)
		}
		var got State
		if err := c.ReadJSON(ctx, &got); err != nil {
			t.Fatal(err)
		}
		if want, err := twin.Play([]byte(msg)); got != want || err != nil {
			t.Errorf("%s: %+v, want %+v", msg, got, want)
		}
	}
	for _, bad := range []struct {
		typ  websocket.MessageType
		text string
	}{{websocket.Text, "up"}, {websocket.Binary, "0"}} {
		if err := c.Write(ctx, bad.typ, []byte(bad.text)); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := c.ReadJSON(ctx, &got); err != nil || got["error"] == "" {
			t.Errorf("%v %s: %v, %v", bad.typ, bad.text, got, err)
		}
	}
	if n := s.Messages.Load(); n != 10 {
		t.Errorf("%d messages counted, want 10", n)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

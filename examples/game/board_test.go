package game

// This file tests the rules of 2048 by tables, and the rules that hold for any board by random play.

import (
	"math/rand/v2"
	"testing"
)

func TestSlide(t *testing.T) {
	for _, test := range []struct {
		name   string
		in     [Size]int
		out    [Size]int
		gained int
	}{
		{"empty", [4]int{0, 0, 0, 0}, [4]int{0, 0, 0, 0}, 0},
		{"one tile slides", [4]int{0, 0, 0, 2}, [4]int{2, 0, 0, 0}, 0},
		{"a pair merges", [4]int{2, 2, 0, 0}, [4]int{4, 0, 0, 0}, 4},
		{"a pair merges over a gap", [4]int{2, 0, 0, 2}, [4]int{4, 0, 0, 0}, 4},
		{"of three, the two at the wall merge", [4]int{2, 2, 2, 0}, [4]int{4, 2, 0, 0}, 4},
		{"two pairs", [4]int{2, 2, 2, 2}, [4]int{4, 4, 0, 0}, 8},
		{"a merged tile does not merge again", [4]int{4, 2, 2, 0}, [4]int{4, 4, 0, 0}, 4},
		{"nor with one behind it", [4]int{2, 2, 4, 0}, [4]int{4, 4, 0, 0}, 4},
		{"nor with an equal pair", [4]int{2, 2, 4, 8}, [4]int{4, 4, 8, 0}, 4},
		{"no pair", [4]int{2, 4, 2, 4}, [4]int{2, 4, 2, 4}, 0},
		{"a tile between keeps a pair apart", [4]int{2, 4, 2, 0}, [4]int{2, 4, 2, 0}, 0},
		{"past the goal", [4]int{2048, 2048, 0, 0}, [4]int{4096, 0, 0, 0}, 4096},
	} {
		if out, gained := slide(test.in); out != test.out || gained != test.gained {
			t.Errorf("%s: slide(%v) = %v, %d; want %v, %d", test.name, test.in, out, gained, test.out, test.gained)
		}
	}
}

func TestMoveDirections(t *testing.T) {
	b := Board{
		{0, 2, 0, 2},
		{0, 0, 0, 0},
		{4, 0, 0, 0},
		{4, 2, 0, 8},
	}
	for d, want := range map[Dir]Board{
		Up:    {{8, 4, 0, 2}, {0, 0, 0, 8}, {0, 0, 0, 0}, {0, 0, 0, 0}},
		Down:  {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 2}, {8, 4, 0, 8}},
		Left:  {{4, 0, 0, 0}, {0, 0, 0, 0}, {4, 0, 0, 0}, {4, 2, 8, 0}},
		Right: {{0, 0, 0, 4}, {0, 0, 0, 0}, {0, 0, 0, 4}, {0, 4, 2, 8}},
	} {
		got, _, moved := b.Move(d)
		if got != want || !moved {
			t.Errorf("Move(%d) = %v, moved %v; want %v", d, got, moved, want)
		}
	}
}

func TestOver(t *testing.T) {
	full := Board{{2, 4, 2, 4}, {4, 2, 4, 2}, {2, 4, 2, 4}, {4, 2, 4, 2}}
	if !full.Over() {
		t.Error("a full board without a pair is over")
	}
	pair := full
	pair[3][3] = 4
	if pair.Over() {
		t.Error("a full board with a pair is not over")
	}
	gap := full
	gap[1][1] = 0
	if gap.Over() {
		t.Error("a board with a gap is not over")
	}
}

func TestSpawnFillsOnlyEmptyCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	b := Board{{8, 8, 8, 8}, {8, 8, 0, 8}, {8, 8, 8, 8}, {8, 8, 8, 8}}
	b.Spawn(rng)
	if tile := b[1][2]; tile != 2 && tile != 4 {
		t.Fatalf("the empty cell holds %d", tile)
	}
	full := b
	b.Spawn(rng)
	if b != full {
		t.Error("a full board took a tile")
	}
}

func TestSpawnIsATwoNineTimesInTen(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const n = 20000
	fours := 0
	cells := map[int]int{}
	for range n {
		var b Board
		b.Spawn(rng)
		for i := range Size * Size {
			if tile := b[i/Size][i%Size]; tile != 0 {
				cells[i]++
				if tile == 4 {
					fours++
				}
			}
		}
	}
	if fours < n*8/100 || fours > n*12/100 {
		t.Errorf("%d fours of %d tiles, want about one in ten", fours, n)
	}
	for i := range Size * Size {
		if cells[i] < n/16/2 || cells[i] > n/16*2 {
			t.Errorf("cell %d was chosen %d times of %d", i, cells[i], n)
		}
	}
}

// TestMoveKeepsTheSum plays at random: a move never makes or loses value, gains what it merged, and what did
// not move is a board that this direction has settled.
func TestMoveKeepsTheSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var b Board
	for range 20000 {
		b.Spawn(rng)
		next, gained, moved := b.Move(Dir(rng.IntN(4)))
		if sum(next) != sum(b) {
			t.Fatalf("the sum went from %d to %d: %v to %v", sum(b), sum(next), b, next)
		}
		if moved != (next != b) || gained > 0 && !moved {
			t.Fatalf("moved = %v, gained = %d: %v to %v", moved, gained, b, next)
		}
		b = next
		if b.Over() {
			b = Board{}
		}
	}
}

func sum(b Board) (n int) {
	for _, row := range b {
		for _, tile := range row {
			n += tile
		}
	}
	return n
}

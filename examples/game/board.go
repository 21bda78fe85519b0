package game

// This file holds the rules of 2048 as pure functions of a board: sliding, merging, spawning, and the end.

import "math/rand/v2"

// Size is the number of rows, and of cells in a row.
const Size = 4

// goal is the tile that wins. Play may go on past it.
const goal = 2048

// A Board is four rows of four cells, from the top left. A cell is 0 when empty, or a power of two from 2 on.
type Board [Size][Size]int

// A Dir is the way that tiles slide. The values are those of the wire.
type Dir int

// The four directions.
const (
	Up Dir = iota
	Down
	Left
	Right
)

// Move slides every tile as far as it goes. Two equal tiles that meet merge into one, the pair nearest the wall
// first, and a tile merges once a move. Gained is the sum of the merged tiles; moved tells whether anything
// changed. Move spawns nothing: see [Board.Spawn].
func (b Board) Move(d Dir) (next Board, gained int, moved bool) {
	for line := range Size {
		var tiles [Size]int
		for i := range Size {
			row, col := cell(d, line, i)
			tiles[i] = b[row][col]
		}
		slid, sum := slide(tiles)
		gained += sum
		for i := range Size {
			row, col := cell(d, line, i)
			next[row][col] = slid[i]
		}
	}
	return next, gained, next != b
}

// cell gives the place of the i-th tile of a line, counted from the wall that d slides towards.
func cell(d Dir, line, i int) (row, col int) {
	switch d {
	case Up:
		return i, line
	case Down:
		return Size - 1 - i, line
	case Left:
		return line, i
	default:
		return line, Size - 1 - i
	}
}

// slide moves the tiles of one line towards index 0. A cell that a merge has made is sealed: the next tile
// goes behind it.
func slide(in [Size]int) (out [Size]int, gained int) {
	end, sealed := 0, true // out[:end] is filled; out[end-1] takes no further merge if sealed
	for _, tile := range in {
		switch {
		case tile == 0:
		case !sealed && out[end-1] == tile:
			out[end-1] *= 2
			gained += out[end-1]
			sealed = true
		default:
			out[end] = tile
			end++
			sealed = false
		}
	}
	return out, gained
}

// Spawn puts a new tile on a random empty cell: a 2 nine times in ten, else a 4. A full board stays as it is.
func (b *Board) Spawn(rng *rand.Rand) {
	var empty []*int
	for row := range b {
		for col := range b[row] {
			if b[row][col] == 0 {
				empty = append(empty, &b[row][col])
			}
		}
	}
	if len(empty) == 0 {
		return
	}
	tile := 2
	if rng.IntN(10) == 0 {
		tile = 4
	}
	*empty[rng.IntN(len(empty))] = tile
}

// Over tells whether no move in any direction changes the board.
func (b Board) Over() bool {
	for d := Up; d <= Right; d++ {
		if _, _, moved := b.Move(d); moved {
			return false
		}
	}
	return true
}

// Won tells whether a tile has reached 2048.
func (b Board) Won() bool {
	for _, row := range b {
		for _, tile := range row {
			if tile >= goal {
				return true
			}
		}
	}
	return false
}

// Where the tiles of 2048 go when they slide: what the server decides, worked out again so that it can be shown.

// slide returns the moves [{from, to, merged}] of a board for a direction (0 up, 1 down, 2 left, 3 right), cells numbered
// 0 to 15 from the top left. Two moves to one cell are a merge; the second is marked.
export function slide(board, direction) {
  const moves = [];
  for (let line = 0; line < 4; line++) {
    let end = 0, open = 0; // cells taken from the wall on; the value of the last if it may still merge
    for (let i = 0; i < 4; i++) {
      const from = cell(direction, line, i);
      const value = board[from];
      if (value === 0) continue;
      const merged = value === open;
      if (!merged) end++;
      open = merged ? 0 : value;
      moves.push({ from, to: cell(direction, line, end - 1), merged });
    }
  }
  return moves;
}

// cell numbers the i-th cell of a line, counted from the wall that the tiles slide to.
const cell = (direction, line, i) => [i * 4 + line, (3 - i) * 4 + line, line * 4 + i, line * 4 + 3 - i][direction];

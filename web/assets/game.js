// 2048: sends moves, shows the server's board, and lets the tiles slide to where it says they are.
import { $, el, showState, socketURL, t } from "./page.js";
import { slide } from "./slide.js";

const slideTime = 110; // milliseconds, as in the style sheet
const names = [t("Up"), t("Down"), t("Left"), t("Right")];
let socket = null;
let board = null; // sixteen numbers, as the server last said
let shown = []; // the tile of each cell, or null
let sent = []; // moves that have no answer yet
let over = false, wonSeen = false;
let settling = 0; // the timer that ends a slide
let finish = () => {};

// The connection. A game lives and ends with it, so that a new connection is a new game.

function connect() {
  const current = new WebSocket(socketURL("/game" + seed()));
  socket = current;
  showState("connecting", t("Connecting…"));
  current.onopen = () => {
    showState("open", t("Connected"));
    begin();
  };
  current.onmessage = (event) => receive(JSON.parse(event.data));
  current.onclose = () => {
    if (socket !== current) return;
    socket = null;
    showState("closed", t("Connection lost: the game is gone with it"));
    veil(t("Connection lost"), false);
  };
}

// A seed in the page's address makes the game repeatable: /game?seed=7.
function seed() {
  const asked = new URLSearchParams(location.search).get("seed");
  return asked === null ? "" : `?seed=${encodeURIComponent(asked)}`;
}

function begin() {
  if (!socket) return connect();
  if (socket.readyState !== WebSocket.OPEN) return;
  sent = ["new"];
  socket.send(JSON.stringify("success"));
  $("veil").hidden = true;
  $("board").focus({ preventScroll: true });
}

function move(direction) {
  if (!board || over || !$("veil").hidden || socket?.readyState !== WebSocket.OPEN) return;
  sent.push(direction);
  socket.send(String(direction));
}

// The answers come in the order of the moves.

function receive(state) {
  if (state.error) return showState("open", state.error);
  const answered = sent.shift();
  finish(); // of the move before, if it still slides
  const next = state.board.flat();
  if (answered === "new" || !board) fresh(next);
  else if (state.moved) animate(next, answered);
  board = next;
  score(state.score);
  speak(state, answered);
  over = state.over;
  if (answered === "new") wonSeen = false;
  if (state.over) veil(t("No tile can move"), false);
  else if (state.won && !wonSeen) veil(t("2048! You have won"), true);
  wonSeen = state.won;
}

function fresh(next) {
  $("tiles").replaceChildren();
  shown = next.map((value, at) => value ? put(value, at, "fresh") : null);
}

// animate slides the tiles, then makes the board what the server said, whatever was on the way.
function animate(next, direction) {
  const before = shown;
  const after = Array(16).fill(null);
  const gone = [], merged = [];
  for (const { from, to, merged: second } of slide(board, direction)) {
    const tile = before[from];
    seat(tile, to);
    if (second) { gone.push(after[to], tile); merged.push(to); }
    after[to] = tile;
  }
  shown = after;
  finish = () => {
    clearTimeout(settling);
    finish = () => {};
    gone.forEach((tile) => tile.remove());
    for (const to of merged) shown[to] = put(next[to], to, "merged");
    next.forEach((value, at) => { if (value && !shown[at]) shown[at] = put(value, at, "fresh"); });
  };
  settling = setTimeout(() => finish(), slideTime);
}

function put(value, at, how) {
  const digits = String(value).length;
  const size = digits > 4 ? " longer" : digits > 3 ? " long" : "";
  const tile = el("div", { class: `tile t${Math.min(value, 2048)}${size} ${how}` }, String(value));
  seat(tile, at);
  $("tiles").append(tile);
  return tile;
}

function seat(tile, at) {
  tile.style.setProperty("--x", String(at % 4));
  tile.style.setProperty("--y", String(Math.floor(at / 4)));
}

function score(points) {
  $("score").textContent = String(points);
  let best = points;
  try {
    best = Math.max(points, Number(localStorage.getItem("duplex.game.best")));
    localStorage.setItem("duplex.game.best", String(best));
  } catch {
    // The browser keeps nothing for us: the best score is that of this game.
  }
  $("best").textContent = String(best);
}

// speak tells a screen reader what the eyes see: the move, the score, the rows.
function speak(state, answered) {
  const rows = state.board.map((row) => row.map((value) => value || t("empty")).join(" ")).join("; ");
  const what = answered === "new" ? t("New game") : state.moved ? names[answered] : t("Nothing moved");
  $("spoken").textContent = `${what}. ${t("Score")} ${state.score}. ${rows}`;
}

function veil(text, goOn) {
  $("verdict").textContent = text;
  $("on").hidden = !goOn;
  $("veil").hidden = false;
  $(goOn ? "on" : "again").focus({ preventScroll: true });
}

// Keys, buttons, swipes.

const keys = {
  ArrowUp: 0, ArrowDown: 1, ArrowLeft: 2, ArrowRight: 3, KeyW: 0, KeyS: 1, KeyA: 2, KeyD: 3,
};

addEventListener("keydown", (event) => {
  const direction = keys[event.code];
  if (direction === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  move(direction);
});

for (const button of document.querySelectorAll("[data-move]")) {
  button.addEventListener("click", () => move(Number(button.dataset.move)));
}

let from = null;
$("board").addEventListener("pointerdown", (event) => { from = event; });
addEventListener("pointerup", (event) => {
  if (!from || event.pointerId !== from.pointerId) return;
  const dx = event.clientX - from.clientX, dy = event.clientY - from.clientY;
  from = null;
  if (Math.max(Math.abs(dx), Math.abs(dy)) < 24) return; // a tap
  if (Math.abs(dx) > Math.abs(dy)) move(dx < 0 ? 2 : 3);
  else move(dy < 0 ? 0 : 1);
});
addEventListener("pointercancel", () => { from = null; });

$("new").addEventListener("click", begin);
$("again").addEventListener("click", begin);
$("on").addEventListener("click", () => { $("veil").hidden = true; $("board").focus({ preventScroll: true }); });

connect();

// The greeter: connects by itself, and draws the time between what arrives.
import { $, pulse, showState, socketURL, t, meaning } from "./page.js";
import { Log } from "./log.js";

const log = new Log($("log"));
const kept = 60; // gaps in the drawing
let socket = null;
let gaps = [];
let count = 0;
let last = 0;

function start() {
  const current = new WebSocket(socketURL(`/hello?every=${$("form").elements.every.value}`));
  socket = current;
  gaps = [];
  last = 0;
  draw();
  showState("connecting", t("Connecting…"));
  current.onopen = () => showState("open", t("Connected"));
  current.onmessage = (event) => arrived(event.data);
  current.onclose = (event) => {
    log.add(event.wasClean ? "info" : "bad", `${t("Closed with {0}", event.code)}: ${meaning(event.code)}`);
    if (socket === current) stopped(); // not after the interval changed: then another runs already
  };
  $("toggle").textContent = t("Stop");
}

function stopped() {
  socket = null;
  showState("closed", t("Not connected"));
  $("toggle").textContent = t("Start");
}

function arrived(text) {
  const now = performance.now();
  if (last > 0) gaps = [...gaps, now - last].slice(-kept);
  last = now;
  count++;
  pulse("in", text.length);
  log.add("in", text, text.length);
  draw();
}

const milliseconds = (ms) => ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms)} ms`;

function draw() {
  $("n-count").textContent = String(count);
  $("n-gap").textContent = gaps.length ? milliseconds(gaps.at(-1)) : "–";
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const spread = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  $("n-jitter").textContent = gaps.length > 1 ? `±${spread < 10 ? spread.toFixed(1) : Math.round(spread)} ms` : "–";
  drawBeats();
}

// Each greeting is a beat. What lies between two beats is as wide as the gap was, so that even time looks even.
function drawBeats() {
  const width = 600, height = 120, middle = height * 0.68, most = 24;
  const shown = gaps.slice(-most);
  const unit = width / Math.max(shown.reduce((sum, gap) => sum + gap, 0), 1);
  const beat = width / most / 3;
  let x = width, path = `M${width} ${middle}`;
  for (const gap of [...shown, 0].reverse()) {
    x -= gap * unit;
    path += ` L${x + beat} ${middle} L${x + beat / 2} ${height * 0.15} L${x} ${height * 0.9} L${x - beat / 2} ${middle}`;
  }
  const ns = "http://www.w3.org/2000/svg";
  const line = document.createElementNS(ns, "path");
  line.setAttribute("d", count === 0 ? `M0 ${middle} L${width} ${middle}` : `${path} L0 ${middle}`);
  $("pulse").replaceChildren(line);
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket) socket.close(1000);
  else start();
});
$("form").elements.every.addEventListener("change", () => {
  if (!socket) return;
  socket.close(1000);
  start();
});
addEventListener("pagehide", () => socket?.close(1000));
addEventListener("pageshow", (event) => { if (event.persisted && !socket) start(); });

start();

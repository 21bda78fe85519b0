// The Socket.IO demo: the events of the example of Flask-SocketIO. It asks no more of the global io than what every client since
// 2.2 has, so that whichever the server hands out will do: ours, or an official one.
import { $, pulse, showState, t } from "./page.js";
import { Log } from "./log.js";

const log = new Log($("log"));
const pingEvery = 1000; // milliseconds
const kept = 30; // samples of the latency
let samples = [];
let pinged = 0; // when, if the answer has not come
let received = 0;
let socket = null;

function start() {
  socket = io("/test");
  show("connecting");
  socket.on("connect", () => {
    pinged = 0;
    samples = [];
    show("open");
    log.add("info", t("Connected"));
    emit("my_event", { data: "I'm connected!" });
    ping();
  });
  socket.on("my_response", (message, ack) => {
    note("in", "my_response", message);
    $("n-events").textContent = String(++received);
    if (ack) ack(); // the last one before the server disconnects waits for it
  });
  socket.on("my_pong", () => {
    samples = [...samples, performance.now() - pinged].slice(-kept);
    pinged = 0;
    pulse("in", 0);
    showLatency();
  });
  socket.on("disconnect", (reason) => {
    const over = reason === "io server disconnect" || reason === "io client disconnect"; // else the client comes back by itself
    show(over ? "closed" : "waiting");
    log.add(over ? "info" : "bad", `${t("Disconnected")}: ${reason}`);
  });
  socket.on("connect_error", (error) => {
    show(socket.active === false ? "closed" : "waiting"); // clients of version 2 do not say, and try on
    log.add("bad", `${t("No connection")}: ${error.message || error}`);
  });
}

function show(state) {
  showState(state, { open: t("Connected"), connecting: t("Connecting…"), waiting: t("Reconnecting…"), closed: t("Not connected") }[state]);
  for (const button of document.querySelectorAll("form button")) button.disabled = state !== "open";
  $("toggle").disabled = state !== "open" && state !== "closed";
  $("toggle").textContent = state === "closed" ? t("Connect") : t("Disconnect");
  if (state !== "open") $("ping-pong").textContent = $("transport").textContent = "–";
}

function emit(event, ...args) {
  note("out", event, ...args);
  socket.emit(event, ...args);
}

function note(direction, event, ...args) {
  const text = [event, ...args.map((arg) => JSON.stringify(arg))].join(" ");
  log.add(direction, text);
  pulse(direction, text.length);
}

// The latency: one ping after the other, and the mean of the last.

function ping() {
  if (!socket.connected || pinged > 0) return;
  pinged = performance.now();
  pulse("out", 0);
  socket.emit("my_ping");
}

function showLatency() {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  $("ping-pong").textContent = `${mean.toFixed(1)} ms`;
  $("transport").textContent = socket.io.engine.transport.name;
}

// The forms. Each is an event, and its fields are the argument.

for (const [form, event] of Object.entries({
  emit: "my_event", broadcast: "my_broadcast_event", join: "join", leave: "leave", send_room: "my_room_event", close: "close_room",
})) {
  $(form).addEventListener("submit", (submit) => {
    submit.preventDefault();
    emit(event, Object.fromEntries(new FormData(submit.target)));
    (submit.target.elements.data ?? submit.target.elements.room).select();
  });
}

// Who enters a room means that room next, too.
$("join").addEventListener("submit", () => {
  for (const id of ["leave_room", "room_name", "close_room"]) $(id).value = $("join_room").value;
});

$("disconnect").addEventListener("submit", (submit) => {
  submit.preventDefault();
  if (socket.connected) return emit("disconnect_request");
  show("connecting");
  socket.connect();
});
$("clear").addEventListener("click", () => log.clear());

if (typeof io === "undefined") {
  $("problem").hidden = false;
  showState("closed", t("Not connected"));
} else {
  start();
  setInterval(ping, pingEvery);
  addEventListener("pagehide", () => socket.disconnect());
  addEventListener("pageshow", (event) => { if (event.persisted) socket.connect(); });
}

// The tester: connect to any WebSocket address, send text or bytes, and see what went and came.
import { $, bytes, meaning, pulse, showState, t } from "./page.js";
import { dumpHex, parseHex } from "./hex.js";
import { Log } from "./log.js";

const target = $("target").elements;
const message = $("message").elements;
const log = new Log($("log"));
const encoder = new TextEncoder();
const totals = { out: [0, 0], in: [0, 0] }; // messages, bytes
let socket = null;

// The address.

target.scheme.value = location.protocol === "https:" ? "wss" : "ws";
target.host.value = location.hostname;
target.port.value = location.port || (location.protocol === "https:" ? "443" : "80");
target.path.value = location.pathname;

function address() {
  const host = target.host.value.trim();
  const path = target.path.value.trim();
  const port = target.port.value.trim();
  return `${target.scheme.value}://${host}${port && ":" + port}${path.startsWith("/") ? "" : "/"}${path}`;
}

const protocols = () => target.protocols.value.split(",").map((name) => name.trim()).filter(Boolean);

// The connection.

function connect() {
  problem("");
  try {
    socket = new WebSocket(address(), protocols());
  } catch (error) {
    log.add("bad", error.message);
    return;
  }
  socket.binaryType = "arraybuffer";
  const began = performance.now();
  const took = () => `${Math.round(performance.now() - began)} ms`;
  log.add("info", t("Connecting to {0}", socket.url));
  update();
  socket.onopen = () => {
    log.add("info", [t("Connected in {0}", took()), socket.protocol && t("subprotocol {0}", socket.protocol),
      socket.extensions && t("extensions {0}", socket.extensions)].filter(Boolean).join(" · "));
    update();
    message.data.focus();
  };
  socket.onmessage = (event) => {
    if (typeof event.data === "string") note("in", event.data, encoder.encode(event.data).length);
    else note("in", dumpHex(new Uint8Array(event.data)), event.data.byteLength);
  };
  socket.onclose = (event) => {
    const reason = event.reason && ` · ${t("reason")}: ${event.reason}`;
    log.add(event.wasClean ? "info" : "bad", `${t("Closed with {0}", event.code)}: ${meaning(event.code)}${reason}`);
    socket = null;
    update();
  };
}

function update() {
  const state = socket === null ? "closed" : ["connecting", "open", "waiting", "closed"][socket.readyState];
  showState(state, t({ connecting: "Connecting…", open: "Connected", waiting: "Closing…", closed: "Not connected" }[state]));
  for (const field of [target.scheme, target.host, target.port, target.path, target.protocols]) field.disabled = socket !== null;
  $("connect").disabled = socket !== null;
  $("disconnect").disabled = socket === null;
  $("send").disabled = state !== "open";
}

// Messages.

const binary = () => message.kind.value === "binary";
const payload = () => binary() ? parseHex(message.data.value) : encoder.encode(message.data.value);

function send() {
  if (socket?.readyState !== WebSocket.OPEN) return problem(t("Connect first."));
  const data = payload();
  if (data === null) return problem(t("Hexadecimal digits come in pairs, such as 68 65 6c 6c 6f."));
  problem("");
  socket.send(binary() ? data : message.data.value);
  note("out", binary() ? dumpHex(data) : message.data.value, data.length);
  message.data.select();
}

function note(direction, text, size) {
  log.add(direction, text || t("(empty)"), size);
  pulse(direction, size);
  totals[direction][0]++;
  totals[direction][1] += size;
  showTotals();
}

function showTotals() {
  const part = (arrow, [n, size]) => `${arrow} ${n} (${bytes(size)})`;
  $("totals").textContent = `${part("→", totals.out)}  ${part("←", totals.in)}`;
}

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = text === "";
}

function preview() {
  $("url").textContent = address();
  $("hint").textContent = binary() ? t("Bytes, as hexadecimal digits") : t("Text");
  message.data.placeholder = binary() ? "68 65 6c 6c 6f" : t("hello");
  const data = payload();
  $("length").textContent = data === null ? "" : bytes(data.length);
}

$("target").addEventListener("submit", (event) => { event.preventDefault(); connect(); });
$("disconnect").addEventListener("click", () => { socket?.close(1000); update(); });
$("message").addEventListener("submit", (event) => { event.preventDefault(); send(); });
message.data.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
$("clear").addEventListener("click", () => {
  log.clear();
  totals.out = [0, 0];
  totals.in = [0, 0];
  showTotals();
});
for (const form of ["target", "message"]) $(form).addEventListener("input", preview);

preview();
showTotals();
update();

// The index: a live connection to /, the counts of /stats, and snippets that point at this server.
import { $, el, pulse, showState, socketURL, t } from "./page.js";

// The live connection. It opens again when somebody wants to say something.

let socket = null;

function connect(first) {
  showState("connecting", t("Connecting…"));
  socket = new WebSocket(socketURL("/"));
  socket.onopen = () => {
    showState("open", t("Connected"));
    if (first !== undefined) say(first);
  };
  socket.onmessage = (event) => {
    pulse("in", event.data.length);
    show("in", event.data);
  };
  socket.onclose = () => showState("closed", t("Not connected: send something to connect again"));
}

function show(direction, text) {
  $("said").append(el("li", { class: direction }, text));
  while ($("said").childElementCount > 4) $("said").firstElementChild.remove();
}

function say(text) {
  if (socket.readyState !== WebSocket.OPEN) return connect(text);
  socket.send(text);
  pulse("out", text.length);
  show("out", text);
}

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = event.target.elements.text;
  if (input.value === "") return;
  say(input.value);
  input.value = "";
});

// The counts.

function upFor(seconds) {
  const [days, hours] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600)];
  const [minutes, rest] = [seconds / 60 % 60, seconds % 60].map((n) => String(Math.floor(n)).padStart(2, "0"));
  return days > 0 ? `${days} d ${hours % 24} h` : `${hours}:${minutes}:${rest}`;
}

async function count() {
  if (document.hidden) return;
  let stats = null;
  try {
    stats = await (await fetch("/stats")).json();
  } catch {
    // The server is away. The dashes say so, and the next round asks again.
  }
  const number = new Intl.NumberFormat();
  $("n-connections").textContent = stats ? number.format(stats.connections) : "–";
  $("n-messages").textContent = stats ? number.format(stats.messages) : "–";
  $("n-uptime").textContent = stats ? upFor(stats.uptime_seconds) : "–";
  for (const node of document.querySelectorAll("[data-count]")) {
    const n = stats ? node.dataset.count.split(" ").reduce((sum, path) => sum + stats.paths[path].connections, 0) : 0;
    node.textContent = n === 0 ? "" : t("{0} connected", number.format(n));
  }
}

// The snippets.

const echo = socketURL("/echo");
const snippets = {
  js: `// ${t("paste into the browser's console")}
const socket = new WebSocket("${echo}");
socket.onopen = () => socket.send("hello");
socket.onmessage = (event) => console.log(event.data);`,
  go: `// go get github.com/duplex-go/duplex
ctx := context.Background()
c, err := websocket.Dial(ctx, "${echo}", nil)
if err != nil {
	log.Fatal(err)
}
defer c.Close(websocket.StatusNormalClosure, "")
if err := c.Write(ctx, websocket.Text, []byte("hello")); err != nil {
	log.Fatal(err)
}
msg, err := c.Read(ctx)
if err != nil {
	log.Fatal(err)
}
fmt.Printf("%s\\n", msg.Data)`,
  py: `# ${t("Debian: apt install python3-websocket")}
import websocket

ws = websocket.create_connection("${echo}")
ws.send("hello")
print(ws.recv())
ws.close()`,
};

const tabs = [...document.querySelectorAll('[role="tab"]')];

function select(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
  $("code").textContent = snippets[tab.id.slice("tab-".length)];
  $("code").setAttribute("aria-labelledby", tab.id);
}

tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(i + step + tabs.length) % tabs.length];
    select(next);
    next.focus();
  });
});

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("code").textContent);
    $("copied").textContent = $("copy").textContent = t("Copied");
    setTimeout(() => { $("copy").textContent = t("Copy"); $("copied").textContent = ""; }, 1500);
  } catch {
    getSelection().selectAllChildren($("code")); // the clipboard is closed to pages without TLS: select, the reader copies
  }
});

select(tabs[0]);
connect();
count();
setInterval(count, 2000);
document.addEventListener("visibilitychange", count);

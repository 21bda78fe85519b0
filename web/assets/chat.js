// The chat room, as it is seen: messages, people, and the state of the link.
import { $, el, lang, showState, socketURL, t } from "./page.js";
import { Link } from "./link.js";

const maxBytes = 4096; // of a message, as the room has it
const maxShown = 1000; // messages on the page
const list = $("messages");
const people = new Map(); // id to name
const encoder = new TextEncoder();
let unread = 0;
let previous = null; // the message above, to write its sender once
let mine = new Set(); // ids that were ours

const link = new Link(socketURL("/chat"), storage("sessionStorage"), {
  state, welcome, message, caughtUp, presence, refused,
});

// storage gives a store, or one that holds nothing where the browser forbids it.
function storage(kind) {
  try {
    return window[kind];
  } catch {
    return { getItem: () => null, setItem: () => {} };
  }
}

// The link tells.

function state(current) {
  const words = { connecting: "Connecting…", open: "Connected", waiting: "Connection lost", closed: "Not connected" };
  showState(current, t(words[current]));
  $("now").hidden = current !== "waiting";
  if (current !== "open") list.setAttribute("aria-live", "off"); // the past is not read out again
}

// The countdown is for the eyes: the state itself was told when it changed.
setInterval(() => {
  if ($("now").hidden) return;
  const seconds = Math.max(1, Math.ceil((link.retryAt - Date.now()) / 1000));
  $("now").textContent = t("Try now ({0} s)", seconds);
}, 250);

function welcome(event, fresh) {
  mine.add(event.id);
  people.clear();
  for (const person of event.who) people.set(person.uid, person.name ?? "");
  showPeople();
  if (fresh && list.querySelector(".msg:not(.pending)")) line(t("The server started anew. Its memory begins here."), true);
  if (event.missed > 0) line(t("{0} messages are missing here: the room has forgotten them.", event.missed), true);
}

function caughtUp() {
  list.setAttribute("aria-live", "polite");
  if (list.childElementCount) return;
  line(t("Nobody has said anything yet."));
  list.lastElementChild.classList.add("empty");
}

function presence(event) {
  if (event.type === "join") line(t("{0} came in", label(event.uid, event.name)));
  if (event.type === "leave") line(t("{0} left", label(event.uid, event.name ?? people.get(event.uid))));
  if (event.type === "leave") people.delete(event.uid);
  else people.set(event.uid, event.name ?? "");
  showPeople();
}

function message(event, replayed) {
  list.querySelector(".empty")?.remove();
  list.querySelector(`[data-nonce="${CSS.escape(event.nonce ?? "")}"].pending`)?.remove();
  place(bubble(event, mine.has(event.uid)), mine.has(event.uid));
  if (!replayed && document.hidden) {
    unread++;
    document.title = `(${unread}) ${t("Chat room")} · duplex`;
  }
}

function refused(message, error) {
  const node = message && list.querySelector(`[data-nonce="${CSS.escape(message.nonce)}"]`);
  if (!node) return problem(error.error);
  node.classList.replace("pending", "failed");
  node.append(el("span", { class: "why" }, `${t("Not sent")}: ${error.error}`));
}

// The page shows.

const label = (uid, name) => name || `${t("visitor")} ${uid.slice(0, 4)}`;

function face(uid, name) {
  const node = el("span", { class: "face", "aria-hidden": "true" }, [...(name || uid)][0].toUpperCase());
  node.style.setProperty("--hue", String(parseInt(uid.slice(0, 4), 16) % 360));
  return node;
}

const time = new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : undefined, { hour: "2-digit", minute: "2-digit" });

// bubble builds one message. What others wrote becomes text nodes, and nothing else.
function bubble({ uid, name, text, time: at, nonce }, own) {
  const when = new Date(at);
  const same = previous && previous.uid === uid && previous.name === name && when - previous.when < 180000;
  previous = { uid, name, when };
  const node = el("li", { class: `msg${own ? " own" : ""}${same ? " same" : ""}` },
    face(uid, name),
    el("div", { class: "by" },
      el("b", { dir: "auto" }, own ? t("you") : label(uid, name)),
      ...(own || !name ? [] : [el("span", { class: "tag" }, uid.slice(0, 4))]),
      el("time", { datetime: when.toISOString(), class: "tag" }, time.format(when))),
    el("div", { class: "bubble", dir: "auto" }, text));
  if (nonce) node.dataset.nonce = nonce;
  return node;
}

// place adds a message above those that are still on their way, and follows it unless the reader is elsewhere.
function place(node, follow) {
  const low = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const waiting = node.classList.contains("pending") ? null : list.querySelector(".pending");
  list.insertBefore(node, waiting);
  while (list.childElementCount > maxShown) list.firstElementChild.remove();
  if (low || follow) list.scrollTop = list.scrollHeight;
  else $("below").hidden = !node.classList.contains("msg");
}

function line(text, mark) {
  previous = null;
  place(el("li", { class: mark ? "turn mark" : "turn", dir: "auto" }, text), false);
}

function pending(message) {
  const before = previous;
  const node = bubble({ ...message, uid: link.me.id || "0000", name: link.name, time: Date.now() }, true);
  previous = before; // it is not said yet
  node.classList.add("pending");
  place(node, true);
}

function showPeople() {
  $("n-here").textContent = String(people.size);
  $("people").replaceChildren(...[...people].map(([uid, name]) => el("li", {},
    face(uid, name),
    el("span", { class: "who", dir: "auto" }, name || t("visitor")),
    el("span", { class: "tag" }, uid === link.me.id ? t("you") : uid.slice(0, 4)))));
}

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

// The reader acts.

const compose = $("compose").elements.text;

function submit() {
  const text = compose.value.trim();
  if (!text) return;
  const size = encoder.encode(text).length;
  if (size > maxBytes) return problem(t("Too long by {0} bytes.", size - maxBytes));
  problem("");
  compose.value = "";
  grow();
  pending(link.send(text));
}

function grow() {
  compose.style.height = "auto";
  compose.style.height = `${Math.min(compose.scrollHeight + 2, 144)}px`;
}

$("compose").addEventListener("submit", (event) => { event.preventDefault(); submit(); compose.focus(); });
compose.addEventListener("input", grow);
compose.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // an input method takes Enter for itself
  event.preventDefault();
  submit();
});

$("rename").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value.trim();
  storage("localStorage").setItem("duplex.chat.name", name);
  link.rename(name);
  compose.focus();
});

$("below").addEventListener("click", () => { list.scrollTop = list.scrollHeight; });
list.addEventListener("scroll", () => {
  if (list.scrollHeight - list.scrollTop - list.clientHeight < 80) $("below").hidden = true;
});
$("now").addEventListener("click", () => link.hurry());
addEventListener("online", () => link.hurry());
addEventListener("pagehide", () => link.stop());
addEventListener("pageshow", (event) => { if (event.persisted) link.start(); });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  document.title = `${t("Chat room")} · duplex`;
  link.hurry();
});

const wide = matchMedia("(min-width: 52rem)");
const unfold = () => {
  $("side").open = wide.matches;
  $("side").querySelector("summary").tabIndex = wide.matches ? -1 : 0; // where there is room it does not fold
};
wide.addEventListener("change", unfold);
unfold();

link.name = storage("localStorage").getItem("duplex.chat.name") ?? "";
$("rename").elements.name.value = link.name;
link.outbox.forEach(pending);
link.start();

// What every page has: its language, its place in the navigation, and small tools to build the rest with.
import { chinese } from "./words.js";

const params = new URLSearchParams(location.search);
const asked = params.get("lang");
export const lang = (asked || navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";

// t translates an English text. {0}, {1} in it stand for the values.
export function t(english, ...values) {
  const text = lang === "zh" ? chinese[english] ?? english : english;
  return text.replace(/\{(\d)\}/g, (_, i) => String(values[i]));
}

export const $ = (id) => document.getElementById(id);

// el makes an element. Its children are elements or strings, and a string becomes text, never markup.
export function el(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// socketURL is the WebSocket address of a path on this server.
export const socketURL = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;

// bytes writes a size for people.
export const bytes = (n) => n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB`;

// clock writes the time of day with milliseconds.
export const clock = (d = new Date()) => d.toTimeString().slice(0, 8) + "." + String(d.getMilliseconds()).padStart(3, "0");

// showState says in one word, with a mark, what a connection is doing: open, connecting, waiting or closed.
export function showState(state, text) {
  for (const id of ["state", "wire"]) if ($(id)) $(id).dataset.state = state;
  if ($("state").textContent !== text) $("state").textContent = text;
}

// pulse lets a message run along the wire, "out" or "in". Its length grows slowly with the message's.
export function pulse(direction, size) {
  const lanes = document.querySelector("#wire .lanes");
  if (!lanes || lanes.childElementCount > 24 || document.hidden) return;
  const mark = el("i", { class: direction });
  mark.style.width = `${12 + 6 * Math.log2(1 + size)}px`;
  mark.addEventListener("animationend", () => mark.remove());
  lanes.append(mark);
}

// meaning explains a close code (RFC 6455 section 7.4 and the IANA registry).
export function meaning(code) {
  const known = {
    1000: "normal closure: the work is done",
    1001: "going away: the server stops or the page is left",
    1002: "protocol error",
    1003: "unsupported kind of data",
    1005: "closed without a code",
    1006: "connection lost or refused: no close frame came",
    1007: "data is not what its type says, such as text that is not UTF-8",
    1008: "against the server's policy",
    1009: "message too big",
    1010: "an extension is missing",
    1011: "the server met an error",
    1012: "the server restarts",
    1013: "the server is overloaded: try later",
    1014: "bad answer from a server behind a gateway",
    1015: "TLS handshake failed",
  };
  if (known[code]) return t(known[code]);
  if (code >= 4000) return t("private to the application");
  return code >= 3000 ? t("registered by a library or framework") : t("reserved");
}

function translatePage() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.textContent.trim().replace(/\s+/g, " "));
  for (const attr of ["placeholder", "aria-label"]) {
    for (const node of document.querySelectorAll(`[data-t-${attr}]`)) node.setAttribute(attr, t(node.getAttribute(attr)));
  }
}

// A language that was asked for in the address stays asked for on the next page.
function markNavigation() {
  for (const link of document.querySelectorAll(".nav a")) {
    if (link.pathname === location.pathname || (link.pathname === "/echo" && location.pathname === "/chatsocket")) {
      link.setAttribute("aria-current", "page");
    }
  }
  const other = document.querySelector(".lang");
  const back = new URLSearchParams(location.search);
  back.set("lang", lang === "zh" ? "en" : "zh");
  other.search = back;
  other.textContent = lang === "zh" ? "English" : "中文";
  other.lang = other.hreflang = lang === "zh" ? "en" : "zh";
  if (!asked) return;
  for (const link of document.querySelectorAll('a[href^="/"]')) link.search = `lang=${lang}`;
}

translatePage();
markNavigation();

// A Peer is a socket of one of the official clients that keeps what happens to it in a list.

import { createRequire } from "node:module";

const patience = 8000; // milliseconds that anything may take
const require = createRequire(import.meta.url);

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The client under test and how it goes to the server; configure sets them.
let io, flags;

export async function configure(options) {
  flags = options;
  const client = require(`client-${flags.client}`);
  io = client.io ?? client;
}

const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

// The names of the events that the server sends.
const events = ["welcome", "echo", "question", "answered", "said", "binary", "refused", "with spaces", "ünïcode", ""];

let names = 0;

export class Peer {
  static all = new Set();
  static ids = new Map(); // id to placeholder

  // open starts to connect. Over is another Peer, whose connection is used.
  static open(namespace, { auth = {}, over, settled = true, url = flags.url, ...options } = {}) {
    const peer = new Peer();
    peer.name = over?.name ?? `${process.pid}-${++names}`;
    Peer.ids.set(peer.name, "<name>");
    Object.assign(peer, { seen: [], changed: () => {}, settled, namespace });
    if (over) {
      peer.socket = over.socket.io.socket(namespace, { auth, query: auth });
    } else {
      peer.socket = io(url + namespace, {
        forceNew: true,
        transports: transports[flags.transport],
        reconnection: false,
        reconnectionDelay: 20,
        reconnectionDelayMax: 50,
        timeout: patience,
        auth,
        // Old clients have no auth: the server takes the query of a namespace for it.
        query: { name: peer.name, color: "rød", ...(flags.client.startsWith("2") && auth) },
        ...(flags.parser && { parser: require("socket.io-msgpack-parser") }),
        ...options,
      });
      Peer.all.add(peer);
    }
    peer.listen();
    return peer;
  }

  // connect returns a Peer that is connected or refused; if the transport is to be upgraded, it has been.
  static async connect(namespace, options) {
    const peer = Peer.open(namespace, options);
    await peer.until("connect", "error", "connect_error");
    if (peer.socket.connected) await peer.upgraded();
    return peer;
  }

  listen() {
    const { socket } = this;
    for (const name of events) socket.on(name, (...args) => this.put(name, ...args));
    socket.on("connect", () => {
      this.nameIds();
      this.put("connect");
    });
    socket.on("disconnect", (reason) => this.put("disconnect", reason));
    socket.on("error", (error) => this.put("error", error instanceof Error ? error.message : error));
    socket.on("connect_error", (error) => this.put("connect_error", error.message, error.data));
    socket.on("question", (...args) => {
      const ack = args.at(-1);
      if (typeof ack !== "function") return;
      if (this.answer) ack(...this.answer(...args.slice(0, -1)));
    });
  }

  nameIds() {
    for (const id of [this.socket.io.engine.id, this.socket.id]) {
      if (id && !Peer.ids.has(id)) Peer.ids.set(id, `<id ${Peer.ids.size + 1}>`);
    }
  }

  put(...event) {
    this.seen.push(event.map((arg) => (typeof arg === "function" ? "<ack>" : arg)));
    this.changed();
  }

  // until waits for the first of some events.
  async until(...names) {
    const deadline = Date.now() + patience;
    while (!this.seen.some(([name]) => names.includes(name))) {
      if (Date.now() > deadline) throw new Error(`no ${names.join(" or ")} came, but ${JSON.stringify(Peer.shown(this.seen))}`);
      await Promise.race([new Promise((resolve) => { this.changed = resolve; }), sleep(100)]);
    }
  }

  // take returns what was seen since the last call.
  take() {
    return this.seen.splice(0);
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  async upgraded() {
    if (flags.transport !== "upgrade" || !this.settled) return;
    const deadline = Date.now() + patience;
    while (this.transport !== "websocket" || this.socket.io.engine.upgrading) {
      if (Date.now() > deadline) throw new Error("no upgrade came");
      await sleep(2);
    }
  }

  emit(...args) {
    this.socket.emit(...args);
  }

  // ask returns what the server acknowledges.
  ask(...args) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${args[0]}`)), patience);
      this.socket.emit(...args, (...got) => {
        clearTimeout(timer);
        resolve(got);
      });
    });
  }

  // all returns what was seen, up to the answer to a question asked now.
  async all() {
    await this.ask("echo", "all");
    return this.take();
  }

  // ends returns what the server saw at the end of one or more sockets with a name, from another one.
  static async ends(name, sockets = 1) {
    const asker = await Peer.connect("/");
    const deadline = Date.now() + patience;
    for (;;) {
      const [ends] = await asker.ask("ends", name);
      if (ends.length >= 2 * sockets || Date.now() > deadline) {
        asker.end();
        return ends;
      }
      await sleep(10);
    }
  }

  end() {
    this.socket.io.reconnection(false);
    this.socket.io.engine?.close();
    this.socket.disconnect();
    Peer.all.delete(this);
  }

  static endAll() {
    for (const peer of Peer.all) peer.end();
  }

  // shown is a value as the transcript has it: bytes in hex, keys in order, ids as placeholders.
  static shown(value) {
    if (value === undefined) return { undefined: true };
    if (Buffer.isBuffer(value) || value instanceof Uint8Array || value instanceof ArrayBuffer) return { bytes: short(Buffer.from(value).toString("hex")) };
    if (Array.isArray(value)) return value.map(Peer.shown);
    if (typeof value === "string") return short([...Peer.ids].reduce((text, [id, name]) => text.replaceAll(id, name), value));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.keys(value).sort().map((key) => [Peer.shown(key), Peer.shown(value[key])]));
  }
}

// short cuts the middle out of what is long.
const short = (text) => (text.length <= 400 ? text : `${text.slice(0, 100)}...(${text.length})...${text.slice(-100)}`);

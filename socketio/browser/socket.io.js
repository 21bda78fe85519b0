// A Socket.IO client for browsers in one file: protocol 5 over Engine.IO 4, which servers of version 3 and 4 speak.
//
// It gives the global io (or module.exports), and is called as the official client is:
//
//   const socket = io("https://example.com/news", { auth: { token: "..." } });
//   socket.on("headline", (text, done) => done("read"));
//   const answer = await socket.timeout(1000).emitWithAck("ask", { any: "JSON" }, new Uint8Array([1, 2, 3]));
//
// It is four floors high, and the file goes up them:
//
//   Polling, Streaming   carry frames: strings and pieces of binary data, in order
//   Engine               one session: handshake, heartbeat, the move from polling to WebSocket; https://socket.io/docs/v4/engine-io-protocol
//   Manager              sessions one after the other: what is lost is opened again; shared by all namespaces of a server
//   Socket               one namespace: events, acknowledgements; https://socket.io/docs/v4/socket-io-protocol
//
// Not in it: JSONP, WebTransport, other parsers, the option "retries".
(function (root) {
"use strict";

// Tools.

// An Emitter calls whoever listens to an event.
class Emitter {
  constructor() {
    this._listeners = new Map();
  }

  on(event, fn) {
    if (!this._listeners.has(event)) this._listeners.set(event, []);
    this._listeners.get(event).push(fn);
    return this;
  }

  once(event, fn) {
    const once = (...args) => { this.off(event, once); fn.apply(this, args); };
    return this.on(event, Object.assign(once, { wraps: fn }));
  }

  // off removes one listener, or all of an event, or all there are.
  off(event, fn) {
    if (event === undefined) this._listeners.clear();
    else if (fn === undefined) this._listeners.delete(event);
    else this._listeners.set(event, this.listeners(event).filter((other) => other !== fn && other.wraps !== fn));
    return this;
  }

  listeners(event) { return (this._listeners.get(event) || []).slice(); }

  _fire(event, ...args) {
    for (const fn of this.listeners(event)) call(fn, this, args);
  }
}

// call runs a function of the application. What it throws is reported as uncaught, and disturbs nobody else.
function call(fn, self, args) {
  try {
    fn.apply(self, args);
  } catch (error) {
    setTimeout(() => { throw error; });
  }
}

// failure makes an error with what is known about its cause.
const failure = (message, description) => Object.assign(new Error(message), { type: "TransportError", description });

const isBinary = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value)
  || (typeof Blob === "function" && value instanceof Blob);

// Frames. A string begins with the type of its Engine.IO packet; binary data is always a message. WebSocket carries both as
// they are. Polling carries text: several frames with a separator between them, binary data as "b" and base64.

const OPEN = "0", CLOSE = "1", PING = "2", PONG = "3", MESSAGE = "4", UPGRADE = "5", NOOP = "6";
const SEPARATOR = "\x1e";

async function frameToText(frame) {
  if (typeof frame === "string") return frame;
  const bytes = ArrayBuffer.isView(frame) ? new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength)
    : new Uint8Array(frame instanceof ArrayBuffer ? frame : await new Response(frame).arrayBuffer());
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode.apply(null, bytes.subarray(i, i + 0x8000));
  return "b" + btoa(binary);
}

const textToFrame = (text) => text[0] === "b" ? Uint8Array.from(atob(text.slice(1)), (c) => c.charCodeAt(0)).buffer : text;

// textSize is how many bytes a frame has in a payload of the polling carrier.
function textSize(frame) {
  if (typeof frame === "string") return new TextEncoder().encode(frame).length;
  return 1 + 4 * Math.ceil((frame.byteLength === undefined ? frame.size : frame.byteLength) / 3);
}

// Carriers. Both have:
//   to             whom they tell: ready(), frame(frame), drain() when all that was sent is away, lost(reason, error)
//   open, send     begin; send frames, which asks that the carrier is not busy
//   close(polite)  end. Politely: the server is told

// Polling asks for frames with a GET that the server answers when it has some, again and again, and sends with POSTs, one at a time.
class Polling {
  constructor(engine) {
    Object.assign(this, { engine, name: "polling", to: null, busy: false, asking: false, closed: false, rested: null });
    this.abort = new AbortController();
  }

  get idle() { return !this.busy; }

  async open() {
    this.asking = true;
    try {
      while (!this.closed && !this.rested) {
        for (const text of (await this._request("GET")).split(SEPARATOR)) this.to.frame(textToFrame(text));
      }
    } catch (error) {
      this._failed("xhr poll error", error);
    }
    this.asking = false;
    this._settle();
  }

  async send(frames) {
    this.busy = true;
    try {
      await this._request("POST", (await Promise.all(frames.map(frameToText))).join(SEPARATOR));
    } catch (error) {
      this._failed("xhr post error", error);
    }
    this.busy = false;
    this._settle();
    this.to.drain();
  }

  async _request(method, body) {
    const { withCredentials, extraHeaders } = this.engine.opts;
    const response = await fetch(this.engine.address("polling"), {
      method, body, headers: extraHeaders, cache: "no-store", signal: this.abort.signal,
      credentials: withCredentials ? "include" : "same-origin",
    });
    const text = await response.text();
    if (!response.ok) throw Object.assign(new Error(`status ${response.status}: ${text}`), { status: response.status, text });
    return text;
  }

  // The messages are those of the official client, which asks with XMLHttpRequest: applications know them.
  _failed(message, cause) {
    if (!this.closed) this.to.lost("transport error", failure(message, cause.status || cause.message));
  }

  // rest stops asking, and calls done when no request is under way: then every frame has come, and gone.
  rest(done) {
    this.rested = done;
    this._settle();
  }

  resume() {
    this.rested = null;
    if (!this.asking) this.open();
  }

  _settle() { if (this.rested && !this.asking && !this.busy && !this.closed) this.rested(); }

  close(polite) {
    if (this.closed) return;
    this.closed = true;
    const end = () => this.abort.abort(); // the GET, if the server has not answered it
    if (polite) this._request("POST", CLOSE).then(end, end);
    else end();
  }
}

// Streaming is a WebSocket: each frame is a message.
class Streaming {
  constructor(engine) {
    Object.assign(this, { engine, name: "websocket", to: null, busy: false, ws: null });
  }

  // idle tells whether everything that was sent has left: what is volatile goes only then.
  get idle() { return this.ws.readyState === 1 && this.ws.bufferedAmount === 0; }

  open() {
    try {
      this.ws = new WebSocket(this.engine.address("websocket"));
    } catch (error) { // such as ws: on a page of https:
      setTimeout(() => this.to.lost("transport error", error));
      return;
    }
    this.ws.binaryType = "arraybuffer";
    this.ws.onopen = () => this.to.ready();
    this.ws.onmessage = (event) => this.to.frame(event.data);
    this.ws.onerror = () => this.to.lost("transport error", failure("websocket error"));
    this.ws.onclose = (event) => this.to.lost("transport close", { description: "websocket connection closed", context: event });
  }

  send(frames) {
    for (const frame of frames) this.ws.send(frame);
    this.to.drain();
  }

  close() {
    if (!this.ws) return;
    this.ws.onopen = this.ws.onmessage = this.ws.onclose = null;
    this.ws.onerror = () => {};
    this.ws.close();
  }
}

const carriers = { polling: Polling, websocket: Streaming };

// An Engine is one session with the server. Events: open, message (string or binary), upgrade (carrier), upgradeError,
// close (reason, error or details), which is the last and comes also when the session never opened.
class Engine extends Emitter {
  constructor(origin, opts) {
    super();
    Object.assign(this, { origin, opts, id: "", state: "opening", queue: [], probe: null, moving: false });
    const there = { polling: true, websocket: typeof WebSocket === "function" };
    this.names = (opts.transports || ["polling", "websocket"]).filter((name) => there[name]);
    this._offline = () => this._end("transport close", { description: "network connection lost" });
  }

  open() {
    if (this.names.length === 0) return setTimeout(() => this._end("transport error", new Error("No transports available")));
    if (root.addEventListener) root.addEventListener("offline", this._offline);
    this._use(new carriers[this.names[0]](this));
    this.transport.open();
  }

  // address is where a carrier connects to.
  address(name) {
    const query = typeof this.opts.query === "object" ? new URLSearchParams(this.opts.query) : new URLSearchParams(this.opts.query || "");
    query.set("EIO", "4");
    query.set("transport", name);
    if (this.id) query.set("sid", this.id);
    return (name === "websocket" ? this.origin.replace(/^http/, "ws") : this.origin) + pathOf(this.opts) + "?" + query;
  }

  _use(carrier) {
    this.transport = carrier;
    carrier.to = {
      ready() {}, // the server speaks first
      frame: (frame) => this._received(frame),
      drain: () => this._flush(),
      lost: (reason, error) => this._end(reason, error),
    };
  }

  _received(frame) {
    if (this.state === "closed") return;
    if (typeof frame !== "string") return this._fire("message", frame);
    const data = frame.slice(1);
    switch (frame[0]) {
      case OPEN: return this._opened(data);
      case CLOSE: return this._end("transport close", { description: "closed by the server" });
      case PING: this._heard(); return this.write([PONG + data]);
      case MESSAGE: return this._fire("message", data);
      case NOOP: return;
      default: this._end("transport error", failure("server error", frame));
    }
  }

  _opened(json) {
    if (this.state !== "opening") return;
    try {
      const { sid, pingInterval, pingTimeout, maxPayload, upgrades = [] } = JSON.parse(json);
      Object.assign(this, { id: sid, patience: pingInterval + pingTimeout, maxPayload, upgrades });
    } catch (error) {
      return this._end("transport error", failure("server error", error.message));
    }
    this.state = "open";
    this._heard();
    this._fire("open");
    this._flush();
    const better = this.transport.name === "polling" && this.upgrades.includes("websocket") && this.names.includes("websocket");
    if (better && this.opts.upgrade !== false && this.state === "open") this._upgrade();
  }

  // _upgrade moves the session to WebSocket, and nothing is lost or overtaken: the new way is tried with a ping of its own; then
  // the old one comes to rest, all its frames here or there; then the server is told, and what was written meanwhile follows.
  _upgrade() {
    const old = this.transport;
    const probe = this.probe = new Streaming(this);
    const stay = (_, error) => {
      if (this.probe !== probe || this.state === "closed") return;
      this.probe = null;
      probe.close();
      if (this.moving) old.resume();
      this.moving = false;
      this._fire("upgradeError", error);
      this._flush();
    };
    const move = () => {
      this.probe = null;
      this._use(probe);
      probe.send([UPGRADE]);
      this.moving = false;
      this._fire("upgrade", probe);
      this._flush();
    };
    probe.to = {
      ready: () => probe.send([PING + "probe"]),
      frame: (frame) => {
        if (frame !== PONG + "probe" || this.moving) return stay("", failure("probe error"));
        this.moving = true;
        old.rest(move);
      },
      drain() {},
      lost: stay,
    };
    probe.open();
  }

  // _heard waits for the next ping of the server.
  _heard() {
    clearTimeout(this._timer);
    this._deadline = Date.now() + this.patience;
    this._timer = setTimeout(() => this._end("ping timeout"), this.patience);
  }

  // late tells that the server's ping should have come: a computer that slept has timers that come late themselves.
  late() {
    if (this.state !== "open" || Date.now() <= this._deadline) return false;
    setTimeout(() => this._end("ping timeout"));
    return true;
  }

  // idle tells whether a frame would leave at once.
  get idle() { return this.state === "open" && !this.moving && this.queue.length === 0 && this.transport.idle; }

  write(frames) {
    if (this.state === "closing" || this.state === "closed") return;
    for (const frame of frames) this.queue.push(frame);
    this._flush();
  }

  _flush() {
    if (this.state === "opening" || this.state === "closed" || this.moving || this.transport.busy) return;
    if (this.queue.length > 0) this.transport.send(this.queue.splice(0, this._fitting()));
    else if (this.state === "closing") this._end("forced close");
  }

  // _fitting is how many frames may go together: the server limits the size of a payload, which matters to polling.
  _fitting() {
    if (!this.maxPayload || this.transport.name !== "polling") return this.queue.length;
    let n = 1;
    for (let size = textSize(this.queue[0]); n < this.queue.length; n++) {
      size += 1 + textSize(this.queue[n]);
      if (size > this.maxPayload) break;
    }
    return n;
  }

  // close ends the session when what was written has left.
  close() {
    if (this.state === "opening") return this._end("forced close");
    if (this.state === "open") this.state = "closing";
    this._flush();
  }

  _end(reason, error) {
    if (this.state === "closed") return;
    this.state = "closed";
    clearTimeout(this._timer);
    if (root.removeEventListener) root.removeEventListener("offline", this._offline);
    if (this.probe) this.probe.close();
    if (this.transport) this.transport.close(reason === "forced close" && this.id !== "");
    this._fire("close", reason, error);
  }
}

// Packets of Socket.IO. On the wire: type, number of attachments and "-", namespace and ",", id of the acknowledgement, JSON. In
// the JSON, {"_placeholder": true, "num": n} stands for attachment n; the attachments follow as binary messages.

const CONNECT = 0, DISCONNECT = 1, EVENT = 2, ACK = 3, CONNECT_ERROR = 4, BINARY = 3; // EVENT and ACK with attachments are BINARY higher

const reserved = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

// encode gives the messages that make a packet.
function encode(type, nsp, id, data) {
  const attachments = [];
  const json = data === undefined ? "" : JSON.stringify(data, function (key, value) {
    const raw = this[key]; // value has been through toJSON
    return isBinary(raw) ? { _placeholder: true, num: attachments.push(raw) - 1 } : value;
  });
  const kind = attachments.length > 0 ? `${type + BINARY}${attachments.length}-` : `${type}`;
  return [kind + (nsp === "/" ? "" : nsp + ",") + (id === undefined ? "" : id) + json, ...attachments];
}

// decoder returns a function that takes message after message, and returns the packet that one completes, or null. It throws what is no packet.
function decoder() {
  let packet = null; // waits for attachments
  return (message) => {
    if ((typeof message === "string") === (packet !== null)) throw new Error(packet ? "a packet lacks attachments" : "binary data of no packet");
    if (packet) packet.attachments.push(message);
    else packet = parseHead(message);
    if (packet.attachments.length < packet.count) return null;
    const complete = parseData(packet);
    packet = null;
    return complete;
  };
}

function parseHead(text) {
  const m = /^([0-6])(?:(\d+)-)?(?:(\/[^,]*),?)?(\d+)?([^]*)$/.exec(text);
  if (!m || (m[2] !== undefined) !== (m[1] > CONNECT_ERROR)) throw new Error("not a packet");
  const type = m[1] > CONNECT_ERROR ? m[1] - BINARY : Number(m[1]);
  return { type, nsp: m[3] || "/", id: m[4] && Number(m[4]), json: m[5], count: Number(m[2] || 0), attachments: [] };
}

function parseData({ type, nsp, id, json, count, attachments }) {
  const place = (key, value) => {
    if (!value || value._placeholder !== true) return value;
    if (!Number.isInteger(value.num) || !attachments[value.num]) throw new Error("a placeholder for no attachment");
    return attachments[value.num];
  };
  const data = json === "" ? undefined : JSON.parse(json, count > 0 ? place : undefined);
  const event = Array.isArray(data) && (typeof data[0] === "number" || (typeof data[0] === "string" && !reserved.has(data[0])));
  if ((type === EVENT && !event) || (type === ACK && !Array.isArray(data))) throw new Error("a packet with the wrong payload");
  return { type, nsp, id, data };
}

// A Manager holds the connection to a server for the sockets of all namespaces. Its opts are read each time that it opens. Events:
// open, error (error), close (reason, details), reconnect_attempt (number), reconnect (number), reconnect_error (error), reconnect_failed.
class Manager extends Emitter {
  constructor(uri, opts) {
    super();
    if (uri && typeof uri === "object") [uri, opts] = [undefined, uri];
    this.opts = Object.assign({
      timeout: 20000, autoConnect: true, reconnection: true, reconnectionAttempts: Infinity,
      reconnectionDelay: 1000, reconnectionDelayMax: 5000, randomizationFactor: 0.5,
    }, opts);
    Object.assign(this, { origin: parseURL(uri).origin, nsps: {}, engine: null, state: "closed", attempts: 0, reconnecting: false, stopped: false });
    if (this.opts.autoConnect) this.open();
  }

  // socket returns the socket of a namespace.
  socket(nsp, opts) {
    if (!this.nsps[nsp]) this.nsps[nsp] = new Socket(this, nsp, opts || {});
    else if (this.opts.autoConnect) this.nsps[nsp].connect();
    return this.nsps[nsp];
  }

  // open connects, and calls done when that is done, with an error if it failed.
  open(done) {
    if (this.state !== "closed") return this;
    this.state = "opening";
    this.stopped = false;
    const engine = this.engine = new Engine(this.origin, this.opts);
    const decode = decoder();
    const mine = (f) => (...args) => { if (this.engine === engine && this.state !== "closed") f(...args); }; // not what a session of the past says
    const failed = mine((error) => {
      this._leave();
      for (const socket of this._active()) if (!socket.connected) socket._fire("connect_error", error);
      this._fire("error", error);
      if (done) done(error);
      else if (this.attempts === 0) this._reconnect();
    });
    if (this.opts.timeout !== false) this._patience = setTimeout(() => failed(new Error("timeout")), this.opts.timeout);
    engine.on("open", mine(() => {
      clearTimeout(this._patience);
      this.state = "open";
      for (const socket of this._active()) socket._join();
      this._fire("open");
      if (done) done();
    }));
    engine.on("message", mine((message) => {
      let packet;
      try {
        packet = decode(message);
      } catch (error) {
        return this._lost("parse error", error);
      }
      const socket = packet && this.nsps[packet.nsp];
      if (socket) socket._receive(packet);
    }));
    engine.on("close", mine((reason, error) => {
      if (this.state === "opening") failed(error instanceof Error ? error : new Error(reason));
      else this._lost(reason, error);
    }));
    engine.open();
    return this;
  }

  _active() { return Object.keys(this.nsps).map((nsp) => this.nsps[nsp]).filter((socket) => socket.active); }

  // _leave lets go of the session. What was written before still goes out.
  _leave() {
    clearTimeout(this._patience);
    this.state = "closed";
    this.engine.close();
  }

  _lost(reason, details) {
    this._leave();
    this.attempts = 0;
    for (const socket of this._active()) socket._lost(reason, details);
    this._fire("close", reason, details);
    this._reconnect();
  }

  // _reconnect tries again after a delay that doubles each time and holds some chance, so that many clients do not come back at once.
  _reconnect() {
    const { reconnection, reconnectionAttempts, reconnectionDelay, reconnectionDelayMax, randomizationFactor } = this.opts;
    if (!reconnection || this.reconnecting || this.stopped || this.state !== "closed") return;
    if (this.attempts >= reconnectionAttempts) {
      this.attempts = 0;
      this._fire("reconnect_failed");
      return;
    }
    const chance = 1 + randomizationFactor * (2 * Math.random() - 1);
    const delay = Math.min(reconnectionDelay * Math.pow(2, this.attempts++) * chance, reconnectionDelayMax);
    this.reconnecting = true;
    this._retry = setTimeout(() => {
      this._fire("reconnect_attempt", this.attempts);
      if (!this.stopped) this.open((error) => this._reconnected(error));
    }, delay);
  }

  _reconnected(error) {
    this.reconnecting = false;
    if (error) {
      this._reconnect();
      this._fire("reconnect_error", error);
      return;
    }
    const attempts = this.attempts;
    this.attempts = 0;
    this._fire("reconnect", attempts);
  }

  // close ends the connection, and does not open it again.
  close() {
    this.stopped = true;
    this.reconnecting = false;
    clearTimeout(this._retry);
    if (this.state === "closed") return;
    this._leave();
    for (const socket of this._active()) socket._lost("forced close");
    this._fire("close", "forced close");
  }

  // _left closes the connection when no socket needs it.
  _left() { if (this._active().length === 0) this.close(); }
}

Manager.prototype.connect = Manager.prototype.open;
Manager.prototype.disconnect = Manager.prototype.close;

// A Socket is the client in one namespace. Events besides those of the server: connect, connect_error (error), disconnect (reason, details).
class Socket extends Emitter {
  constructor(manager, nsp, opts) {
    super();
    Object.assign(this, { io: manager, nsp, auth: opts.auth, id: undefined, connected: false, recovered: false });
    this.active = false; // it wants to be connected, and comes back if it is not
    this.sendBuffer = []; // of { id, messages }: events for when it is connected
    this._asked = null; // the engine over which it asked for the namespace, until the answer comes
    this._early = []; // [id, data] of events that came before that answer: what a recovered connection had missed
    Object.assign(this, { _opts: opts, _any: [], _flags: {}, _acks: new Map(), _nextAck: 0, _session: undefined, _offset: undefined });
    if (manager.opts.autoConnect) this.connect();
  }

  get disconnected() { return !this.connected; }

  connect() {
    this.active = true;
    if (!this.io.reconnecting) this.io.open();
    if (this.io.state === "open" && !this.connected) this._join();
    return this;
  }

  disconnect() {
    const was = this.connected;
    if (was) this._send(encode(DISCONNECT, this.nsp));
    this.active = false;
    if (was) this._lost("io client disconnect");
    this.io._left();
    return this;
  }

  // emit sends an event. If the last argument is a function, it is called with what the server answers.
  emit(event, ...args) {
    if (reserved.has(event)) throw new Error(`"${event}" is a reserved event name`);
    const flags = this._flags;
    this._flags = {};
    const ack = typeof args[args.length - 1] === "function" ? args.pop() : null;
    const id = ack ? this._nextAck++ : undefined;
    const messages = encode(EVENT, this.nsp, id, [event, ...args]);
    if (ack) this._expect(id, ack, flags.timeout === undefined ? this._opts.ackTimeout : flags.timeout);
    if (flags.volatile && !(this.connected && this.io.engine.idle)) return this;
    if (this.connected && !this.io.engine.late()) this._send(messages);
    else this.sendBuffer.push({ id, messages });
    return this;
  }

  send(...args) { return this.emit("message", ...args); }

  // emitWithAck promises what the server answers. The promise fails when the time is up, or the connection lost.
  emitWithAck(event, ...args) {
    return new Promise((resolve, reject) => {
      const settle = (error, value) => error ? reject(error) : resolve(value);
      settle.withError = true;
      this.emit(event, ...args, settle);
    });
  }

  // timeout is for the next emit: its callback is called with an error first, or null, and an error it is after so many milliseconds.
  timeout(ms) { this._flags.timeout = ms; return this; }

  // volatile is for the next emit: the event is dropped if it cannot leave at once.
  get volatile() { this._flags.volatile = true; return this; }

  // compress changes nothing: browsers decide by themselves.
  compress() { return this; }

  // onAny listens to every event of the server, and is told its name first.
  onAny(fn) { this._any.push(fn); return this; }
  offAny(fn) { this._any = fn ? this._any.filter((other) => other !== fn) : []; return this; }

  _send(messages) {
    this.io.engine.write(messages.map((message) => typeof message === "string" ? MESSAGE + message : message));
  }

  _expect(id, fn, timeout) {
    const ack = { fn, withError: Boolean(fn.withError) };
    this._acks.set(id, ack);
    if (timeout === undefined) return;
    ack.withError = true;
    ack.timer = setTimeout(() => {
      this._acks.delete(id);
      this.sendBuffer = this.sendBuffer.filter((event) => event.id !== id);
      call(fn, this, [new Error("operation has timed out")]);
    }, timeout);
  }

  // _join asks for the namespace, and for what was missed, if the server keeps that.
  _join() {
    const engine = this.io.engine;
    if (this._asked === engine) return;
    const ask = (auth) => {
      // The application may have taken its time.
      if (!this.active || this._asked === engine || this.io.engine !== engine || this.io.state !== "open") return;
      this._asked = engine;
      this._early = [];
      const session = this._session && { pid: this._session, offset: this._offset };
      this._send(encode(CONNECT, this.nsp, undefined, session ? Object.assign(session, auth) : auth));
    };
    if (typeof this.auth === "function") call(this.auth, this, [ask]);
    else ask(this.auth);
  }

  _receive({ type, id, data }) {
    if (type === CONNECT || type === CONNECT_ERROR) this._asked = null;
    if (!this.active) { // left, and the server may not know yet
      if (type === CONNECT) this._send(encode(DISCONNECT, this.nsp));
      return;
    }
    switch (type) {
      case CONNECT: return this._joined(data);
      case CONNECT_ERROR: return this._refused(data);
      case DISCONNECT:
        this.active = false;
        this._lost("io server disconnect");
        return this.io._left();
      case EVENT: return this.connected ? this._event(id, data) : this._early.push([id, data]);
      case ACK: return this._acknowledged(id, data);
    }
  }

  _joined(data) {
    if (!data || !data.sid) return this._refused({ message: "the server speaks Socket.IO 2, this client Socket.IO 3 and 4" });
    this.id = data.sid;
    this.recovered = Boolean(data.pid) && this._session === data.pid;
    this._session = data.pid; // given by a server that can recover the state of a connection
    this.connected = true;
    for (const [ack, event] of this._early.splice(0)) this._event(ack, event);
    this._send([].concat(...this.sendBuffer.splice(0).map((event) => event.messages)));
    this._fire("connect");
  }

  _refused(data) {
    this.active = false;
    this.io._left();
    this._fire("connect_error", Object.assign(new Error(data && data.message || data), { data: data && data.data }));
  }

  _event(id, args) {
    if (id !== undefined) {
      let answered = false;
      args.push((...answer) => {
        if (!answered && this.connected) this._send(encode(ACK, this.nsp, id, answer));
        answered = true;
      });
    }
    for (const fn of this._any.slice()) call(fn, this, args);
    this._fire(...args);
    const last = args[args.length - 1];
    if (this._session && typeof last === "string") this._offset = last; // what the server adds, to know where we are
  }

  _acknowledged(id, args) {
    const ack = this._acks.get(id);
    if (!ack) return;
    this._acks.delete(id);
    clearTimeout(ack.timer);
    call(ack.fn, this, ack.withError ? [null, ...args] : args);
  }

  _lost(reason, details) {
    if (!this.connected) return;
    this.connected = false;
    this.id = undefined;
    this._fire("disconnect", reason, details);
    // Answers to what has been sent will not come. What waits in the buffer will be sent.
    const waiting = new Set(this.sendBuffer.map((event) => event.id));
    for (const [id, ack] of Array.from(this._acks)) {
      if (waiting.has(id)) continue;
      this._acks.delete(id);
      clearTimeout(ack.timer);
      if (ack.withError) call(ack.fn, this, [new Error("socket has been disconnected")]);
    }
  }
}

Socket.prototype.open = Socket.prototype.connect;
Socket.prototype.close = Socket.prototype.disconnect;

// Addresses.

const pathOf = (opts) => (opts.path || "/socket.io").replace(/\/?$/, "/");

// parseURL understands what a page may say: nothing, /namespace, //host/namespace, host/namespace, or a whole address. The path
// of the address is the namespace.
function parseURL(uri) {
  const page = typeof location === "undefined" ? { protocol: "https:", host: "" } : location;
  let text = uri || `${page.protocol}//${page.host}`;
  if (text.startsWith("//")) text = page.protocol + text;
  else if (text.startsWith("/")) text = `${page.protocol}//${page.host}${text}`;
  else if (!/^(https?|wss?):\/\//.test(text)) text = `${page.protocol}//${text}`;
  const [, scheme, host, path, query] = /^(?:http|ws)(s?):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/.exec(text);
  return { origin: new URL(`http${scheme}://${host}`).origin, nsp: path || "/", query };
}

// Managers by the address that they connect to.
const managers = {};

// io returns the socket of a namespace. Namespaces of one server share a connection, unless options ask for another or the
// namespace is connected already.
function io(uri, opts) {
  if (uri && typeof uri === "object") [uri, opts] = [undefined, uri];
  const { origin, nsp, query } = parseURL(uri);
  opts = Object.assign({}, opts);
  if (query && !opts.query) opts.query = query;
  const key = origin + pathOf(opts);
  const own = opts.forceNew || opts.multiplex === false || (managers[key] && nsp in managers[key].nsps);
  if (own) return new Manager(origin, opts).socket(nsp, opts);
  if (!managers[key]) managers[key] = new Manager(origin, opts);
  return managers[key].socket(nsp, opts);
}

Object.assign(io, { io, connect: io, Manager, Socket, managers, protocol: 5 });

if (typeof module === "object" && module.exports) module.exports = io;
else if (typeof define === "function" && define.amd) define(() => io);
else root.io = io;
})(typeof self !== "undefined" ? self : global);

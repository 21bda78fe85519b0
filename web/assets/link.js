// The page's side of chat.duplex.v1: one lasting link to the room, over as many connections as it takes.
//
// Nothing is lost: a message stays in the outbox until the room has said it back, and is sent again on the next
// connection. Nothing is doubled: each message bears a nonce, so that the room knows a repeat, and each message of the room
// bears a number, so that the page does. Messages go out one at a time, which keeps their order.

const subprotocol = "chat.duplex.v1";
const firstWait = 500; // milliseconds before the first try to come back; doubled with each that fails
const longestWait = 15000;
const steady = 5000; // a connection that held this long starts the waits over
const answerTime = 10000; // no answer to a message for so long: the connection is dead, whatever it says

export class Link {
  // url gives the address of the room. On has the callbacks: state(state), welcome(event, fresh), message(event, replayed),
  // caughtUp(), presence(event), refused(message, error). Store keeps who we are, and what we have not got rid of, over
  // a reload.
  constructor(url, store, on) {
    Object.assign(this, { url, store, on, name: "", room: "", last: 0, target: 0, attempts: 0, retryAt: 0 });
    this.me = read(store, "me") ?? { id: "", token: "" };
    this.outbox = read(store, "outbox") ?? [];
    this.heard = new Set(); // nonces: a message that outlived its room comes again under another number
    this.socket = null;
    this.timers = {};
  }

  // start connects now, whatever went on before.
  start() {
    this.drop();
    const query = new URLSearchParams({ ...this.me, name: this.name, room: this.room, after: String(this.last) });
    const socket = new WebSocket(`${this.url}?${query}`, subprotocol);
    this.socket = socket;
    this.ready = false;
    this.on.state("connecting");
    socket.onmessage = (event) => this.handle(JSON.parse(event.data));
    socket.onclose = () => this.lost();
    socket.onopen = () => { this.openedAt = Date.now(); };
  }

  // stop ends the link until start.
  stop() {
    this.drop();
    this.on.state("closed");
  }

  // drop forgets the connection and its timers. A dead one may take minutes to close: nobody waits for it.
  drop() {
    Object.values(this.timers).forEach(clearTimeout);
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
    this.socket = null;
  }

  // lost plans the next try: half of the wait is fixed, half is chance, so that many pages do not come back at once.
  lost() {
    this.drop();
    if (this.openedAt && Date.now() - this.openedAt > steady) this.attempts = 0;
    this.openedAt = 0;
    const wait = Math.min(longestWait, firstWait * 2 ** this.attempts++);
    const delay = wait / 2 + Math.random() * wait / 2;
    this.retryAt = Date.now() + delay;
    this.timers.retry = setTimeout(() => this.start(), delay);
    this.on.state("waiting");
  }

  // hurry tries at once, if we are waiting to try.
  hurry() {
    if (!this.socket && this.timers.retry) this.start();
  }

  handle(event) {
    switch (event.type) {
      case "welcome": return this.welcomed(event);
      case "message": return this.received(event);
      case "error": return this.refused(event);
      default: return this.on.presence(event);
    }
  }

  welcomed(event) {
    const fresh = event.room !== this.room;
    if (fresh) this.last = 0;
    this.room = event.room;
    this.me = { id: event.id, token: event.token };
    write(this.store, "me", this.me);
    this.target = event.last;
    this.on.state("open");
    this.on.welcome(event, fresh);
    this.catchUp();
  }

  // catchUp lets our own messages go once the past is here: what the room has of them is no longer in the outbox.
  catchUp() {
    if (this.ready || this.last < this.target) return;
    this.ready = true;
    this.on.caughtUp();
    this.pump();
  }

  received(event) {
    const head = this.outbox[0];
    const known = event.seq <= this.last || (event.nonce && this.heard.has(event.nonce));
    this.last = Math.max(this.last, event.seq);
    if (event.nonce) this.remember(event.nonce);
    const answered = head && event.uid === this.me.id && event.nonce === head.nonce;
    if (answered) this.settle();
    if (!known) this.on.message(event, !this.ready);
    if (answered && this.ready) this.pump();
    this.catchUp();
  }

  remember(nonce) {
    this.heard.add(nonce);
    if (this.heard.size > 1000) this.heard.delete(this.heard.values().next().value);
  }

  refused(event) {
    const head = this.outbox[0];
    if (!head || event.nonce !== head.nonce) return this.on.refused(null, event);
    if (event.code === "rate") {
      clearTimeout(this.timers.answer);
      this.timers.again = setTimeout(() => this.pump(), 500);
      return;
    }
    this.settle();
    this.on.refused(head, event);
    this.pump();
  }

  // send takes a text into the outbox and returns its message.
  send(text) {
    const message = { text, nonce: crypto.getRandomValues(new Uint32Array(4)).join("-") };
    this.outbox.push(message);
    write(this.store, "outbox", this.outbox);
    if (this.outbox.length === 1) this.pump();
    return message;
  }

  // pump sends the message at the head of the outbox.
  pump() {
    const head = this.outbox[0];
    if (!head || !this.ready || this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ uid: this.me.id, message: head.text, nonce: head.nonce }));
    clearTimeout(this.timers.answer);
    this.timers.answer = setTimeout(() => this.lost(), answerTime);
  }

  // settle takes the head off the outbox.
  settle() {
    clearTimeout(this.timers.answer);
    this.outbox.shift();
    write(this.store, "outbox", this.outbox);
  }

  // rename changes the name, here and, if we are connected, there.
  rename(name) {
    this.name = name;
    if (this.ready && this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "name", uid: this.me.id, name }));
    }
  }
}

// A store may be closed to us, by the browser's settings, or full. Then a reload is a new visit.

function read(store, key) {
  try {
    return JSON.parse(store.getItem(`duplex.chat.${key}`));
  } catch {
    return null;
  }
}

function write(store, key, value) {
  try {
    store.setItem(`duplex.chat.${key}`, JSON.stringify(value));
  } catch {
    return;
  }
}

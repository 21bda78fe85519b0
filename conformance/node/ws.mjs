// The checks that npm's ws runs against a real server. Each prints one line, "ok FEATURE/WHAT" or "not ok FEATURE/WHAT: why". The
// last one prints "stop the server": whoever started this program does so.

import { isDeepStrictEqual } from "node:util";
import { randomUUID } from "node:crypto";
import WebSocket from "ws";

const url = process.argv[2];
const patience = 10_000; // milliseconds that anything may take
const sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20];
const alphabets = "Grüße, κόσμε, Привет, שלום, 你好, こんにちは, 👩‍👩‍👧, \u0000\ufeff\uffff\u{10ffff}";

// A Client is a connection whose events wait in a list until somebody asks for them.
class Client {
  constructor(ws) {
    Object.assign(this, { ws, events: [], wanted: null, end: null });
    ws.on("message", (data, binary) => this.put({ message: binary ? data : data.toString() }));
    ws.on("pong", (data) => this.put({ pong: data }));
    ws.on("close", (code, reason) => { this.end = { code, reason: reason.toString() }; this.put(this.end); });
    ws.on("error", () => {}); // a close event follows
  }

  put(event) {
    this.events.push(event);
    this.wanted?.();
  }

  async next() {
    if (this.events.length === 0) await soon("an event", new Promise((resolve) => { this.wanted = resolve; }));
    return this.events.shift();
  }

  // message returns the next one, a string or a Buffer.
  async message() {
    const event = await this.next();
    if (!("message" in event)) throw new Error(`got ${JSON.stringify(event)}, want a message`);
    return event.message;
  }

  async messageWith(word) {
    for (;;) {
      const message = await this.message();
      if (message.includes(word)) return message;
    }
  }

  // event returns the first of a type, in the JSON format of the chat room.
  async event(type) {
    for (;;) {
      const event = JSON.parse(await this.message());
      if (event.type === type) return event;
    }
  }

  // ends returns how the server ends the connection, past messages that are still on their way.
  async ends() {
    while (!this.end) await this.next();
    return this.end;
  }

  close(code, reason) {
    this.ws.close(code, reason);
    return this.ends();
  }
}

// soon waits for a promise, but not for ever.
function soon(what, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no ${what} came`)), patience); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const open = new Set();

function connect(path, { protocols = [], deflate = false, ...options } = {}) {
  const ws = new WebSocket(url + path, protocols, { perMessageDeflate: deflate, maxPayload: 16 << 20, ...options });
  open.add(ws);
  const client = new Client(ws);
  return soon("handshake", new Promise((resolve, reject) => {
    ws.on("open", () => resolve(client));
    ws.on("error", reject);
    ws.on("unexpected-response", (_, response) => {
      response.resume();
      reject(Object.assign(new Error(`refused with ${response.statusCode}`), { status: response.statusCode }));
    });
  }));
}

async function refusal(path, options) {
  try {
    await connect(path, options);
  } catch (error) {
    if (error.status) return error.status;
    throw error;
  }
  throw new Error("the server accepted");
}

function same(got, want) {
  if (isDeepStrictEqual(got, want)) return;
  const show = (value) => String(Buffer.isBuffer(value) ? value.toString("hex") : JSON.stringify(value)).slice(0, 100);
  throw new Error(`got ${show(got)}, want ${show(want)}`);
}

function that(truth, what) {
  if (!truth) throw new Error(what);
}

// messageOf gives bytes that compress neither to nothing nor not at all; all are ASCII.
const messageOf = (size) => Buffer.from(Array.from({ length: size }, (_, i) => 33 + (Math.floor((i * i) / 7) + i) % 90));

const checks = [];
const check = (name, run) => checks.push({ name, run });

// The handshake.

check("handshake/plain", async () => {
  const { ws } = await connect("/echo");
  same([ws.protocol, ws.extensions], ["", ""]);
});

check("subprotocol/the one that the server speaks", async () => {
  const { ws } = await connect("/chat", { protocols: ["other", "chat.duplex.v1"] });
  same(ws.protocol, "chat.duplex.v1");
});

check("subprotocol/none of those offered", async () => {
  const error = await connect("/echo", { protocols: ["chat.duplex.v1"] }).catch((e) => e);
  same(error.message, "Server sent no subprotocol"); // this client insists on one
});

check("origin/our own", () => connect("/echo", { origin: url.replace(/^ws/, "http") }));
check("origin/allowed by a flag", () => connect("/echo", { origin: "https://app.good.example" }));
check("origin/another is refused", async () => same(await refusal("/echo", { origin: "https://evil.example" }), 403));
check("path/unknown", async () => same(await refusal("/nowhere"), 404));
check("path/with a bad query", async () => same(await refusal("/hello?every=never"), 400));

// Messages.

for (const deflate of [false, true]) {
  for (const size of sizes) {
    for (const kind of ["text", "binary"]) {
      check(`${deflate ? "deflate" : "echo"}/${kind} of ${size} bytes`, async () => {
        const client = await connect("/echo", { deflate: deflate && { threshold: 0 } });
        const data = messageOf(size);
        for (let i = 0; i < 2; i++) { // the second finds the compressor's window filled
          client.ws.send(data, { binary: kind === "binary" });
          same(await client.message(), kind === "binary" ? data : data.toString());
        }
      });
    }
  }
}

check("echo/at the address of older clients", async () => {
  const client = await connect("/chatsocket");
  client.ws.send("hello");
  same(await client.message(), "hello");
});

check("echo/500 messages at once, in order", async () => {
  const client = await connect("/echo");
  for (let i = 0; i < 500; i++) client.ws.send(String(i));
  for (let i = 0; i < 500; i++) same(await client.message(), String(i));
});

check("fragments/text cut inside a character", async () => {
  const client = await connect("/echo");
  const data = Buffer.from(alphabets);
  data.forEach((_, i) => client.ws.send(data.subarray(i, i + 1), { binary: false, fin: i === data.length - 1 }));
  same(await client.message(), alphabets);
});

check("fragments/binary with empty ones", async () => {
  const client = await connect("/echo");
  for (const part of ["", "00ff", "", "fe"]) client.ws.send(Buffer.from(part, "hex"), { binary: true, fin: false });
  client.ws.send(Buffer.alloc(0), { binary: true, fin: true });
  same(await client.message(), Buffer.from("00fffe", "hex"));
});

check("fragments/with a ping between", async () => {
  const client = await connect("/echo");
  client.ws.send("to", { fin: false });
  client.ws.ping("between");
  same(await client.next(), { pong: Buffer.from("between") });
  client.ws.send("gether", { fin: true });
  same(await client.message(), "together");
});

check("ping/pongs bear the same bytes", async () => {
  const client = await connect("/echo");
  for (const data of [Buffer.alloc(0), Buffer.from("a"), Buffer.from(Array.from({ length: 125 }, (_, i) => i + 100))]) {
    client.ws.ping(data);
    same(await client.next(), { pong: data });
  }
});

check("deflate/agreed", async () => {
  const { ws } = await connect("/echo", { deflate: true });
  same(ws.extensions, "permessage-deflate");
});

check("deflate/without context takeover", async () => {
  const client = await connect("/echo", { deflate: { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 } });
  for (let i = 0; i < 20; i++) {
    client.ws.send(i + alphabets.repeat(50));
    same(await client.message(), i + alphabets.repeat(50));
  }
});

check("deflate/with small windows", async () => {
  const client = await connect("/echo", { deflate: { serverMaxWindowBits: 9, clientMaxWindowBits: 10, threshold: 0 } });
  for (let i = 0; i < 3; i++) {
    client.ws.send(messageOf(70000), { binary: true });
    same(await client.message(), messageOf(70000));
  }
});

check("deflate/fragments", async () => {
  const client = await connect("/echo", { deflate: { threshold: 0 } });
  for (const part of [alphabets, "", alphabets]) client.ws.send(part, { compress: true, fin: false });
  client.ws.send("end", { compress: true, fin: true });
  same(await client.message(), alphabets + alphabets + "end");
});

check("deflate/makes repeated messages small", async () => {
  const client = await connect("/echo", { deflate: { threshold: 0 } });
  const message = JSON.stringify({ event: "price", symbol: "DUPLEX", bid: 101.25, ask: 101.5, venue: "a long name" });
  const before = client.ws._socket.bytesRead;
  for (let i = 0; i < 50; i++) {
    client.ws.send(message);
    same(await client.message(), message);
  }
  const read = client.ws._socket.bytesRead - before;
  that(read < 50 * message.length / 3, `${read} bytes came for ${50 * message.length} bytes of messages`);
});

check("utf-8/many alphabets", async () => {
  const client = await connect("/echo");
  client.ws.send(alphabets.repeat(100));
  same(await client.message(), alphabets.repeat(100));
});

check("utf-8/a broken text ends with 1007", async () => {
  const client = await connect("/echo");
  client.ws.send(Buffer.from([0x66, 0xed, 0xa0, 0x80]), { binary: false });
  const { code, reason } = await client.ends();
  same(code, 1007);
  that(reason, "no reason was given");
});

// The end.

check("close/the server answers our code", async () => {
  for (const code of [1000, 1001, 3000, 4999]) same((await (await connect("/echo")).close(code)).code, code);
  same((await (await connect("/echo")).close()).code, 1005);
});

check("close/with the longest reason there is", async () => {
  same((await (await connect("/echo")).close(4000, "再见".repeat(20) + "bye")).code, 4000);
});

check("close/a message over 1 MiB ends with 1009", async () => {
  const client = await connect("/echo");
  client.ws.send(Buffer.alloc((1 << 20) + 1));
  const { code, reason } = await client.ends();
  same(code, 1009);
  that(reason.includes("1048576"), reason);
});

check("close/a deflate bomb ends with 1009", async () => {
  const client = await connect("/echo", { deflate: true });
  client.ws.send(Buffer.alloc(64 << 20));
  same((await client.ends()).code, 1009);
});

// The addresses.

check("index/greets and answers", async () => {
  const client = await connect("/");
  same(await client.message(), "You are connected");
  client.ws.send("hi <b>你</b>");
  same(await client.message(), "You said hi <b>你</b>");
});

check("hello/at once, and at the interval", async () => {
  same(await (await connect("/hello")).message(), "hello world");
  const client = await connect("/hello?every=100ms");
  for (let i = 0; i < 3; i++) same(await client.message(), "hello world");
});

const uuid4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const json = { protocols: ["chat.duplex.v1"] };

check("chat/HTML: an id, and messages for everybody, escaped", async () => {
  const [ann, bob] = [await connect("/chat"), await connect("/chat")];
  const me = await ann.message();
  that(uuid4.test(me), me);
  await bob.message(); // both are in the room
  ann.ws.send(JSON.stringify({ uid: me, message: `<script>alert('${randomUUID()}')</script> & 你好` }));
  const got = await ann.messageWith("alert");
  that(/^<div [^>]*border.*<\/div>$/.test(got) && got.includes(`游客${me}`), got);
  that(!got.includes("<script") && got.includes("&lt;script&gt;") && got.includes("&amp; 你好"), got);
  same(await bob.messageWith("alert"), got);
});

check("chat/HTML: history for who comes later", async () => {
  const ann = await connect("/chat");
  const me = await ann.message();
  const words = [randomUUID(), randomUUID(), randomUUID()];
  for (const word of words) {
    ann.ws.send(JSON.stringify({ uid: me, message: word }));
    await ann.messageWith(word);
  }
  const late = await connect("/chat");
  that(uuid4.test(await late.message()), "the first message is no id");
  for (const word of words) that((await late.messageWith(word)).includes(`游客${me}`), word);
});

check("chat/a message that is none is answered, and nobody else hears it", async () => {
  const [ann, bob] = [await connect("/chat", json), await connect("/chat", json)];
  const { id: me } = await ann.event("welcome");
  const { id: other, last } = await bob.event("welcome");
  const bad = ["no JSON", "[]", "{}", JSON.stringify({ uid: me }), JSON.stringify({ uid: other, message: "not mine" }), Buffer.of(0)];
  for (const message of bad) {
    ann.ws.send(message);
    that((await ann.event("error")).error, `${message}`);
  }
  ann.ws.send(JSON.stringify({ uid: me, message: "a good one" }));
  let heard = await bob.event("message");
  while (heard.seq <= last) heard = await bob.event("message"); // what earlier checks said
  same([heard.seq, heard.text], [last + 1, "a good one"]);
});

check("chat/JSON: welcome, join, message, leave", async () => {
  const ann = await connect("/chat?name=Ann", json);
  const welcome = await ann.event("welcome");
  same(welcome.who.filter(({ uid }) => uid === welcome.id).map(({ name }) => name), ["Ann"]);
  const bob = await connect("/chat?name=%E9%B2%8D%E5%8B%83", json);
  const { id } = await bob.event("welcome");
  same(await ann.event("join"), { type: "join", uid: id, name: "鲍勃" });
  bob.ws.send(JSON.stringify({ uid: id, message: "<b>hi</b>", nonce: "n1" }));
  const { uid, name, text, nonce } = await ann.event("message");
  same([uid, name, text, nonce], [id, "鲍勃", "<b>hi</b>", "n1"]);
  await bob.close(1000);
  same((await ann.event("leave")).uid, id);
});

check("game/the wire format", async () => {
  const client = await connect("/game?seed=7");
  client.ws.send('"success"');
  const state = JSON.parse(await client.message());
  same(Object.keys(state).sort(), ["board", "moved", "over", "score", "won"]);
  same(state.board.map((row) => row.length), [4, 4, 4, 4]);
  same(state.board.flat().filter((value) => value > 0).length, 2);
  for (const nonsense of ["up", "4", "", "[0]", Buffer.from("0")]) {
    client.ws.send(nonsense);
    that(JSON.parse(await client.message()).error, `${nonsense}`);
  }
  client.ws.send("0");
  that("board" in JSON.parse(await client.message()), "the game does not go on");
});

check("game/equal seeds play equal games, to the end", async () => {
  const play = async () => {
    const client = await connect("/game?seed=7");
    client.ws.send('"success"');
    const states = [await client.message()];
    while (!JSON.parse(states.at(-1)).over) {
      client.ws.send("0213"[states.length % 4]);
      states.push(await client.message());
    }
    return states;
  };
  same(await play(), await play());
});

check("shutdown/everybody is told 1001", async () => {
  const clients = await Promise.all(["/", "/echo", "/hello", "/chat", "/game"].map((path) => connect(path)));
  console.log("stop the server");
  for (const client of clients) same((await client.ends()).code, 1001);
});

for (const { name, run } of checks) {
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`not ok ${name}: ${error.message}`.replace(/\s+/g, " "));
  }
  for (const ws of open) ws.terminate();
  open.clear();
}

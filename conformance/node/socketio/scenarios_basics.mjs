// The scenarios of one socket: it connects, is refused, talks, asks and answers.

import { Peer, sleep } from "./peer.mjs";

const bytes = (...values) => Buffer.from(values);

async function connect(log, { old }) {
  const peer = Peer.open("/", { settled: false });
  let handshake = null;
  peer.socket.io.engine.once("handshake", (data) => { handshake = data; });
  await peer.until("connect");
  log("the first events", await peer.all());
  if (old) delete handshake.maxPayload; // which they do not know, and the official server tells them all the same
  log("the handshake", handshake);
  log("the form of the ids", /^[\w-]{20}$/.test(peer.socket.io.engine.id), /^[\w-]{20}$/.test(peer.socket.id));
  log("the server has the same id", (await peer.ask("id"))[0] === peer.socket.id);
}

// transport is what goes over the wire, whatever it means.
async function transport(log, { transport }) {
  const early = Peer.open("/", { settled: false });
  await early.until("connect");
  // While the transport may be about to change.
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => early.ask("echo", i, bytes(i))));
  log("early questions", answers);
  const peer = await Peer.connect("/");
  log("its names at both ends", peer.transport, await peer.ask("transport"));
  for (const size of [1, 1000, 70_000, 500_000]) {
    log(`${size} characters`, await peer.ask("echo", "é".repeat(size / 2)));
    log(`${size} bytes`, await peer.ask("echo", Buffer.alloc(size, 7)));
  }
  peer.emit("several", 200);
  await peer.ask("echo");
  log("200 in order", peer.take().filter(([name]) => name === "said").map(([, i]) => i).join());
  if (transport === "upgrade") log("the other has changed, too", (await early.ask("transport"))[0]);
}

async function namespaces(log, { old }) {
  const root = await Peer.connect("/");
  log("the root", await root.all());
  const chat = await Peer.connect("/chat", { over: root });
  log("over the same connection", await chat.all(), (await chat.ask("id"))[0] === chat.socket.id);
  const unknown = await Peer.connect("/nowhere", { over: root });
  log("unknown", unknown.take(), unknown.socket.connected);
  const names = ["/room-7", "/room-7", "/room-x", "/xroom-7", "/by-auth", "/slow", "/chat/", "/Chat", "/chat?a=b"];
  // The official server refuses other letters to old clients, by a name that these have not asked for, and so they wait for ever.
  for (const name of old ? names : [...names, "/ünïcode"]) {
    const peer = await Peer.connect(name);
    log(name, peer.socket.connected ? await peer.all() : peer.take());
    peer.end();
  }
  chat.emit("echo", "to chat");
  root.emit("echo", "to the root");
  log("each its own", await chat.all(), await root.all());
  chat.socket.disconnect();
  log("the others go on", chat.take(), await root.all());
  chat.socket.connect();
  await chat.until("connect");
  log("again", await chat.all());
}

async function auth(log) {
  for (const [name, given] of [
    ["/", { token: "secret", deep: "{}" }],
    ["/auth", { token: "secret" }], ["/auth", { token: "wrong" }], ["/auth", {}],
    // Once it is there, everybody may: the function is asked about namespaces that are not.
    ["/by-auth", { pass: "shut" }], ["/by-auth", { pass: "open" }], ["/by-auth", { pass: "shut" }],
    ["/refused", {}], ["/refused-plainly", {}],
  ]) {
    const peer = await Peer.connect(name, { auth: given });
    log(`${name} with ${JSON.stringify(given)}`, peer.socket.connected ? await peer.all() : peer.take());
    peer.end();
  }
  const root = await Peer.connect("/");
  const refused = await Peer.connect("/refused", { over: root });
  log("refused over a connection that goes on", refused.take(), await root.all());
  const welcome = await Peer.connect("/auth", { over: root, auth: { token: "secret" } });
  log("welcome over a connection", await welcome.all());
}

const values = [
  null, true, 0, -1.5, 2 ** 53 - 1, "", "grüße 界 👩‍👩‍👧 \u0000\u001e\u2028\"\\/", [], {}, [[[1]], [null]],
  { "": 1, "a b": { c: [{ d: null }] }, ünï: "x", _placeholder: false, num: 0, "<&>": "<&>" },
];
const inJSON = [1e21, "\ud800 alone"]; // that MessagePack as the client writes it has no form for

async function events(log, { parser }) {
  const peer = await Peer.connect("/");
  await peer.all();
  peer.emit("echo");
  peer.emit("echo", ...values);
  for (const value of parser ? values : [...values, ...inJSON]) peer.emit("echo", value);
  if (!parser) peer.emit("echo", undefined, 1); // which JSON has no form for, either, and so it is null
  for (const [, ...args] of await peer.all()) log("echo", ...args);
  for (const name of ["nobody listens", "with \"quotes\"", "", "ünïcode 界", "a,b[1]{2}"]) peer.emit(name, 1);
  log("after events that nobody listens to", await peer.all(), (await peer.ask("heard"))[0]);
  peer.emit("forbidden", 1);
  log("what a middleware of packets refuses", await peer.all(), (await peer.ask("heard"))[0].slice(-3));
}

async function acks(log, { parser }) {
  const peer = await Peer.connect("/");
  await peer.all();
  log("none", await peer.ask("echo"));
  for (const value of parser ? values : [...values, ...inJSON]) log("echo", ...(await peer.ask("echo", value)));
  log("several", await peer.ask("echo", 1, "2", [3], null));
  log("twice", await peer.ask("twice"), await peer.all());
  log("out of order", await Promise.all([60, 1, 30].map((ms, i) => peer.ask("later", ms, i))));
  peer.answer = (...args) => [...args, "and more"];
  peer.emit("ask", 1, { two: 2 });
  await peer.until("answered");
  log("the server asks", peer.take());
  peer.emit("ask");
  await peer.until("answered");
  log("the server asks with nothing", peer.take());
  peer.answer = () => [];
  log("answered with nothing", await peer.ask("ask in time", 5000, 1), peer.take());
  peer.answer = (arg) => [arg];
  log("answered in time", await peer.ask("ask in time", 5000, "x"), peer.take());
  peer.answer = null;
  log("not answered", await peer.ask("ask in time", 50, "x"), peer.take());
  const late = [];
  peer.socket.once("question", (arg, ack) => late.push(ack));
  log("answered", await peer.ask("ask in time", 50, "x"), peer.take());
  late[0]("too late");
  log("too late", await peer.all());
  const chat = await Peer.connect("/chat", { over: peer });
  chat.answer = () => ["from chat"];
  log("in a namespace", await chat.ask("echo", 1), await chat.ask("ask in time", 5000, 1), await chat.all());
}

async function binary(log) {
  const peer = await Peer.connect("/");
  await peer.all();
  const nested = { a: bytes(1), list: [bytes(), "text", { deep: [bytes(2, 3)] }], last: bytes(0x1e, 0xff) };
  const cases = [[bytes(1, 2)], [bytes()], [nested], [1, bytes(4), "x", nested, null], [Buffer.alloc(100_000, 1)],
    [new Uint8Array([9, 8])], [new Uint8Array([1, 2, 3]).buffer], Array.from({ length: 10 }, (_, i) => bytes(i)), [{ _placeholder: true, num: "0" }, 1]];
  for (const args of cases) {
    log("as the server got it", await peer.ask("describe", ...args));
    log("in an acknowledgement", await peer.ask("echo", ...args));
    peer.emit("echo", ...args);
    log("in an event", await peer.all());
  }
  peer.emit("binary");
  log("from the server", await peer.all());
  peer.answer = (...args) => [bytes(5), ...args, { deep: bytes(6) }];
  log("the server asks and is answered", await peer.ask("ask in time", 5000, bytes(7), [bytes(8)]), peer.take());
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => peer.ask("echo", i % 2 ? bytes(i) : i, "x")));
  log("text and binary in turn", many);
  const chat = await Peer.connect("/chat", { over: peer });
  chat.emit("echo", nested);
  log("in a namespace", await chat.all());
}

async function volatile(log) {
  const [peer, other] = [await Peer.connect("/room-50"), await Peer.connect("/room-50")];
  await Promise.all([peer.all(), other.all()]);
  await sleep(60); // a client that polls does so again
  peer.emit("volatile", "one");
  await peer.until("said");
  log("to one that listens", await peer.all());
  await sleep(60);
  await peer.ask("to volatile", {}, "two");
  log("to others that listen", await other.all(), await peer.all());
}

export const basics = { connect, transport, namespaces, auth, events, acks, binary, volatile };

// The scenario server on the official socket.io: what client.mjs talks to. ../../socketioserver is the same server on ours; whoever
// changes one changes both. Prints its port.
//
//   node server.mjs [--port N] [--cors ORIGIN] [--parser msgpack] [--ping-interval MS] [--ping-timeout MS]

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import msgpack from "socket.io-msgpack-parser";

const text = (fallback) => ({ type: "string", default: fallback });
const { values: flags } = parseArgs({
  options: { port: text("0"), cors: text(""), parser: text(""), "ping-interval": text("25000"), "ping-timeout": text("20000") },
});

const http = createServer();
const io = new Server(http, {
  allowEIO3: true,
  serveClient: false,
  pingInterval: Number(flags["ping-interval"]),
  pingTimeout: Number(flags["ping-timeout"]),
  ...(flags.cors && { cors: { origin: flags.cors, credentials: true } }),
  ...(flags.parser && { parser: msgpack }),
});

// What became of sockets, by the name that the client gave itself in the query of the handshake.
const ends = new Map();

// describe shows what the server got: JSON, with bytes as {"bytes": "00ff"}.
function describe(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { bytes: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(describe);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, describe(field)]));
}

// target is the broadcast that {to, except} means, from a socket or a namespace.
function target(from, { to = [], except = [] }) {
  const rooms = to.length > 0 ? from.to(to) : from;
  return except.length > 0 ? rooms.except(except) : rooms;
}

// roomsOf are the rooms of a socket, its own as "self".
const roomsOf = (socket) => [...socket.rooms].map((room) => (room === socket.id ? "self" : room)).sort();

function welcome(socket) {
  const heard = [];
  const name = socket.handshake.query.name;
  socket.emit("welcome", socket.nsp.name, socket.handshake.auth, socket.handshake.query.color ?? null);
  socket.use(([event], next) => next(event === "forbidden" ? new Error("not this one") : undefined));
  // The event also tells of packets that make no sense, when it is too late to say so.
  socket.on("error", ({ message }) => message === "not this one" && socket.emit("refused", message));
  socket.onAny((event) => heard.push(event));
  socket.on("disconnecting", (reason) => note(name, [socket.nsp.name, "disconnecting", reason, roomsOf(socket)]));
  socket.on("disconnect", (reason) => note(name, [socket.nsp.name, "disconnect", reason, roomsOf(socket)]));
  socket.on("heard", (ack) => ack(heard));
  questions(socket);
  answers(socket);
  rooms(socket);
  broadcasts(socket);
}

function note(name, end) {
  ends.set(name, [...(ends.get(name) ?? []), end]);
}

// questions are the events that ask about the socket, or have it do something.
function questions(socket) {
  socket.on("id", (ack) => ack(socket.id));
  socket.on("transport", (ack) => ack(socket.conn.transport.name));
  socket.on("ends", (name, ack) => ack(ends.get(name) ?? []));
  socket.on("bye", (close) => socket.disconnect(close));
  socket.on("several", (n) => {
    for (let i = 0; i < n; i++) socket.emit("said", i);
  });
  socket.on("volatile", (word) => socket.volatile.emit("said", word));
  socket.on("binary", () => {
    const bytes = Buffer.from([0, 1, 255]);
    socket.emit("binary", { a: bytes, list: [Buffer.from([2]), { deep: Buffer.alloc(0) }], text: "t" }, bytes);
  });
}

// answers are the events that go back and forth.
function answers(socket) {
  socket.on("echo", (...args) => {
    const ack = args.at(-1);
    if (typeof ack === "function") ack(...args.slice(0, -1));
    else socket.emit("echo", ...args);
  });
  socket.on("describe", (...args) => args.pop()(describe(args)));
  socket.on("later", (ms, value, ack) => setTimeout(() => ack(value), ms));
  socket.on("twice", (ack) => {
    ack("first");
    ack("second");
  });
  socket.on("ask", (...args) => socket.emit("question", ...args, (...got) => socket.emit("answered", ...got)));
  socket.on("ask in time", (ms, ...args) => {
    const ack = args.pop();
    socket.timeout(ms).emit("question", ...args, (error, ...got) => ack(error ? error.message : null, ...got));
  });
}

function rooms(socket) {
  socket.on("join", (names, ack) => {
    socket.join(names);
    ack(roomsOf(socket));
  });
  socket.on("leave", (name, ack) => {
    socket.leave(name);
    ack(roomsOf(socket));
  });
  socket.on("sockets", async (where, ack) => {
    const found = await target(socket.nsp, where).fetchSockets();
    ack(found.map(roomsOf).sort());
  });
  socket.on("sockets join", (where, room, ack) => {
    target(socket.nsp, where).socketsJoin(room);
    ack();
  });
  socket.on("sockets leave", (where, room, ack) => {
    target(socket.nsp, where).socketsLeave(room);
    ack();
  });
  socket.on("disconnect sockets", (where, close, ack) => {
    target(socket.nsp, where).disconnectSockets(close);
    ack();
  });
}

function broadcasts(socket) {
  socket.on("to", (where, ...args) => {
    const ack = args.pop();
    target(socket.broadcast, where).emit("said", ...args);
    ack();
  });
  socket.on("to all", (where, ...args) => {
    const ack = args.pop();
    target(socket.nsp, where).emit("said", ...args);
    ack();
  });
  socket.on("to volatile", (where, ...args) => {
    const ack = args.pop();
    target(socket.volatile.broadcast, where).emit("said", ...args);
    ack();
  });
  socket.on("gather", (where, ms, ...args) => {
    const ack = args.pop();
    target(socket.nsp, where).timeout(ms).emit("question", ...args, (error, got) => ack(error ? error.message : null, got));
  });
}

// refuse is a middleware that lets nobody in.
const refuse = (message, data) => (socket, next) => next(Object.assign(new Error(message), data !== undefined && { data }));

io.on("connection", welcome);
for (const name of ["/chat", "/ünïcode"]) io.of(name).on("connection", welcome);
io.of(/^\/room-\d+$/).on("connection", welcome);
io.of((name, auth, next) => next(null, name === "/by-auth" && auth.pass === "open")).on("connection", welcome);
io.of("/slow").use((socket, next) => setTimeout(next, 50)).on("connection", welcome);
io.of("/refused").use(refuse("nobody may", { code: 42, why: ["a", { b: "c" }] })).on("connection", welcome);
io.of("/refused-plainly").use(refuse("nobody may")).on("connection", welcome);
io.of("/auth").use((socket, next) => {
  if (socket.handshake.auth.token === "secret") next();
  else refuse("who are you?", { got: socket.handshake.auth.token ?? null })(socket, next);
}).on("connection", welcome);

http.listen(Number(flags.port), "127.0.0.1", () => console.log("port", http.address().port));
process.on("SIGTERM", () => {
  io.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 300); // some clients keep their connections
});

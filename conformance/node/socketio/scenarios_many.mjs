// The scenarios of several sockets: rooms, broadcasts, and questions to all.

import { Peer } from "./peer.mjs";

// three connects three to a namespace that nobody else uses.
async function three(namespace) {
  const peers = await Promise.all([1, 2, 3].map(() => Peer.connect(namespace)));
  for (const peer of peers) peer.nameIds();
  await Promise.all(peers.map((peer) => peer.all()));
  return peers;
}

// heard is what each got since it was asked last.
const heard = (peers) => Promise.all(peers.map((peer) => peer.all()));

async function rooms(log) {
  const peers = await three("/room-1");
  const [a, b, c] = peers;
  log("join", await a.ask("join", ["red"]), await b.ask("join", ["red", "blue"]), await c.ask("join", ["blue"]), await c.ask("join", ["blue"]));
  for (const where of [
    { to: ["red"] }, { to: ["blue"] }, { to: ["red", "blue"] }, { to: ["nobody"] }, { except: ["blue"] },
    { to: ["red"], except: ["blue"] }, { to: ["red", "blue"], except: ["red"] }, {},
  ]) {
    await a.ask("to", where, "to", where);
    log(`to ${JSON.stringify(where)}`, await heard(peers));
    await a.ask("to all", where, "to all", where);
    log(`to all ${JSON.stringify(where)}`, await heard(peers));
    log(`sockets in ${JSON.stringify(where)}`, await a.ask("sockets", where));
  }
  await a.ask("to", { to: [b.socket.id] }, "a word in private");
  log("to one", await heard(peers));
  await a.ask("to", { to: [a.socket.id] }, "to oneself");
  log("to oneself", await heard(peers));
  log("leave", await b.ask("leave", "red"), await b.ask("leave", "never joined"));
  await a.ask("to all", { to: ["red"] }, "after it left");
  log("after it left", await heard(peers));
  await a.ask("sockets join", { except: ["red"] }, "green");
  log("others join", await a.ask("sockets", {}), await a.ask("sockets", { to: ["green"] }));
  await a.ask("sockets leave", { to: ["blue"] }, "blue");
  log("others leave", await a.ask("sockets", {}));
  await a.ask("disconnect sockets", { to: ["green"] }, false);
  await Promise.all([b.until("disconnect"), c.until("disconnect")]);
  log("others are disconnected", b.take(), c.take(), await a.ask("sockets", {}));
  b.socket.connect();
  await b.until("connect");
  log("one comes back, without its rooms", await b.all(), await a.ask("sockets", {}));
}

async function broadcast(log) {
  const peers = await three("/room-2");
  const [a, b, c] = peers;
  await a.ask("to", {}, "text", { deep: [1] });
  await a.ask("to", {}, Buffer.from([1, 2]), { deep: Buffer.from([3]) }, "text");
  await a.ask("to all", {});
  log("to the others and to all", await heard(peers));
  for (let i = 0; i < 50; i++) a.emit("to", {}, i, () => {});
  await a.all();
  log("50 in order", (await b.all()).map(([, i]) => i).join(), (await c.all()).map(([, i]) => i).join());
  const sorted = ([error, got]) => [error, got && [...got].map((one) => JSON.stringify(Peer.shown(one))).sort()];
  a.answer = b.answer = () => [1];
  c.answer = () => [{ c: Buffer.from([3]) }, "dropped"];
  log("all are asked", sorted(await a.ask("gather", {}, 5000, "x")), await heard(peers));
  log("the others have no such namespace", await peers[0].ask("gather", { to: ["nobody"] }, 5000, "x"), await heard(peers));
  b.answer = null;
  log("one does not answer", sorted(await a.ask("gather", {}, 300, "x")), await heard(peers));
  c.answer = () => [null];
  await b.ask("join", ["late"]);
  log("one is left out", sorted(await a.ask("gather", { except: ["late"] }, 5000, Buffer.from([9]))), await heard(peers));
  const other = await Peer.connect("/room-3", { over: a });
  await other.all();
  await a.ask("to all", {}, "not for other namespaces");
  log("another namespace", await other.all(), await heard(peers));
}

export const many = { rooms, broadcast };

// The scenarios of ends: who ends a connection, how, and what each side takes for the reason; and of servers that come back.

import { Peer, sleep } from "./peer.mjs";

// ways are the ends of a connection that has a socket in "/" and one in "/chat".
const ways = {
  "the client leaves one namespace": (root, chat) => chat.socket.disconnect(),
  "the client leaves both": (root, chat) => { root.socket.disconnect(); chat.socket.disconnect(); },
  "the client closes the connection": (root) => root.socket.io.engine.close(),
  "the server disconnects one": (root, chat) => chat.emit("bye", false),
  "the server closes the connection": (root, chat) => chat.emit("bye", true),
  "the server disconnects all in a room": (root, chat) => chat.emit("disconnect sockets", { to: [chat.socket.id] }, true, () => {}),
};

// only end the root: packets that make no sense, as Engine.IO messages.
const nonsense = {
  "a packet of no known type": "9", "an event that is no list": '2{"a":1}', "broken JSON": '2["a"', "an event without a name": "2[]",
  "an event to a namespace that it is not in": '2/chat,["a"]', "bytes that nobody announced": Buffer.from([1]),
  "a second connect": "0", "too few attachments": '51-["a",{"_placeholder":true,"num":0}]',
};

async function reasons(log, { transport, parser }) {
  for (const [name, way] of Object.entries(ways)) {
    const root = await Peer.connect("/");
    const chat = await Peer.connect("/chat", { over: root });
    await chat.ask("join", ["a room"]);
    await Promise.all([root.all(), chat.all()]);
    way(root, chat);
    await chat.until("disconnect");
    const both = /both|closes/.test(name) || name.endsWith("in a room");
    if (both) await root.until("disconnect");
    log(name, "chat", chat.take(), "root", both ? root.take() : await root.all(), "server", await Peer.ends(root.name, both ? 2 : 1));
    root.end();
  }
  if (transport !== "polling") {
    const peer = await Peer.connect("/");
    await peer.all();
    peer.socket.io.engine.transport.ws.terminate();
    await peer.until("disconnect");
    log("the socket breaks", peer.take(), await Peer.ends(peer.name));
  }
  for (const [name, packet] of Object.entries(parser ? {} : nonsense)) {
    const peer = await Peer.connect("/");
    await peer.all();
    peer.socket.io.engine.write(packet);
    if (name === "too few attachments") peer.socket.io.engine.write('2["a"]');
    await peer.until("disconnect");
    log(name, peer.take(), await Peer.ends(peer.name));
  }
  const again = await Peer.connect("/");
  again.emit("bye", false);
  await again.until("disconnect");
  again.take();
  while (again.socket.io.engine.readyState !== "closed") await sleep(2); // with its only socket, the client ends the connection
  again.socket.connect();
  await again.until("connect");
  log("a client that was disconnected comes back", await again.all());
}

async function pings(log, { pings, old, transport }) {
  if (!pings) return;
  const peer = Peer.open("/", { url: pings });
  let count = 0;
  peer.socket.io.engine.on("packet", ({ type }) => { count += type === (old ? "pong" : "ping"); });
  await peer.until("connect");
  await peer.upgraded();
  for (const deadline = Date.now() + 5000; count < 2 && Date.now() < deadline;) await sleep(20);
  log("pings come", count >= 2, await peer.all());
  if (old && transport === "upgrade") return; // the official server forgets to wait for pings after the upgrade
  const { engine } = peer.socket.io;
  engine.sendPacket = engine._sendPacket = () => {}; // nothing that this client has to say arrives
  if (old) { // its own patience would end at the same moment
    engine.off("heartbeat");
    engine.onHeartbeat = () => {};
    for (const timer of [engine.pingIntervalTimer, engine.pingTimeoutTimer]) clearTimeout(timer);
  }
  await peer.until("disconnect");
  const asker = await Peer.connect("/", { url: pings });
  log("a mute client", peer.take(), (await asker.ask("ends", peer.name))[0]);
}

async function restart(log, { restarts, control, transport }) {
  if (!restarts) return;
  const peer = await Peer.connect("/", { reconnection: true });
  const chat = await Peer.connect("/chat", { over: peer });
  await Promise.all([peer.all(), chat.all()]);
  for (const how of ["kill", "stop"]) {
    const id = peer.socket.id;
    await control(how);
    await Promise.all([peer.until("disconnect"), chat.until("disconnect")]);
    peer.emit("echo", "said to nobody");
    // Whether a poll is answered by a server that ends is a matter of moments.
    const seen = [ends(peer), ends(chat)].map((list) => (transport === "polling" ? list.map(([name]) => name) : list));
    log(`${how}: the client sees`, seen, peer.socket.connected, chat.socket.connected);
    await control("start");
    await Promise.all([peer.until("connect"), chat.until("connect")]);
    await peer.upgraded();
    const [first, second] = [await peer.all(), await chat.all()];
    log(`${how}: the client is back`, first.filter(came), second.filter(came), peer.socket.id !== id);
  }
}

// ends are the ends among what was seen: the attempts to reconnect come as often as they come.
const ends = (peer) => peer.take().filter(([name]) => name === "disconnect");
const came = ([name]) => !name.includes("error");

export const endings = { reasons, pings, restart };

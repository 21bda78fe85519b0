"""Runs scenarios with Debian's python3-socketio, and prints what the client saw: a line of JSON for each step, as node/socketio/client.mjs
does for the official clients. Arguments: the URL, and polling, websocket or upgrade. It prints {"control": "kill"} or "start" when
the server is to be ended or started, and goes on when a line comes in."""

import json
import sys
import threading
import time

import socketio

PATIENCE = 10  # seconds that anything may take
URL, TRANSPORT = sys.argv[1:3]
TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}[TRANSPORT]
EVENTS = ("welcome", "echo", "question", "answered", "said", "binary", "refused")
NAMESPACES = ("/", "/chat", "/auth", "/refused", "/refused-plainly", "/nowhere", "/room-1", "/room-2", "/room-x", "/by-auth")
IDS = {}


def shown(value):
    """A value as the transcript has it: bytes in hex, ids as placeholders."""
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex() if len(value) < 100 else len(value)}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, str):
        for name, placeholder in IDS.items():
            value = value.replace(name, placeholder)
        return value if len(value) < 400 else f"({len(value)})"
    return value


class Peer:
    """A client that keeps what happens to it in a list, by namespace."""

    opened = []

    def __init__(self, namespaces=("/",), auth=None, **options):
        self.seen, self.changed, self.answer = {name: [] for name in NAMESPACES}, threading.Condition(), None
        self.name = f"peer-{len(Peer.opened)}"
        Peer.opened.append(self)
        self.client = socketio.Client(reconnection=bool(options), handle_sigint=False, **options)
        for namespace in NAMESPACES:
            self.listen(namespace)
        url = f"{URL}?name={self.name}&color=red"
        try:
            self.client.connect(url, auth=auth, transports=TRANSPORTS, namespaces=list(namespaces), wait=False)
        except socketio.exceptions.ConnectionError as error:
            self.put("/", "ConnectionError", str(error))
            return
        for namespace in namespaces:
            self.until("connect", "connect_error", namespace=namespace)
            IDS.setdefault(self.client.get_sid(namespace) or "no id", f"<id {len(IDS)}>")

    def listen(self, namespace):
        def keep(event):
            def handler(*args):
                self.put(namespace, event, *args)
                if event == "question" and self.answer:
                    return self.answer(*args)

            self.client.on(event, handler, namespace=namespace)

        for event in (*EVENTS, "connect", "disconnect", "connect_error"):
            keep(event)

    def put(self, namespace, *event):
        with self.changed:
            self.seen[namespace].append(event)
            self.changed.notify_all()

    def until(self, *events, namespace="/"):
        """Waits until one of some events has come."""
        with self.changed:
            if not self.changed.wait_for(lambda: any(e[0] in events for e in self.seen[namespace]), PATIENCE):
                raise TimeoutError(f"no {events} came, but {self.seen[namespace]}")

    def take(self, namespace="/"):
        """Returns what was seen since the last call. Each event has a thread of its own: the order tells nothing."""
        with self.changed:
            seen, self.seen[namespace] = self.seen[namespace], []
        return sorted(shown(seen), key=json.dumps)

    def ask(self, event, *args, namespace="/"):
        return self.client.call(event, args, namespace=namespace, timeout=PATIENCE)

    def emit(self, event, *args, namespace="/"):
        self.client.emit(event, args, namespace=namespace)

    def all(self, namespace="/", events=1):
        """Returns what is seen up to the answer to a question, when there are as many events as there must be."""
        self.ask("echo", "all", namespace=namespace)
        with self.changed:
            self.changed.wait_for(lambda: len(self.seen[namespace]) >= events, PATIENCE)
        time.sleep(0.02)  # for one too many
        return self.take(namespace)

    def ends(self, count):
        """Returns what the server saw at the end of this one, from another."""
        asker = Peer()
        for _ in range(PATIENCE * 50):
            ends = asker.ask("ends", self.name)
            if len(ends) >= count:
                break
            time.sleep(0.02)
        asker.client.disconnect()
        return ends


def log(step, *saw):
    print(json.dumps({"scenario": SCENARIO, "step": step, "saw": shown(saw)}, sort_keys=True), flush=True)


def control(what):
    print(json.dumps({"control": what}), flush=True)
    sys.stdin.readline()


def connect():
    peer = Peer()
    log("connected", peer.all(events=2), peer.client.transport(), peer.ask("transport"))
    log("the server has the same id", peer.ask("id") == peer.client.get_sid("/"))


def transport():
    peer = Peer()
    for size in (1, 1000, 70_000):
        log(f"{size} characters", peer.ask("echo", "é" * size))
        log(f"{size} bytes", peer.ask("echo", bytes(size)))
    log("100 answers", [peer.ask("echo", i) for i in range(100)])


def namespaces():
    peer = Peer(("/", "/chat", "/room-1"))
    log("three over a connection", *[peer.all(name, events=2) for name in ("/", "/chat", "/room-1")])
    peer.emit("echo", "to chat", namespace="/chat")
    log("each its own", peer.all("/chat"), peer.all("/", events=0))
    for name in ("/nowhere", "/room-x"):
        log(name, Peer((name,)).take(name))


def auth():
    for name, given in (("/auth", {"token": "secret"}), ("/auth", {"token": "wrong"}), ("/refused", None), ("/refused-plainly", None),
                        ("/by-auth", {"pass": "shut"}), ("/by-auth", {"pass": "open"})):
        peer = Peer((name,), given)
        if peer.client.get_sid(name):
            peer.until("welcome", namespace=name)
        log(f"{name} with {given}", peer.take(name))


VALUES = (None, True, -1.5, "", "grüße 界 \x00\x1e\u2028\"\\", [], {}, [[1], [None]], {"a b": {"c": [{"d": None}]}})


def events():
    peer = Peer()
    peer.all(events=2)
    for value in VALUES:
        peer.emit("echo", value)
        log("echo", peer.all())
    peer.emit("echo", *VALUES)
    peer.emit("nobody listens", 1)
    log("several", peer.all(), peer.ask("heard")[-4:])
    peer.emit("forbidden")
    log("what a middleware of packets refuses", peer.all())


def acks():
    peer = Peer()
    peer.all(events=2)
    for value in VALUES:
        log("echo", peer.ask("echo", value))
    log("several", peer.ask("echo", 1, "two", [3]), peer.ask("echo"))
    peer.answer = lambda *args: (*args, "and more")
    log("the server asks", peer.ask("ask in time", 5000, 1, {"two": 2}), peer.take())
    peer.emit("ask", 1)
    peer.until("answered")
    log("the server asks, without a time", peer.take())


def binary():
    peer = Peer()
    peer.all(events=2)
    for args in ([b"\x01\x02"], [b""], [{"a": b"\x01", "list": [b"", "text", {"deep": [b"\x02"]}]}, 1, b"\x1e\xff"]):
        log("as the server got it", peer.ask("describe", *args))
        log("in an acknowledgement", peer.ask("echo", *args))
        peer.emit("echo", *args)
        log("in an event", peer.all())
    peer.emit("binary")
    log("from the server", peer.all())
    peer.answer = lambda *args: (b"\x05", *args)
    log("the server asks and is answered", peer.ask("ask in time", 5000, b"\x07"), peer.take())


def rooms():
    a, b, c = peers = [Peer(("/room-1",)) for _ in range(3)]
    heard = lambda *counts: [peer.all("/room-1", n) for peer, n in zip(peers, counts)]
    ask = lambda peer, *args: peer.ask(*args, namespace="/room-1")
    heard(2, 2, 2)
    log("join", ask(a, "join", ["red"]), ask(b, "join", ["red", "blue"]), ask(c, "join", ["blue"]))
    for where, counts in (({"to": ["red"]}, (0, 1, 0)), ({"to": ["red", "blue"]}, (0, 1, 1)), ({"except": ["blue"]}, (0, 0, 0)), ({}, (0, 1, 1))):
        ask(a, "to", where, "word")
        log(f"to {where}", heard(*counts), ask(a, "sockets", where))
    log("leave", ask(b, "leave", "red"))
    ask(a, "disconnect sockets", {"to": ["blue"]}, False)
    b.until("disconnect", namespace="/room-1")
    c.until("disconnect", namespace="/room-1")
    log("disconnected by the server", ask(a, "sockets", {}))


def broadcast():
    a, b, c = peers = [Peer(("/room-2",)) for _ in range(3)]
    for peer in peers:
        peer.all("/room-2", 2)
    a.ask("to", {}, b"\x01", {"deep": b"\x02"}, namespace="/room-2")
    log("to the others", *[peer.all("/room-2", n) for peer, n in zip(peers, (0, 1, 1))])
    for peer in peers:
        peer.answer = lambda *args: b"\x07"
    log("all are asked", a.ask("gather", {}, 5000, "x", namespace="/room-2"))


def reasons():
    # This client says that it leaves, and closes at once: which comes first at the server is a matter of moments.
    for name, way, sure in (("the client disconnects", lambda peer: peer.client.disconnect(), ()),
                            ("the server disconnects", lambda peer: peer.emit("bye", False), ("/",)),
                            ("the server closes the connection", lambda peer: peer.emit("bye", True), ("/", "/chat"))):
        peer = Peer(("/", "/chat"))
        peer.all(events=2)
        peer.all("/chat", events=2)
        way(peer)
        peer.until("disconnect")
        time.sleep(0.1)
        log(name, peer.take(), peer.take("/chat"))
        peer.client.disconnect()
        ends = sorted(peer.ends(4))
        log(f"{name}: the server", [[end[0], end[1], end[2] if end[0] in sure else "?", end[3]] for end in ends])


def restart():
    peer = Peer(reconnection_delay=0.1, reconnection_delay_max=0.2)
    peer.all(events=2)
    for how in ("kill", "stop"):
        control(how)
        peer.until("disconnect")
        peer.take()
        control("start")
        peer.until("welcome")
        log(f"back after {how}", [event for event in peer.all() if event[0] in ("connect", "welcome")])


for run in (connect, transport, namespaces, auth, events, acks, binary, rooms, broadcast, reasons, restart):
    SCENARIO = run.__name__
    # Over polling, this client takes half a minute to find out that its server is gone.
    if SCENARIO == "restart" and ("--restarts" not in sys.argv or TRANSPORT == "polling"):
        continue
    try:
        run()
    except Exception as error:  # the comparison shows it
        log("failed", f"{type(error).__name__}: {error}")
    for one in Peer.opened:
        if one.client.eio.state == "connected":
            one.client.disconnect()

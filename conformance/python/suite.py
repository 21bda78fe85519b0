"""The checks that every Python client runs against a real server, written once over a thin layer per client.

A layer gives connect(url, subprotocols, origin, deflate), which returns a connection or raises Refused. A connection has

    subprotocol, extensions     what the handshake agreed on, "" if nothing
    send(message)               str goes as text, bytes as binary
    recv()                      the next message; raises Closed when the server has closed
    ping(payload)               returns the payload of the pong
    close(code, reason)         the whole closing handshake; returns the server's (code, reason)
    send_fragments(parts)       one message in several frames   } what a client's library cannot do, its
    send_broken_text(payload)   bytes that are not UTF-8        } layer names in "lacks"

Each check prints one line, "ok FEATURE/WHAT" or "not ok FEATURE/WHAT: why". The last check prints "stop the server": whoever
started this program does so.
"""

import json
import re
import sys
import traceback
import uuid

PATIENCE = 10  # seconds that anything may take
SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20)
ALPHABETS = "Grüße, κόσμε, Привет, שלום, 你好, こんにちは, 👩‍👩‍👧, \u0000\ufeff\uffff\U0010ffff"


class Closed(Exception):
    """The connection has ended, with what the server's close frame said."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason!r}")
        self.code, self.reason = code, reason


class Refused(Exception):
    """The server answered the handshake with another status than 101."""

    def __init__(self, status):
        super().__init__(f"refused with {status}")
        self.status = status


CHECKS = []


def check(name, needs=None):
    """Adds a check. Needs is the ability without which a client cannot run it."""

    def add(function):
        CHECKS.append((name, needs, function))
        return function

    return add


class Listener:
    """What every layer's connection can do with recv."""

    def recv_until(self, word):
        """Returns the first message that holds a word."""
        while True:
            message = self.recv()
            if word in message:
                return message

    def recv_event(self, kind):
        """Returns the first event of a kind, in the JSON format of the chat room."""
        while True:
            event = json.loads(self.recv())
            if event["type"] == kind:
                return event


class Server:
    """The server under test, reached through one client."""

    def __init__(self, url, connect):
        self.url, self._connect, self._open = url, connect, []

    def connect(self, path, subprotocols=(), origin=None, deflate=None):
        conn = self._connect(self.url + path, list(subprotocols), origin, deflate)
        self._open.append(conn)
        return conn

    def refusal(self, path, **how):
        """Returns the status with which a handshake is refused."""
        try:
            self.connect(path, **how)
        except Refused as refused:
            return refused.status
        raise AssertionError("the server accepted")

    def origin(self):
        """The origin of the server's own pages."""
        return "http" + self.url.removeprefix("ws")

    def end_check(self):
        for conn in self._open:
            try:
                conn.close(1000, "")
            except Exception:  # it may be closed, or broken by what failed
                pass
        self._open.clear()


def run(connect, lacks=()):
    """Runs all checks against the server at the URL on the command line, and exits with 1 if one failed."""
    server, failed = Server(sys.argv[1], connect), False
    for name, needs, function in [*CHECKS, ("shutdown/everybody is told 1001", None, shutdown)]:
        if needs in lacks:
            continue
        try:
            function(server)
            print(f"ok {name}", flush=True)
        except Exception as error:
            failed = True
            where = traceback.extract_tb(error.__traceback__)[1]
            why = f"{type(error).__name__}: {error} (line {where.lineno}: {where.line})"
            print(f"not ok {name}: " + " ".join(why.split())[:500], flush=True)
        finally:
            server.end_check()
    sys.exit(1 if failed else 0)


def same(got, want):
    if got != want or type(got) is not type(want):
        raise AssertionError(f"got {got!r:.100}, want {want!r:.100}")


def ends(conn):
    """Returns how the server ends a connection, past messages that are still on their way."""
    try:
        while True:
            conn.recv()
    except Closed as closed:
        return closed


def message_of(size):
    """Returns text and bytes of a size, that compress neither to nothing nor not at all."""
    data = bytes(33 + (i * i // 7 + i) % 90 for i in range(size))
    return data.decode(), bytes(255 - b for b in data)


# The handshake.


@check("handshake/plain")
def handshake_plain(server):
    conn = server.connect("/echo")
    same((conn.subprotocol, conn.extensions), ("", ""))


@check("subprotocol/the one that the server speaks")
def subprotocol_chosen(server):
    same(server.connect("/chat", ["other", "chat.duplex.v1"]).subprotocol, "chat.duplex.v1")


@check("subprotocol/none of those offered", "no subprotocol")
def subprotocol_none(server):
    same(server.connect("/echo", ["chat.duplex.v1"]).subprotocol, "")


@check("origin/our own")
def origin_own(server):
    server.connect("/echo", origin=server.origin())


@check("origin/allowed by a flag")
def origin_allowed(server):
    server.connect("/echo", origin="https://app.good.example")


@check("origin/another is refused")
def origin_other(server):
    same(server.refusal("/echo", origin="https://evil.example"), 403)


@check("path/unknown")
def path_unknown(server):
    same(server.refusal("/nowhere"), 404)


@check("path/with a bad query")
def path_query(server):
    same(server.refusal("/hello?every=never"), 400)


# Messages.


def echo_checks(size, deflate):
    def echo(server, pick):
        conn = server.connect("/echo", deflate=deflate)
        message = message_of(size)[pick]
        for _ in range(2):  # the second finds the compressor's window filled
            conn.send(message)
            same(conn.recv(), message)

    feature, needs = ("deflate", "deflate") if deflate is not None else ("echo", None)
    check(f"{feature}/text of {size} bytes", needs)(lambda server: echo(server, 0))
    check(f"{feature}/binary of {size} bytes", needs)(lambda server: echo(server, 1))


for SIZE in SIZES:
    echo_checks(SIZE, None)


@check("echo/at the address of older clients")
def echo_chatsocket(server):
    conn = server.connect("/chatsocket")
    conn.send("hello")
    same(conn.recv(), "hello")


@check("echo/500 messages at once, in order")
def echo_many(server):
    conn = server.connect("/echo")
    for i in range(500):
        conn.send(str(i))
    same([conn.recv() for _ in range(500)], [str(i) for i in range(500)])


@check("fragments/text cut inside a character", "fragments")
def fragments_text(server):
    conn = server.connect("/echo")
    payload = ALPHABETS.encode()
    conn.send_fragments([payload[i : i + 1] for i in range(len(payload))])
    same(conn.recv(), ALPHABETS)


@check("fragments/binary with empty ones", "fragments")
def fragments_binary(server):
    conn = server.connect("/echo")
    conn.send_fragments([b"", b"\x00\xff", b"", b"\xfe", b""], binary=True)
    same(conn.recv(), b"\x00\xff\xfe")


@check("fragments/with a ping between", "fragments")
def fragments_ping(server):
    conn = server.connect("/echo")
    conn.send_fragments([b"to", b"gether"], between=lambda: conn.ping(b"between"))
    same(conn.recv(), "together")


@check("ping/pongs bear the same bytes")
def ping(server):
    conn = server.connect("/echo")
    for payload in (b"a", bytes(range(125))):
        same(conn.ping(payload), payload)
    conn.send("still here")
    same(conn.recv(), "still here")


@check("deflate/agreed", "deflate")
def deflate_agreed(server):
    conn = server.connect("/echo", deflate={})
    assert "permessage-deflate" in conn.extensions, conn.extensions


for SIZE in SIZES:
    echo_checks(SIZE, {})


@check("deflate/without context takeover", "deflate parameters")
def deflate_no_takeover(server):
    conn = server.connect("/echo", deflate={"server_no_context_takeover": True, "client_no_context_takeover": True})
    assert "server_no_context_takeover" in conn.extensions, conn.extensions
    for i in range(20):
        conn.send(f"{i} {ALPHABETS * 50}")
        same(conn.recv(), f"{i} {ALPHABETS * 50}")


@check("deflate/with small windows", "deflate parameters")
def deflate_windows(server):
    conn = server.connect("/echo", deflate={"server_max_window_bits": 9, "client_max_window_bits": 10})
    assert re.search(r"server_max_window_bits=9\b", conn.extensions), conn.extensions
    text = message_of(70000)[0]
    for _ in range(3):
        conn.send(text)
        same(conn.recv(), text)


@check("utf-8/many alphabets")
def utf8(server):
    conn = server.connect("/echo")
    conn.send(ALPHABETS * 100)
    same(conn.recv(), ALPHABETS * 100)


@check("utf-8/a broken text ends with 1007", "broken text")
def utf8_broken(server):
    conn = server.connect("/echo")
    conn.send_broken_text(b"fine until here: \xed\xa0\x80")
    closed = ends(conn)
    same(closed.code, 1007)
    assert closed.reason, "no reason was given"


# The end.


@check("close/the server answers our code")
def close_ours(server):
    for code in (1000, 1001, 3000, 4999):
        same(server.connect("/echo").close(code, "")[0], code)


@check("close/with the longest reason there is")
def close_reason(server):
    reason = "再见" * 20 + "bye"  # 123 bytes
    same(server.connect("/echo").close(4000, reason)[0], 4000)


@check("close/a message over 1 MiB ends with 1009")
def close_too_big(server):
    conn = server.connect("/echo")
    conn.send(b"x" * ((1 << 20) + 1))
    closed = ends(conn)
    same(closed.code, 1009)
    assert "1048576" in closed.reason, closed.reason


# The addresses.


@check("index/greets and answers")
def index(server):
    conn = server.connect("/")
    same(conn.recv(), "You are connected")
    conn.send("hi <b>你</b>")
    same(conn.recv(), "You said hi <b>你</b>")


@check("hello/at once, and at the interval")
def hello(server):
    same(server.connect("/hello").recv(), "hello world")
    conn = server.connect("/hello?every=100ms")
    same([conn.recv() for _ in range(3)], ["hello world"] * 3)


def say(conn, uid, text, **more):
    conn.send(json.dumps({"uid": uid, "message": text, **more}))


@check("chat/HTML: an id, and messages for everybody, escaped")
def chat_html(server):
    ann, bob = server.connect("/chat"), server.connect("/chat")
    me = ann.recv()
    same(uuid.UUID(me).version, 4)
    same(str(uuid.UUID(me)), me)
    text = f"<script>alert('{uuid.uuid4()}')</script> & 你好"
    bob.recv()  # both are in the room
    say(ann, me, text)
    got = ann.recv_until("alert")
    assert re.fullmatch(r"<div [^>]*border.*</div>", got), got
    assert f"游客{me}" in got, got
    assert "<script" not in got and "&lt;script&gt;" in got and "&amp; 你好" in got, got
    same(bob.recv_until("alert"), got)


@check("chat/HTML: history for who comes later")
def chat_history(server):
    ann = server.connect("/chat")
    me, words = ann.recv(), [str(uuid.uuid4()) for _ in range(3)]
    for word in words:
        say(ann, me, word)
        ann.recv_until(word)
    late = server.connect("/chat")
    same(uuid.UUID(late.recv()).version, 4)
    for word in words:
        assert f"游客{me}" in late.recv_until(word)


@check("chat/a message that is none is answered, and nobody else hears it")
def chat_bad(server):
    ann, bob = server.connect("/chat", ["chat.duplex.v1"]), server.connect("/chat", ["chat.duplex.v1"])
    me = ann.recv_event("welcome")["id"]
    welcome = bob.recv_event("welcome")
    other, last = welcome["id"], welcome["last"]
    for bad in ("no JSON", "[]", "{}", '{"uid": "%s"}' % me, json.dumps({"uid": other, "message": "not mine"}), b"\x00"):
        ann.send(bad)
        assert ann.recv_event("error")["error"], bad
    say(ann, me, "a good one")
    heard = bob.recv_event("message")
    while heard["seq"] <= last:  # what earlier checks said
        heard = bob.recv_event("message")
    same((heard["seq"], heard["text"]), (last + 1, "a good one"))


@check("chat/JSON: welcome, join, message, leave")
def chat_json(server):
    ann = server.connect("/chat?name=Ann", ["chat.duplex.v1"])
    welcome = ann.recv_event("welcome")
    same([p["name"] for p in welcome["who"] if p["uid"] == welcome["id"]], ["Ann"])
    bob = server.connect("/chat?name=%E9%B2%8D%E5%8B%83", ["chat.duplex.v1"])
    other = bob.recv_event("welcome")["id"]
    same(ann.recv_event("join"), {"type": "join", "uid": other, "name": "鲍勃"})
    word = f"<b>{uuid.uuid4()}</b>"
    say(bob, other, word, nonce="n1")
    heard = ann.recv_event("message")
    same((heard["uid"], heard["name"], heard["text"], heard["nonce"]), (other, "鲍勃", word, "n1"))
    bob.close(1000, "")
    same(ann.recv_event("leave")["uid"], other)


@check("game/the wire format")
def game_format(server):
    conn = server.connect("/game?seed=7")
    conn.send('"success"')
    state = json.loads(conn.recv())
    same({k: type(v) for k, v in state.items()}, {"board": list, "score": int, "moved": bool, "over": bool, "won": bool})
    same([len(row) for row in state["board"]], [4, 4, 4, 4])
    same(sorted(v > 0 for row in state["board"] for v in row), [False] * 14 + [True] * 2)
    for nonsense in ("up", "4", "", "[0]", b"0"):
        conn.send(nonsense)
        assert json.loads(conn.recv())["error"]
    conn.send("0")
    assert "board" in json.loads(conn.recv())


@check("game/equal seeds play equal games, to the end")
def game_seed(server):
    def play():
        conn = server.connect("/game?seed=7")
        conn.send('"success"')
        states = [conn.recv()]
        while not json.loads(states[-1])["over"]:
            conn.send("0213"[len(states) % 4])
            states.append(conn.recv())
        return states

    first = play()
    same(play(), first)
    assert json.loads(first[-1])["score"] > 0, first[-1]


def shutdown(server):
    conns = [server.connect(path) for path in ("/", "/echo", "/hello", "/chat", "/game")]
    print("stop the server", flush=True)
    same([ends(conn).code for conn in conns], [1001] * len(conns))

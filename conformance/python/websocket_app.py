"""Runs the checks with Debian's python3-websocket in its long-lived style, WebSocketApp.run_forever with callbacks."""

import queue
import threading

import websocket

import suite
from suite import Closed, Listener, Refused


class Conn(Listener):
    def __init__(self, url, subprotocols, origin):
        self.opened, self.messages, self.pongs = queue.Queue(), queue.Queue(), queue.Queue()
        self.app = websocket.WebSocketApp(
            url,
            subprotocols=subprotocols or None,
            on_open=lambda app: self.opened.put(None),
            on_message=lambda app, message: self.messages.put(message),
            on_pong=lambda app, payload: self.pongs.put(payload),
            on_error=self.on_error,
            on_close=lambda app, code, reason: self.messages.put(Closed(code, reason)),
        )
        self.thread = threading.Thread(
            target=self.app.run_forever, daemon=True, kwargs={"origin": origin, "suppress_origin": origin is None})
        self.thread.start()
        error = self.opened.get(timeout=suite.PATIENCE)
        if isinstance(error, websocket.WebSocketBadStatusException):
            raise Refused(error.status_code)
        if error is not None:
            raise error
        self.subprotocol = self.app.sock.subprotocol or ""
        self.extensions = self.app.sock.headers.get("sec-websocket-extensions", "")

    def on_error(self, app, error):
        self.opened.put(error)  # read only while we wait for the handshake

    def send(self, message):
        binary = websocket.ABNF.OPCODE_BINARY
        self.app.send(message) if isinstance(message, str) else self.app.send(message, binary)

    def send_fragments(self, parts, binary=False, between=lambda: None):
        opcode = websocket.ABNF.OPCODE_BINARY if binary else websocket.ABNF.OPCODE_TEXT
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            self.app.sock.send_frame(websocket.ABNF.create_frame(part, opcode, int(last)))
            opcode = websocket.ABNF.OPCODE_CONT
            if not last:
                between()

    def send_broken_text(self, payload):
        self.app.send(payload, websocket.ABNF.OPCODE_TEXT)

    def recv(self):
        message = self.messages.get(timeout=suite.PATIENCE)
        if isinstance(message, Closed):
            raise message
        return message

    def ping(self, payload):
        self.app.send(payload, websocket.ABNF.OPCODE_PING)
        return self.pongs.get(timeout=suite.PATIENCE)

    def close(self, code, reason):
        if self.app.sock is None:
            return 1006, ""
        # The loop in run_forever reads the answer: app.close would race with it for the socket.
        self.app.sock.send_close(code, reason.encode())
        end = suite.ends(self)
        self.thread.join(suite.PATIENCE)
        return end.code, end.reason


def connect(url, subprotocols, origin, deflate):
    return Conn(url, subprotocols, origin)


@suite.check("ping/the client's own keepalive")
def keepalive(server):
    pongs, errors = queue.Queue(), []
    app = websocket.WebSocketApp(
        server.url + "/echo", on_pong=lambda app, payload: pongs.put(payload), on_error=lambda app, error: errors.append(error))
    loop = threading.Thread(target=app.run_forever, kwargs={"ping_interval": 0.3, "ping_timeout": 0.2}, daemon=True)
    loop.start()
    for _ in range(3):
        pongs.get(timeout=suite.PATIENCE)
    app.close()
    loop.join(suite.PATIENCE)
    suite.same((loop.is_alive(), errors), (False, []))


# This client does not compress, and gives up where a server speaks none of the subprotocols that it offers.
suite.run(connect, lacks={"deflate", "deflate parameters", "no subprotocol"})

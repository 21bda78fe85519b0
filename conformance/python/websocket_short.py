"""Runs the checks with Debian's python3-websocket in its short style, create_connection."""

import struct

import websocket

import suite
from suite import Closed, Listener, Refused


class Conn(Listener):
    def __init__(self, ws):
        self.ws = ws
        self.subprotocol = ws.subprotocol or ""
        self.extensions = ws.headers.get("sec-websocket-extensions", "")

    def send(self, message):
        if isinstance(message, str):
            self.ws.send(message)
        else:
            self.ws.send_binary(message)

    def send_fragments(self, parts, binary=False, between=lambda: None):
        opcode = websocket.ABNF.OPCODE_BINARY if binary else websocket.ABNF.OPCODE_TEXT
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            self.ws.send_frame(websocket.ABNF.create_frame(part, opcode, int(last)))
            opcode = websocket.ABNF.OPCODE_CONT
            if not last:
                between()

    def send_broken_text(self, payload):
        self.ws.send(payload, websocket.ABNF.OPCODE_TEXT)

    def recv(self):
        while True:
            opcode, data = self.ws.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_TEXT:
                return data.decode()
            if opcode == websocket.ABNF.OPCODE_BINARY:
                return data
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise closed(data)

    def ping(self, payload):
        self.ws.ping(payload)
        opcode, data = self.ws.recv_data(control_frame=True)
        suite.same(opcode, websocket.ABNF.OPCODE_PONG)
        return data

    def close(self, code, reason):
        if not self.ws.connected:
            return 1006, ""
        self.ws.send_close(code, reason.encode())
        frame = self.ws.recv_frame()
        while frame.opcode != websocket.ABNF.OPCODE_CLOSE:
            frame = self.ws.recv_frame()
        self.ws.shutdown()
        end = closed(frame.data)
        return end.code, end.reason


def closed(data):
    code = struct.unpack("!H", data[:2])[0] if data else 1005
    return Closed(code, data[2:].decode())


def connect(url, subprotocols, origin, deflate):
    try:
        return Conn(websocket.create_connection(
            url, timeout=suite.PATIENCE, subprotocols=subprotocols or None, origin=origin, suppress_origin=origin is None))
    except websocket.WebSocketBadStatusException as error:
        raise Refused(error.status_code) from error


@suite.check("close/as this client does it by itself")
def close_plain(server):
    ws = websocket.create_connection(server.url + "/echo", timeout=suite.PATIENCE)
    ws.close()
    assert not ws.connected


# This client does not compress, and gives up where a server speaks none of the subprotocols that it offers.
suite.run(connect, lacks={"deflate", "deflate parameters", "no subprotocol"})

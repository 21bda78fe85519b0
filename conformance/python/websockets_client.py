"""Runs the checks with Debian's python3-websockets."""

import asyncio
import itertools

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import OP_BINARY, OP_CONT, OP_TEXT

import suite
from background import wait
from suite import Closed, Listener, Refused


class Conn(Listener):
    def __init__(self, ws):
        self.ws = ws
        self.subprotocol = ws.subprotocol or ""
        self.extensions = ws.response_headers.get("Sec-WebSocket-Extensions", "")

    def send(self, message):
        wait(self.ws.send(message))

    def send_fragments(self, parts, binary=False, between=lambda: None):
        opcodes = itertools.chain([OP_BINARY if binary else OP_TEXT], itertools.repeat(OP_CONT))
        for i, (part, opcode) in enumerate(zip(parts, opcodes)):
            last = i == len(parts) - 1
            wait(self.ws.write_frame(last, opcode, part))
            if not last:
                between()

    def send_broken_text(self, payload):
        wait(self.ws.write_frame(True, OP_TEXT, payload))

    def recv(self):
        try:
            return wait(self.ws.recv())
        except websockets.ConnectionClosed:
            raise Closed(self.ws.close_code, self.ws.close_reason) from None

    def ping(self, payload):
        async def there_and_back():
            await (await self.ws.ping(payload))
            return payload  # the client has found the ping by it

        return wait(there_and_back())

    def close(self, code, reason):
        wait(self.ws.close(code, reason))
        return self.ws.close_code, self.ws.close_reason


def connect(url, subprotocols, origin, deflate):
    async def dial():
        return await websockets.connect(
            url,
            subprotocols=subprotocols or None,
            origin=origin,
            compression=None,
            extensions=None if deflate is None else [ClientPerMessageDeflateFactory(**deflate)],
            max_size=None,
        )

    try:
        return Conn(wait(dial()))
    except websockets.InvalidStatusCode as error:
        raise Refused(error.status_code) from error


@suite.check("fragments/as this client makes them")
def fragments_own(server):
    conn = server.connect("/echo")
    wait(conn.ws.send(["one ", "", "two ", "three"]))
    suite.same(conn.recv(), "one two three")


@suite.check("deflate/as this client offers it by itself")
def deflate_default(server):
    async def talk():
        async with websockets.connect(server.url + "/echo") as ws:
            for _ in range(3):
                await ws.send(suite.ALPHABETS * 10)
                suite.same(await ws.recv(), suite.ALPHABETS * 10)
            return ws.response_headers.get("Sec-WebSocket-Extensions", "")

    assert "permessage-deflate" in wait(talk())


@suite.check("ping/the client's own keepalive")
def keepalive(server):
    async def idle():
        async with websockets.connect(server.url + "/echo", ping_interval=0.2, ping_timeout=0.2) as ws:
            await asyncio.sleep(1)
            await ws.send("still here")
            return await ws.recv()

    suite.same(wait(idle()), "still here")


suite.run(connect)

"""Runs the checks with Debian's python3-tornado."""

import asyncio

import tornado.httpclient
import tornado.httputil
import tornado.websocket

import suite
from background import wait
from suite import Closed, Listener, Refused


class Conn(Listener):
    def __init__(self, ws, pongs):
        self.ws, self.pongs, self.ended = ws, pongs, False
        self.subprotocol = ws.selected_subprotocol or ""
        self.extensions = ws.headers.get("Sec-WebSocket-Extensions", "")

    def send(self, message):
        async def send():
            await self.ws.write_message(message, binary=isinstance(message, bytes))

        wait(send())

    def send_broken_text(self, payload):
        async def send():
            await self.ws.write_message(payload, binary=False)

        wait(send())

    def recv(self):
        async def recv():
            return await self.ws.read_message()

        message = None if self.ended else wait(recv())
        if message is None:  # the client says so once, and would then wait for ever
            self.ended = True
            raise Closed(self.ws.close_code, self.ws.close_reason)
        return message

    def ping(self, payload):
        async def there_and_back():
            self.ws.ping(payload)
            return await self.pongs.get()

        return wait(there_and_back())

    def close(self, code, reason):
        async def close():
            self.ws.close(code, reason)

        wait(close())
        end = suite.ends(self)
        return end.code, end.reason


def connect(url, subprotocols, origin, deflate):
    headers = tornado.httputil.HTTPHeaders({"Origin": origin} if origin else {})

    async def dial():
        pongs = asyncio.Queue()
        ws = await tornado.websocket.websocket_connect(
            tornado.httpclient.HTTPRequest(url, headers=headers, connect_timeout=suite.PATIENCE),
            subprotocols=subprotocols or None,
            compression_options=deflate,
            max_message_size=16 << 20,
        )
        ws.on_pong = pongs.put_nowait
        return Conn(ws, pongs)

    try:
        return wait(dial())
    except tornado.httpclient.HTTPError as error:
        raise Refused(error.code) from error


# This client sends each message in one frame, and leaves all parameters of compression to the server.
suite.run(connect, lacks={"fragments", "deflate parameters"})

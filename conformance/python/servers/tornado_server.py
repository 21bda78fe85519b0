"""An echo server on python3-tornado, with compression. It prints its port."""

import asyncio

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket


class Echo(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def select_subprotocol(self, offered):
        return "v2" if "v2" in offered else None

    def get_compression_options(self):
        return {}

    def on_pong(self, data):
        if data == b"hello":
            self.write_message("ponged")

    def on_message(self, message):
        if message == "close":
            self.close(4000, "as you wish")
        elif message == "ping":
            self.ping(b"hello")
        else:
            self.write_message(message, isinstance(message, bytes))


async def main():
    app = tornado.web.Application([("/.*", Echo)], websocket_max_message_size=1 << 22)
    server = tornado.httpserver.HTTPServer(app)
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print("port", sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())

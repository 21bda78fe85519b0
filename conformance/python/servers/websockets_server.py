"""An echo server on python3-websockets: one connection of each kind after the other. It prints its port."""

import asyncio

import websockets


async def echo(ws, path=None):
    async for message in ws:
        if message == "close":
            await ws.close(4000, "as you wish")
        elif message == "fragments":
            await ws.send(["frag", "men", "ts"])
        elif message == "ping":
            await (await ws.ping(b"hello"))
            await ws.send("ponged")
        else:
            await ws.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["v2"], max_size=1 << 22) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())

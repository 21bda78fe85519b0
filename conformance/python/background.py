"""An asyncio loop in a thread of its own, so that a client which is built on asyncio goes on while a check does not wait for it."""

import asyncio
import threading

import suite

_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, daemon=True).start()


def wait(coroutine):
    """Returns what a coroutine does, run in the loop."""
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, suite.PATIENCE), _loop).result()

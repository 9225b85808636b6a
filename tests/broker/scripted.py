"""A server on this machine that does as told, down to the bytes, and no more than a connection's tests need."""

import asyncio
import json
import math
import socket
import struct
import threading
import time
from typing import NamedTuple

USAGE = {"input_tokens": 10, "output_tokens": 3, "cache_creation_input_tokens": 2, "cache_read_input_tokens": None}
TEXT = {"type": "text", "text": '{"action":"none"}'}


class Act(NamedTuple):
    """What is done with a request: bytes written after a wait, and the end of the connection."""

    raw: bytes
    wait_s: float = 0.0
    end: str = "keep"


def http(status, body, **headers):
    """Give an answer as bytes."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Told", f"content-length: {len(text)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + text


def message(content=(TEXT,), stop_reason="end_turn", usage=USAGE, **more):
    """Give a message of the model's interface."""
    form = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": list(content)}
    return {**form, "stop_reason": stop_reason, "stop_sequence": None, "usage": usage, **more}


def ok(wait_s=0.0):
    return Act(http(200, message(), request_id="req_1"), wait_s)


def error(status, **headers):
    told = {"type": "error", "error": {"type": "told", "message": "as told"}}
    return Act(http(status, told, request_id=f"req_{status}", **headers))


class Bucket:
    """A limit of the rate; refuses at once and in whole seconds, as real ones do."""

    def __init__(self, per_s, burst, latency_s=0.0):
        self.per_s, self.burst, self.latency_s = per_s, burst, latency_s
        self.level, self.at_s, self.refusals, self.accepted = burst, time.monotonic(), 0, 0

    def __call__(self, payload, nth):
        now_s = time.monotonic()
        self.level = min(self.burst, self.level + (now_s - self.at_s) * self.per_s)
        self.at_s = now_s
        if self.level < 1:
            self.refusals += 1
            return error(429, retry_after=math.ceil((1 - self.level) / self.per_s))
        self.level -= 1
        self.accepted += 1
        return ok(self.latency_s)


class Scripted:
    """The server; `script(payload, nth)` says what is done with the nth message, `count` with each token count."""

    def __init__(self, script=lambda payload, nth: ok(), count=None):
        self.script = script
        self.count = count or Act(http(200, {"input_tokens": 7}))
        self.payloads, self.heads, self.deepest, self._now = [], [], 0, 0

    def __enter__(self):
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        self.thread.start()
        ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, ready):
        self.loop, self.over, self.tasks = asyncio.get_running_loop(), asyncio.Event(), set()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=1000)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self.over.wait()
        server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _talk(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.tasks.discard(asyncio.current_task())
            writer.close()

    async def _answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
        )
        payload = json.loads(await reader.readexactly(length))
        self.heads.append(head)
        if "count_tokens" in head.splitlines()[0]:
            act = self.count
        else:
            self.payloads.append(payload)
            act = self.script(payload, len(self.payloads) - 1)
        self._now += 1
        self.deepest = max(self.deepest, self._now)
        await asyncio.sleep(act.wait_s)
        self._now -= 1
        writer.write(act.raw)
        if act.end == "reset":
            lingering = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
        await writer.drain()
        return act.end == "keep"

"""HTTP/1.1 as far as a stub server needs it: requests with a body of known length, kept connections, loopback.

Owns the socket. Knows no message; of a request's headers it keeps the length of the body, and whether there was a key.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import struct
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.errors import ConfigError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BODY_BYTES: Final = 32 << 20
_MOST_HEAD_BYTES: Final = 64 << 10
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n")
_KEY: Final = re.compile(rb"\r\n(?:authorization|x-api-key):")
_LINGER: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class Request(NamedTuple):
    """A request as it arrived.

    Attributes
    ----------
    method, path : str
        The path without its query.
    body : bytes
        Empty where its length is not known or too much.
    has_key : bool
    fault : int
        Status of what is wrong with it already: 400, 413; 0 for nothing.
    """

    method: str
    path: str
    body: bytes
    has_key: bool
    fault: int


class Delivery(NamedTuple):
    """What is sent, and when.

    Attributes
    ----------
    raw : bytes
        Head and body; none for a connection that is dropped.
    wait_ms : int
    keeps : bool
        Whether the connection stays open.
    """

    raw: bytes
    wait_ms: int = 0
    keeps: bool = True


def response(status: int, body: bytes, *, kind: str = "application/json", more: str = "") -> bytes:
    """Write a response; `more` are lines of the head, each with its end."""
    head = (
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Error')}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\nwattbook-stub: 1\r\n{more}\r\n"
    )
    return head.encode() + body


def take(buffer: bytearray) -> Request | None:
    """Take the next request out of what has arrived; None while it is not whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return _faulty(buffer, 413) if len(buffer) > _MOST_HEAD_BYTES else None
    head = bytes(buffer[: end + 2])
    line, low = head[: head.find(b"\r\n")].decode("latin-1").split(" "), head.lower()
    if len(line) != 3 or b"\r\ntransfer-encoding:" in low:
        return _faulty(buffer, 400)
    found = _LENGTH.search(low)
    start, size = end + 4, int(found[1]) if found else 0
    if size > MOST_BODY_BYTES:
        return _faulty(buffer, 413)
    if len(buffer) < start + size:
        return None
    body = bytes(buffer[start : start + size])
    del buffer[: start + size]
    return Request(line[0], line[1].partition("?")[0], body, _KEY.search(low) is not None, 0)


def _faulty(buffer: bytearray, status: int) -> Request:
    buffer.clear()
    return Request("", "", b"", False, status)


class Hub:
    """All connections of one server.

    Parameters
    ----------
    serve : callable
        ``serve(request)`` says what is delivered; it must not wait.

    Attributes
    ----------
    most_at_once : int
        Most requests under way at one moment.
    """

    def __init__(self, serve: Callable[[Request], Delivery]) -> None:
        self.serve = serve
        self.wires: set[Wire] = set()
        self.most_at_once = 0
        self._under_way: set[Wire] = set()

    def begin(self, wire: Wire) -> None:
        """Note that a request came in."""
        self._under_way.add(wire)
        self.most_at_once = max(self.most_at_once, len(self._under_way))

    def end(self, wire: Wire) -> None:
        """Note that it is answered, or that nobody waits for it any more."""
        self._under_way.discard(wire)

    async def run(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then end every connection."""
        server = await asyncio.get_running_loop().create_server(lambda: Wire(self), sock=listening, backlog=1024)
        await stop.wait()
        server.close()
        for _ in range(3):  # what was being accepted becomes a connection in the next turns of the loop
            await asyncio.sleep(0)
        for wire in tuple(self.wires):
            wire.drop()
        while self.wires:
            await asyncio.sleep(0)


class Wire(asyncio.Protocol):
    """One connection: one request after another."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._buffer = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._hub.wires.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it; why it ended is all one
        """End; an answer on its way is given up."""
        if self._timer is not None:
            self._timer.cancel()
        self._hub.end(self)
        self._hub.wires.discard(self)

    def data_received(self, data: bytes) -> None:
        """Gather what arrives; a request that comes before the answer to the last one waits."""
        self._buffer += data
        if self._timer is None:
            self._next()

    def drop(self) -> None:
        """End the connection without another word."""
        self._transport.abort()

    def _next(self) -> None:
        self._timer = None
        request = take(self._buffer)
        if request is None or self._transport.is_closing():
            return
        self._hub.begin(self)
        delivery = self._hub.serve(request)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delivery.wait_ms / 1000, self._deliver, delivery)

    def _deliver(self, delivery: Delivery) -> None:
        self._hub.end(self)
        if not delivery.raw:
            self._reset()
            return
        self._transport.write(delivery.raw)
        if delivery.keeps:
            self._next()
        else:
            self._transport.close()

    def _reset(self) -> None:
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self.drop()


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket on this machine.

    Raises
    ------
    ConfigError
        If the address could be reached from elsewhere.
    ResourceError
        If the port is taken.
    """
    if not _is_loopback(host):
        raise ConfigError(f"host={host!r} can be reached from other machines: type host='127.0.0.1' for a stub")
    if not 0 <= port < 1 << 16:
        raise ConfigError(f"port={port} is no port: type port=0 for a free one")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise ResourceError(f"port={port} cannot be had ({error.strerror}): type port=0 for a free one") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(listening: socket.socket) -> str:
    """Tell where a socket listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

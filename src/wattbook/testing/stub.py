"""A stand-in for the Messages interface on this machine, to test what asks a language model without a key.

`Stub` runs in a thread of its own, `stub_process` in a process of its own, and ``python -m wattbook.testing.stub`` by
hand. Owns how a stub begins and ends. Binds loopback addresses only.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import signal
import subprocess
import sys
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError, ResourceError
from wattbook.testing.stub_behaviours import ERRORS, PLAIN, Behaviour, Bucket, Counts, Kind
from wattbook.testing.stub_service import Service
from wattbook.testing.stub_wire import listen, url_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from wattbook.testing.stub_answers import Answerer
    from wattbook.testing.stub_behaviours import Script

_PATIENCE_S: Final = 30


class Stub:
    """A stub server in a thread of its own, for the length of a ``with`` block.

    Parameters
    ----------
    behaviour : Behaviour, sequence of Behaviour or callable
        One for all posts; or one for each in order of arrival, and plain after the last; or ``behaviour(body, number)``
        by content, with the number of posts before this one. Posts that the bucket refuses are not counted in either.
    answer : callable, optional
        ``answer(body)`` gives the values, as a dict, or the text of the answer. By default values are made of the
        schema that the request brings: of each enum one, and short texts, chosen by a hash of system, messages and
        schema.
    entry : Behaviour
        Of ``count_tokens`` and ``models``, which a client may ask before it begins.
    bucket : Bucket, optional
        Limit of the rate; beyond it posts get 429.
    keep_requests : int
        How many bodies of the latest posts `requests` holds.
    host, port
        A loopback address, and a port of it; 0 for a free one.

    Raises
    ------
    ConfigError
        If the address is not of this machine alone, or a value cannot be used.
    """

    def __init__(
        self,
        behaviour: Script = PLAIN,
        *,
        answer: Answerer | None = None,
        entry: Behaviour = PLAIN,
        bucket: Bucket | None = None,
        keep_requests: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._service = Service(behaviour, answer=answer, entry=entry, bucket=bucket, keep_requests=keep_requests)
        self._host, self._port = host, port
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        if not self._url:
            raise ConfigError("a stub has no address before it runs: write with Stub() as stub")
        return self._url

    @property
    def counts(self) -> Counts:
        """What it has seen so far."""
        return self._service.counts

    @property
    def posts(self) -> int:
        """Requests for a message so far."""
        return self.counts.posts

    @property
    def refused(self) -> int:
        """Those of them that got 429."""
        return self.counts.refused

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Bodies of the latest posts that the bucket let in, oldest first."""
        return list(self._service.requests)

    def __enter__(self) -> Stub:
        listening = listen(self._host, self._port)
        self._url = url_of(listening)
        ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self._live(listening, ready)), name="wattbook-stub")
        self._thread.start()
        self._loop, self._stop = ready.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._service.failure is not None and kind is None:
            raise self._service.failure

    async def _live(
        self, listening: socket.socket, ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
    ) -> None:
        stop = asyncio.Event()
        ready.set_result((asyncio.get_running_loop(), stop))
        await self._service.hub.run(listening, stop)


class StubProcess:
    """A stub server in a process of its own; made by `stub_process`.

    Attributes
    ----------
    url : str
        Where it listens, without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def counts(self) -> Counts:
        """What it has seen so far, asked of the server."""
        line = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=_PATIENCE_S)
        try:
            line.request("GET", "/stub/counts")
            return Counts(**json.load(line.getresponse()))
        finally:
            line.close()


@contextmanager
def stub_process(**options: str | int | float) -> Iterator[StubProcess]:
    """Run a stub in a process of its own, for the length of a ``with`` block.

    Parameters
    ----------
    **options
        Those of ``python -m wattbook.testing.stub``, with underscores: ``latency_ms=300``, ``per_s=50``.

    Raises
    ------
    ConfigError
        If it does not take the options.
    """
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and module; options are words of its command line
        [sys.executable, "-m", "wattbook.testing.stub", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        try:
            if not url:
                raise ConfigError(f"the stub did not start: {child.communicate(timeout=_PATIENCE_S)[1].strip()}")
            yield StubProcess(url)
        finally:
            child.terminate()
            child.communicate(timeout=_PATIENCE_S)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m wattbook.testing.stub", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--kind", default=Kind.PLAIN, help=", ".join(Kind))
    parser.add_argument("--latency-ms", type=int, default=0)
    parser.add_argument("--jitter-ms", type=int, default=0, help="0 to this much more, by content")
    parser.add_argument("--status", type=int, default=0, help=f"an error for all: {', '.join(map(str, ERRORS))}")
    parser.add_argument("--retry-after-s", type=int, default=1, help="what status 429 tells")
    parser.add_argument("--per-s", type=float, default=0, help="limit of the rate; 0 for none")
    parser.add_argument("--burst", type=int, default=1, help="posts at once within the limit")
    return parser.parse_args(given)


async def _until_ended(service: Service, listening: socket.socket) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _say(url_of(listening))
    await service.hub.run(listening, stop)
    _say(json.dumps(service.counts._asdict()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(given: Sequence[str] | None = None) -> int:
    """Run a stub until SIGTERM or SIGINT; print its address first and its counts last."""
    told = _arguments(given)
    try:
        behaviour = Behaviour(told.kind, told.latency_ms, told.jitter_ms, told.status, told.retry_after_s)
        service = Service(behaviour, bucket=Bucket(told.per_s, told.burst) if told.per_s else None)
        listening = listen(told.host, told.port)
    except (ConfigError, ResourceError) as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    asyncio.run(_until_ended(service, listening))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

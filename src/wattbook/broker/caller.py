"""The live connection: calls go out from one loop in one thread, and each ends in exactly one reply."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NoReturn

from wattbook.broker.client import URL_VARIABLE, Address, connect
from wattbook.broker.gate import Gate
from wattbook.broker.pacer import Pacer
from wattbook.broker.secrecy import KEY_VARIABLE, Key, blotted
from wattbook.broker.wire import Said, outcome_of, read_count, read_message
from wattbook.broker.words import Reply
from wattbook.decisions import Outcome
from wattbook.errors import WattbookError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from wattbook.broker.client import Connection
    from wattbook.broker.pacer import Sent
    from wattbook.broker.wire import Heard
    from wattbook.broker.words import Call

_PACED: Final = frozenset({Outcome.RATE_LIMITED, Outcome.OVERLOADED})
_AGAIN: Final = _PACED | {Outcome.SERVER_ERROR}
_SHUT_OUT: Final = {
    401: "it does not know the key: set {variable} to one of this server",
    403: "the key may not be used for this: set {variable} to one that may ask {model!r}",
    404: "it has no {model!r}: name another model, or point {url_variable} at a server that has it",
}
_INSTEAD: Final = "to go by recorded answers, use --llm replay"
_KNOCK_S: Final = 20.0
_COUNT_S: Final = 30.0
_FIRST_BREAK_S: Final = 0.25
_LONGEST_BREAK_S: Final = 4.0


class AccessError(WattbookError):
    """The model cannot be asked: no key, a key that is not let in, or nobody there."""

    code = "access"


class _Course:
    """How a call goes."""

    def __init__(self, call: Call, number: int, begun_s: float) -> None:
        self.payload = call.payload
        self.number = number
        self.begun_s = begun_s
        self.deadline_s = begun_s + call.deadline_s
        self.attempts = 0
        self.heard: Heard | None = None
        self.is_under_way = False
        """A request is out, and nothing came back of it yet."""
        self.is_out_of_budget = False

    def ended(self, otherwise: Outcome) -> Reply:
        """Make the reply: what the call came to, or `otherwise` if it was ended before it came to anything."""
        heard = self.heard
        if self.is_out_of_budget:
            return self._reply(Said(Outcome.BUDGET), sent=False)
        if heard is None:
            return self._reply(Said(otherwise), sent=self.is_under_way)
        if not 200 <= heard.status < 300:
            return self._reply(Said(outcome_of(heard.status)), sent=heard.may_have_arrived)
        said = read_message(heard.body)
        return self._reply(said, sent=not said.is_billed)

    def _reply(self, said: Said, *, sent: bool) -> Reply:
        return Reply(
            *said,
            sent=sent,
            attempts=self.attempts,
            latency_ms=int((time.monotonic() - self.begun_s) * 1000),
            status=self.heard.status if self.heard else 0,
            request_id=self.heard.request_id if self.heard else "",
        )


class LiveCaller:
    """Sends calls to a model.

    A call is sent again only if it was surely not billed: after a refusal, an overload, an error of the server, or
    where no connection came about. The first call in line is the first to go, and a refused one goes back to its place.

    Parameters
    ----------
    model : str
        Asked for at the start, whether the key may use it.
    base_url : str or None
        None for the one in ``ANTHROPIC_BASE_URL``, or the provider's own.
    api_key : str or None
        For tests; None for the one in ``ANTHROPIC_API_KEY``.
    max_rate_per_s : float
        Never more calls a second; what the server allows is found out below it.
    most_at_once : int
        Calls under way together, at most.
    attempt_s : float
        Wall time after which one attempt is given up.
    most_attempts : int
        Requests sent for one call, at most.
    longest_pause_s : float
        No pause is longer, whatever the server asks for.
    may_send_again : callable
        Asked before each attempt after the first, from the thread of the loop; where it says no the call ends with
        ``budget``.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        max_rate_per_s: float = 1000.0,
        most_at_once: int = 512,
        attempt_s: float = 120.0,
        most_attempts: int = 12,
        longest_pause_s: float = 60.0,
        may_send_again: Callable[[], bool] = lambda: True,
    ) -> None:
        self._model = model
        self._key = Key(api_key)
        self._address = Address(base_url)
        self._max_rate_per_s = max_rate_per_s
        self._most_at_once = most_at_once
        self._attempt_s = attempt_s
        self._most_attempts = most_attempts
        self._longest_pause_s = longest_pause_s
        self._may_send_again = may_send_again
        self._is_stub = self._address.is_loopback
        self._numbers = count()
        self._tasks: set[asyncio.Task[Reply]] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._enough: asyncio.Event
        self._connection: Connection
        self._gate: Gate

    def __repr__(self) -> str:
        return f"LiveCaller(model={self._model!r}, host={self._address.host!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection cannot be written anywhere")

    @property
    def provider(self) -> str:
        """``"anthropic"``, ``"stub"`` where the server says so or is this machine, else ``"other"``."""
        if self._is_stub:
            return "stub"
        return "anthropic" if self._address.is_default else "other"

    def start(self) -> None:
        """Open the connection, and knock: whoever is not let in learns it before the first decision.

        Raises
        ------
        AccessError
            No key, a key or model that is turned away, or nobody there.
        """
        assert self._thread is None, "started once"
        if not self._key.is_given:
            raise AccessError(f"no key to ask {self._model!r} with: set {KEY_VARIABLE}; {_INSTEAD}")
        connection = connect(self._key, self._address, self._most_at_once)
        if connection is None:
            raise AccessError(f"{URL_VARIABLE} is no URL: give one like http://127.0.0.1:8080, or unset it")
        self._connection = connection
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, args=(ready,), name="wattbook-caller", daemon=True)
        self._thread.start()
        ready.result()
        problem = self._knock()
        if problem:
            self.close()
            raise AccessError(f"{self._address.host or 'the server'}: {problem}; {_INSTEAD}")

    def send(self, call: Call) -> Future[Reply]:
        """Start a call; the future always gets exactly one reply, and cannot be cancelled."""
        assert self._thread is not None, "started, and not closed"
        future: Future[Reply] = Future()
        future.set_running_or_notify_cancel()
        self._loop.call_soon_threadsafe(self._begin, _Course(call, next(self._numbers), time.monotonic()), future)
        return future

    def count_tokens(self, payload: Mapping[str, Any]) -> int | None:
        """Ask how many tokens would go in; None where the server does not say. Waits."""
        assert self._thread is not None, "started, and not closed"
        heard = self._asked_now(self._connection.count(payload), _COUNT_S)
        return read_count(heard.body) if heard is not None else None

    def close(self) -> None:
        """Close it; a call under way gets a reply that says so."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._enough.set)
            self._thread.join()
            self._thread = None

    def _live(self, ready: Future[None]) -> None:
        """Be the thread."""
        with blotted(self._key):
            asyncio.run(self._until_enough(ready))

    async def _until_enough(self, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._enough = asyncio.Event()
        ready.set_result(None)
        await self._enough.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close()

    def _asked_now(self, asked: Coroutine[Any, Any, Heard], within_s: float) -> Heard | None:
        """Ask besides the calls, and wait for it; None if nothing came in time."""
        try:
            heard = asyncio.run_coroutine_threadsafe(asyncio.wait_for(asked, within_s), self._loop).result()
        except TimeoutError:
            return None
        self._is_stub |= heard.is_stub
        return heard

    def _knock(self) -> str:
        """Ask for something small that costs nothing, and say what is wrong; "" if nothing is.

        How long it takes the second time, with the connection open, tells how soon a refusal would be back.
        """
        small = {"model": self._model, "messages": [{"role": "user", "content": "1"}]}
        heard = self._asked_now(self._connection.count(small), _KNOCK_S)
        if heard is None or heard.status == 0:
            return f"nobody answers there: see to the network, or to {URL_VARIABLE}"
        if heard.status in _SHUT_OUT:
            told = _SHUT_OUT[heard.status]
            problem = told.format(variable=KEY_VARIABLE, url_variable=URL_VARIABLE, model=self._model)
            return f"status {heard.status}, {problem}"
        knocked_s = time.monotonic()
        self._asked_now(self._connection.count(small), _KNOCK_S)
        pacer = Pacer(
            max_per_s=self._max_rate_per_s,
            answer_s=time.monotonic() - knocked_s,
            longest_pause_s=self._longest_pause_s,
        )
        self._gate = Gate(pacer, self._most_at_once, self._loop)
        return ""

    def _begin(self, course: _Course, future: Future[Reply]) -> None:
        task = self._loop.create_task(self._carried(course))
        self._tasks.add(task)
        task.add_done_callback(partial(self._end, course, future))

    def _end(self, course: _Course, future: Future[Reply], task: asyncio.Task[Reply]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            future.set_result(course.ended(Outcome.CONNECTION))
            return
        mistake = task.exception()
        if mistake is None:
            future.set_result(task.result())
        else:  # only its name: what it holds could hold the key
            future.set_exception(AssertionError(f"{type(mistake).__name__} while a call was under way"))

    async def _carried(self, course: _Course) -> Reply:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(course.deadline_s):
                await self._attempts(course)
        return course.ended(Outcome.TIMEOUT)

    async def _attempts(self, course: _Course) -> None:
        while await self._attempt(course):
            if course.attempts >= self._most_attempts:
                return
            if not self._may_send_again():
                course.is_out_of_budget = True
                return
            assert course.heard is not None
            if outcome_of(course.heard.status) not in _PACED:
                await asyncio.sleep(min(_LONGEST_BREAK_S, _FIRST_BREAK_S * 2 ** (course.attempts - 1)))

    async def _attempt(self, course: _Course) -> bool:
        """Send a call once; tell whether it may be sent again."""
        sent = await self._gate.leave(course.number)
        course.attempts += 1
        course.heard, course.is_under_way = None, True
        try:
            async with asyncio.timeout(self._attempt_s):
                heard = await self._connection.message(course.payload)
            course.is_under_way = False
            return self._take(course, heard, sent)
        finally:
            self._gate.come_back()

    def _take(self, course: _Course, heard: Heard, sent: Sent) -> bool:
        course.heard = heard
        self._is_stub |= heard.is_stub
        if 200 <= heard.status < 300:
            return False
        outcome = outcome_of(heard.status)
        if outcome in _PACED:
            self._gate.refused(sent, heard.retry_after_s)
        return outcome in _AGAIN or (outcome is Outcome.CONNECTION and not heard.may_have_arrived)

"""Asking the model: which decisions share a request, what may still be sent, and what is kept of it.

Who shares, who finds an answer in the store and who is let through by the budget is decided in simulated order alone,
never by whether a reply has already arrived.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Final

from wattbook.broker.budget import MOST_TOKENS, Spent, charged
from wattbook.broker.keys import key_of, most_tokens_of, payload_of
from wattbook.broker.reading import read
from wattbook.broker.tables import Request, RespRow, RunRow, TapeRow, written
from wattbook.broker.words import Call, Reply
from wattbook.decisions import Answer, Outcome
from wattbook.errors import ResourceError, WattbookError

if TYPE_CHECKING:
    from wattbook.broker.budget import Purse
    from wattbook.broker.settings import Settings
    from wattbook.broker.store import Store
    from wattbook.broker.words import Caller
    from wattbook.decisions import Asked

_BATCH: Final = 64
"""Rows of the tape that are written in one go."""
_LONGEST: Final = 200
"""Characters of an action, and of a rationale, that are kept."""
_LONGEST_ID: Final = 64
_NOT_SENT: Final = RespRow(0, Outcome.BUDGET, "", 0, 0, 0, 0, 0, 0, 0, "", "")
_GIVEN_UP: Final = Reply(Outcome.CONNECTION, "", 0, 0, False, True, 1, 0, 0, "")


class Flight:
    """A request under way, or over, that any number of decisions wait for.

    Attributes
    ----------
    request : int
        Its number in the store.
    kept : Future of RespRow
        Done when the reply is in the store.
    reserve : Spent or None
        What is held back for it; None once that came back, or if nothing was.
    is_open : bool
        Whether nobody has looked at the reply in simulated order yet.
    is_usable : bool
        Whether the reply could be read.
    """

    __slots__ = ("is_open", "is_usable", "kept", "request", "reserve")

    def __init__(self, request: int, reserve: Spent | None = None) -> None:
        self.request, self.reserve = request, reserve
        self.kept: Future[RespRow] = Future()
        self.is_open, self.is_usable = True, False

    def look_at(self, *, is_usable: bool) -> None:
        """Note that somebody looked at the reply, and whether it could be read."""
        self.is_open, self.is_usable = False, is_usable


class Live:
    """A decision that the model is asked for.

    Attributes
    ----------
    seq : int
    asked : Asked
    flight : Flight
    taken : Outcome
        How it ends if the answer is acted on.
    answer : Answer or None
        None until it is looked at.
    """

    __slots__ = ("answer", "asked", "flight", "seq", "taken")

    def __init__(self, seq: int, asked: Asked, flight: Flight, taken: Outcome) -> None:
        self.seq, self.asked, self.flight, self.taken = seq, asked, flight, taken
        self.answer: Answer | None = None


class Recorder:
    """Asks the model, and keeps all that comes.

    Parameters
    ----------
    store : Store
    run : RunRow
    settings : Settings
    caller : Caller
    purse : Purse
    first : int
        Number of the first decision that is asked for; what the store holds of the run from there on is taken up.
    """

    def __init__(
        self, store: Store, run: RunRow, settings: Settings, caller: Caller, purse: Purse, first: int = 0
    ) -> None:
        self._store, self._run, self._settings, self._caller, self.purse = store, run, settings, caller, purse
        self._flights: dict[bytes, Flight] = {}
        self._arrived_before = store.arrived_after(run.id, first)
        self._is_ending = False
        self._tape = Tape(store, first)

    def ask(self, seq: int, asked: Asked) -> Live:
        """Start a decision, or let it share what another one started."""
        key = key_of(asked, self._settings)
        before = self._arrived_before.pop(seq, None)
        if before is not None and before[0] == key:
            return self._again(seq, asked, key, before[1])
        flight = self._flights.get(key)
        if flight is not None and (flight.is_open or flight.is_usable):
            return Live(seq, asked, flight, Outcome.SHARED_HIT)
        return self._from_store(seq, asked, key) or self._sent(seq, asked, key)

    def answer(self, ticket: Live) -> Answer:
        """Wait for the reply, and read it."""
        if ticket.answer is None:
            resp = ticket.flight.kept.result()
            answer = read(resp.text, ticket.asked.schema) if resp.outcome == Outcome.OK else None
            self._look_at(ticket.flight, resp, is_usable=answer is not None and answer.outcome is Outcome.OK)
            if answer is None:
                ticket.answer = Answer(Outcome(resp.outcome), None)
            else:
                ticket.answer = answer._replace(outcome=ticket.taken) if answer.outcome is Outcome.OK else answer
        return ticket.answer

    def settle(self, ticket: Live, outcome: Outcome, action: str, rationale: str) -> TapeRow:
        """Put a decision on the tape; it pays for the request unless that was another one's."""
        resp, asked = ticket.flight.kept.result(), ticket.asked
        paid = resp if ticket.taken is Outcome.OK else _NOT_SENT
        row = TapeRow(
            self._run.id, ticket.seq, int(asked.now_ms), written(asked.agent), str(asked.question),
            ticket.flight.request, str(outcome), paid.input_tokens, paid.output_tokens, paid.cost_nusd, paid.latency_ms,
            action, rationale,
        )  # fmt: skip
        self._tape.add(row)
        return row

    def rejoin(self, key: bytes, resp: RespRow | None) -> Flight | None:
        """Let later decisions share what a decision on the tape was told; None if it was not sent."""
        flight = self._flights.get(key)
        if resp is None:
            return None
        return flight if flight is not None and flight.request == resp.request else self._landed(key, resp)

    def end(self) -> None:
        """Write the tape; requests that are given up from now on count as never answered."""
        self._is_ending = True
        self._tape.flush()

    def _again(self, seq: int, asked: Asked, key: bytes, request: int) -> Live:
        """Take up what this very decision was told before the run was broken off: it has been paid for."""
        resp = self._store.reply(request)
        assert resp is not None, "it was found by its reply"
        return Live(seq, asked, self._landed(key, resp), Outcome.OK)

    def _landed(self, key: bytes, resp: RespRow) -> Flight:
        """Make a flight of a reply that is there already, for others to share."""
        flight = self._flights[key] = Flight(resp.request)
        flight.kept.set_result(resp)
        return flight

    def _from_store(self, seq: int, asked: Asked, key: bytes) -> Live | None:
        for resp in self._store.answers(key, self._run.provider):
            if read(resp.text, asked.schema).outcome is Outcome.OK:
                return Live(seq, asked, self._landed(key, resp), Outcome.STORE_HIT)
        return None

    def _sent(self, seq: int, asked: Asked, key: bytes) -> Live:
        """Send a request if the budget lets it through; what it would have been is kept in any case."""
        reserve = self.purse.reserve(most_tokens_of(asked, self._settings))
        model, most = self._settings.model, self._settings.max_tokens
        request = Request(key, model, asked.system, asked.schema, most, asked.observation, asked.salt)
        flight = Flight(self._store.keep_request(request, self._run.id, seq, reserve or Spent()), reserve)
        if reserve is None:
            flight.kept.set_result(_NOT_SENT._replace(request=flight.request))
        else:
            self._flights[key] = flight
            call = Call(payload_of(asked, self._settings), self._settings.deadline_s)
            self._caller.send(call).add_done_callback(partial(self._arrived, flight, reserve))
        return Live(seq, asked, flight, Outcome.OK)

    def _look_at(self, flight: Flight, resp: RespRow, *, is_usable: bool) -> None:
        flight.look_at(is_usable=is_usable)
        if flight.reserve is not None:
            self.purse.settle(flight.reserve, Spent(resp.cost_nusd, resp.tokens, resp.requests))
            flight.reserve = None

    def _arrived(self, flight: Flight, reserve: Spent, future: Future[Reply]) -> None:
        """Keep a reply, in the thread that brings it; whoever waits for it goes on in any case."""
        try:
            reply = _GIVEN_UP if future.cancelled() else _cleaned(future.result())
            if self._is_ending and reply.outcome is not Outcome.OK:
                return
            resp = self._charged(flight.request, reserve, reply)
            self._store.keep_reply(resp)
            flight.kept.set_result(resp)
        except WattbookError as error:
            flight.kept.set_exception(error)
        finally:
            if not flight.kept.done():
                flight.kept.set_exception(ResourceError("a reply could not be kept; the run cannot go on without it"))

    def _charged(self, request: int, reserve: Spent, reply: Reply) -> RespRow:
        cost = charged(self.purse.price, reserve, reply)
        return RespRow(
            request, str(reply.outcome), reply.text, reply.input_tokens, reply.output_tokens, *cost,
            reply.latency_ms, reply.status, self._caller.provider, reply.request_id,
        )  # fmt: skip


class Tape:
    """Writes decisions to the tape in the order of asking, a handful at a time.

    A decision waits for all that were asked for before it, so what is on the tape is the beginning of the run.
    """

    def __init__(self, store: Store, first: int) -> None:
        self._store, self._next = store, first
        self._waiting: dict[int, TapeRow] = {}
        self._ready: list[TapeRow] = []

    def add(self, row: TapeRow) -> None:
        """Put a decision on the tape once its turn has come."""
        self._waiting[row.seq] = row
        while self._next in self._waiting:
            self._ready.append(self._waiting.pop(self._next))
            self._next += 1
        if len(self._ready) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what has its turn."""
        if self._ready:
            self._store.keep_rows(self._ready)
            self._ready = []


def shortened(action: str, rationale: str) -> tuple[str, str]:
    """Cut both to what is kept of them."""
    return written(action, _LONGEST), written(rationale, _LONGEST)


def _cleaned(reply: Reply) -> Reply:
    """Make numbers and texts of a server such as can be kept."""
    return reply._replace(
        text=written(reply.text),
        input_tokens=_bounded(reply.input_tokens),
        output_tokens=_bounded(reply.output_tokens),
        attempts=_bounded(reply.attempts),
        latency_ms=_bounded(reply.latency_ms),
        status=_bounded(reply.status),
        request_id=written(reply.request_id, _LONGEST_ID),
    )


def _bounded(number: int) -> int:
    return max(0, min(int(number), MOST_TOKENS))

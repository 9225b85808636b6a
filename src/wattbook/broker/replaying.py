"""Answering from the tape: every decision must be the one that was recorded, and ends as it did then.

Opens no connection and imports nothing that could. What was answered is read afresh, so a changed answer cannot pass.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from wattbook.broker.diverging import ReplayDiverged, changed, difference
from wattbook.broker.keys import key_of
from wattbook.broker.reading import read
from wattbook.decisions import TAKEN, Answer, Outcome
from wattbook.errors import ConfigError, CorruptError

if TYPE_CHECKING:
    from wattbook.broker.recording import Flight
    from wattbook.broker.settings import Settings
    from wattbook.broker.store import Store
    from wattbook.broker.tables import RespRow, RunId, RunRow, TapeRow
    from wattbook.decisions import Asked

_BLOCK: Final = 512
"""Decisions that are read from the store in one go."""
_ANSWERED: Final = TAKEN | {Outcome.INFEASIBLE}
"""Outcomes of decisions whose answer could be read."""


class Taped:
    """A decision that is on the tape: what it asks now, and what was recorded of it.

    `flight` is what later decisions of a run that goes on may share.
    """

    __slots__ = ("answer", "asked", "flight", "key", "resp", "row", "seq")

    def __init__(self, asked: Asked, row: TapeRow, key: bytes, resp: RespRow | None) -> None:
        self.seq, self.asked, self.row, self.key, self.resp = row.seq, asked, row, key, resp
        self.answer: Answer | None = None
        self.flight: Flight | None = None


class Replayer:
    """Walks along the tape of a run.

    Parameters
    ----------
    store : Store
    run : RunRow
    settings : Settings
    """

    def __init__(self, store: Store, run: RunRow, settings: Settings) -> None:
        self._store, self._run, self._settings = store, run, settings
        self.length = store.tape_length(run.id)
        self._block: deque[tuple[TapeRow, bytes, RespRow | None]] = deque()
        if run.decisions not in {None, self.length}:
            raise CorruptError(
                f"{store.path}: run {run} has {self.length} decisions on its tape: take another copy of the store"
            )

    def ask(self, seq: int, asked: Asked) -> Taped:
        """Find a decision on the tape.

        Raises
        ------
        ReplayDiverged
            If the tape has another one in its place, or has ended.
        """
        if seq >= self.length:
            raise ReplayDiverged(seq, asked.agent, self._said_of_the_end())
        row, key, resp = self._next(seq)
        same = (row.agent, row.question, row.time_ms) == (asked.agent, asked.question, asked.now_ms)
        if not same or key != key_of(asked, self._settings):
            request = self._store.request(row.request)
            raise ReplayDiverged(seq, asked.agent, difference(row, request, asked, self._settings))
        return Taped(asked, row, key, resp)

    def answer(self, ticket: Taped) -> Answer:
        """Give what the tape says: why there was no answer, or the answer, read afresh."""
        if ticket.answer is None:
            ticket.answer = self._answer(ticket)
        return ticket.answer

    def settle(self, ticket: Taped, outcome: Outcome, action: str) -> TapeRow:
        """Make sure that a decision ends as it did.

        Raises
        ------
        ReplayDiverged
            If it ends otherwise.
        """
        row = ticket.row
        if not _is_same(outcome, Outcome(row.outcome)):
            raise ReplayDiverged(row.seq, row.agent, changed("outcome", row.outcome, str(outcome)))
        if action != row.action:
            raise ReplayDiverged(row.seq, row.agent, changed("action", row.action, action))
        return row

    def finish(self, asked: int) -> None:
        """Make sure that the tape has no further decisions.

        Raises
        ------
        ReplayDiverged
            If it has.
        """
        if asked < self.length:
            row = self._next(asked)[0]
            raise ReplayDiverged(row.seq, row.agent, f"the run ends here, {self.length} decisions were recorded")

    def _answer(self, ticket: Taped) -> Answer:
        outcome, resp = Outcome(ticket.row.outcome), ticket.resp
        if outcome not in _ANSWERED:
            return Answer(outcome, None)
        if resp is None:
            raise CorruptError(f"{self._store.path}: the reply to decision {ticket.seq} is missing")
        answer = read(resp.text, ticket.asked.schema)
        taken = outcome if outcome in TAKEN else Outcome.OK
        return answer._replace(outcome=taken) if answer.outcome is Outcome.OK else answer

    def _next(self, seq: int) -> tuple[TapeRow, bytes, RespRow | None]:
        if not self._block:
            self._block.extend(self._store.tape(self._run.id, seq, _BLOCK))
        if not self._block:
            raise CorruptError(f"{self._store.path}: decision {seq} of run {self._run} is missing")
        return self._block.popleft()

    def _said_of_the_end(self) -> str:
        if self._run.is_complete:
            return f"{self.length} decisions were recorded, and this is one more"
        return (
            f"{self.length} decisions were recorded before the recording broke off; replay-or-live goes on from there"
        )


def run_to_replay(store: Store, run: RunId) -> RunRow:
    """Choose the run to replay: the same one, else the only one there is, or the only one of this label.

    Another scenario or seed is so noticed where it first makes a difference.

    Raises
    ------
    ConfigError
        If there is no telling which.
    """
    held = store.runs()
    same = [row for row in held if row[2:5] == tuple(run[1:])]
    for choice in (same, held, [row for row in held if row.label == run.label]):
        if len(choice) == 1:
            return choice[0]
    listed = "".join(f"\n  {row}" for row in held) or " nothing"
    raise ConfigError(
        f"{store.path}: has no run of scenario {run.digest[:12]} with seed {run.seed}, replicate {run.replicate}; "
        f"replay one of those it has, or record this one first. It has:{listed}"
    )


def _is_same(present: Outcome, recorded: Outcome) -> bool:
    return present == recorded or (present in TAKEN and recorded in TAKEN)

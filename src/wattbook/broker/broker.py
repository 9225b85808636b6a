"""The broker: carries out what policies ask, from the model, from the store, or both.

Owns the order of decisions: tickets are numbered as they are asked for. Refuses to know what is asked and why.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.broker.budget import Purse, Spent
from wattbook.broker.recording import Live, Recorder, shortened
from wattbook.broker.replaying import Replayer, Taped, run_to_replay
from wattbook.broker.store import Store
from wattbook.broker.tables import RunId, RunRow, TapeRow
from wattbook.broker.words import Mode
from wattbook.decisions import TAKEN, Answer, Outcome
from wattbook.errors import ConfigError, WattbookError

if TYPE_CHECKING:
    from wattbook.broker.settings import Settings
    from wattbook.broker.words import Caller
    from wattbook.decisions import Asked

_LIVE: Final = frozenset({Mode.RECORD, Mode.REPLAY_OR_LIVE})


class Decision(NamedTuple):
    """A settled decision, as the run's table shows it."""

    seq: int
    time_ms: int
    agent: str
    question: str
    action: str
    outcome: str
    model: str
    provider: str
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    latency_ms: int
    rationale: str


class Broker:
    """Who is asked: an `Adviser` for one run.

    Call `start` before the first decision, `finish` after the last one, and `close` in any case. After an error that
    one of them, or `ask`, `answer` or `settle` raised, each of them raises it again: a run that has left its recording
    cannot go on, even if somebody swallowed the error.

    Parameters
    ----------
    store : str or Path
    mode : Mode
        Any but OFF: then nobody is asked.
    settings : Settings
    caller : Caller or None
        Not used in a replay, nor for a run that the store holds to its end. Closed with the broker.
    run : RunId

    Raises
    ------
    ConfigError
        If something may be sent and there is no price for the model.
    """

    def __init__(self, store: str | Path, mode: Mode, settings: Settings, caller: Caller | None, run: RunId) -> None:
        assert mode is not Mode.OFF, "nobody is asked"
        assert mode is Mode.REPLAY or caller is not None, "somebody must send what is asked"
        self._path, self._mode, self._settings, self._caller = store, mode, settings, caller
        self._wanted = RunId(str(run.label), str(run.digest), int(run.seed), int(run.replicate))
        self._price = settings.prices.of(settings.model) if mode in _LIVE else None
        self._open: dict[int, Live | Taped] = {}
        self._settled: dict[int, Decision] = {}
        self._asked = 0
        self._recorded = Spent()
        self._fault: WattbookError | None = None
        self._ending = ExitStack()
        self._store: Store
        self._run: RunRow
        self._replayer: Replayer | None = None
        self._recorder: Recorder | None = None

    def start(self) -> None:
        """Open the store, and the connection if something may be sent.

        Raises
        ------
        ConfigError
            If the store already holds the run that is to be recorded, or not the one to be replayed; if there is no
            access key, or the server does not let it in.
        CorruptError, ResourceError
            If the store cannot be used.
        """
        with self._ending as ending:
            if self._mode is Mode.REPLAY:
                self._open_to_read()
            else:
                self._open_to_write()
            self._ending = ending.pop_all()

    def ask(self, asked: Asked) -> int:
        """Start a decision; give its ticket. Does not wait."""
        self._raise_again()
        seq = self._asked
        try:
            self._open[seq] = self._begun(seq, asked)
        except WattbookError as error:
            self._fault = error
            raise
        self._asked += 1
        return seq

    def answer(self, ticket: int) -> Answer:
        """Give what came; waits for it if it is not there yet."""
        self._raise_again()
        decision = self._open[ticket]
        try:
            return self._answer(decision)
        except WattbookError as error:
            self._fault = error
            raise

    def settle(self, ticket: int, *, outcome: Outcome, action: str, rationale: str = "") -> None:
        """Close a decision, once: how it ended after the policy looked at the answer, and what was done.

        The outcome is the answer's, or infeasible for one that would have been taken.
        """
        answer = self.answer(ticket)
        taken = answer.outcome in TAKEN
        allowed = TAKEN | {Outcome.INFEASIBLE} if taken else {answer.outcome}
        assert outcome in allowed, f"{answer.outcome} cannot be settled as {outcome}"
        decision = self._open.pop(ticket)
        ended = answer.outcome if taken and outcome in TAKEN else outcome
        try:
            row = self._row(decision, ended, *shortened(action, rationale))
        except WattbookError as error:
            self._fault = error
            raise
        self._settled[ticket] = self._shown(row)

    def finish(self, complete: bool) -> None:
        """End the run: `complete` if it came to its end, not if it broke off.

        Decisions that nobody settled because the run was over before their thinking time are settled as answered.

        Raises
        ------
        ReplayDiverged
            If the recording goes on.
        """
        self._raise_again()
        if complete:
            for ticket in sorted(self._open):
                self.settle(ticket, outcome=self.answer(ticket).outcome, action="")
            if self._replayer is not None:
                self._replayer.finish(self._asked)
        if self._recorder is not None:
            self._recorder.end()
            if complete:
                self._store.finish_run(self._run, self._asked)

    def close(self) -> None:
        """Close the connection and the store; a run that was not finished is incomplete, and can be gone on with."""
        self._ending.close()

    def may_send_again(self) -> bool:
        """Tell a caller whether the budget has a further request for a decision; from any thread."""
        return self._recorder is not None and self._recorder.purse.may_send_again()

    @property
    def decisions(self) -> list[Decision]:
        """Settled decisions in the order of asking."""
        return [self._settled[seq] for seq in sorted(self._settled)]

    @property
    def counts(self) -> dict[Outcome, int]:
        """Number of settled decisions by outcome."""
        counted = Counter(decision.outcome for decision in self._settled.values())
        return {outcome: counted[outcome] for outcome in Outcome if counted[outcome]}

    @property
    def spent(self) -> Spent:
        """What the run has cost: with what was sent before it broke off, if it did; of a replay what was recorded."""
        return self._recorded if self._recorder is None else self._recorder.purse.spent

    @property
    def notices(self) -> tuple[str, ...]:
        """What somebody should be told at the end of the run."""
        overrun = "" if self._recorder is None else self._recorder.purse.overrun
        return (overrun,) if overrun else ()

    def _open_to_read(self) -> None:
        self._store = Store.reading(self._path)
        self._ending.callback(self._store.close)
        self._run = run_to_replay(self._store, self._wanted)
        self._replayer = Replayer(self._store, self._run, self._settings)
        self._recorded = self._store.spent(self._run.id)

    def _open_to_write(self) -> None:
        if self._mode is Mode.REPLAY_OR_LIVE and self._is_recorded():
            self._open_to_read()
            return
        # Who is not let in leaves no empty store; who wants what is there already needs no connection to be told so.
        provider = None if Path(self._path).exists() else self._connect()
        self._store = Store.writing(self._path)
        self._ending.callback(self._store.close)
        held = self._store.find(self._wanted)
        self._check_model(held)
        provider = self._connect() if provider is None else provider
        self._run = held or self._store.add_run(self._wanted, self._settings.model, provider)
        self._check_provider(provider)
        self._replayer = None if held is None else Replayer(self._store, held, self._settings)
        self._recorder = self._make_recorder(0 if self._replayer is None else self._replayer.length)
        self._ending.callback(self._recorder.end)

    def _connect(self) -> str:
        """Open the connection; give who is at its other end."""
        assert self._caller is not None, "somebody must send what is asked"
        self._ending.callback(self._caller.close)
        self._caller.start()
        return str(self._caller.provider)

    def _make_recorder(self, first: int) -> Recorder:
        assert self._price is not None, "what may be sent has a price"
        assert self._caller is not None, "somebody must send what is asked"
        spent = self._store.spent(self._run.id)
        purse = Purse(self._settings.budget, self._price, self._settings.max_tokens, spent=spent)
        return Recorder(self._store, self._run, self._settings, self._caller, purse, first)

    def _is_recorded(self) -> bool:
        """Tell whether the store holds the run to its end, so that nothing need be written or sent."""
        path = Path(self._path)
        if not path.is_file() or not path.stat().st_size:
            return False
        with closing(Store.reading(path)) as store:
            held = store.find(self._wanted)
        return held is not None and held.is_complete

    def _check_model(self, held: RunRow | None) -> None:
        if held is None:
            return
        if self._mode is Mode.RECORD:
            choice = "replay" if held.is_complete else "replay-or-live, which goes on with it,"
            raise ConfigError(
                f"{self._path}: already holds the run {held}: use {choice} or record another replicate or a new store"
            )
        if held.model != self._settings.model:
            raise ConfigError(
                f"{self._path}: the run {held} cannot go on with {self._settings.model}: set model={held.model!r}"
            )

    def _check_provider(self, provider: str) -> None:
        if self._run.provider != provider:
            raise ConfigError(
                f"{self._path}: the run {self._run} was answered by {self._run.provider!r} and cannot go on with "
                f"{provider!r}: connect to the same one, or record into a new store"
            )

    def _begun(self, seq: int, asked: Asked) -> Live | Taped:
        """Find a decision on the tape as far as it goes, else ask the model."""
        replayer, recorder = self._replayer, self._recorder
        if recorder is not None and (replayer is None or seq >= replayer.length):
            return recorder.ask(seq, asked)
        assert replayer is not None, "start comes first"
        ticket = replayer.ask(seq, asked)
        if recorder is not None:
            ticket.flight = recorder.rejoin(ticket.key, ticket.resp)
        return ticket

    def _answer(self, decision: Live | Taped) -> Answer:
        if isinstance(decision, Live):
            assert self._recorder is not None, "somebody sent it"
            return self._recorder.answer(decision)
        assert self._replayer is not None, "somebody found it"
        answer = self._replayer.answer(decision)
        if decision.flight is not None:
            decision.flight.look_at(is_usable=answer.outcome in TAKEN)
        return answer

    def _row(self, decision: Live | Taped, outcome: Outcome, action: str, rationale: str) -> TapeRow:
        if isinstance(decision, Live):
            assert self._recorder is not None, "somebody sent it"
            return self._recorder.settle(decision, outcome, action, rationale)
        assert self._replayer is not None, "somebody found it"
        return self._replayer.settle(decision, outcome, action, rationale)

    def _shown(self, row: TapeRow) -> Decision:
        return Decision(
            row.seq, row.time_ms, row.agent, row.question, row.action, row.outcome, self._run.model, self._run.provider,
            row.input_tokens, row.output_tokens, row.cost_nusd, row.latency_ms, row.rationale,
        )  # fmt: skip

    def _raise_again(self) -> None:
        if self._fault is not None:
            raise self._fault

"""A run in which a language model is asked: from the model, from a recording, or, for an estimate, from nobody.

Owns the order of things around such a run: what is opened before its first decision, and closed whatever happens.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wattbook.broker.words import Mode
from wattbook.decisions import Answer, Outcome
from wattbook.errors import ConfigError, nearest
from wattbook.results.advice import Advised
from wattbook.scenario.language_model import LanguageModel
from wattbook.scenario.running import check_seed, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wattbook.broker.broker import Broker
    from wattbook.broker.settings import Settings
    from wattbook.broker.words import Caller
    from wattbook.decisions import Asked
    from wattbook.results import Run
    from wattbook.scenario.model import Scenario

MODES: Final = tuple(mode.value for mode in Mode)
_MS_PER_S: Final = 1_000
_LABEL: Final = 80
_NUSD_PER_USD: Final = 1_000_000_000


def check_mode(mode: object) -> Mode:
    """Refuse what says not where answers come from.

    Raises
    ------
    ConfigError
        If it is none of the modes.
    """
    if not isinstance(mode, str) or mode not in MODES:
        hint = nearest(mode, MODES) if isinstance(mode, str) else ""
        raise ConfigError(f"llm={mode!r} is not one of {', '.join(MODES)}{hint}")
    return Mode(mode)


def asking(scenario: Scenario) -> Scenario:
    """Give the scenario as it asks a language model: where it says nothing of one, by the defaults."""
    if scenario.language_model is not None:
        return scenario
    values: dict[str, Any] = {name: getattr(scenario, name) for name in type(scenario).model_fields}
    return type(scenario)(**{**values, "language_model": LanguageModel()})


def settings_of(chosen: LanguageModel) -> Settings:
    """Say how a run asks, and what it may spend.

    Raises
    ------
    ConfigError, ResourceError
        If the table of prices cannot be used.
    """
    from wattbook.broker.budget import Budget
    from wattbook.broker.prices import load_prices
    from wattbook.broker.settings import Settings

    wall_s = None if chosen.max_wall is None else int(chosen.max_wall) / _MS_PER_S
    return Settings(
        model=chosen.model,
        max_tokens=chosen.answer_tokens,
        deadline_s=int(chosen.deadline) / _MS_PER_S,
        budget=Budget(chosen.max_usd, chosen.max_requests, chosen.max_total_tokens, wall_s),
        prices=load_prices(chosen.prices),
    )


def advised_run(
    scenario: Scenario,
    seed: int,
    *,
    llm: str,
    recording: str | Path | None,
    caller: Caller | None = None,
    **options: Any,
) -> Run:
    """Run a scenario whose agents ask a language model; see `Scenario.run`."""
    mode = check_mode(llm)
    check_seed(seed)
    if mode is Mode.OFF:
        return run(scenario, seed, **options)
    scenario = asking(scenario)
    place = recording if recording is not None else scenario.language_model.recording
    if place is None:
        raise ConfigError(f"llm={mode.value!r} needs a file: write recording='street.answers.sqlite'")
    with _broker(scenario, seed, mode, Path(place), caller) as broker:
        done = run(scenario, seed, adviser=broker, **options)
        broker.finish(complete=done.record.complete)
        rows = tuple(Advised(*row) for row in broker.decisions)
    done.record = done.record.advised(rows)
    done.notices = broker.notices
    return done


@contextmanager
def _broker(scenario: Scenario, seed: int, mode: Mode, place: Path, caller: Caller | None) -> Iterator[Broker]:
    from wattbook.broker.broker import Broker
    from wattbook.broker.tables import RunId

    chosen: LanguageModel = scenario.language_model
    if caller is None and mode is not Mode.REPLAY:
        from wattbook.broker.caller import LiveCaller

        def may_send_again() -> bool:
            return broker.may_send_again()  # it is there before anything is sent

        caller = LiveCaller(model=chosen.model, may_send_again=may_send_again)
    label = f"{scenario.name or 'scenario'}-{seed}"[:_LABEL]
    broker = Broker(
        place, mode, settings_of(chosen), caller, RunId(label, scenario.digest(), int(seed), chosen.replicate)
    )  # fmt: skip
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


# --- estimating


@dataclass
class _Counting:
    """An adviser that only counts: everybody goes by its rules.

    Where a server counts tokens, the first request of each question sets the scale for all of them.
    """

    settings: Settings
    count: Callable[[dict[str, Any]], int | None] | None = None
    decisions: Counter[str] = field(default_factory=Counter)
    keys: set[bytes] = field(default_factory=set)
    input_tokens: float = 0
    output_tokens: float = 0
    scales: dict[str, float] = field(default_factory=dict)

    def ask(self, asked: Asked) -> int:
        """Count a question, and what it would cost if it is a new one."""
        from wattbook.broker.keys import key_of
        from wattbook.broker.tokens import expected_tokens

        self.decisions[asked.question.value] += 1
        key = key_of(asked, self.settings)
        if key not in self.keys:
            self.keys.add(key)
            expected, scale = expected_tokens(asked, self.settings), self._scale(asked)
            self.input_tokens += expected.input * scale
            self.output_tokens += expected.output * scale
        return self.decisions.total() - 1

    def answer(self, ticket: int) -> Answer:  # noqa: ARG002 - the one form
        """Give nothing."""
        return Answer(Outcome.DISABLED, None)

    def settle(self, ticket: int, *, outcome: Outcome, action: str, rationale: str = "") -> None:
        """Keep nothing."""

    def _scale(self, asked: Asked) -> float:
        from wattbook.broker.keys import payload_of
        from wattbook.broker.tokens import expected_tokens

        if asked.question.value not in self.scales:
            counted = None if self.count is None else self.count(payload_of(asked, self.settings))
            expected = expected_tokens(asked, self.settings).input
            self.scales[asked.question.value] = 1.0 if not counted else counted / max(1, expected)
        return self.scales[asked.question.value]


@dataclass(frozen=True)
class AdviceEstimate:
    """What a run's questions would come to.

    Attributes
    ----------
    decisions : dict of str to int
        By question.
    requests : int
        Those that differ: each is sent once.
    input_tokens, output_tokens : int
    cost_usd : float
    model, as_of : str
        Whose prices, and of when.
    """

    decisions: dict[str, int]
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    model: str
    as_of: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        asked = ", ".join(f"{count:,} {question}" for question, count in sorted(self.decisions.items()))
        return (
            f"{sum(self.decisions.values()):,} decisions ({asked or 'nobody is asked'}), {self.requests:,} requests\n"
            f"{self.input_tokens:,} input tokens, {self.output_tokens:,} output tokens\n"
            f"{self.cost_usd:.4f} USD for {self.model}, at prices of {self.as_of}; agents that act on answers may ask "
            "other questions than those that go by their rules"
        )


def estimate_advice(
    scenario: Scenario,
    seed: int,
    *,
    caller: Caller | None = None,
    progress: Callable[..., None] | None = None,
) -> AdviceEstimate:
    """Run a scenario by its rules and count what a language model would be asked; see `Scenario.estimate_advice`."""
    check_seed(seed)
    scenario = asking(scenario)
    settings = settings_of(scenario.language_model)
    price = settings.prices.of(settings.model)
    with ExitStack() as ending:
        count = None
        if caller is not None:
            ending.callback(caller.close)
            caller.start()
            count = caller.count_tokens
        counting = _Counting(settings, count)
        run(
            scenario, seed, adviser=counting, baseline=False, engine=None, threads=None, progress=progress
        )  # fmt: skip
    tokens = round(counting.input_tokens), round(counting.output_tokens)
    return AdviceEstimate(
        decisions=dict(sorted(counting.decisions.items())),
        requests=len(counting.keys),
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=price.cost_nusd(*tokens) / _NUSD_PER_USD,
        model=settings.model,
        as_of=settings.prices.as_of,
    )


def caller_of(model: str) -> Caller | None:
    """Give the connection of the environment for an estimate; None without an access key."""
    if not os.environ.get("ANTHROPIC_API_KEY"):
        return None
    from wattbook.broker.caller import LiveCaller

    return LiveCaller(model=model)

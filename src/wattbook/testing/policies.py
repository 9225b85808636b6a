"""Whether a policy has the one form (see `wattbook.policies.mind`): `check_policy`.

A policy under test is shown ordinary and extreme sights. It must answer with a whole delay, fill `out` with commands
that an agent may give, keep to its arrays, and depend on nothing but `see`, `memory` and `draw`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.chance import draw as drawn
from wattbook.errors import ConfigError
from wattbook.messages import (
    FOREVER,
    MEMORY_SIZE,
    NO_PRICE,
    OUT_ACTION,
    OUT_BOOK,
    OUT_COLUMNS,
    OUT_QUANTITY,
    OUT_ROWS,
    OUT_SIDE,
    Action,
    See,
)
from wattbook.policies import Mind
from wattbook.testing.invariants import Falsified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from wattbook.policies import Policy

_MINUTE_MS: Final = 60_000
_START_MS: Final = 1_465_164_000_000
_KEY: Final = 3
_GUARD: Final = 0x5AFE
_SUBMITS: Final = int(Action.SUBMIT)
_LARGE_WH: Final = 1 << 40

CALM_SEE: Final = See(**{
    **dict.fromkeys(See._fields, 0),
    "now_ms": _START_MS - 20 * _MINUTE_MS, "end_ms": _START_MS + 100_000_000, "period": 5, "start_ms": _START_MS,
    "gate_ms": _START_MS - 5 * _MINUTE_MS, "period_ms": 15 * _MINUTE_MS, "tradable": 1, "connected": 1, "step_tick": 1,
    "cap_tick": 50_000, "local_bid": NO_PRICE, "local_ask": NO_PRICE, "district_bid": NO_PRICE,
    "district_ask": NO_PRICE, "last_tick": NO_PRICE, "spill_tick": NO_PRICE, "retail_tick": 16_000,
    "feed_in_tick": 8_000, "local_fee_tick": 3_000, "district_fee_tick": 5_000, "standard_fee_tick": 7_000,
    "levy_tick": 2_050, "vat_ppm": 190_000, "buy_limit_wh": 10_000, "sell_limit_wh": 10_000, "available": 10**11,
    "limit_tick": NO_PRICE, "turn": 1, "shout_tick": NO_PRICE,
})  # fmt: skip
"""An ordinary look at a product, a quarter of an hour before its gate closes, with nothing needed."""

_EXTREMES: Final = {
    "now_ms": (CALM_SEE.gate_ms, CALM_SEE.gate_ms - 1, CALM_SEE.gate_ms + _MINUTE_MS, 0),
    "tradable": (0,), "connected": (0,), "fresh": (1,), "step_tick": (25, 10_000), "floor_tick": (-50_000,),
    "cap_tick": (0, 400_000), "local_bid": (-50_000, 0, 400_000), "local_ask": (-50_000, 0, 400_000),
    "local_bid_wh": (1, _LARGE_WH), "local_ask_wh": (1, _LARGE_WH), "district_bid": (400_000,),
    "district_ask": (-50_000,), "last_tick": (-50_000, 0, 400_000), "retail_tick": (0, -40_000, 400_000),
    "feed_in_tick": (0, -40_000, 400_000), "local_fee_tick": (0, 400_000), "district_fee_tick": (NO_PRICE,),
    "vat_ppm": (0, 1_000_000), "load_wh": (1, 300, _LARGE_WH), "generation_wh": (1, 300, _LARGE_WH),
    "sd_wh": (50, _LARGE_WH), "battery_wh": (500, -500, _LARGE_WH, -_LARGE_WH), "spill_wh": (100, _LARGE_WH),
    "spill_tick": (-40_000, 0, 8_000), "soc_wh": (_LARGE_WH,), "capacity_wh": (_LARGE_WH,),
    "position_wh": (200, -200, _LARGE_WH, -_LARGE_WH), "open_buy_wh": (200,), "open_sell_wh": (200,), "order": (17,),
    "order_wh": (1, _LARGE_WH), "buy_limit_wh": (0, _LARGE_WH), "sell_limit_wh": (0, _LARGE_WH),
    "available": (0, -(10**12), 1 << 60), "units": (1, 5), "turn": (0,), "turns_left": (1, 100), "shout_side": (1, -1),
    "shout_tick": (-50_000, 0, 12_000, 400_000), "shout_traded": (1,), "limit_tick": (-50_000, 0, 12_345, 400_000),
}  # fmt: skip


_PAST: Final = "depends on its past"
_ONCE: Final = """memory = np.array({memory}, dtype=np.int64)
out = np.zeros((OUT_ROWS, OUT_COLUMNS), dtype=np.int64)
print({policy}(see, memory, lambda k: draw({key}, k), out), out)"""
_AGAIN: Final = """def ask(see):
    memory = np.array({memory}, dtype=np.int64)
    out = np.zeros((OUT_ROWS, OUT_COLUMNS), dtype=np.int64)
    return {policy}(see, memory, lambda k: draw({key}, k), out), out.tolist(), memory.tolist()

shown = list(sights())
first = [ask(see) for see in shown]
again = [ask(see) for see in reversed(shown)]
print(sum(one != other for one, other in zip(first, reversed(again))), "sights are answered otherwise next time")"""


class PolicyReport(NamedTuple):
    """What a policy did.

    Attributes
    ----------
    looks : int
        How many sights it was shown.
    commands : int
        How many commands it gave.
    doubtful : int
        How many of them a market is sure to refuse (an unknown side, nothing to trade).
    compiles : bool or None
        Whether numba compiles it, with the same answers; None where nobody tried.
    why_not : str
        What numba says, empty where it compiles.
    """

    looks: int
    commands: int
    doubtful: int
    compiles: bool | None
    why_not: str


class _Answered(NamedTuple):
    delay: object
    out: NDArray[np.int64]
    memory: NDArray[np.int64]


def sights() -> Iterator[See]:
    """Yield ordinary sights, and each with one extreme at a time.

    Of homes that need nothing, have too little, have too much; of traders that have a turn, and that hear a shout.
    """
    trader = CALM_SEE._replace(limit_tick=12_000, units=1, turns_left=50, local_bid=11_900, local_ask=12_000)
    shout = trader._replace(turn=0, shout_tick=11_000, last_tick=11_000, shout_traded=1)
    for ordinary in (
        CALM_SEE,
        CALM_SEE._replace(load_wh=300, sd_wh=40),
        CALM_SEE._replace(generation_wh=300, sd_wh=40),
        trader._replace(side=1),
        trader._replace(side=-1),
        shout._replace(side=1, shout_side=-1),
        shout._replace(side=-1, shout_side=1),
    ):
        yield ordinary
        for name, values in _EXTREMES.items():
            for value in values:
                yield ordinary._replace(**{name: value})


def check_policy(policy: Policy | Mind, *, compiles: bool = False) -> PolicyReport:
    """Hold a policy against the one form.

    Parameters
    ----------
    policy : Policy or Mind
        A bare function starts with an empty memory.
    compiles : bool
        Whether to try numba as well, which takes some seconds; a policy need not compile.

    Returns
    -------
    PolicyReport
        What it did.

    Raises
    ------
    Falsified
        At the first thing that a policy must not do, with Python that does it again; its `name` is one of "raises",
        "delay", "form", "action", "book", "depends on its past".
    """
    if not isinstance(policy, Mind) and not callable(policy):
        raise ConfigError(f"{type(policy).__name__} is no policy: give a function of see, memory, draw, out, or a Mind")
    mind = policy if isinstance(policy, Mind) else Mind(policy, getattr(policy, "__name__", "policy"))
    if not callable(mind.policy):
        raise ConfigError(f"the policy of mind {mind.name!r} is {type(mind.policy).__name__}, which cannot be called")
    shown = list(sights())
    first = [_ask(mind, see) for see in shown]
    for see, answered in zip(shown, first, strict=True):
        _judge(mind, see, answered)
    # Again and in another order: whatever is kept outside `memory` shows.
    for see, before in zip(reversed(shown), reversed(first), strict=True):
        _same(mind, see, before, _ask(mind, see))
    works, why_not = _compiled(mind, shown, first) if compiles else (None, "")
    filled = [row for each in first for row in _rows(each.out)]
    doubtful = sum(
        row[OUT_ACTION] == _SUBMITS and (abs(row[OUT_SIDE]) != 1 or row[OUT_QUANTITY] <= 0) for row in filled
    )
    return PolicyReport(len(shown), len(filled), doubtful, works, why_not)


def _fenced(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Make an array of zeros between two fences: the whole, and the part to be filled."""
    size = int(np.prod(shape))
    whole = np.full(size + 2 * OUT_COLUMNS, _GUARD, dtype=np.int64)
    whole[OUT_COLUMNS:-OUT_COLUMNS] = 0
    return whole, whole[OUT_COLUMNS:-OUT_COLUMNS].reshape(shape)


def _ask(mind: Mind, see: See, policy: Any = None, draw: Callable[[int], int] | None = None) -> _Answered:
    whole_out, out = _fenced((OUT_ROWS, OUT_COLUMNS))
    whole_memory, memory = _fenced((MEMORY_SIZE,))
    memory[: len(mind.memory)] = mind.memory
    try:
        delay = (policy or mind.policy)(see, memory, draw or (lambda k: drawn(_KEY, k)), out)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a policy is a stranger's code, and may even ask to exit
        raise _falsified("raises", mind, see, f"it raised {type(error).__name__}: {error}") from error
    for name, whole in (("out", whole_out), ("memory", whole_memory)):
        if (whole[:OUT_COLUMNS] != _GUARD).any() or (whole[-OUT_COLUMNS:] != _GUARD).any():
            raise _falsified("form", mind, see, f"it wrote beyond {name}")
    if out.shape != (OUT_ROWS, OUT_COLUMNS) or memory.shape != (MEMORY_SIZE,):
        raise _falsified("form", mind, see, "it changed the shape of its arrays")
    return _Answered(delay, out.copy(), memory.copy())


def _judge(mind: Mind, see: See, answered: _Answered) -> None:
    delay = answered.delay
    if isinstance(delay, bool) or not isinstance(delay, int | np.integer):
        raise _falsified("delay", mind, see, f"it returned {delay!r}, not a whole number of ms")
    if not 0 <= delay <= FOREVER:
        raise _falsified("delay", mind, see, f"it returned the delay {delay} ms: return 0 .. FOREVER")
    rows = _rows(answered.out)
    if answered.out[len(rows) :].any():
        raise _falsified("form", mind, see, f"it wrote into out behind row {len(rows)}, whose action 0 ends the list")
    for row in rows:
        if row[OUT_ACTION] not in {int(action) for action in Action if Action.NOTHING < action < Action.OPEN}:
            raise _falsified("action", mind, see, f"it asked for action {row[OUT_ACTION]}, which no agent may")
        if row[OUT_BOOK] not in {0, 1}:
            raise _falsified("book", mind, see, f"it named book {row[OUT_BOOK]}: 0 is its local one, 1 the district's")


def _rows(out: NDArray[np.int64]) -> list[list[int]]:
    rows: list[list[int]] = out.tolist()
    used = next((i for i, row in enumerate(rows) if row[OUT_ACTION] == 0), OUT_ROWS)
    return rows[:used]


def _same(mind: Mind, see: See, one: _Answered, other: _Answered) -> None:
    if one.delay != other.delay or not all(map(np.array_equal, one[1:], other[1:])):
        text = "asked twice with the same see, memory and draws it answered differently: keep state in memory only"
        raise _falsified(_PAST, mind, see, text)


def _compiled(mind: Mind, shown: list[See], answers: list[_Answered]) -> tuple[bool, str]:
    """Whether numba compiles it, and gives the same."""
    from wattbook.testing import kernel_draw

    policy = kernel_draw.compiled(mind.policy)
    try:
        for see, answered in zip(shown, answers, strict=True):
            _same(mind, see, answered, _ask(mind, see, policy, kernel_draw.draw))
    except Falsified as broken:
        if not kernel_draw.is_refusal(broken.__cause__):
            raise
        return False, str(broken.__cause__).strip().splitlines()[0]
    return True, ""


def _falsified(name: str, mind: Mind, see: See, text: str) -> Falsified:
    changed = {field: value for field, value in see._asdict().items() if value != getattr(CALM_SEE, field)}
    policy = getattr(mind.policy, "__name__", "policy")
    shown = (
        "import numpy as np\n"
        "from wattbook.chance import draw\n"
        "from wattbook.messages import MEMORY_SIZE, OUT_COLUMNS, OUT_ROWS\n"
        "from wattbook.testing.policies import CALM_SEE, sights\n\n"
        f"see = CALM_SEE._replace({', '.join(f'{field}={value}' for field, value in changed.items())})\n"
        f"{_AGAIN if name == _PAST else _ONCE}"
    ).format(policy=policy, key=_KEY, memory=f"{list(mind.memory)} + [0] * {MEMORY_SIZE - len(mind.memory)}")
    return Falsified(name, f"{name}: {text}\n\n{shown}\n", shown)

"""What a wake's time goes into, from runs of the same market with parts left out, side by side.

No clock is read within a wake: that would cost more than many of its parts. Instead the same agents wake at the same
times but do nothing, or decide and keep it to themselves, or send orders that admission refuses at its end; each part
is what one run takes more than the one before. What is called rarely is timed where it is called.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Final

from .interleaving import Plan, measure
from .market import DAY_MS, only_ask, only_decide, only_wake, quote
from .runners import BOOK_ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .interleaving import Track

NS: Final = 1e9
VARIANTS: Final = tuple(policy.__name__ for policy in (only_wake, only_decide, only_ask, quote))
PARTS: Final = ("clock and looking", "policy", "admission", "book", "accounts and rows", "journal")
"""Of a wake, in the order in which they are found."""


def split(traders: int, slices: int, wakes: int, engines: Sequence[str], say: Callable[[str], None]) -> dict[str, Any]:
    """Split the costs of a wake [ns] for each of `engines`.

    Returns
    -------
    dict
        By engine: ns a wake of each of `PARTS`, of all together ("wake"), of each variant less its journal, and of
        settlement; or why there is none.
    """
    plan = Plan.of(traders, slices, wakes)
    names = [f"{engine}/{policy}" for engine in engines for policy in VARIANTS]
    tracks = measure(plan, [BOOK_ALONE, *names], lambda text: say(f"split, {text}"))
    return {engine: _of_engine(engine, traders, tracks) for engine in engines}


def _of_engine(engine: str, traders: int, tracks: dict[str, Track]) -> dict[str, Any]:
    mine = {policy: tracks[f"{engine}/{policy}"] for policy in VARIANTS}
    book = tracks[BOOK_ALONE]
    refused = next((each.refused for each in (book, *mine.values()) if each.refused), "")
    if refused:
        return {"refused": refused}
    bare = {policy: _ns(track, _less_rare) for policy, track in mine.items()}
    full = mine[quote.__name__]
    book_ns = _ns(book, lambda each: each.cpu_s)
    journal_ns = sum(each.done.journal_s for each in full.slices) / full.wakes * NS
    parts = (
        bare["only_wake"],
        bare["only_decide"] - bare["only_wake"],
        bare["only_ask"] - bare["only_decide"],
        book_ns,
        bare["quote"] - bare["only_ask"] - book_ns,
        journal_ns,
    )
    return {
        "parts_ns": {name: round(value, 1) for name, value in zip(PARTS, parts, strict=True)},
        "wake_ns": round(bare["quote"] + journal_ns, 1),
        "variants_ns": {policy: round(value, 1) for policy, value in bare.items()},
        "spread_ns": {policy: round(_spread(track), 1) for policy, track in mine.items()},
        "settlement_us_per_agent_day": _settlement_us(full, traders),
        "refused": "",
    }


def _settlement_us(track: Track, traders: int) -> float | None:
    """Time of deliveries, settlements and bills [us an agent and day]; None where no day ended."""
    settled_s = sum(each.done.settlement_s for each in track.slices)
    return round(settled_s / (track.simulated_ms / DAY_MS) / traders * 1e6, 3) if settled_s else None


def _less_rare(each: Any) -> float:
    """Time of a slice without what was timed on its own."""
    return float(each.cpu_s - each.done.journal_s - each.done.settlement_s)


def _ns(track: Track, seconds: Callable[[Any], float]) -> float:
    """Time a wake [ns], median of the slices."""
    return statistics.median(seconds(each) / each.done.wakes * NS for each in track.slices)


def _spread(track: Track) -> float:
    """Half the distance of the quartiles [ns]: how far a difference of two such medians may be trusted."""
    times = [_less_rare(each) / each.done.wakes * NS for each in track.slices]
    low, _, high = statistics.quantiles(times, n=4)
    return (high - low) / 2

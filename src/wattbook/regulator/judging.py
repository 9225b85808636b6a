"""Who chooses among sanctions: the ladder, or a function of the user's.

A judge is asked once for each finding and answers with sanctions out of those that are open to it, if it likes with how
strict they are and how long they last. What an offence is, and what a fine comes to at most, stays with the rules; an
answer that is none of them is not taken.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from wattbook.errors import PolicyError
from wattbook.oversight import Item, Rule, Sanction
from wattbook.regulator.findings import MARKET
from wattbook.units import MS_PER_DAY, PPM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from wattbook.regulator.findings import Finding
    from wattbook.regulator.known import Known
    from wattbook.regulator.rules import Rules
    from wattbook.regulator.sanctioning import Fine, History


class Case(NamedTuple):
    """What a judge is asked about.

    Attributes
    ----------
    number : int
        Of the finding.
    finding : Finding
    history : History
    fine : Fine
        What a fine would come to.
    by_ladder : tuple of Sanction
        What the rules' ladder says.
    open : tuple of Sanction
        What may be chosen; nothing is always open.
    known : Known
    now_ms : int
    """

    number: int
    finding: Finding
    history: History
    fine: Fine
    by_ladder: tuple[Sanction, ...]
    open: tuple[Sanction, ...]
    known: Known
    now_ms: int


class Verdict(NamedTuple):
    """What a judge chose.

    Attributes
    ----------
    steps : tuple of Sanction
    strength_ppm : int
        Share of a fine's part beyond the gain that is taken, 0 to 1,000,000; the gain is always taken [ppm].
    duration_ms : int
        How long caps, mitigation and suspensions last; 0 for as long as the rules say.
    """

    steps: tuple[Sanction, ...]
    strength_ppm: int = PPM
    duration_ms: int = 0


MOST_STEPS: Final = 100
"""Of an answer no more is read."""
LONGEST_MS: Final = 365 * MS_PER_DAY
Judge: TypeAlias = "Callable[[Case], Iterable[Sanction] | Verdict]"
"""One that has ``begin(case)``, too, is told of a finding when its thinking time begins; its number is -1 then."""


def open_to(rules: Rules, rule: Rule, agent: int) -> tuple[Sanction, ...]:
    """List the sanctions that may follow from a finding: any step of its rule's ladder, and a warning."""
    steps = {step for steps in rules.ladder[rule] for step in steps}
    return tuple(sorted(steps | ({Sanction.WARNING} if agent != MARKET else set())))


def chosen(judge: Judge, case: Case) -> Verdict:
    """Ask a judge; give its answer with its sanctions in a fixed order.

    Raises
    ------
    PolicyError
        If that is anything but sanctions that are open.
    """
    answer = judge(case)
    verdict = answer if isinstance(answer, Verdict) else Verdict(answer)  # type: ignore[arg-type]  # looked at below
    try:
        steps = list(islice(verdict.steps, MOST_STEPS))
    except TypeError:
        steps = None
    if steps is None or not all(isinstance(step, Sanction) and step in case.open for step in steps):
        allowed = ", ".join(f"Sanction.{step.name}" for step in case.open)
        raise PolicyError(
            f"a judge answers with some of {allowed}, or nothing, not {steps or answer!r:.80} (finding {case.number})"
        )
    if not (_is_within(verdict.strength_ppm, PPM) and _is_within(verdict.duration_ms, LONGEST_MS)):
        raise PolicyError(
            f"a judge's strength_ppm lies within 0..{PPM} and its duration_ms within 0..{LONGEST_MS}, not "
            f"{verdict.strength_ppm!r:.40} and {verdict.duration_ms!r:.40} (finding {case.number})"
        )
    return verdict._replace(steps=tuple(sorted(set(steps))))


def _is_within(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def recorded(sanctions: Mapping[str, NDArray[Any]], evidence: Mapping[str, NDArray[Any]] | None = None) -> Judge:
    """Make the judge that decides as a journal's sanctions say that one did.

    Parameters
    ----------
    sanctions : mapping of str to ndarray (n,)
        With ``finding`` and ``kind``.
    evidence : mapping of str to ndarray (m,), optional
        With ``finding``, ``item`` and ``value``: how strict it was, and for how long.
    """
    steps: dict[int, list[Sanction]] = {}
    for number, kind in zip(sanctions["finding"].tolist(), sanctions["kind"].tolist(), strict=True):
        steps.setdefault(number, []).append(Sanction(kind))
    strength, duration = ({} if evidence is None else _told(evidence, item) for item in (Item.STRENGTH, Item.DURATION))

    def judge(case: Case) -> Verdict:
        chosen_steps = tuple(steps.get(case.number, ()))
        return Verdict(chosen_steps, strength.get(case.number, PPM), duration.get(case.number, 0))

    return judge


def _told(evidence: Mapping[str, NDArray[Any]], item: Item) -> dict[int, int]:
    """Give the value of an item by finding."""
    mine = evidence["item"] == item
    return dict(zip(evidence["finding"][mine].tolist(), evidence["value"][mine].tolist(), strict=True))

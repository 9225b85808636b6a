"""Who chooses among sanctions: the ladder, or a function of the user's.

A judge is asked once for each finding and answers with sanctions out of those that are open to it. What an offence is,
and what a fine comes to, stays with the rules; an answer that is none of them is not taken.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from wattbook.errors import PolicyError
from wattbook.oversight import Rule, Sanction
from wattbook.regulator.findings import MARKET

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


MOST_STEPS: Final = 100
"""Of an answer no more is read."""
Judge: TypeAlias = "Callable[[Case], Iterable[Sanction]]"


def open_to(rules: Rules, rule: Rule, agent: int) -> tuple[Sanction, ...]:
    """List the sanctions that may follow from a finding: any step of its rule's ladder, and a warning."""
    steps = {step for steps in rules.ladder[rule] for step in steps}
    return tuple(sorted(steps | ({Sanction.WARNING} if agent != MARKET else set())))


def chosen(judge: Judge, case: Case) -> tuple[Sanction, ...]:
    """Ask a judge; give its answer in a fixed order.

    Raises
    ------
    PolicyError
        If that is anything but sanctions that are open.
    """
    answer = judge(case)
    try:
        steps = list(islice(answer, MOST_STEPS))
    except TypeError:
        steps = None
    if steps is None or not all(isinstance(step, Sanction) and step in case.open for step in steps):
        allowed = ", ".join(f"Sanction.{step.name}" for step in case.open)
        raise PolicyError(
            f"a judge answers with some of {allowed}, or nothing, not {steps or answer!r:.80} (finding {case.number})"
        )
    return tuple(sorted(set(steps)))


def recorded(sanctions: Mapping[str, NDArray[Any]]) -> Judge:
    """Make the judge that decides as a journal's sanctions say that one did.

    Parameters
    ----------
    sanctions : mapping of str to ndarray (n,)
        With ``finding`` and ``kind``.
    """
    steps: dict[int, list[Sanction]] = {}
    for number, kind in zip(sanctions["finding"].tolist(), sanctions["kind"].tolist(), strict=True):
        steps.setdefault(number, []).append(Sanction(kind))
    return lambda case: steps.get(case.number, [])

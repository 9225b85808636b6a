"""What a world is that detection is measured on, and what a case is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.regulator import Known, Rules
from wattbook.regulator.detectors import TERMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from wattbook.oversight import Rule

    Record = Mapping[str, Mapping[str, NDArray[Any]]]

NEVER: Final = 10**9


class World(NamedTuple):
    """One world.

    Attributes
    ----------
    judged : int
        Agents x times, periods or days as the rule counts, that could be found without cause.
    villains : tuple of int
        Agents that do wrong.
    """

    known: Known
    rules: Rules
    record: Record
    judged: int
    villains: tuple[int, ...] = ()


@dataclass(frozen=True)
class Case:
    """Worlds of one kind.

    Attributes
    ----------
    name : str
    draw : function of (seed, strength)
    strengths : tuple of int
        How far a villain goes; one 0 for an honest case.
    unit : str
        Of the strength, as the table shows it.
    sure_from : int
        From this strength on it has to be sanctioned in every seed.
    is_honest : bool
    differs_from_run : function of (seed, strength), optional
        Tells whether a whole run says otherwise than the record that was drawn.
    """

    name: str
    draw: Callable[[int, Any], World]
    strengths: tuple[int, ...] = (0,)
    unit: str = ""
    sure_from: int = NEVER
    is_honest: bool = True
    differs_from_run: Callable[[int, Any], bool] | None = None

    def tell(self, strength: int) -> str:
        """How far a villain goes, in words."""
        return "" if self.is_honest else f"{strength} {self.unit}"


def only(rule: Rule, review_ms: tuple[int, ...], **terms: int) -> Rules:
    """Give the usual rules with one rule alone, some of its thresholds changed."""
    return Rules(review_ms=review_ms, terms={rule: TERMS[rule](**terms)})

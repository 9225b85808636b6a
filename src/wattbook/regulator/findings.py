"""What a detector finds: who, what, since when, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from wattbook.oversight import Item, Rule

MARKET = -1
"""The agent of a finding that is about the market and nobody in it."""


class Offence(NamedTuple):
    """One thing that was done, sanctioned at most once.

    Attributes
    ----------
    key : int
        Among the offences of one rule and agent, for good: a period, a trade's seq.
    period : int
        Delivery period that it is about; -1 for none.
    gain, overcharge, harm : int
        What the agent had of it, what it took too much of those that bought from it, and what all consumers paid too
        much [1e-8 EUR].
    base : int
        What a fine counts by where nothing was overcharged [1e-8 EUR].
    """

    key: int
    period: int = -1
    gain: int = 0
    overcharge: int = 0
    harm: int = 0
    base: int = 0


class Line(NamedTuple):
    """One line of evidence: `item` is `value`, of or at `place`."""

    item: Item
    value: int
    place: int = -1


class Finding(NamedTuple):
    """What one review found about one agent under one rule.

    Attributes
    ----------
    rule : Rule
    agent : int
        `MARKET` where it is about nobody.
    offences : tuple of Offence
        Not empty; those that were sanctioned before are left out by whoever decides.
    evidence : tuple of Line
    price_tick : int
        Price that a mitigation or a cap would set; 0 where there is none.
    book, period : int
        Product that a halt would be about; -1 for all.
    until_ms : int
        When a halt would end.
    victims : tuple of (agent, weight)
        Who paid too much, and how much of all that [1e-8 EUR]: gains that are taken back go to them.
    """

    rule: Rule
    agent: int
    offences: tuple[Offence, ...]
    evidence: tuple[Line, ...] = ()
    price_tick: int = 0
    book: int = -1
    period: int = -1
    until_ms: int = 0
    victims: tuple[tuple[int, int], ...] = ()


class Detector(Protocol):
    """The one form of a detector: reads rows of the record, each once and in order, and reviews what it has read.

    Costs of `read` and `review` go with the rows read since the review before, not with all that ever were.
    """

    @property
    def streams(self) -> Collection[str]:
        """Streams of the record that it reads; a mapping tells which columns of each it needs beside times."""

    @property
    def watches(self) -> bool:
        """Whether it is asked at every watch; otherwise at reviews alone."""

    def read(self, stream: str, rows: Mapping[str, NDArray[Any]]) -> None:
        """Take in rows (n,) of a stream: the columns of `wattbook.regulator.views.RECORD`, time_ms and visible_ms."""

    def review(self, now_ms: int) -> list[Finding]:
        """Say what was found in what was read since the last review, in an order that depends on the record alone."""

    def export(self) -> dict[str, Any]:
        """Give the whole state, as JSON can hold it."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `export` gave."""

"""Two books through the same stream: every answer and every byte of state compared (B18 - B21).

The commands go in batches of random length; from time to time a book is exported and restored.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

import numpy as np

from wattbook.book import Batch
from wattbook.errors import ConfigError
from wattbook.testing.coverage import Cell, cells
from wattbook.testing.generator import Commands, draw
from wattbook.testing.weather import SETUPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from wattbook.testing.features import Features

_MOST_BATCH: Final = 500
_RESTORES: Final = 0.05


class FullBook(Protocol):
    """A book with all doors of `wattbook.book.Book`."""

    def process(
        self, commands: NDArray[np.int64], display_wh: NDArray[np.int64] | None, expire_ms: NDArray[np.int64] | None
    ) -> Batch:
        """Carry out a batch."""

    def fingerprint(self) -> str:
        """Digest of the canonical state."""

    def export(self) -> bytes:
        """Canonical state."""

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Make the book of a state."""


class MakesBook(Protocol):
    """A class or function that makes an empty book of given terms."""

    def __call__(self, **terms: object) -> FullBook:
        """Make it."""


class Differ(AssertionError):  # noqa: N818  # a finding, not somebody's mistake
    """Two books answered differently; says in what, and after which command."""


class Comparison(NamedTuple):
    """What two books agreed on.

    Attributes
    ----------
    commands : int
        How many they were given.
    cells : Counter of Cell
        What these were, see `coverage`.
    """

    commands: int
    cells: Counter[Cell]

    def __str__(self) -> str:
        """One line to print."""
        return f"{self.commands} commands of {len(self.cells)} kinds (cells) were answered alike"


def compare(make_one: MakesBook, make_other: MakesBook, commands: Commands, features: Features, seed: int = 0) -> Batch:
    """Send one stream through two new books and hold them against each other.

    Parameters
    ----------
    make_one, make_other : class or function
        Called with the features' terms, e.g. ``Book`` and ``ReferenceBook``.
    commands : Commands
        The stream.
    seed : int
        Decides where the batches end and where the state is moved to a restored book; batches hold 1 .. 500 commands.

    Returns
    -------
    Batch
        What both answered, as one batch.

    Raises
    ------
    Differ
        At the first batch in which anything differs.
    """
    rng = np.random.default_rng([seed, len(commands.rows)])
    one, other = make_one(**features.terms), make_other(**features.terms)
    batches: list[Batch] = []
    start = 0
    while start < len(commands.rows):
        stop = start + int(rng.integers(1, 8) if rng.random() < 0.2 else rng.integers(8, _MOST_BATCH + 1))
        part = commands.part(slice(start, stop))
        ours, theirs = one.process(*part), other.process(*part)
        _same(ours, theirs, start)
        if one.fingerprint() != other.fingerprint():
            raise Differ(f"state differs after a batch of commands {start} .. {start + len(part.rows) - 1}")
        if rng.random() < _RESTORES:
            one, other = _moved(one, other, start)
        ours.fills[:, 0] += start
        ours.events[:, 0] += start
        batches.append(ours)
        start = stop
    return Batch(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))


def _same(ours: Batch, theirs: Batch, start: int) -> None:
    for name in ("codes", "fills", "events", "resting_wh"):
        a, b = getattr(ours, name), getattr(theirs, name)
        if np.array_equal(a, b):
            continue
        here = next(
            (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if not np.array_equal(x, y)), min(len(a), len(b))
        )
        row = (
            here if name in {"codes", "resting_wh"} else min(int(part[here, 0]) for part in (a, b) if here < len(part))
        )
        said = [part[here].tolist() if here < len(part) else "nothing more" for part in (a, b)]
        raise Differ(f"{name} differ at command {start + row}: {said[0]} against {said[1]}")


def _moved(one: FullBook, other: FullBook, start: int) -> tuple[FullBook, FullBook]:
    state = one.export()
    if state != other.export():
        raise Differ(f"exports differ in the batch from command {start}")
    moved = type(one).restore(state), type(other).restore(state)
    if any(book.export() != state for book in moved):
        raise Differ(f"a restored book exports other bytes, in the batch from command {start}")
    return moved


def compare_bulk(
    make_one: MakesBook,
    make_other: MakesBook,
    seeds: Iterable[int],
    *,
    count: int = 10_000,
    self_trade: str = "off",
    setups: Iterable[str] = tuple(SETUPS),
) -> Comparison:
    """Hold two books against each other: one stream of `count` commands per seed and setup.

    Raises
    ------
    Differ
        With the seed and the setup that draw the stream again.
    ConfigError
        If there is nothing to compare.
    """
    if not hasattr(seeds, "__iter__"):
        raise ConfigError(f"seeds={seeds!r} must be several: range({seeds!r}) or [{seeds!r}]")
    seeds, setups = list(seeds), list(setups)
    if not seeds or not setups or count < 1:
        raise ConfigError(f"nothing to compare: seeds={seeds}, setups={setups}, count={count}")
    total, seen = 0, Counter[Cell]()
    for seed in seeds:
        for name in setups:
            setup = SETUPS[name]
            features = setup.features(self_trade)
            commands = draw(seed, count, features, setup.weather)
            try:
                answers = compare(make_one, make_other, commands, features, seed)
            except Differ as error:
                error.add_note(f"seed={seed} setup={name!r} self_trade={self_trade!r} count={count}")
                raise
            total += len(commands.rows)
            seen += cells(commands, answers, features)
    return Comparison(total, seen)

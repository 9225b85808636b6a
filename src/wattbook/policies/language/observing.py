"""What every observation needs: opaque handles, a coarse grid for numbers, canonical text.

A handle is a letter that stands for somebody for the length of one decision. Names and labels never enter an
observation, so that nobody can speak to a model through them.
"""

from __future__ import annotations

import json
from itertools import permutations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.chance import draw
from wattbook.errors import ConfigError, nearest
from wattbook.messages import NO_PRICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LETTERS: Final = ("A", "B", "C", "D", "E", "F")
ANY: Final = "any"
"""Stands for no handle in particular."""
NONE: Final = "none"
"""Stands for what there is not, such as the price of an empty side of a book."""
MOST_NOTES: Final = 200
"""Characters of quoted text that an observation takes; the rest is cut off."""
ARRANGEMENTS: Final = ("seeded", "price", "plain")
"""How letters are given: permuted by the agent's key, the cheapest first, or in the order of the view."""
_PERMUTATIONS: Final = tuple(tuple(permutations(range(n))) for n in range(len(LETTERS) + 1))

# One encoder for all: json.dumps would make one each time.
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""Canonical JSON text: sorted names, no blanks, ASCII."""


class Meant(NamedTuple):
    """Whom a handle stands for: the kind of list in the view, and the place there."""

    kind: str
    place: int


class Handles(NamedTuple):
    """Whom the letters of one observation stand for, from A on."""

    meant: tuple[Meant, ...] = ()

    def find(self, letter: str) -> Meant | None:
        """Give whom a letter stands for; None where it was not shown.

        >>> Handles((Meant("local", 0),)).find("A"), Handles().find("A")
        (Meant(kind='local', place=0), None)
        """
        place = LETTERS.index(letter)
        return self.meant[place] if place < len(self.meant) else None

    def each(self) -> Iterator[tuple[str, Meant]]:
        """Give each letter with whom it stands for."""
        return zip(LETTERS, self.meant, strict=False)


NOBODY: Final = Handles()


def handles_of(meant: Sequence[Meant], prices: Sequence[int], key: int, order: str) -> Handles:
    """Give letters to up to six counterparties.

    Parameters
    ----------
    meant, prices : (n,)
        Who they are, and what "price" sorts by, lowest first, of equal ones by place.
    key : int
        Of the agent and decision; the same key gives the same permutation.
    order : str
        One of `ARRANGEMENTS`.

    Raises
    ------
    ConfigError
        If there is no such order.
    """
    count = len(meant)
    if order == "seeded":
        choices = _PERMUTATIONS[count]
        return Handles(tuple([meant[place] for place in choices[draw(key, count) % len(choices)]]))
    if order == "price":
        return Handles(tuple(meant[place] for place in sorted(range(count), key=lambda place: (prices[place], place))))
    if order != "plain":
        raise ConfigError(f"order={order!r} is unknown{nearest(order, ARRANGEMENTS)}: choose from {ARRANGEMENTS}")
    return Handles(tuple(meant))


def cheapest(prices: Sequence[int], most: int) -> list[int]:
    """List the places of the `most` lowest prices, in their plain order.

    >>> cheapest([5, 3, 9, 3], 2)
    [1, 3]
    """
    if len(prices) <= most:
        return list(range(len(prices)))
    return sorted(sorted(range(len(prices)), key=lambda place: (prices[place], place))[:most])


def coarse(value: int, width: int) -> int:
    """Round a number onto a grid whose steps are about `width` percent of it; 0 leaves it as it is.

    Between one power of two and the next the steps are equally wide: `width` percent of the lower one, rounded down,
    at least 1. A number becomes the middle of its step. Signs are kept, and of two numbers the larger one never becomes
    the smaller. Percentages are shown as they are: whole percents are coarse enough.

    Parameters
    ----------
    width : int
        0 .. 100 [%].

    >>> [coarse(value, 10) for value in (0, 7, 100, 102, 106, -100, 16_000)]
    [0, 7, 103, 103, 109, -103, 15972]
    """
    if not width or not value:
        return value
    size = -value if value < 0 else value
    base = 1 << (size.bit_length() - 1)
    step = base * width // 100
    if step > 1:
        size = min(base + (size - base) // step * step + step // 2, 2 * base - 1)
    return -size if value < 0 else size


def coarse_price(price_tick: int, width: int) -> int | str:
    """Give a price that there may not be."""
    return NONE if price_tick == NO_PRICE else coarse(price_tick, width)


def text_of(seen: dict[str, Any], notes: str) -> str:
    """Give the canonical text of what is seen, with quoted text where there is any."""
    if notes:
        seen["notes"] = notes[:MOST_NOTES]
    return canonical(seen)

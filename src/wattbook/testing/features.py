"""What a book under test can do, so that streams ask nothing else of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Self

from wattbook.book import SELF_TRADE_MODES, Flag, Kind
from wattbook.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER_TYPES: Final = {
    "GTC": Flag.GTC,
    "IOC": Flag.IOC,
    "FOK": Flag.FOK,
    "MARKET": Flag.MARKET,
    "MARKET+IOC": Flag.MARKET | Flag.IOC,
    "MARKET+FOK": Flag.MARKET | Flag.FOK,
    "POST_ONLY": Flag.POST_ONLY,
    "REPRICE": Flag.POST_ONLY | Flag.REPRICE,
}
"""Every order type with its flags."""

NEVER_RESTS: Final = Flag.IOC | Flag.FOK | Flag.MARKET


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A book's terms and abilities. The defaults describe the smallest book: limit orders that can be cancelled.

    Parameters
    ----------
    products, floor_tick, cap_tick, step_tick, self_trade, lot_wh : int, int, int, int, str, int
        As for `wattbook.book.Book`.
    max_orders : int or None
        How many orders may rest; None for a book that is never full.
    kinds : tuple of Kind
        Commands that the book knows, as members or by name: ``("SUBMIT", "CANCEL")``. CALL needs UNCROSS.
    types : tuple of str
        Names out of `ORDER_TYPES`.
    icebergs, expiry : bool
        Whether orders may hide quantity, and be good till a time.
    rationings : tuple of Flag
        Flags that UNCROSS knows, each alone and all together.
    hostile : bool
        Whether streams hold commands that must be refused (unknown products, prices off the band, strangers' orders,
        int64 extremes ...): for a book that answers with codes.

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    products: int = 1
    floor_tick: int = -50_000
    cap_tick: int = 400_000
    step_tick: int = 1
    self_trade: str = "off"
    max_orders: int | None = None
    lot_wh: int = 1
    kinds: tuple[Kind, ...] = (Kind.SUBMIT, Kind.CANCEL)
    types: tuple[str, ...] = ("GTC",)
    icebergs: bool = False
    expiry: bool = False
    rationings: tuple[Flag, ...] = ()
    hostile: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.kinds, tuple | list):
            raise ConfigError(f'kinds={self.kinds!r} must be a tuple: ("SUBMIT", "CANCEL")')
        kinds = tuple(Kind.__members__.get(str(each), each) for each in self.kinds)
        object.__setattr__(self, "kinds", kinds)
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    @classmethod
    def full(cls, **given: Any) -> Self:
        """Describe a book that can do all that `wattbook.book.Book` can; `given` overrides."""
        everything: dict[str, Any] = {
            "products": 4,
            "kinds": tuple(Kind),
            "types": tuple(ORDER_TYPES),
            "icebergs": True,
            "expiry": True,
            "rationings": (Flag.PRO_RATA, Flag.PAY_AS_BID),
            "hostile": True,
        }
        return cls(**(everything | given))

    @property
    def terms(self) -> dict[str, Any]:
        """Keywords for `wattbook.book.Book` and `ReferenceBook`."""
        names = ("products", "floor_tick", "cap_tick", "step_tick", "self_trade", "lot_wh")
        terms = {name: getattr(self, name) for name in names}
        return terms if self.max_orders is None else terms | {"max_orders": self.max_orders}

    def __str__(self) -> str:
        """Only what differs from the defaults, as it would be written."""
        told = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return f"Features({', '.join(told)})"

    def _problems(self) -> Iterator[str]:
        for name in self.types:
            if name not in ORDER_TYPES:
                hint = nearest(str(name), ORDER_TYPES)
                yield f"types holds {name!r}{hint}: choose from {', '.join(ORDER_TYPES)}"
        if self.self_trade not in SELF_TRADE_MODES:
            yield f"self_trade={self.self_trade!r} is not one of {', '.join(SELF_TRADE_MODES)}"
        if not set(self.kinds) <= set(Kind) or Kind.SUBMIT not in self.kinds:
            yield f"kinds={self.kinds!r} must be members of Kind, SUBMIT among them"
        if Kind.CALL in self.kinds and Kind.UNCROSS not in self.kinds:
            yield "kinds holds CALL without UNCROSS: a call phase must end"
        if self.floor_tick > self.cap_tick or self.floor_tick % self.step_tick or self.cap_tick % self.step_tick:
            yield f"floor_tick={self.floor_tick} .. cap_tick={self.cap_tick} is no band of step_tick={self.step_tick}"

"""What a token costs, by model: a shipped table of a certain month, and a user's own figures over it.

Owns the reading of prices into whole nano-dollars. Refuses to know what is spent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from wattbook.errors import ConfigError, ResourceError, nearest

NUSD_PER_USD: Final = 1_000_000_000
_NUSD_PER_TOKEN: Final = 1_000
"""Of a price of 1 USD per million tokens."""
_TABLE: Final = "usd_per_million_tokens"
_WORDS: Final = ("input", "output")
_FORM: Final = '{"input": 1.00, "output": 5.00} in USD per million tokens'


class Price(NamedTuple):
    """What a token costs.

    Attributes
    ----------
    input_nusd, output_nusd : int
        Per token read and written [1e-9 USD].
    """

    input_nusd: int
    output_nusd: int

    def cost_nusd(self, input_tokens: int, output_tokens: int) -> int:
        """Cost of so many tokens [1e-9 USD]."""
        return input_tokens * self.input_nusd + output_tokens * self.output_nusd


@dataclass(frozen=True)
class Prices:
    """Prices by model.

    Attributes
    ----------
    as_of : str
        Month of the shipped figures; the user's own have no date.
    by_model : mapping of str to Price
    """

    as_of: str
    by_model: Mapping[str, Price]

    def of(self, model: str) -> Price:
        """Price of `model`.

        Raises
        ------
        ConfigError
            If there is none.
        """
        price = self.by_model.get(model)
        if price is None:
            hint = nearest(model, self.by_model)
            raise ConfigError(f"there is no price for model {model!r}{hint}: give one, {{{model!r}: {_FORM}}}")
        return price


def load_prices(own: str | Path | Mapping[str, Any] | None = None) -> Prices:
    """Read the shipped prices, and put the user's own over them.

    Parameters
    ----------
    own : path or mapping, optional
        TOML with a table ``usd_per_million_tokens``, or that table: ``{model: {"input": 1.00, "output": 5.00}}``.

    Raises
    ------
    ConfigError
        With every price that cannot be used.
    ResourceError
        If the file cannot be read.

    Examples
    --------
    >>> load_prices({"my-model": {"input": 0.25, "output": 2}}).of("my-model")
    Price(input_nusd=250, output_nusd=2000)
    """
    shipped = _shipped()
    if own is None:
        return shipped
    table = _table_of(own) if isinstance(own, str | Path) else own
    return Prices(shipped.as_of, MappingProxyType({**shipped.by_model, **_priced(table)}))


@lru_cache(maxsize=1)
def _shipped() -> Prices:
    text = files("wattbook.broker").joinpath("prices.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text, parse_float=Decimal)
    return Prices(table["as_of"], MappingProxyType(_priced(table[_TABLE])))


def _table_of(path: str | Path) -> Mapping[str, Any]:
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"), parse_float=Decimal).get(_TABLE)
    except OSError as error:
        raise ResourceError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: has no table [{_TABLE}]; write a line  model = {_FORM}  below it")
    return table


def _priced(table: Mapping[str, Any]) -> dict[str, Price]:
    """Turn every entry into whole nano-dollars, or list all that cannot be."""
    problems: list[str] = []
    prices = {model: _price(model, entry, problems) for model, entry in table.items()}
    if problems:
        raise ConfigError(problems)
    return prices


def _price(model: str, entry: object, problems: list[str]) -> Price:
    if not isinstance(entry, Mapping) or set(entry) != set(_WORDS):
        problems.append(f"price of {model!r} is {entry!r}: write {_FORM}")
        return Price(0, 0)
    return Price(*(_per_token(model, word, entry[word], problems) for word in _WORDS))


def _per_token(model: str, word: str, given: object, problems: list[str]) -> int:
    """Turn USD per million tokens into nano-dollars per token, which must come out whole."""
    number = isinstance(given, int | float | Decimal) and not isinstance(given, bool)
    value = Decimal(str(given)) * _NUSD_PER_TOKEN if number else Decimal("nan")
    if value.is_finite() and value >= 0 and value == value.to_integral_value():
        return int(value)
    problems.append(
        f"{word} price of {model!r} is {given!r}: write USD per million tokens, from 0 up, with at most three decimals"
    )
    return 0

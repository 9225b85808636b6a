"""Prices of a market elsewhere and at another time, shipped as they were published.

Owns the reading of price folders. A series keeps the currency it came in: whoever reads US dollars as euros says so.
Knows nothing of this engine's own spot prices.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.data.series import check_horizon, whole_columns
from wattbook.errors import ConfigError, DataError, nearest

if TYPE_CHECKING:
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

PRICES_VERSION: Final = 1
PRICES_FILE: Final = "prices.json"
SERIES_FILE: Final = "prices.parquet"

_SHIPPED: Final = Path(__file__).parent / "market_prices"


@dataclass(frozen=True, eq=False)
class Prices:
    """Prices at several places of a market, evenly spaced in UTC.

    Attributes
    ----------
    name : str
        As it was asked for.
    currency : str
        In which the prices were paid: a cent of it per MWh is the unit here, as a tick is of EUR.
    points : tuple of str
        The places: hubs and zones.
    timezone : str
        The market's own, whose midnights bound the year.
    start_ms, step_ms, steps : int
        First instant [ms of UTC], length [ms] and number of the steps.
    folder : Path
        Where its files lie, with licence and attribution.
    """

    name: str
    currency: str
    points: tuple[str, ...]
    timezone: str
    start_ms: int
    step_ms: int
    steps: int
    folder: Path

    @property
    def end_ms(self) -> int:
        """End of the data [ms of UTC], exclusive."""
        return self.start_ms + self.steps * self.step_ms

    def price_tick(self, point: str) -> IntArray:
        """Price of each step (steps,) at `point` [0.01 of the currency per MWh]; read-only.

        Raises
        ------
        DataError
            If there is no such point, or the file cannot be read.
        """
        if point not in self.points:
            raise DataError(
                f"prices/point: {self.name} has no point {point!r}{nearest(point, self.points)}: "
                f"choose from {', '.join(self.points)}"
            )
        return _columns(self)[point]

    def periods_tick(self, point: str, start_ms: int, end_ms: int, period_ms: int) -> IntArray:
        """Price of each period (n,) at `point`: that of the step it lies in.

        Parameters
        ----------
        point : str
            One of `points`.
        start_ms, end_ms, period_ms : int
            Horizon [ms of UTC] and length of a period [ms], which divides a step.

        Raises
        ------
        DataError
            If the horizon leaves the data.
        ConfigError
            If periods are longer than a step, or lie across the edges of steps.
        """
        whole = 0 < period_ms <= self.step_ms and self.step_ms % period_ms == 0
        if not whole or (start_ms - self.start_ms) % period_ms or (end_ms - start_ms) % period_ms:
            raise ConfigError(
                f"period_ms={period_ms} and the horizon do not divide the steps of {self.name}, "
                f"{self.step_ms} ms: choose a period that does, and a start on its edges"
            )
        asked, data = (start_ms, end_ms), (self.start_ms, self.end_ms)
        check_horizon(self.name, data, asked, self.timezone, "horizon/outside")
        starts = np.arange(start_ms, end_ms, period_ms, dtype=np.int64)
        return self.price_tick(point)[(starts - self.start_ms) // self.step_ms]

    def digests(self) -> dict[str, str]:
        """SHA-256 of the files, for a run's manifest."""
        return {
            name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in (PRICES_FILE, SERIES_FILE)
        }


def price_names() -> tuple[str, ...]:
    """Names of the shipped price series."""
    return tuple(sorted(path.parent.name for path in _SHIPPED.glob(f"*/{PRICES_FILE}")))


def load_prices(name: str) -> Prices:
    """Read a shipped price series by name.

    Parameters
    ----------
    name : str
        Such as ``"ercot-2022"``.

    Raises
    ------
    DataError
        If there is no such series, or its files are damaged or of a newer version.

    Examples
    --------
    >>> prices = load_prices("ercot-2022")
    >>> prices.currency, prices.points, prices.steps
    ('USD', ('HB_HUBAVG', 'LZ_AEN', 'LZ_HOUSTON'), 8760)
    >>> prices.price_tick("HB_HUBAVG")[:3].tolist()
    [3269, 2462, 2220]
    """
    if name not in price_names():
        raise DataError(
            f"prices/unknown: {name!r} is no shipped price series{nearest(str(name), price_names())}: "
            f"choose from {', '.join(price_names())}"
        )
    return read_prices(_SHIPPED / name)


def read_prices(folder: Path) -> Prices:
    """Read a folder of prices.

    Raises
    ------
    DataError
        If its files are damaged or of a newer version.
    """
    try:
        text = json.loads((folder / PRICES_FILE).read_text(encoding="utf-8"))
        return _prices(folder, text)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as fault:
        if isinstance(fault, DataError):
            raise
        raise DataError(f"prices/corrupt: the folder {folder.name!r} is not what was shipped ({fault!r})") from None


def _prices(folder: Path, text: dict[str, Any]) -> Prices:
    """Make a series of its file's content."""
    if text["version"] != PRICES_VERSION:
        raise DataError(
            f"prices/version: {folder.name!r} is written in version {text['version']}, "
            f"this wattbook reads {PRICES_VERSION}"
        )
    return Prices(
        name=folder.name,
        currency=str(text["currency"]),
        points=tuple(map(str, text["points"])),
        timezone=str(text["timezone"]),
        start_ms=int(text["start_ms"]),
        step_ms=int(text["step_ms"]),
        steps=int(text["steps"]),
        folder=folder,
    )


@lru_cache(maxsize=4)
def _columns(prices: Prices) -> dict[str, IntArray]:
    """All columns, each (steps,) in hundredths of the currency per MWh."""
    return whole_columns(prices.folder / SERIES_FILE, prices.points, prices.steps, prices.name, "prices/corrupt")

"""Grids and their series: who is connected where, and how much energy each takes or gives in each period.

Owns the reading of grid folders (shipped ones, and what the importer wrote) and the energy of their members and plants.
Profiles are whole parts per billion of a member's rating, so a year's energy is exact until its one rounding.
Knows nothing of agents, tariffs or markets.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.data.bootstrap import bootstrap_rows, rescale, year_calendar
from wattbook.data.calendar import is_midnight, local_date, utc_text
from wattbook.data.quantise import at_edges, cumulate, ratio_half_even
from wattbook.errors import DataError, nearest
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

GRID_VERSION: Final = 1
GRID_FILE: Final = "grid.json"
PROFILE_FILE: Final = "profiles.parquet"
PPB: Final = 1_000_000_000
DECIMALS: Final = 9
"""Decimals of a per-unit value that the parts per billion hold."""

_SHIPPED: Final = Path(__file__).parent / "grids"
_PREFIX: Final = "simbench/"


@dataclass(frozen=True, slots=True)
class Member:
    """A load of a grid: where it is, what shape it has, how large it is."""

    id: str
    node: str
    profile: str
    rated_w: int
    feeder: int
    distance_m: int
    kind: str


@dataclass(frozen=True, slots=True)
class Plant:
    """A PV plant of a grid."""

    id: str
    node: str
    profile: str
    rated_w: int
    feeder: int
    distance_m: int


@dataclass(frozen=True, eq=False)
class Grid:
    """A low-voltage grid with a year of profiles.

    Attributes
    ----------
    name : str
        As the scenario names it.
    members, plants : tuple
        In natural order of their ids.
    feeders : tuple of int
        The feeders' numbers; 0, where it occurs, is the transformer's busbar itself.
    timezone : str
        Whose midnights bound the days.
    start_ms, step_ms, steps : int
        First instant [ms of UTC], length [ms] and number of the steps of every profile.
    decimals : dict of str to int
        The profiles, and how many decimals each is stored with.
    folder : Path
        Where its files lie.
    """

    name: str
    members: tuple[Member, ...]
    plants: tuple[Plant, ...]
    feeders: tuple[int, ...]
    timezone: str
    start_ms: int
    step_ms: int
    steps: int
    decimals: dict[str, int]
    folder: Path

    @property
    def end_ms(self) -> int:
        """End of the data [ms of UTC], exclusive."""
        return self.start_ms + self.steps * self.step_ms

    def power_ppb(self, profile: str) -> npt.NDArray[np.int64]:
        """Mean power of each step (n,) in parts per billion of the rating; read-only.

        Raises
        ------
        DataError
            If the grid has no such profile, or its file cannot be read.
        """
        if profile not in self.decimals:
            raise DataError(
                f"profile/unknown: grid {self.name} has no profile {profile!r}{nearest(profile, self.decimals)}"
            )
        return _profiles(self)[profile]

    def digests(self) -> dict[str, str]:
        """SHA-256 of the grid's files, for a run's manifest."""
        return {
            name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in (GRID_FILE, PROFILE_FILE)
        }


def grid_names() -> tuple[str, ...]:
    """Names of the shipped grids."""
    return tuple(sorted(_PREFIX + path.parent.name for path in _SHIPPED.glob(f"*/{GRID_FILE}")))


def load_grid(name: str | Path) -> Grid:
    """Read a shipped grid by name, or a folder that the importer wrote by its path.

    Parameters
    ----------
    name : str or Path
        Such as ``"simbench/LV2.101"``, or a folder with a ``grid.json``.

    Raises
    ------
    DataError
        If there is no such grid, or its file is damaged or of a newer version.
    """
    shipped = isinstance(name, str) and name in grid_names()
    folder = _SHIPPED / str(name).removeprefix(_PREFIX) if shipped else Path(name)
    path = folder / GRID_FILE
    if not shipped and not path.is_file():
        raise DataError(
            f"grid/unknown: {str(name)!r} is neither a shipped grid{nearest(str(name), grid_names())} nor a folder "
            f"with a {GRID_FILE}: choose from {', '.join(grid_names())} or import one with 'wattbook data import'"
        )
    try:
        return _grid(str(name) if shipped else folder.name, folder, json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        if isinstance(fault, DataError):
            raise
        raise DataError(
            f"grid/corrupt: {path.name} of {str(name)!r} is not what the importer writes ({fault!r})"
        ) from None


def _grid(name: str, folder: Path, text: dict[str, Any]) -> Grid:
    """Make a grid of its file's content."""
    if text["version"] != GRID_VERSION:
        raise DataError(
            f"grid/version: {name!r} is written in version {text['version']}, this wattbook reads {GRID_VERSION}: "
            "import it again"
        )
    members = tuple(Member(**row) for row in text["members"])
    plants = tuple(Plant(**row) for row in text["plants"])
    return Grid(
        name=name,
        members=members,
        plants=plants,
        feeders=tuple(sorted({row.feeder for row in members} | {row.feeder for row in plants})),
        timezone=text["timezone"],
        start_ms=int(text["start_ms"]),
        step_ms=int(text["step_ms"]),
        steps=int(text["steps"]),
        decimals={str(profile): int(places) for profile, places in text["profiles"].items()},
        folder=folder,
    )


def member_load_wh(
    grid: Grid, member: Member, key: int | None, start_ms: int, end_ms: int, period_ms: int
) -> npt.NDArray[np.int64]:
    """Energy that a member takes in each period.

    Parameters
    ----------
    grid, member
        Of `load_grid`.
    key : int or None
        Seeds the home's own order of days; None is the year as measured.
    start_ms, end_ms, period_ms : int
        Horizon [ms of UTC] and length of a period [ms].

    Returns
    -------
    numpy.ndarray (n,)
        Energy of each period [Wh], never negative. Over the whole year its sum is within 1 Wh of profile x rating,
        with and without `key`; the same periods have the same numbers in every horizon.

    Raises
    ------
    DataError
        If the horizon leaves the data.
    """
    running = _running_ppb(grid, member.profile)
    if key is not None:
        running = _bootstrapped(grid, member.profile, key)
    return _energy_wh(grid, running, member.rated_w, start_ms, end_ms, period_ms)


def plant_wh(
    grid: Grid, profile: str, rated_w: int, start_ms: int, end_ms: int, period_ms: int, *, scale_ppm: int = PPM
) -> npt.NDArray[np.int64]:
    """Energy that a PV plant could give in each period, under the weather that all plants share.

    Parameters
    ----------
    grid, profile, rated_w
        Whose profile, and the plant's rating [W].
    start_ms, end_ms, period_ms : int
        Horizon [ms of UTC] and length of a period [ms].
    scale_ppm : int
        Multiplies the yield: the source's plants reach 575 to 697 full-load hours, few for Germany.

    Returns
    -------
    numpy.ndarray (n,)
        Energy of each period [Wh].

    Raises
    ------
    DataError
        If the horizon leaves the data, or the scale is negative.
    """
    if scale_ppm < 0:
        raise DataError(f"scale_ppm={scale_ppm} is negative: a plant gives energy")
    running = _running_ppb(grid, profile)
    if scale_ppm != PPM:
        running = ratio_half_even(running, scale_ppm, PPM)
    return _energy_wh(grid, running, rated_w, start_ms, end_ms, period_ms)


def check_horizon(what: str, data: tuple[int, int], asked: tuple[int, int], timezone: str, code: str) -> None:
    """Refuse a horizon [ms of UTC] that leaves the data, and say which dates (or times within days) exist.

    Raises
    ------
    DataError
        If `asked` is not inside `data`.
    """
    if data[0] <= asked[0] and asked[1] <= data[1]:
        return
    if all(is_midnight(edge_ms, timezone) for edge_ms in (*data, *asked)):
        said = [f"{local_date(begin, timezone)} to {local_date(end - 1, timezone)}" for begin, end in (data, asked)]
        said[1] += f" ({timezone})"
    else:
        said = [f"{utc_text(begin)} to {utc_text(end)}" for begin, end in (data, asked)]
    raise DataError(
        f"{code}: the horizon {said[1]} leaves the data of {what}, which has {said[0]}: "
        "choose a start and a number of days inside"
    )


def _energy_wh(
    grid: Grid, running: npt.NDArray[np.int64], rated_w: int, start_ms: int, end_ms: int, period_ms: int
) -> npt.NDArray[np.int64]:
    """Energy per period (n,) [Wh] of a running total (steps+1,) in parts per billion x step."""
    if rated_w < 0:
        raise DataError(f"rated_w={rated_w} is negative")
    check_horizon(grid.name, (grid.start_ms, grid.end_ms), (start_ms, end_ms), grid.timezone, "horizon/outside")
    edges = at_edges(running, grid.step_ms, start_ms - grid.start_ms, end_ms - grid.start_ms, period_ms)
    return np.diff(ratio_half_even(edges.values, rated_w * edges.unit_ms, PPB * MS_PER_HOUR))


@lru_cache(maxsize=256)
def _running_ppb(grid: Grid, profile: str) -> npt.NDArray[np.int64]:
    """Give the running total (steps+1,) of a profile [ppb x step], never falling."""
    return never_falling(grid.power_ppb(profile))


def never_falling(power_ppb: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Add up a profile (n,) so that its rare negative steps are paid back by the steps after them, giving (n+1,).

    The source's charging profile HLS_C_3.7 dips to -12 parts per million in eight of 35,136 steps, an artefact of its
    making. A load is never negative, and the year's total must not move: it moves by 0.012 Wh per 3.7 kW at most.
    """
    running: npt.NDArray[np.int64] = np.maximum.accumulate(cumulate(power_ppb))
    running.flags.writeable = False
    return running


def _bootstrapped(grid: Grid, profile: str, key: int) -> npt.NDArray[np.int64]:
    """Give the running total (steps+1,) [ppb x step] of the home's own year, ending where the measured year ends."""
    measured = _running_ppb(grid, profile)
    calendar = year_calendar(grid.start_ms, grid.end_ms, grid.step_ms, grid.timezone)
    own = never_falling(grid.power_ppb(profile)[bootstrap_rows(key, calendar)])
    # A shape with so few active days that none was drawn cannot be scaled up: that home keeps the measured year.
    return rescale(own, int(measured[-1])) if own[-1] > 0 else measured


@lru_cache(maxsize=4)
def _profiles(grid: Grid) -> dict[str, npt.NDArray[np.int64]]:
    """All profiles of a grid, each (steps,) in parts per billion."""
    held = whole_columns(grid.folder / PROFILE_FILE, tuple(grid.decimals), grid.steps, grid.name, "grid/corrupt")
    arrays = {name: held[name] * 10 ** (DECIMALS - places) for name, places in grid.decimals.items()}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def whole_columns(
    file: Path, names: Sequence[str], steps: int, what: str, code: str
) -> dict[str, npt.NDArray[np.int64]]:
    """Read columns of whole numbers, each (steps,) and read-only, from a Parquet file.

    Raises
    ------
    DataError
        If the file of `what` does not hold them; `code` begins the message.
    """
    import polars as pl

    try:
        frame = pl.read_parquet(file.read_bytes(), columns=list(names))
    except (OSError, pl.exceptions.PolarsError) as fault:
        raise DataError(f"{code}: {file.name} of {what!r} cannot be read ({fault})") from None
    if frame.height != steps or any(not dtype.is_integer() for dtype in frame.dtypes):
        raise DataError(f"{code}: {file.name} of {what!r} has not {steps} rows of whole numbers")
    arrays = {name: frame[name].to_numpy().astype(np.int64) for name in names}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays

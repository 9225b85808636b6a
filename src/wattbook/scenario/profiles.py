"""Where a member's energy comes from: a shipped profile by name, or a file or frame of the user's.

Owns the reading of both into Wh per period, and their digests for the manifest. All problems of all members are
gathered before anything is raised.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.data import Grid, Member, Profile, load_grid, member_load_wh, plant_wh, profile_wh, read_profile
from wattbook.errors import DataError, nearest
from wattbook.units import MS_PER_DAY, MS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

DEFAULT_GRID: Final = "simbench/LV2.101"
"""Whose profiles are meant by a name without a grid."""
FLAT: Final = "flat"
"""The profile of a load that never changes."""
FILE_ENDINGS: Final = (".csv", ".parquet")


class Horizon(NamedTuple):
    """A run's first and last instant and its period [ms]."""

    start_ms: int
    end_ms: int
    period_ms: int

    @property
    def periods(self) -> int:
        """Number of periods."""
        return (self.end_ms - self.start_ms) // self.period_ms


class Energy(NamedTuple):
    """Energy of a run's periods and of the same times a day before, (p,) each [Wh]."""

    run_wh: Ints
    before_wh: Ints


def is_file(source: object) -> bool:
    """Tell whether a profile is the user's own file or frame rather than a shipped one's name."""
    return not isinstance(source, str) or source.lower().endswith(FILE_ENDINGS)


def shipped(source: str) -> tuple[Grid, str]:
    """Find a shipped profile, as ``"H0-A"`` or ``"simbench/LV2.101/H0-A"``.

    Raises
    ------
    DataError
        If there is no such grid or profile.
    """
    grid_name, _, profile = source.rpartition("/")
    grid = load_grid(grid_name or DEFAULT_GRID)
    if profile not in grid.decimals:
        raise DataError(
            f"profile/unknown: {source!r} is not a profile of {grid.name}{nearest(profile, grid.decimals)}: choose "
            f"from {', '.join(grid.decimals)}, or give a path that ends in .csv or .parquet"
        )
    return grid, profile


class Library:
    """Profiles that a scenario names, each read once."""

    def __init__(self) -> None:
        self._shipped: dict[str, tuple[Grid, str]] = {}
        self._files: dict[str, Profile] = {}
        self._frames: dict[int, tuple[Any, Profile]] = {}

    def load(self, source: Any, name: str, rated_w: int, key: int | None, horizon: Horizon) -> Energy:
        """Energy that a member takes; `key` draws its days, None takes them as measured.

        Raises
        ------
        DataError
            If the profile cannot be used or is too short.
        """
        if is_file(source):
            return self._own(source, horizon)
        if source == FLAT:
            return _flat(rated_w, horizon)
        grid, profile = self._of_grid(source)
        member = Member(name, "", profile, rated_w, 0, 0, "")
        return _with_day_before(
            horizon,
            (grid.start_ms, grid.end_ms),
            lambda from_ms: member_load_wh(grid, member, key, from_ms, horizon.end_ms, horizon.period_ms),
        )

    def generation(self, source: Any, rated_w: int, horizon: Horizon) -> Energy:
        """Energy that a new plant of `rated_w` [W] could give.

        Raises
        ------
        DataError
            If the profile cannot be used or is too short.
        """
        if is_file(source):
            return self._own(source, horizon)
        grid, profile = self._of_grid(source)
        return _with_day_before(
            horizon,
            (grid.start_ms, grid.end_ms),
            lambda from_ms: plant_wh(grid, profile, rated_w, from_ms, horizon.end_ms, horizon.period_ms),
        )

    def grid(self, name: str) -> Grid:
        """Give a grid, noted among what was read.

        Raises
        ------
        DataError
            If there is no such grid.
        """
        grid = load_grid(name)
        self._shipped[f"{name}/"] = (grid, "")
        return grid

    def digests(self) -> dict[str, str]:
        """SHA-256 of everything that was read, by a name that no machine's folders show in."""
        found = {
            f"{grid.name}/{file}": digest
            for grid, _ in self._shipped.values()
            for file, digest in grid.digests().items()
        }
        found |= {f"profile/{Path(path).name}/{i}": each.digest() for i, (path, each) in enumerate(self._files.items())}
        found |= {f"profile/frame/{i}": each.digest() for i, (_, each) in enumerate(self._frames.values())}
        return dict(sorted(found.items()))

    def digest(self, source: Any) -> str:
        """Say what a profile is in a manifest: its name in its grid, or its content's SHA-256.

        Raises
        ------
        DataError
            If it cannot be read.
        """
        if is_file(source):
            return f"sha256:{self._profile(source).digest()}"
        if source == FLAT:
            return FLAT
        grid, profile = self._of_grid(source)
        return f"{grid.name}/{profile}"

    def _of_grid(self, source: str) -> tuple[Grid, str]:
        if source not in self._shipped:
            self._shipped[source] = shipped(source)
        return self._shipped[source]

    def _profile(self, source: Any) -> Profile:
        if isinstance(source, str | Path):
            path = str(source)
            if path not in self._files:
                self._files[path] = read_profile(path)
            return self._files[path]
        # The frame is kept beside its profile, so that its address stays its own.
        if id(source) not in self._frames:
            self._frames[id(source)] = (source, read_profile(source))
        return self._frames[id(source)][1]

    def _own(self, source: Any, horizon: Horizon) -> Energy:
        profile = self._profile(source)
        return _with_day_before(
            horizon,
            (profile.start_ms, profile.end_ms),
            lambda from_ms: profile_wh(profile, from_ms, horizon.end_ms, horizon.period_ms),
        )


def _flat(rated_w: int, horizon: Horizon) -> Energy:
    """Energy of a constant load; what is below 1 Wh is carried on, so that sums are right."""
    edges = rated_w * horizon.period_ms * np.arange(horizon.periods + 1, dtype=np.int64) // MS_PER_HOUR
    run_wh: Ints = np.diff(edges)
    return Energy(run_wh, run_wh.copy())


def _with_day_before(horizon: Horizon, data: tuple[int, int], energy_wh: Any) -> Energy:
    """Read a run's energy, and the same shifted by a day; where the day before is not in the data, its own day.

    A run that leaves the data is read without the day before, so that what is refused is the run's own horizon.
    """
    per_day = MS_PER_DAY // horizon.period_ms
    if data[0] <= horizon.start_ms - MS_PER_DAY and horizon.end_ms <= data[1]:
        longer: Ints = energy_wh(horizon.start_ms - MS_PER_DAY)
        return Energy(longer[per_day:], longer[: horizon.periods])
    run_wh: Ints = energy_wh(horizon.start_ms)
    return Energy(run_wh, np.concatenate((run_wh[:per_day], run_wh))[: horizon.periods])


def content_hash(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()

"""Where the answers of an experiment's runs come from, and where each run's recording lies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wattbook.errors import ConfigError, ResourceError
from wattbook.scenario.advised_runs import check_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wattbook.broker.words import Caller
    from wattbook.results import Run
    from wattbook.scenario import Scenario

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
OFF: Final = "off"
REPLAY: Final = "replay"


@dataclass(frozen=True)
class Answers:
    """Where answers come from.

    Attributes
    ----------
    llm : str
        As for `Scenario.run`. ``"replay-or-live"`` goes on with an experiment that broke off; ``"replay"`` repeats one
        without a model.
    folder : path or None
        Where recordings are kept: one file for each variant and seed, so that no two share a sample. Needed unless
        nobody is asked.
    connect : callable or None
        Makes the connection of each run, ``connect() -> Caller``; None is that of the environment.
    """

    llm: str = "replay-or-live"
    folder: str | Path | None = None
    connect: Callable[[], Caller] | None = None

    def check(self, scenarios: Iterable[Scenario]) -> None:
        """Refuse, before anything runs, what could not be asked or kept.

        Raises
        ------
        ConfigError
            If there is no such mode, or no folder though somebody is asked.
        """
        if check_mode(self.llm) != OFF and any(each.language_model is not None for each in scenarios):
            self.recording("any", 0)

    def recording(self, variant: str, seed: int) -> Path:
        """Give the file of one run.

        Raises
        ------
        ConfigError
            Without a folder.
        """
        if self.folder is None:
            raise ConfigError("variants ask a language model: name a folder for their recordings, folder='answers'")
        return Path(self.folder) / f"{variant}-{seed}.answers.sqlite"

    def run(self, scenario: Scenario, variant: str, seed: int) -> Run:
        """Run one variant under one seed; who has no language model goes by rules."""
        if scenario.language_model is None or self.llm == OFF:
            return scenario.run(seed, baseline=False)
        place = self.recording(variant, seed)
        if self.llm != REPLAY:
            folder_of(place.parent)
        caller = None if self.connect is None or self.llm == REPLAY else self.connect()
        return scenario.run(seed, baseline=False, llm=self.llm, recording=place, caller=caller)


def folder_of(place: str | Path) -> Path:
    """Give a folder, made if there is none.

    Raises
    ------
    ResourceError
        If something else is there.
    """
    folder = Path(place)
    if folder.exists() and not folder.is_dir():
        raise ResourceError(f"{folder}: is no folder: give the path of one, folder='answers'")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def check_names(names: list[str]) -> None:
    """Refuse names that are no part of a file's name.

    Raises
    ------
    ConfigError
        With all of them.
    """
    if bad := [name for name in names if not isinstance(name, str) or not _NAME.fullmatch(name)]:
        raise ConfigError([f"{name!r} is no name of a variant: write letters, digits, _ . and - alone" for name in bad])

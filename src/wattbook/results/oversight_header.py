"""What a journal's header and streams tell of the regulator, checked before anybody relies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.oversight import Item, Rule, Sanction
from wattbook.regulator import Known, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

_WORDS: Final = {"rule": Rule, "item": Item, "kind": Sanction}
_SENSELESS: Final = (ArithmeticError, LookupError, AttributeError, TypeError, ValueError)
"""What reading an impossible header can raise."""


def oversight_header_faults(header: Mapping[str, Any]) -> list[str]:
    """Say what keeps an otherwise sound header's ``regulator`` from being one."""
    told = header["regulator"]
    if not isinstance(told, dict) or type(told.get("cap_per_offence")) is not int:
        return ["its header has no sound 'regulator'"]
    try:
        Rules.of(told["rules"])
        Known.of(header)
    except _SENSELESS as error:
        return [f"its header has no sound 'regulator' ({type(error).__name__}: {error})"]
    return []


def oversight_stream_faults(agents: int, streams: Mapping[str, Columns]) -> list[str]:
    """Say which columns of findings, evidence and sanctions hold numbers that stand for nothing."""
    found = len(streams["findings"]["seq"])
    faults = []
    for stream in ("findings", "evidence", "sanctions"):
        rows = streams[stream]
        for name, (low, past) in {"agent": (-1, agents), "finding": (0, found)}.items():
            if name in rows and rows[name].size and not (low <= rows[name].min() and rows[name].max() < past):
                faults.append(f"{stream}.{name} holds numbers outside {low}..{past - 1}")
        faults += [
            f"{stream}.{name} holds numbers that are no {name}"
            for name, words in _WORDS.items()
            if name in rows and not np.isin(rows[name], list(words)).all()
        ]
    return faults

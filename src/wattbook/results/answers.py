"""What the market answered to commands: which orders it took, which commands it refused, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattbook.book.words import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattbook.results.record import Ints, Record


class Answers(NamedTuple):
    """Orders and refusals of a run.

    Attributes
    ----------
    accepted, refused : int
        Orders that were accepted, and refusals.
    command : (k,) int64
        Commands that were refused, rising.
    code : (k,) int16
        Why: of several refusals the first.
    """

    accepted: int
    refused: int
    command: Ints
    code: NDArray[np.int16]


def answers(record: Record) -> Answers:
    """Look through the orders' events for acceptances and refusals."""
    if "answers" not in record.memo:
        record.memo["answers"] = _answers(record)
    found: Answers = record.memo["answers"]
    return found


def _answers(record: Record) -> Answers:
    accepted = 0
    commands, codes = [np.zeros(0, np.int64)], [np.zeros(0, np.int16)]
    for rows in record.pieces("orders", only=("command", "event", "code")):
        refused = np.flatnonzero(rows["code"])
        accepted += int(np.count_nonzero(rows["event"] == Event.ACCEPTED))
        accepted -= int(np.count_nonzero(rows["event"][refused] == Event.ACCEPTED))
        commands.append(rows["command"][refused])
        codes.append(rows["code"][refused])
    every = np.concatenate(commands)
    command, first = np.unique(every, return_index=True)
    return Answers(accepted, len(every), command, np.concatenate(codes)[first])


def outcomes(record: Record, seq: Ints) -> NDArray[np.int16]:
    """Code of each command of `seq` (n,), which rises: 0, or that of its first refusal."""
    found = answers(record)
    codes = np.zeros(len(seq), np.int16)
    if len(seq):
        begin, end = np.searchsorted(found.command, (seq[0], seq[-1] + 1))
        place = np.searchsorted(seq, found.command[begin:end])
        told = seq[place] == found.command[begin:end]
        codes[place[told]] = found.code[begin:end][told]
    return codes

"""Each book in a process of its own, told slice by slice when its turn is.

So no book's memory lies among another's, none is slowed by the objects of another, and one that takes its process
down with it takes nothing else. Only one of them works at a time.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .contenders import OURS
from .peers import MAKERS
from .streams import Stream
from .throughput import Entrant, Figures, Lane

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from .throughput import Slicing

_ARRAYS = ("opening", "messages", "fills", "traded_wh")


def store(stream: Stream, folder: Path) -> None:
    """Write a stream where other processes find it."""
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(stream, name))


def stored(name: str, products: int, folder: Path) -> Stream:
    """Open a stream that was stored; its pages are shared."""
    return Stream(name, products, *(np.load(folder / f"{array}.npy", mmap_mode="r") for array in _ARRAYS))


class Elsewhere(Lane):
    """One book's way through a stream, in a process of its own; the book is known by its name."""

    def __init__(self, name: str, most: int, stream: Stream, slicing: Slicing, folder: Path) -> None:
        super().__init__(Entrant(MAKERS.get(name) or OURS[name], most), stream, slicing)
        if self.figures.refused:
            return
        fresh = multiprocessing.get_context("spawn")
        self.here, there = fresh.Pipe()
        given = (there, name, most, stream.name, stream.products, slicing, str(folder))
        self.process = fresh.Process(target=_serve, args=given, daemon=True)
        self.process.start()
        there.close()

    def open(self) -> None:
        """Have a fresh book made and filled."""
        self._ask("open")

    def take(self, turn: int) -> None:
        """Have a slice carried out."""
        self._ask("take", turn)

    def close(self) -> Figures:
        """Have it checked, fetch the figures and end the process."""
        found = self._ask("close")
        return found if isinstance(found, Figures) else self.figures

    def _ask(self, *question: object) -> object:
        """Wait for the answer of the process; one that is gone has none."""
        if self.figures.refused:
            return None
        try:
            self.here.send(question)
            return self.here.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            self.figures.refused = f"failed: its process ended with {self.process.exitcode}"
            return None


def _serve(there: Connection, name: str, most: int, stream: str, products: int, slicing: Slicing, folder: str) -> None:
    """Do what the other process asks for until it has the figures."""
    maker = MAKERS.get(name) or OURS[name]
    lane = Lane(Entrant(maker, most), stored(stream, products, Path(folder)), slicing)
    word = ""
    while word != "close":  # the last answer ends the process
        word, *given = there.recv()
        there.send(getattr(lane, word)(*given))

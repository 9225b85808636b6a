"""What an experiment gives back: tables of plain values, shown as text, as frames, and kept as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wattbook.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

Row = dict[str, Any]
_WIDEST: Final = 34


@dataclass(frozen=True)
class Experiment:
    """The outcome of an experiment.

    Attributes
    ----------
    name : str
    tables : mapping of str to list of dict
        Always `runs`, a row for each variant and seed, and `effects`, a row for each variant and measure against the
        base; beside them those of the question. Values are texts, numbers, yes or no, and None.
    cautions : tuple of str
        What to know before these figures are believed.
    shows : tuple of str
        Tables that are printed.
    """

    name: str
    tables: Mapping[str, Sequence[Row]]
    cautions: tuple[str, ...] = ()
    shows: tuple[str, ...] = field(default=("effects",))

    def rows(self, table: str) -> list[Row]:
        """Give the rows of a table.

        Raises
        ------
        ConfigError
            If there is none of that name.
        """
        if table not in self.tables:
            raise ConfigError(f"table {table!r} is unknown{nearest(table, self.tables)}: choose from {[*self.tables]}")
        return [dict(row) for row in self.tables[table]]

    def frame(self, table: str = "effects") -> pl.DataFrame:
        """Give a table as a Polars frame.

        Raises
        ------
        ConfigError
            If there is none of that name.
        """
        import polars as pl  # most experiments are read as text

        return pl.DataFrame(self.rows(table), infer_schema_length=None)

    def to_json(self) -> str:
        """Write everything as JSON."""
        plain = {"name": self.name, "cautions": self.cautions, "tables": self.tables}
        return json.dumps(plain, indent=1, default=list)

    def save(self, path: str | Path) -> Path:
        """Write everything into a JSON file."""
        place = Path(path)
        place.write_text(self.to_json() + "\n", encoding="utf-8")
        return place

    def __str__(self) -> str:
        parts = [self.name]
        for table in self.shows:
            parts += ["", f"{table}:", *_lines(self.tables[table])]
        return "\n".join([*parts, *(f"caution: {each}" for each in self.cautions)])

    def _repr_html_(self) -> str:
        shown = [f"<h4>{table}</h4>{self.frame(table)._repr_html_()}" for table in self.shows if self.tables[table]]
        return f"<h3>{self.name}</h3>{''.join(shown)}"


def _lines(rows: Sequence[Row]) -> list[str]:
    """Lay a table out in columns."""
    if not rows:
        return ["(nothing)"]
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."

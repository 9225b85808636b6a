"""The spine: append-only typed columns of commands and facts, their file, and their fingerprint.

Owns how rows are kept, hashed, framed and read back. Refuses to know what any row means: the streams and the
header come from whoever writes.
"""

from __future__ import annotations

from wattbook.journal.copying import FRAME_ROWS, write_journal
from wattbook.journal.drafting import Draft
from wattbook.journal.packing import canonical_json, pack, unpack
from wattbook.journal.reading import JournalReading, read_journal
from wattbook.journal.writing import Chunk, Journal

__all__ = [
    "FRAME_ROWS", "Chunk", "Draft", "Journal", "JournalReading", "canonical_json", "pack", "read_journal", "unpack",
    "write_journal",
]  # fmt: skip

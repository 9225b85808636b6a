"""Read a Parquet file that may be anything, in a process of its own.

Some damaged files make the Parquet reader abort its whole process, where no error can be caught. The child reads
the file from its standard input and writes it anew, as this version would: what comes back is that file's digest.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Final

import polars as pl

from wattbook.results.folder import describe, table_bytes

_PATIENCE_S: Final = 120
_CHILD: Final = "from wattbook.results.rereading import main; main()"


def same_rows(data: bytes, frame: pl.DataFrame) -> bool:
    """Say whether `data` is a Parquet file of exactly the rows and columns of `frame`."""
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and module, nothing from here; the file goes in as data
            [sys.executable, "-P", "-c", _CHILD, str(frame.height)],
            input=data,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return child.returncode == 0 and child.stdout == json.dumps(describe(table_bytes(frame))).encode()


def main() -> None:
    """Tell what the table in standard input is when written anew; its size is looked at before it is unpacked."""
    data = sys.stdin.buffer.read()
    if pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item() != int(sys.argv[1]):
        raise SystemExit(1)
    sys.stdout.write(json.dumps(describe(table_bytes(pl.read_parquet(io.BytesIO(data))))))

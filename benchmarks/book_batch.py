"""How much does one batch call save against single calls? CPU time per command, as a ratio taken in one run.

The same stream goes through `Book.process` at once and through `submit`, `cancel` and `replace` one by one. Both
must end with the same fingerprint, fills and traded energy before any time counts.

    python benchmarks/book_batch.py --check
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np

from wattbook.book import BUY, SELL, Book, Flag, Kind

REQUIRED_RATIO = 20.0
OWNERS = 500
MID_TICK = 12_000
LIFETIME = 2_500


def local_stream(count: int, seed: int) -> np.ndarray:
    """Draw `count` commands of a local market, int64 of shape (count, 8): 45 % submits, 10 % replaces, 45 % cancels.

    Every order is cancelled by its owner within the next `LIFETIME` submits unless it was filled before, and some
    are replaced on the way, so about a thousand orders rest throughout.
    """
    rng = np.random.default_rng(seed)
    submits = -(-count // 2)
    order = np.arange(1, submits + 1)
    gone = order + rng.uniform(1, LIFETIME, size=submits)
    changed = order + rng.uniform(0, 1, size=submits) * (gone - order)
    picked = rng.choice(submits, size=submits * 2 // 9, replace=False)
    when = np.concatenate([order, gone, changed[picked]])
    kind = np.repeat([Kind.SUBMIT, Kind.CANCEL, Kind.REPLACE], [submits, submits, len(picked)])
    which = np.concatenate([order, order, order[picked]]) - 1
    owner, side = rng.integers(0, OWNERS, size=submits), rng.choice([BUY, SELL], size=submits)
    flags = rng.choice([Flag.GTC, Flag.IOC, Flag.POST_ONLY | Flag.REPRICE], size=submits, p=[0.8, 0.1, 0.1])
    price = MID_TICK - side[which] * rng.integers(-10, 200, size=len(which))
    quantity = rng.integers(1, 2_000, size=len(which))
    columns = [kind, 0 * which, order[which], owner[which], side[which], price, quantity, flags[which]]
    return np.column_stack(columns).astype(np.int64)[np.argsort(when, kind="stable")][:count]


def run_batch(commands: np.ndarray) -> tuple[float, Book, int, int]:
    """CPU seconds, the book, number of fills, traded Wh of one `process` call."""
    book = Book()
    start = time.process_time()
    batch = book.process(commands)
    spent = time.process_time() - start
    return spent, book, len(batch.fills), int(batch.fills[:, 5].sum())


def run_single(commands: np.ndarray) -> tuple[float, Book, int, int]:
    """CPU seconds, the book, number of fills, traded Wh of one public call per command."""
    book, rows = Book(), commands.tolist()
    fills = traded_wh = 0
    start = time.process_time()
    for kind, product, order, owner, side, price, quantity, flags in rows:
        if kind == Kind.SUBMIT:
            receipt = book.submit(order, owner, side, price, quantity, product, flags)
        elif kind == Kind.CANCEL:
            receipt = book.cancel(order, owner)
        else:
            receipt = book.replace(order, owner, price, quantity)
        fills += len(receipt.fills)
        traded_wh += receipt.filled_wh
    return time.process_time() - start, book, fills, traded_wh


def measure(count: int, repeats: int, seed: int) -> dict[str, float | int | str]:
    """Take a batch before and after each single run, and compare the least CPU time of either way.

    A batch returns some 75 MB of fresh memory; whether its pages come cheap depends on what else the machine does,
    which doubles single readings at times and says nothing about the book.
    """
    commands = local_stream(count, seed)
    run_batch(commands[:1_000])
    run_single(commands[:1_000])
    batch_s, single_s = [], []
    for _ in range(repeats):
        spent, book, fills, traded_wh = run_batch(commands)
        batch_s.append(spent)
        spent, twin, twin_fills, twin_traded_wh = run_single(commands)
        single_s.append(spent)
        batch_s.append(run_batch(commands)[0])
        assert book.fingerprint() == twin.fingerprint()
        assert (fills, traded_wh) == (twin_fills, twin_traded_wh)
    batch, single = min(batch_s), min(single_s)
    return {
        "commands": count,
        "fills": fills,
        "traded_wh": traded_wh,
        "resting_orders": len(book),
        "fingerprint": book.fingerprint(),
        "batch_ns_per_command": round(batch / count * 1e9, 1),
        "single_ns_per_command": round(single / count * 1e9, 1),
        "batch_ns_median": round(statistics.median(batch_s) / count * 1e9, 1),
        "single_ns_median": round(statistics.median(single_s) / count * 1e9, 1),
        "batch_commands_per_s": round(count / batch),
        "ratio": round(single / batch, 1),
    }


def main() -> None:
    """Print the figures; with --check fail where the ratio is below `REQUIRED_RATIO`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="commands in the stream")
    parser.add_argument("--repeats", type=int, default=5, help="the best of so many runs counts")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help=f"fail below a ratio of {REQUIRED_RATIO:g}")
    wanted = parser.parse_args()
    found = measure(wanted.count, wanted.repeats, wanted.seed)
    print(json.dumps(found) if wanted.json else "\n".join(f"{name:24} {value}" for name, value in found.items()))
    if wanted.check and found["ratio"] < REQUIRED_RATIO:
        raise SystemExit(f"a batch is only {found['ratio']} times as fast as single calls, not {REQUIRED_RATIO:g}")


if __name__ == "__main__":
    main()

"""Run the mutants of the kernel against the streams and the conformance cases; the figures of the mutation test.

    python tests/mutation/run.py              a sample over all files and operators
    python tests/mutation/run.py --all        every mutant
    python tests/mutation/run.py --json FILE  the outcome for a program

The kernel runs as plain Python (it sets NUMBA_DISABLE_JIT=1 itself). Each mutant has a process of its own, forked from
one that has imported everything but the kernel and knows all right answers. A mutant is killed by the first of

difference
    an answer, a fingerprint, a best price, a case's ending or the memory that a law allows is another one;
crash
    an exception or a signal;
time
    more processor time than several times what the unchanged kernel needs for the same stage.

These three are the figure that counts. What only `Book.check` finds is told apart ("assertion").
"""

from __future__ import annotations

import os

os.environ["NUMBA_DISABLE_JIT"] = "1"

import argparse
import gc
import json
import resource
import signal
import sys
import time
import tomllib
import warnings
import zlib
from collections import Counter, defaultdict
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numba  # noqa: F401 - so that no mutant has to wait for it
import numpy as np

import wattbook.book
from wattbook.testing.conformance import NonconformingError

sys.path.insert(0, str(Path(__file__).parent))

import operators
from killing import Different, stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operators import Mutant

HERE: Final = Path(__file__).parent
BOOK: Final = Path(wattbook.book.__file__).parent
FILES: Final = tuple(sorted(path for path in BOOK.glob("kernel*.py") if path.stem != "kernel_machine"))
"""The kernel without its intrinsics: of those only twins would run here."""
SAMPLE: Final = 160
SEED: Final = 2026
MEMORY: Final = 1 << 30
_TIMES: Final = 3
_GRACE_S: Final = 0.3
_KINDS: Final = {0: "survived", 1: "difference", 2: "crash", 3: "assertion"}


class Outcome(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    how: str
    stage: str
    seconds: float


# --- a mutant in a process of its own


def load(mutant: Mutant | None) -> Any:
    """Import the compiled book, with one of its files changed."""
    tree = mutant and operators.mutated(BOOK / f"{mutant.module}.py", mutant)
    unload()
    import_module("wattbook.book.kernel_machine").u = unsigned
    if mutant and tree:
        name = f"wattbook.book.{mutant.module}"
        module = ModuleType(name)
        module.__file__ = str(BOOK / f"{mutant.module}.py")
        sys.modules[name] = module
        exec(compile(tree, module.__file__, "exec"), module.__dict__)
        setattr(wattbook.book, mutant.module, module)
    return import_module("wattbook.book.face").Book


def unsigned(index: int) -> int:
    """Keep the promise of `kernel_machine.u`: compiled, a negative index is far outside and no row from the end."""
    if index < 0:
        raise IndexError(index)
    return int(index)


def unload() -> None:
    """Forget every module of the kernel and those that use it."""
    for name in [name for name in sys.modules if name.startswith("wattbook.book.")]:
        last = name.rpartition(".")[2]
        if last.startswith("kernel") or last in {"face", "inspecting", "auction"}:
            del sys.modules[name]
            vars(wattbook.book).pop(last, None)
    for name in wattbook.book._COMPILED:
        vars(wattbook.book).pop(name, None)


def child(mutant: Mutant | None, asked: dict[str, Any], limits: list[float], pipe: int) -> None:
    """Ask everything; write the number of each stage that begins, then how it ended."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    last = len(asked) - 1
    how = 0
    number = 0
    try:
        for number, stage in enumerate(asked.values()):
            if mutant is not None:
                os.write(pipe, bytes([number]))
            signal.setitimer(signal.ITIMER_PROF, limits[number])
            if number == 0:
                book_class = load(mutant)
            before = time.process_time()
            stage(book_class)
            if mutant is None:
                os.write(pipe, f"{time.process_time() - before:.4f} ".encode())
    except (Different, NonconformingError):
        how = 1
    except BaseException:  # noqa: BLE001 - whatever a mutant does
        how = 3 if number == last else 2
    if number == last and how:
        how = 3
    if mutant is not None:
        os.write(pipe, bytes([100 + how]))
    os._exit(0)


def outcome(mutant: Mutant, said: bytes, status: int, names: list[str], seconds: float) -> Outcome:
    """Read what a mutant's process left."""
    if said and said[-1] >= 100:
        stage = names[said[-2]]
        how = _KINDS[said[-1] - 100]
    else:
        stage = names[said[-1]] if said else "import"
        timed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGPROF, signal.SIGXCPU}
        how = "time" if timed else "crash"
        if stage == names[-1]:
            how = "assertion"
    return Outcome(mutant, how, "" if how == "survived" else stage, seconds)


def start(mutant: Mutant | None, asked: dict[str, Any], limits: list[float]) -> tuple[int, int]:
    """Fork; return the process and the pipe that it writes to."""
    reads, writes = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reads)
        try:
            child(mutant, asked, limits, writes)
        finally:
            os._exit(1)
    os.close(writes)
    return process, reads


def drained(pipe: int) -> bytes:
    """Everything that was written to a pipe."""
    with os.fdopen(pipe, "rb") as file:
        return file.read()


def baseline(asked: dict[str, Any]) -> list[float]:
    """Processor time of each stage with the unchanged kernel [s]."""
    process, pipe = start(None, asked, [600.0] * len(asked))
    spent = [float(part) for part in drained(pipe).split()]
    os.waitpid(process, 0)
    if len(spent) != len(asked):
        raise SystemExit(f"the unchanged kernel does not pass stage {list(asked)[len(spent)]!r}")
    return spent


def run(chosen: list[Mutant], asked: dict[str, Any], limits: list[float], jobs: int) -> Iterator[Outcome]:
    """Carry out mutants, `jobs` at a time."""
    names, waiting = list(asked), list(reversed(chosen))
    running: dict[int, tuple[Mutant, int, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            process, pipe = start(mutant, asked, limits)
            running[process] = mutant, pipe, time.perf_counter()
        process, status = os.wait()
        mutant, pipe, began = running.pop(process)
        yield outcome(mutant, drained(pipe), status, names, time.perf_counter() - began)


# --- which, and what came of it


def sample(every: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Draw from every pair of file and operator its share, and at least one; from so many pairs only, if they are more.

    A larger sample of the same seed contains the smaller one.
    """
    strata: dict[tuple[str, str], list[Mutant]] = defaultdict(list)
    for mutant in every:
        strata[mutant.module, mutant.operator].append(mutant)
    chosen = []
    pairs = sorted(strata)
    drawn = {pairs[place] for place in np.random.default_rng(seed).permutation(len(pairs))[:count]}
    for (module, operator), group in sorted(strata.items()):
        if (module, operator) not in drawn:
            continue
        rng = np.random.default_rng([seed, zlib.crc32(f"{module} {operator}".encode())])
        wanted = max(1, round(count * len(group) / len(every)))
        chosen += [group[place] for place in np.sort(rng.permutation(len(group))[:wanted])]
    return chosen


def explanations(path: Path = HERE / "survivors.toml") -> dict[tuple[str, ...], str]:
    """Read why listed mutants may survive, by their keys."""
    with path.open("rb") as file:
        groups = tomllib.load(file).get("group", [])
    return {tuple(mutant): group["reason"] for group in groups for mutant in group["mutants"]}


def summary(every: list[Mutant], outcomes: list[Outcome], reasons: dict[tuple[str, ...], str]) -> dict[str, Any]:
    """Everything that is told, as plain data."""
    how = Counter(outcome.how for outcome in outcomes)
    killed = how["difference"] + how["crash"] + how["time"]
    alive = [outcome for outcome in outcomes if outcome.how in {"survived", "assertion"}]
    known = {mutant.key for mutant in every}
    return {
        "mutants": len(every),
        "run": len(outcomes),
        "how": dict(how),
        "killed": killed / len(outcomes),
        "killed_or_asserted": (killed + how["assertion"]) / len(outcomes),
        "operators": {
            name: {
                "all": sum(mutant.operator == name for mutant in every),
                "run": sum(outcome.mutant.operator == name for outcome in outcomes),
                "alive": sum(outcome.mutant.operator == name for outcome in alive),
            }
            for name in operators.OPERATORS
        },
        "files": {
            path.stem: {
                "all": sum(mutant.module == path.stem for mutant in every),
                "run": sum(outcome.mutant.module == path.stem for outcome in outcomes),
                "alive": sum(outcome.mutant.module == path.stem for outcome in alive),
            }
            for path in FILES
        },
        "stages": dict(Counter(outcome.stage for outcome in outcomes if outcome.stage)),
        "survivors": [
            {"key": list(one.mutant.key), "how": one.how, "reason": reasons.get(one.mutant.key, "")} for one in alive
        ],
        "listed_but_gone": [list(key) for key in reasons if key not in known],
        "listed_but_killed": [
            list(one.mutant.key) for one in outcomes if one.how in {"difference", "crash"} and one.mutant.key in reasons
        ],
    }


def tell(told: dict[str, Any]) -> str:
    """Say it for people."""
    lines = ["operator      all   run alive"]
    for name, counts in chain(told["operators"].items(), [("", {})], told["files"].items()):
        lines.append(f"{name:<12}{counts['all']:5}{counts['run']:6}{counts['alive']:6}" if counts else "")
    hows = ", ".join(f"{name} {count}" for name, count in sorted(told["how"].items()))
    lines += ["", f"{told['run']} of {told['mutants']} mutants: {hows}"]
    lines.append(
        f"killed by behaviour {told['killed']:.1%}, with the book's assertions {told['killed_or_asserted']:.1%}"
    )
    lines += ["by stage: " + ", ".join(f"{name} {count}" for name, count in told["stages"].items()), "", "survivors"]
    for survivor in told["survivors"]:
        module, function, code, change = survivor["key"]
        lines.append(f"  {module}.{function}: {code}\n      {change}  [{survivor['reason'] or 'NOT EXPLAINED'}]")
    for title in ("listed_but_gone", "listed_but_killed"):
        lines += [f"{title.replace('_', ' ')}: {key}" for key in told[title]]
    return "\n".join(lines) + "\n"


def sources() -> dict[str, str]:
    """Text of everything that a mutant's process imports anew."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(BOOK.glob("*.py"))}


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every mutant instead of a sample")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="about how many mutants")
    parser.add_argument("--seed", type=int, default=SEED, help="which sample")
    parser.add_argument("--file", help="only this file's mutants, e.g. kernel_tree")
    parser.add_argument("--listed", action="store_true", help="only the mutants that are listed as survivors")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--verbose", action="store_true", help="name each survivor as soon as it is found")
    parser.add_argument("--json", type=Path, help="write the outcome here")
    given = parser.parse_args()
    reasons = explanations()
    before = sources()
    every = [mutant for path in FILES for mutant in operators.mutants(path)]
    chosen = every if given.all or given.file or given.listed else sample(every, given.sample, given.seed)
    chosen = [mutant for mutant in chosen if given.file in {None, mutant.module}]
    chosen = [mutant for mutant in chosen if not given.listed or mutant.key in reasons]
    asked = stages()
    unload()
    gc.collect()
    gc.freeze()  # the processes share what is never written
    spent = baseline(asked)
    sys.stdout.write(
        "unchanged kernel: " + ", ".join(f"{n} {s:.2f} s" for n, s in zip(asked, spent, strict=True)) + "\n"
    )
    limits = [_GRACE_S + _TIMES * seconds for seconds in spent]
    outcomes = []
    for number, one in enumerate(run(chosen, asked, limits, given.jobs), start=1):
        outcomes.append(one)
        if given.verbose and one.how in {"survived", "assertion"}:
            sys.stdout.write(f"{one.how}: {json.dumps(one.mutant.key)}\n")
        if number % 100 == 0:
            sys.stdout.write(f"{number} of {len(chosen)}\n")
        sys.stdout.flush()
    if sources() != before:
        raise SystemExit("the book's files were changed during the run: its outcome means nothing")
    told = summary(every, outcomes, reasons)
    if given.json:
        given.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    sys.stdout.write(tell(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

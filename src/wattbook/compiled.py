"""Where compiled kernels are kept between runs.

Owns the folder of numba's cache. Its name carries a digest of every source that a kernel can be made of, because
numba itself looks only at the file of the function it compiles: a change in an imported file would go unseen and the
stale kernel would silently give yesterday's result. Knows nothing of what is compiled.

The cache holds programs that numba loads without question, so it lies in a folder that nobody else can write.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENVIRONMENT: Final = "NUMBA_CACHE_DIR"
_PACKAGE: Final = Path(__file__).parent
_PREFIX: Final = "wattbook-"
_UNCOMPILED: Final = frozenset({"cli", "scenario", "scenarios", "results", "testing", "benchmarks", "__pycache__"})
"""Rooms without kernels: an edit there leaves compiled code alone."""
_SETTINGS: Final = ("NUMBA_BOUNDSCHECK", "NUMBA_DEBUG", "NUMBA_DEBUGINFO", "NUMBA_OPT", "NUMBA_CPU_NAME")
"""Numba compiles other code under these, and would take what lies in the cache all the same."""
_DIGEST_BYTES: Final = 8
_KEPT_S: Final = 7 * 86_400
_INT64_BOUND: Final = 1 << 63


def prepare() -> Path | None:
    """Point numba at this version's folder; must run before the first kernel is defined.

    A ``NUMBA_CACHE_DIR`` of the user's is kept as the parent of our folder.

    Returns
    -------
    Path or None
        The folder; None where no folder of our own can be had, so that numba chooses by itself.
    """
    name = _PREFIX + source_digest()
    for parent in _parents():
        folder = parent / name
        if _is_ours(folder):
            _announce(folder)
            return folder
    return None


def source_digest() -> str:
    """Digest of all sources that kernels and policies of this package can depend on, and of what changes their code."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    digest.update(repr([os.environ.get(name) for name in _SETTINGS]).encode())
    for path in sorted(_sources(_PACKAGE)):
        digest.update(str(path.relative_to(_PACKAGE)).encode() + b"\0")
        digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def is_cold() -> bool:
    """Tell whether nothing has been compiled yet for these sources."""
    folder = os.environ.get(ENVIRONMENT)
    return folder is None or next(Path(folder).rglob("*.nbi"), None) is None


def prune() -> int:
    """Delete the folders of other versions beside our own that nobody has used for a week, and count them."""
    here = Path(os.environ.get(ENVIRONMENT, ""))
    if not here.name.startswith(_PREFIX):
        return 0
    import shutil

    kept_since = here.stat().st_mtime - _KEPT_S  # another program may run from one right now
    others = [
        path
        for path in here.parent.glob(_PREFIX + "[0-9a-f]" * 2 * _DIGEST_BYTES)  # nobody else's wattbook-something
        if path != here and path.is_dir() and not path.is_symlink() and path.stat().st_mtime < kept_since
    ]
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    return len(others)


def entry(function: Callable[..., int], arguments: int) -> Callable[..., int]:
    """Find the shortest way from Python into a kernel of int64 arguments.

    numba's dispatcher looks at the type of every argument of every call; the compiled function behind it takes plain
    ints of up to 64 bits, raises OverflowError for longer ones, and must be given nothing else. It is reached by an
    attribute that numba does not promise to keep: without it, and where numba is told to compile nothing, the function
    itself is given with a check of its arguments.

    Parameters
    ----------
    function : a function decorated with ``numba.njit``
    arguments : int
        How many it takes.
    """
    overloads = getattr(function, "overloads", None)
    if overloads is None:
        return _checked(function)
    from numba import int64

    types = (int64,) * arguments
    if types not in overloads:
        put_off_scipy()
        function.compile(types)  # type: ignore[attr-defined]  # a dispatcher has it
    found: Callable[..., int] | None = getattr(overloads[types], "entry_point", None)
    return found or _checked(function)


def put_off_scipy() -> None:
    """Have numba take SciPy's word for linear algebra only when a kernel asks for some.

    Before its first kernel numba imports the whole of scipy.linalg, where that is installed, just to note whether it
    could; a kernel that multiplies matrices asks again. A start is 0.2 s of CPU time shorter without.
    """
    name = "numba.np.arraymath"
    if name in sys.modules or "scipy.linalg" in sys.modules or importlib.util.find_spec("scipy") is None:
        return
    try:
        from numba.np import linalg

        asked = linalg.ensure_blas
        linalg.ensure_blas = lambda: None
    except (ImportError, AttributeError):  # another numba: let it have its way
        return
    try:
        importlib.import_module(name)
    finally:
        linalg.ensure_blas = asked


def _checked(function: Callable[..., int]) -> Callable[..., int]:
    """Give a function the promise of `entry` about long ints."""

    def call(*arguments: int) -> int:
        if not all(-_INT64_BOUND <= argument < _INT64_BOUND for argument in arguments):
            raise OverflowError("an int of more than 64 bits")
        try:
            return int(function(*arguments))
        except OverflowError as error:
            raise AssertionError("a kernel's number grew beyond 64 bits") from error

    return call


def _sources(folder: Path) -> list[Path]:
    """All Python files below `folder` that may take part in a kernel."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                found += _sources(Path(entry.path)) if entry.name not in _UNCOMPILED else []
            elif entry.name.endswith(".py"):
                found.append(Path(entry.path))
    return found


def _parents() -> Iterator[Path]:
    """Folders that may hold ours, best first."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        # A child process inherits what its parent announced: it must not nest a folder in it.
        yield Path(given).parent if Path(given).name.startswith(_PREFIX) else Path(given)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache")
    yield home / "wattbook"
    import tempfile

    yield Path(tempfile.gettempdir()) / f"wattbook-cache-{_user()}"


def _user() -> str:
    """Something that differs between the users of one machine."""
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _is_ours(folder: Path) -> bool:
    """Make `folder` if need be and tell whether it is the user's own and closed to others."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return False
    if folder.is_symlink() or not os.access(folder, os.W_OK | os.X_OK):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def _announce(folder: Path) -> None:
    """Tell numba, whether it is already imported or not."""
    os.environ[ENVIRONMENT] = str(folder)
    with contextlib.suppress(OSError):
        os.utime(folder)  # so that `prune` sees that it is used
    numba = sys.modules.get("numba")
    if numba is not None:
        numba.config.CACHE_DIR = str(folder)

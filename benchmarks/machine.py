"""Where something was measured: the machine, the versions, and other processes of the same kind."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_CPU: Final = Path("/proc/cpuinfo")
_PAGES: Final = Path("/proc/self/statm")


def machine() -> dict[str, Any]:
    """Processor, cores, system."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def all_versions() -> dict[str, str]:
    """Versions of Python, wattbook and its libraries, the digest of its sources, and the peers."""
    from wattbook.compiled import source_digest
    from wattbook.scenario.running import versions

    from . import peers

    return versions() | {"wattbook sources": source_digest()} | peers.versions()


def resident_bytes() -> int:
    """Memory this process holds [bytes]."""
    if _PAGES.exists():
        return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def own_process(code: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a few lines of Python in a process of their own and read the JSON they print."""
    paths = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"a measuring process ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _cpu() -> str:
    """Name of the processor, as far as it says so."""
    if _CPU.exists():
        for line in _CPU.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"

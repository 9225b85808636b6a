"""Many runs that answer one question: policies side by side, and what language models do when they trade.

Each experiment is one call that runs scenarios under the same seeds, and gives an `Experiment`: rows for each run,
paired differences, and the tables of its question. Owns which runs are made and how they are set against each other.
Knows nothing of what happens inside one. See docs/studies.md.

Everything is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wattbook.study.answers import Answers
    from wattbook.study.collusion import collusion, standard_market
    from wattbook.study.comparing import MEASURES, compare_policies
    from wattbook.study.experiment import Experiment
    from wattbook.study.herding import herding
    from wattbook.study.indices import calvano_delta, lerner_index, pass_through, sameness, smith_alpha
    from wattbook.study.order_bias import order_bias
    from wattbook.study.pairing import Paired, paired
    from wattbook.study.stage_game import StageGame, Stakes
    from wattbook.study.thinking import thinking_time
    from wattbook.study.wording import prompt_sensitivity

_FILES: Final = {
    "answers": ("Answers",),
    "collusion": ("collusion", "standard_market"),
    "comparing": ("MEASURES", "compare_policies"),
    "experiment": ("Experiment",),
    "herding": ("herding",),
    "indices": ("calvano_delta", "lerner_index", "pass_through", "sameness", "smith_alpha"),
    "order_bias": ("order_bias",),
    "pairing": ("Paired", "paired"),
    "stage_game": ("StageGame", "Stakes"),
    "thinking": ("thinking_time",),
    "wording": ("prompt_sensitivity",),
}
_FILE_OF: Final = {name: file for file, names in _FILES.items() for name in names}

__all__ = [
    "MEASURES", "Answers", "Experiment", "Paired", "StageGame", "Stakes", "calvano_delta", "collusion",
    "compare_policies", "herding", "lerner_index", "order_bias", "paired", "pass_through", "prompt_sensitivity",
    "sameness", "smith_alpha", "standard_market", "thinking_time",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a public name from its file (PEP 562)."""
    if name not in _FILE_OF:
        raise AttributeError(f"module 'wattbook.study' has no attribute {name!r}")
    value: object = getattr(import_module(f"wattbook.study.{_FILE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})

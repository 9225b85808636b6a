"""The one place that says what to install for the parts that need Hypothesis."""

from __future__ import annotations

import importlib.util


def need_hypothesis(part: str) -> None:
    """Refuse to go on without Hypothesis.

    Raises
    ------
    ImportError
        If it is not installed; names the extra.
    """
    if importlib.util.find_spec("hypothesis") is None:
        raise ImportError(
            f"{part} needs Hypothesis, which is not installed: pip install 'wattbook[testing]' "
            "(check_book, check_auction, check_relation, check_run and check_policy do without it)"
        )

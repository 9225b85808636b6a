"""Keeping a key to ourselves."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY_VARIABLE: Final = "ANTHROPIC_API_KEY"
_TALKERS: Final = ("anthropic", "anthropic._base_client", "anthropic._response", "httpx2", "asyncio")


class Key:
    """A key that shows itself in no repr, no variable and no pickle.

    Parameters
    ----------
    text : str or None
        None for the one in the environment.
    """

    __slots__ = ("reveal",)

    def __init__(self, text: str | None) -> None:
        given = os.environ.get(KEY_VARIABLE, "") if text is None else text
        self.reveal: Callable[[], str] = given.strip
        """The key itself."""

    def __repr__(self) -> str:
        return "Key(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not written anywhere")

    @property
    def is_given(self) -> bool:
        """Whether there is one that can be sent."""
        return self.reveal() != "" and self.reveal().isascii() and self.reveal().isprintable()


class _Blot(logging.Filter):
    """Blots the key out of what is logged, as where a server sends it back, and errors with the request they hold."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._key = key

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass, without the key."""
        said = record.getMessage()
        if self._key.reveal() in said:
            record.msg, record.args = said.replace(self._key.reveal(), "(key)"), ()
        if record.exc_info is not None and record.exc_info[0] is not None:
            record.msg, record.args = f"{record.getMessage()} ({record.exc_info[0].__name__})", ()
            record.exc_info = None
        return True


@contextmanager
def blotted(key: Key) -> Iterator[None]:
    """Keep the key out of the log of those who are told it, for as long as this lasts."""
    blot = _Blot(key)
    for name in _TALKERS:
        logging.getLogger(name).addFilter(blot)
    try:
        yield
    finally:
        for name in _TALKERS:
            logging.getLogger(name).removeFilter(blot)

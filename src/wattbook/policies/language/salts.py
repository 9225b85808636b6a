"""What tells samples of one request apart."""

from __future__ import annotations

from wattbook.policies.language.observing import canonical


def salt_of(agent: str, number: int, replicate: int, *, shared: bool) -> str:
    """Give a decision's salt, as canonical JSON; the model does not see it.

    Parameters
    ----------
    agent : str
    number : int
        The agent's n-th decision.
    replicate : int
        Number of the sample: another one asks anew.
    shared : bool
        Whether all who ask the same thing take one answer; otherwise each decision has its own.

    >>> salt_of("home-7", 3, 0, shared=True), salt_of("home-7", 3, 0, shared=False)
    ('[0]', '["home-7",3,0]')
    """
    return canonical([replicate] if shared else [agent, number, replicate])

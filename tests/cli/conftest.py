"""Fixtures of the command line's tests: carrying out a command line in this process."""

from typing import NamedTuple

import pytest

from wattbook.cli import main

SCRIPT = """
from wattbook import *
from wattbook.units import kw
scenario = Scenario(start="2016-06-06", days=1, local=LocalMarket(period=minutes(60)), agents=[
    consumer("ada", rated=kw(3)), prosumer("bo", pv=Pv(kw(9))),
    utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))])
"""


class Ended(NamedTuple):
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def wattbook(capsys, tmp_path, monkeypatch):
    """Give a function that carries out a command line in a folder of its own, with a small street.py in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "street.py").write_text(SCRIPT)

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ended(int(leaving.value.code or 0), said.out, said.err)

    return run

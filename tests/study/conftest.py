"""Stands in for a model in experiments: a stub on this machine, and a connection to it for each run."""

from contextlib import contextmanager

import pytest

from wattbook.broker.caller import LiveCaller
from wattbook.testing import Stub

MODEL = "claude-haiku-5-5"


@pytest.fixture
def answering(tmp_path):
    """Give what an experiment needs to ask `answer(body)`: the folder and the connection."""

    @contextmanager
    def answering(answer=None, **options):
        with Stub(answer=answer, **options) as stub:
            yield {
                "folder": tmp_path / "answers",
                "connect": lambda: LiveCaller(model=MODEL, base_url=stub.url, api_key="none"),
            }

    return answering

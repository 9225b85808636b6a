"""The year of spot prices: small things every day, the docs' table, pictures and comparison where there is time."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import supply as year

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "supply.md"


def test_the_pictures_of_the_docs_are_there_and_small():
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert {Path(name).name for name in shown} == {path.name for path in year.PICTURES.iterdir()}
    for name in shown:
        content = (PAGE.parent / name).read_text(encoding="utf-8")
        assert content.startswith("<svg")
        assert len(content) < 200_000


@pytest.mark.slow
def test_the_docs_show_the_table_and_the_pictures_of_today():
    park, years = year.run()
    (shown,) = re.findall(
        r"<!-- figures of: benchmarks/supply.py -->\n```text\n(.*?)\n```", PAGE.read_text(), re.DOTALL
    )
    assert year.figures(park, years) == shown
    assert (year.PICTURES / "spot-duration.svg").read_text() == year.duration_picture(years)
    assert (year.PICTURES / "spot-week.svg").read_text() == year.week_picture(park, years[1])
    for each in years:
        bought = each.demand_wh - each.spot.unserved_wh
        assert np.array_equal(each.spot.dispatch_wh.sum(axis=1), bought)
    assert round((years[3].spot.price_tick == 0).mean(), 2) == 0.14

"""Columns that lie together."""

import numpy as np
import pytest

from wattbook.records import LINE, columns_of, records


@pytest.mark.parametrize("width", [4, 8, 16])
@pytest.mark.parametrize("rows", [1, 3, 1_000])
def test_no_record_lies_across_a_cache_line_that_it_could_fit_into(rows, width):
    block = records(rows, width)
    assert block.shape == (rows, width)
    assert block.dtype == np.int64
    assert not block.any()
    assert block.ctypes.data % (8 * LINE) == 0
    assert block.strides == (8 * width, 8)


def test_a_column_is_its_records_place():
    block = records(3, 4)
    first, second = columns_of(block, np.array([1, 2, 3]), -1)
    second[1] = 9
    assert block.tolist() == [[1, -1, 0, 0], [2, 9, 0, 0], [3, -1, 0, 0]]
    block[2, 0] = 7
    assert first.tolist() == [1, 2, 7]


def test_a_width_that_would_lie_across_lines_is_refused():
    with pytest.raises(AssertionError, match="across lines"):
        records(2, 6)

"""Drafts keep rows while they grow, and number them from nought again when they are empty."""

import numpy as np

from wattbook.journal import Draft
from wattbook.messages import COMMANDS, TRADES


def write(draft, values):
    for value in values:
        sheet = draft.chunk("commands", 1)
        row, seq = sheet.fill.tolist()
        assert row == seq
        sheet.columns[1][row] = value
        sheet.fill += 1


def test_rows_stay_while_a_draft_gets_longer():
    draft = Draft((COMMANDS, TRADES))
    write(draft, range(3_000))
    sheet = draft.chunk("commands", 0)
    np.testing.assert_array_equal(sheet.columns[1][:3_000], np.arange(3_000))
    assert sheet.capacity >= 3_000
    assert draft.chunk("trades", 0).fill.tolist() == [0, 0]


def test_as_much_room_as_asked_for_is_given_at_once():
    draft = Draft((COMMANDS,))
    write(draft, range(10))
    sheet = draft.chunk("commands", 100_000)
    assert sheet.capacity >= 100_010
    assert all(len(column) == sheet.capacity for column in sheet.columns)


def test_an_emptied_draft_starts_again_and_keeps_its_room():
    draft = Draft((COMMANDS,))
    write(draft, range(2_000))
    room = draft.chunk("commands", 0).capacity
    draft.empty()
    assert draft.chunk("commands", 0).capacity == room
    write(draft, range(5))
    assert draft.chunk("commands", 0).fill.tolist() == [5, 5]

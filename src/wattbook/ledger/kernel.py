"""Compiled postings and reservations over the ledger's own columns.

Every function checks everything before it acts: a refusal leaves all columns as they were. Amounts and totals stay
below 2**62 in size, so that no sum of two can leave an int64. All columns are int64, (accounts,); money is in
quanta of 1e-8 EUR. A composed kernel that posts must see to it that no transfer posts twice.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from numba import njit

from wattbook.chance import hash64
from wattbook.units import MONEY_BOUND

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.int64]


class Verdict(IntEnum):
    """What became of a posting or a reservation."""

    DONE = 0
    UNBALANCED = 1
    UNKNOWN_ACCOUNT = 2
    AMOUNT_OUT_OF_RANGE = 3
    TOTAL_OUT_OF_RANGE = 4
    NO_CREDIT = 5
    NOT_RESERVED = 6


# Plain numbers, because a compiled function that returns several members of an enum has no single type.
_DONE: Final = int(Verdict.DONE)
_UNBALANCED: Final = int(Verdict.UNBALANCED)
_UNKNOWN_ACCOUNT: Final = int(Verdict.UNKNOWN_ACCOUNT)
_AMOUNT_OUT_OF_RANGE: Final = int(Verdict.AMOUNT_OUT_OF_RANGE)
_TOTAL_OUT_OF_RANGE: Final = int(Verdict.TOTAL_OUT_OF_RANGE)
_NO_CREDIT: Final = int(Verdict.NO_CREDIT)
_NOT_RESERVED: Final = int(Verdict.NOT_RESERVED)
_HALF: Final = 32
_LOW: Final = (1 << _HALF) - 1


@njit(cache=True, nogil=True)
def available(balance: Column, reserved: Column, credit_limit: Column, account: int) -> int:
    """Money that `account` may still commit; below zero if obligations went beyond its limit."""
    left: int = balance[account] + credit_limit[account] - reserved[account]
    return left


@njit(cache=True, nogil=True)
def turnover(accounts: Column, amounts: Column, size: int) -> int:
    """Sum of what the legs pay, or minus the verdict if they are no sound transfer between `size` accounts."""
    paid = 0
    received = 0
    for leg in range(len(amounts)):
        account = accounts[leg]
        amount = amounts[leg]
        if account < 0 or account >= size:
            return -_UNKNOWN_ACCOUNT
        if amount <= -MONEY_BOUND or amount >= MONEY_BOUND:
            return -_AMOUNT_OUT_OF_RANGE
        if amount > 0:
            received += amount
        else:
            paid -= amount
        if paid >= MONEY_BOUND or received >= MONEY_BOUND:
            return -_AMOUNT_OUT_OF_RANGE
    if paid != received:
        return -_UNBALANCED
    return paid


@njit(cache=True, nogil=True)
def check_legs(total_in: Column, total_out: Column, accounts: Column, amounts: Column) -> int:
    """Judge a transfer without posting it.

    An account's turnover is held against the turnover of the whole transfer, so that an account that occurs twice
    needs no memory: a total is refused when it comes within one transfer of 2**62.
    """
    moved = turnover(accounts, amounts, len(total_in))
    if moved < 0:
        return -moved
    for leg in range(len(amounts)):
        account = accounts[leg]
        if amounts[leg] > 0 and total_in[account] + moved >= MONEY_BOUND:
            return _TOTAL_OUT_OF_RANGE
        if amounts[leg] < 0 and total_out[account] + moved >= MONEY_BOUND:
            return _TOTAL_OUT_OF_RANGE
    return _DONE


@njit(cache=True, nogil=True)
def credit_holds(balance: Column, reserved: Column, credit_limit: Column, accounts: Column, amounts: Column) -> bool:
    """Tell whether every account that pays in these legs keeps something available; the legs must be sound.

    Balances move while it tries, and are back when it answers.
    """
    for leg in range(len(amounts)):
        balance[accounts[leg]] += amounts[leg]
    holds = True
    for leg in range(len(amounts)):
        if amounts[leg] < 0 and available(balance, reserved, credit_limit, accounts[leg]) < 0:
            holds = False
    for leg in range(len(amounts)):
        balance[accounts[leg]] -= amounts[leg]
    return holds


@njit(cache=True, nogil=True)
def post_legs(
    balance: Column,
    reserved: Column,
    credit_limit: Column,
    total_in: Column,
    total_out: Column,
    accounts: Column,
    amounts: Column,
    require_credit: bool,
) -> int:
    """Post one transfer, all legs or none, and give the verdict.

    Parameters
    ----------
    accounts, amounts : ndarray of int64, (legs,)
        Paid negative, received positive [1e-8 EUR], summing to zero. Legs of zero have no effect; an account may
        occur more than once.
    require_credit : bool
        Refuse if an account that pays would end below its credit limit. Obligations post without.
    """
    verdict = check_legs(total_in, total_out, accounts, amounts)
    if verdict != _DONE:
        return verdict
    if require_credit and not credit_holds(balance, reserved, credit_limit, accounts, amounts):
        return _NO_CREDIT
    for leg in range(len(amounts)):
        account = accounts[leg]
        amount = amounts[leg]
        balance[account] += amount
        if amount > 0:
            total_in[account] += amount
        else:
            total_out[account] -= amount
    return _DONE


@njit(cache=True, nogil=True)
def legs_digest(cause: int, accounts: Column, amounts: Column) -> tuple[int, int]:
    """Two numbers that tell a transfer's cause and legs, in their order, from those of any other.

    Made against mistakes, not against malice: the sums of both halves of what a counter-based draw makes of each leg.
    """
    drawn = hash64(cause, len(amounts))
    # Halves, because a sum of whole draws would leave 64 bits, and compiled code takes for granted that none does.
    high, low = drawn >> _HALF, drawn & _LOW
    for leg in range(len(amounts)):
        drawn = hash64((int(accounts[leg]) << _HALF) ^ leg, amounts[leg])
        high += drawn >> _HALF
        low += drawn & _LOW
    return high, low


@njit(cache=True, nogil=True)
def post_transfers(
    balance: Column,
    reserved: Column,
    credit_limit: Column,
    total_in: Column,
    total_out: Column,
    cause: int,
    starts: Column,
    accounts: Column,
    amounts: Column,
    digests: Column,
) -> tuple[int, int]:
    """Post transfers one after the other, as `post_legs` does, until one is refused; give how many, and the verdict.

    Parameters
    ----------
    starts : ndarray of int64, (transfers + 1,)
        Where each one's legs begin in `accounts` and `amounts`; the last number is where the last one's end.
    digests : ndarray of int64, (transfers, 2)
        Gets each one's `legs_digest`.
    """
    for i in range(len(starts) - 1):
        who, moved = accounts[starts[i] : starts[i + 1]], amounts[starts[i] : starts[i + 1]]
        verdict = post_legs(balance, reserved, credit_limit, total_in, total_out, who, moved, False)
        if verdict != _DONE:
            return i, verdict
        digests[i, 0], digests[i, 1] = legs_digest(cause, who, moved)
    return len(starts) - 1, _DONE


@njit(cache=True, nogil=True)
def reserve(balance: Column, reserved: Column, credit_limit: Column, account: int, amount: int) -> int:
    """Set `amount` of what is available aside, and give the verdict."""
    if account < 0 or account >= len(balance):
        return _UNKNOWN_ACCOUNT
    if amount < 0 or amount >= MONEY_BOUND:
        return _AMOUNT_OUT_OF_RANGE
    if available(balance, reserved, credit_limit, account) < amount:
        return _NO_CREDIT
    if reserved[account] + amount >= MONEY_BOUND:
        return _TOTAL_OUT_OF_RANGE
    reserved[account] += amount
    return _DONE


@njit(cache=True, nogil=True)
def release(reserved: Column, account: int, amount: int) -> int:
    """Give `amount` that was set aside back, and give the verdict."""
    if account < 0 or account >= len(reserved):
        return _UNKNOWN_ACCOUNT
    if amount < 0 or amount >= MONEY_BOUND:
        return _AMOUNT_OUT_OF_RANGE
    if reserved[account] < amount:
        return _NOT_RESERVED
    reserved[account] -= amount
    return _DONE

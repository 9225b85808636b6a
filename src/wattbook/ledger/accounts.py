"""The ledger's face: columns, ids of transfers, and errors in words.

The kernel answers with verdicts; here every argument from outside is checked and a verdict becomes an error.
"""

from __future__ import annotations

import operator
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.errors import CorruptError, WattbookError
from wattbook.journal import pack, unpack
from wattbook.ledger import kernel
from wattbook.ledger.kernel import Verdict
from wattbook.records import columns_of, records
from wattbook.units import MONEY_BOUND

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

UNLIMITED: Final = MONEY_BOUND - 1
"""Credit limit of an account that nothing holds back."""
WIDTH: Final = 8
"""Numbers in an account's record."""
_CAUSES: Final = 1 << 15
_IDS: Final = 1 << 63
_DIGEST: Final = struct.Struct("<qq")
_DIGEST_SIZE: Final = _DIGEST.size
_META: Final = {"kind": "ledger", "version": 2}
_REASONS: Final = {
    Verdict.UNBALANCED: "its legs sum to {total}, not to 0",
    Verdict.UNKNOWN_ACCOUNT: "accounts {least}..{most} are not all among 0..{last}",
    Verdict.AMOUNT_OUT_OF_RANGE: "an amount, or what it moves in all, reaches 2**62",
    Verdict.TOTAL_OUT_OF_RANGE: "an account's turnover would reach 2**62",
    Verdict.NO_CREDIT: "an account that pays would end below its credit limit",
}
_COLUMNS: Final = ("balance", "reserved", "credit_limit", "total_in", "total_out")


class LedgerError(WattbookError, ValueError):
    """A transfer or a reservation that the ledger cannot make. It had no effect.

    Attributes
    ----------
    verdict : Verdict or None
        The kernel's reason; None where the arguments never reached it.
    """

    code = "ledger"

    def __init__(self, message: str, verdict: Verdict | None = None) -> None:
        self.verdict = verdict
        super().__init__(message)


class Ledger:
    """Accounts as rows of columns; transfers that sum to zero.

    A balance may fall below minus its credit limit: obligations such as a retail bill always post. Whoever may
    still choose (a buyer, a signer) reserves first, and a reservation is only made from what is available:
    balance + credit limit - reserved. To spend a reservation, release it and post.

    Parameters
    ----------
    accounts : int
        Number of accounts, known as 0 .. accounts - 1.
    credit_limit : ndarray of whole numbers, (accounts,), or None
        How far below zero each may commit itself [1e-8 EUR]; None for not at all. See `UNLIMITED`.

    Attributes
    ----------
    balance, reserved, credit_limit, total_in, total_out : ndarray of int64, (accounts,)
        Money [1e-8 EUR], for kernels that compose `wattbook.ledger.kernel`; always the same arrays, which lie in
        records of `WIDTH` numbers.
        balance = total_in - total_out.
    """

    def __init__(self, accounts: int, credit_limit: ArrayLike | None = None) -> None:
        if operator.index(accounts) < 1:
            raise LedgerError(f"accounts={accounts} is below 1")
        self.balance, self.reserved, self.credit_limit, self.total_in, self.total_out = columns_of(
            records(accounts, WIDTH), *(0 for _ in _COLUMNS)
        )
        self._posted: dict[int, bytes] = {}
        if credit_limit is not None:
            self.credit_limit[:] = _limits(credit_limit, accounts)

    def __len__(self) -> int:
        return len(self.balance)

    @property
    def transfers(self) -> int:
        """Number of transfers posted."""
        return len(self._posted)

    def available(self, account: int) -> int:
        """Money [1e-8 EUR] that `account` may still commit."""
        return int(kernel.available(self.balance, self.reserved, self.credit_limit, self._known(account)))

    def post(
        self, transfer_id: int, cause: int, accounts: ArrayLike, amounts: ArrayLike, *, require_credit: bool = False
    ) -> bool:
        """Post one transfer, all legs or none; False if it was posted before.

        Parameters
        ----------
        transfer_id : int
            Its own for ever: the same id with the same cause and legs again has no effect.
        cause : int
            Why money moves, 0 .. 32767.
        accounts, amounts : array of whole numbers, (legs,)
            Paid negative, received positive [1e-8 EUR]. Legs of zero have no effect; an account may occur more than
            once, and its amounts add up.
        require_credit : bool
            Refuse if an account that pays would end below its credit limit.

        Raises
        ------
        LedgerError
            If the legs do not sum to zero, name an unknown account, or could bring a total to 2**62; if there is no
            cause; if the id belongs to another transfer; if credit is required and missing. Nothing is changed.
        """
        what = f"transfer {transfer_id} (cause {cause})"
        number = _within(transfer_id, _IDS, f"{what}: its id")
        reason = _within(cause, _CAUSES, f"{what}: its cause")
        rows, money = _column(accounts, f"{what}: accounts"), _column(amounts, f"{what}: amounts")
        if len(rows) != len(money):
            raise LedgerError(f"{what}: {len(rows)} accounts for {len(money)} amounts: give one account a leg")
        digest = _DIGEST.pack(*kernel.legs_digest(reason, rows, money))
        if number in self._posted:
            if self._posted[number] != digest:
                raise LedgerError(f"{what}: this id was posted with other legs or another cause: take a new id")
            return False
        verdict = kernel.post_legs(
            self.balance, self.reserved, self.credit_limit, self.total_in, self.total_out, rows, money, require_credit
        )
        if verdict != Verdict.DONE:
            raise _refusal(Verdict(verdict), what, rows, money, len(self))
        self._posted[number] = digest
        return True

    def post_all(
        self,
        transfer_ids: NDArray[np.int64],
        cause: int,
        starts: NDArray[np.int64],
        accounts: NDArray[Any],
        amounts: NDArray[np.int64],
    ) -> None:
        """Post new transfers of one cause in their order, each all legs or none: the short way for many legs.

        Parameters
        ----------
        transfer_ids : (transfers,)
            See `post`.
        starts : (transfers + 1,)
            Where each one's legs begin in `accounts` and `amounts`; the last number is where the last one's end.
        accounts, amounts : (legs,)
            Contiguous columns as in `post`, read where they are.

        Raises
        ------
        LedgerError
            As in `post`, and if an id was posted before. Transfers before the one that cannot be made are posted.
        """
        numbers, reason = transfer_ids.tolist(), _within(cause, _CAUSES, f"cause {cause}")
        if known := [number for number in numbers if number in self._posted or number < 0]:
            raise LedgerError(f"transfer {known[0]} (cause {cause}): this id was posted before, or is none")
        if len(set(numbers)) != len(numbers):
            raise LedgerError(f"transfers {numbers} (cause {cause}): two of one id")
        digests = np.empty((len(numbers), 2), "<i8")
        done, verdict = kernel.post_transfers(
            self.balance, self.reserved, self.credit_limit, self.total_in, self.total_out, reason, starts, accounts,
            amounts, digests,
        )  # fmt: skip
        block = digests.tobytes()
        self._posted.update(
            (number, block[place : place + _DIGEST_SIZE])
            for number, place in zip(numbers[:done], range(0, len(block), _DIGEST_SIZE), strict=False)
        )
        if verdict != Verdict.DONE:
            legs = slice(int(starts[done]), int(starts[done + 1]))
            what = f"transfer {numbers[done]} (cause {cause})"
            raise _refusal(Verdict(verdict), what, accounts[legs], amounts[legs], len(self))

    def reserve(self, account: int, amount: int) -> bool:
        """Set `amount` [1e-8 EUR] aside; False, and no effect, if less is available.

        Raises
        ------
        LedgerError
            If there is no such account, or the amount or the sum set aside is outside 0 .. 2**62 - 1.
        """
        what = f"reservation of {amount} for account {account}"
        row, money = self._known(account), _within(amount, MONEY_BOUND, what)
        verdict = kernel.reserve(self.balance, self.reserved, self.credit_limit, row, money)
        if verdict == Verdict.TOTAL_OUT_OF_RANGE:
            raise LedgerError(
                f"{what}: {self.reserved[row]} are set aside already: less than 2**62 can be", Verdict(verdict)
            )
        return bool(verdict == Verdict.DONE)

    def release(self, account: int, amount: int) -> None:
        """Give back `amount` [1e-8 EUR] of what was set aside.

        Raises
        ------
        LedgerError
            If there is no such account, or less was set aside.
        """
        what = f"release of {amount} for account {account}"
        row, money = self._known(account), _within(amount, MONEY_BOUND, what)
        if kernel.release(self.reserved, row, money) != Verdict.DONE:
            raise LedgerError(f"{what}: only {self.reserved[row]} are set aside", Verdict.NOT_RESERVED)

    def check(self) -> None:
        """Assert all that must always hold."""
        for name in _COLUMNS:
            assert getattr(self, name).dtype == np.int64, f"{name} is not whole quanta"
        for name in ("reserved", "credit_limit", "total_in", "total_out"):
            column = getattr(self, name)
            assert column.min() >= 0, f"{name} below zero"
            assert column.max() < MONEY_BOUND, f"{name} out of bounds"
        assert np.array_equal(self.balance, self.total_in - self.total_out), "a balance is not its postings"
        assert _exact_sum(self.balance) == 0, "balances do not sum to zero"

    def export(self) -> bytes:
        """Write the whole state as a checksummed block; equal states give equal bytes."""
        ids = sorted(self._posted)
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _COLUMNS}
        arrays["ids"] = np.array(ids, np.int64)
        digests = b"".join(self._posted[number] for number in ids)
        arrays["digests"] = np.frombuffer(digests, np.uint8).reshape(len(ids), _DIGEST_SIZE)
        return pack(arrays, _META)

    @classmethod
    def restore(cls, data: bytes) -> Ledger:
        """Make the ledger that `export` wrote.

        Raises
        ------
        CorruptError
            If `data` is damaged, or no ledger.
        """
        arrays, meta = unpack(data, "ledger")
        if meta != _META or arrays.keys() != {*_COLUMNS, "ids", "digests"}:
            raise CorruptError("ledger: the block holds something else, or is of a newer version")
        if fault := _shape_fault(arrays):
            raise CorruptError(f"ledger: {fault}")
        ledger = cls(len(arrays["balance"]))
        for name in _COLUMNS:
            getattr(ledger, name)[:] = arrays[name]
        ledger._posted = {int(n): d.tobytes() for n, d in zip(arrays["ids"], arrays["digests"], strict=True)}
        try:
            ledger.check()
        except AssertionError as error:
            raise CorruptError(f"ledger: {error}") from error
        return ledger

    def _known(self, account: int) -> int:
        number = operator.index(account)
        if not 0 <= number < len(self):
            raise LedgerError(f"account {number} is not among 0..{len(self) - 1}", Verdict.UNKNOWN_ACCOUNT)
        return number


def _within(value: int, bound: int, what: str) -> int:
    number = operator.index(value)
    if not 0 <= number < bound:
        raise LedgerError(f"{what}={number} is outside 0..{bound - 1}")
    return number


def _column(values: ArrayLike, what: str) -> NDArray[np.int64]:
    """Contiguous, writeable int64 (legs,), so that the kernel is compiled for one kind of array only."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise LedgerError(f"{what} have shape {array.shape}: give one row of legs")
    if array.size and array.dtype.kind != "i":
        raise LedgerError(f"{what} are {array.dtype}: give whole numbers that fit an int64")
    return np.require(array, np.int64, ["C", "W"])


def _limits(credit_limit: ArrayLike, accounts: int) -> NDArray[np.int64]:
    limits = _column(credit_limit, "credit limits")
    if len(limits) != accounts:
        raise LedgerError(f"{len(limits)} credit limits for {accounts} accounts")
    if limits.min() < 0 or limits.max() > UNLIMITED:
        raise LedgerError(f"credit limits reach from {limits.min()} to {limits.max()}: allowed is 0..{UNLIMITED}")
    return limits


def _refusal(
    verdict: Verdict, what: str, accounts: NDArray[np.int64], amounts: NDArray[np.int64], size: int
) -> LedgerError:
    reason = _REASONS[verdict].format(
        total=_exact_sum(amounts), least=int(accounts.min()), most=int(accounts.max()), last=size - 1
    )
    return LedgerError(f"{what}: {reason}", verdict)


def _exact_sum(column: NDArray[np.int64]) -> int:
    """Sum that cannot overflow: high and low halves apart."""
    return (int((column >> 32).sum()) << 32) + int((column & 0xFFFFFFFF).sum())


def _shape_fault(arrays: dict[str, NDArray[Any]]) -> str | None:
    accounts, transfers = arrays["balance"].shape, arrays["ids"].shape
    if len(accounts) != 1 or accounts[0] < 1 or len(transfers) != 1:
        return f"accounts of shape {accounts}, ids of shape {transfers}"
    for name in (*_COLUMNS, "ids"):
        if arrays[name].dtype != np.int64 or arrays[name].shape != (transfers if name == "ids" else accounts):
            return f"{name} is {arrays[name].dtype} of shape {arrays[name].shape}"
    if arrays["digests"].dtype != np.uint8 or arrays["digests"].shape != (*transfers, _DIGEST_SIZE):
        return "digests do not belong to the ids"
    ids = arrays["ids"].tolist()
    if (ids and ids[0] < 0) or any(later <= earlier for earlier, later in pairwise(ids)):
        return "ids of transfers do not rise"
    return None

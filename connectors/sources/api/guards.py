"""What a listing must not do: repeat a page, or come back cut off."""

from collections.abc import Hashable, MutableMapping, Sequence
from typing import Any

from connectors.errors import ContractError, TransientError

_COUNT = "whole_count"


class PageGuard:
    """Notices a page that holds just what the page before it held."""

    def __init__(self, place: str, what: str) -> None:
        self._place = place
        self._what = what
        self._before: tuple[Hashable, ...] = ()

    def check(self, page: object, ids: Sequence[Hashable]) -> None:
        """Compare a page with the page before it; call it once for every new answer.

        Args:
            page: its number or cursor, for the message.
            ids: what tells its records (and their versions) apart, in their order.

        Raises:
            TransientError: it repeats the page before; a retry may bring the right one.
        """
        if ids and tuple(ids) == self._before:
            raise TransientError(
                f"{self._place} answered page {page} of {self._what} with the records of the page "
                "before it; nothing was taken from it and the cursor stays, so try again later."
            )

    def accept(self, ids: Sequence[Hashable]) -> None:
        """Remember a page that was taken."""
        self._before = tuple(ids)


class ShrinkGuard:
    """Notices a whole listing that holds far less than it held before: it was probably cut off.

    Args:
        what: the listing, for the message.
        least_share: refused below this share of the reading before (0 to 1; 0 never refuses).
        state: of the entity, committed together with the records.
    """

    def __init__(self, what: str, least_share: float, state: MutableMapping[str, Any]) -> None:
        self._what = what
        self._least_share = least_share
        self._state = state

    def check(self, count: int) -> None:
        """Compare with the reading before, and remember this one; call it when all is read.

        Raises:
            ContractError: it shrank too much.
        """
        before = int(self._state.get(_COUNT, 0))
        if count < before * self._least_share:
            raise ContractError(
                f"{self._what} held {count:,} records, {before:,} at the reading before: it was "
                "probably cut off, so nothing of it was loaded; if it is right, set `least_share: "
                "0` for one run."
            )
        self._state[_COUNT] = count

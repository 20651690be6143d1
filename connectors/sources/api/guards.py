"""What a paged listing must not do: repeat itself."""

from collections.abc import Hashable, Sequence

from connectors.errors import TransientError


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

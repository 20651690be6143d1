"""Signed links to the parcels of one order.

A link is its own proof: the order's key and the time it ends, signed. Nothing is stored, nobody can
make or change one without the key, and it says nothing about the customer.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature

from connectors.errors import InputError
from connectors.settings import Settings
from orchestration.signed_links import TokenSigner, key_for

VALID_FOR = timedelta(days=30)
_PURPOSE = "fourflow tracking link"
_LONGEST_TOKEN = 600


class ForgedLinkError(Exception):
    """The link is not one of ours."""


class ExpiredLinkError(Exception):
    """The link was good once."""


@dataclass(frozen=True)
class TrackingLink:
    """A link as it is handed to a customer."""

    order_key: str
    url: str = field(repr=False)
    expires_at: datetime


class TrackingLinks:
    """Makes links and reads them."""

    def __init__(self, key: str, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._signer = TokenSigner(key, _PURPOSE)

    def issue(
        self, order_key: str, *, now: datetime, valid_for: timedelta = VALID_FOR
    ) -> TrackingLink:
        """Make a link.

        Raises:
            InputError: the order's key is empty, or the link would not last.
        """
        if not order_key.strip() or valid_for <= timedelta(0):
            raise InputError("A tracking link needs an order and must last at least a day.")
        ends = int((now + valid_for).timestamp())
        token = self._signer.sign([order_key, ends])
        return TrackingLink(
            order_key, f"{self._base_url}/track/{token}", datetime.fromtimestamp(ends, UTC)
        )

    def read(self, token: str, *, now: datetime) -> str:
        """The key of the order that a link is about.

        Raises:
            ForgedLinkError: nobody here signed it.
            ExpiredLinkError: it has ended.
        """
        if len(token) > _LONGEST_TOKEN:
            raise ForgedLinkError
        try:
            order_key, ends = self._signer.read(token)
        except (BadSignature, TypeError, ValueError):
            raise ForgedLinkError from None
        if now.timestamp() >= ends:
            raise ExpiredLinkError
        return str(order_key)


def links_from_settings(settings: Settings) -> TrackingLinks:
    """The links of this installation."""
    return TrackingLinks(key_for(_PURPOSE, settings), settings.public_url)

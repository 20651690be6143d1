"""Parcels as carriers are asked about them: by number, perhaps with the end of a phone number."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.files.rendering import tracking_numbers
from connectors.sandbox.platforms import CARRIER_PREFIXES, PROVINCES, SF
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.stages.scanning import OUTBOUND, RETURN_LEG, site_name
from connectors.sandbox.world import Ints

_RETURN_OFFSET: Final = 4_000_000_000_000
"""What the number of an SF return leg has more than that of its parcel."""
_FLAVOURS: Final = 7


@dataclass(frozen=True)
class Parcel:
    """A parcel that has a label by now.

    Attributes:
        number: its tracking number.
        order: row in `Orders`.
        leg: OUTBOUND or RETURN_LEG.
        carrier: code in `CARRIERS`.
        phones: of its sender and its receiver, or what they end in.
        flavour: 0 to 6, the same for the same parcel: for wording that varies.
    """

    number: str
    order: int
    leg: int
    carrier: int
    phones: tuple[str, ...]
    flavour: int

    def has_phone(self, given: str) -> bool:
        """Whether the last four digits are those of its sender or receiver."""
        return len(given) >= 4 and given[-4:] in {phone[-4:] for phone in self.phones}


@dataclass(frozen=True)
class Seen:
    """One scan as a carrier may tell it."""

    step: int
    at: int
    site: int
    place: str


class Parcels:
    """Finds parcels and what their carrier knows about them by the retail's `as_of`."""

    def __init__(self, retail: Retail, sender_phone: str) -> None:
        self._retail = retail
        self._sender_phone = sender_phone
        # The first parcel number of the world is that of row 0.
        text: str = tracking_numbers(retail.world, np.array([0], dtype=np.int64))[0].as_py()
        self._first = int(text[2:])

    def find(self, number: str) -> Parcel | None:
        """The parcel of a number; None if no label has it yet."""
        prefix, digits = number[:2], number[2:]
        if prefix not in CARRIER_PREFIXES or not digits.isascii() or not digits.isdigit():
            return None
        row, leg = int(digits) - self._first, OUTBOUND
        if row >= _RETURN_OFFSET:
            row, leg = row - _RETURN_OFFSET, RETURN_LEG
        world, as_of = self._retail.world, self._retail.as_of
        if not 0 <= row < len(world.orders) or world.journeys.labelled_at[row] > as_of:
            return None
        carrier = int(world.journeys.carrier[row])
        if CARRIER_PREFIXES[carrier] != prefix or (leg == RETURN_LEG and carrier != SF):
            return None
        account = int(world.orders.account[row])
        receiver = (str(world.accounts.phone[account]),) if account >= 0 else ()
        flavour = row % _FLAVOURS
        return Parcel(number, row, leg, carrier, (self._sender_phone, *receiver), flavour)

    def seen(self, parcel: Parcel) -> list[Seen]:
        """The parcel's scans in printed order; a scan sent twice stands there twice."""
        scans = self._retail.scans
        rows: Ints = scans.of_parcel(parcel.order, self._retail.as_of, parcel.leg)
        return [
            Seen(int(scans.step[row]), int(scans.at[row]), site, site_name(site))
            for row in rows.tolist()
            for site in [int(scans.site[row])] * (2 if scans.copied[row] else 1)
        ]

    def is_on_own_account(self, parcel: Parcel) -> bool:
        """Whether the retailer's own monthly account sent it; the northern warehouse's hasn't."""
        province = int(self._retail.world.orders.province[parcel.order])
        return not PROVINCES[province][2]


def return_number(number: str) -> str:
    """The number of the return leg of an SF parcel."""
    return f"{number[:2]}{int(number[2:]) + _RETURN_OFFSET}"

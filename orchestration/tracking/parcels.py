"""What a customer may see of the parcels of an order: state, place and time, and nobody's data.

Names, phones, addresses, amounts and goods are not selected at all, a carrier's own words neither:
they are free text. A place is shown only as long as it reads like a region.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Rows = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
_LONGEST_PLACE = 16
_STREET = re.compile(r"\d|[路街巷弄号栋幢室]|\b(?:road|street|st|ave|no)\b", re.IGNORECASE)
_PARCELS = """
    select
        parcels.parcel_no,
        parcels.business,
        parcels.carrier,
        carriers.label_en as carrier_en,
        carriers.label_zh as carrier_zh,
        parcels.shipment_status,
        parcels.shipped_at,
        parcels.promised_at,
        parcels.delivered_at
    from fct_parcel_performance as parcels
    left join carriers on parcels.carrier = carriers.carrier
    where parcels.order_key = $order_key
    order by parcels.shipped_at, parcels.parcel_no
"""
_SCANS = """
    select shipment_status, place, happened_at
    from fct_shipment_scans
    where business = $business and upper(tracking_no) = $parcel_no
        and shipment_status != 'unknown'
    order by happened_at desc
    limit 60
"""


@dataclass(frozen=True)
class Scan:
    """Where a parcel was."""

    status: str
    place: str
    happened_at: datetime


@dataclass(frozen=True)
class Parcel:
    """One parcel of an order; `ending` is all that is shown of its number."""

    ending: str
    carrier_en: str
    carrier_zh: str
    status: str
    shipped_at: datetime | None
    promised_at: datetime | None
    delivered_at: datetime | None
    scans: Sequence[Scan]


def parcels_of(rows: Rows, order_key: str) -> list[Parcel]:
    """The parcels of an order with their scans, the newest scan first."""
    found = []
    for row in rows(_PARCELS, {"order_key": order_key}):
        own = {"business": row["business"], "parcel_no": row["parcel_no"]}
        scans = [
            Scan(scan["shipment_status"], _region(scan["place"]), scan["happened_at"])
            for scan in rows(_SCANS, own)
        ]
        carrier = str(row["carrier"] or "")
        found.append(
            Parcel(
                ending=str(row["parcel_no"])[-4:],
                carrier_en=row["carrier_en"] or carrier,
                carrier_zh=row["carrier_zh"] or carrier,
                status=row["shipment_status"],
                shipped_at=row["shipped_at"],
                promised_at=row["promised_at"],
                delivered_at=row["delivered_at"],
                scans=_once(scans),
            )
        )
    return found


def _region(place: str | None) -> str:
    """The place if it reads like a region; nothing of an address."""
    parts = list(dict.fromkeys(part.strip() for part in re.split(r"[,，/]", place or "")))
    text = " ".join(part for part in parts[:2] if part)
    return "" if len(text) > _LONGEST_PLACE or _STREET.search(text) else text


def _once(scans: Sequence[Scan]) -> list[Scan]:
    """Without the scans that tell a customer nothing new: same state at the same place."""
    told: list[Scan] = []
    for scan in scans:
        if not told or (told[-1].status, told[-1].place) != (scan.status, scan.place):
            told.append(scan)
    return told

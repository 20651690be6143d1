"""Carrier scans: where each parcel was seen, when the scanner says so and when the carrier knew.

Here: one table of scans that agrees with the journeys, and what is planted in it: late uploads,
scanners whose clock is off, scans sent twice, a second signature after the delivery. Which code and
words a carrier has for a step is in `servers/`. A parcel is named by its row in `Orders`.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import CARRIERS, PROVINCE_NAMES, PROVINCES, SF, SHANGHAI
from connectors.sandbox.retailer import World
from connectors.sandbox.world import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Flags,
    Ints,
    WorldConfig,
    choose_distinct,
    planted_count,
)

STEPS: Final = (
    *("ordered", "picked_up", "left_origin", "reached_hub", "left_hub", "reached_city"),
    *("out", "failed", "out_again", "in_locker", "delivered", "proof", "refused", "returning"),
    *("returned", "stuck"),
)
ORDERED, PICKED_UP, LEFT_ORIGIN, REACHED_HUB, LEFT_HUB, REACHED_CITY, OUT, FAILED = range(8)
OUT_AGAIN, IN_LOCKER, DELIVERED, PROOF, REFUSED, RETURNING, RETURNED, STUCK = range(8, 16)
OUTBOUND, RETURN_LEG = range(2)
"""SF carries a refused parcel back under a new number; the other carriers under the old one."""

CITIES: Final = (
    *("北京市", "天津市", "石家庄市", "太原市", "呼和浩特市", "沈阳市", "长春市", "哈尔滨市"),
    *("上海市", "南京市", "杭州市", "合肥市", "福州市", "南昌市", "济南市", "郑州市", "武汉市"),
    *("长沙市", "广州市", "南宁市", "海口市", "重庆市", "成都市", "贵阳市", "昆明市", "拉萨市"),
    *("西安市", "兰州市", "西宁市", "银川市", "乌鲁木齐市"),
)
"""The capital of each province, in the order of `PROVINCES`."""
_SITES_PER_CITY = 10
_COLLECTING, _HUB, _FIRST_STATION = 0, 1, 2
_HUB_CITIES = (CITIES.index("武汉市"), CITIES.index("郑州市"), CITIES.index("长沙市"))
_NORTHERN_ORIGIN = PROVINCE_NAMES.index("天津市")

HUB_SHARE: Final = 0.75
FAILED_SHARE: Final = 0.06
LOCKER_SHARE: Final = 0.22
PROOF_SHARE: Final = 0.6
SKEW_MINUTES: Final = (5, 45)
LATE_HOURS: Final = (2, 20)
_LONGEST_UPLOAD = 60
# Shares of the way from pick-up to the last mile: first and width, in the order of the steps.
_WAY: Final = (
    (LEFT_ORIGIN, 0.02, 0.06),
    (REACHED_HUB, 0.38, 0.08),
    (LEFT_HUB, 0.52, 0.08),
    (REACHED_CITY, 0.80, 0.08),
)


@dataclass(frozen=True)
class Scans:
    """One element per scan, by parcel, leg and time.

    Attributes:
        parcel: row in `Orders`.
        leg: OUTBOUND or RETURN_LEG.
        step: code in `STEPS`.
        site: see `site_name`.
        at: local seconds that the scanner printed; the skew of its clock is in it.
        known_at: local seconds from which the carrier tells about the scan.
        copied: the carrier lists the scan twice, byte for byte.
        skews: seconds by which the scanner of each site is ahead (behind: negative); mostly 0.
        is_late: the scan was uploaded hours after it was made.
    """

    parcel: Ints
    leg: Ints
    step: Ints
    site: Ints
    at: Ints
    known_at: Ints
    copied: Flags
    is_late: Flags
    skews: Ints

    def __len__(self) -> int:
        return len(self.parcel)

    def of_parcel(self, parcel: int, as_of: int, leg: int = OUTBOUND) -> Ints:
        """The scans of a parcel that the carrier knows at second `as_of`, in printed order."""
        low, high = np.searchsorted(self.parcel, [parcel, parcel + 1])
        rows: Ints = np.arange(low, high)
        rows = rows[(self.leg[rows] == leg) & (self.known_at[rows] <= as_of)]
        return rows[np.argsort(self.at[rows], kind="stable")]


def site_name(site: int) -> str:
    """The name of a site, such as 武汉转运中心."""
    city, kind = divmod(site, _SITES_PER_CITY)
    name = CITIES[city].removesuffix("市")
    if kind == _COLLECTING:
        return f"{name}揽收点"
    return f"{name}转运中心" if kind == _HUB else f"{name}{kind - _FIRST_STATION + 1}号营业部"


def site_city(site: int) -> int:
    """The province code of a site's city."""
    return site // _SITES_PER_CITY


def scan_parcels(world: World) -> Scans:
    """The scans of all parcels up to the end of the world; the same world gives the same scans."""
    config = world.config
    random = config.random("scans")
    way = _Way(world, random)
    legs = [way.outbound(), way.back()]
    scans = _sorted(_joined(legs), config)
    return _with_defects(config, scans)


def describe_scans(world: World, scans: Scans, as_of: int) -> dict[str, Any]:
    """Truth about what the carriers tell at second `as_of`: counts per carrier, and the planted.

    `parcels` counts the labelled ones, `scans` each scan of them once, `duplicate_rows` the second
    copies; the return leg of SF's refused parcels has a number and figures of its own.
    """
    journeys = world.journeys
    known = scans.known_at <= as_of
    carrier = journeys.carrier[scans.parcel]
    figures: dict[str, Any] = {}
    for code, name in enumerate(CARRIERS):
        out = known & (carrier == code) & (scans.leg == OUTBOUND)
        back = known & (carrier == code) & (scans.leg == RETURN_LEG)
        labelled = (journeys.labelled_at <= as_of) & (journeys.carrier == code)
        figures[name] = {
            "parcels": int(labelled.sum()),
            "parcels_with_scans": len(np.unique(scans.parcel[out])),
            "scans": int(out.sum()),
            "duplicate_rows": int((out & scans.copied).sum()),
            "delivered": int((out & (scans.step == DELIVERED)).sum()),
            "refused": int((out & (scans.step == REFUSED)).sum()),
            "stuck": int((out & (scans.step == STUCK)).sum()),
            "return_parcels": len(np.unique(scans.parcel[back])),
            "return_scans": int(back.sum()),
        }
    return {
        "carriers": figures,
        "planted": {
            "late_scans": int((known & scans.is_late).sum()),
            "skewed_scanners": {
                site_name(site): int(scans.skews[site])
                for site in np.flatnonzero(scans.skews).tolist()
            },
        },
    }


class _Way:
    """The true times and places of every labelled parcel, one element per parcel."""

    def __init__(self, world: World, random: np.random.Generator) -> None:
        journeys, config = world.journeys, world.config
        self.parcel: Ints = np.flatnonzero(journeys.labelled_at != NEVER)
        self._random = random
        self._count = count = len(self.parcel)
        self._labelled = journeys.labelled_at[self.parcel]
        self._shipped = journeys.shipped_at[self.parcel]
        self._stuck = journeys.stuck_at[self.parcel]
        self._refused = journeys.refused_at[self.parcel]
        self._is_sf = journeys.carrier[self.parcel] == SF
        # What lies behind the end of the world is guessed: it only has to lie behind it.
        later = config.end_second + 1
        out = journeys.out_for_delivery_at[self.parcel]
        guess = _plus(self._shipped, self._between(DAY, 3 * DAY))
        guess = np.where(self._stuck != NEVER, guess, np.maximum(guess, later))
        self._out = np.where(out != NEVER, out, guess)
        self._is_out = out != NEVER
        arrived = np.minimum(journeys.delivered_at[self.parcel], self._refused)
        guess = np.maximum(_plus(self._out, self._between(HOUR, 5 * HOUR)), later)
        self._arrived = np.where(arrived != NEVER, arrived, guess)
        self._sent_back = _plus(self._refused, self._between(2 * HOUR, 10 * HOUR))
        self._back = _plus(self._refused, self._between(2 * DAY, 4.5 * DAY))
        province = world.orders.province[self.parcel]
        north = np.array([is_north for _, _, is_north in PROVINCES])[province]
        self._origin = np.where(north, _NORTHERN_ORIGIN, SHANGHAI) * _SITES_PER_CITY
        self._hub = random.choice(_HUB_CITIES, count) * _SITES_PER_CITY + _HUB
        self._city = province * _SITES_PER_CITY
        stations = _SITES_PER_CITY - _FIRST_STATION
        self._station = self._city + _FIRST_STATION + random.integers(0, stations, count)

    def outbound(self) -> Scans:
        """From the label to the door, the locker or back."""
        steps = [
            (ORDERED, self._labelled, self._origin),
            (PICKED_UP, self._shipped, self._origin),
            *self._on_the_way(),
            *self._at_the_door(),
        ]
        return self._scans(OUTBOUND, steps)

    def back(self) -> Scans:
        """SF's return leg: from the door to the origin, under a number of its own."""
        sent = np.where(self._is_sf, self._sent_back, NEVER)
        lasts = self._back - sent
        places = (
            (PICKED_UP, 0.02, self._station),
            (LEFT_ORIGIN, 0.15, self._city + _HUB),
            (REACHED_CITY, 0.70, self._origin + _HUB),
            (OUT, 0.90, self._origin + _FIRST_STATION),
            (DELIVERED, 1.0, self._origin + _FIRST_STATION),
        )
        steps = [(step, _plus(sent, _share(lasts, share)), site) for step, share, site in places]
        return self._scans(RETURN_LEG, steps)

    def _on_the_way(self) -> list[tuple[int, Ints, Ints]]:
        lasts = np.where(self._shipped != NEVER, self._out - self._shipped, 0)
        by_hub = self._chance(HUB_SHARE)
        sites = {
            LEFT_ORIGIN: self._origin + _HUB,
            REACHED_HUB: self._hub,
            LEFT_HUB: self._hub,
            REACHED_CITY: self._city + _HUB,
        }
        steps = []
        for step, first, width in _WAY:
            share = first + width * self._random.random(self._count)
            at = _plus(self._shipped, (share * lasts).astype(np.int64))
            seen = at < self._stuck
            if step in (REACHED_HUB, LEFT_HUB):
                seen &= by_hub
            steps.append((step, np.where(seen, at, NEVER), sites[step]))
        return [*steps, (STUCK, self._stuck, self._hub)]

    def _at_the_door(self) -> list[tuple[int, Ints, Ints]]:
        is_refused = self._refused != NEVER
        out = np.where(self._is_out, self._out, NEVER)
        lasts = np.where(self._is_out, self._arrived - self._out, 0)
        fails = self._chance(FAILED_SHARE) & (lasts > 40 * MINUTE)
        waits = self._chance(LOCKER_SHARE) & ~fails & ~is_refused

        def at(share: float, where: Flags) -> Ints:
            return np.where(where, _plus(out, _share(lasts, share)), NEVER)

        delivered = np.where(self._is_out & ~is_refused, self._arrived, NEVER)
        proof = self._chance(PROOF_SHARE) & self._is_sf
        signed_again = _plus(delivered, self._between(30, 3 * HOUR))
        station = self._station
        return [
            (OUT, out, station),
            (FAILED, at(0.35, fails), station),
            (OUT_AGAIN, at(0.6, fails), station),
            (IN_LOCKER, at(0.55, waits), station),
            (DELIVERED, delivered, station),
            (PROOF, np.where(proof, signed_again, NEVER), station),
            (REFUSED, self._refused, station),
            (RETURNING, self._sent_back, station),
            (RETURNED, np.where(self._is_sf, NEVER, self._back), self._origin),
        ]

    def _scans(self, leg: int, steps: list[tuple[int, Ints, Ints]]) -> Scans:
        parts = []
        for step, at, site in steps:
            rows = np.flatnonzero(at != NEVER)
            parts.append(
                Scans(
                    parcel=self.parcel[rows],
                    leg=np.full(len(rows), leg),
                    step=np.full(len(rows), step),
                    site=site[rows],
                    at=at[rows],
                    known_at=at[rows],
                    copied=np.zeros(len(rows), dtype=np.bool_),
                    is_late=np.zeros(len(rows), dtype=np.bool_),
                    skews=np.empty(0, dtype=np.int64),
                )
            )
        return _joined(parts)

    def _chance(self, share: float) -> Flags:
        return self._random.random(self._count) < share

    def _between(self, low: float, high: float) -> Ints:
        return (low + self._random.random(self._count) * (high - low)).astype(np.int64)


def _plus(times: Ints, seconds: Ints) -> Ints:
    """The times that much later; what never happens stays so."""
    happens = times != NEVER
    return np.where(happens, np.where(happens, times, 0) + seconds, NEVER)


def _share(lasts: Ints, share: float) -> Ints:
    return (lasts * share).astype(np.int64)


def _joined(parts: list[Scans]) -> Scans:
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Scans)
    }
    return Scans(**columns)


def _sorted(scans: Scans, config: WorldConfig) -> Scans:
    """What happened by the end of the world, by parcel, leg and time."""
    rows = np.flatnonzero(scans.at <= config.end_second)
    in_order = np.lexsort((scans.step[rows], scans.at[rows], scans.leg[rows], scans.parcel[rows]))
    rows = rows[in_order]
    return replace(
        scans,
        **{
            field.name: getattr(scans, field.name)[rows]
            for field in fields(Scans)
            if field.name != "skews"
        },
    )


def _with_defects(config: WorldConfig, scans: Scans) -> Scans:
    """Uploads take seconds, some take hours; some scanners' clocks are off; some scans repeat."""
    rates, count = config.defects, len(scans)
    random = config.random("scan defects")
    sites = np.arange(len(CITIES) * _SITES_PER_CITY)
    # At the door the times stay true: a delivery is what others are compared with.
    candidates = sites[sites % _SITES_PER_CITY < _FIRST_STATION]
    skewed = choose_distinct(
        random, candidates, planted_count(rates.skewed_scanners, len(candidates))
    )
    low, high = SKEW_MINUTES
    minutes = random.integers(low, high + 1, len(sites)) * random.choice((-1, 1), len(sites))
    skews = np.where(np.isin(sites, skewed), minutes * MINUTE, 0)
    upload = random.integers(0, _LONGEST_UPLOAD, count)
    late = choose_distinct(random, np.arange(count), planted_count(rates.late_scans, count))
    low, high = LATE_HOURS
    hours = random.integers(low * HOUR, high * HOUR, count)
    is_late: Flags = np.zeros(count, dtype=np.bool_)
    is_late[late] = True
    copied: Flags = np.zeros(count, dtype=np.bool_)
    copied[
        choose_distinct(random, np.arange(count), planted_count(rates.duplicate_rows, count))
    ] = True
    return replace(
        scans,
        at=scans.at + skews[scans.site],
        known_at=scans.at + np.where(is_late, hours, upload),
        copied=copied,
        is_late=is_late,
        skews=skews,
    )

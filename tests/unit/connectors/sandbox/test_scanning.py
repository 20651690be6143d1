"""Carrier scans agree with the journeys, and what is planted in them is what the truth says."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from connectors.sandbox.platforms import CARRIERS, SF
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.stages.scanning import (
    DELIVERED,
    IN_LOCKER,
    LATE_HOURS,
    OUT,
    OUTBOUND,
    PICKED_UP,
    PROOF,
    REFUSED,
    RETURN_LEG,
    RETURNED,
    RETURNING,
    STUCK,
    Scans,
    describe_scans,
    scan_parcels,
)
from connectors.sandbox.world import HOUR, NEVER, DefectRates, WorldConfig

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=25, orders_per_day=300)


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


@pytest.fixture(scope="module")
def scans(world: World) -> Scans:
    return scan_parcels(world)


@pytest.fixture(scope="module")
def clean(world: World) -> Scans:
    return scan_parcels(replace(world, config=replace(CONFIG, defects=DefectRates.none())))


def test_the_same_world_gives_the_same_scans(scans: Scans) -> None:
    again = scan_parcels(simulate(CONFIG))
    assert (again.at == scans.at).all()
    assert (again.known_at == scans.known_at).all()
    assert (again.copied == scans.copied).all()


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (PICKED_UP, "shipped_at"),
        (OUT, "out_for_delivery_at"),
        (DELIVERED, "delivered_at"),
        (REFUSED, "refused_at"),
        (STUCK, "stuck_at"),
    ],
)
def test_what_the_shop_knows_is_scanned_at_that_time(
    world: World, clean: Scans, step: int, name: str
) -> None:
    times = getattr(world.journeys, name)
    rows = np.flatnonzero((clean.step == step) & (clean.leg == OUTBOUND))
    assert len(rows) > 0
    assert sorted(clean.parcel[rows].tolist()) == np.flatnonzero(times != NEVER).tolist()
    assert (clean.at[rows] == times[clean.parcel[rows]]).all()


def test_a_parcel_is_seen_in_order_and_nothing_follows_its_end(world: World, clean: Scans) -> None:
    same = (clean.parcel[1:] == clean.parcel[:-1]) & (clean.leg[1:] == clean.leg[:-1])
    assert (np.diff(clean.at)[same] > 0).all()
    assert (clean.at <= CONFIG.end_second).all()
    last = np.flatnonzero(~same)
    allowed = {
        DELIVERED: {DELIVERED, PROOF},
        STUCK: {STUCK},
        REFUSED: {REFUSED, RETURNING, RETURNED},
    }
    for step, ends in allowed.items():
        parcels = clean.parcel[(clean.step == step) & (clean.leg == OUTBOUND)]
        of_these = last[np.isin(clean.parcel[last], parcels) & (clean.leg[last] == OUTBOUND)]
        assert set(clean.step[of_these].tolist()) <= ends
    # A locker is not a delivery: the customer comes later.
    waiting = clean.parcel[clean.step == IN_LOCKER]
    assert len(waiting) > 0
    delivered_at = world.journeys.delivered_at[waiting]
    assert (delivered_at > clean.at[clean.step == IN_LOCKER]).all()


def test_only_sf_sends_back_under_a_new_number(world: World, clean: Scans) -> None:
    back = np.unique(clean.parcel[clean.leg == RETURN_LEG])
    assert len(back) > 0
    assert (world.journeys.carrier[back] == SF).all()
    assert (world.journeys.refused_at[back] != NEVER).all()
    returned = clean.parcel[clean.step == RETURNED]
    assert len(returned) > 0
    assert (world.journeys.carrier[returned] != SF).all()
    assert (world.journeys.carrier[clean.parcel[clean.step == PROOF]] == SF).all()


def test_planted_defects_change_times_and_copies_but_no_scan(scans: Scans, clean: Scans) -> None:
    assert (scans.parcel == clean.parcel).all()
    assert (scans.step == clean.step).all()
    moved = scans.at - clean.at
    assert (moved == scans.skews[scans.site]).all()
    assert moved.any()
    assert not moved[np.isin(scans.step, (OUT, DELIVERED, REFUSED))].any()
    waits = scans.known_at - clean.at
    assert (waits[scans.is_late] >= LATE_HOURS[0] * HOUR).all()
    assert (waits[~scans.is_late] < 60).all()
    assert scans.is_late.any()
    assert scans.copied.any()
    assert not clean.copied.any()
    assert not clean.is_late.any()


def test_no_two_scans_of_a_parcel_look_alike(scans: Scans) -> None:
    rows = np.stack([scans.parcel, scans.leg, scans.step, scans.site, scans.at], axis=1)
    assert len(np.unique(rows, axis=0)) == len(scans)


def test_only_what_the_carrier_knows_is_told(world: World, scans: Scans) -> None:
    early = CONFIG.start_second + 10 * 86_400
    some = np.unique(scans.parcel)[:500]
    told = 0
    for parcel in some.tolist():
        rows = scans.of_parcel(parcel, early)
        assert (scans.known_at[rows] <= early).all()
        assert (np.diff(scans.at[rows]) >= 0).all()
        every = (scans.parcel == parcel) & (scans.leg == OUTBOUND) & (scans.known_at <= early)
        assert len(rows) == int(every.sum())
        told += len(rows)
    assert told > 0


def test_the_truth_counts_what_is_known(world: World, scans: Scans) -> None:
    for as_of in (CONFIG.start_second + 10 * 86_400, CONFIG.end_second):
        figures = describe_scans(world, scans, as_of)["carriers"]
        assert tuple(figures) == CARRIERS
        known = scans.known_at <= as_of
        assert sum(f["scans"] + f["return_scans"] for f in figures.values()) == int(known.sum())
        delivered = world.journeys.delivered_at <= as_of
        for code, name in enumerate(CARRIERS):
            by_shop = int((delivered & (world.journeys.carrier == code)).sum())
            late = by_shop - figures[name]["delivered"]
            assert 0 <= late <= max(5, by_shop // 10), "only late uploads are missing"
    assert describe_scans(world, scans, CONFIG.end_second)["planted"]["skewed_scanners"]

"""Carriers against the sandbox: every scan of every parcel once, whatever breaks on the way."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.sandbox.files.rendering import tracking_numbers
from connectors.sandbox.platforms import CARRIERS, DOUYIN, TMALL
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.servers.clock import seconds_of_datetime, text_of
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.stages.scanning import DELIVERED, OUTBOUND, Scans, scan_parcels
from connectors.sandbox.world import WorldConfig
from connectors.settings import Settings, load_settings
from tests.models import build_models, rows
from tests.platform_accounts import config_of
from tests.platforms import Read, bronze_payloads, orders_a_day, read_account
from tests.platforms import read_until_killed as kill_reading

pytestmark = pytest.mark.integration

CONFIG = WorldConfig(
    end_date=date(2026, 6, 30), days=12, orders_per_day=orders_a_day(12, 120), product_count=60
)
NOON_BEFORE = datetime(2026, 6, 29, 4, tzinfo=UTC)
THE_END = datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC)
FAULTS = Faults.all_on(0.02)
SHOPS = {"taobao": ("tmall_flagship", TMALL), "douyin": ("douyin_live", DOUYIN)}
# Which of our carriers is read through which platform, and how its answers name things.
THROUGH = {
    "sf_express": (("sf",), "sf_express_routes", "mailNo", "routes", "acceptTime"),
    "kuaidi100": (("yto", "jd"), "kuaidi100_tracks", "nu", "data", "time"),
}
Told = dict[str, list[str]]
"""Tracking number -> printed times of its scans, sorted."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as served:
        yield served


class Truth:
    """The world's own scans of the parcels that the shops sent."""

    def __init__(self) -> None:
        self._world: World = simulate(CONFIG)
        self._scans: Scans = scan_parcels(self._world)

    def told(self, platform: str, as_of: datetime) -> Told:
        """What the carriers of a platform have told by then; numbers without scans too."""
        every = self._parcels(platform, as_of)
        told: Told = {number: [] for number in every.values()}
        for row in self._known(every, as_of).tolist():
            number = every[int(self._scans.parcel[row])]
            told[number].append(text_of(int(self._scans.at[row])))
        return {number: sorted(times) for number, times in told.items()}

    def delivered(self, platform: str, as_of: datetime) -> int:
        """How many of the parcels were delivered by then."""
        known = self._known(self._parcels(platform, as_of), as_of)
        return int((self._scans.step[known] == DELIVERED).sum())

    def _known(self, every: dict[int, str], as_of: datetime) -> Any:
        scans = self._scans
        is_known = (scans.known_at <= seconds_of_datetime(as_of)) & (scans.leg == OUTBOUND)
        return np.flatnonzero(is_known & np.isin(scans.parcel, list(every)))

    def _parcels(self, platform: str, as_of: datetime) -> dict[int, str]:
        orders, journeys = self._world.orders, self._world.journeys
        carriers = [CARRIERS.index(name) for name in THROUGH[platform][0]]
        sent = np.flatnonzero(
            np.isin(orders.channel, [channel for _, channel in SHOPS.values()])
            & (journeys.shipped_at <= seconds_of_datetime(as_of))
            & np.isin(journeys.carrier, carriers)
        )
        numbers = tracking_numbers(self._world, sent).to_pylist()
        return dict(zip(sent.tolist(), numbers, strict=True))


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth()


def carrier(sandbox: ServedSandbox, name: str, now: datetime, **changes: Any) -> Read:
    config = {
        "phone_tail": sandbox.credentials()["sf_express"]["check_phone_no"],
        "ask_again_minutes": 0,
        # The default of 48, and the 36 hours between the two readings here.
        "hours_after_end": 48 + 36,
        "attempts": 8,
        **({"carriers": ["yto", "jd"]} if name == "kuaidi100" else {}),
    }
    return Read(name, "main", config_of(name, sandbox, **config | changes), now)


def read_shops(sandbox: ServedSandbox, home: Path, now: datetime) -> None:
    for name, (channel, _) in SHOPS.items():
        config = config_of(name, sandbox, start="2026-06-15", attempts=8)
        assert read_account(home, Read(name, channel, config, now)).problems == ()


def found(settings: Settings, name: str) -> Told:
    """The scans of each parcel's newest answer, once each: plain Python over bronze."""
    _, table, number, scans, at = THROUGH[name]
    newest: dict[str, list[dict[str, Any]]] = {}
    for answer in bronze_payloads(settings, table):
        newest[answer[number]] = answer.get(scans) or []
    told: Told = {}
    for parcel, listed in newest.items():
        distinct = {tuple(sorted(scan.items())) for scan in listed}
        told[parcel] = sorted(dict(scan)[at] for scan in distinct)
    return told


def test_faults_and_kills_lose_no_scan_and_double_none(
    sandbox: ServedSandbox, truth: Truth, tmp_path: Path
):
    settings = load_settings(home=tmp_path)

    def read_all(moment: datetime) -> None:
        for name in THROUGH:
            assert read_account(tmp_path, carrier(sandbox, name, moment)).problems == ()
            assert found(settings, name) == truth.told(name, moment), name

    for moment in (NOON_BEFORE, THE_END):
        sandbox.control(as_of=moment.isoformat(), faults=Faults())
        read_shops(sandbox, tmp_path, moment)
        sandbox.control(faults=FAULTS)
        if moment == THE_END:
            for name in THROUGH:
                kill_reading(tmp_path, carrier(sandbox, name, moment), pages=5)
            kill_reading(tmp_path, carrier(sandbox, "kuaidi100", moment), landing_seconds=0.15)
        read_all(moment)

    build_models(settings, "+fct_parcels", "+fct_shipment_scans")
    counted = dict(rows(settings, "select source, count(*) from fct_shipment_scans group by 1"))
    for name in THROUGH:
        assert counted[name] == sum(map(len, truth.told(name, THE_END).values())), name
    delivered = rows(
        settings,
        "select count(*) from fct_parcels where is_told_by_carrier and delivered_at is not null "
        "and shipment_status = 'delivered'",
    )
    assert delivered == [(sum(truth.delivered(name, THE_END) for name in THROUGH),)]


def test_parcels_of_other_accounts_need_the_phone_number(sandbox: ServedSandbox, tmp_path: Path):
    sandbox.control(as_of=THE_END.isoformat(), faults=Faults())
    read_shops(sandbox, tmp_path, THE_END)
    settings = load_settings(home=tmp_path)
    read_account(tmp_path, carrier(sandbox, "sf_express", THE_END, phone_tail=""))
    silent = [number for number, times in found(settings, "sf_express").items() if not times]
    read_account(tmp_path, carrier(sandbox, "sf_express", THE_END))
    told = found(settings, "sf_express")
    assert silent
    assert all(told[number] for number in silent)


@pytest.mark.parametrize(
    ("name", "changes", "advice"),
    [
        ("sf_express", {"check_word": "wrong"}, "check check_word"),
        ("sf_express", {"partner_id": "stranger"}, "check partner_id"),
        ("kuaidi100", {"key": "wrong"}, "check customer and key"),
        ("kuaidi100", {"customer": "stranger"}, "check customer and key"),
    ],
)
def test_wrong_credentials_are_one_sentence_and_land_nothing(
    sandbox: ServedSandbox, tmp_path: Path, name: str, changes: dict[str, str], advice: str
):
    sandbox.control(as_of=THE_END.isoformat(), faults=Faults())
    parcels = (("SF1", "sf", ""), ("YT1", "yuantong", ""))
    read = carrier(sandbox, name, THE_END, **changes)
    report = read_account(tmp_path, Read(read.connector, "main", read.config, THE_END, parcels))
    (problem,) = report.problems
    assert advice in problem
    assert report.entities[0].cursor is None
    assert list(bronze_payloads(load_settings(home=tmp_path), THROUGH[name][1])) == []

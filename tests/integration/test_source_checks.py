"""What sources have against what was landed: exactly the faults that were made are named."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.configuration import Configuration, ConfiguredSource, Schedules
from connectors.errors import InputError
from connectors.lake.attach import connect_snapshot, connect_writer
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import Settings, load_settings
from connectors.sinks.declared import Sinks
from connectors.sources.api.connector import find_connector
from connectors.sources.api.reading import CHINA
from connectors.sources.files.load import load_files
from connectors.sources.history import read_histories
from orchestration.progress import SilentProgress
from orchestration.source_checks import Comparison, compare_sources
from tests.platform_accounts import ACCOUNTS, SandboxAccount, present
from tests.platforms import bronze_payloads, read_account

pytestmark = pytest.mark.integration

NOON = "2026-06-30T12:00:00"
DAYS = [date(2026, 6, 28), date(2026, 6, 29), date(2026, 6, 30)]
KEYS = {"shopify": {"shop_domain": "sandbox.myshopify.com", "bulk": False}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(end_date=date(2026, 6, 30), days=4, orders_per_day=120, product_count=60)
    with serve_sandbox(config) as served:
        yield served


def _source(sandbox: ServedSandbox, platform: str) -> ConfiguredSource:
    keys = SandboxAccount(platform, **KEYS.get(platform, {})).keys(sandbox)
    config = find_connector(platform).config.model_validate(keys)
    return ConfiguredSource(platform, platform, accounts={ACCOUNTS[platform]: config})


def _compare(settings: Settings, source: ConfiguredSource) -> dict[date | None, Comparison]:
    configuration = Configuration(None, {source.name: source}, Schedules(), Sinks())
    rows = compare_sources(settings, configuration, DAYS, SilentProgress(), name=source.name)
    assert len({row.day for row in rows}) == len(rows), "one currency, so one row a day"
    return {row.day: row for row in rows}


@dataclass(frozen=True)
class Fields:
    """Where an order says what, and how many of its units are one yuan."""

    number: str
    amount: str
    created: str
    per_yuan: int = 1

    def day(self, order: dict[str, Any]) -> date:
        told = order[self.created]
        if isinstance(told, int):
            return datetime.fromtimestamp(told, CHINA).date()
        return date.fromisoformat(told[:10])

    def yuan(self, order: dict[str, Any]) -> Decimal:
        return Decimal(str(order[self.amount])) / self.per_yuan


PLATFORMS = {
    "taobao": Fields("tid", "payment", "created"),
    "pdd": Fields("order_sn", "pay_amount", "created_time"),
    "douyin": Fields("order_id", "pay_amount", "create_time", per_yuan=100),
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_only_the_faults_that_were_made_are_named(
    sandbox: ServedSandbox, tmp_path: Path, platform: str
) -> None:
    fields = PLATFORMS[platform]
    sandbox.control(as_of=NOON)
    settings = load_settings(home=tmp_path)
    source = _source(sandbox, platform)
    account = SandboxAccount(platform, start="2026-06-27")
    assert read_account(tmp_path, account.read(sandbox, present(sandbox))).problems == ()
    # The oracle: plain Python over what was landed, no mapping and no SQL of ours.
    amounts: dict[date, dict[str, Decimal]] = defaultdict(dict)
    for order in bronze_payloads(settings, f"{platform}_orders"):
        amounts[fields.day(order)][str(order[fields.number])] = fields.yuan(order)

    for day, row in _compare(settings, source).items():
        assert row.is_equal, row
        orders = amounts[day]
        assert (row.there_count, row.here_count) == (len(orders), len(orders))
        assert row.there_amount == row.here_amount == sum(orders.values())

    table = f"lake.bronze.{platform}_orders"
    lost, altered = sorted(amounts[DAYS[1]])[:2]
    cursors = read_histories(settings).of_account(platform, ACCOUNTS[platform])
    with connect_writer(settings, purpose="a test") as lake:
        lake.execute(f"delete from {table} where payload like '%{lost}%'")
        lake.execute(
            f"update {table} set payload = json_merge_patch(payload, ?) where payload like ?",
            [f'{{"{fields.amount}": "7"}}', f"%{altered}%"],
        )
        landed = lake.execute(f"select count(*) from {table}").fetchone()
    sandbox.control(as_of="2026-06-30T18:00:00")

    rows = _compare(settings, source)
    assert rows[DAYS[0]].is_equal
    faulty = rows[DAYS[1]]
    assert (faulty.missing, faulty.changed, faulty.gone) == ((lost,), (altered,), ())
    assert faulty.outdated == ()
    assert faulty.here_count == faulty.there_count - 1
    # Orders of the afternoon are not read yet, which is no difference.
    assert rows[DAYS[2]].is_equal
    assert rows[DAYS[2]].not_read > 0
    with connect_snapshot(settings) as lake:
        assert lake.execute(f"select count(*) from {table}").fetchone() == landed
    assert read_histories(settings).of_account(platform, ACCOUNTS[platform]) == cursors


def test_a_source_without_a_listing_says_so(sandbox: ServedSandbox, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stripe .* can't be asked what was created on a day"):
        _compare(load_settings(home=tmp_path), _source(sandbox, "stripe"))


def test_an_account_that_was_never_read_is_a_problem(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    (row,) = _compare(load_settings(home=tmp_path), _source(sandbox, "pdd")).values()
    assert "was never read" in row.problem
    assert not row.is_equal


def test_a_file_is_compared_line_by_line(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home")
    folder = tmp_path / "offered"
    folder.mkdir()
    heading = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    lines = "".join(
        f"53636{n},85123A,LAMP,{n},2010-12-01 08:26:00,2.55,17850,France\n" for n in range(1, 6)
    )
    file = folder / "online_retail.csv"
    file.write_text(heading + lines)
    source = ConfiguredSource("online_retail", "files", path=folder, mapping="online_retail")
    (waiting,) = _compare(settings, source).values()
    assert (waiting.not_read, waiting.is_equal) == (5, True)
    load_files(settings, "online_retail", folder)
    (row,) = _compare(settings, source).values()
    assert row.is_equal
    assert (row.there_count, row.place) == (5, "online_retail.csv")
    assert row.there_amount == row.here_amount == Decimal("2.55") * 15
    with connect_writer(settings, purpose="a test") as lake:
        lake.execute("delete from lake.bronze.online_retail_order_lines where record_number = 3")
    (row,) = _compare(settings, source).values()
    assert len(row.missing) == 1
    assert row.there_amount is not None
    assert row.here_amount is not None
    assert row.there_amount - row.here_amount in {Decimal("2.55") * n for n in range(1, 6)}

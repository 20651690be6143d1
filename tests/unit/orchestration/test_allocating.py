"""Allocation of a run: stock is promised once, to the unit, to who comes first, come what may."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from connectors.database.engine import open_database
from connectors.database.schema import outbox, stock_entries, stock_reservations
from connectors.errors import InputError
from connectors.lake.attach import connect_snapshot, connect_writer
from connectors.settings import Settings, load_settings
from connectors.sinks.base import Receipt
from connectors.sinks.documents import DropShipment, PickList, PickRecall, document_of
from orchestration.allocation import allocating
from orchestration.allocation.allocating import allocate_orders
from orchestration.allocation.batches import Request, release_all, reserve_all, ship_all
from orchestration.allocation.consistency import inconsistencies
from orchestration.allocation.policy import AllocationPolicy, load_allocation_policy
from orchestration.allocation.reservations import (
    Line,
    count_stock,
    find_reservation,
    release,
    reserve,
    ship,
)
from orchestration.decisions.ledger import decide, list_decisions
from orchestration.decisions.outbox import deliver
from orchestration.decisions.rulebook import seed_rules, switch_rule
from orchestration.lake_checks import promises_are_kept
from orchestration.learning.ml_tables import ML_TABLES

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SITES = {
    "east": ("warehouse", "上海市"),
    "north": ("warehouse", "天津市"),
    "shop": ("store", "上海市"),
}
PLACES = {
    "上海市": (31.2304, 121.4737),
    "天津市": (39.0842, 117.2009),
    "北京市": (39.9042, 116.4074),
}
PLAIN = AllocationPolicy(segment_priorities={"champions": 1})


class Retailer:
    """A lake with the tables that allocation reads, and the operational database beside it."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.engine = settings, open_database(settings)
        self.orders: dict[str, dict[str, Any]] = {}
        self.lines: list[dict[str, Any]] = []
        self.counts: dict[tuple[str, str], dict[str, Any]] = {}
        self.safety: list[dict[str, Any]] = []
        self.day = date(2026, 11, 21)

    def order(self, key: str, *lines: tuple[str, int], **facts: Any) -> None:
        """An order with lines of (article, quantity)."""
        number = len(self.orders)
        self.orders[key] = {
            "business": "b", "order_key": key, "order_no": f"N{key}", "channel": "web",
            "order_status": facts.get("status", "paid"), "gross_amount": 100, "shipped_at": None,
            "currency_code": "CNY", "customer_key": facts.get("customer", "anybody"),
            "province": facts.get("province", "上海市"), "order_type": "sale",
            "paid_at": NOW, "created_at": NOW,
        }  # fmt: skip
        for line_no, (sku, quantity) in enumerate(lines, start=1):
            self.lines.append({
                "business": "b", "order_key": key, "line_no": line_no, "sku": sku,
                "quantity": quantity, "site": facts.get("serving", "east"),
                "demanded_at": NOW + timedelta(minutes=facts.get("minute", number)),
                "decision": "reserve", "promised_ship_on": None,
            })  # fmt: skip

    def count(self, site: str, sku: str, quantity: int, arrives: date | None = None) -> None:
        self.counts[site, sku] = {
            "business": "b", "site": site, "sku": sku, "counted_on": self.day,
            "on_hand": quantity, "outbound": 0, "next_arrival_on": arrives,
        }  # fmt: skip

    def next_day(self) -> None:
        """Everything is counted anew, as it was."""
        self.day += timedelta(days=1)
        self.counts = {key: row | {"counted_on": self.day} for key, row in self.counts.items()}

    def run(self, policy: AllocationPolicy = PLAIN) -> pd.DataFrame:
        """What a run writes."""
        self.publish()
        allocate_orders(self.settings, now=NOW, policy=policy)
        connection = connect_snapshot(self.settings)
        try:
            assert promises_are_kept(
                connection, in_the_books=[one.sentence for one in inconsistencies(self.engine)]
            ).problems == []  # fmt: skip
            return connection.execute("select * from lake.ml.line_allocations").df()
        finally:
            connection.close()

    def publish(self) -> None:
        """Write the tables."""
        is_open = {key for key, order in self.orders.items()
                   if order["order_status"] in ("paid", "allocated")}  # fmt: skip
        open_lines = [line for line in self.lines if line["order_key"] in is_open]
        tables = {
            "marts.fct_orders": (list(self.orders.values()), {
                "shipped_at": "timestamptz", "gross_amount": "decimal(18,2)",
                "paid_at": "timestamptz", "created_at": "timestamptz"}),
            "marts.fct_order_line_checks": (open_lines, {
                "quantity": "bigint", "line_no": "bigint", "demanded_at": "timestamptz",
                "promised_ship_on": "date"}),
            "marts.fct_stock_availability": (list(self.counts.values()), {
                "counted_on": "date", "on_hand": "bigint", "outbound": "bigint",
                "next_arrival_on": "date"}),
            "marts.dim_customers": ([
                {"customer_key": "anybody", "rfm_segment": "new"},
                {"customer_key": "vip", "rfm_segment": "champions"}], {}),
            "marts.dim_sites": ([
                {"business": "b", "site_key": f"b:{site}", "site": site, "site_type": kind,
                 "latitude": None, "longitude": None, "province": province, "closed_on": None}
                for site, (kind, province) in SITES.items()],
                {"latitude": "decimal(9,6)", "longitude": "decimal(9,6)", "closed_on": "date"}),
            "marts.int_business_clock": (
                [{"business": "b", "as_of_date": self.day}], {"as_of_date": "date"}),
            "reference.province_locations": ([
                {"province": name, "latitude": place[0], "longitude": place[1]}
                for name, place in PLACES.items()],
                {"latitude": "decimal(9,6)", "longitude": "decimal(9,6)"}),
            "ml.replenishment_positions": (
                [{"business": "b", "site": "-", "sku": "-", "safety_stock": 0}, *self.safety],
                {"safety_stock": "double"}),
        }  # fmt: skip
        with connect_writer(self.settings, purpose="test") as connection:
            connection.execute("begin")
            for name, (rows, kinds) in tables.items():
                connection.execute(f"create schema if not exists lake.{name.partition('.')[0]}")
                rows_to_write = pd.DataFrame(rows).astype(object)
                connection.register("rows_to_write", rows_to_write)
                cast = ", ".join(
                    f"{column}::{kinds.get(column, 'varchar')} as {column}"
                    for column in rows_to_write.columns
                )
                connection.execute(
                    f"create or replace table lake.{name} as select {cast} from rows_to_write"
                )
                connection.unregister("rows_to_write")
            connection.execute("commit")


@pytest.fixture
def retailer(settings: Settings) -> Retailer:
    return Retailer(settings)


def units(table: pd.DataFrame, **where: str) -> dict[str, int]:
    """Units of each order, of rows that say so."""
    for column, value in where.items():
        table = table[table[column] == value]
    sums = table.groupby("order_key")["quantity"].sum()
    return {str(key): int(value) for key, value in sums.items()}


def events(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (stock_entries, stock_reservations)
        ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_day_is_allocated_to_the_unit_and_never_beyond_what_is_there(
    retailer: Retailer, seed: int
) -> None:
    """With warehouses open to everybody, each article is served until it or the demand is gone."""
    draw = np.random.default_rng(seed)
    skus = [f"A{n}" for n in range(6)]
    for number in range(40):
        own = draw.choice(skus, draw.integers(1, 4), replace=False)
        retailer.order(
            f"o{number}", *((str(sku), int(draw.integers(1, 5))) for sku in own),
            status=str(draw.choice(["paid", "paid", "paid", "allocated"])),
            customer=str(draw.choice(["vip", "anybody"])),
            province=str(draw.choice([*PLACES, "海外"])),
        )  # fmt: skip
    for site in SITES:
        for sku in skus:
            retailer.count(site, sku, int(draw.integers(0, 18)))
    table = retailer.run()
    asked = pd.DataFrame(retailer.lines).set_index(["order_key", "line_no"])["quantity"]
    told = table.groupby(["order_key", "line_no"])["quantity"].sum()
    assert told.to_dict() == asked.to_dict()
    served = table[table["decision"] == "reserve"].groupby(["site", "sku"])["quantity"].sum()
    assert served.sum() > 50
    assert all(units <= retailer.counts[place]["on_hand"] for place, units in served.items())
    assert "shop" not in served.index.get_level_values("site"), "a province is no address"
    for sku in skus:
        taken = table[(table["sku"] == sku) & (table["decision"] == "allocated")]["quantity"].sum()
        there = {site: retailer.counts[site, sku]["on_hand"] for site in ("east", "north")}
        free = max(there["east"] - taken, 0) + there["north"]
        wanted = table[table["sku"] == sku]["quantity"].sum() - taken
        of_sku = [units for (_, article), units in served.items() if article == sku]
        assert sum(of_sku) == min(free, wanted)


def test_the_same_run_again_changes_nothing(retailer: Retailer) -> None:
    retailer.count("east", "A", 3)
    retailer.order("1", ("A", 2), ("B", 1))
    retailer.order("2", ("A", 2), province="北京市")
    first = retailer.run()
    before = events(retailer.engine)
    pd.testing.assert_frame_equal(retailer.run(), first)
    assert events(retailer.engine) == before


def test_a_run_that_was_killed_after_reserving_is_finished_by_the_next(
    retailer: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    retailer.count("east", "A", 3)
    retailer.order("1", ("A", 2))
    with monkeypatch.context() as patch:
        patch.setattr(allocating, "write_ml_tables", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retailer.run()
    table = retailer.run()
    assert table["reservation_id"].to_list() == ["allocation:1:1:1"]
    assert table["explanation_en"].to_list() == ["reserved by an earlier run"]
    assert events(retailer.engine)[1] == 1


def test_priority_goes_first_and_who_waits_is_served_when_goods_come(retailer: Retailer) -> None:
    retailer.count("east", "A", 3)
    retailer.order("early", ("A", 2))
    retailer.order("late", ("A", 2))
    retailer.order("vip", ("A", 2), customer="vip")
    table = retailer.run()
    assert units(table, decision="reserve") == {"vip": 2, "early": 1}
    assert units(table, decision="wait") == {"early": 1, "late": 2}
    retailer.next_day()
    retailer.count("east", "A", 4)
    table = retailer.run()
    assert units(table, decision="reserve") == {"vip": 2, "early": 2}
    assert units(table, decision="wait") == {"late": 2}
    kept = table[table["order_key"] == "early"]["reservation_id"].to_list()
    assert kept == ["allocation:early:1:1", "allocation:early:1:2"], "what it had stays its own"


def test_cancelled_orders_give_back_shipped_ones_leave_and_edited_ones_ask_again(
    retailer: Retailer,
) -> None:
    retailer.count("east", "A", 6)
    for key in ("cancelled", "shipped", "edited", "next"):
        retailer.order(key, ("A", 2))
    assert units(retailer.run(), decision="reserve") == {"cancelled": 2, "shipped": 2, "edited": 2}
    retailer.orders["cancelled"]["order_status"] = "cancelled"
    retailer.orders["shipped"]["order_status"] = "shipped"
    retailer.lines[2]["quantity"] = 1
    table = retailer.run()
    assert units(table, decision="reserve") == {"edited": 1, "next": 2}
    states = {
        key: find_reservation(retailer.engine, f"allocation:{key}:1:1")
        for key in ("cancelled", "shipped", "edited")
    }
    assert {key: found.state for key, found in states.items()} == {
        "cancelled": "released", "shipped": "shipped", "edited": "released",
    }  # fmt: skip
    assert states["cancelled"].reason == "the order is cancelled"
    # Two left, three are promised: of six counted, one is free.
    with retailer.engine.connect() as connection:
        books = connection.exec_driver_sql("select on_hand, reserved from stock_balances").one()
    assert tuple(books) == (4, 3)


def test_a_count_that_finds_less_takes_from_who_came_last(retailer: Retailer) -> None:
    retailer.count("east", "A", 4)
    retailer.order("first", ("A", 2))
    retailer.order("last", ("A", 2))
    assert units(retailer.run(), decision="reserve") == {"first": 2, "last": 2}
    retailer.next_day()
    retailer.count("east", "A", 3)
    retailer.count("north", "A", 1)
    table = retailer.run()
    assert units(table, decision="reserve", site="east") == {"first": 2, "last": 1}
    assert units(table, decision="reserve", site="north") == {"last": 1}
    reason = find_reservation(retailer.engine, "allocation:last:1:1").reason
    assert reason == "a count found less of A at b:east than was reserved"


def test_a_line_that_waits_says_for_what(retailer: Retailer) -> None:
    retailer.count("shop", "A", 9)
    retailer.count("east", "B", 0, arrives=date(2026, 11, 25))
    retailer.count("east", "C", 0)
    retailer.safety = [{"business": "b", "site": "shop", "sku": "A", "safety_stock": 4.2}]
    retailer.order("1", ("A", 4), ("B", 1), ("C", 1))
    retailer.order("2", ("A", 1))
    rows = retailer.run().set_index(["order_key", "sku"])
    assert rows["decision"].to_dict() == {
        ("1", "A"): "transfer", ("1", "B"): "backorder", ("1", "C"): "wait", ("2", "A"): "wait",
    }  # fmt: skip
    # Nine in the shop, of which it keeps five: four to spare, all for the first.
    assert rows.loc[("1", "A"), ["from_site", "site"]].to_list() == ["shop", "east"]
    assert rows.loc[("1", "A"), "expected_on"].date() == date(2026, 11, 23)
    assert rows.loc[("1", "B"), "expected_on"].date() == date(2026, 11, 25)
    assert rows.loc[("1", "A"), "explanation_en"] == (
        "4 wait: the sites that have it may not serve this address or accept no orders; shop has 4 "
        "to spare beyond its safety stock, move them to east"
    )


def test_a_site_serves_those_nearest_to_it_within_its_capacity(retailer: Retailer) -> None:
    for site in ("east", "north"):
        retailer.count(site, "A", 9)
    for key, province in (("sh", "上海市"), ("bj", "北京市"), ("abroad", "海外")):
        retailer.order(key, ("A", 2), province=province, serving="east")
    table = retailer.run().set_index("order_key")
    assert table["site"].to_dict() == {"sh": "east", "bj": "north", "abroad": "east"}
    # Beijing to Tianjin by the formula of spherical distance, with another radius' worth of slack.
    assert table.loc["bj", "distance_km"] == pytest.approx(113.8, abs=0.2)
    assert pd.isna(table.loc["abroad", "distance_km"])
    assert table.loc["abroad", "location_precision"] == "unknown"
    retailer.order("more", ("A", 2))
    narrow = AllocationPolicy.model_validate({"sites": {"east": {"capacity_units": 5}}})
    table = retailer.run(narrow)
    assert units(table[table["order_key"] == "more"], site="east") == {"more": 1}
    assert units(table[table["order_key"] == "more"], site="north") == {"more": 1}


def test_nothing_is_allocated_without_the_tables(settings: Settings) -> None:
    with connect_writer(settings, purpose="test"):
        pass
    done = allocate_orders(settings, now=NOW)
    assert done.rows == {
        "line_allocations": 0, "order_store_distances": 0, "pick_recalls": 0,
        "drop_shipments": 0,
    }  # fmt: skip
    assert done.notes[0].endswith("so no line is allocated; skipped")


@examples(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    asked=st.lists(
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(1, 4)),
                 min_size=1, max_size=3),
        min_size=1, max_size=8,
    ),
    counted=st.lists(st.integers(0, 8), min_size=4, max_size=4),
    left=st.sets(st.integers(0, 7)),
)  # fmt: skip
def test_many_at_once_become_what_one_after_another_would(
    tmp_path_factory: pytest.TempPathFactory,
    asked: list[list[tuple[str, str, int]]],
    counted: list[int],
    left: set[int],
) -> None:
    from tests.unit.orchestration.test_reservations import _fresh

    one, many = _fresh(tmp_path_factory), _fresh(tmp_path_factory)
    places = [(site, sku) for site in "ab" for sku in "xy"]
    stock = [Line(*place, units) for place, units in zip(places, counted, strict=True)]
    requests = [
        Request(f"r{n}", tuple(Line(*line) for line in lines)) for n, lines in enumerate(asked)
    ]
    for engine in (one, many):
        count_stock(engine, stock, document="c", now=NOW)
    alone = {r.reservation_id for r in requests
             if reserve(one, r.reservation_id, r.lines, now=NOW).state == "reserved"}  # fmt: skip
    assert reserve_all(many, requests, now=NOW) == alone
    assert reserve_all(many, requests, now=NOW) == alone, "asking again changes nothing"
    away = sorted(key for key in alone if int(key[1:]) in left)
    for key in away:
        ship(one, key, now=NOW)
    for key in sorted(alone - set(away)):
        release(one, key, now=NOW, reason="over")
    ship_all(many, away, now=NOW)
    release_all(many, sorted(alone), reason="over", now=NOW)
    query = "select site, sku, on_hand, reserved from stock_balances order by site, sku"
    states = "select reservation_id, state from stock_reservations order by 1"
    with one.connect() as a, many.connect() as b:
        for sql in (query, states):
            assert a.exec_driver_sql(sql).all() == b.exec_driver_sql(sql).all()
    assert inconsistencies(many) == []


def test_many_at_once_on_both_databases(engine: Engine) -> None:
    count_stock(engine, [Line("s", "x", 5)], document="c", now=NOW)
    asked = [Request(f"r{n}", (Line("s", "x", 1),)) for n in range(7)]
    assert reserve_all(engine, asked, now=NOW) == {f"r{n}" for n in range(5)}
    refused = find_reservation(engine, "r6")
    assert (refused.state, refused.reason) == ("refused", "1 of x wanted at s, 0 free")
    # A count found two: of three that left, the books have two; the other is given back.
    count_stock(engine, [Line("s", "x", 2)], document="d", now=NOW)
    ship_all(engine, ["r0", "r1", "r2"], now=NOW)
    left = [find_reservation(engine, key).state for key in ("r0", "r1", "r2")]
    assert left == ["shipped", "shipped", "released"]
    release_all(engine, ["r3", "r4", "r6"], reason="over", now=NOW)
    assert inconsistencies(engine) == []


def test_a_reservation_is_picked_once_whatever_runs_again(lake: Any, engine: Engine) -> None:
    kinds = ML_TABLES["line_allocations"]
    row = {"reservation_id": "allocation:1:1:1", "site": "east", "sku": "A", "order_no": "N1",
           "quantity": "2", "decision": "reserve", "business": "b", "channel": "web"}  # fmt: skip
    chosen = ", ".join(
        f"{repr(row[name]) if name in row else 'null'}::{kind} as {name}"
        for name, kind in kinds.items()
    ).replace("null::varchar as explanation", "'because' as explanation")
    lake.execute(f"create table line_allocations as select {chosen}")
    lake.execute("update line_allocations set line_no = 1, priority = 3, distance_km = 12.5")
    lake.execute(
        "create table int_business_clock as select 'b' as business, "
        "timestamptz '2026-11-22 09:00:00+00' as as_of"
    )
    seed_rules(engine, now=NOW)
    assert decide(engine, lake, now=NOW).created == 0, "off at first"
    switch_rule(engine, "pick_reserved_lines", "enabled", author="Li", reason="go", now=NOW)
    assert [decide(engine, lake, now=NOW).created for _ in range(3)] == [1, 0, 0]
    with engine.connect() as connection:
        payloads = connection.execute(select(outbox.c.payload)).scalars().all()
    assert [document_of(payload) for payload in payloads] == [
        PickList(order_no="N1", site="east", sku="A", quantity=2)
    ] * len(payloads)
    assert payloads


class Warehouse:
    """A sink that remembers what it was told."""

    name = "wms"

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def deliver(self, key: str, payload: dict[str, Any]) -> Receipt:
        action = payload["data"]["action"]
        self.told.append((action["type"], action["fields"]["order_no"]))
        return Receipt("accepted", {})


def test_a_pick_list_is_called_back_once_when_its_order_is_cancelled(
    retailer: Retailer, lake: Any
) -> None:
    engine, warehouse = retailer.engine, Warehouse()
    seed_rules(engine, now=NOW)
    for rule in ("pick_reserved_lines", "recall_released_picks"):
        switch_rule(engine, rule, "enabled", author="Li", reason="go", now=NOW)

    def run_and_decide() -> int:
        retailer.run()
        with connect_snapshot(retailer.settings) as source:
            for table in ("line_allocations", "pick_recalls"):
                lake.put(table, source.execute(f"from lake.ml.{table}").df())
        return decide(engine, lake, now=NOW).created

    def send() -> None:
        deliver(engine, {"wms": warehouse}, now=NOW, worker_id="w")

    retailer.count("east", "A", 6)
    for key in ("sent", "kept"):
        retailer.order(key, ("A", 2))
    assert run_and_decide() == 2
    send()
    retailer.order("unsent", ("A", 2))
    assert run_and_decide() == 1
    for key in ("sent", "unsent"):
        retailer.orders[key]["order_status"] = "cancelled"
    # What nobody was told is not told; what the warehouse knows is called back, once.
    assert [run_and_decide() for _ in range(3)] == [1, 0, 0]
    send()
    send()
    assert sorted(warehouse.told) == [
        ("create_pick_list", "Nkept"), ("create_pick_list", "Nsent"),
        ("recall_pick_list", "Nsent"),
    ]  # fmt: skip
    with engine.connect() as connection:
        payloads = connection.execute(select(outbox.c.payload).where(outbox.c.sink == "wms"))
        documents = [document_of(payload) for payload in payloads.scalars()]
    (recall,) = (document for document in documents if isinstance(document, PickRecall))
    assert (recall.order_no, recall.site, recall.sku, recall.quantity) == ("Nsent", "east", "A", 2)
    states = {one.explanation["order_no"]: one for one in list_decisions(engine, limit=9)
              if one.rule_id == "pick_reserved_lines"}  # fmt: skip
    assert states["Nsent"].decision_id == recall.pick_decision_id
    assert (states["Nunsent"].state, states["Nunsent"].state_reason) == (
        "expired", "not sent: the order is cancelled",
    )  # fmt: skip


def test_policy_of_the_home_replaces_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path))
    settings = load_settings()
    shipped = load_allocation_policy(settings)
    assert [shipped.priority(one) for one in ("champions", "loyal", "new", None)] == [1, 2, 3, 3]
    own = settings.root / "allocation.yml"
    own.write_text("sites:\n  east: {capacity_units: 5}\n", encoding="utf-8")
    assert load_allocation_policy(settings).sites["east"].capacity_units == 5
    own.write_text("sites:\n  east: {capacity: 5}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"allocation\.yml line 2.*capacity"):
        load_allocation_policy(settings)


SUPPLIED = """
create or replace table lake.marts.fct_order_lines as
select order_key, line_no::bigint as line_no, sku, quantity::bigint as quantity, true as is_product
from (values ('wanted', 1, 'U', 3), ('wanted', 2, 'A', 1), ('few', 1, 'U', 1), ('over', 1, 'U', 4),
    ('gone', 1, 'U', 2)) as lines(order_key, line_no, sku, quantity);
create or replace table lake.marts.dim_suppliers as
select 's:-:' || supplier_no as supplier_key, supplier_no, name, 7::bigint as lead_time_days,
    is_active
from (values ('1', 'Dear', true), ('2', 'First', true), ('3', 'Closed', false),
    ('4', 'Stranger', true)) as suppliers(supplier_no, name, is_active);
create or replace table lake.marts.dim_supplier_prices as
select 'b' as business, 's:-:' || supplier_no as supplier_key, 'p' || supplier_no
    as supplier_price_key, supplier_no, sku, price::decimal(18, 6) as unit_price,
    'CNY' as currency_code, least_quantity::decimal(18, 6) as minimum_order_quantity,
    null::bigint as lead_time_days, null::date as valid_from, valid_until::date as valid_until,
    1::bigint as priority
from (values ('1', 'U', '12.35', 0, null), ('2', 'U', '9.99', 2, null), ('3', 'U', '1', 0, null),
    ('4', 'U', '1', 0, null), ('2', 'A', '1', 0, null), ('1', 'V', '1', 0, '2026-11-20')
) as prices(supplier_no, sku, price, least_quantity, valid_until);
create or replace table lake.marts.fct_purchase_order_lines (
    decision_id varchar, source varchar, order_no varchar, purchase_order_status varchar,
    received_quantity decimal(18, 6), received_at timestamptz, promised_on date
);
"""


def test_a_supplier_sends_what_no_site_stocks_and_is_asked_once(
    retailer: Retailer, lake: Any
) -> None:
    engine = retailer.engine
    policy = PLAIN.model_copy(update={"drop_ship_suppliers": ("s:-:3", "s:-:2", "s:-:1")})
    retailer.count("east", "A", 5)
    for key in ("wanted", "few", "gone"):
        retailer.order(key)
    retailer.order("over", status="shipped")
    retailer.order("served", ("A", 1))
    with connect_writer(retailer.settings, purpose="test") as connection:
        connection.execute("create schema if not exists lake.marts; use lake;" + SUPPLIED)

    def run() -> dict[str, dict[str, Any]]:
        retailer.run(policy)
        with connect_snapshot(retailer.settings) as source:
            rows = source.execute("from lake.ml.drop_shipments").df()
        lake.put("drop_shipments", rows)
        return {row["drop_shipment_key"]: row for row in rows.to_dict("records")}

    def purchased(decision_id: str, received: int) -> None:
        with connect_writer(retailer.settings, purpose="test") as connection:
            connection.execute("delete from lake.marts.fct_purchase_order_lines")
            connection.execute(
                "insert into lake.marts.fct_purchase_order_lines values (?, 'odoo', 'P7', "
                "'ordered', ?, case when ? > 0 then timestamptz '2026-11-24 18:00:00+00' end, "
                "date '2026-11-25')",
                [decision_id, received, received],
            )

    # One that is counted, one that has left and one of closed or unknown suppliers are not asked
    # for; a supplier who sends no single piece is passed over, though cheaper.
    told = run()
    chosen = {key: (row["supplier_no"], str(row["amount"])) for key, row in told.items()}
    assert chosen == {
        "wanted:1": ("2", "29.97"), "few:1": ("1", "12.35"), "gone:1": ("2", "19.98"),
    }  # fmt: skip
    assert {row["state"] for row in told.values()} == {"to_order"}

    seed_rules(engine, now=NOW)
    assert decide(engine, lake, now=NOW).created == 0, "off at first"
    switch_rule(engine, "drop_ship_unstocked_lines", "enabled", author="Li", reason="go", now=NOW)
    assert decide(engine, lake, now=NOW).created == 3
    retailer.orders["gone"]["order_status"] = "cancelled"
    assert {key: row["state"] for key, row in run().items()} == {
        "wanted:1": "asked", "few:1": "asked",
    }  # fmt: skip
    assert decide(engine, lake, now=NOW).created == 0
    mine = {json.loads(one.subject)["drop_shipment_key"]: one for one in list_decisions(engine)}
    assert mine["gone:1"].state == "expired", "nobody was told of it, and nobody is"

    # Its order comes back with what it was made for: promised first, then received and so sent.
    purchased(mine["wanted:1"].decision_id, 0)
    row = run()["wanted:1"]
    assert (row["state"], row["purchase_order_no"]) == ("ordered", "P7")
    assert str(row["expected_on"])[:10] == "2026-11-25"
    purchased(mine["wanted:1"].decision_id, 3)
    row = run()["wanted:1"]
    assert row["state"] == "sent"
    assert (
        row["explanation_en"] == "First has sent it: purchase order P7 was received on 2026-11-25"
    )
    with engine.connect() as connection:
        query = select(outbox.c.payload).where(
            outbox.c.decision_id == mine["wanted:1"].decision_id, outbox.c.sink == "jsonl"
        )
        (payload,) = connection.execute(query).scalars()
    assert document_of(payload) == DropShipment(
        supplier_no="2", sku="U", quantity=Decimal(3), unit_price=Decimal("9.99"),
        currency_code="CNY", order_no="Nwanted", address_key="wanted",
    )  # fmt: skip

"""What two sides of a table hold differently, and a copy of a lake that harms nothing."""

import random
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from connectors.errors import InputError, NothingPublishedError
from connectors.lake.attach import connect_snapshot, connect_writer, newest_snapshot
from connectors.settings import load_settings
from orchestration.dbt_build import keep_published_project, published_project
from orchestration.dbt_fingerprint import PROJECT_STAMP
from orchestration.decisions.definition import read_rule
from orchestration.decisions.rulebook import SHIPPED_RULES
from orchestration.preview.copying import copied_home
from orchestration.preview.differences import Move, Relation, Sides, compare_table
from orchestration.preview.report import Preview, compare_rules
from tests.unit.orchestration.conftest import SnapshotInMemory

KEYED = Relation("people", "main", ("person",))
UNKEYED = Relation("people", "main", ())


@pytest.fixture
def sides() -> Sides:
    """Two empty databases."""
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as published; attach ':memory:' as lake")
    return Sides(connection, "published", "lake")


def put(sides: Sides, database: str, rows: list[tuple[object, ...]], columns: str) -> None:
    sides.connection.execute(f"create table {database}.people ({columns})")
    marks = ", ".join("?" * len(rows[0]))
    sides.connection.executemany(f"insert into {database}.people values ({marks})", rows)


def test_a_tables_difference_equals_a_walk_over_its_rows(sides: Sides) -> None:
    chance = random.Random(16)
    tiers = ("gold", "silver", None)
    columns = "person integer, tier varchar, spent decimal(18, 2)"
    before = {n: (chance.choice(tiers), chance.randint(0, 3)) for n in range(400)}
    after = {
        n: (chance.choice(tiers), spent) if chance.random() < 0.2 else (tier, spent)
        for n, (tier, spent) in before.items()
        if chance.random() < 0.95
    } | dict.fromkeys(range(400, 420), ("gold", 1))
    for database, people in (("published", before), ("lake", after)):
        put(sides, database, [(n, *values) for n, values in people.items()], columns)

    told = compare_table(sides, KEYED)
    stayed = before.keys() & after.keys()
    moved = Counter(
        (before[n][0] or "", after[n][0] or "") for n in stayed if before[n][0] != after[n][0]
    )
    assert (told.rows_before, told.rows_after) == (len(before), len(after))
    assert (told.added, told.removed) == (20, len(before.keys() - after.keys()))
    assert told.changed == moved.total() > 20
    assert told.columns == (("tier", moved.total()),)
    assert {(one.before, one.after): one.row_count for one in told.moves} == moved

    whole = compare_table(sides, UNKEYED)
    old, new = (Counter((n, *v) for n, v in one.items()) for one in (before, after))
    assert (whole.added, whole.removed) == ((new - old).total(), (old - new).total())
    assert whole.changed is None


def test_columns_that_come_and_go(sides: Sides) -> None:
    put(sides, "published", [(1, "a")], "person integer, old varchar")
    put(sides, "lake", [(1, "a")], "person integer, young varchar")
    told = compare_table(sides, KEYED)
    assert (told.columns_added, told.columns_removed) == (("young",), ("old",))
    assert told.is_any
    assert not told.changed


def test_a_new_table_has_nothing_to_compare_with(sides: Sides) -> None:
    put(sides, "lake", [(1, "a")], "person integer, tier varchar")
    told = compare_table(sides, KEYED)
    assert (told.rows_before, told.rows_after) == (None, 1)
    assert told.is_any


def test_when_the_lake_learnt_of_a_row_is_no_difference(sides: Sides) -> None:
    columns = "person integer, known_at varchar, tier varchar"
    put(sides, "published", [(1, "yesterday", "gold")], columns)
    put(sides, "lake", [(1, "today", "gold")], columns)
    assert not compare_table(sides, KEYED).is_any


def test_long_texts_are_no_list_of_tiers(sides: Sides) -> None:
    columns = "person integer, tier varchar"
    put(sides, "published", [(1, "x" * 60), (2, "gold")], columns)
    put(sides, "lake", [(1, "y" * 60), (2, "silver")], columns)
    assert compare_table(sides, KEYED).moves == ()
    sides.connection.execute("delete from lake.people where person = 1")
    assert compare_table(sides, KEYED).moves == (Move("people", "tier", "gold", "silver", 1),)


def test_what_is_built_in_the_copy_does_not_reach_the_lake(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", config="none")
    with connect_writer(settings, purpose="test") as connection:
        connection.execute("create schema lake.marts")
        connection.execute("create table lake.marts.orders as select range as n from range(1000)")
    files = {path: path.read_bytes() for path in settings.data_path.rglob("*.parquet")}
    with copied_home(settings) as copy:
        assert copy.pii_hash_key() == settings.pii_hash_key()
        with connect_writer(copy, purpose="test") as connection:
            connection.execute("delete from lake.marts.orders where n >= 10")
            connection.execute("drop table lake.marts.orders")
            built = newest_snapshot(connection)
        with connect_snapshot(settings) as connection:
            assert newest_snapshot(connection) < built
        where = copy.root
    assert not where.exists()
    assert files
    assert {path: path.read_bytes() for path in settings.data_path.rglob("*.parquet")} == files
    with connect_snapshot(settings) as connection:
        assert connection.execute("select count(*) from lake.marts.orders").fetchone() == (1000,)


def test_a_lake_that_cannot_be_copied_is_refused_in_a_sentence(tmp_path: Path) -> None:
    nowhere = load_settings(home=tmp_path / "none", config="none")
    with pytest.raises(NothingPublishedError, match="There is no lake"), copied_home(nowhere):
        pass
    elsewhere = load_settings(home=tmp_path, config="none", catalog_url="dbname=lake")
    with pytest.raises(InputError, match="PostgreSQL"), copied_home(elsewhere):
        pass


def test_the_published_project_is_kept_and_found_by_its_hash(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", config="none")
    target = settings.dbt_target_path
    keep_published_project(settings)
    assert published_project(settings, "abc") is None
    target.mkdir(parents=True)
    for name in ("manifest.json", "semantic_manifest.json"):
        (target / name).write_text(f"first {name}", encoding="utf-8")
    (target / PROJECT_STAMP).write_text("abcdef tmall", encoding="ascii")
    keep_published_project(settings)

    # An analyst edits, something parses: the published one is still there.
    (target / PROJECT_STAMP).write_text("012345 tmall", encoding="ascii")
    (target / "manifest.json").write_text("second", encoding="utf-8")
    found = published_project(settings, "abc")
    assert found == target / "published"
    assert (found / "manifest.json").read_text(encoding="utf-8") == "first manifest.json"
    assert published_project(settings, "0123") == target
    keep_published_project(settings)
    assert published_project(settings, "abc") is None


def put_orders(
    lake: SnapshotInMemory, amounts: dict[str, int], amount: str = "gross_amount"
) -> None:
    rows = ", ".join(f"('{number}', {worth}.00)" for number, worth in amounts.items())
    lake.execute(
        "create or replace table fct_orders as select 'shop' as business, 'shop' as source, "
        "'web' as channel, 'shop:' || number as order_key, number as order_no, "
        "'sale' as order_type, 'paid' as order_status, 'CNY' as currency_code, "
        f"worth::decimal(18, 2) as {amount}, timestamptz '2026-11-21 09:00:00+00' as created_at, "
        f"null::varchar as customer_key from (values {rows}) as t (number, worth)"
    )


def test_rules_that_would_decide_something_else(lake: SnapshotInMemory) -> None:
    large = read_rule(SHIPPED_RULES / "alert_large_order.yml")
    zone = ZoneInfo("Asia/Shanghai")
    after = SnapshotInMemory()
    put_orders(lake, {"1": 50_000, "2": 60_000, "3": 10})
    put_orders(after, {"1": 50_000, "2": 20, "3": 70_000, "4": 80_000})
    (move,) = compare_rules([large], lake, after, zone)
    assert (move.rule_id, move.before, move.after) == ("alert_large_order", 2, 3)
    assert (move.new, move.gone, move.error) == (2, 1, "")

    put_orders(after, {"1": 50_000, "2": 60_000, "5": 11})
    assert compare_rules([large], lake, after, zone) == []

    # A rule that a renamed column leaves blind is told, not counted as content.
    put_orders(after, {"1": 50_000}, amount="order_amount")
    (blind,) = compare_rules([large], lake, after, zone)
    assert (blind.after, blind.gone) == (0, 2)
    assert "gross_amount" in blind.error
    assert not Preview("p", rules=[blind]).is_sound

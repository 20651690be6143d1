"""The pointer moves only to what was tested, in one step, and upkeep never breaks a publication."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.database.engine import open_database
from connectors.database.publications import find_publication, list_publications
from connectors.errors import ContractError
from connectors.lake.attach import connect_snapshot, connect_writer, newest_snapshot
from connectors.lake.reader import open_published
from connectors.settings import Settings
from orchestration.maintenance import maintain, split_by_retention
from orchestration.publishing import SupersededError, publish

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CHECKS = {"passed": 3, "warned": 0, "failed": 0}


def _build(settings: Settings, run_id: str, value: int, *, failed: int = 0) -> None:
    """What dbt does, in small: tables, then the hook's row, under one lock."""
    with connect_writer(settings, purpose="build") as connection:
        for schema in ("marts", "reference"):
            connection.execute(f"create schema if not exists lake.{schema}")
        for name in ("fct_orders", "fct_order_lines", "dim_customers", "quarantined_records"):
            connection.execute(
                f"create or replace table lake.marts.{name} as select {value} as value"
            )
        connection.execute(
            "create table if not exists lake.reference.build_log (run_id varchar, "
            "invocation_id varchar, snapshot_id bigint, failed_count bigint, node_count bigint, "
            "finished_at timestamptz)"
        )
        connection.execute(
            "insert into lake.reference.build_log values (?, 'i', ?, ?, 4, now())",
            [run_id, newest_snapshot(connection), failed],
        )


def _publish(settings: Settings, run_id: str, now: datetime = NOW):
    return publish(settings, open_database(settings), run_id=run_id, checks=CHECKS, now=now)


def test_published_figures_are_those_of_the_tested_build(settings: Settings):
    _build(settings, "a", 1)
    publication = _publish(settings, "a")
    _build(settings, "b", 2)
    with open_published(settings) as lake:
        assert lake.publication.publication_id == publication.publication_id
        assert lake.rows("select value from fct_orders") == [{"value": 1}]
    assert publication.row_counts["fct_orders"] == 1


def test_earlier_publications_open_by_id_and_by_time(settings: Settings):
    _build(settings, "a", 1)
    first = _publish(settings, "a", NOW)
    _build(settings, "b", 2)
    _publish(settings, "b", NOW + timedelta(hours=1))
    for as_of in (first.publication_id, NOW + timedelta(minutes=30)):
        with open_published(settings, as_of) as lake:
            assert lake.rows("select value from fct_orders") == [{"value": 1}]
    with open_published(settings) as lake:
        assert lake.rows("select value from fct_orders") == [{"value": 2}]


def test_failed_build_is_never_published(settings: Settings):
    _build(settings, "a", 1, failed=2)
    with pytest.raises(ContractError, match="2 blocking checks failed"):
        _publish(settings, "a")
    assert find_publication(open_database(settings), None) is None


def test_run_whose_state_another_build_replaced_does_not_publish(settings: Settings):
    _build(settings, "a", 1)
    _build(settings, "b", 2)
    with pytest.raises(SupersededError, match="Run b"):
        _publish(settings, "a")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into lake.marts.fct_orders values (99)",
        "delete from lake.marts.fct_orders",
        "create table lake.reports.rpt_new as select 1 as one",
        "drop table lake.marts.dim_customers",
        "alter table lake.marts.fct_orders add column extra integer",
    ],
)
def test_any_change_after_the_tests_stops_publication(settings: Settings, statement: str):
    _build(settings, "a", 1)
    with connect_writer(settings, purpose="an analyst") as connection:
        connection.execute("create schema if not exists lake.reports")
        connection.execute(statement)
    with pytest.raises(SupersededError, match="changed after it was tested"):
        _publish(settings, "a")


def test_bronze_and_model_tables_may_change_after_the_tests(settings: Settings):
    _build(settings, "a", 1)
    with connect_writer(settings, purpose="models") as connection:
        for schema in ("bronze", "ml"):
            connection.execute(f"create schema if not exists lake.{schema}")
            connection.execute(f"create table lake.{schema}.arrived as select 1 as one")
    assert _publish(settings, "a").run_id == "a"


def test_publishing_twice_is_one_publication(settings: Settings):
    _build(settings, "a", 1)
    assert _publish(settings, "a").publication_id == _publish(settings, "a").publication_id
    assert len(list_publications(open_database(settings))) == 1


def test_publishing_before_any_build_says_what_to_do(settings: Settings):
    with pytest.raises(ContractError, match="fourflow run"):
        _publish(settings, "a")


def test_upkeep_keeps_every_publication_inside_its_retention(settings: Settings):
    settings = settings.model_copy(
        update={"publication_retention_days": 1, "publication_retention_count": 2}
    )
    engine = open_database(settings)
    published = []
    for number in range(6):
        _build(settings, str(number), number)
        published.append(_publish(settings, str(number), NOW + timedelta(days=number)))
    report = maintain(settings, engine, now=NOW + timedelta(days=5, hours=1))
    assert report.publications_kept == 2
    assert report.publications_expired == 4
    assert report.snapshots_expired > 0
    for publication in list_publications(engine):
        with open_published(settings, publication.publication_id) as lake:
            value = int(publication.run_id)
            assert lake.rows("select value from fct_orders") == [{"value": value}]
    with pytest.raises(ContractError, match="is gone"):
        connect_snapshot(settings, published[0].snapshot_id)
    again = maintain(settings, engine, now=NOW + timedelta(days=5, hours=1))
    assert again.snapshots_expired == 0


def test_reader_of_a_kept_publication_survives_upkeep(settings: Settings):
    _build(settings, "a", 1)
    _publish(settings, "a")
    with open_published(settings) as lake:
        _build(settings, "b", 2)
        maintain(settings, open_database(settings), now=NOW)
        assert lake.rows("select value from fct_orders") == [{"value": 1}]


def test_retention_keeps_the_newest_whatever_their_age(settings: Settings):
    for number in range(3):
        _build(settings, str(number), number)
        _publish(settings, str(number), NOW + timedelta(hours=number))
    publications = list_publications(open_database(settings))
    kept, expired = split_by_retention(
        publications, now=NOW + timedelta(days=400), keep_days=30, keep_count=1
    )
    assert [p.run_id for p in kept] == ["2"]
    assert [p.run_id for p in expired] == ["1", "0"]

"""What precedes an order: chat inquiries, leads of a CRM and visits of a web shop, from files."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.settings import Settings, load_settings
from connectors.sources.files.load import load_files
from tests.models import build_models, rows

pytestmark = pytest.mark.integration

MARTS = ("+fct_inquiries", "+fct_visits", "+quarantined_records", "+rpt_conservation")
INQUIRIES = """\
inquiry_id,customer,channel,asked_at,agent,first_replied_at,product,order_no
1001,13812345678,wecom,2026-03-01 09:00:00,kf_01,2026-03-01 09:00:42,TEA-1,
1002,13812345678,wecom,2026-03-01 10:00:00,kf_02,,TEA-1,SO-1
1003,王小明,taobao_chat,yesterday,kf_01,,CUP-1,
1002,13812345678,wecom,2026-03-01 10:00:00,kf_02,,TEA-1,SO-1
"""
HOUR = 3_600_000_000
START = 1_772_323_200_000_000  # 2026-03-01 00:00 UTC


def event(name: str, at: int, session: int | None = 11, **others: Any) -> dict[str, Any]:
    """An event as the BigQuery export writes it; numbers as they are in the table."""
    parameters = {"page_location": "https://shop.example/?email=someone@example.com"}
    parameters |= others.pop("parameters", {})
    if session is not None:
        parameters["ga_session_id"] = session  # type: ignore[assignment]
    return {
        "event_date": others.pop("event_date", "20260301"),
        "event_timestamp": START + at,
        "event_name": name,
        "event_params": [{"key": key, "value": _value(v)} for key, v in parameters.items()],
        "user_pseudo_id": others.pop("visitor", "111.222"),
        "user_id": None,
        "user_properties": [],
        "device": {"category": "mobile", "web_info": {"hostname": "shop.example"}},
        "geo": {"country": "China"},
        "collected_traffic_source": others.pop("traffic", None),
        "ecommerce": others.pop("ecommerce", None),
        "items": others.pop("items", []),
        **others,
    }


def _value(value: Any) -> dict[str, Any]:
    kinds = {str: "string_value", int: "int_value", float: "double_value"}
    names = ("string_value", "int_value", "float_value", "double_value")
    return {name: value if name == kinds[type(value)] else None for name in names}


ITEM = {"item_id": "TEA-1", "item_name": "Longjing", "price": 88.5, "quantity": 2}
BOUGHT = {"transaction_id": "SO-1", "purchase_revenue": 177.10000000000002, "tax_value": 0.1}
NEWS = {"manual_source": "news", "manual_medium": "email", "manual_campaign_name": "spring"}
VISIT = [
    event("session_start", 0, traffic=NEWS),
    event("page_view", 1),
    event("view_item", 2, items=[ITEM]),
    event("add_to_cart", 3, items=[ITEM]),
    event("begin_checkout", 4, items=[ITEM]),
    event("purchase", 5, ecommerce=BOUGHT, items=[ITEM], parameters={"currency": "CNY"}),
    event("purchase", 6, ecommerce=BOUGHT, items=[ITEM], parameters={"currency": "CNY"}),
    event("page_view", 7, session=None, visitor=None),
    event("view_item", HOUR, session=12, parameters={"gclid": "abc", "source": "google"}),
]


def as_json(path: Path, events: list[dict[str, Any]]) -> None:
    """As `bq extract` writes it: whole numbers are text."""
    lines = [json.dumps(_texts(e)) for e in events]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_texts(part) for part in value]
    return str(value) if isinstance(value, int) else value


def as_parquet(path: Path, events: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(events), path)


def lake(folder: Path, source: str) -> Settings:
    """An empty lake that builds the models of one source."""
    settings = load_settings(home=folder / "home")
    settings.enabled_sources_path.parent.mkdir(parents=True)
    settings.enabled_sources_path.write_text(source, encoding="utf-8")
    return settings


@pytest.fixture(scope="module", params=[as_json, as_parquet], ids=["json", "parquet"])
def visited(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with one day of events."""
    folder = tmp_path_factory.mktemp("ga4")
    settings = lake(folder, "ga4")
    suffix = {"as_json": "json", "as_parquet": "parquet"}[request.param.__name__]
    # The day is streamed first, incomplete; its own file comes later, with one event told twice.
    folder = folder / "files"
    folder.mkdir()
    request.param(folder / f"events_intraday_20260301.{suffix}", VISIT[:3] + VISIT[8:])
    load_files(settings, "ga4", folder)
    request.param(folder / f"events_20260301.{suffix}", [*VISIT, VISIT[1]])
    load_files(settings, "ga4", folder)
    build_models(settings, *MARTS)
    return settings


def test_a_session_is_one_visit_with_its_steps(visited: Settings):
    found = rows(
        visited,
        "select traffic_source, traffic_medium, traffic_channel, campaign, device_category, "
        "country, event_count, page_view_count, first_viewed_sku, epoch_us(started_at), "
        "epoch_us(product_viewed_at), epoch_us(added_to_cart_at), epoch_us(checkout_started_at), "
        "epoch_us(purchased_at), purchase_count, order_no, purchase_amount::varchar, currency_code "
        "from lake.marts.fct_visits order by started_at",
    )
    assert found == [
        (
            "news", "email", "email", "spring", "mobile", "China", 7, 1, "TEA-1", START,
            START + 2, START + 3, START + 4, START + 5, 1, "SO-1", "177.10", "CNY",
        ),
        (
            "google", "cpc", "paid_search", None, "mobile", "China", 1, 0, None, START + HOUR,
            START + HOUR, None, None, None, 0, None, None, None,
        ),
    ]  # fmt: skip


def test_every_event_is_somewhere(visited: Settings):
    (counted,) = rows(
        visited,
        "select sum(received), sum(used), sum(duplicates), sum(quarantined) "
        "from lake.reports.rpt_conservation where source = 'ga4'",
    )
    assert tuple(int(n) for n in counted) == (14, 13, 1, 0)
    assert rows(visited, "select count(*) from lake.intermediate.int_ga4__events") == [(9,)]


def test_nobody_is_recognised(visited: Settings):
    tables = rows(
        visited,
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'lake' "
        "and schema_name in ('staging', 'intermediate', 'marts') and "
        "(table_name like '%ga4%' or table_name = 'fct_visits')",
    )
    assert len(tables) >= 4
    for (table,) in tables:
        text = str(rows(visited, f"select * from lake.{table}"))
        assert "111.222" not in text, table
        assert "someone@example.com" not in text, table
    ((visitor,),) = rows(visited, "select distinct visitor_token from lake.marts.fct_visits")
    assert len(visitor) == 64


def test_a_day_that_is_written_anew_replaces_the_old_one(visited: Settings, tmp_path: Path):
    # The last test of this lake: it changes it.
    folder = tmp_path / "later"
    folder.mkdir()
    (name,) = {n for n, in rows(visited, "select file_name from lake.bronze.received_files "
               "where not contains(file_name, 'intraday')")}  # fmt: skip
    write = as_json if name.endswith("json") else as_parquet
    late = event("page_view", 8)
    write(folder / name, [e for e in VISIT if e["event_name"] != "add_to_cart"] + [late])
    load_files(visited, "ga4", folder)
    build_models(visited, *MARTS)
    first = rows(
        visited,
        "select event_count, page_view_count, added_to_cart_at from lake.marts.fct_visits "
        "order by started_at limit 1",
    )
    assert first == [(7, 2, None)]


def test_a_recorded_event_of_ga4_is_read(reference: Path, tmp_path: Path):
    recorded = reference / "fixtures" / "ga4" / "events_velir_example.jsonl"
    told = json.loads(recorded.read_text("utf-8"))
    # The recorded line is a step further than the export: two of its columns have other names.
    told |= {"event_date": "20210406", "user_pseudo_id": told["client_id"]}
    path = tmp_path / "events_20210406.jsonl"
    path.write_text(json.dumps(told) + "\n", encoding="utf-8")
    settings = lake(tmp_path, "ga4")
    load_files(settings, "ga4", path)
    build_models(settings, *MARTS)
    (visit,) = rows(
        settings,
        "select epoch_us(started_at), country, device_category, traffic_channel, event_count, "
        "split_part(visit_key, ':', 3) from lake.marts.fct_visits",
    )
    assert visit == (1617691790431476, "Vietnam", "desktop", "direct", 1, "1617691775")


def test_inquiries_are_counted_and_nobody_is_named(tmp_path: Path):
    settings = lake(tmp_path, "inquiries")
    path = tmp_path / "chat.csv"
    path.write_text(INQUIRIES, encoding="gb18030")
    load_files(settings, "inquiries", path)
    build_models(settings, *MARTS)
    told = rows(
        settings,
        "select inquiry_no, channel, seconds_to_reply, sku, order_no, is_won, "
        "length(customer_token) from lake.marts.fct_inquiries order by 1",
    )
    assert told == [
        ("1001", "wecom", 42, "TEA-1", None, False, 64),
        ("1002", "wecom", None, "TEA-1", "SO-1", True, 64),
    ]
    ((reason, payload),) = rows(
        settings, "select reason, payload from lake.marts.quarantined_records"
    )
    assert "asked_at" in reason
    assert "王小明" not in payload
    (counted,) = rows(
        settings,
        "select received, used, duplicates, quarantined from lake.reports.rpt_conservation "
        "where source = 'inquiries'",
    )
    assert tuple(int(n) for n in counted) == (4, 2, 1, 1)


def test_real_leads_have_the_figures_of_their_files(real_data: Path, tmp_path: Path):
    folder = real_data / "olist_leads_payments"
    leads, deals = (
        str(folder / f"olist_{name}_dataset.parquet")
        for name in ("marketing_qualified_leads", "closed_deals")
    )
    settings = lake(tmp_path, "leads")
    for path in (deals, leads):
        load_files(settings, "leads", Path(path))
    build_models(settings, *MARTS)
    expected = duckdb.execute(
        "select coalesce(l.origin, 'unknown'), count(*), count(d.mql_id), "
        "count(*) filter (d.won_date::timestamp < l.first_contact_date::timestamp) "
        "from read_parquet(?) as l left join read_parquet(?) as d using (mql_id) group by 1",
        [leads, deals],
    ).fetchall()
    found = rows(
        settings,
        "select channel, count(*), count(*) filter (is_won), count(*) filter (is_out_of_order) "
        "from lake.marts.fct_inquiries where inquiry_type = 'lead' group by 1",
    )
    assert sorted(found) == sorted(expected)
    assert [sum(row[n] for row in found) for n in (1, 2, 3)] == [8000, 842, 1]

"""Who may see what: the policy, the lake of one viewer, 500 attempts to see more, and the log."""

import contextlib
import logging
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.database.engine import open_database
from connectors.errors import ContractError, ForbiddenError, FourflowError, InputError
from connectors.lake.permitted import open_permitted
from connectors.lake.reader import PublishedLake, open_published
from connectors.lake.selects import outputs_of, read_select
from connectors.lake.sight import EVERYTHING, Sight
from connectors.settings import Settings, load_settings
from orchestration.access.log import AccessEntry, list_access, record_access
from orchestration.access.login import login_file, refuse_open_elsewhere
from orchestration.access.policy import load_access_policy, read_access_policy
from orchestration.metrics.layer import MetricLayer, MetricQuery
from tests.unit.app_streamlit.published_fixture import made_orders, publish, write_lake

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINE = "douyin_live"
POLICY = """
groups_claim: teams
roles:
  manager: {pages: ["*"], actions: ["*"]}
  sales:
    pages: [overview, orders]
    actions: [approve]
    rows: {businesses: [fourflow_demo], channels: [douyin_live, tmall_flagship]}
    hidden: ["*cost*"]
people:
  - {email: Wang@example.cn, name: Wang, role: manager}
  - email: li@example.cn
    role: sales
    rows: {channels: [douyin_live, store_pos]}
    hidden: [Margin]
  - {group: sales-east, role: sales}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(home=tmp_path_factory.mktemp("access"), config="none")
    write_lake(settings)
    publish(settings, "run-1", NOW - timedelta(days=1))
    publish(settings, "run-2", NOW)
    return settings


@pytest.fixture(scope="module")
def whole(home: Settings) -> PublishedLake:
    return open_published(home, NOW)


@pytest.fixture(scope="module")
def lake_of(home: Settings) -> Callable[[Sight], PublishedLake]:
    opened: dict[Sight, PublishedLake] = {}

    def give(sight: Sight) -> PublishedLake:
        if sight not in opened:
            opened[sight] = open_permitted(home, NOW, sight)  # a test publishes later ones
        return opened[sight]

    return give


def write_policy(folder: Path, text: str) -> Path:
    path = folder / "access.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_first_entry_that_fits_makes_the_viewer(tmp_path):
    policy = read_access_policy(write_policy(tmp_path, POLICY))
    wang = policy.viewer({"email": "wang@EXAMPLE.cn", "sub": "1"})
    assert (wang.person, wang.role, wang.sight) == ("Wang", "manager", EVERYTHING)
    assert wang.may_open("anything")
    assert wang.may("edit_rules")
    li = policy.viewer({"email": "li@example.cn", "teams": ["sales-east"]})
    assert li.sight == Sight.of(
        {"business": ["fourflow_demo"], "channel": ["douyin_live"]}, ["*cost*", "margin"]
    )
    assert [li.may_open(page) for page in ("overview", "orders", "health")] == [True, True, False]
    assert [li.may(action) for action in ("approve", "download")] == [True, False]
    with pytest.raises(ForbiddenError, match="may not edit rules"):
        li.require("edit_rules")
    grouped = policy.viewer({"email": "zhao@example.cn", "teams": "sales-east"})
    assert grouped.person == "zhao@example.cn"
    assert grouped.sight.permitted()["channel"] == ("douyin_live", "tmall_flagship")


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": "nobody@example.cn"},
        {"email": "wang@example.cn", "email_verified": False},
        {"sub": "x", "groups": ["sales-east"]},
        {"email": "", "teams": []},
    ],
)
def test_whoever_the_policy_does_not_know_has_no_role(tmp_path, claims):
    policy = read_access_policy(write_policy(tmp_path, POLICY))
    with pytest.raises(ForbiddenError, match="has no role here"):
        policy.viewer(claims)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (("overview, orders", "overveiw"), "no page overveiw, did you mean overview"),
        (("actions: [approve]", "actions: [aprove]"), "did you mean approve"),
        (("role: manager}", "role: boss}"), "no role boss"),
        (("{group: sales-east,", "{group: x, email: y,"), "either an email or a group"),
        (("hidden: [Margin]", "hide: [Margin]"), "unknown key `hide`"),
        (("channels: [douyin_live, store_pos]", "channels: []"), "channels"),
    ],
)
def test_a_mistake_in_the_policy_is_told_with_its_line(tmp_path, wrong, right):
    path = write_policy(tmp_path, POLICY.replace(*wrong))
    with pytest.raises(InputError, match=re.escape(right)) as told:
        read_access_policy(path)
    assert re.search(r"access\.yml(?: line \d+)?:", str(told.value))


def test_a_changed_policy_counts_at_once(tmp_path):
    settings = load_settings(home=tmp_path, config="none")
    with pytest.raises(InputError, match="nobody has a role"):
        load_access_policy(settings)
    write_policy(tmp_path, POLICY)
    assert load_access_policy(settings).everyone is None
    write_policy(tmp_path, POLICY + "everyone: sales\n")
    assert load_access_policy(settings).viewer({"sub": "anyone"}).role == "sales"


def test_rows_are_those_that_an_independent_count_finds(home, whole, lake_of):
    """The oracle counts the made orders in pandas; the lake is asked in five ways."""
    orders = made_orders()
    mine = orders[orders["channel"] == MINE]
    lake = lake_of(Sight.of({"channel": [MINE]}))
    asked = (
        "select count(*) as n, sum(gross_amount) as s from rpt_funnel_orders",
        "select count(*) as n, sum(gross_amount) as s from lake.reports.rpt_funnel_orders as x",
        "with rpt_funnel_orders as (select * from reports.rpt_funnel_orders) "
        "select count(*) as n, sum(gross_amount) as s from rpt_funnel_orders",
        "select count(*) as n, sum(a.gross_amount) as s from rpt_funnel_orders as a "
        "inner join RPT_FUNNEL_ORDERS as b using (order_key)",
        "select count(*) as n, sum(s) as s from (select gross_amount as s from "
        '"lake"."reports"."rpt_funnel_orders" union all select null where false)',
    )
    for sql in asked:
        found = lake.rows(sql)[0]
        assert found["n"] == len(mine), sql
        assert float(found["s"]) == pytest.approx(mine["gross_amount"].sum()), sql
        assert whole.rows(sql)[0]["n"] == len(orders)


def test_what_belongs_to_nobody_is_refused_and_labels_are_not(lake_of):
    lake = lake_of(Sight.of({"channel": [MINE]}))
    with pytest.raises(ForbiddenError, match="rpt_rfm_segments can't be told apart by channel"):
        lake.rows("select * from rpt_rfm_segments")
    assert "rpt_rfm_segments" not in lake.tables()
    assert {row["channel"] for row in lake.rows("select channel from dim_channels")} == {MINE}
    assert len(lake.rows("select * from rfm_segments")) == 5
    with pytest.raises(duckdb.CatalogException):
        lake.rows("select * from no_such_table")


def test_rows_of_an_order_are_told_apart_by_the_order(home):
    """A table without a channel belongs where its order belongs."""
    settings = load_settings(home=home.root, config="none")
    from connectors.lake.attach import connect_writer

    with connect_writer(settings, purpose="test") as connection:
        connection.execute(
            "create or replace table lake.marts.fct_orders as "
            "select order_key, channel, '江苏省' as province from rpt_funnel_orders"
        )
        connection.execute(
            "create or replace table lake.marts.fct_exchanges as "
            "select order_key, order_no from rpt_funnel_orders"
        )
    publish(settings, "run-3", NOW + timedelta(hours=1))
    orders = made_orders()
    with open_permitted(settings, None, Sight.of({"channel": [MINE]})) as lake:
        found = lake.rows("select count(*) as n from fct_exchanges")[0]["n"]
    assert found == (orders["channel"] == MINE).sum()
    with open_permitted(settings, None, Sight.of({"region": ["广东省"]})) as lake:
        assert lake.rows("select count(*) as n from fct_exchanges")[0]["n"] == 0


def test_an_earlier_publication_is_restricted_too(home):
    first = open_database(home)
    from connectors.database.publications import list_publications

    for publication in list_publications(first, 10):
        sight = Sight.of({"channel": [MINE]})
        with open_permitted(home, publication.publication_id, sight) as lake:
            found = lake.rows("select distinct channel from rpt_channel_daily")
            assert lake.publication == publication
        assert found == [{"channel": MINE}]


def test_hidden_columns_and_all_that_is_made_of_them_are_absent(lake_of, whole):
    lake = lake_of(Sight.of({}, ["gross_amount", "rpt_channel_daily.unit_count"]))
    row = lake.rows("select * from rpt_channel_daily limit 1")[0]
    assert row["gross_amount"] is None
    assert row["unit_count"] is None
    assert row["net_paid_amount"] is not None
    made = lake.rows(
        "with sums as (select channel, coalesce(sum(gross_amount), 0) as g, count(*) as n "
        "from rpt_channel_daily group by 1), more as (select channel, g * 2 as twice, n from sums) "
        "select channel, twice + 1 as more_than_twice, n from more order by channel"
    )
    assert {one["more_than_twice"] for one in made} == {None}, "not a sum of nothing: unknown"
    assert all(one["n"] for one in made)
    union = lake.rows(
        "select order_count as shown from rpt_channel_daily "
        "union all select gross_amount from rpt_channel_daily"
    )
    assert {one["shown"] for one in union} == {None}
    with pytest.raises(ForbiddenError, match="gross_amount is hidden"):
        lake.rows("select count(*) from rpt_channel_daily where gross_amount > 5")
    assert len(whole.rows("select 1 from rpt_channel_daily where gross_amount > 5")) > 0


def test_a_star_keeps_its_hidden_columns_hidden():
    statement = read_select("select * from (select *, margin + 1 as m from t) as t2")
    assert outputs_of(statement, lambda name: name == "margin") == {"margin", "m"}


def test_metrics_are_those_of_the_rows_and_hidden_ones_unknown(home, lake_of):
    layer = MetricLayer(home, may_parse=False)
    query = MetricQuery(("order_count",), ("channel",))
    orders = made_orders()
    mine = lake_of(Sight.of({"channel": [MINE]}))
    assert layer.rows(query, mine) == [
        {"channel": MINE, "order_count": int((orders["channel"] == MINE).sum())}
    ]
    blind = lake_of(Sight.of({}, ["net_paid_amount"]))
    rows = layer.rows(MetricQuery(("net_sales", "order_count")), blind)
    assert all(row["net_sales"] is None and row["order_count"] for row in rows)


# ---------------------------------------------------------------------------------------------
# Five hundred attempts.

_SQL = (
    "select {columns} from {table}",
    "select {columns} from {table} where channel = 'tmall_flagship' or 1 = 1",
    "select {columns} from {table} as t(a, b, c)",
    "with t as (select {columns} from {table}) select * from t",
    "with recursive t as (select {columns} from {table} union all select * from t where false) "
    "select * from t",
    "select (select string_agg(order_no, ',') from {table}) as x",
    "select * from (from {table}) as y",
    "from {table} select {columns}",
    "select {columns} from {table} union all by name select {columns} from {table}",
    "select t.* from (select 1 as one) as o, lateral (select * from {table}) as t",
    "select list(t) from {table} as t",
    "pivot {table} on channel using count(*)",
    "select {columns} from {table}; select 1",
    "select 1; drop view {table}",
    "create or replace view lake.reports.rpt_funnel_orders as select * from {table}",
    "describe {table}",
    "summarize {table}",
    "copy {table} to '{file}.csv'",
    "attach '{file}' as stolen",
    "select * from query_table('{table}')",
    "select * from query('select * from {table}')",
    "select * from read_parquet('{data}/reports/rpt_funnel_orders/*.parquet')",
    "select * from '{data}/reports/rpt_funnel_orders/*.parquet'",
    "select * from read_text('{file}')",
    "select * from sqlite_scan('{file}', 'ducklake_table')",
    "select sql from duckdb_views()",
    "select * from duckdb_databases()",
    "select * from pragma_show_tables_expanded()",
    "select * from information_schema.tables",
    "select * from {table} at (version => 2)",
    "select * from ducklake_snapshots('lake')",
    "set search_path = '{source}.reports'",
    "use {source}",
    "call {source}.set_option('x', 1)",
    "select {columns} from {table} where order_no in (select order_no from {table})",
    "select * from values ((select max(order_no) from {table})) as v(x)",
    "select unnest((select list(order_no) from {table})) as x",
    "select columns('.*') from {table}",
    "select getenv('HOME'), current_setting('search_path')",
)
_TABLES = (
    "rpt_funnel_orders", "reports.rpt_funnel_orders", "lake.reports.rpt_funnel_orders",
    '"lake"."reports"."rpt_funnel_orders"', "LAKE.REPORTS.RPT_FUNNEL_ORDERS",
    "{source}.reports.rpt_funnel_orders", '"{source}"."reports"."rpt_funnel_orders"',
    "whole.reports.rpt_funnel_orders", "bronze.taobao_orders", "dim_customers", "rpt_rfm_segments",
    "temp.rpt_funnel_orders", "main.rpt_funnel_orders", "system.main.rpt_funnel_orders",
    "rpt_channel_daily", "dim_channels", "quarantined_records", "decisions.decisions",
    "rpt_source_freshness", "memory.main.rpt_funnel_orders",
)  # fmt: skip
_COLUMNS = (
    "*",
    "channel",
    "order_no, channel",
    "count(*), min(order_no), max(order_no)",
    "order_key",
)
_VALUES = (
    "' or '1'='1", "tmall_flagship", "store_pos' --", "x'; drop table rpt_funnel_orders; --", "%",
    "$channel", "{{ Dimension('channel') }}", "tmall_flagship') or (1=1", "\\' or 1=1 --", "", "T",
)  # fmt: skip
_CONDITIONS = (
    "channel = '{value}'", "channel = '{value}' or 1 = 1",
    "channel in ('{value}', 'tmall_flagship')",
    "1 = 1) or (channel is not null", "channel = (select max(channel) from rpt_channel_daily)",
    "exists (select 1 from {table} where channel = 'tmall_flagship')", "channel like '%'",
)  # fmt: skip


def disguised(text: str, chance: random.Random) -> str:
    """The same statement as somebody would write it to get past a careless filter."""
    if chance.random() < 0.3:
        text = text.replace(" from ", chance.choice(["/**/from/**/", "\nfrom\n", " FROM -- x\n"]))
    if chance.random() < 0.2:
        text = re.sub(
            "select", lambda _: chance.choice(["SELECT", "SeLeCt", "(select"]), text, count=1
        )
        text += ")" if "(select" in text and text.count("(") > text.count(")") else ""
    return text + chance.choice(["", "", "", ";", " --", " limit 100000"])


def attempts(home: Settings, source: str, number: int) -> list[tuple[str, Callable[[Any], Any]]]:
    chance = random.Random(20261122)
    files = {"file": home.lake_path, "data": home.data_path, "source": source}
    layer = MetricLayer(home, may_parse=False)
    made: list[tuple[str, Callable[[Any], Any]]] = []
    while len(made) < number:
        table = chance.choice(_TABLES).format(**files)
        value = chance.choice(_VALUES)
        kind = chance.random()
        if kind < 0.7:
            text = chance.choice(_SQL).format(table=table, columns=chance.choice(_COLUMNS), **files)
            sql = disguised(text, chance)
            made.append((sql, lambda lake, sql=sql: lake.rows(sql)))
        elif kind < 0.85:
            sql = (
                "select order_no, channel from rpt_funnel_orders where ($channel = '' or "
                "channel = $channel) and contains(order_no, $order_no)"
            )
            params = {"channel": value, "order_no": chance.choice(_VALUES)}
            made.append((f"{params}", lambda lake, p=params, sql=sql: lake.rows(sql, p)))
        else:
            where = chance.choice(_CONDITIONS).replace("{value}", value).replace("{table}", table)
            query = MetricQuery(
                ("order_count",), chance.choice([("channel",), (), ("business",)]), (where,)
            )
            made.append((where, lambda lake, q=query: layer.rows(q, lake)))
    return made


def leaks(rows: Any, foreign: set[str], mine: int) -> bool:
    """Whether an answer tells of orders or channels of others, or counts more orders than mine."""
    text = str(rows)
    counted = [
        value
        for row in rows
        for value in row.values()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    return any(one in text for one in foreign) or any(value > mine for value in counted)


def test_five_hundred_attempts_see_nothing_of_others(home, whole, lake_of):
    orders = made_orders()
    is_mine = orders["channel"] == MINE
    foreign = set(orders[~is_mine]["order_no"]) | {"tmall_flagship", "store_pos", "Demo retailer2"}
    lake = lake_of(Sight.of({"business": ["fourflow_demo"], "channel": [MINE]}))
    source = lake._source  # the worst case: the name of the whole lake has become known
    leaked, told, refused, harmful = [], 0, 0, 0
    for text, ask in attempts(home, source, 500):
        try:
            found = ask(lake)
        except (FourflowError, ContractError, duckdb.Error):
            refused += 1
        else:
            told += 1
            if leaks(found, foreign, int(is_mine.sum())):
                leaked.append(text)
        if " select " in f" {text}".lower():  # the same on the whole lake: they are real attempts
            with contextlib.suppress(FourflowError, duckdb.Error):
                harmful += leaks(ask(whole), foreign, int(is_mine.sum()))
    told_of = f"500 attempts: {refused} refused, {told} answered, {harmful} leak on the whole lake"
    logging.getLogger(__name__).info(told_of)
    assert leaked == []
    assert told > 50
    assert harmful > 60


def test_nobody_gets_a_cursor(lake_of):
    with pytest.raises(ForbiddenError):
        lake_of(Sight.of({"channel": [MINE]})).cursor()
    with pytest.raises(ForbiddenError):
        lake_of(Sight.of({"channel": [MINE]})).query("select 1")


# ---------------------------------------------------------------------------------------------
# Login and log.

LOGIN = """[auth]
redirect_uri = "http://127.0.0.1:8501/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "fourflow"
client_secret = "secret"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""


def test_without_a_login_only_this_machine_is_served(tmp_path):
    settings = load_settings(home=tmp_path, config="none")
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.9"):
        refuse_open_elsewhere(settings, host)
    for host in ("0.0.0.0", "::", "192.168.1.5", "", "shop.example.cn"):
        with pytest.raises(InputError, match=r"served on 127\.0\.0\.1 only"):
            refuse_open_elsewhere(settings, host)
    path = tmp_path / "login.toml"
    path.write_text(LOGIN, encoding="utf-8")
    path.chmod(0o600)
    refuse_open_elsewhere(settings, "0.0.0.0")
    assert login_file(settings) == path


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (LOGIN, 0o644, "chmod 600"),
        (LOGIN.replace("client_id", "clientid"), 0o600, "lacks client_id"),
        (LOGIN.replace("0123456789abcdef0123456789abcdef", "short"), 0o600, "openssl rand"),
        ("[auth", 0o600, "not valid TOML"),
        ("", 0o600, "lacks redirect_uri"),
    ],
)
def test_a_login_file_that_is_no_use_lets_nobody_in(tmp_path, text, mode, told):
    path = tmp_path / "login.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(InputError, match=re.escape(told)):
        login_file(load_settings(home=tmp_path, config="none"))


def test_the_log_keeps_the_newest_first_and_cuts_long_texts(home):
    engine = open_database(home)
    for subject in ("page health", "x" * 900):
        entry = AccessEntry("li@example.cn", "sales", "dashboards", "refused", subject)
        record_access(engine, entry, now=NOW)
    newest, before = list_access(engine, 2)
    assert before["subject"] == "page health"
    assert before["happened_at"] == NOW
    assert len(newest["subject"]) == 500

"""The rule lab against a naive walk: what fires when, as known at the time, and nothing peeks."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import InputError
from orchestration.decisions.backtesting import Backtest, Outcome, backtest_rule
from orchestration.decisions.definition import RuleDefinition, parse_rule
from orchestration.decisions.firing import InForce, Span
from tests.unit.orchestration.conftest import SnapshotInMemory

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_LOAD = START + timedelta(days=20)
AS_OF = START + timedelta(days=60)
STATUSES = ("awaiting_payment", "paid", "shipped", "completed", "cancelled")


@dataclass(frozen=True)
class Version:
    """One version of an order, as the naive walk sees it."""

    order: str
    number: int
    status: str
    amount: Decimal
    event_at: datetime
    known_at: datetime


def invented(count: int = 400) -> list[Version]:
    """Orders before and after the first load, with edits, late news and news out of order."""
    pick, versions = random.Random(7), []
    for order in range(count):
        happened = START + timedelta(minutes=pick.randrange(58 * 1440))
        amount = Decimal(pick.randrange(100, 12_000))
        for number in range(1, pick.randrange(2, 6)):
            known = max(FIRST_LOAD, happened + timedelta(minutes=pick.choice((5, 60, 4000))))
            if known < AS_OF:
                status = STATUSES[min(number - 1, 4)]
                versions.append(Version(f"o{order}", number, status, amount, happened, known))
            happened += timedelta(minutes=pick.randrange(1, 4000))
            amount += Decimal(pick.choice((0, 0, 0, 500, -500)))
    return versions


def spans(versions: list[Version], *, clock: str) -> list[tuple[Version, datetime, datetime]]:
    """Each version with the time from and until which it was what was known."""
    found = []
    orders = sorted({version.order for version in versions})
    for order in orders:
        own = sorted((v for v in versions if v.order == order), key=lambda v: v.number)
        starts = []
        for place, version in enumerate(own):
            watched = clock == "known" and version.known_at > FIRST_LOAD
            later = [v.known_at for v in own[place + 1 :]]
            if not (watched and later and min(later) <= version.known_at):
                starts.append((version, version.known_at if watched else version.event_at))
        for place, (version, start) in enumerate(starts):
            ends = [s for _, s in starts[place + 1 :]]
            found.append((version, start, min(ends, default=AS_OF)))
    return found


@pytest.fixture(scope="module")
def history() -> Iterator[SnapshotInMemory]:
    snapshot = SnapshotInMemory()
    yield made(snapshot)
    snapshot.close()


def made(lake: Any) -> Any:
    rows = ", ".join(
        f"('{v.order}', {v.number}, '{v.status}', {v.amount}::decimal(18, 2), "
        f"timestamptz '{v.event_at}', timestamptz '{v.known_at}')"
        for v in invented()
    )
    lake.execute(f"""
        create table fct_order_versions as
        select order_key || '#' || version_number as order_version_key, order_key,
            'shop' as business, 'till' as source, 'pos' as channel, order_key as order_no,
            'sale' as order_type, version_number, order_status as source_status, order_status,
            gross_amount, 'CNY' as currency_code,
            min(event_at) over (partition by order_key) as created_at, event_at, known_at,
            coalesce(min(known_at) over (partition by order_key order by version_number
                rows between 1 following and unbounded following) <= known_at, false)
                as was_never_current
        from (values {rows})
            as t(order_key, version_number, order_status, gross_amount, event_at, known_at)
    """)
    lake.execute("""
        create table fct_orders as
        select order_key, 'shop' as business, 'till' as source, 'pos' as channel,
            order_key as order_no, 'sale' as order_type, cast(null as varchar) as customer_key,
            'CNY' as currency_code, min(event_at) as created_at,
            cast(min(event_at) as date) as created_on, cast(null as varchar) as province,
            'CN' as country, arg_max(order_status, version_number) as order_status,
            arg_max(gross_amount, version_number) as gross_amount,
            arg_max(source_status, version_number) as source_status,
            min(event_at) filter (order_status = 'paid') as paid_at,
            cast(0 as decimal(18, 2)) as refunded_amount
        from fct_order_versions group by order_key
    """)
    lake.execute(
        "create table int_business_clock as "
        f"select 'shop' as business, timestamptz '{AS_OF}' as as_of"
    )
    return lake


def rule(**changes: object) -> RuleDefinition:
    label = {"en": "l", "zh": "l"}
    data: dict[str, Any] = {
        "rule_id": "tried", "kind": "alert", "name": label, "description": "d", "mode": "disabled",
        "owner": "sales", "source_table": "fct_orders", "key": ["order_key"],
        "condition": "gross_amount >= :least",
        "parameters": {"least": {"type": "decimal", "value": 5000, "label": label}},
        "amount_column": "gross_amount", "currency_column": "currency_code",
        "sinks": ["jsonl"], "message": {"en": "{order_key}", "zh": "{order_key}"},
    }  # fmt: skip
    return parse_rule({**data, **changes}, where="test rule")


def parameter(kind: str, value: object) -> dict[str, object]:
    return {"type": kind, "value": value, "label": {"en": "l", "zh": "l"}}


def tried(lake: Any, definition: RuleDefinition, **options: Any) -> Backtest:
    return backtest_rule(definition, lake, zone=ZONE, **options)


def by_day(moments: list[datetime]) -> dict[date, int]:
    return dict(Counter(moment.astimezone(ZONE).date() for moment in moments))


def within(moments: dict[Any, datetime], days: int = 90) -> dict[Any, datetime]:
    newest = (AS_OF - timedelta(microseconds=1)).astimezone(ZONE).date()
    first = newest - timedelta(days=days - 1)
    return {key: at for key, at in moments.items() if at.astimezone(ZONE).date() >= first}


@pytest.mark.parametrize("clock", ["known", "event"])
@pytest.mark.parametrize("days", [90, 30])
def test_first_matches_are_those_of_a_naive_walk(history: Any, clock: str, days: int) -> None:
    fired: dict[str, datetime] = {}
    amounts: dict[str, Decimal] = {}
    for version, start, _ in sorted(spans(invented(), clock=clock), key=lambda one: one[1]):
        if version.amount >= 5000 and version.order not in fired:
            fired[version.order], amounts[version.order] = start, version.amount
    expected = within(fired, days)
    report = tried(history, rule(), clock=clock, span=Span(days))
    assert report.decisions == report.subjects == len(expected) > 50
    assert {one.day: one.count for one in report.by_day} == by_day(list(expected.values()))
    assert report.money[0].amount == sum(amounts[order] for order in expected)


@pytest.mark.parametrize("days", [1, 2, 30])
def test_what_is_no_longer_recent_does_not_fire(history: Any, days: int) -> None:
    created: dict[str, datetime] = {}
    for version in invented():
        placed = created.get(version.order, version.event_at)
        created[version.order] = min(placed, version.event_at)
    fired: dict[str, datetime] = {}
    for version, start, _ in sorted(spans(invented(), clock="known"), key=lambda one: one[1]):
        is_recent = created[version.order] > start - timedelta(days=days)
        if version.amount >= 1000 and is_recent and version.order not in fired:
            fired[version.order] = start
    recent = rule(
        condition="gross_amount >= :least and order_type = 'sale'",
        parameters={"least": parameter("decimal", 1000)},
        window={"column": "created_at", "days": days, "within": ["source"]},
    )
    report = tried(history, recent)
    assert {one.day: one.count for one in report.by_day} == by_day(list(within(fired).values()))
    assert report.decisions == len(within(fired)) > 100


def test_changes_fire_once_for_each_value(history: Any) -> None:
    fired: dict[tuple[str, str], datetime] = {}
    for version, start, _ in spans(invented(), clock="known"):
        if version.amount >= 5000:
            key = (version.order, version.status)
            fired[key] = min(start, fired.get(key, start))
    changing = rule(trigger={"type": "row_changes", "columns": ["order_status"]})
    report = tried(history, changing)
    assert report.decisions == len(within(fired))
    assert {one.day: one.count for one in report.by_day} == by_day(list(within(fired).values()))


@pytest.mark.parametrize("hours", [1, 24, 72])
def test_lasting_states_fire_when_they_were_still_so(history: Any, hours: int) -> None:
    created: dict[str, datetime] = {}
    for version in invented():
        created[version.order] = min(version.event_at, created.get(version.order, version.event_at))
    fired: dict[str, datetime] = {}
    for version, start, end in spans(invented(), clock="known"):
        due = max(created[version.order] + timedelta(hours=hours), start)
        if version.status == "awaiting_payment" and version.amount >= 100 and due < end:
            fired[version.order] = min(due, fired.get(version.order, due))
    lasting = rule(
        condition="order_status = 'awaiting_payment' and gross_amount >= :least",
        parameters={"least": parameter("decimal", 100), "hours": parameter("integer", hours)},
        trigger={"type": "state_lasts", "since": "created_at", "hours_parameter": "hours"},
    )
    report = tried(history, lasting)
    assert report.decisions == len(within(fired)) > 20
    assert {one.day: one.count for one in report.by_day} == by_day(list(within(fired).values()))


def test_schedules_see_what_was_so_at_their_time(history: Any) -> None:
    expected = 0
    for version, start, end in spans(invented(), clock="known"):
        if version.status == "paid" and version.amount >= 5000:
            for day in range(61):
                at = datetime.combine(date(2026, 1, 1) + timedelta(days=day), datetime.min.time())
                moment = at.replace(hour=20, tzinfo=ZONE)
                expected += start <= moment < end
    scheduled = rule(
        condition="order_status = 'paid' and gross_amount >= :least",
        parameters={"least": parameter("decimal", 5000), "at": parameter("text", "20:00")},
        trigger={"type": "schedule", "at_parameter": "at"},
    )
    assert tried(history, scheduled).decisions == expected > 30


def test_last_state_of_a_source_without_history_is_not_read_as_its_first(lake: Any) -> None:
    made(lake)
    lake.execute(
        "insert into fct_order_versions select 'x#1', 'x', business, source, channel, 'x', "
        "order_type, 1, 'cancelled', 'cancelled', 90000, currency_code, "
        "timestamptz '2026-01-05', timestamptz '2026-01-05', known_at, false "
        "from fct_order_versions limit 1"
    )
    lake.execute(
        "insert into fct_orders by name select 'x' as order_key, 'shop' as business, 'till' as "
        "source, timestamptz '2026-01-05 00:00:00+00' as created_at, 'cancelled' as order_status"
    )
    big = rule(condition="gross_amount >= 9 * :least and order_status <> 'cancelled'")
    assert tried(lake, big, clock="event").decisions == 1


def test_what_is_learnt_later_does_not_change_the_past(lake: Any) -> None:
    history = made(lake)
    before = tried(history, rule(), span=Span(last_day=date(2026, 2, 10)))
    history.execute(
        "insert into fct_order_versions select order_version_key || 'x', order_key, business, "
        "source, channel, order_no, order_type, version_number + 100, source_status, order_status, "
        f"1000000, currency_code, created_at, event_at, timestamptz '{AS_OF}', false "
        "from fct_order_versions"
    )
    after = tried(history, rule(), span=Span(last_day=date(2026, 2, 10)))
    assert (after.decisions, after.by_day, after.money) == (
        before.decisions, before.by_day, before.money
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"explain": ["paid_at"]}, "reads paid_at of fct_orders, of which no earlier values"),
        ({"condition": "gross_amount >= :least and refunded_amount > 0"}, "would peek"),
        ({"condition": "gross_amount >= :least and created_at < :as_of"}, "state_lasts"),
        ({"condition": "gross_amount >= :least and created_at < :published_at"}, "present time"),
        ({"condition": "gros_amount >= :least"}, "did you mean gross_amount?"),
        ({"condition": "order_no > :least and order_key = 3"}, "failed on fct_orders"),
        ({"source_table": "int_business_clock", "key": ["business"]}, "No history is kept"),
        ({"source_table": "nowhere"}, "not published"),
    ],
)
def test_what_cannot_be_told_without_peeking_is_refused(
    history: Any, changes: dict[str, object], says: str
) -> None:
    plain: dict[str, object] = {"amount_column": None, "currency_column": None} | changes
    text = {"en": "x", "zh": "x"}
    if changes.get("source_table") == "int_business_clock":
        plain |= {"condition": "business = :least"}
    with pytest.raises(InputError) as caught:
        tried(history, rule(message=text, **plain))
    assert says in str(caught.value)


def test_cooldown_leaves_out_what_comes_too_soon(lake: Any) -> None:
    lake.execute("""
        create table fct_stock_positions as
        select 'shop' as business, 'wms' as source, day::date as business_date, 'wh' as site, sku,
            case when sku = 'a' or day::date = date '2026-01-05' then 3 else 60 end as on_hand,
            timestamptz '2026-03-01 00:00:00+00' as known_at
        from generate_series(timestamp '2026-01-01', timestamp '2026-01-20', interval 1 day)
            as days(day), (values ('a'), ('b')) as skus(sku)
    """)
    low = rule(
        source_table="fct_stock_positions", key=["business", "site", "sku"],
        occurrence="business_date", condition="on_hand < :least", cooldown_days=7,
        parameters={"least": parameter("integer", 50)}, amount_column=None, currency_column=None,
        message={"en": "{sku}", "zh": "{sku}"},
    )  # fmt: skip
    span = Span(first_day=date(2026, 1, 1), last_day=date(2026, 1, 31))
    report = tried(lake, low, span=span)
    assert (report.decisions, report.cooled, report.subjects) == (4, 17, 2)
    assert [one.day.day for one in report.by_day] == [1, 5, 8, 15]
    assert (report.outcomes, report.unwatched) == (None, 4)


def test_overlap_conflict_load_and_difference(history: Any) -> None:
    mine = rule(decides="release", priority=5)
    stricter = rule().with_parameters({"least": "8000"})
    higher = rule(
        rule_id="other", mode="enabled", decides="release", priority=1,
        condition="gross_amount >= :least and order_status = 'paid'",
    )  # fmt: skip
    away = rule(rule_id="away", mode="disabled")
    report = tried(
        history, mine, in_force=[InForce(stricter, 4), InForce(higher, 1), InForce(away, 1)]
    )
    small, other = tried(history, stricter), tried(history, higher)
    assert [(o.rule_id, o.is_conflict, o.winner) for o in report.overlaps] == [
        ("other", True, "other")
    ]
    assert report.overlaps[0].theirs == report.overlaps[0].subjects == other.subjects
    assert report.against_version is not None
    assert (report.against_version.version, report.against_version.both) == (4, small.subjects)
    assert report.against_version.only_new == report.subjects - small.subjects
    assert report.against_version.only_old == 0
    assert report.owner.most_of_all > report.owner.most_of_this_rule > 0


def test_branches_and_budget_add_up(history: Any) -> None:
    budget = {
        "cost_parameter": "cost",
        "limit_parameter": "limit",
        "per": "month",
        "currency": "CNY",
    }
    actions = [{"type": "issue_coupon"}]
    branched = rule(
        branches=[
            {"name": "big", "label": {"en": "b", "zh": "b"}, "when": "gross_amount >= 2 * :least",
             "actions": actions},
            {"name": "rest", "label": {"en": "r", "zh": "r"}, "actions": actions},
        ],
        budget=budget,
        parameters={
            "least": parameter("decimal", 5000), "cost": parameter("decimal", "5.00"),
            "limit": parameter("decimal", "300.00"),
        },
    )  # fmt: skip
    report = tried(history, branched)
    assert sum(report.by_branch.values()) == report.decisions
    assert report.by_branch["big"] > 0
    months = Counter(
        (one.day.year, one.day.month) for one in report.by_day for _ in range(one.count)
    )
    assert report.budget is not None
    assert report.budget.total == 5 * report.decisions
    assert report.budget.refused == sum(max(0, count - 60) for count in months.values()) > 0


def test_outcomes_are_those_of_the_orders(history: Any) -> None:
    final: dict[str, str] = {}
    for version in invented():
        final[version.order] = version.status
    statuses = Counter(final[v] for v in {v.order for v in invented() if v.amount >= 5000})
    outcomes = tried(history, rule(), clock="event").outcomes
    unpaid = {v.order for v in invented() if v.amount >= 5000} - {
        v.order for v in invented() if v.status == "paid"
    }
    assert outcomes == Outcome(
        orders=sum(statuses.values()), delivered=statuses["completed"], late=0, returned=0,
        unpaid=len(unpaid), cancelled=statuses["cancelled"],
        still_open=sum(statuses[s] for s in ("awaiting_payment", "paid", "shipped")),
    )  # fmt: skip


def test_unknown_business_is_refused(history: Any) -> None:
    with pytest.raises(InputError, match="There is no business ship; there are shop"):
        tried(history, rule(), span=Span(business="ship"))

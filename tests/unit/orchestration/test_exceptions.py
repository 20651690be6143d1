"""The queue of exceptions: order, taking, resolving, opening again, and time to resolve."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.errors import InputError
from orchestration.stewardship.exception_queue import (
    EVERYTHING,
    UNRESOLVED,
    Wanted,
    count_exceptions,
    find_exception,
    list_exceptions,
)
from orchestration.stewardship.exceptions import (
    assign,
    case_history,
    hand_back,
    reopen,
    resolve,
    summarise,
    take,
    times_to_resolve,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROWS = """
    create or replace table rpt_exceptions as
    select * from (values
        ('stuck:1', 'stuck', 40.00, timestamptz '2026-11-20 00:00:00+00', true,
            'chase=2.00;reship=36.00'),
        ('lost:2', 'lost', 900.50, timestamptz '2026-11-21 00:00:00+00', false, 'reship=552.30'),
        ('stuck:3', 'stuck', 40.00, timestamptz '2026-11-21 08:00:00+00', false, 'chase=2.00')
    ) as t(exception_key, exception_class, amount_at_risk, raised_at, is_breached, option_costs)
"""
REST = """
    alter table rpt_exceptions add column {column}
"""


@pytest.fixture
def queue(retail_lake: Any) -> Any:
    retail_lake.execute(ROWS)
    columns = ("business varchar default 'shop'", "currency_code varchar default 'CNY'",
               "owner varchar default 'logistics'", "reason varchar", "order_key varchar",
               "sku varchar", "site varchar", "sla_hours bigint", "open_minutes bigint",
               "due_at timestamptz default '2026-11-22 00:00:00+00'")  # fmt: skip
    for column in columns:
        retail_lake.execute(REST.format(column=column))
    return retail_lake


def keys(engine: Engine, lake: Any, wanted: Wanted = UNRESOLVED) -> list[str]:
    return [case.exception_key for case in list_exceptions(engine, lake, wanted)]


def test_the_dearest_goes_first_and_of_equals_the_late_one(engine: Engine, queue: Any) -> None:
    assert keys(engine, queue) == ["lost:2", "stuck:1", "stuck:3"]
    assert keys(engine, queue, Wanted(exception_class="stuck")) == ["stuck:1", "stuck:3"]
    assert keys(engine, queue, Wanted(owner="finance")) == []
    case = list_exceptions(engine, queue)[1]
    assert case.options == (("chase", Decimal("2.00")), ("reship", Decimal("36.00")))
    assert (case.state, case.is_breached) == ("open", True)


def test_a_case_is_taken_by_one_resolved_once_and_timed(engine: Engine, queue: Any) -> None:
    assert take(engine, queue, "stuck:1", person="Li", now=NOW).taken_by == "Li"
    assert take(engine, queue, "stuck:1", person="Li", now=NOW).state == "taken"
    with pytest.raises(InputError, match="Li has taken stuck:1"):
        take(engine, queue, "stuck:1", person="Wang", now=NOW)
    assert keys(engine, queue, Wanted(owner="Li")) == ["stuck:1"]
    with pytest.raises(InputError, match="choose one of chase, reship"):
        resolve(engine, queue, "stuck:1", person="Li", resolution="pray", now=NOW)
    later = NOW + timedelta(hours=6)
    done = resolve(engine, queue, "stuck:1", person="Wang", resolution="chase", now=later)
    assert (done.state, done.taken_by, done.resolved_by) == ("resolved", "Li", "Wang")
    with pytest.raises(InputError, match="Wang has resolved stuck:1 already"):
        resolve(engine, queue, "stuck:1", person="Li", resolution="chase", now=later)
    assert keys(engine, queue) == ["lost:2", "stuck:3"]
    assert keys(engine, queue, EVERYTHING) == ["lost:2", "stuck:1", "stuck:3"]
    by_class = {
        row["exception_class"]: row for row in summarise(engine, count_exceptions(engine, queue))
    }
    assert by_class["stuck"] == {
        "exception_class": "stuck", "open": 1, "breached": 0, "amount_at_risk": Decimal("40.00"),
        "currency_code": "CNY", "resolved": 1, "mean_hours_to_resolve": 6.0,
        "mean_hours_since_raised": 42.0,
    }  # fmt: skip
    assert by_class["lost"]["mean_hours_to_resolve"] is None


def test_what_goes_wrong_anew_is_open_again(engine: Engine, queue: Any) -> None:
    resolve(engine, queue, "lost:2", person="Li", resolution="reship", now=NOW)
    assert "lost:2" not in keys(engine, queue)
    queue.execute("update rpt_exceptions set raised_at = raised_at + interval 1 day")
    assert "lost:2" in keys(engine, queue)
    assert take(engine, queue, "lost:2", person="Wang", now=NOW).resolution is None


def test_unknown_and_ambiguous_keys_and_missing_names_are_refused(
    engine: Engine, queue: Any
) -> None:
    with pytest.raises(InputError, match="no exception lost:9"):
        take(engine, queue, "lost:9", person="Li", now=NOW)
    with pytest.raises(InputError, match="2 exceptions begin with stuck"):
        take(engine, queue, "stuck", person="Li", now=NOW)
    with pytest.raises(InputError, match="Say who you are"):
        take(engine, queue, "lost:2", person=" ", now=NOW)
    queue.execute("drop table rpt_exceptions")
    assert list_exceptions(engine, queue) == []


def test_every_act_is_undone_and_told_and_the_slower_one_refused(
    engine: Engine, queue: Any
) -> None:
    seen = list_exceptions(engine, queue)[1].seen
    assign(engine, queue, "stuck:1", to="Wang", person="Li", now=NOW, seen=seen)
    for act in (take, hand_back):
        with pytest.raises(InputError, match="Wang has taken stuck:1 since you opened it"):
            act(engine, queue, "stuck:1", person="Zhou", now=NOW, seen=seen)
    assert assign(engine, queue, "stuck:1", to="Li", person="Li", now=NOW).taken_by == "Li"
    resolve(engine, queue, "stuck:1", person="Li", resolution="chase", note=" found ", now=NOW)
    assert times_to_resolve(engine)[None].from_raised == 36.0
    with pytest.raises(InputError, match="Li has resolved stuck:1; reopen it first"):
        assign(engine, queue, "stuck:1", to="Wang", person="Li", now=NOW)
    with pytest.raises(InputError, match="Nobody has taken"):
        hand_back(engine, queue, "stuck:1", person="Li", now=NOW)
    done = next(c for c in list_exceptions(engine, queue, EVERYTHING) if c.resolved_by)
    assert (done.note, done.recommended) == ("found", "chase")
    back = reopen(engine, queue, "stuck:1", person="Wang", now=NOW, seen=done.seen)
    assert (back.state, back.taken_by, back.resolution) == ("taken", "Li", None)
    with pytest.raises(InputError, match="not resolved"):
        reopen(engine, queue, "stuck:1", person="Wang", now=NOW)
    assert times_to_resolve(engine) == {}
    assert hand_back(engine, queue, "stuck:1", person="Wang", now=NOW).state == "open"
    told = [(row["event"], row["actor"]) for row in case_history(engine, "stuck:1")]
    assert told == [
        ("assigned", "Li"), ("assigned", "Li"), ("resolved", "Li"), ("reopened", "Wang"),
        ("handed_back", "Wang"),
    ]  # fmt: skip


def test_counted_where_it_lies_as_the_list_counted_case_by_case(engine: Engine, queue: Any) -> None:
    queue.execute(
        "insert into rpt_exceptions select exceptions.* replace ("
        "exception_key || '-' || copy as exception_key, amount_at_risk + copy as amount_at_risk, "
        "case when copy % 3 = 0 then 'other' else business end as business) "
        "from rpt_exceptions as exceptions, range(40) as copies (copy)"
    )
    for number in range(0, 40, 5):
        take(engine, queue, f"stuck:1-{number}", person=f"Li {number % 2}", now=NOW)
        resolve(engine, queue, f"lost:2-{number}", person="Zhou", resolution="reship", now=NOW)
    resolve(engine, queue, "lost:2-1", person="Zhou", resolution="reship", now=NOW)
    queue.execute(  # one of them went wrong anew
        "update rpt_exceptions set raised_at = raised_at + interval 1 day "
        "where exception_key = 'lost:2-1'"
    )
    everything = list_exceptions(engine, queue, EVERYTHING)
    assert len(everything) == 123
    counted: dict[Any, list[Any]] = {}
    for case in everything:
        alike = (case.business, case.exception_class, case.state, case.taken_by)
        counted.setdefault(alike, []).append(case)
    groups = count_exceptions(engine, queue)
    assert {
        (one.business, one.exception_class, one.state, one.taken_by): (
            one.cases, one.breached, one.amount_at_risk
        )
        for one in groups
    } == {
        alike: (len(cases), sum(c.is_breached for c in cases), sum(c.amount_at_risk for c in cases))
        for alike, cases in counted.items()
    }  # fmt: skip
    assert {one.state for one in groups} == {"open", "taken", "resolved"}

    wanted = Wanted(("taken",), owner="Li 1", businesses=("shop",))
    taken = [
        c for c in everything if (c.state, c.taken_by, c.business) == ("taken", "Li 1", "shop")
    ]
    assert list_exceptions(engine, queue, wanted) == taken
    assert sum(one.cases for one in groups if wanted.takes(one)) == len(taken) > 0
    assert (
        list_exceptions(engine, queue, limit=7)
        == [case for case in everything if case.state != "resolved"][:7]
    )
    assert find_exception(engine, queue, "lost:2-39").amount_at_risk == Decimal("939.50")

"""What of the ledger's proposals is still to be netted, and the policy file."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pandas as pd
import pytest
from sqlalchemy import Engine, update

from connectors.database.engine import write_transaction
from connectors.database.schema import decisions
from connectors.errors import InputError
from connectors.settings import load_settings
from orchestration.decisions.ledger import decide
from orchestration.decisions.rulebook import seed_rules
from orchestration.replenishment.policy import load_replenishment_policy
from orchestration.replenishment.replenishing import (
    PURCHASE_RULE,
    RECEIVED,
    past_proposals,
    refused_transfers,
    still_open,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVENTS = ["business", "site", "sku", "day", "quantity"]
TRANSFER = """
    insert into replenishment_transfers by name
    select 'fourflow_demo' as business, 'A' as sku, 'wh_north' as from_site, 'wh_east' as to_site,
        date '2026-11-20' as business_date, 6 as quantity, 'because' as explanation_en,
        '因为' as explanation_zh
"""


def frames(**events: list[tuple[Any, ...]]) -> dict[str, pd.DataFrame]:
    """Events after the proposal, and an inbound count, of article A at wh_east."""
    inbound = events.pop("inbound", [(0,)])
    found = {
        name: pd.DataFrame(events.get(name, []), columns=EVENTS)
        for name in ("receipts", "ordered", "transferred")
    }
    place = ("fourflow_demo", "wh_east", "A")
    columns = ["business", "site", "sku", "inbound"]
    return {**found, "stock": pd.DataFrame([(*place, *inbound[0])], columns=columns)}


def units(proposals: pd.DataFrame, given: dict[str, pd.DataFrame], day: int) -> dict[str, int]:
    left = still_open(proposals, given, date(2026, 11, 1) + timedelta(days=day - 1))
    return dict(zip(left["site"], left["quantity"], strict=True))


@pytest.fixture
def proposed(engine: Engine, retail_lake: Any) -> Engine:
    retail_lake.execute(TRANSFER)
    seed_rules(engine, now=NOW)
    for _ in range(10):
        decide(engine, retail_lake, now=NOW)
    return engine


def test_ten_passes_leave_one_proposal_each_with_what_it_takes_to_net_it(proposed: Engine) -> None:
    found = past_proposals(proposed)
    assert sorted(found[["site", "kind", "quantity", "inbound"]].itertuples(index=False)) == [
        ("wh_east", "arrival", 6, 0),
        ("wh_east", "purchase", 96, 0),
        ("wh_north", "departure", -6, 0),
    ]
    assert set(found["decided_on"]) == {date(2026, 11, 20)}


def test_a_proposal_is_netted_from_the_next_day_until_it_is_ordered(proposed: Engine) -> None:
    found = past_proposals(proposed)
    place = ("fourflow_demo", "wh_east", "A", date(2026, 11, 21))
    assert units(found, frames(), 20) == {}  # this very proposal is made again, under its key
    assert units(found, frames(), 21) == {"wh_east": 102, "wh_north": -6}
    assert units(found, frames(ordered=[(*place, 40)]), 22)["wh_east"] == 62
    # Ordered and received in part: what came and what is inbound now are the same order.
    received = frames(receipts=[(*place, 24)], inbound=[(72,)])
    assert units(found, received, 22)["wh_east"] == 6
    both = frames(receipts=[(*place, 24)], inbound=[(72,)], ordered=[(*place, 96)])
    assert units(found, both, 22)["wh_east"] == 6
    moved = frames(
        transferred=[(*place, 6), ("fourflow_demo", "wh_north", "A", date(2026, 11, 21), -6)]
    )
    assert units(found, moved, 22) == {"wh_east": 96, "wh_north": 0}
    early = frames(ordered=[("fourflow_demo", "wh_east", "A", date(2026, 11, 20), 96)])
    assert units(found, early, 21)["wh_east"] == 102  # ordered before it was proposed
    assert units(found, frames(), 30) == {"wh_east": 96}  # lead time 5 and review period 5 days
    assert units(found, frames(), 31) == {}


@pytest.mark.parametrize("state", ["rejected", "expired", "dead", "shadow", "held_out"])
def test_what_nobody_will_order_is_not_netted(proposed: Engine, state: str) -> None:
    with write_transaction(proposed) as connection:
        connection.execute(update(decisions).values(state=state))
    assert past_proposals(proposed).empty
    assert len(refused_transfers(proposed)) == (1 if state == "rejected" else 0)


def test_approved_and_sent_proposals_are_netted_as_well(proposed: Engine) -> None:
    for state in ("awaiting_approval", "approved", "held", "sent", "confirmed", "measured"):
        with write_transaction(proposed) as connection:
            connection.execute(
                update(decisions).where(decisions.c.rule_id == PURCHASE_RULE).values(state=state)
            )
        assert (past_proposals(proposed)["kind"] == "purchase").sum() == 1


def test_policy_of_the_home_replaces_the_shipped_one(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path))
    settings = load_settings()
    assert load_replenishment_policy(settings).config().budget is None
    own = settings.root / "replenishment.yml"
    own.write_text("budget: 5000.50\nreview_days: [mon, thu]\n", encoding="utf-8")
    config = load_replenishment_policy(settings).config()
    assert (str(config.budget), config.review_weekdays) == ("5000.50", (0, 3))
    own.write_text("service_level: 2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"replenishment\.yml line 1.*service_level"):
        load_replenishment_policy(settings)


def test_a_receipt_before_eight_in_shanghai_is_of_that_day():
    """00:30 in Shanghai is the day before in UTC, which would make a lead time a day shorter."""
    connection = duckdb.connect()
    connection.execute(
        "create table fct_purchase_order_lines as select 'fourflow_demo' as business, "
        "'A' as sku, date '2026-11-10' as ordered_on, "
        "timestamptz '2026-11-19 16:30:00+00' as received_at"
    )
    (row,) = connection.execute(RECEIVED, {"zone": "Asia/Shanghai"}).fetchall()
    assert row[-1] == date(2026, 11, 20)

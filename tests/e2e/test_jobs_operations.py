"""Jobs of people who work queues: what they do on pages is in the operational database."""

import json
import re
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from sqlalchemy import select

from app_streamlit.ui import formats
from connectors.database.schema import exception_cases, outbox, reconciliation_sign_offs
from orchestration.decisions.ledger import decision_history, find_decision
from orchestration.decisions.rulebook import find_rule, save_rule, switch_rule
from tests.e2e.cockpit import Cockpit, number_before

pytestmark = [pytest.mark.e2e]
REPLENISH = "replenish_below_reorder_point"
TRANSFER = "transfer_surplus_stock"
ROUTE = "route_to_nearby_store"
WARN = "warn_of_late_parcel"
# What whoever geocodes addresses publishes: the store nearest to each paid order, and its stock.
GEOCODED = """
create or replace table lake.marts.order_store_distances as
select
    business, channel, order_key, order_no, 'paid' as order_status, paid_at,
    'store_sh01' as store_site, (hash(order_key) % 90 / 10)::decimal(9, 1) as distance_km,
    hash(order_no) % 20 <> 0 as has_stock, true as is_address_known
from lake.marts.fct_orders
where business = 'fourflow_demo' and order_type = 'sale' and channel <> 'store_pos'
  and paid_at is not null
"""
MOST_KM = 3
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


@BOTH
def test_j6_work_the_board_of_exceptions(cockpit_in, workplace, language):
    cockpit: Cockpit = cockpit_in(workplace.dashboards, language).open().visit("exceptions")
    t = cockpit.t
    with workplace.engine.connect() as connection:
        resolved = set(
            connection.execute(
                select(exception_cases.c.exception_key).where(
                    exception_cases.c.resolved_at.is_not(None)
                )
            ).scalars()
        )
    due = workplace.home.tuples(
        "select exception_key, amount_at_risk from rpt_exceptions order by amount_at_risk desc"
    )
    to_do = [(key, amount) for key, amount in due if key not in resolved]
    queue = cockpit.download(t("orders.download"))
    assert len(queue) == len(to_do) > 100
    amounts = [Decimal(row[cockpit.column("amount_at_risk")]) for row in queue]
    assert amounts == [amount for _, amount in to_do], "most money at risk first"

    cockpit.fill(t("person.name"), "Zhao", beside=t("exceptions.resolve"))
    cockpit.fill(t("exceptions.note"), "called the customer", beside=t("exceptions.resolve"))
    cockpit.press(t("exceptions.resolve"))
    assert cockpit.says(t("exceptions.said.resolved"))
    left = cockpit.download(t("orders.download"))
    assert len(left) == len(queue) - 1

    with workplace.engine.connect() as connection:
        (case,) = connection.execute(
            select(exception_cases).where(
                exception_cases.c.resolved_at.is_not(None),
                exception_cases.c.exception_key.not_in(resolved),
            )
        ).all()
    assert (case.resolved_by, case.amount_at_risk) == ("Zhao", amounts[0])
    assert case.resolution
    tile = cockpit.page.get_by_test_id("stMetric").filter(has_text=t("exceptions.tiles.time"))
    assert any(sign.isdigit() for sign in tile.inner_text()), "the mean time follows"


def test_j10_tell_customers_of_late_parcels_before_they_call(cockpit_in, workplace):
    switch_rule(workplace.engine, WARN, "enabled", author="Li", reason="before they call")
    workplace.decide()
    warned = workplace.decisions(WARN)
    cockpit: Cockpit = cockpit_in(workplace.dashboards, "zh").open("parcels", view="predicted")
    t = cockpit.t
    listed = cockpit.table_file(t("parcels.predicted_alt"))
    scores = dict(
        workplace.home.tuples(
            "select parcel_no, risk_score from order_risk_scores where risk = 'late_delivery'"
        )
    )
    shown = [float(row[cockpit.column("late_probability")].rstrip("%")) for row in listed]
    assert shown == sorted(shown, reverse=True)
    assert [row[cockpit.column("parcel_no")] for row in listed] == sorted(
        scores, key=lambda number: (-scores[number], number)
    )
    likely = [row for row in listed if row[cockpit.column("state")] == t("parcels.will_be_late")]
    assert len(likely) == len(warned) > 3

    # What yesterday's list was worth: how many came late is counted from the parcels themselves.
    (day,) = workplace.home.tuples(
        "select answered_on, listed_count, hit_count from order_risk_days "
        "where risk = 'late_delivery' order by answered_on desc limit 1"
    )
    late = workplace.home.value(
        "select count(*) from fct_parcel_performance where outcome in ('late', 'overdue') "
        f"and (promised_at at time zone 'Asia/Shanghai')::date = date '{day[0]}'"
    )
    told = {"precision": day[2] / day[1], "recall": day[2] / late}
    for rate in told.values():
        assert f"{rate:.1%}" in cockpit.text()

    # Nothing happens before a dry run was seen; one is left out, all others are told and quoted.
    cockpit = cockpit.switch_to("en")
    t = cockpit.t
    spared, *rest = warned
    cockpit.take_up(t("bulk.leave_out"), spared.message["en"])
    option = find_rule(workplace.engine, WARN).definition.options[1]
    cockpit.choose(t("decisions.option"), re.compile(re.escape(option.label.en)))
    n, count = len(rest), f"{len(rest):,}"
    cockpit.press(t("bulk.rehearse", n=n, count=count))
    assert cockpit.says(t("bulk.costs", cost=f"¥{12 * n:,.2f}").strip())
    assert workplace.decisions(WARN) == warned, "a dry run keeps nothing"
    cockpit.press(t("bulk.approve", n=n, count=count))
    assert cockpit.says(t("bulk.done", n=n, count=count))

    # The customers are told at once; shipping again waits behind that, until every target has it.
    reached = {one.decision_id for one in rest}
    done = Counter(
        (one["decision_id"], one["action"]["type"])
        for one in workplace.deliver()
        if one["rule_id"] == WARN
    )
    assert {who for who, what in done if what == "notify"} == reached
    with workplace.engine.connect() as connection:
        planned = connection.execute(
            select(outbox.c.decision_id, outbox.c.payload).where(outbox.c.sink == "jsonl")
        ).all()
    again = [row[0] for row in planned if row[1]["data"]["action"]["type"] == "reship"]
    assert sorted(again) == sorted(reached)
    assert set(done.values()) == {1}
    assert workplace.decide().created == 0, "nobody is told twice"
    switch_rule(workplace.engine, WARN, "disabled", author="test", reason="as it was")


@BOTH
def test_j11_sign_off_a_day_of_settlement(cockpit_in, workplace, language):
    cockpit: Cockpit = cockpit_in(workplace.dashboards, language).open().visit("reconciliation")
    t = cockpit.t
    days = cockpit.table_file(t("sign_off.days_alt"))
    with workplace.engine.connect() as connection:
        before = connection.execute(select(reconciliation_sign_offs)).all()
    open_days = [row for row in days if t("sign_off.states.open") in " ".join(row.values())]
    assert len(open_days) == len(days) - len(before)

    cockpit.fill(t("person.name"), "Sun", beside=t("sign_off.sign"))
    cockpit.fill(t("columns.note"), "checked with the bank", beside=t("sign_off.sign"))
    cockpit.press(t("sign_off.sign"))
    with workplace.engine.connect() as connection:
        *_, signed = connection.execute(
            select(reconciliation_sign_offs).order_by(reconciliation_sign_offs.c.sign_off_id)
        ).all()
    published = workplace.home.json("status", expect=None)["publication"]
    assert (signed.event, signed.person, signed.note) == ("signed", "Sun", "checked with the bank")
    assert signed.publication_id == published["publication_id"]
    assert signed.snapshot_id == published["snapshot_id"]

    # What was signed is what two books say about that day.
    assert isinstance(signed.business_date, date)
    items, unknown = workplace.home.tuples(
        f"""
        select
            sum(item_count),
            sum(case when residual_bucket = 'unknown' then item_count else 0 end)
        from rpt_reconciliation where business_date = date '{signed.business_date}'
        """
    )[0]
    assert sum(figure["item_count"] for figure in signed.figures) == items
    assert unknown == 0
    signatures = cockpit.table_file(t("sign_off.days_alt"))
    assert sum("Sun" in row.values() for row in signatures) == len(before) + 1


def with_names(text: str, sites: dict[str, str]) -> str:
    """The sentence as people read it: sites by their names."""
    for site, name in sites.items():
        text = text.replace(site, name)
    return text


def test_j7_approve_tomorrows_replenishment(cockpit_in, workplace):
    cockpit: Cockpit = cockpit_in(workplace.dashboards, "zh").open().visit("stock")
    t = cockpit.t
    cockpit.show(t("stock.views.orders"))
    orders = workplace.decisions(REPLENISH, state="awaiting_approval")
    transfers = workplace.decisions(TRANSFER, state="awaiting_approval")
    assert len(orders) > 20
    listed = cockpit.table_file(t("suggestions.alt"))
    assert len(listed) == len(orders) + len(transfers)

    # Each line explains itself by the stock that was published, in whole packs.
    stock = {
        (row["site"], row["sku"]): (row["on_hand"], row["reserved"])
        for row in workplace.home.query(
            "select site, sku, on_hand, reserved from fct_stock_positions "
            "qualify business_date = max(business_date) over (partition by business, site)"
        )
    }
    for order in orders:
        told, subject = order.explanation, json.loads(order.subject)
        assert (told["on_hand"], told["reserved"]) == stock[subject["site"], subject["sku"]]
        at_hand = told["on_hand"] - told["reserved"] + told["inbound"] + told["proposed"]
        assert at_hand == told["stock_position"] < told["reorder_point"]
        assert told["suggested_quantity"] % told["pack_size"] == 0

    # One is ordered in another quantity, one rejected, all others approved in one go.
    sites = dict(workplace.home.tuples("select site, name from dim_sites"))
    changed, rejected, *rest = sorted(orders, key=lambda one: one.amount or 0, reverse=True)
    for order in (changed, rejected):
        told, subject = order.explanation, json.loads(order.subject)
        pieces = t("suggestions.pieces", count=formats.count(told["suggested_quantity"]))
        wanted = (subject["sku"], sites[subject["site"]], pieces)  # a transfer may go there too
        cockpit.take_up(t("suggestions.choose"), " · ".join(wanted))
        assert told["explanation_zh"] in cockpit.text()
        if order is changed:
            more = told["suggested_quantity"] + told["pack_size"]
            cockpit.fill(t("columns.suggested_quantity"), str(more))
        cockpit.fill(t("columns.reason"), "下周开学")
        cockpit.press(t("suggestions.change" if order is changed else "suggestions.reject"))
    cockpit.take_up(t("bulk.leave_out"), with_names(transfers[0].message["zh"], sites))
    going = len(rest) + 1 + len(transfers) - 1
    count = f"{going:,}"
    cockpit.press(t("bulk.rehearse", n=going, count=count))
    assert workplace.decisions(REPLENISH, state="approved") == [], "a dry run keeps nothing"
    cockpit.press(t("bulk.approve", n=going, count=count))
    assert cockpit.says(t("bulk.done", n=going, count=count))

    engine = workplace.engine
    approved = workplace.decisions(REPLENISH, state="approved")
    assert {one.decision_id for one in approved} == {one.decision_id for one in (changed, *rest)}
    assert find_decision(engine, changed.decision_id).explanation["suggested_quantity"] == more
    assert find_decision(engine, rejected.decision_id).state == "rejected"
    assert workplace.decide().created == 0, "deciding again proposes nothing twice"
    sent = Counter(one["decision_id"] for one in workplace.deliver())
    assert all(sent[one.decision_id] == 1 for one in approved)
    assert rejected.decision_id not in sent
    assert transfers[0].decision_id not in sent


def test_j8_add_the_rule_of_the_nearby_store_safely(cockpit_in, workplace):
    workplace.publish(GEOCODED)
    cockpit: Cockpit = cockpit_in(workplace.dashboards).open("rules", rule=ROUTE)
    t = cockpit.t
    before = find_rule(workplace.engine, ROUTE)
    assert before.definition.mode == "disabled"

    # The lab: which orders would have gone where, counted a second time by hand.
    cockpit.show(t("rules.views.lab"))
    cockpit.press(t("lab.run"))
    cockpit.says(t("lab.by_branch"))
    near = f"distance_km <= {MOST_KM}"
    store, lacking, far = workplace.home.tuples(
        f"select count(*) filter (has_stock and {near}), count(*) filter (not has_stock and {near})"
        f", count(*) filter (not {near}) from order_store_distances where paid_at >= "
        "(select max(created_on) from fct_orders) - interval 89 day - interval 8 hour"
    )[0]
    branches = {branch.name: branch.label.en for branch in before.definition.branches}
    assert {
        row[cockpit.column("branch")]: int(row[cockpit.column("decisions")])
        for row in cockpit.table(t("lab.by_branch"))
    } == {
        branches["store"]: store,
        branches["no_stock"]: lacking,
        branches["warehouse"]: far,
    }
    assert store > lacking > 0
    told = cockpit.page.locator("h5").last.inner_text()
    assert number_before(told, "decisions") == store + lacking + far

    # In shadow it records what it would do, and sends nothing.
    sent = len(workplace.deliver())
    switch(cockpit, "shadow", "watch it for three days")
    created = workplace.decide().created
    recorded = workplace.decisions(ROUTE)
    assert created == len(recorded) > 0
    assert {one.state for one in recorded} == {"shadow"}
    assert len(workplace.deliver()) == sent
    cockpit.open("rules", rule=ROUTE, view="shadow")
    assert number_before(cockpit.page.locator("h5").last.inner_text(), "decision") == created

    # It is switched on; a nearer limit is regretted and taken back.
    switch(cockpit.open("rules", rule=ROUTE), "enabled", "it did what we expected")
    in_force = find_rule(workplace.engine, ROUTE)
    assert in_force.definition.mode == "enabled"
    nearer = in_force.definition.with_parameters({"most_km": "1"})
    save_rule(workplace.engine, nearer, author="Li", reason="closer")
    for _ in range(8):  # the page knows for seconds only what it has read, and refuses till then
        cockpit.open("rules", rule=ROUTE, view="versions")
        cockpit.fill(t("rules.reason"), "too close")
        cockpit.press(t("rules.roll_back"))
        cockpit.page.get_by_test_id("stAlert").first.wait_for()
        if find_rule(workplace.engine, ROUTE).reason == "too close":
            break
    after = find_rule(workplace.engine, ROUTE)
    assert after.version == before.version + 4
    assert after.reason == "too close"
    assert after.definition == in_force.definition
    switch_rule(workplace.engine, ROUTE, "disabled", author="test", reason="as it was")


def switch(cockpit: Cockpit, mode: Literal["shadow", "enabled"], reason: str) -> None:
    """Switch the rule that is open."""
    t = cockpit.t
    cockpit.show(t("rules.views.what"))
    icon = {"shadow": "◐", "enabled": "✓"}[mode]  # a view is called like the mode
    form = cockpit.page.get_by_test_id("stForm")
    form.get_by_text(f"{icon} {t(f'rules.modes.{mode}')}", exact=True).click()
    cockpit.fill(t("rules.reason"), reason)
    cockpit.press(t("rules.do_switch"))
    cockpit.says(t(f"rules.modes_said.{mode}"))


def test_j9_rebalance_stock_between_two_sites(cockpit_in, workplace):
    cockpit: Cockpit = cockpit_in(workplace.dashboards).open("stock", view="moves")
    t = cockpit.t
    moves = cockpit.table_file(t("stock.moves_alt"))
    assert len(moves) == workplace.home.value("select count(*) from rpt_stock_transfers")

    # The draft of a transfer: cheaper than buying, and the donor keeps what it needs itself.
    transfer = workplace.decisions(TRANSFER, state="awaiting_approval")[0]
    told, subject = transfer.explanation, json.loads(transfer.subject)
    ((at_hand, reorder_point),) = workplace.home.tuples(
        "select stock_position, reorder_point from replenishment_positions "
        f"where sku = '{subject['sku']}' and site = '{subject['from_site']}'"
    )
    assert told["quantity"] <= told["surplus_quantity"] <= at_hand - reorder_point
    assert told["quantity"] <= told["lacking_quantity"]
    cost, bought, saved = (
        Decimal(str(told[name])) for name in ("transfer_cost", "purchase_cost", "saved_amount")
    )
    assert bought - cost == saved > 0

    cockpit.open("decisions", decision=transfer.decision_id)
    sites = dict(workplace.home.tuples("select site, name from dim_sites"))
    assert with_names(told["explanation_en"], sites) in cockpit.text()
    cockpit.fill(t("person.name"), "Chen", beside=t("decisions.approve"))
    cockpit.press(t("decisions.approve"))
    assert cockpit.says(t("decisions.said.approve"))

    # The next delivery sends it once; its receipt is on the same trace.
    (sent,) = [
        one for one in workplace.deliver() if one["decision_id"] == transfer.decision_id
    ]  # fmt: skip
    assert sent["trace_id"] == transfer.trace_id
    assert sent["action"]["fields"]["quantity"] == str(told["quantity"])
    history = decision_history(workplace.engine, transfer.decision_id)
    assert {"approved", "receipted"} <= {happened.event for happened in history}
    assert find_decision(workplace.engine, transfer.decision_id).state == "confirmed"

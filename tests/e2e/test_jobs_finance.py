"""Jobs of people who answer for money: credit, collection, large orders, partners."""

import csv
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate

import pytest
import uvicorn
from starlette.applications import Starlette

from connectors.settings import PROJECT_ROOT
from orchestration.decisions.approvals.pages import approval_routes
from orchestration.decisions.approvals.verdicts import find_approval
from orchestration.decisions.ledger import decision_history, find_decision
from tests.e2e.cockpit import Cockpit
from tests.e2e.served import free_port

pytestmark = [pytest.mark.e2e]
LARGE = "approve_order_amount"
MOST = Decimal("0.8")  # the customers named make four fifths of the movement
CENT = Decimal("0.01")


def test_j12_why_days_sales_outstanding_moved(cockpit_in, dashboards, lake):
    cockpit: Cockpit = cockpit_in(dashboards).open().visit("cash")
    t = cockpit.t
    sentence = " ".join(cockpit.text().split())
    words = re.escape(t("cash.dso_changed")).replace(r"\{", "{").replace(r"\}", "}")
    told = re.search(
        words.format(days=r"([+-][\d.]+)", month=r"([^:]+)", parts=r"([^.]+(?:\.\d[^.]*)*)"),
        sentence,
    )
    assert told, sentence[:800]

    # Counted again from invoices and what arrived on them, customer by customer.
    invoices = lake.tuples(
        "select customer_key, issued_on, amount, invoice_key from fct_invoices "
        "where business = 'fourflow_demo'"
    )
    arrived = lake.tuples(
        "select invoice_key, arrived_on, amount from fct_payment_allocations "
        "where business = 'fourflow_demo'"
    )
    last_day = lake.value("select max(created_on) from fct_orders where order_type = 'sale'")
    end = last_day + timedelta(days=1)
    month = end.replace(day=1) - timedelta(days=1)
    before = month.replace(day=1) - timedelta(days=1)
    now_days, then_days = (days_by_customer(invoices, arrived, at) for at in (month, before))
    moved = {
        key: now_days.get(key, Decimal(0)) - then_days.get(key, Decimal(0))
        for key in now_days | then_days
    }
    assert abs(Decimal(told[1]) - sum(moved.values())) <= Decimal("0.051")
    parts = [Decimal(number) for number in re.findall(r"[+-][\d.]+", told[3])]
    assert len(parts) == 4
    assert abs(sum(parts) - Decimal(told[1])) <= Decimal("0.21"), "each part is rounded"

    # The customers who are named make four fifths of it, and no fewer would.
    listed = cockpit.table_file(t("cash.movers_title"))
    ranked = sorted(moved.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    total = sum(abs(days) for days in moved.values())
    running = list(accumulate(abs(days) for _, days in ranked))
    needed = next(n for n, so_far in enumerate(running, 1) if so_far >= MOST * total)
    assert 1 < len(listed) == needed < len(ranked)
    for row, (key, days) in zip(listed, ranked, strict=False):
        assert row[cockpit.column("customer_key")] == key.rpartition(":")[2]
        assert abs(Decimal(row[cockpit.column("changed_days")]) - days) < Decimal("0.001")


def days_by_customer(
    invoices: list[tuple[str, date, Decimal, str]],
    arrived: list[tuple[str, date, Decimal]],
    month_end: date,
) -> dict[str, Decimal]:
    """What each customer owes on that day, in days of that month's sales of all customers."""
    owed: dict[str, Decimal] = defaultdict(Decimal)
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for invoice, day, amount in arrived:
        if day <= month_end:
            paid[invoice] += amount
    for customer, day, amount, invoice in invoices:
        if day <= month_end:
            owed[customer] += amount - paid[invoice]
    sales = sum(
        amount
        for _, day, amount, _ in invoices
        if (day.year, day.month) == (month_end.year, month_end.month)
    )
    return {key: amount / sales * month_end.day for key, amount in owed.items() if amount}


def test_j15_what_partners_have_earned(cockpit_in, dashboards, lake):
    cockpit: Cockpit = cockpit_in(dashboards).open().visit("cash")
    t = cockpit.t
    statement = cockpit.table_file(t("cash.rebates"))

    # The agreement applied by hand: a quarter's invoices reach a tier, whose rate is on all.
    with (PROJECT_ROOT / "dbt_project/seeds/rebate_tiers.csv").open(encoding="utf-8") as file:
        tiers = [
            (Decimal(row["amount_from"]), Decimal(row["rate"])) for row in csv.DictReader(file)
        ]
    quarter = lake.value(
        "select max(date_trunc('quarter', issued_on))::date from fct_invoices "
        "where channel = 'distributors'"
    )
    invoiced = dict(
        lake.tuples(
            "select customer_key, sum(amount) from fct_invoices where channel = 'distributors' "
            f"and issued_on >= date '{quarter}' and amount > 0 group by 1"
        )
    )
    earned = {
        partner: (amount, rate, (amount * rate).quantize(CENT, ROUND_HALF_UP))
        for partner, amount in invoiced.items()
        for reached, rate in [max(tier for tier in tiers if tier[0] <= amount)]
    }
    assert {
        row[cockpit.column("partner")]: (
            Decimal(row[cockpit.column("invoiced_amount")]),
            Decimal(row[cockpit.column("rebate_rate")]) / 100,
            Decimal(row[cockpit.column("accrued_amount")]),
        )
        for row in statement
    } == {partner.rpartition(":")[2]: terms for partner, terms in earned.items()}
    assert len({rate for _, rate, _ in earned.values()}) > 1, "partners must reach several tiers"

    # What they have earned together is the accrual, in words and invoice by invoice.
    accrual = sum(amount for _, _, amount in earned.values())
    assert f"{accrual:,.2f}" in cockpit.text()
    assert accrual == lake.value(
        f"select sum(accrued_amount) from fct_rebate_accruals where issued_on >= date '{quarter}'"
    )


@pytest.fixture
def door(workplace) -> Iterator[str]:
    """The server behind approval links, as `fourflow up` runs it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    workplace.home.environment["FOURFLOW_PUBLIC_URL"] = url
    app = Starlette(routes=list(approval_routes(workplace.home.settings)))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield url
    server.should_exit = True
    thread.join(timeout=20)
    del workplace.home.environment["FOURFLOW_PUBLIC_URL"]


@pytest.mark.usefixtures("door")
def test_j13_release_and_hold_large_orders(cockpit_in, phone, workplace):
    cockpit: Cockpit = cockpit_in(workplace.dashboards).open().visit("risk")
    t = cockpit.t
    asked = workplace.decisions(LARGE, state="awaiting_approval")
    worth = dict(
        workplace.home.tuples(
            "select order_key, gross_amount from fct_orders "
            "where order_status not in ('completed', 'cancelled')"
        )
    )
    orders = [one for one in asked if one.subject.split('"')[3] in worth]
    assert len(orders) >= 2, "the simulated retailer must have large orders"
    assert all(one.amount == worth[one.subject.split('"')[3]] for one in orders)

    # The queue has the rule's hits, lines that may come back with their score, and who is over
    # the limit with what they use of it.
    queue = cockpit.table_file(t("risk.alt"))
    kind = cockpit.column("kind")
    hits = [row for row in queue if row[kind] == t("risk.what.hit")]
    told = " ".join(row[cockpit.column("subject")] for row in hits)
    assert all(one.explanation["order_no"] in told for one in orders)
    scored = [row for row in queue if row[kind] == t("risk.what.line")]
    scores = workplace.home.tuples(
        "select risk_score from return_risk_scores where business = 'fourflow_demo' "
        "order by risk_score desc"
    )
    shown = sorted((float(row[cockpit.column("risk_score")]) for row in scored), reverse=True)
    assert shown[0] == pytest.approx(100 * float(scores[0][0]))
    over = workplace.home.value("select count(*) from fct_customer_exposures where is_over_limit")
    assert sum(row[kind] == t("risk.what.credit") for row in queue) == over

    # One is held on the page, with a reason.
    released, held = sorted(orders, key=lambda one: one.amount or 0, reverse=True)[:2]
    cockpit.take_up(t("decisions.choose"), held.explanation["order_no"])
    cockpit.fill(t("columns.reason"), "no contract yet")
    cockpit.press(t("risk.hold"))
    engine = workplace.engine
    assert find_decision(engine, held.decision_id).state == "rejected"
    last = decision_history(engine, held.decision_id)[-1]
    assert "no contract yet" in str(last.detail)

    # One is released on a phone, by a link that works once.
    link = workplace.home.json("decisions", "link", released.decision_id, "--approver", "Wang")
    phone.goto(link["url"])
    assert str(released.amount) in phone.locator("dl").inner_text()
    phone.get_by_role("button", name="Approve").click()
    phone.get_by_role("heading", name="Approved").wait_for()
    phone.goto(link["url"])
    assert phone.get_by_role("button", name="Approve").count() == 0, "a link works once"
    approval = find_approval(engine, released.decision_id)
    assert approval is not None
    assert [one["approver"] for one in approval.verdicts] == ["Wang"]
    cockpit.open("decisions", decision=released.decision_id)
    (verdict,) = cockpit.table(t("decisions.verdicts_alt"))
    assert "Wang" in verdict.values()

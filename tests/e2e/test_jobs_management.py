"""Managers' jobs, each from the page that a person opens to what they take away from it."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.e2e.cockpit import Cockpit, pattern

pytestmark = [pytest.mark.e2e]
PERIOD_DAYS = 28


@pytest.fixture(scope="module")
def period(lake) -> tuple[date, date]:
    """The days that pages show at first: four weeks, the last day of which has ended everywhere."""
    last = lake.value(
        "select max(business_date) from (select business_date from rpt_channel_daily group by 1 "
        "having bool_and(is_complete_day))"
    )
    return last - timedelta(days=PERIOD_DAYS - 1), last


def within(period: tuple[date, date], column: str = "created_on") -> str:
    """The period as a condition of SQL."""
    first, last = period
    return f"{column} between date '{first}' and date '{last}'"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_j1_where_orders_stop_on_their_way_to_cash(cockpit_in, dashboards, lake, period, language):
    cockpit: Cockpit = cockpit_in(dashboards, language).open().visit("funnel")
    t = cockpit.t
    line = cockpit.first_line()
    steps = cockpit.table(t("funnel.table_alt"))
    step = re.search("“(.+?)”", line)[1]
    number = next(
        n for n, row in enumerate(steps, 1) if row[cockpit.column("step")].endswith(f" {step}")
    )
    at_step = f"funnel = 'order_to_cash' and step_number = {number}"

    orders = dict(
        lake.tuples(
            "select outcome, count(*) from fct_order_funnel join fct_orders using (order_key) "
            f"where {within(period)} and {at_step} group by 1"
        )
    )
    rate = orders["reached"] / (orders["reached"] + orders["dropped"])
    assert f"{rate:.1%}" in line

    gaps = lake.tuples(
        "select label, sum(gap_count) from rpt_funnel_deviations join (select channel, "
        f"any_value(label_{language}) as label from dim_channels group by 1) using (channel) "
        f"where {within(period, 'cohort_date')} and {at_step} group by 1 order by 2"
    )
    missing = -sum(gap for _, gap in gaps)
    channel, largest = gaps[0]
    assert missing >= 1, "the simulated retailer must lose orders against its usual"
    assert f"{missing:,.0f}" in line
    assert channel in line
    assert f"{-largest / missing:.0%}" in line

    cockpit.press(pattern(t("funnel.show_dropped", n=2, count="#"), r"[\d,]+"))
    cockpit.settle(t("pages.orders"))
    listed = cockpit.download(t("orders.download"))
    expected = lake.tuples(
        "select fct_orders.order_no from fct_order_funnel join fct_orders using (order_key) "
        f"where {within(period)} and {at_step} and outcome = 'dropped'"
    )
    assert {row[cockpit.column("order_no")] for row in listed} == {number for (number,) in expected}
    assert len(listed) == len(expected) == orders["dropped"]
    assert re.search(rf"(?<!\d){len(expected):,}(?!\d)", cockpit.first_line())


def test_j2_channels_side_by_side_tie_to_the_finance_export(
    cockpit_in, dashboards, lake, period, tmp_path
):
    cockpit: Cockpit = cockpit_in(dashboards).open().visit("channels")
    t = cockpit.t
    shown = {
        row[cockpit.column("channel")]: row for row in cockpit.table(t("channels_page.side_alt"))
    }
    labels = dict(lake.tuples("select distinct channel, label_en from dim_channels"))

    def cents(row: dict[str, str], name: str) -> Decimal:
        return Decimal(row[cockpit.column(name)]).quantize(Decimal("0.01"))

    # What was paid, payment by payment, as the finance department takes it over.
    export = tmp_path / "journal.csv"
    lake.run("export", "journal", "--to", str(export))
    paid = lake.tuples(
        f"""
        select orders.channel, sum(journal.debit_amount)
        from read_csv('{export}') as journal
        join fct_payments as payments on journal.document_key = payments.payment_key
        join fct_orders as orders on payments.order_key = orders.order_key
        where journal.document_type = 'payment' and {within(period, "orders.created_on")}
        group by 1
        """
    )
    assert len(paid) == 4, "every channel but the distributors is paid"
    for channel, amount in paid:
        exported = Decimal(str(amount)).quantize(Decimal("0.01"))
        assert cents(shown[labels[channel]], "list_amount") == exported, channel

    margin = sum(cents(row, "margin_amount") for row in shown.values())
    parts = lake.value(
        "select sum(gross_amount + discount_amount + returns_amount + fee_amount + freight_amount "
        "+ handling_amount + cost_of_goods_amount + rebate_amount) from rpt_channel_margin_daily "
        f"where {within(period, 'business_date')}"
    )
    assert abs(margin - parts) <= Decimal("0.01") * len(shown)

    (months,) = lake.json("metric", "days_sales_outstanding", "--by", "channel,month")[-1:]
    outstanding = shown[labels["distributors"]][cockpit.column("days_sales_outstanding")]
    assert outstanding == t("cash.days", count=f"{float(months['days_sales_outstanding']):.1f}")
    (stock,) = lake.json(
        "metric", "stock_turnover_days", "--by", "business", "--where",
        f"business = 'fourflow_demo' and {within(period, 'metric_time')}",
    )  # fmt: skip
    assert cockpit.says(t("channels_page.turnover", count=f"{stock['stock_turnover_days']:.1f}"))

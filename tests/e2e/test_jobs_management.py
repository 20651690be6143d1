"""Managers' jobs, each from the page that a person opens to what they take away from it."""

import json
import re
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app_streamlit.ui import formats
from connectors.database.publications import Publication
from connectors.lake.reader import open_published
from orchestration.decisions.rulebook import switch_rule
from orchestration.roi.baseline import load_baseline
from tests.e2e.cockpit import Cockpit, pattern
from tests.e2e.workplace import Workplace

pytestmark = [pytest.mark.e2e]
PERIOD_DAYS = 28
COUPON = "coupon_late_delivery"
COUPON_WORTH = Decimal("5.00")
EFFECT_DAYS = 7
RESTATED = ("lake.marts.fct_orders", "lake.reports.rpt_channel_daily")


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


def test_j3_last_nights_board_as_it_was_and_what_was_restated(cockpit_in, workplace, period):
    first = workplace.publication
    refunded, edited = restate_some_orders(workplace, period)
    second = workplace.publication
    try:
        # The board of each publication is the sum of its own orders.
        cockpit: Cockpit = cockpit_in(workplace.dashboards)
        cockpit.open(as_of=second.publication_id)
        t = cockpit.t
        boards = {}
        for publication in (second, first):
            if publication == first:
                zone = workplace.home.settings.business_time_zone
                shown = formats.time(first.published_at, zone, t.language)
                cockpit.page.get_by_label(t("filters.as_of"), exact=True).last.click()
                # Of those that were published in that minute, the earliest.
                cockpit.page.get_by_role("option", name=shown).last.click()
                cockpit.settle()
                assert f"as_of={first.publication_id}" in cockpit.page.url
            rows = cockpit.table(t("overview.table_alt"))
            with open_published(workplace.home.settings, publication.publication_id) as lake:
                ((expected,),) = lake.fetch(
                    "select sum(net_paid_amount) from fct_orders where order_type = 'sale' and "
                    f"{within(period)}"
                )[1]
            board = sum(Decimal(row[cockpit.column("net_paid_amount")]) for row in rows)
            assert board == expected, publication.publication_id
            boards[publication.publication_id] = board
        change = boards[second.publication_id] - boards[first.publication_id]
        assert change == edited - refunded != 0

        # What was restated since, by reason, comes to the difference exactly.
        cockpit.open("health", view="restated", since=first.publication_id)
        by_reason = {
            row[cockpit.column("bucket")]: (
                int(row[cockpit.column("record_count")]),
                Decimal(row[cockpit.column("difference")]),
            )
            for row in cockpit.table_file(t("health.views.restated"))
            if row[cockpit.column("measure")] == t("restated.measures.net_sales")
        }
        assert by_reason == {
            t("restated.reasons.refund"): (5, -refunded),
            t("restated.reasons.edited"): (3, edited),
        }
    finally:
        take_back(workplace, first, *RESTATED)


def restate_some_orders(workplace: Workplace, period: tuple[date, date]) -> tuple[Decimal, Decimal]:
    """What the next night brings: five orders are refunded, three were edited; their amounts."""
    orders = workplace.home.tuples(
        "select order_key, net_paid_amount from fct_orders where order_type = 'sale' "
        "and net_paid_amount > 100 and refunded_amount = 0 "
        f"and {within(period)} order by order_key limit 8"
    )
    refunded, edited = orders[:5], orders[5:]
    clock = "(select max(known_at) + interval 1 day from lake.marts.fct_orders)"

    def keys(rows) -> str:
        return ", ".join(f"'{key}'" for key, _ in rows)

    workplace.publish(
        f"update lake.marts.fct_orders set known_at = {clock}, net_paid_amount = 0, "
        f"refunded_amount = net_paid_amount where order_key in ({keys(refunded)})",
        f"update lake.marts.fct_orders set known_at = {clock}, "
        "gross_amount = gross_amount + 7, net_paid_amount = net_paid_amount + 7 "
        f"where order_key in ({keys(edited)})",
        "update lake.reports.rpt_channel_daily as day set net_paid_amount = orders.net_paid_amount "
        "from (select business, channel, created_on, currency_code, sum(net_paid_amount) as "
        "net_paid_amount from lake.marts.fct_orders where order_type = 'sale' group by all) "
        "as orders where day.business = orders.business and day.channel = orders.channel "
        "and day.business_date = orders.created_on and day.currency_code = orders.currency_code",
    )
    return sum((amount for _, amount in refunded), Decimal(0)), Decimal(7) * len(edited)


def take_back(workplace: Workplace, before: Publication, *tables: str) -> None:
    """The tables say again what they said before, so that other tests find them so."""
    at = f"at (version => {before.snapshot_id})"
    workplace.publish(
        *(
            statement
            for table in tables
            for statement in (f"delete from {table}", f"insert into {table} from {table} {at}")
        )
    )


def test_j4_whether_the_coupon_for_late_parcels_pays(cockpit_in, workplace):
    as_of = workplace.home.value(
        "select as_of from int_business_clock where business = 'fourflow_demo'"
    )
    before = workplace.publication
    workplace.publish(
        "update lake.marts.fct_parcels set delivered_at = null, shipment_status = 'in_transit', "
        "promised_at = shipped_at + interval 2 day "
        "where business = 'fourflow_demo' and hash(parcel_key) % 2 = 0 and shipped_at between "
        f"timestamptz '{as_of}' - interval 29 day and timestamptz '{as_of}' - interval 11 day"
    )
    switch_rule(workplace.engine, COUPON, "enabled", author="Li", reason="trial")
    try:
        created = workplace.decide().created
    finally:
        switch_rule(workplace.engine, COUPON, "disabled", author="Li", reason="trial is over")
        take_back(workplace, before, "lake.marts.fct_parcels")
    decided = workplace.decisions(COUPON)
    assert created == len(decided) > 100

    cockpit: Cockpit = cockpit_in(workplace.dashboards).open("rules", rule=COUPON, view="effect")
    t = cockpit.t
    cockpit.fill(t("effect.days"), str(EFFECT_DAYS))
    shown = {row[cockpit.column("measure")]: row for row in cockpit.table(t("effect.table_alt"))}
    told = shown[t("effect.measures.repurchase")]
    again = {name: words.replace(formats.MINUS, "-") for name, words in told.items()}

    # Who bought again, counted person by person.
    orders = workplace.home.query(
        "select order_key, customer_key, created_at, order_type, order_status from fct_orders "
        "where currency_code = 'CNY'"
    )
    customer = {order["order_key"]: order["customer_key"] for order in orders}
    bought = defaultdict(list)
    for order in orders:
        if order["order_type"] == "sale" and order["order_status"] != "cancelled":
            bought[order["customer_key"]].append((order["order_key"], order["created_at"]))
    later = timedelta(days=EFFECT_DAYS)
    came: dict[str, list[bool]] = {"act": [], "hold_out": []}
    for one in decided:
        key = json.loads(one.subject)["order_key"]
        if key in customer and one.occurred_at <= as_of - later:
            came[one.mode].append(
                any(
                    other != key and one.occurred_at < moment <= one.occurred_at + later
                    for other, moment in bought[customer[key]]
                )
            )
    acted, held = came["act"], came["hold_out"]
    assert len(acted) > 10 * len(held) / 2 > 20
    assert int(again[cockpit.column("acted_on")]) == len(acted)
    assert int(again[cockpit.column("held_out")]) == len(held)
    with_coupon, without = sum(acted) / len(acted), sum(held) / len(held)
    assert again[cockpit.column("effect")] == f"{with_coupon - without:.1%}"
    verdict = again[cockpit.column("verdict")]
    assert verdict in {t(f"effect.verdicts.{name}") for name in ("better", "worse", "undecided")}
    low, high = re.findall(r"-?[\d.]+%", again[cockpit.column("interval")])
    assert float(low[:-1]) <= 100 * (with_coupon - without) <= float(high[:-1])
    if float(low[:-1]) < 0 < float(high[:-1]):
        assert verdict == t("effect.verdicts.undecided")

    # What the coupons cost, and what one purchase that they brought.
    spent = COUPON_WORTH * len(acted)
    text = cockpit.text()
    assert f"¥{spent:,.2f}" in text
    brought = (with_coupon - without) * len(acted)
    if brought > 0:
        assert f"{float(spent) / brought:,.2f}" in text
    else:
        assert t("effect.cost.none_brought") in text


def test_j5_return_against_the_frozen_baseline(cockpit_in, workplace):
    last = workplace.home.value("select max(created_on) from fct_orders where order_type = 'sale'")
    go_live = last - timedelta(days=20)
    workplace.home.run(
        "baseline", "freeze", "--reason", "four ordinary weeks", "--author", "Li",
        "--go-live", str(go_live), "--replace",
    )  # fmt: skip

    cockpit: Cockpit = cockpit_in(workplace.dashboards).open().visit("roi")
    t = cockpit.t
    rows = {row[cockpit.column("measure")]: row for row in cockpit.table(t("roi.table_alt"))}
    assert len(rows) >= 5
    for row in rows.values():
        is_measured = bool(row[cockpit.column("now")].strip("– "))
        assert is_measured or t("roi.not_yet") in row.values(), row

    # One of them by hand: orders that were paid, of those placed, before go-live.
    days = PERIOD_DAYS
    (paid, placed) = workplace.home.tuples(
        f"""
        select count(paid_at), count(*) from fct_orders
        where order_type = 'sale' and business = 'fourflow_demo'
          and created_on >= date '{go_live}' - {days} and created_on < date '{go_live}'
        """
    )[0]
    frozen = rows[t("roi.measures.payment_rate")][cockpit.column("frozen_value")]
    assert frozen == f"{paid / placed:.2%}"
    (hash_line,) = [line for line in cockpit.text().splitlines() if "hash" in line]
    kept = load_baseline(workplace.home.settings)
    assert kept is not None
    for words in ("Li", "four ordinary weeks", kept.hash[:16], kept.publication_id):
        assert words in hash_line

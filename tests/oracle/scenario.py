"""Scores what stands beside the simulated retailer's shop against its truth: every figure."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.oracle.sandbox import Difference, Query


def differences(truth_path: Path, query: Query) -> list[Difference]:
    """(what, truth, lake) for every figure that does not agree."""
    truth = json.loads(truth_path.read_text(encoding="utf-8"))
    compared = (
        *_inquiries(truth, query),
        *_surveys(truth, query),
        *_visits(truth, query),
        *_receivables(truth, query),
        *_credit_terms(truth, query),
        *_collection(truth, query),
        *_exchanges(truth, query),
        *_rings(truth, query),
        *_settlements(truth, query),
        *_supply(truth, query),
    )
    return [(what, expected, found) for what, expected, found in compared if expected != found]


def _inquiries(truth: dict, query: Query) -> Iterator[Difference]:
    """Every order that an inquiry names is found, none before the question."""
    found = {
        row[0]: row[1:]
        for row in query(
            "select channel, count(*), count(*) filter (is_won), count(order_key), "
            "count(*) filter (first_replied_at is null), count(*) filter (is_out_of_order) "
            "from fct_inquiries where inquiry_type = 'chat' group by 1"
        )
    }
    for place, n in truth["inquiries"].items():
        if place != "all":
            expected = (n["inquiries"], n["ordered"], n["ordered"], n["unanswered"], 0)
            yield f"inquiries of {place}", expected, found.get(place)


def _surveys(truth: dict, query: Query) -> Iterator[Difference]:
    """Every answer stands beside how its order came, by the promise that the files tell."""
    found = {
        row[0]: row[1:]
        for row in query(
            "select case when respondent_kind = 'partner' then 'partner' "
            "when order_no is null then 'customer_not_named' "
            "else 'customer_' || delivery end, "
            "count(is_satisfied), count(*) filter (is_satisfied), count(recommendation), "
            "count(*) filter (recommendation = 'promoter'), "
            "count(*) filter (recommendation = 'detractor') from fct_survey_answers group by 1"
        )
    }
    told = {part: n for part, n in truth["surveys"].items() if n["responses"]}
    yield "parts of the surveys", set(told), set(found)
    for part, n in told.items():
        expected = (
            n["responses"], n["satisfied"], n["responses"], n["promoters"], n["detractors"],
        )  # fmt: skip
        yield f"surveys of {part}", expected, found.get(part)


def _visits(truth: dict, query: Query) -> Iterator[Difference]:
    """Every purchase finds its order."""
    found = {
        row[0]: row[1:]
        for row in query(
            "select traffic_medium, count(*), count(product_viewed_at), count(added_to_cart_at), "
            "count(checkout_started_at), count(purchased_at), count(order_key) "
            "from fct_visits group by 1"
        )
    }
    steps = ("visits", "view_item", "add_to_cart", "begin_checkout", "purchase", "purchase")
    for medium, counts in truth["visits"]["by_medium"].items():
        expected = tuple(counts[step] for step in steps)
        yield f"visits by {medium}", expected, found.get(medium)
    for tool, figures in truth["tools"].items():
        (received,) = query(
            f"select sum(received)::int from rpt_conservation where source = '{tool}'"
        )
        yield f"records of {tool}", (figures["rows"],), received


def _receivables(truth: dict, query: Query) -> Iterator[Difference]:
    end = truth["config"]["end_date"]
    found = {
        row[0]: row[1:]
        for row in query(
            "with invoices as (select customer_key, sum(amount) as amount, "
            "sum(open_amount) as open_amount, "
            f"coalesce(sum(open_amount) filter (due_on < date '{end}'), 0) as overdue_amount "
            "from fct_invoices group by 1), "
            "receipts as (select customer_key, sum(unallocated_amount) as amount "
            "from fct_receipts group by 1) "
            "select split_part(customer_key, ':', 3), (invoices.amount * 100)::bigint, "
            "(open_amount * 100)::bigint, (overdue_amount * 100)::bigint, "
            "(coalesce(receipts.amount, 0) * 100)::bigint "
            "from invoices left join receipts using (customer_key)"
        )
    }
    names = ("invoiced_fen", "receivable_fen", "overdue_fen", "on_account_fen")
    for customer in truth["wholesale"]["customers"]:
        expected = tuple(customer[name] for name in names)
        yield f"ledger of {customer['customer_no']}", expected, found.get(customer["customer_no"])


def _credit_terms(truth: dict, query: Query) -> Iterator[Difference]:
    found = {
        row[0]: row[1:]
        for row in query(
            "select split_part(customer_key, ':', 3), (credit_limit * 100)::bigint, "
            "payment_terms_days from dim_credit_terms where source = 'sandbox'"
        )
    }
    customers = truth["wholesale"]["customers"]
    yield "customers with credit", len(customers), len(found)
    for customer in customers:
        expected = (customer["credit_limit_fen"], customer["terms_days"])
        yield f"credit of {customer['customer_no']}", expected, found.get(customer["customer_no"])


def _collection(truth: dict, query: Query) -> Iterator[Difference]:
    ledger = truth["wholesale"]
    ((days, settled),) = query(
        "select printf('%.2f', sum(collection_days * amount)::double / sum(amount)::double), "
        "(sum(amount) * 100)::bigint from fct_payment_allocations"
    )
    yield "collection days", ledger["collection_days"]["all"], days
    yield "settled", ledger["allocated_fen"], settled
    # The orders of before the window are in no file; every other invoice has its order.
    ((invoiced, shipped, orders),) = query(
        "select (select count(order_key) from fct_invoices), "
        "count(*) filter (order_status <> 'created'), count(*) "
        "from fct_orders where order_type = 'wholesale'"
    )
    yield "wholesale orders", ledger["orders"], orders
    yield "invoiced wholesale orders", shipped, invoiced


def _exchanges(truth: dict, query: Query) -> Iterator[Difference]:
    words = {
        "REQUESTED": "requested",
        "RECEIVED": "returned",
        "SHIPPED": "shipped",
        "COMPLETED": "completed",
    }
    found = dict(query("select exchange_status, count(order_key) from fct_exchanges group by 1"))
    for word, count in truth["exchanges"].items():
        yield f"exchanges {word}", count, found.get(words[word], 0)


def _rings(truth: dict, query: Query) -> Iterator[Difference]:
    """A ring is what shares both its devices and its address with four or more."""
    shared = query(
        "select distinct split_part(orders.customer_key, ':', 3) from fct_order_devices as devices "
        "inner join fct_orders as orders on devices.order_key = orders.order_key "
        "where devices.device_customer_count >= 4 and devices.address_customer_count >= 4"
    )
    members = {buyer for ring in truth["fraud"]["rings"] for buyer in ring["buyer_ids"]}
    yield "accounts of the rings", members, {buyer for (buyer,) in shared}
    ((shortest, orphans),) = query(
        "select min(length(device_token)), count(*) filter (order_key is null) "
        "from fct_order_devices"
    )
    yield "devices are tokens", 64, shortest
    yield "devices without an order", 0, orphans


def _settlements(truth: dict, query: Query) -> Iterator[Difference]:
    """Every planted difference stands in its bucket, to the cent; nothing else is unmatched."""
    rows = query(
        "select comparison, residual_bucket, sum(item_count)::int, "
        "(100 * sum(difference_amount))::int from rpt_reconciliation "
        "where (comparison = 'payment_settlement' and provider = 'sandbox') "
        "or comparison = 'payout_bank' group by 1, 2"
    )
    for comparison in ("payment_settlement", "payout_bank"):
        expected = {
            bucket: (figures["items"], figures["difference_fen"])
            for bucket, figures in truth["settlements"][comparison].items()
        }
        found = {row[1]: row[2:] for row in rows if row[0] == comparison}
        yield f"items and differences of {comparison}", expected, found
    ((unknown, share),) = query(
        "select (100 * sum(unknown))::int, 1000 * sum(unknown) <= sum(recorded) from ("
        "select abs(recorded_amount) as recorded, case when residual_bucket = 'unknown' "
        "then abs(difference_amount) else 0 end as unknown from fct_reconciliation_items "
        "where provider <> 'tmall')"
    )
    yield "fen that nobody can explain, within a thousandth", (166, True), (unknown, share)
    ((fuzzy,),) = query(
        "select count(*) from fct_reconciliation_items where match_rule = 'amount_days_memo'"
    )
    yield "payouts found without their number", True, fuzzy > 0


def _supply(truth: dict, query: Query) -> Iterator[Difference]:
    """What is open is what counts say is inbound; returns are those of who alone delivers."""
    supply = truth["supply"]
    ((offers, first),) = query(
        "select count(*), count(*) filter (priority = 1) from dim_supplier_prices"
    )
    yield "offers of suppliers", supply["offers"], offers
    ((articles,),) = query("select count(*) from dim_products where business = 'fourflow_demo'")
    yield "articles with a first supplier", articles, first
    found = dict(
        query(
            "select source_status, count(distinct order_no) from fct_purchase_order_lines "
            "group by 1"
        )
    )
    for status, count in supply["orders_by_status"].items():
        yield f"purchase orders {status}", count, found.get(status, 0)
    units = query(
        "select coalesce(stock.site, lines.site), sum(lines.open_quantity)::int, "
        "count(*) filter (coalesce(stock.inbound, 0) <> coalesce(lines.open_quantity, 0)) "
        "from (select site, sku, inbound from fct_stock_positions where source = 'sandbox' "
        f"and business_date = date '{truth['config']['end_date']}') as stock "
        "full join (select site, sku, sum(open_quantity) as open_quantity "
        "from fct_purchase_order_lines group by 1, 2) as lines using (site, sku) group by 1"
    )
    yield (
        "open units by site, none of them another than inbound",
        {site: (pieces, 0) for site, pieces in supply["open_units"].items()},
        {row[0]: row[1:] for row in units},
    )
    ((lines, late),) = query(
        "select count(*), count(*) filter (cast(received_at at time zone 'Asia/Shanghai' as date) "
        "> promised_on) from fct_purchase_order_lines"
    )
    yield (
        "purchase order lines and late ones",
        (supply["lines"], supply["late_lines"]),
        (lines, late),
    )
    by_supplier = query(
        "with offers as (select supplier_key, count(*) as offers from dim_supplier_prices "
        "group by 1), "
        "bought as (select supplier_key, count(*) as lines, sum(received_quantity)::int as units "
        "from fct_purchase_order_lines group by 1), "
        "back as (select supplier_key, count(*) filter (return_type = 'refund') as refunds, "
        "count(*) filter (return_type = 'exchange') as exchanges "
        "from fct_returns where business = 'fourflow_demo' group by 1) "
        "select suppliers.supplier_no, coalesce(offers, 0), coalesce(lines, 0), "
        "coalesce(units, 0), coalesce(refunds, 0), coalesce(exchanges, 0) "
        "from dim_suppliers as suppliers left join offers using (supplier_key) "
        "left join bought using (supplier_key) left join back using (supplier_key)"
    )
    figures = ("supplier_no", "offers", "lines", "received_units", "refunds", "exchanges")
    yield (
        "offers, lines, units and what came back by supplier",
        {row["supplier_no"]: tuple(row[name] for name in figures) for row in supply["suppliers"]},
        {row[0]: row for row in by_supplier},
    )

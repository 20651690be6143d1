"""A walk through the Online Retail I data set, written from what is published.

Every figure of the page is read from a mart or report; quotients are formatted from their sums
here and nowhere stored.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from connectors.errors import InputError

Rows = Callable[[str], list[dict[str, Any]]]
"""Runs one query and returns a dict a row."""

_DOCUMENT_WORDS: Final = {"sale": "sales", "return": "returns", "adjustment": "adjustments"}


def write_walkthrough(rows: Rows) -> str:
    """The page as Markdown.

    Raises:
        InputError: Online Retail I is not among what is published.
    """
    clock = rows("select as_of_date from int_business_clock where business = 'online_retail'")
    if not clock:
        raise InputError(
            "Online Retail I is not published; load it first: "
            "fourflow run --source online_retail=/path/to/online_retail.parquet"
        )
    sections = (
        _opening,
        _data,
        _funnel,
        _segments,
        _movement,
        _cohorts,
        _repurchase,
        _baskets,
        _sequences,
        _returns,
    )
    blocks = [block for section in sections for block in section(rows).strip().split("\n\n")]
    return "\n\n".join(_on_one_line(block) for block in blocks) + "\n"


def _on_one_line(block: str) -> str:
    """A paragraph as one line; tables and code as they are."""
    return block if block.startswith(("|", "```")) else " ".join(block.split())


def _opening(_: Rows) -> str:
    return """
# A walk through Online Retail I

A year of a British gift wholesaler and web shop
([UCI, CC BY 4.0](https://doi.org/10.24432/C5BW33)), from one file to the questions that its owner
would ask. Two commands make everything below; the second one wrote this page, and a test compares
it with the data.

```sh
fourflow run --source online_retail=/path/to/online_retail.parquet
fourflow walkthrough docs/walkthrough-online-retail.md
```
"""


def _data(rows: Rows) -> str:
    loaded = rows(
        "select sum(received) as received, sum(used) as used, sum(duplicates) as duplicates, "
        "sum(quarantined) as quarantined from rpt_conservation where source = 'online_retail'"
    )[0]
    documents = rows(
        "select order_type, count(*) as documents, sum(line_count) as lines, "
        "count(distinct customer_key) as customers, sum(gross_amount) as amount, "
        "count(*) - count(customer_key) as anonymous, "
        "min(created_on) as first_on, max(created_on) as last_on from fct_orders "
        "where business = 'online_retail' group by order_type order by documents desc"
    )
    sales = next(row for row in documents if row["order_type"] == "sale")
    table = _table(
        ("documents", "number", "lines", "customers", "amount"),
        [
            (
                _DOCUMENT_WORDS.get(row["order_type"], str(row["order_type"])),
                _count(row["documents"]),
                _count(row["lines"]),
                _count(row["customers"]),
                _pounds(row["amount"]),
            )
            for row in documents
        ],
    )
    return f"""
## What is in the file

{_count(loaded["received"])} rows came in: {_count(loaded["used"])} are used,
{_count(loaded["duplicates"])} repeat an earlier row to the letter and count once,
{_count(loaded["quarantined"])} could not be read. They are invoice lines from {sales["first_on"]}
to {sales["last_on"]}; the invoice number says what each document is (`fct_orders`, `order_type`).

{table}

{_share(sales["anonymous"], sales["documents"])} of the sales name no customer: they count in
every sum, and in nothing that follows a person. "Today" is the last day of the data, so what is
open below was open then.
"""


def _funnel(rows: Rows) -> str:
    steps = rows(
        "select step_name, sum(reached_count) as reached, sum(dropped_count) as dropped, "
        "sum(reached_amount) as amount, sum(dropped_amount) as dropped_amount "
        "from rpt_funnel_daily where business = 'online_retail' "
        "group by step_name, step_number order by step_number"
    )
    by_name = {row["step_name"]: row for row in steps}
    placed, kept, returned = by_name["placed"], by_name["kept"], by_name["returned"]
    return f"""
## The funnel

An invoicing shop has a short one: an order is placed, and it is kept unless everything comes
back. Of {_count(placed["reached"])} orders over {_pounds(placed["amount"])},
{_count(kept["reached"])} are kept ({_share(kept["reached"], placed["reached"])});
{_count(kept["dropped"])} over {_pounds(kept["dropped_amount"])} came back whole.
{_count(returned["reached"])} had at least one piece returned
({_share(returned["reached"], placed["reached"])}): most returns take a piece out of an order, not
the order.
"""


def _segments(rows: Rows) -> str:
    found = rows(
        "select segments.label_en as segment, count(*) as people, sum(rfm_frequency) as orders, "
        "sum(rfm_monetary) as amount from fct_person_segments "
        "join rfm_segments as segments on segments.segment = rfm_segment "
        "where business = 'online_retail' and is_current "
        "group by segments.label_en, segments.sort_order order by segments.sort_order"
    )
    people, amount = sum(row["people"] for row in found), sum(row["amount"] for row in found)
    best = found[0]
    table = _table(
        ("segment", "people", "of all", "orders", "net amount", "of all"),
        [
            (
                row["segment"],
                _count(row["people"]),
                _share(row["people"], people),
                _count(row["orders"]),
                _pounds(row["amount"]),
                _share(row["amount"], amount),
            )
            for row in found
        ],
    )
    return f"""
## Who the customers are

Recency, frequency and net amount put {_count(people)} buyers on a grid of five by five
(`fct_person_segments`). {best["segment"]} are {_share(best["people"], people)} of the people and
{_share(best["amount"], amount)} of the money.

{table}
"""


def _movement(rows: Rows) -> str:
    found = rows(
        "select m.previous_date, m.as_of_date, coalesce(f.label_en, 'first purchase') as was, "
        "t.label_en as became, m.person_count from rpt_rfm_movements m "
        "left join rfm_segments f on f.segment = m.from_segment "
        "join rfm_segments t on t.segment = m.to_segment "
        "where m.business = 'online_retail' and m.as_of_date = ("
        "select max(as_of_date) from rfm_dates where business = 'online_retail' and is_period_end)"
        "order by m.person_count desc, was, became"
    )
    people = sum(row["person_count"] for row in found)
    stayed = sum(row["person_count"] for row in found if row["was"] == row["became"])
    moved = [row for row in found if row["was"] != row["became"]][:8]
    table = _table(
        ("from", "to", "people"),
        [(row["was"], row["became"], _count(row["person_count"])) for row in moved],
    )
    return f"""
## Who moved

Between {found[0]["previous_date"]} and {found[0]["as_of_date"]}, the last month that is over,
{_count(stayed)} of {_count(people)} people stayed where they were. The largest moves
(`rpt_rfm_movements`):

{table}
"""


def _cohorts(rows: Rows) -> str:
    found = rows(
        "select cohort_month, months_since, bool_and(is_complete) as is_complete, "
        "sum(cohort_person_count) as people, sum(active_person_count) as active, "
        "sum(cumulative_net_amount) as value from fct_customer_cohorts "
        "where business = 'online_retail' group by cohort_month, months_since order by all"
    )
    ages = sorted({row["months_since"] for row in found})
    months = sorted({row["cohort_month"] for row in found})
    cells = {(row["cohort_month"], row["months_since"]): row for row in found}

    def cell(month: Any, age: int) -> str:
        row = cells.get((month, age))
        if row is None:
            return ""
        share = _share(row["active"], row["people"], digits=0)
        return share if row["is_complete"] else f"({share})"

    table = _table(
        ("first bought", "people", *(str(age) for age in ages[1:])),
        [
            (
                f"{month:%Y-%m}",
                _count(cells[month, 0]["people"]),
                *(cell(month, age) for age in ages[1:]),
            )
            for month in months
        ],
    )
    first = months[0]
    last = max(age for age in ages if (first, age) in cells and cells[first, age]["is_complete"])
    start, end = cells[first, 0], cells[first, last]
    return f"""
## Who comes back

Of everybody who first bought in a month, the share that bought again so many months later
(`fct_customer_cohorts`). Brackets mark a month that is not over.

{table}

The first cohort is no fresh one: the file begins in {first:%B %Y}, and who had been a customer
for years first bought then as far as it tells. Its value per customer, net of everything
returned, is {_each(start["value"], start["people"])} in the first month and
{_each(end["value"], end["people"])} after {last} more.
"""


def _repurchase(rows: Rows) -> str:
    found = rows(
        "select window_days, sum(person_count) as people, sum(matured_count) as matured, "
        "sum(matured_repurchased_count) as again, sum(open_count) as still_open "
        "from rpt_repurchases where business = 'online_retail' "
        "group by window_days order by window_days"
    )
    table = _table(
        ("within", "window over", "bought again", "of them", "still open"),
        [
            (
                f"{row['window_days']} days",
                _count(row["matured"]),
                _count(row["again"]),
                _share(row["again"], row["matured"]),
                _count(row["still_open"]),
            )
            for row in found
        ],
    )
    return f"""
## The second order

A second purchase on a later day, counted among the people whose window is over
(`rpt_repurchases`). Calling the open ones lost would make every young cohort look bad.

{table}
"""


def _baskets(rows: Rows) -> str:
    covered = {
        row["outcome"]: row
        for row in rows(
            "select outcome, unit_count from rpt_association_coverage "
            "where business = 'online_retail' and item_type = 'sku' and unit = 'basket'"
        )
    }
    found = rows(
        "select a.name as a, b.name as b, pair_count, antecedent_count, consequent_count, "
        "basket_count from fct_basket_pairs p "
        "join dim_products a on a.business = p.business and a.sku = p.antecedent_item "
        "join dim_products b on b.business = p.business and b.sku = p.consequent_item "
        "where p.business = 'online_retail' and item_type = 'sku' and pair_count >= 200 "
        "and pair_count * 2 > antecedent_count and antecedent_count <= consequent_count "
        "order by pair_count::double * basket_count / (antecedent_count * consequent_count) desc, "
        "antecedent_item, consequent_item limit 10"
    )
    table = _table(
        ("with this …", "… also this", "baskets", "confidence", "lift"),
        [
            (
                row["a"],
                row["b"],
                _count(row["pair_count"]),
                _share(row["pair_count"], row["antecedent_count"], digits=0),
                _lift(row),
            )
            for row in found
        ],
    )
    return f"""
## What goes together

{_count(covered["counted"]["unit_count"])} baskets;
{_count(covered["too_many_items"]["unit_count"])} more with over a hundred articles are resellers'
lists and left out (`rpt_association_coverage`). Of the pairs in at least 200 baskets, those that
are furthest from chance (`fct_basket_pairs`):

{table}
"""


def _lift(row: dict[str, Any]) -> str:
    expected = Decimal(row["antecedent_count"]) * row["consequent_count"] / row["basket_count"]
    return f"{row['pair_count'] / expected:.1f}"


def _sequences(rows: Rows) -> str:
    found = rows(
        "select a.name as a, b.name as b, a.sku = b.sku as again, "
        "matured_follower_count as follows, matured_buyer_count as buyers, "
        "follower_count, total_lag_days from fct_product_sequences s "
        "join dim_products a on a.business = s.business and a.sku = s.antecedent_item "
        "join dim_products b on b.business = s.business and b.sku = s.consequent_item "
        "where s.business = 'online_retail' and item_type = 'sku' and matured_buyer_count >= 200 "
        "order by matured_follower_count::double / matured_buyer_count desc, "
        "antecedent_item, consequent_item limit 8"
    )
    table = _table(
        ("who buys …", "… buys within 90 days", "of", "do", "share", "days between"),
        [
            (
                row["a"],
                "the same again" if row["again"] else row["b"],
                _count(row["buyers"]),
                _count(row["follows"]),
                _share(row["follows"], row["buyers"], digits=0),
                f"{row['total_lag_days'] / row['follower_count']:.0f}",
            )
            for row in found
        ],
    )
    repeats = sum(bool(row["again"]) for row in found)
    return f"""
## What comes next

After the first purchase of an article, another one within 90 days, among at least 200 buyers
whose 90 days are over (`fct_product_sequences`). {repeats} of the first {len(found)} are the same
article again: this is a shop that people restock from.

{table}
"""


def _returns(rows: Rows) -> str:
    total = rows(
        "select -sum(gross_amount) as returned, -sum(net_paid_amount) as unmatched, "
        "count(*) as documents from fct_orders where business = 'online_retail' "
        "and order_type = 'return'"
    )[0]
    articles = rows(
        "select p.name, count(distinct r.return_order_key) as documents, "
        "sum(r.quantity) as pieces, sum(r.amount) as amount from fct_refunds r "
        "join fct_order_lines l on l.order_key = r.order_key and l.line_no = r.line_no "
        "join dim_products p on p.business = l.business and p.sku = l.sku "
        "where r.business = 'online_retail' and l.is_product "
        "group by p.sku, p.name order by amount desc, p.name limit 8"
    )
    table = _table(
        ("article", "credit notes", "pieces", "amount"),
        [
            (row["name"], _count(row["documents"]), _count(row["pieces"]), _pounds(row["amount"]))
            for row in articles
        ],
    )
    huge = rows(
        "select count(*) as lines, sum(r.quantity) as pieces, sum(r.amount) as amount, "
        "max(date_diff('minute', o.created_at, r.requested_at)) as minutes from fct_refunds r "
        "join fct_orders o on o.order_key = r.order_key and o.order_type = 'sale' "
        "where r.business = 'online_retail' and r.quantity > 10000"
    )[0]
    matched = total["returned"] - total["unmatched"]
    return f"""
## What comes back

{_count(total["documents"])} credit notes over {_pounds(total["returned"])}. The file doesn't say
which sale a returned piece belongs to: it is taken from the same customer's newest sale that
still has one, which explains {_pounds(matched)} ({_share(matched, total["returned"])}); the rest
belongs to sales from before the file, to nobody known, or to fees, and stays on the credit note.
Sums over both are right either way. The articles that cost most:

{table}

{_count(huge["lines"])} lines of more than 10,000 pieces make {_pounds(huge["amount"])} of it, and
none was credited later than {_count(huge["minutes"])} minutes after its sale: typing errors, no
verdict on the article.
"""


def _table(header: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _count(number: Any) -> str:
    return f"{int(number):,}"


def _pounds(amount: Decimal) -> str:
    return f"£{amount:,.2f}" if amount >= 0 else f"−£{-amount:,.2f}"


def _each(amount: Decimal, people: Any) -> str:
    return _pounds(amount / Decimal(people))


def _share(part: Any, whole: Any, *, digits: int = 1) -> str:
    return f"{Decimal(part) * 100 / Decimal(whole):.{digits}f} %"

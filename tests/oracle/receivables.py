"""Receivables, days sales outstanding and rebates by naive Python on the ledger's raw files."""

import csv
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from tests.oracle.sandbox import Difference, Query

_TIERS = ((600_000, "0.03"), (300_000, "0.02"), (100_000, "0.01"), (0, "0"))


@dataclass
class Invoice:
    """One invoice with what was paid of it, by the day the money came."""

    customer: str
    order_no: str
    issued_on: date
    due_on: date
    amount: Decimal
    paid: list[tuple[date, Decimal]] = field(default_factory=list)

    def open_on(self, day: date) -> Decimal:
        """What is open at the end of a day; nothing before the invoice."""
        if self.issued_on > day:
            return Decimal(0)
        return self.amount - sum((part for on, part in self.paid if on <= day), Decimal(0))


def read_ledger(folder: Path) -> dict[str, Invoice]:
    """Invoices by number; rows that are written twice count once."""
    arrived = {row["receipt_no"]: _day(row["arrived_at"]) for row in _rows(folder / "receipts")}
    invoices = {
        row["invoice_no"]: Invoice(
            row["customer_no"],
            row["order_no"],
            _day(row["issued_on"]),
            _day(row["due_on"]),
            Decimal(row["amount"]),
        )
        for row in _rows(folder / "invoices")
    }
    parts = {
        (row["receipt_no"], row["invoice_no"]): Decimal(row["amount"])
        for row in _rows(folder / "payment_allocations")
    }
    for (receipt, invoice), amount in parts.items():
        invoices[invoice].paid.append((arrived[receipt], amount))
    return invoices


def differences(folder: Path, end: date, query: Query) -> Iterator[Difference]:
    """(what, naive, lake) for ageing, count-back, its decomposition, exposure and rebates."""
    invoices = list(read_ledger(folder).values())
    yield "ageing", _ageing(invoices, end), _found(query, _AGEING)
    yield "days by count-back", _count_back(invoices, end), _found(query, _COUNT_BACK)
    yield "changes of days add up", _changes(invoices, end), _found(query, _CHANGES)
    yield "changes by customer add up", _changes(invoices, end), _found(query, _MOVERS)
    yield "rebates", _rebates(invoices), _found(query, _REBATES)
    yield "exposures", _exposures(folder, invoices), _found(query, _EXPOSURES)
    yield "faulty invoices", {}, _found(query, _FAULTY)


_AGEING = (
    "select split_part(customer_key, ':', 3), ageing_bucket, "
    "open_amount from rpt_receivables_ageing"
)
_COUNT_BACK = (
    "select month_end, round(sum(counted_days), 3) from rpt_dso_count_back group by 1 order by 1"
)
_CHANGES = "select month_end, round(sum(changed_days), 3) from rpt_dso_changes group by 1"
_MOVERS = "select month_end, round(sum(changed_days), 3) from rpt_dso_customers group by 1"
_REBATES = (
    "select split_part(customer_key, ':', 3), period_start, sum(accrued_amount) "
    "from fct_rebate_accruals group by 1, 2"
)
_EXPOSURES = "select split_part(customer_key, ':', 3), exposure_amount from fct_customer_exposures"
_FAULTY = (
    "select order_key, gross_amount from fct_shipped_not_invoiced "
    "union all select invoice_key, amount from fct_invoiced_twice"
)


def _found(query: Query, sql: str) -> dict:
    return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in query(sql)}


def _ageing(invoices: list[Invoice], end: date) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        late = (end - invoice.due_on).days
        bucket = "over_90"
        for name, last in (("not_due", 0), ("1_to_30", 30), ("31_to_60", 60), ("61_to_90", 90)):
            if late <= last:
                bucket = name
                break
        # The lake knows what is booked: money that came and is not booked yet is still open.
        sums[invoice.customer, bucket] += invoice.open_on(date.max)
    return {key: amount for key, amount in sums.items() if amount}


def _month_ends(invoices: list[Invoice], end: date) -> list[date]:
    day, ends = min(invoice.issued_on for invoice in invoices), []
    while day <= end:
        if (day + timedelta(days=1)).day == 1:
            ends.append(day)
        day += timedelta(days=1)
    return ends


def _sales(invoices: list[Invoice]) -> dict[tuple[int, int], Decimal]:
    sums: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        sums[invoice.issued_on.year, invoice.issued_on.month] += invoice.amount
    return sums


def _count_back(invoices: list[Invoice], end: date) -> dict[date, Decimal]:
    sales, ends = _sales(invoices), _month_ends(invoices, end)
    days: dict[date, Decimal] = {}
    for number, last in enumerate(ends):
        left = sum((invoice.open_on(last) for invoice in invoices), Decimal(0))
        counted = Decimal(0)
        for month in reversed(ends[: number + 1]):
            sold = sales[month.year, month.month]
            used = min(left, sold)
            counted += used / sold * monthrange(month.year, month.month)[1]
            left -= used
        days[last] = counted.quantize(Decimal("0.001"), ROUND_HALF_UP)
    return days


def _changes(invoices: list[Invoice], end: date) -> dict[date, Decimal]:
    sales, ends = _sales(invoices), _month_ends(invoices, end)
    dso = [
        sum((invoice.open_on(last) for invoice in invoices), Decimal(0))
        / sales[last.year, last.month]
        * last.day
        for last in ends
    ]
    return {
        last: (now - before).quantize(Decimal("0.001"), ROUND_HALF_UP)
        for last, now, before in zip(ends[1:], dso[1:], dso, strict=False)
    }


def _rebates(invoices: list[Invoice]) -> dict[tuple[str, date], Decimal]:
    sums: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        issued = invoice.issued_on
        quarter = date(issued.year, (issued.month - 1) // 3 * 3 + 1, 1)
        sums[invoice.customer, quarter] += invoice.amount
    return {
        key: next(
            (amount * Decimal(rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            for bound, rate in _TIERS
            if amount >= bound
        )
        for key, amount in sums.items()
    }


def _exposures(folder: Path, invoices: list[Invoice]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        sums[invoice.customer] += invoice.open_on(date.max)
    unused = {row["receipt_no"]: row for row in _rows(folder / "receipts")}
    for row in unused.values():
        sums[row["customer_no"]] -= Decimal(row["amount"])
    for invoice in invoices:
        sums[invoice.customer] += sum((part for _, part in invoice.paid), Decimal(0))
    invoiced = {invoice.order_no for invoice in invoices}
    orders = {
        row["order_no"]: row
        for row in _rows(folder / "orders", "*.wholesale.csv")
        if row["order_no"] not in invoiced
    }
    for row in orders.values():
        sums[row["buyer_id"]] += Decimal(row["total_amount"])
    return dict(sums)


def _rows(folder: Path, pattern: str = "*.csv") -> Iterator[dict[str, str]]:
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])

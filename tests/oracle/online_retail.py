"""What Online Retail I says, recomputed with dictionaries and loops from the raw Parquet file.

Shares no code and no SQL with the models: duplicates by set, returns by a stack of units, RFM by
sorting.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

LONDON, SHANGHAI = ZoneInfo("Europe/London"), ZoneInfo("Asia/Shanghai")
COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """One invoice line, exact duplicates removed."""

    invoice: str
    line_no: int
    sku: str
    quantity: int
    created_at: datetime
    price: Decimal
    customer: str | None
    amount: Decimal


@dataclass
class Invoice:
    """One document and its lines; what is told of it is fixed once asked."""

    number: str
    lines: list[Line] = field(default_factory=list)

    @cached_property
    def kind(self) -> str:
        if self.number.startswith("C"):
            return "return"
        sells = any(line.quantity > 0 and line.price > 0 for line in self.lines)
        return "sale" if sells and not self.number.startswith("A") else "adjustment"

    @cached_property
    def created_at(self) -> datetime:
        return min(line.created_at for line in self.lines)

    @property
    def amount(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def customer(self) -> str | None:
        return self.lines[0].customer


def read_invoices(path: Path) -> dict[str, Invoice]:
    """All documents by number; a line that repeats an earlier one exactly is left out."""
    columns = [pq.read_table(path, columns=[name]).column(0).to_pylist() for name in COLUMNS]
    seen = set()
    invoices: dict[str, Invoice] = {}
    for row in zip(*columns, strict=True):
        if row in seen:
            continue
        seen.add(row)
        number, sku, _, quantity, created, price, customer, _ = row
        invoice = invoices.setdefault(number, Invoice(number))
        amount = (int(quantity) * Decimal(price)).quantize(CENT, ROUND_HALF_UP)
        invoice.lines.append(
            Line(
                invoice=number,
                line_no=len(invoice.lines) + 1,
                sku=sku,
                quantity=int(quantity),
                created_at=datetime.fromisoformat(created).replace(tzinfo=LONDON),
                price=Decimal(price),
                customer=customer.removesuffix(".0") if customer else None,
                amount=amount,
            )
        )
    return invoices


def match_returns(invoices: dict[str, Invoice]) -> Counter[tuple[str, int, str | None, int | None]]:
    """Units by (return invoice, line, sale invoice, line), unit by unit from a stack.

    A returned unit comes from the newest unsold-back unit of the same customer and article; None
    where there is none.
    """
    moves = [
        (invoice.created_at, invoice.kind == "return", line.invoice, line.line_no, line)
        for invoice in invoices.values()
        for line in invoice.lines
        if (invoice.kind == "return" and line.quantity < 0)
        or (invoice.kind == "sale" and line.quantity > 0)
    ]
    moves.sort(key=lambda move: move[:4])
    stacks: dict[tuple[str, str], list[list]] = defaultdict(list)
    matched: Counter[tuple[str, int, str | None, int | None]] = Counter()
    for _, is_return, _, _, line in moves:
        stack = stacks[line.customer, line.sku] if line.customer else []
        if not is_return:
            stack.append([line, line.quantity])
            continue
        missing = -line.quantity
        while missing and stack:
            sale, left = stack[-1]
            taken = min(missing, left)
            matched[line.invoice, line.line_no, sale.invoice, sale.line_no] += taken
            missing -= taken
            stack[-1][1] -= taken
            if not stack[-1][1]:
                stack.pop()
        if missing:
            matched[line.invoice, line.line_no, None, None] += missing
    return matched


@dataclass(frozen=True)
class Rfm:
    """Measures and scores of one customer."""

    recency: int
    frequency: int
    monetary: Decimal
    scores: tuple[int, int, int]


def business_date(instant: datetime) -> date:
    """The business date in the default business zone."""
    return instant.astimezone(SHANGHAI).date()


def score_customers(invoices: dict[str, Invoice], bins: int = 5) -> dict[str, Rfm]:
    """RFM of every customer with a sale: net of all return documents, ties in one bin."""
    as_of = business_date(
        max(line.created_at for invoice in invoices.values() for line in invoice.lines)
    )
    latest: dict[str, date] = {}
    frequency: Counter[str] = Counter()
    monetary: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in invoices.values():
        if invoice.customer is None or invoice.kind == "adjustment":
            continue
        monetary[invoice.customer] += invoice.amount
        if invoice.kind == "sale":
            day = business_date(invoice.created_at)
            latest[invoice.customer] = max(day, latest.get(invoice.customer, day))
            frequency[invoice.customer] += 1
    recency = {customer: (as_of - day).days for customer, day in latest.items()}
    tables = (recency, frequency, {customer: monetary[customer] for customer in latest})
    bounds = [_boundaries(list(table.values()), bins) for table in tables]
    return {
        customer: Rfm(
            recency[customer],
            frequency[customer],
            monetary[customer],
            (
                bins - sum(recency[customer] > bound for bound in bounds[0]),
                1 + sum(frequency[customer] > bound for bound in bounds[1]),
                1 + sum(monetary[customer] > bound for bound in bounds[2]),
            ),
        )
        for customer in latest
    }


def _boundaries(values: list, bins: int) -> list:
    ordered = sorted(values)
    found = []
    for k in range(1, bins):
        covering = next(i for i in range(len(ordered)) if (i + 1) * bins >= k * len(ordered))
        found.append(ordered[covering])
    return found

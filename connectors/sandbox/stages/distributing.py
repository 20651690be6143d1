"""Distributors who buy on credit: wholesale orders, invoices, transfers and what each one settles.

A stage with its own random streams that changes nothing else of the world. Wholesale goods leave
the factory: they are neither in the stock ledger nor with the parcel carriers. The receivables
ledger is older than the window (`HISTORY_DAYS`), as it is in a business that begins to use the
product; the orders before the window are in no file, their invoices are.

Assumptions: one invoice an order, issued when the goods leave; a distributor pays in one transfer
what is due to be paid by its weekly payment day; collection takes 45 days on average, weighted by
amount.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import PROVINCE_NAMES
from connectors.sandbox.stages.catalogue import Products
from connectors.sandbox.world import (
    DAY,
    HOUR,
    NEVER,
    Flags,
    Floats,
    Ints,
    WorldConfig,
    choose_distinct,
)

CHANNEL: Final = "distributors"
HISTORY_DAYS: Final = 180
MATURE_DAYS: Final = 100
"""By then nearly every invoice is paid: mean collection is taken over invoices older than this."""
TERMS_DAYS: Final = (30, 45)
SLOW_SHARE: Final = 0.2
WHOLESALE_PERCENT: Final = 72
PARTIAL_SHARE: Final = 0.2
ON_ACCOUNT_SHARE: Final = 0.03
STATES: Final = ("CONFIRMED", "SHIPPED", "DELIVERED")
CONFIRMED, SHIPPED, DELIVERED = range(3)
_DAYS_BETWEEN_ORDERS = 5.0
_MOST_LINES = 6
_TERMS_SHARES = (0.7, 0.3)
_USUAL_DELAY_DAYS = (2.0, 4.0)
_SLOW_DELAY_DAYS = (26.0, 9.0)
_STOPPED_PAYING_DAYS = 75
_NAMES = ("安琪", "贝乐", "童欣", "优爱", "乐孕", "恒佳", "瑞贝", "宝成")
_KINDS = ("母婴用品有限公司", "商贸有限公司", "孕婴连锁有限公司")
_FIRST_PHONE = 12_900_000_000


@dataclass(frozen=True)
class Distributors:
    """One element per distributor; money in fen.

    `is_slow` pays weeks late, `has_stopped` pays no more.
    """

    names: tuple[str, ...]
    province: Ints
    phone: Ints
    terms_days: Ints
    credit_limit: Ints
    payment_weekday: Ints
    is_slow: Flags
    has_stopped: Flags
    registered_at: Ints

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class WholesaleOrders:
    """One element per order in the order of creation; each has one invoice of the same row.

    Attributes:
        distributor: who ordered.
        created_at: local seconds.
        shipped_at: local seconds; the invoice is of that day.
        delivered_at: local seconds.
        first_line: row of its first line.
        line_count: how many lines it has.
        total: fen, also of the invoice.
        due_day: days since 1970 on which the invoice is due.
    """

    distributor: Ints
    created_at: Ints
    shipped_at: Ints
    delivered_at: Ints
    first_line: Ints
    line_count: Ints
    total: Ints
    due_day: Ints

    def __len__(self) -> int:
        return len(self.distributor)


@dataclass(frozen=True)
class WholesaleLines:
    """One element per line, grouped by order; money in fen."""

    order: Ints
    line_no: Ints
    sku: Ints
    quantity: Ints
    unit_price: Ints


@dataclass(frozen=True)
class Receipts:
    """One element per transfer that arrived: from whom, when (local seconds), how much (fen)."""

    distributor: Ints
    arrived_at: Ints
    amount: Ints

    def __len__(self) -> int:
        return len(self.distributor)


@dataclass(frozen=True)
class Allocations:
    """One element per part of a transfer that settles (a part of) an invoice; amounts in fen."""

    receipt: Ints
    invoice: Ints
    amount: Ints
    allocated_at: Ints

    def __len__(self) -> int:
        return len(self.receipt)


@dataclass(frozen=True)
class Wholesale:
    """The whole credit business at the end of the last day."""

    distributors: Distributors
    orders: WholesaleOrders
    lines: WholesaleLines
    receipts: Receipts
    allocations: Allocations


def simulate_wholesale(config: WorldConfig, products: Products) -> Wholesale:
    """The credit business of the window and of the days before it; nothing after the end."""
    distributors = _simulate_distributors(config)
    orders, lines = _simulate_orders(config, products, distributors)
    receipts, allocations = _collect(config, distributors, orders)
    return Wholesale(distributors, orders, lines, receipts, allocations)


def describe_wholesale(config: WorldConfig, wholesale: Wholesale) -> dict[str, Any]:
    """Receivables by customer at the end and how long collection takes, from the tables of truth.

    `collection_days` weighs every settled amount by the days from the invoice's date to the day
    the money arrived; `mature` counts invoices older than `MATURE_DAYS` only, so that those still
    open don't make it look short.
    """
    orders, allocations = wholesale.orders, wholesale.allocations
    count = len(wholesale.distributors)
    issued = orders.shipped_at != NEVER
    settled = np.zeros(len(orders), dtype=np.int64)
    np.add.at(settled, allocations.invoice, allocations.amount)
    open_amount = np.where(issued, orders.total - settled, 0)
    today = config.end_second // DAY
    used = np.zeros(len(wholesale.receipts), dtype=np.int64)
    np.add.at(used, allocations.receipt, allocations.amount)

    def by_customer(owner: Ints, amounts: Ints) -> list[int]:
        sums = np.zeros(count, dtype=np.int64)
        np.add.at(sums, owner, amounts)
        return [int(value) for value in sums]

    invoiced = by_customer(orders.distributor, np.where(issued, orders.total, 0))
    receivable = by_customer(orders.distributor, open_amount)
    overdue = by_customer(
        orders.distributor, np.where(issued & (orders.due_day < today), open_amount, 0)
    )
    unused = wholesale.receipts.amount - used
    on_account = by_customer(wholesale.receipts.distributor, unused)
    return {
        "orders": int((orders.created_at >= config.start_second).sum()),
        "invoices": int(issued.sum()),
        "invoiced_fen": sum(invoiced),
        "receipts": len(wholesale.receipts),
        "received_fen": int(wholesale.receipts.amount.sum()),
        "allocations": len(allocations),
        "allocated_fen": int(allocations.amount.sum()),
        "receivable_fen": sum(receivable),
        "overdue_fen": sum(overdue),
        "collection_days": {
            "all": _collection_days(wholesale, np.ones(len(orders), dtype=np.bool_)),
            "mature": _collection_days(
                wholesale, orders.shipped_at <= config.end_second - MATURE_DAYS * DAY
            ),
        },
        "customers": [
            {
                "customer_no": number,
                "invoiced_fen": invoiced[row],
                "receivable_fen": receivable[row],
                "overdue_fen": overdue[row],
                "on_account_fen": on_account[row],
                "terms_days": int(wholesale.distributors.terms_days[row]),
                "credit_limit_fen": int(wholesale.distributors.credit_limit[row]),
                "pays_slowly": bool(wholesale.distributors.is_slow[row]),
                "has_stopped_paying": bool(wholesale.distributors.has_stopped[row]),
            }
            for row, number in enumerate(customer_numbers(count))
        ],
    }


def customer_numbers(count: int) -> list[str]:
    """The numbers of the distributors: B0001 and so on."""
    return [f"B{number:04d}" for number in range(1, count + 1)]


def _weekday(day: Ints) -> Ints:
    """Of days since 1970; Monday is 0."""
    return (day + 3) % 7


def _simulate_distributors(config: WorldConfig) -> Distributors:
    random = config.random("distributors")
    count = config.scenario.distributors
    slow = np.zeros(count, dtype=np.bool_)
    slow[choose_distinct(random, np.arange(count), round(SLOW_SHARE * count))] = True
    stopped = np.zeros(count, dtype=np.bool_)
    stopped[choose_distinct(random, np.flatnonzero(slow), 1)] = True
    province = random.integers(0, len(PROVINCE_NAMES), count)
    names = [
        f"{PROVINCE_NAMES[place][:2]}{_NAMES[n % len(_NAMES)]}{_KINDS[n % len(_KINDS)]}"
        for n, place in enumerate(province.tolist())
    ]
    return Distributors(
        names=tuple(names),
        province=province,
        phone=_FIRST_PHONE + np.arange(count),
        terms_days=random.choice(TERMS_DAYS, count, p=_TERMS_SHARES),
        credit_limit=random.integers(10, 60, count) * 1_000_000,
        payment_weekday=random.integers(0, 5, count),
        is_slow=slow,
        has_stopped=stopped,
        registered_at=config.start_second
        - (HISTORY_DAYS + random.integers(30, 900, count)) * DAY
        + 10 * HOUR,
    )


def _simulate_orders(
    config: WorldConfig, products: Products, distributors: Distributors
) -> tuple[WholesaleOrders, WholesaleLines]:
    random = config.random("wholesale orders")
    span = HISTORY_DAYS + config.days
    number = random.poisson(span / _DAYS_BETWEEN_ORDERS, len(distributors))
    distributor = np.repeat(np.arange(len(distributors)), number)
    day = random.integers(0, span, len(distributor)) - HISTORY_DAYS
    created_at = config.start_second + day * DAY
    created_at += random.integers(9 * HOUR, 18 * HOUR, len(distributor))
    # Nobody orders on weekends: what falls there is ordered on the Friday before.
    created_at -= np.maximum(_weekday(created_at // DAY) - 4, 0) * DAY
    by_time = np.argsort(created_at, kind="stable")
    distributor, created_at = distributor[by_time], created_at[by_time]
    count = len(distributor)
    line_count = random.integers(1, _MOST_LINES + 1, count)
    first_line = np.cumsum(line_count) - line_count
    order = np.repeat(np.arange(count), line_count)
    sku = random.integers(0, len(products), len(order))
    packs = random.integers(1, 6, len(order))
    list_price = products.prices_at(sku, created_at[order])
    lines = WholesaleLines(
        order=order,
        line_no=np.arange(len(order)) - first_line[order] + 1,
        sku=sku,
        quantity=packs * products.pack_size[sku],
        unit_price=list_price * WHOLESALE_PERCENT // 100,
    )
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, order, lines.quantity * lines.unit_price)
    shipped_at = created_at + random.integers(DAY, 3 * DAY, count)
    delivered_at = shipped_at + random.integers(2 * DAY, 5 * DAY, count)
    orders = WholesaleOrders(
        distributor=distributor,
        created_at=created_at,
        shipped_at=config.happened(shipped_at),
        delivered_at=config.happened(delivered_at),
        first_line=first_line,
        line_count=line_count,
        total=total,
        due_day=shipped_at // DAY + distributors.terms_days[distributor],
    )
    return orders, lines


def _collect(
    config: WorldConfig, distributors: Distributors, orders: WholesaleOrders
) -> tuple[Receipts, Allocations]:
    """Instalments of all invoices, gathered into one transfer a distributor and payment day."""
    random = config.random("collections")
    invoice, amount, wanted_at = _instalments(random, distributors, orders)
    owner = orders.distributor[invoice]
    wanted_day = wanted_at // DAY
    paid_day = wanted_day + (distributors.payment_weekday[owner] - _weekday(wanted_day)) % 7
    stops = distributors.has_stopped[owner]
    stops &= paid_day > config.end_second // DAY - _STOPPED_PAYING_DAYS
    happens = ~stops & (paid_day <= config.end_second // DAY)
    invoice, amount, owner, paid_day = (
        values[happens] for values in (invoice, amount, owner, paid_day)
    )
    transfer, receipt = np.unique(np.stack([paid_day, owner]), axis=1, return_inverse=True)
    receipt = receipt.ravel()
    count = transfer.shape[1]
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, receipt, amount)
    # Some pay more than they owe: it stays on their account.
    more = random.random(count) < ON_ACCOUNT_SHARE
    sums += np.where(more, random.integers(1_000, 5_001, count) * 100, 0)
    arrived_at = transfer[0] * DAY + random.integers(9 * HOUR, 17 * HOUR, count)
    waits = np.where(random.random(count) < 0.75, 0, random.integers(1, 5, count)) * DAY
    receipts = Receipts(distributor=transfer[1], arrived_at=arrived_at, amount=sums)
    allocated_at = (arrived_at + HOUR + waits)[receipt]
    known = allocated_at <= config.end_second
    order = np.lexsort((invoice, allocated_at))
    order = order[known[order]]
    allocations = Allocations(
        receipt=receipt[order],
        invoice=invoice[order],
        amount=amount[order],
        allocated_at=allocated_at[order],
    )
    return receipts, allocations


def _instalments(
    random: np.random.Generator, distributors: Distributors, orders: WholesaleOrders
) -> tuple[Ints, Ints, Ints]:
    """Which part of which invoice is to be paid when: invoice, fen and local seconds of each."""
    issued = np.flatnonzero(orders.shipped_at != NEVER)
    owner = orders.distributor[issued]
    slow = distributors.is_slow[owner]
    usual: Floats = random.normal(*_USUAL_DELAY_DAYS, len(issued))
    late: Floats = random.normal(*_SLOW_DELAY_DAYS, len(issued))
    delay = np.where(slow, late, usual)
    wanted_at = orders.due_day[issued] * DAY + (np.maximum(delay, -5.0) * DAY).astype(np.int64)
    in_two = random.random(len(issued)) < PARTIAL_SHARE
    total = orders.total[issued]
    # The first instalment is whole yuan, about six tenths.
    first = np.where(in_two, total * 6 // 1_000 * 100, total)
    in_two &= first > 0
    second_at = wanted_at[in_two] + random.integers(10, 25, int(in_two.sum())) * DAY
    return (
        np.concatenate([issued, issued[in_two]]),
        np.concatenate([np.where(in_two, first, total), (total - first)[in_two]]),
        np.concatenate([wanted_at, second_at]),
    )


def _collection_days(wholesale: Wholesale, counts: Flags) -> str | None:
    """Days from invoice to money, weighted by amount; nothing where nothing was settled."""
    allocations = wholesale.allocations
    kept = counts[allocations.invoice]
    if not kept.any():
        return None
    issued_day = wholesale.orders.shipped_at[allocations.invoice[kept]] // DAY
    days = wholesale.receipts.arrived_at[allocations.receipt[kept]] // DAY - issued_day
    amounts = allocations.amount[kept]
    return f"{int((days * amounts).sum()) / int(amounts.sum()):.2f}"

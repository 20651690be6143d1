"""What the Tmall export says, walked through order by order in plain Python."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
PAY_WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Order:
    """One line of the export."""

    number: str
    total: Decimal
    net: Decimal
    refunded: Decimal
    created_at: datetime
    paid_at: datetime | None

    @property
    def newest_event(self) -> datetime:
        return self.paid_at or self.created_at


def read_orders(path: Path) -> list[Order]:
    """All orders of the export."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = [name.strip() for name in next(rows)]
        return [_order(dict(zip(header, row, strict=True))) for row in rows]


def _order(row: dict[str, str]) -> Order:
    paid = row["订单付款时间"].strip()
    return Order(
        number=row["订单编号"].strip(),
        total=Decimal(row["总金额"]),
        net=Decimal(row["买家实际支付金额"]),
        refunded=Decimal(row["退款金额"]),
        created_at=_instant(row["订单创建时间"]),
        paid_at=_instant(paid) if paid else None,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.strip()).replace(tzinfo=SHANGHAI)


def walk_funnel(orders: list[Order]) -> dict[str, list[tuple[int, str]]]:
    """Order number -> its (step number, outcome) pairs, by walking each order's journey."""
    as_of = max(order.newest_event for order in orders)
    return {order.number: list(_steps(order, as_of)) for order in orders}


def _steps(order: Order, as_of: datetime) -> Iterator[tuple[int, str]]:
    yield 1, "reached"
    if order.paid_at is None:
        yield 2, "open" if as_of < order.created_at + PAY_WINDOW else "dropped"
        return
    yield 2, "reached"
    yield 3, "reached" if order.net > 0 else "dropped"

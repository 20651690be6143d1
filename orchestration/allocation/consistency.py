"""Do the books of stock agree: balances, the entries behind them, and what is reserved."""

from dataclasses import dataclass

from sqlalchemy import Engine, and_, func, or_, select

from connectors.database.schema import (
    stock_balances,
    stock_entries,
    stock_reservation_lines,
    stock_reservations,
)


@dataclass(frozen=True)
class Inconsistency:
    """A balance that its entries or its reservations do not explain."""

    site: str
    sku: str
    sentence: str


def inconsistencies(engine: Engine) -> list[Inconsistency]:
    """Balances that differ from the sums of their entries or of their open reservations."""
    booked = (
        select(
            stock_entries.c.site,
            stock_entries.c.sku,
            func.sum(stock_entries.c.on_hand_change).label("on_hand"),
            func.sum(stock_entries.c.reserved_change).label("reserved"),
        )
        .group_by(stock_entries.c.site, stock_entries.c.sku)
        .subquery()
    )
    lines = stock_reservation_lines
    promised = (
        select(lines.c.site, lines.c.sku, func.sum(lines.c.quantity).label("reserved"))
        .select_from(lines.join(stock_reservations))
        .where(stock_reservations.c.state == "reserved")
        .group_by(lines.c.site, lines.c.sku)
        .subquery()
    )
    b = stock_balances.c
    by_place = stock_balances.outerjoin(
        booked, and_(b.site == booked.c.site, b.sku == booked.c.sku)
    ).outerjoin(promised, and_(b.site == promised.c.site, b.sku == promised.c.sku))
    sums = [func.coalesce(booked.c.on_hand, 0), func.coalesce(booked.c.reserved, 0)]
    open_ = func.coalesce(promised.c.reserved, 0)
    query = (
        select(b.site, b.sku, b.on_hand, b.reserved, *sums, open_)
        .select_from(by_place)
        .where(or_(b.on_hand != sums[0], b.reserved != sums[1], b.reserved != open_))
        .order_by(b.site, b.sku)
    )
    with engine.connect() as connection:
        return [
            Inconsistency(
                row[0],
                row[1],
                f"{row[1]} at {row[0]} has {row[2]} on hand and {row[3]} reserved, its entries "
                f"sum to {row[4]} and {row[5]}, its open reservations to {row[6]}.",
            )
            for row in connection.execute(query)
        ]

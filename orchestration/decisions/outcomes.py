"""What came of a decision in the systems that were told: read back by their sources, published.

A purchase order bears the decision's key; its source reads it back with what was promised and
received, and the lake tells whether the article ran out meanwhile.
"""

from typing import Any

from connectors.errors import NothingPublishedError
from connectors.lake.reader import open_published
from connectors.settings import Settings
from orchestration.snapshot import Snapshot

_LINES = "fct_purchase_order_lines"
_STOCK = "fct_stock_positions"


def published_outcomes(settings: Settings, decision_id: str) -> list[dict[str, Any]]:
    """The purchase orders of a decision by the newest publication; none before the first."""
    try:
        lake = open_published(settings)
    except NothingPublishedError:
        return []
    with lake:
        return purchase_outcomes(lake, decision_id)


def purchase_outcomes(lake: Snapshot, decision_id: str) -> list[dict[str, Any]]:
    """Lines of purchase orders that a decision made, oldest first.

    Args:
        lake: the published snapshot.
        decision_id: whose orders.

    Returns:
        Order, status, units ordered and received, the promised day, whether it is over, and on how
        many counted days since the order the article was out of stock at its site (None where
        nobody counts it).
    """
    known = lake.tables()
    if _LINES not in known or not _has_decisions(lake):
        return []
    stock_out = "cast(null as bigint)"
    if _STOCK in known:
        stock_out = f"""(
            select case when count(*) > 0 then count(*) filter (where stock.on_hand <= 0) end
            from {_STOCK} as stock
            where stock.business = lines.business and stock.site = lines.site
                and stock.sku = lines.sku and stock.business_date > lines.ordered_on
        )"""  # noqa: S608 - own names
    return lake.rows(
        f"""
        select
            lines.source, lines.order_no, lines.purchase_order_status, lines.sku, lines.site,
            lines.quantity, lines.received_quantity, lines.promised_on, lines.is_overdue,
            {stock_out} as days_out_of_stock, lines.known_at
        from {_LINES} as lines
        where lines.decision_id = $decision_id
        order by lines.ordered_at, lines.order_no, lines.line_no
        """,  # noqa: S608 - own names
        {"decision_id": decision_id},
    )


def _has_decisions(lake: Snapshot) -> bool:
    """Whether the publication is recent enough to know whose orders are whose."""
    columns = lake.rows(f"describe {_LINES}")
    return any(row["column_name"] == "decision_id" for row in columns)

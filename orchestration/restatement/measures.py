"""The figures that are compared: each a sum over the rows of one mart.

A measure is written in the mart's own columns. Measures of orders are counted as the metrics of the
same name are.
"""

from dataclasses import dataclass
from typing import Final

from connectors.errors import InputError

COUNTED: Final = "order"


@dataclass(frozen=True)
class Measure:
    """A sum over a mart whose rows can be found again in another publication.

    Attributes:
        name: what it is called.
        table: the mart.
        key: the column that tells its rows apart.
        value: SQL of what is summed; a row whose value is zero does not count.
        happened_at: SQL of the time from which on the row counts, in UTC.
        business_date: SQL of the business day that the row counts for.
        unit: SQL of the currency, or of what is counted.
        source: SQL of the source that told the row.
        refund: SQL of the part of `value` that refunds took away, zero or negative.
    """

    name: str
    table: str
    key: str
    value: str
    happened_at: str
    business_date: str
    unit: str = "currency_code"
    source: str = "source"
    refund: str = "0"


def _order_count(name: str, happened_at: str) -> Measure:
    return Measure(
        name=name,
        table="fct_orders",
        key="order_key",
        value=f"case when order_type = 'sale' and {happened_at} is not null then 1 else 0 end",
        happened_at=happened_at,
        business_date="created_on",
        unit=f"'{COUNTED}'",
    )


def _cash_flow(name: str, flow_type: str, *, sign: str = "") -> Measure:
    return Measure(
        name=name,
        table="fct_order_cash_flows",
        key="cash_flow_key",
        value=f"case when flow_type = '{flow_type}' then {sign}amount else 0 end",
        happened_at="moved_at",
        business_date="event_on",
    )


MEASURES: Final = (
    _order_count("order_count", "created_at"),
    _order_count("paid_order_count", "paid_at"),
    _order_count("shipped_order_count", "shipped_at"),
    _order_count("delivered_order_count", "delivered_at"),
    Measure(
        name="gross_sales",
        table="fct_orders",
        key="order_key",
        value="case when order_type = 'sale' then gross_amount else 0 end",
        happened_at="created_at",
        business_date="created_on",
    ),
    Measure(
        name="net_sales",
        table="fct_orders",
        key="order_key",
        value="case when order_type in ('sale', 'return') then net_paid_amount else 0 end",
        happened_at="coalesce(paid_at, created_at)",
        business_date="created_on",
        refund="case when order_type in ('sale', 'return') then -refunded_amount else 0 end",
    ),
    _cash_flow("payments", "payment"),
    _cash_flow("refunds", "refund", sign="-"),
    _cash_flow("fees", "fee", sign="-"),
    Measure(
        name="settled",
        table="fct_provider_entries",
        key="payment_entry_key",
        value="case when entry_type = 'payout' then 0 else net_amount end",
        happened_at="occurred_at",
        business_date="occurred_on",
        source="provider",
    ),
)


def measure_named(name: str) -> Measure:
    """The measure with this name.

    Raises:
        InputError: there is none.
    """
    found = next((measure for measure in MEASURES if measure.name == name), None)
    if found is None:
        names = ", ".join(measure.name for measure in MEASURES)
        raise InputError(f"{name} is not compared between publications; use one of {names}.")
    return found

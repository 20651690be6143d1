"""Purchases of items as numbers: which customer bought which item in which order, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
import pandas as pd
from scipy import sparse

from models_ml.frames import (
    FrameError,
    as_instant,
    as_utc,
    require_columns,
    require_values,
)

DAY: Final = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True)
class ItemPurchases:
    """Rows (order, item), each once, of n orders by customers and items that all occur.

    Attributes:
        customer: int (n,), place in `customers`.
        item: int (n,), place in `items`.
        order: int (n,), numbered without gaps.
        at: int64 (n,), microseconds since 1970 in UTC.
        customers: labels of the customers, ascending.
        items: labels of the items, ascending.
        now: microseconds since 1970: nothing in here is after it.
    """

    customer: np.ndarray
    item: np.ndarray
    order: np.ndarray
    at: np.ndarray
    customers: np.ndarray
    items: np.ndarray
    now: int

    @property
    def age_days(self) -> np.ndarray:
        """Days from each row to now (n,)."""
        age: np.ndarray = (self.now - self.at) / DAY
        return age

    def before(self, moment: int) -> Self:
        """What was known at an earlier moment: customers, items and orders up to then only."""
        kept = self.at < moment
        customers, customer = np.unique(self.customer[kept], return_inverse=True)
        items, item = np.unique(self.item[kept], return_inverse=True)
        order = np.unique(self.order[kept], return_inverse=True)[1]
        labels = self.customers[customers], self.items[items]
        return type(self)(customer, item, order, self.at[kept], *labels, moment)

    def matrix(self, weight: np.ndarray) -> sparse.csr_matrix:
        """Sum of a weight per row (n,) over customers x items."""
        shape = len(self.customers), len(self.items)
        return sparse.csr_matrix((weight, (self.customer, self.item)), shape=shape)


def item_purchases(
    purchases: pd.DataFrame,
    *,
    customer: str,
    time: str,
    item: str,
    order: str | None = None,
    as_of: datetime | None = None,
    order_span: int = DAY,
) -> ItemPurchases:
    """A plain frame as numbers; an item that is twice in an order is in it once, at its first time.

    Args:
        purchases: one row per bought item.
        customer: column of customer ids.
        time: column of dates or instants; naive ones are taken as UTC.
        item: column of item ids.
        order: column of order ids; without it what a customer buys within `order_span` is one.
        as_of: the present; the time of the last purchase if left out.
        order_span: microseconds; a day (UTC) if left out.

    Raises:
        FrameError: a column or value is missing, there is no row, a row is after `as_of`, or
            an order has two customers.
    """
    named = (customer, time, item) if order is None else (customer, time, item, order)
    require_columns(purchases, named, name="purchases")
    require_values(purchases, named, name="purchases")
    if purchases.empty:
        raise FrameError("The frame purchases has no row; pass at least one purchase.")
    at = _instants(purchases, time)
    now = int(at.max()) if as_of is None else int(as_instant(as_of).astype(np.int64))
    if (at > now).any():
        raise FrameError(
            f"The frame purchases has {int((at > now).sum())} row(s) after {as_of}, "
            "the moment to look ahead from; leave them out.",
            purchases[at > now],
        )
    customer_code, customers = pd.factorize(purchases[customer], sort=True)
    item_code, items = pd.factorize(purchases[item], sort=True)
    if order is None:
        span = np.unique(at // order_span, return_inverse=True)[1]
        order_code = np.unique(customer_code * (span.max() + 1) + span, return_inverse=True)[1]
    else:
        order_code = _orders(purchases, order, customer_code, customer)
    by_time = np.argsort(at, kind="stable")
    key = order_code.astype(np.int64) * len(items) + item_code
    first = by_time[np.unique(key[by_time], return_index=True)[1]]
    codes = customer_code[first], item_code[first], order_code[first]
    return ItemPurchases(*codes, at[first], np.asarray(customers), np.asarray(items), now)


def _instants(purchases: pd.DataFrame, time: str) -> np.ndarray:
    try:
        return as_utc(purchases[time]).astype(np.int64)
    except (ValueError, TypeError) as error:
        raise FrameError(
            f"The column {time} of the frame purchases holds a value that is no time; mend "
            "or remove it.",
            purchases[pd.to_datetime(purchases[time], utc=True, errors="coerce").isna()],
        ) from error


def _orders(
    purchases: pd.DataFrame, order: str, customer_code: np.ndarray, customer: str
) -> np.ndarray:
    code: np.ndarray = pd.factorize(purchases[order])[0]
    owner = np.zeros(code.max() + 1, dtype=np.int64)
    owner[code] = customer_code
    torn = np.zeros(len(owner), dtype=bool)
    torn[code[owner[code] != customer_code]] = True
    if torn.any():
        raise FrameError(
            f"The frame purchases has {int(torn.sum())} value(s) of {order} with more than one "
            f"{customer}; an order belongs to one customer.",
            purchases[torn[code]],
        )
    return code

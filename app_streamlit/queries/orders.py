"""The order list behind a funnel bar: `rpt_funnel_orders`, a row an order and funnel."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows
from orchestration.metrics.scopes import Scope

Outcome = Literal["any", "dropped", "open", "reached"]
OUTCOMES: tuple[Outcome, ...] = ("any", "dropped", "open", "reached")
PAGE_SIZE = 500
EXPORT_LIMIT = 200_000


@dataclass(frozen=True)
class Selection:
    """Orders of a scope by what became of them at one step of a funnel.

    `dropped` and `open` are the orders whose last step is the one before `step_number`; `reached`
    are those that got to it or further: exactly the three parts of the step's bar.
    """

    scope: Scope
    funnel: str
    step_number: int | None = None
    outcome: Outcome = "any"
    order_no: str = ""

    def params(self) -> Mapping[str, Any]:
        """Parameters of the order queries."""
        return {
            **self.scope.params(),
            "funnel": self.funnel,
            "step": self.step_number,
            "outcome": self.outcome,
            "order_no": self.order_no.strip(),
        }


_SELECTED = """
    from rpt_funnel_orders
    where business = $business
      and funnel = $funnel
      and ($channel is null or channel = $channel)
      and cohort_date between $start and $end
      and (
        $step is null
        or $outcome = 'any'
        or ($outcome = 'reached' and last_step_number >= $step)
        or (last_step_number = $step - 1 and next_outcome = $outcome)
      )
      and ($order_no = '' or contains(lower(order_no), lower($order_no)))
"""


@st.cache_data(max_entries=256, show_spinner=False)
def count_orders(edition: Edition, selection: Selection) -> tuple[int, Decimal | None, str]:
    """Number of selected orders, their gross amount, and its currency; None for several."""
    found = rows(
        edition,
        "select count(*) as order_count, "
        "case when count(distinct currency_code) = 1 then sum(gross_amount) end as amount, "
        "min(currency_code) as currency_code " + _SELECTED,
        selection.params(),
    )[0]
    return (
        int(found["order_count"]),
        found["amount"],
        str(found["currency_code"] or ""),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_orders(edition: Edition, selection: Selection, limit: int = PAGE_SIZE) -> pd.DataFrame:
    """One row an order, the largest first."""
    return frame(
        edition,
        "select order_key, order_no, channel, created_at, cohort_date, order_status, "
        "refund_status, gross_amount, net_paid_amount, currency_code, last_step_name, "
        "next_outcome, customer_key "
        + _SELECTED
        + " order by gross_amount desc, order_no limit $limit",
        {**selection.params(), "limit": limit},
    )


@st.cache_data(max_entries=8, show_spinner=False)
def load_order_funnels(edition: Edition) -> dict[str, list[str]]:
    """The funnels that a viewer's orders are in, by business."""
    if not has_table(edition, "rpt_funnel_orders"):
        return {}
    funnels: dict[str, list[str]] = {}
    for row in rows(
        edition, "select distinct business, funnel from rpt_funnel_orders order by all"
    ):
        funnels.setdefault(row["business"], []).append(row["funnel"])
    return funnels


@st.cache_data(max_entries=256, show_spinner=False)
def is_listed(edition: Edition, order_key: str) -> bool:
    """Whether the orders page can show an order; wholesale and others are in no funnel."""
    found = rows(
        edition,
        "select 1 as is_there from rpt_funnel_orders where order_key = $order_key limit 1",
        {"order_key": order_key},
    )
    return bool(found)

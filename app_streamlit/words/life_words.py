"""The words of one order's life: events, stages, and where its flows disagree."""

from typing import Any

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column

# Which of the four flows an event belongs to; what is not listed is about the order itself.
_FLOWS = {
    "paid": "cash",
    "refund_requested": "cash",
    "refunded": "cash",
    "invoiced": "cash",
    "fee": "cash",
    "collection": "cash",
    "settled": "cash",
    "allocated": "goods",
    "parcel_shipped": "goods",
    "parcel_delivered": "goods",
    "delivered": "goods",
    "exchange_requested": "goods",
    "status_changed": "information",
}


def headline(
    context: PageContext, order: dict[str, Any], events: pd.DataFrame, disagreements: pd.DataFrame
) -> str:
    """How far the order is, how long it took, and whether its flows agree."""
    t = context.t
    text = t(
        "life.headline",
        order=order["order_no"],
        status=t.known(f"order_status.{order['order_status']}", str(order["order_status"])),
        events=t("life.events", n=len(events), count=formats.count(len(events))),
        time=formats.duration(seconds_of(events), t),
    )
    if disagreements.empty:
        return text + t("life.agree")
    first = disagreements.to_dict("records")[0]
    return text + t(
        "life.disagree",
        n=len(disagreements),
        count=formats.count(len(disagreements)),
        what=_disagreement(context, first),
    )


def seconds_of(events: pd.DataFrame) -> float | None:
    """From the first event to the last."""
    if events.empty:
        return None
    return float((events["event_at"].max() - events["event_at"].min()).total_seconds())


def event_frame(context: PageContext, events: pd.DataFrame) -> pd.DataFrame:
    """The events as a table."""
    t = context.t
    return pd.DataFrame(
        {
            "event_at": row["event_at"],
            "flow": _flow(context, _FLOWS.get(row["event"], "order")),
            "event": t.known(f"life.event.{row['event']}", row["event"]),
            "order_status": None
            if pd.isna(row["order_status"])
            else t.known(f"order_status.{row['order_status']}", row["order_status"]),
            "actor": t.known(f"life.actors.{row['actor']}", row["actor"]),
            "source": context.source_label(row["source"]),
            "duration": formats.duration(row["seconds_since_previous"], t),
            "status_lag": formats.duration(row["seconds_to_known"], t),
            "amount": row["amount"],
            "reference": row["reference"],
        }
        for row in events.to_dict("records")
    )


EVENT_COLUMNS = (
    Column("event_at", "time"),
    Column("flow", label="flow_of_event"),
    Column("event"),
    Column("order_status", label="reached_status"),
    Column("actor"),
    Column("source"),
    Column("duration"),
    Column("status_lag"),
    Column("amount", "money"),
    Column("reference"),
)


def _flow(context: PageContext, flow: str) -> str:
    return context.t(f"life.flows.{flow}")


def stage_frame(context: PageContext, stages: pd.DataFrame) -> pd.DataFrame:
    """The stages as a table."""
    t = context.t
    return pd.DataFrame(
        {
            "stage": pick({str(k): v for k, v in row.items()}, "label", t.language, row["stage"]),
            "department": department_label(context, row["department"]),
            "state": t(f"life.stage_state.{_stage_state(row)}"),
            "entered_at": row["entered_at"],
            "left_at": row["left_at"],
            "duration": formats.duration(row["dwell_seconds"], t),
            "working_time": formats.duration(row["working_seconds"], t),
            "due_at": row["due_at"],
        }
        for row in stages.to_dict("records")
    )


STAGE_COLUMNS = (
    Column("stage"),
    Column("department"),
    Column("state"),
    Column("entered_at", "time"),
    Column("left_at", "time"),
    Column("duration", label="time_in_stage"),
    Column("working_time"),
    Column("due_at", "time"),
)


def _stage_state(row: dict[Any, Any]) -> str:
    if row["is_breached"] is True:
        return "breached" if row["stage_status"] == "done" else "overdue"
    return str(row["stage_status"])


def department_label(context: PageContext, department: str) -> str:
    """A department in the reader's words."""
    return context.t.known(f"departments.{department}", department)


def disagreement_frame(context: PageContext, disagreements: pd.DataFrame) -> pd.DataFrame:
    """What the flows say differently, as a table."""
    return pd.DataFrame(
        {
            "between": f"{_flow(context, row['flow'])} ↔ {_flow(context, row['other_flow'])}",
            "what": _disagreement(context, row),
            "amount": row["amount"],
            "currency_code": row["currency_code"],
            "found_at": row["found_at"],
        }
        for row in disagreements.to_dict("records")
    )


DISAGREEMENT_COLUMNS = (
    Column("between", label="flows"),
    Column("what", "long", label="finding"),
    Column("amount", "money"),
    Column("currency_code", label="currency"),
    Column("found_at", "time", label="since"),
)


def _disagreement(context: PageContext, row: dict[Any, Any]) -> str:
    t = context.t
    detail = pick({str(k): v for k, v in row.items()}, "label", t.language) or t.known(
        f"order_status.{row['detail']}", str(row["detail"])
    )
    return t(f"life.disagreements.{row['disagreement']}", detail=detail)

"""The words of time in stages and of what is due."""

from typing import Any

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column
from app_streamlit.words.life_words import department_label

_QUANTILES = ("p50", "p90", "p95")


def headline(context: PageContext, dwell: pd.DataFrame) -> str:
    """Which department is late most often, and how many orders are late right now."""
    t = context.t
    late = dwell.groupby("department", sort=False)[["breached_count", "entered_count"]].sum()
    worst = str(late["breached_count"].idxmax())
    now = int(dwell["running_breached_count"].sum())
    breached = int(late["breached_count"].max())
    entered = int(dwell.loc[dwell["department"] == worst, "entered_count"].sum())
    if not breached:
        return t("stages.none_late", count=formats.count(int(dwell["entered_count"].sum())))
    return t(
        "stages.headline",
        department=department_label(context, worst),
        late=formats.count(breached),
        entered=formats.count(entered),
    ) + t("stages.late_now", n=now, count=formats.count(now))


def _stage(context: PageContext, row: dict[Any, Any]) -> str:
    return pick({str(k): v for k, v in row.items()}, "label", context.language, row["stage"])


def dwell_frame(context: PageContext, dwell: pd.DataFrame, business: str) -> pd.DataFrame:
    """The stages as a table, the most breached first."""
    return pd.DataFrame(
        {
            "stage": _stage(context, row),
            "department": department_label(context, row["department"]),
            "channel": context.channel_label(row["channel"], business),
            "order_count": row["entered_count"],
            "breached_count": row["breached_count"],
            "running_breached_count": row["running_breached_count"],
            **{
                f"{kind}_{quantile}": formats.duration(row[f"{kind}_seconds_{quantile}"], context.t)
                for kind in ("dwell", "working")
                for quantile in _QUANTILES
            },
        }
        for row in dwell.to_dict("records")
    )


DWELL_COLUMNS = (
    Column("stage"),
    Column("department"),
    Column("channel"),
    Column("order_count", "count"),
    Column("breached_count", "count"),
    Column("running_breached_count", "count"),
    *(Column(f"{kind}_{quantile}") for kind in ("dwell", "working") for quantile in _QUANTILES),
)


def running_frame(context: PageContext, running: pd.DataFrame, business: str) -> pd.DataFrame:
    """Orders in a stage, with the time that is left or the delay."""
    t = context.t
    return pd.DataFrame(
        {
            "order_no": row["order_no"],
            "stage": _stage(context, row),
            "department": department_label(context, row["department"]),
            "channel": context.channel_label(row["channel"], business),
            "due_at": row["due_at"],
            "state": t(
                "stages.overdue" if row["seconds_to_breach"] < 0 else "stages.left",
                time=formats.duration(abs(row["seconds_to_breach"]), t),
            ),
            "gross_amount": row["gross_amount"],
            "currency_code": row["currency_code"],
        }
        for row in running.to_dict("records")
    )


RUNNING_COLUMNS = (
    Column("order_no"),
    Column("state"),
    Column("stage"),
    Column("department"),
    Column("due_at", "time"),
    Column("channel"),
    Column("gross_amount", "money"),
    Column("currency_code", label="currency"),
)

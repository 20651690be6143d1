"""The words of the quality of sources, and of how long a change of status takes to be visible."""

import math

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column

DIMENSIONS = ("completeness", "validity", "uniqueness", "timeliness", "consistency")


def share(rate: float | None) -> str:
    """A share in percent that is never rounded up: 100 % means all of it."""
    return formats.rate(None if rate is None else math.floor(rate * 10_000) / 10_000, 2)


def quality_headline(context: PageContext, rates: pd.DataFrame) -> str:
    """How many sources are without a fault, and what is the weakest of all."""
    t = context.t
    scores = rates[rates["is_weakest"]].sort_values(["rate", "source"])
    faulty = scores[scores["rate"] < 1]
    if faulty.empty:
        text = t("quality.perfect", n=len(scores), count=formats.count(len(scores)))
    else:
        worst = faulty.iloc[0]
        text = t(
            "quality.headline",
            n=len(faulty),
            count=formats.count(len(faulty)),
            total=formats.count(len(scores)),
            source=context.source_label(str(worst["source"])),
            share=share(worst["rate"]),
            check=t(f"quality.checks.{worst['quality_check']}"),
        )
    if context.standing.red:
        text += t("quality.red")
    return text


def quality_frame(context: PageContext, rates: pd.DataFrame) -> pd.DataFrame:
    """A row a source, the weakest first: its score, what makes it, and each dimension's weakest."""
    t = context.t
    weakest = rates[rates["is_weakest"]].sort_values(["rate", "source"])
    lowest = rates.groupby(["source", "quality_dimension"])["rate"].min()
    return pd.DataFrame(
        {
            "source": row["source"],
            "score": share(row["rate"]),
            "weakest": t("quality.none_weak")
            if row["rate"] >= 1
            else t(f"quality.checks.{row['quality_check']}"),
            **{name: share(lowest.get((row["source"], name))) for name in DIMENSIONS},
        }
        for row in weakest.to_dict("records")
    )


def quality_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the table of scores."""
    return (
        Column("source", words=lambda name: context.source_label(str(name))),
        Column("score", label="quality_score"),
        Column("weakest", label="weakest_check"),
        *(Column(name) for name in DIMENSIONS),
    )


def lag_headline(context: PageContext, lags: pd.DataFrame) -> str:
    """How many changes were visible in time, and where they take longest."""
    t = context.t
    changes, visible, late = (
        int(lags[name].sum()) for name in ("change_count", "visible_count", "late_count")
    )
    if visible == 0:
        history = formats.count(int(lags["history_count"].sum()))
        if changes == 0:
            return t("lag.only_history", history=history)
        return t("lag.nothing", history=history, n=changes, count=formats.count(changes))
    slowest = lags[lags["visible_count"] > 0].sort_values(
        ["visible_seconds_p95", "source", "to_status"], ascending=[False, True, True]
    )
    first = slowest.iloc[0]
    return t(
        "lag.headline",
        n=visible,
        count=formats.count(visible),
        intime=formats.count(visible - late),
        source=context.source_label(str(first["source"])),
        status=_status(context, first["document_type"], first["to_status"]),
        time=formats.duration(first["visible_seconds_p95"], t),
    )


def lag_frame(context: PageContext, lags: pd.DataFrame) -> pd.DataFrame:
    """A row a source, type of document and status, the slowest first."""
    t = context.t
    judged = lags[lags["change_count"] > 0].sort_values(
        ["visible_seconds_p95", "source", "document_type", "to_status"],
        ascending=[False, True, True, True],
    )
    return pd.DataFrame(
        {
            "source": row["source"],
            "document": t.known(f"lag.documents.{row['document_type']}", row["document_type"]),
            "status": _status(context, row["document_type"], row["to_status"]),
            "change_count": row["change_count"],
            "late_count": row["late_count"],
            "limit": formats.duration(row["limit_seconds"], t),
            **{
                name: formats.duration(row[name], t)
                for name in (
                    "known_seconds_p50",
                    "known_seconds_p95",
                    "visible_seconds_p50",
                    "visible_seconds_p95",
                )
            },
        }
        for row in judged.to_dict("records")
    )


def lag_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the table of status lags."""
    return (
        Column("source", words=lambda name: context.source_label(str(name))),
        Column("document", label="document_type"),
        Column("status", label="reached_status"),
        Column("visible_seconds_p50"),
        Column("visible_seconds_p95"),
        Column("limit", label="lag_limit"),
        Column("late_count", "count", label="lag_late_count"),
        Column("change_count", "count", label="lag_change_count"),
        Column("known_seconds_p50"),
        Column("known_seconds_p95"),
    )


def _status(context: PageContext, document_type: object, status: object) -> str:
    name = str(status)
    place = "shipment_status" if document_type == "parcel" else "order_status"
    return context.t.known(f"{place}.{name}", name)

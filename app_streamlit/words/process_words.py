"""The words of the process: its steps, the paths that orders take, and what the SOP foresees."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column

_ICONS = {"sop": "✓", "rework": "▲", "deviation": "✕"}
FEWEST_SHARE = 0.002  # of the most travelled step: rarer ones are in the table, not on the map


def labels(context: PageContext, activities: pd.DataFrame) -> dict[str, str]:
    """Activity -> its name in the reader's language."""
    named = {
        str(row["activity"]): pick(
            {str(k): v for k, v in row.items()}, "label", context.language, str(row["activity"])
        )
        for row in activities.to_dict("records")
    }
    return {"start": context.t("process.start"), **named}


def headline(context: PageContext, business: str, conformance: Mapping[str, Any]) -> str:
    """How many orders went as planned, and how many without rework."""
    t = context.t
    if not conformance:
        return t("process.none_ended", business=context.business_label(business))
    return t(
        "process.headline",
        business=context.business_label(business),
        ended=formats.count(conformance["ended_order_count"]),
        conforming=formats.rate(float(conformance["process_conformance_rate"])),
        straight=formats.rate(float(conformance["straight_through_rate"])),
    )


def step_label(context: PageContext, count: int, wait: float | None) -> str:
    """An arrow's words: how many times, and below it the median wait."""
    counted = formats.count(count)
    return counted if wait is None else f"{counted}\n{formats.duration(wait, context.t)}"


def on_the_map(steps: pd.DataFrame) -> pd.DataFrame:
    """The steps that are drawn: all but the rarest foreseen ones; deviations always."""
    if steps.empty:
        return steps
    often = steps["step_count"] >= FEWEST_SHARE * steps["step_count"].max()
    drawn: pd.DataFrame = steps[often | (steps["step_kind"] == "deviation")]
    return drawn


def step_frame(context: PageContext, steps: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """The steps as a table, the most frequent first."""
    return pd.DataFrame(
        {
            "from_step": names.get(row["previous_activity"], row["previous_activity"]),
            "to_step": names.get(row["activity"], row["activity"]),
            "step_kind": kind_label(context, row["step_kind"]),
            "step_count": row["step_count"],
            "waited_p50": formats.duration(row["waited_seconds_p50"], context.t),
            "waited_p90": formats.duration(row["waited_seconds_p90"], context.t),
        }
        for row in steps.to_dict("records")
    )


STEP_COLUMNS = (
    Column("from_step"),
    Column("to_step"),
    Column("step_kind"),
    Column("step_count", "count"),
    Column("waited_p50"),
    Column("waited_p90"),
)


def kind_label(context: PageContext, kind: str) -> str:
    """Icon and word of a kind of step."""
    return f"{_ICONS[kind]} {context.t(f'process.kinds.{kind}')}"


def variant_frame(
    context: PageContext, variants: pd.DataFrame, names: Mapping[str, str], business: str
) -> pd.DataFrame:
    """The paths as a table, the most travelled first."""
    return pd.DataFrame(
        {
            "order_path": " → ".join(names.get(a, a) for a in row["order_path"].split(" > ")),
            "step_kind": kind_label(context, _kind_of(row)),
            "order_count": row["order_count"],
            "order_share": row["order_share"],
            "running_count": row["running_count"],
            "repeated_count": row["repeated_count"],
            "path_p50": formats.duration(row["path_seconds_p50"], context.t),
            "path_p90": formats.duration(row["path_seconds_p90"], context.t),
            "channel": context.channel_label(row["channel"], business),
            "gross_amount": row["gross_amount"],
            "currency_code": row["currency_code"],
        }
        for row in variants.to_dict("records")
    )


def _kind_of(row: Mapping[Any, Any]) -> str:
    if row["deviation_count"]:
        return "deviation"
    return "rework" if row["rework_count"] else "sop"


VARIANT_COLUMNS = (
    Column("order_path", "long"),
    Column("channel"),
    Column("step_kind"),
    Column("order_count", "count"),
    Column("order_share", "rate"),
    Column("running_count", "count"),
    Column("repeated_count", "count"),
    Column("path_p50"),
    Column("path_p90"),
    Column("gross_amount", "money"),
    Column("currency_code", label="currency"),
)

"""The words of where each value of an order comes from."""

from datetime import datetime
from typing import Any

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.health_words import entity_label
from orchestration.provenance import FieldProvenance, OrderProvenance

COLUMNS = (
    Column("record", label="told_as"),
    Column("field"),
    Column("value"),
    Column("known_at", "time", label="known_since"),
    Column("told_by", label="told_by"),
    Column("record_number", "count", label="place_in_file"),
    Column("before", "long", label="earlier_values"),
)


def headline(context: PageContext, order: OrderProvenance) -> str:
    """How many values there are, from how many files or readings, and how many changed."""
    t = context.t
    told = [field for field in order.fields if _is_told(field)]
    changed = [field for field in told if field.earlier]
    places = {field.origin.file_name or field.origin.load_id for field in told}
    text = t(
        "provenance.headline",
        n=len(told),
        count=formats.count(len(told)),
        source=context.source_label(order.source),
        places=t("provenance.places", n=len(places), count=formats.count(len(places))),
    )
    if not changed:
        return text + t("provenance.unchanged")
    return text + t("provenance.changed", n=len(changed), count=formats.count(len(changed)))


def frame(context: PageContext, fields: tuple[FieldProvenance, ...]) -> pd.DataFrame:
    """A row a value that is or was told, those that changed first."""
    told = [field for field in fields if _is_told(field)]
    return pd.DataFrame(
        {
            "record": f"{entity_label(context, field.entity)} {field.record_key}".strip(),
            "field": context.t.known(
                f"provenance.fields.{field.field}", field.field.replace("_", " ")
            ),
            "value": _shown(context, field.value),
            "known_at": field.known_at,
            "told_by": field.origin.file_name or field.origin.source_id,
            "record_number": field.origin.record_number,
            "before": "; ".join(
                context.t(
                    "provenance.before",
                    value=_shown(context, one.value),
                    time=_time(context, one.replaced_at),
                )
                for one in field.earlier
            ),
        }
        for field in sorted(told, key=lambda field: not field.earlier)
    )


def _is_told(field: FieldProvenance) -> bool:
    return field.value is not None or bool(field.earlier)


def _shown(context: PageContext, value: Any) -> str:
    if value is None:
        return formats.EMPTY
    return _time(context, value) if isinstance(value, datetime) else str(value)


def _time(context: PageContext, moment: datetime) -> str:
    return formats.time(moment, context.zone, context.t.language)

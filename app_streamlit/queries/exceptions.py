"""The queue of exceptions: what is wrong by a publication, and what people did about it since."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app_streamlit.queries.access import current_viewer
from app_streamlit.queries.edition import Edition, has_table, open_edition, rows
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.stewardship import exceptions
from orchestration.stewardship.exceptions import ExceptionCase, TimeToResolve

_FRESH_SECONDS = 5
Labels = dict[str, dict[str, str]]


@dataclass(frozen=True)
class ExceptionLabels:
    """What classes and ways out are called, each by language; options as `class:option`."""

    classes: Labels
    options: Labels


@st.cache_resource(ttl=_FRESH_SECONDS, max_entries=8, show_spinner=False)
def load_cases(edition: Edition) -> tuple[ExceptionCase, ...]:
    """All cases that the viewer sees, most money at risk first, resolved ones too."""
    engine = open_database(load_settings())
    found = exceptions.list_exceptions(engine, open_edition(edition), with_resolved=True)
    return tuple(found)  # nobody can change it: no copy for each view of thousands of cases


def load_times(home: str) -> dict[str | None, TimeToResolve]:
    """How long resolving took by class, all under None; nothing to whom sees some rows only."""
    return {} if current_viewer().sight.rows else _load_times(home)


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def _load_times(home: str) -> dict[str | None, TimeToResolve]:
    del home
    return exceptions.times_to_resolve(open_database(load_settings()))


@st.cache_data(max_entries=8, show_spinner=False)
def load_labels(edition: Edition) -> ExceptionLabels:
    """The words of the two seeds."""
    if not has_table(edition, "exception_classes"):
        return ExceptionLabels({}, {})
    classes = rows(edition, "select * from exception_classes order by sort_order")
    options = rows(edition, "select * from exception_options order by exception_class, sort_order")
    return ExceptionLabels(
        {row["exception_class"]: _words(row) for row in classes},
        {f"{row['exception_class']}:{row['option']}": _words(row) for row in options},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_order_no(edition: Edition, order_key: str) -> str | None:
    """The number of an order that the orders page can show; None: it can't."""
    found = rows(
        edition,
        "select order_no from rpt_funnel_orders where order_key = $order_key limit 1",
        {"order_key": order_key},
    )
    return str(found[0]["order_no"]) if found else None


def load_history(edition: Edition, case: ExceptionCase) -> pd.DataFrame:
    """What people did about a case that the viewer sees, oldest first."""
    if case not in load_cases(edition):
        return pd.DataFrame()
    found = exceptions.case_history(open_database(load_settings()), case.exception_key)
    return pd.DataFrame(found)


def forget() -> None:
    """After a change: the next page reads the queue anew."""
    load_cases.clear()
    _load_times.clear()


def _words(row: dict[str, object]) -> dict[str, str]:
    return {"en": str(row["label_en"]), "zh": str(row["label_zh"])}

"""The queue of exceptions: what is wrong by a publication, and what people did about it since."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app_streamlit.queries.access import current_viewer
from app_streamlit.queries.edition import Edition, has_table, open_edition, rows
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.stewardship import exception_queue as queue
from orchestration.stewardship import exceptions
from orchestration.stewardship.exception_queue import ExceptionCase, ExceptionGroup, Wanted
from orchestration.stewardship.exceptions import TimeToResolve

Labels = dict[str, dict[str, str]]


@dataclass(frozen=True)
class ExceptionLabels:
    """What classes and ways out are called, each by language; options as `class:option`."""

    classes: Labels
    options: Labels


def load_groups(edition: Edition) -> tuple[ExceptionGroup, ...]:
    """All cases that the viewer sees, counted; resolved ones too."""
    return _groups(edition, _newest_act())


def load_cases(
    edition: Edition, wanted: Wanted, limit: int | None = None
) -> tuple[ExceptionCase, ...]:
    """Cases that the viewer sees, most money at risk first."""
    return _cases(edition, _newest_act(), wanted, limit)


def load_case(edition: Edition, key: str) -> ExceptionCase | None:
    """The case with this key; None: the viewer sees none."""
    return _case(edition, _newest_act(), key)


def load_times(home: str) -> dict[str | None, TimeToResolve]:
    """How long resolving took by class, all under None; nothing to whom sees some rows only."""
    return {} if current_viewer().sight.rows else _times(home, _newest_act())


def _newest_act() -> int:
    """Asked in every view: a case that somebody took is shown as taken to everybody at once."""
    return exceptions.newest_act(open_database(load_settings()))


# What is read can't be changed by anybody, so no view gets a copy of its own.
@st.cache_resource(max_entries=8, show_spinner=False)
def _groups(edition: Edition, act: int) -> tuple[ExceptionGroup, ...]:
    del act
    return tuple(queue.count_exceptions(open_database(load_settings()), open_edition(edition)))


@st.cache_resource(max_entries=32, show_spinner=False)
def _cases(
    edition: Edition, act: int, wanted: Wanted, limit: int | None
) -> tuple[ExceptionCase, ...]:
    del act
    engine = open_database(load_settings())
    return tuple(queue.list_exceptions(engine, open_edition(edition), wanted, limit=limit))


@st.cache_resource(max_entries=64, show_spinner=False)
def _case(edition: Edition, act: int, key: str) -> ExceptionCase | None:
    del act
    return queue.exception_of(open_database(load_settings()), open_edition(edition), key)


@st.cache_resource(max_entries=4, show_spinner=False)
def _times(home: str, act: int) -> dict[str | None, TimeToResolve]:
    del home, act
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
    if load_case(edition, case.exception_key) is None:
        return pd.DataFrame()
    found = exceptions.case_history(open_database(load_settings()), case.exception_key)
    return pd.DataFrame(found)


def _words(row: dict[str, object]) -> dict[str, str]:
    return {"en": str(row["label_en"]), "zh": str(row["label_zh"])}

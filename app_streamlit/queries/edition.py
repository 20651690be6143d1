"""Which publication a page reads, and the one connection a publication has.

`Edition` is the key of every cache below it, so figures of two publications never mix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import Settings, load_settings


@dataclass(frozen=True)
class Edition:
    """One publication of one home."""

    home: str
    publication_id: str


def edition_of(settings: Settings, publication_id: str) -> Edition:
    """The edition that these settings and a publication id name."""
    return Edition(home=settings.fingerprint(), publication_id=publication_id)


# A few publications at a time: the newest, the one before, and what "as of" viewers look at. The
# connection closes when the last query that uses the dropped entry is done with it: closing it
# on eviction would break a query of another viewer that is still running.
@st.cache_resource(max_entries=4, show_spinner=False)
def open_edition(edition: Edition) -> PublishedLake:
    """The read-only connection of a publication, shared by all viewers (a cursor a query)."""
    return open_published(load_settings(), edition.publication_id)


def frame(edition: Edition, sql: str, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Run one select; amounts stay exact decimals, and an empty answer keeps its columns."""
    with open_edition(edition).cursor() as cursor:
        result = cursor.execute(sql, params)
        names = [column[0] for column in result.description or []]
        return pd.DataFrame.from_records(result.fetchall(), columns=names)


def rows(
    edition: Edition, sql: str, params: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run one select; a dict a row."""
    return open_edition(edition).rows(sql, params)


def has_table(edition: Edition, name: str) -> bool:
    """Whether this publication has a table (a model may be newer than the publication)."""
    return name in _tables(edition)


@st.cache_data(max_entries=8, show_spinner=False)
def _tables(edition: Edition) -> frozenset[str]:
    return frozenset(open_edition(edition).tables())

"""Which publication a page reads, as whom, and the one connection that both have.

`Edition` is the key of every cache below it, so figures of two publications, and of two viewers who
see different rows, never mix. What a viewer may not see is not in their edition: pages need no
filter of their own, and can't forget one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from connectors.database.engine import open_database
from connectors.database.publications import find_publication
from connectors.lake.permitted import open_permitted
from connectors.lake.reader import PublishedLake
from connectors.lake.sight import EVERYTHING, Sight
from connectors.settings import Settings, load_settings


@dataclass(frozen=True)
class Edition:
    """One publication of one home, as far as a viewer may see it."""

    home: str
    publication_id: str
    sight: Sight = EVERYTHING


def edition_of(settings: Settings, publication_id: str, sight: Sight = EVERYTHING) -> Edition:
    """The edition that these settings, a publication id and a viewer's sight name."""
    return Edition(home=settings.fingerprint(), publication_id=publication_id, sight=sight)


def newest_edition(sight: Sight = EVERYTHING) -> Edition:
    """The newest publication of this home; its id is empty while nothing is published."""
    settings = load_settings()
    publication = find_publication(open_database(settings), None)
    return edition_of(settings, publication.publication_id if publication else "", sight)


# A few at a time: the newest publication as each role sees it, the one before, and what "as of"
# viewers look at. The connection closes when the last query that uses the dropped entry is done
# with it: closing it on eviction would break a query of another viewer that is still running.
@st.cache_resource(max_entries=8, show_spinner=False)
def open_edition(edition: Edition) -> PublishedLake:
    """The read-only connection of an edition, shared by all who see the same of it."""
    return open_permitted(load_settings(), edition.publication_id, edition.sight)


def frame(edition: Edition, sql: str, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Run one select; amounts stay exact decimals, and an empty answer keeps its columns."""
    names, found = open_edition(edition).fetch(sql, params)
    return pd.DataFrame.from_records(found, columns=names)


def rows(
    edition: Edition, sql: str, params: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run one select; a dict a row."""
    return open_edition(edition).rows(sql, params)


def has_table(edition: Edition, name: str) -> bool:
    """Whether this publication has a table (a model may be newer than the publication)."""
    return name in _tables(edition)


def is_only_whole(edition: Edition, name: str) -> bool:
    """Whether a viewer of some rows lacks a table, because its rows can't be told apart."""
    return bool(edition.sight.rows) and not has_table(edition, name)


@st.cache_data(max_entries=8, show_spinner=False)
def _tables(edition: Edition) -> frozenset[str]:
    return frozenset(open_edition(edition).tables())

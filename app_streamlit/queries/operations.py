"""What the operational database knows: publications, runs and whether the data is red.

These answers change between publications, so they are cached for seconds, not by publication.
"""

from dataclasses import dataclass

import streamlit as st

from connectors.database.engine import open_database
from connectors.database.publications import Publication, find_publication, list_publications
from connectors.database.runs import PipelineRun, RedState, data_is_red, latest_run
from connectors.settings import load_settings

PUBLICATIONS_SHOWN = 50
_FRESH_SECONDS = 3


@dataclass(frozen=True)
class Standing:
    """The state of an installation at this moment."""

    publications: tuple[Publication, ...]
    red: RedState | None
    last_run: PipelineRun | None

    @property
    def newest(self) -> Publication | None:
        """The publication in force."""
        return self.publications[0] if self.publications else None


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def load_standing(home: str) -> Standing:
    """Publications, newest first, the red state and the last run of the home with this key."""
    del home  # the key of the cache: another home has another standing
    engine = open_database(load_settings())
    return Standing(
        publications=tuple(list_publications(engine, PUBLICATIONS_SHOWN)),
        red=data_is_red(engine),
        last_run=latest_run(engine),
    )


def load_publication(as_of: str) -> Publication | None:
    """The publication with this id, or the one in force at this time.

    Raises:
        InputError: the text is neither.
    """
    return find_publication(open_database(load_settings()), as_of)

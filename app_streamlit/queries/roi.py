"""The frozen baseline and the figures since, as the room of the return on investment tells them."""

from dataclasses import dataclass

import streamlit as st

from app_streamlit.queries.access import require_all_rows
from app_streamlit.queries.edition import Edition, open_edition
from app_streamlit.queries.metrics import open_layer
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.roi.baseline import (
    Baseline,
    Comparison,
    compare_with_baseline,
    load_baseline,
)


@dataclass(frozen=True)
class Return:
    """The baseline, and each figure against it."""

    baseline: Baseline
    comparisons: tuple[Comparison, ...]


def load_return(edition: Edition) -> Return | None:
    """The figures of a publication against the baseline; None when none was frozen.

    Raises:
        ContractError: the baseline was changed after it was frozen.
        ForbiddenError: the viewer sees some rows only, and the baseline is of all.
    """
    require_all_rows()
    baseline = load_baseline(load_settings())
    return None if baseline is None else _compare(edition, baseline.hash)


@st.cache_data(ttl=60, max_entries=8, show_spinner=False)
def _compare(edition: Edition, digest: str) -> Return | None:
    del digest  # another baseline is another answer
    settings = load_settings()
    baseline, layer = load_baseline(settings), open_layer()
    if baseline is None or layer is None:
        return None
    found = compare_with_baseline(
        settings, open_database(settings), open_edition(edition), layer, baseline
    )
    return Return(baseline, tuple(found))

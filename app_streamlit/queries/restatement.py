"""The block "what changed since an earlier publication" of the data health page."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, open_edition
from app_streamlit.queries.operations import load_publication
from connectors.errors import ContractError
from orchestration.restatement.comparison import compare


class Restated(NamedTuple):
    """What a publication says differently from an earlier one.

    Attributes:
        changes: one row a measure, unit, business and reason: `row_count`, `difference`.
        redefined: whether the definitions differ as well.
        not_comparable: measures that one of the two has no table for.
    """

    changes: pd.DataFrame
    redefined: bool
    not_comparable: tuple[str, ...]


@st.cache_data(max_entries=32, show_spinner=False)
def load_restated(edition: Edition, since: str) -> Restated:
    """The differences of the shown publication and an earlier one, by reason.

    Raises:
        ContractError: the earlier one is gone.
    """
    earlier = load_publication(since)
    if earlier is None:
        raise ContractError(f"Publication {since} is gone; choose another one.")
    found = compare(open_edition(edition), earlier, by=("business",))
    columns = ["measure", "unit", "business", "reason", "row_count", "difference"]
    return Restated(
        changes=pd.DataFrame(found.changes, columns=columns),
        redefined=found.redefined,
        not_comparable=tuple(row["measure"] for row in found.not_comparable),
    )

"""What the definitions page shows: metrics as their owners wrote them, the documentation site."""

from pathlib import Path

import pandas as pd

from app_streamlit.queries.metrics import open_layer
from connectors.settings import load_settings
from orchestration.documentation import documentation_path


def load_definitions(language: str) -> pd.DataFrame:
    """One row a metric, in the reader's language; empty where none is defined yet."""
    layer = open_layer()
    metrics = layer.catalogue.metrics.values() if layer else ()
    return pd.DataFrame(
        [
            {
                "label": one.label(language),
                "definition": one.definition(language),
                "unit": one.unit,
                "owner": one.owner,
                "kind": one.kind,
                "metric": one.name,
            }
            for one in metrics
        ],
        columns=["label", "definition", "unit", "owner", "kind", "metric"],
    ).sort_values(["owner", "label"], ignore_index=True)


def documentation_site() -> Path | None:
    """The page that `fourflow docs` wrote for this home, if it did."""
    path = documentation_path(load_settings())
    return path if path.is_file() else None

"""What a figure is, in the words of its owner, from the semantic layer."""

import pandas as pd

from app_streamlit.queries.metrics import described
from app_streamlit.ui.cards import escape
from app_streamlit.ui.context import current
from app_streamlit.ui.i18n import Translator, catalogue, readable
from app_streamlit.ui.tables import Column
from connectors.settings import Settings


def label(name: str, t: Translator, settings: Settings | None = None) -> str:
    """The name of a metric in the reader's language; settings are those of the run by default."""
    metric = described(name, settings or current().settings)
    return metric.label(t.language) if metric else readable(name)


def meaning(name: str, t: Translator) -> str:
    """Definition, unit, owner, and the name by which the command line knows it, as Markdown."""
    metric = described(name, current().settings)
    if metric is None:
        return t("metrics.undefined")
    return (
        f"{escape(metric.definition(t.language))}\n\n"
        + t("metrics.about", unit=_unit(metric.unit, t), owner=_owner(metric.owner, t))
        + f"\n\n`fourflow metric {metric.name}`"
    )


def columns(t: Translator) -> tuple[Column, ...]:
    """The columns of the table of definitions."""
    return (
        Column("label", label="metric_label"),
        Column("definition", "long", label="metric_definition"),
        Column("unit", label="metric_unit", words=lambda unit: _unit(str(unit), t)),
        Column("owner", label="metric_owner", words=lambda owner: _owner(str(owner), t)),
        Column("kind", label="metric_kind", words=lambda kind: t(f"metric_kinds.{kind}")),
        Column("metric", label="metric_name"),
    )


def glossary(t: Translator) -> pd.DataFrame:
    """One row a word that pages use, in the order of the reader's alphabet."""
    names = sorted(
        {key.split(".")[1] for key in catalogue(t.language) if key.startswith("glossary.")}
    )
    found = [
        {"term": t(f"glossary.{name}.term"), "meaning": t(f"glossary.{name}.meaning")}
        for name in names
    ]
    return pd.DataFrame(found).sort_values("term", ignore_index=True)


GLOSSARY_COLUMNS = (Column("term"), Column("meaning", "long"))


def _unit(unit: str, t: Translator) -> str:
    return t.known(f"metric_units.{unit}", unit)


def _owner(owner: str, t: Translator) -> str:
    return t.known(f"owners.{owner}", owner.removeprefix("team:"))

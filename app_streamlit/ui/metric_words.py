"""What a figure is, in the words of its owner, from the semantic layer."""

from app_streamlit.queries.metrics import described
from app_streamlit.ui.cards import escape
from app_streamlit.ui.i18n import Translator, readable


def label(name: str, t: Translator) -> str:
    """The name of a metric in the reader's language."""
    metric = described(name)
    return metric.label(t.language) if metric else readable(name)


def meaning(name: str, t: Translator) -> str:
    """Definition, unit, owner, and the name by which the command line knows it, as Markdown."""
    metric = described(name)
    if metric is None:
        return t("metrics.undefined")
    return (
        f"{escape(metric.definition(t.language))}\n\n"
        + t(
            "metrics.about",
            unit=t.known(f"metric_units.{metric.unit}", metric.unit),
            owner=t.known(f"owners.{metric.owner}", metric.owner.removeprefix("team:")),
        )
        + f"\n\n`fourflow metric {metric.name}`"
    )

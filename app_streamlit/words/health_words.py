"""The words, tiles and tables of the data health page."""

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile, escape
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from connectors.database.runs import PipelineRun

VIEWS = (
    "sources",
    "quality",
    "lag",
    "compared",
    "checks",
    "conservation",
    "quarantine",
    "unmapped",
    "publications",
    "restated",
    "held",
)
# Not a seed: these come with what a source tells of its articles and sites.
_MASTER_DATA = ("products", "sites")
CHECK_COLUMNS = (
    Column("name", label="check"),
    Column("kind", label="check_kind"),
    Column("message", "long", label="finding"),
)
PUBLICATION_COLUMNS = (
    Column("published_at", "time"),
    Column("publication_id", label="publication"),
    Column("run_id", label="run"),
    Column("checks_passed", "count"),
    Column("checks_warned", "count"),
    Column("snapshot_id", "count"),
    Column("git_commit", label="code_version"),
    Column("shown_now"),
)


def _total(conservation: pd.DataFrame, name: str) -> int:
    return int(conservation[name].sum()) if len(conservation) else 0


def headline(context: PageContext, conservation: pd.DataFrame) -> str:
    """Whether the shown figures can be trusted, in one or two sentences."""
    t = context.t
    received = _total(conservation, "received")
    quarantined = _total(conservation, "quarantined")
    state = "red" if context.standing.red else "green"
    text = t(f"health.headline.{state}")
    if received:
        text += t(
            "health.records",
            n=received,
            count=formats.count(received),
            bad=formats.count(quarantined),
        )
    unexplained = _total(conservation, "unexplained")
    if unexplained:
        text += t("health.unexplained", n=abs(unexplained), count=formats.count(abs(unexplained)))
    return text


def tiles(context: PageContext, conservation: pd.DataFrame) -> list[Tile]:
    """Received, used, duplicates, quarantined."""
    t = context.t
    return [
        Tile(
            t(f"columns.{name}"),
            formats.short(_total(conservation, name), t.language),
            t(f"definitions.{name}"),
        )
        for name in ("received", "used", "duplicates", "quarantined")
    ]


def of_business(context: PageContext, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the chosen business's sources; all when none is chosen or there is no row."""
    if context.choices.business is None or frame.empty:
        return frame
    return frame[frame["source"].isin(context.sources_of(context.choices.business))]


def entity_label(context: PageContext, entity: object) -> str:
    """The name of an entity in the reader's words."""
    return context.t.known(f"entities.{entity}", str(entity))


def _source(context: PageContext) -> Column:
    return Column("source", words=lambda name: context.source_label(str(name)))


def _entity(context: PageContext) -> Column:
    return Column("entity", words=lambda name: entity_label(context, name))


def freshness_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the sources' table."""
    return (
        _source(context),
        _entity(context),
        Column("record_count", "count"),
        Column("file_count", "count"),
        Column("load_count", "count"),
        Column("last_received_at", "time"),
        Column("last_event_at", "time"),
    )


def conservation_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the conservation table."""
    names = ("received", "used", "duplicates", "quarantined", "unexplained")
    return (_source(context), _entity(context), *(Column(name, "count") for name in names))


def reason_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the table of quarantine reasons."""
    return (
        _source(context),
        _entity(context),
        Column("reason", "long"),
        Column("record_count", "count"),
        Column("amount", "money"),
    )


def unmapped_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the values that no mapping knows."""
    return (
        Column("mapping", label="unmapped_kind", words=lambda name: mapping_label(context, name)),
        Column("source_value", label="value"),
        _source(context),
        Column("place", words=lambda name: context.channel_label(str(name))),
        Column("row_count", "count"),
        Column("first_known_at", "time"),
        Column("last_known_at", "time"),
        Column("add_to", "long"),
    )


def mapping_label(context: PageContext, mapping: object) -> str:
    """What kind of value a mapping holds."""
    return context.t.known(f"health.mappings.{mapping}", str(mapping))


def unmapped_headline(context: PageContext, values: pd.DataFrame) -> str:
    """How many values no mapping knows, and which is the most frequent."""
    t = context.t
    first = values.iloc[0]
    return t(
        "health.unmapped",
        n=len(values),
        count=formats.count(len(values)),
        rows=formats.count(int(values["row_count"].sum())),
        value=first["source_value"],
        kind=mapping_label(context, first["mapping"]),
        source=context.source_label(str(first["source"])),
    )


def with_file(context: PageContext, values: pd.DataFrame) -> pd.DataFrame:
    """The values with where each is to be added."""
    t = context.t
    return values.assign(
        add_to=[
            t(f"health.add_to.{mapping}")
            if mapping in _MASTER_DATA
            else f"dbt_project/seeds/{mapping}.csv"
            for mapping in values["mapping"]
        ]
    )


def record_columns() -> tuple[Column, ...]:
    """The columns of quarantined records."""
    return (
        Column("reason", "long"),
        Column("payload", "long"),
        Column("amount", "money"),
        Column("received_at", "time"),
        Column("source_id", label="record"),
    )


def places(reasons: pd.DataFrame) -> list[tuple[str, str]]:
    """Source and entity of everything in quarantine, most records first."""
    counts = reasons.groupby(["source", "entity"], sort=False)["record_count"].sum()
    return [(str(source), str(entity)) for source, entity in counts.index]


def place_label(context: PageContext, place: tuple[str, str]) -> str:
    """A source and entity in the reader's words."""
    return f"{context.source_label(place[0])} · {entity_label(context, place[1])}"


def run_sentence(context: PageContext, run: PipelineRun | None) -> str:
    """What the last run was and how it ended."""
    t = context.t
    if run is None:
        return t("health.no_run")
    return t(
        "health.last_run",
        run=escape(run.run_id),
        started=formats.time(run.started_at, context.zone, t.language),
        status=t.known(f"run_status.{run.status}", run.status),
    )


def check_frame(run: PipelineRun | None) -> pd.DataFrame:
    """The failed checks of a run."""
    checks = run.failed_checks if run else ()
    return pd.DataFrame(
        [{"name": c.name, "kind": c.kind, "message": c.message} for c in checks],
        columns=["name", "kind", "message"],
    )


def publication_frame(context: PageContext) -> pd.DataFrame:
    """The publications, newest first."""
    return pd.DataFrame(
        {
            "published_at": publication.published_at,
            "publication_id": publication.publication_id,
            "run_id": publication.run_id,
            "checks_passed": publication.checks.get("passed"),
            "checks_warned": publication.checks.get("warned"),
            "snapshot_id": publication.snapshot_id,
            "git_commit": publication.git_commit[:10],
            "shown_now": "●"
            if publication.publication_id == context.publication.publication_id
            else "",
        }
        for publication in context.standing.publications
    )

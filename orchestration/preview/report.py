"""Builds a changed dbt project on a copy of the lake and says what it would move."""

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from connectors.database.engine import open_database
from connectors.errors import ContractError, FourflowError, InputError
from connectors.lake.attach import attach_statement, connect_snapshot, newest_snapshot
from connectors.lake.reader import PublishedLake, find_published
from connectors.settings import LAKE_NAME, NO_CONFIGURATION, Settings, load_settings
from orchestration.dbt_build import MANIFESTS, DbtBuild, ensure_manifest, published_project
from orchestration.decisions.definition import RuleDefinition
from orchestration.decisions.evaluation import evaluate_rule
from orchestration.decisions.rulebook import list_rules
from orchestration.metrics.layer import CURRENCY_CODE, MetricLayer, MetricQuery
from orchestration.preview.copying import copied_home
from orchestration.preview.differences import Relation, Sides, TableDifference, compare_table
from orchestration.snapshot import Snapshot

CHANGED = "state:modified+"
_AFTER = "preview"
_WRITTEN = ("table", "incremental", "seed")


@dataclass(frozen=True)
class MetricMove:
    """A metric of a business (and currency) that is another one; None where it has no value."""

    metric: str
    group: str
    before: Any
    after: Any


@dataclass(frozen=True)
class RuleMove:
    """What a rule would propose now; `error` says why it could not look any more."""

    rule_id: str
    mode: str
    before: int
    after: int
    new: int
    gone: int
    error: str = ""


@dataclass
class Preview:
    """What a change would move.

    Attributes:
        publication_id: what it is compared with.
        changed: names of the models and seeds that differ from the published ones.
        built: how many models and seeds were built: those, and what is made of them.
        checks_passed: how many tests passed.
        checks_failed: tests that did not, with dbt's message.
        tables: differences of the tables that were built; equal ones left out.
        metrics: metrics with other values.
        metrics_compared: how many metrics were asked.
        rules: rules that would propose something else.
        rules_compared: how many rules read what was built.
    """

    publication_id: str
    changed: list[str] = field(default_factory=list)
    built: int = 0
    checks_passed: int = 0
    checks_failed: list[dict[str, str]] = field(default_factory=list)
    tables: list[TableDifference] = field(default_factory=list)
    metrics: list[MetricMove] = field(default_factory=list)
    metrics_compared: int = 0
    rules: list[RuleMove] = field(default_factory=list)
    rules_compared: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether every test passed and every rule could still look."""
        return not self.checks_failed and not any(rule.error for rule in self.rules)


@dataclass(frozen=True)
class _Sides:
    """What was built, and the lake without and with it."""

    manifest: Mapping[str, Any]
    built: Collection[str]
    before: PublishedLake
    after: PublishedLake

    @property
    def tables(self) -> set[str]:
        nodes = self.manifest["nodes"]
        return {nodes[one]["alias"] for one in self.built if one in nodes}


def preview(
    settings: Settings,
    *,
    select: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Preview:
    """Build what differs from the published project on a copy of the lake, and compare.

    Forecasts, risk scores and replenishment are not learnt anew: what a rule reads of them is as
    it was published.

    Args:
        settings: whose lake and project.
        select: dbt's selection of what to build; default: what differs and what is made of it.
        tell: is told what happens.

    Raises:
        NothingPublishedError: there is nothing to compare with.
        InputError: nothing differs, or it can't be told what does.
        ContractError: dbt stopped before it built anything.
    """
    engine = open_database(settings)
    publication = find_published(settings, None, engine=engine)
    tell("copy the lake")
    with copied_home(settings) as copy:
        published = _published_definitions(copy, publication.manifest_hash, is_needed=not select)
        tell("parse the project")
        manifest = json.loads(ensure_manifest(copy).read_text(encoding="utf-8"))
        state = published.dbt_target_path if published else None
        build = DbtBuild(copy, select=select or CHANGED, state=state)
        done: list[str] = []
        with copy.exported():
            for node in build.results():
                tell(node.unique_id.split(".")[2])
                if node.status == "success":
                    done.append(node.unique_id)
        if build.checks is None:
            if "NoNodesForSelectionCriteria" in build.error or "does not match" in build.error:
                raise InputError(
                    "No model or seed differs from the published project "
                    f"({publication.publication_id}); edit one, or name models with --select."
                )
            raise ContractError(f"dbt stopped before it built anything: {build.error}")
        told = Preview(
            publication.publication_id,
            changed=_changed(published, manifest, done),
            built=len(done),
            checks_passed=build.checks.passed,
            checks_failed=build.checks.failed,
        )
        tell("compare")
        with connect_snapshot(copy) as connection:
            later = replace(
                publication, publication_id=_AFTER, snapshot_id=newest_snapshot(connection)
            )
        with (
            PublishedLake(publication, connect_snapshot(copy, publication.snapshot_id)) as before,
            PublishedLake(later, connect_snapshot(copy, later.snapshot_id)) as after,
            connect_snapshot(copy, later.snapshot_id) as both,
        ):
            both.execute(
                attach_statement(
                    copy, read_only=True, snapshot_id=publication.snapshot_id, name="published"
                )
            )
            told.tables = _tables(Sides(both, "published", LAKE_NAME), manifest, done)
            sides = _Sides(manifest, done, before, after)
            _compare_metrics(told, sides, copy, published)
            rules = [
                one.definition
                for one in list_rules(engine)
                if one.definition.source_table in sides.tables
            ]
            told.rules_compared = len(rules)
            zone = ZoneInfo(copy.business_time_zone)
            told.rules = compare_rules(rules, before, after, zone)
    return told


def _published_definitions(
    copy: Settings, manifest_hash: str, *, is_needed: bool
) -> Settings | None:
    """A home in which nothing is but what was parsed of the published project."""
    found = published_project(copy, manifest_hash)
    if found is None:
        if not is_needed:
            return None
        raise InputError(
            "The published project is not known in this home, so what differs from it can't be "
            "told; name the models with --select (such as dim_customers+), or run `fourflow run` "
            "once before the change."
        )
    home = load_settings(home=copy.root / "published", config=NO_CONFIGURATION)
    home.dbt_target_path.mkdir(parents=True)
    for name in MANIFESTS:
        shutil.copyfile(found / name, home.dbt_target_path / name)
    return home


def _changed(
    home: Settings | None, manifest: Mapping[str, Any], built: Collection[str]
) -> list[str]:
    """The built nodes whose own text, columns or settings differ from the published ones."""
    if home is None:
        return []
    published = _read(home)["nodes"]
    compared = ("checksum", "raw_code", "unrendered_config", "contract")
    return sorted(
        manifest["nodes"][one]["name"]
        for one in built
        if one in manifest["nodes"]
        and any(
            manifest["nodes"][one].get(name) != published.get(one, {}).get(name)
            for name in compared
        )
    )


def _tables(
    sides: Sides, manifest: Mapping[str, Any], built: Collection[str]
) -> list[TableDifference]:
    nodes = [manifest["nodes"][one] for one in built if one in manifest["nodes"]]
    found = [
        compare_table(
            sides, Relation(node["alias"], node["schema"], tuple(node.get("primary_key") or ()))
        )
        for node in nodes
        if node["config"].get("materialized") in _WRITTEN
    ]
    return sorted((one for one in found if one.is_any), key=lambda one: one.table)


def _compare_metrics(
    told: Preview, sides: _Sides, copy: Settings, published: Settings | None
) -> None:
    """Ask every metric that is made of a built model, by business, on both sides."""
    metrics = sides.manifest["metrics"]
    earlier = _read(published)["metrics"] if published else metrics
    names = sorted(
        metric["name"]
        for unique_id, metric in metrics.items()
        if _made_of(unique_id, sides.manifest) & set(sides.built)
        or metric["type_params"] != earlier.get(unique_id, {}).get("type_params")
    )
    if not names:
        return
    layer = MetricLayer(copy)
    old_layer = MetricLayer(published, may_parse=False) if published else layer
    told.metrics_compared = len(names)
    for name in names:
        old, new = _values(old_layer, name, sides.before), _values(layer, name, sides.after)
        told.metrics.extend(
            MetricMove(name, group, old.get(group), new.get(group))
            for group in sorted(old.keys() | new.keys())
            if old.get(group) != new.get(group)
        )


def _values(layer: MetricLayer, name: str, lake: PublishedLake) -> dict[str, Any]:
    for by in (("business",), ()):
        try:
            rows = layer.rows(MetricQuery((name,), by=by), lake)
        except FourflowError:
            continue
        return {
            " ".join(str(row[one]) for one in ("business", CURRENCY_CODE) if row.get(one)): row[
                name
            ]
            for row in rows
        }
    return {}


def _made_of(unique_id: str, manifest: Mapping[str, Any]) -> set[str]:
    """The models that a metric is made of, through other metrics and semantic models."""
    found: set[str] = set()
    waiting = [unique_id]
    while waiting:
        one = waiting.pop()
        node = manifest["metrics"].get(one) or manifest["semantic_models"].get(one)
        if node is None:
            found.add(one)
            continue
        waiting.extend(node["depends_on"]["nodes"])
    return found


def _read(home: Settings) -> dict[str, Any]:
    """The manifest of a home."""
    path = home.dbt_target_path / "manifest.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def compare_rules(
    rules: Iterable[RuleDefinition], before: Snapshot, after: Snapshot, zone: ZoneInfo
) -> list[RuleMove]:
    """Rules that would decide something else, whether or not they are switched on.

    Args:
        rules: which.
        before: the lake as it is published.
        after: the lake with the change.
        zone: business time zone.
    """
    moves = []
    for rule in rules:
        old = evaluate_rule(rule, before, zone=zone)
        new = evaluate_rule(rule, after, zone=zone)
        known, found = (
            {(one.subject, one.occurrence) for one in side.proposals} for side in (old, new)
        )
        error = "" if old.errors else next(iter(new.errors), "")
        if known != found or error:
            moves.append(
                RuleMove(
                    rule.rule_id,
                    rule.mode,
                    before=len(known),
                    after=len(found),
                    new=len(found - known),
                    gone=len(known - found),
                    error=error,
                )
            )
    return moves

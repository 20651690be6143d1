"""Ask for metrics: one definition for pages, command line, exports and rules.

A question becomes one SQL statement, which is kept on disk under the digest of the definitions: the
second time nobody loads MetricFlow for it. The statement runs on a published snapshot, so the same
question has one answer whoever asks.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from connectors.errors import ContractError, InputError
from connectors.lake.reader import PublishedLake
from connectors.settings import Settings
from orchestration.metrics.catalogue import (
    CURRENCY,
    Catalogue,
    Metric,
    read_catalogue,
)
from orchestration.metrics.manifest import ensure_semantic_manifest
from orchestration.metrics.names import Column, Grain, GroupBy, column, filter_template

if TYPE_CHECKING:
    import pyarrow as pa

    from orchestration.metrics.engine import MetricEngine

CURRENCY_CODE = "currency_code"
_WRITING = 1  # raise it when the same question is to be written as other SQL
_PLACES = Decimal("0.000001")  # of amounts that a division left: as unit prices


@dataclass(frozen=True)
class MetricQuery:
    """A question.

    Attributes:
        metrics: names of metrics.
        by: dimensions: a whole name (`product__category`) or its last part; `day`, `week`,
            `month`, `quarter`, `year`, or `metric_time` for the time that each metric is counted
            by.
        where: conditions in SQL on dimensions; `$name` stands for a parameter.
        grain: grain of `metric_time` and of other dates in `by`.
    """

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    grain: Grain = "day"


@dataclass(frozen=True)
class MetricSql:
    """The statement that answers a question, and the names of its columns."""

    sql: str
    groups: tuple[str, ...]
    metrics: tuple[str, ...]


class MetricLayer:
    """The metrics of one home; safe to share between threads."""

    def __init__(self, settings: Settings, *, may_parse: bool = True) -> None:
        """Find the definitions.

        Args:
            settings: whose home and project.
            may_parse: parse the dbt project when it has changed (seconds to a minute).

        Raises:
            ContractError: there are no definitions.
        """
        self._manifest = ensure_semantic_manifest(settings, may_parse=may_parse)
        self.catalogue: Catalogue = read_catalogue(self._manifest)
        self._cache = settings.root / "cache" / "metrics" / self.catalogue.digest

    def warm(self) -> None:
        """Load MetricFlow in the background, so that the first new question does not wait."""
        threading.Thread(target=self._engine, name="metricflow", daemon=True).start()

    def group_bys(self, metrics: Sequence[str]) -> list[GroupBy]:
        """Everything that all these metrics can be grouped and filtered by.

        Raises:
            InputError: there is no such metric.
        """
        self.catalogue.named(metrics)
        return self._engine().group_bys(metrics)

    def sql(self, query: MetricQuery) -> MetricSql:
        """The statement that answers a question.

        Metrics with amounts in them are always grouped by `currency_code` too: amounts of two
        currencies are never added.

        Raises:
            InputError: a metric or dimension does not exist, or they don't fit together.
        """
        metrics = self.catalogue.named(query.metrics)
        if not metrics:
            raise InputError("Name at least one metric; `fourflow metric list` shows all.")
        said = json.dumps([_WRITING, asdict(query)], sort_keys=True).encode()
        path = self._cache / f"{hashlib.sha256(said).hexdigest()[:32]}.json"
        with suppress(OSError, ValueError, KeyError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            return MetricSql(kept["sql"], tuple(kept["groups"]), tuple(kept["metrics"]))
        written = self._write(query, metrics)
        _keep(path, json.dumps(asdict(written), ensure_ascii=False))
        return written

    def rows(
        self,
        query: MetricQuery,
        lake: PublishedLake,
        params: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The answer as of a publication: a dict a group, the first `limit` in the groups' order.

        Amounts are exact decimals; those that come of a division have six places. Counts are
        integers, shares are floats; None where there is nothing to divide by.

        Raises:
            InputError: as `sql`, or a condition that the data's types refuse.
            ContractError: the publication is older than a table that a metric is made of.
        """
        written = self.sql(query)
        amounts = [
            one.name for one in self.catalogue.named(written.metrics) if one.unit == CURRENCY
        ]
        with _said_plainly(query, lake):
            most = "" if limit is None else f"\nlimit {limit:d}"
            found = lake.rows(written.sql + most, params)
        for row in found:
            for name in amounts:
                if isinstance(row[name], float):
                    row[name] = Decimal(repr(row[name])).quantize(_PLACES)
        return found

    def arrow(
        self, query: MetricQuery, lake: PublishedLake, params: Mapping[str, Any] | None = None
    ) -> "pa.Table":
        """The answer as an Arrow table, as the statement gives it (quotients are doubles)."""
        with _said_plainly(query, lake), lake.cursor() as cursor:
            return cursor.execute(self.sql(query).sql, params).to_arrow_table()

    def _engine(self) -> "MetricEngine":
        return _load_engine(self._manifest, self.catalogue.digest)

    def _write(self, query: MetricQuery, metrics: Sequence[Metric]) -> MetricSql:
        names = tuple(dict.fromkeys(metric.name for metric in metrics))
        engine = self._engine()
        available = engine.group_bys(names)
        subject = names[0] if len(names) == 1 else "these metrics together"
        columns = [column(word, available, subject, query.grain) for word in query.by]
        if any(metric.is_monetary for metric in metrics):
            columns = _with_currency(columns, available)
        where = [filter_template(one, available, subject) for one in query.where]
        inner = engine.sql(names, list(dict.fromkeys(c.name for c in columns)), where)
        shown = tuple(dict.fromkeys(c.shown for c in columns))
        return MetricSql(_outer(inner, columns, names), shown, names)


_engine_lock = threading.Lock()


def _load_engine(manifest: Path, digest: str) -> "MetricEngine":
    with _engine_lock:  # two askers at once load it once
        return _engine_of(manifest, digest)


@lru_cache(maxsize=2)
def _engine_of(manifest: Path, digest: str) -> "MetricEngine":
    del digest  # only to be loaded anew
    from orchestration.metrics.engine import MetricEngine  # noqa: PLC0415 - a second

    return MetricEngine(manifest)


def _with_currency(columns: list[Column], available: Sequence[GroupBy]) -> list[Column]:
    if any(one.name.split("__")[-1] == CURRENCY_CODE for one in columns):
        return columns
    if any(one.name == CURRENCY_CODE for one in available):
        return [*columns, Column(CURRENCY_CODE, CURRENCY_CODE, False)]
    return columns


def _outer(inner: str, columns: Sequence[Column], metrics: Sequence[str]) -> str:
    """Around MetricFlow's select: the asked names, dates as dates, and one order of rows."""
    shown: dict[str, str] = {}
    for one in columns:
        shown.setdefault(
            one.shown, f'cast("{one.name}" as date)' if one.is_date else f'"{one.name}"'
        )
    wanted = [f'{expression} as "{name}"' for name, expression in shown.items()]
    wanted += [f'"{name}"' for name in metrics]
    order = f"\norder by {', '.join(str(n + 1) for n in range(len(shown)))}" if shown else ""
    return f"select {', '.join(wanted)}\nfrom (\n{inner}\n) as answer{order}"


def _keep(path: Path, text: str) -> None:
    """Whoever reads meanwhile finds all of it or nothing; a home that is read only keeps none."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)


class _said_plainly:  # noqa: N801 (reads as a statement)
    """Turns DuckDB's errors into one sentence about the question."""

    def __init__(self, query: MetricQuery, lake: PublishedLake) -> None:
        self._metrics = ", ".join(query.metrics)
        self._publication = lake.publication.publication_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, duckdb.CatalogException):
            raise ContractError(
                f"Publication {self._publication} has no table that {self._metrics} is made of: it "
                "is older than the metric. Ask as of a newer one."
            ) from error
        if isinstance(error, duckdb.Error):
            raise InputError(
                f"{self._metrics} could not be computed: {str(error).splitlines()[0]}"
            ) from error

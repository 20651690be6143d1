"""MetricFlow in process: from metrics and dimensions to one SQL statement. Never runs it.

Importing this module loads MetricFlow (about a second); `orchestration.metrics.layer` does so only
for a question whose SQL is not known yet.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.engine.models import Dimension
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.type_enums.dimension_type import DimensionType
from metricflow_semantics.errors.error_classes import InformativeUserError
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from connectors.errors import InputError
from orchestration.metrics.names import METRIC_TIME, GroupBy


class _Dialect:
    """What MetricFlow asks of a database client when it only writes SQL."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class MetricEngine:
    """One loaded semantic manifest; safe to share between threads."""

    def __init__(self, manifest: Path) -> None:
        """Load a semantic manifest that dbt wrote."""
        parsed = parse_manifest_from_dbt_generated_manifest(manifest.read_text(encoding="utf-8"))
        client: object = _Dialect()
        self._engine = MetricFlowEngine(
            SemanticManifestLookup(parsed),
            client,  # type: ignore[arg-type]
        )
        self._lock = threading.Lock()  # MetricFlow numbers its aliases with a global counter

    def group_bys(self, metrics: Sequence[str]) -> list[GroupBy]:
        """Everything that all these metrics can be grouped by."""
        with self._lock:
            found = self._engine.list_group_bys(list(metrics))
        named: dict[str, GroupBy] = {}
        for one in found:
            if not isinstance(one, Dimension):
                named.setdefault(one.name, GroupBy(one.name, "entity"))
            elif one.name != METRIC_TIME:
                is_time = one.type is DimensionType.TIME
                name = one.dunder_name
                named.setdefault(name, GroupBy(name, "time" if is_time else "categorical"))
        return sorted(named.values(), key=lambda one: one.name)

    def sql(self, metrics: Sequence[str], by: Sequence[str], where: Sequence[str]) -> str:
        """One select with a column for each group (under MetricFlow's name) and each metric.

        Raises:
            InputError: MetricFlow cannot answer that; carries the heart of what it says.
        """
        request = MetricFlowQueryRequest.create(
            metric_names=list(metrics), group_by_names=list(by), where_constraints=list(where)
        )
        try:
            with self._lock:
                return str(self._engine.explain(request).sql_statement.sql)
        except InformativeUserError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            heart = " ".join(line for line in lines[1:6] if not line.endswith(":"))
            raise InputError(
                f"{', '.join(metrics)} cannot be asked by {', '.join(by) or 'nothing'}: "
                f"{(heart or lines[0])[:300]}"
            ) from error

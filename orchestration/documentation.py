"""The documentation site: dbt's docs of the project, with what is published, as one page.

One HTML file with everything in it, so that it opens from a disk, a mail or a dashboard without a
server, and fetches nothing from anywhere.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from connectors.errors import ContractError
from connectors.lake.reader import PublishedLake
from connectors.settings import LAKE_NAME, Settings
from orchestration.metrics.catalogue import Catalogue, Metric, read_catalogue
from orchestration.metrics.manifest import semantic_manifest_path

_MANIFEST_MARK = '"MANIFEST.JSON INLINE DATA"'
_CATALOG_MARK = '"CATALOG.JSON INLINE DATA"'
_PUBLISHED_LAYERS = ("marts", "reports")
# What browsers would ask for: icons before the page has named them, and a favicon that dbt forgot.
_MENDED = {
    'xlink:href="{{': 'ng-attr-xlink:href="{{',
    "${require('./assets/favicons/favicon.ico')}": "data:,",
}


def documentation_path(settings: Settings) -> Path:
    """Where the page of this home is."""
    return settings.root / "docs" / "index.html"


def build_documentation(
    settings: Settings, manifest: Path, lake: PublishedLake, now: datetime
) -> Path:
    """Write the page of what a publication holds; returns where it is.

    Args:
        settings: whose home.
        manifest: dbt's manifest of the project as it is now.
        lake: the publication whose tables, columns and row counts are shown.
        now: when the page is made (UTC).

    Raises:
        ContractError: dbt's page is not the one that this was written for.
    """
    told: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    metrics = read_catalogue(semantic_manifest_path(settings))
    _describe(told, metrics, lake, now)
    page = files("dbt.task.docs").joinpath("index.html").read_text(encoding="utf-8")
    for asked, mended in _MENDED.items():
        page = page.replace(asked, mended)
    for mark, content in ((_MANIFEST_MARK, told), (_CATALOG_MARK, _catalog(told, lake, now))):
        if mark not in page:
            raise ContractError(
                f"dbt's page of documentation has no place for {mark}; install the dbt-core of "
                "requirements.lock."
            )
        page = page.replace(mark, json.dumps(content, ensure_ascii=False).replace("</", "<\\/"))
    target = documentation_path(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}")
    part.write_text(page, encoding="utf-8")
    part.replace(target)
    return target


def _describe(told: dict[str, Any], metrics: Catalogue, lake: PublishedLake, now: datetime) -> None:
    """Put owners and both languages where dbt's page shows them, and the first page before all."""
    told["metadata"].update(send_anonymous_usage_stats=False, user_id=None, env={})
    for node in (*told["nodes"].values(), *told["sources"].values()):
        node.pop("root_path", None)
        owner = (node["config"].get("meta") or {}).get("owner")
        if owner:
            node["description"] = f"{node['description']}\n\n**Owner / 负责:** {owner}"
    for node in told["metrics"].values():
        node["description"] = _metric_text(metrics.metrics[node["name"]])
    told["docs"]["doc.fourflow.__overview__"] = {
        "name": "__overview__",
        "resource_type": "doc",
        "package_name": told["metadata"]["project_name"],
        "path": "overview.md",
        "original_file_path": "overview.md",
        "unique_id": "doc.fourflow.__overview__",
        "block_contents": _overview(told, metrics, lake, now),
    }


def _metric_text(metric: Metric) -> str:
    return (
        f"**{metric.label_en} / {metric.label_zh}**\n\n{metric.definition_en}\n\n"
        f"{metric.definition_zh}\n\n**Unit / 单位:** {metric.unit} · "
        f"**Owner / 负责:** {metric.owner}\n\n`fourflow metric {metric.name}`"
    )


def _overview(told: dict[str, Any], metrics: Catalogue, lake: PublishedLake, now: datetime) -> str:
    publication = lake.publication.publication_id
    parts = [
        "# Fourflow",
        f"Publication / 发布 `{publication}` · made / 生成 {now:%Y-%m-%d %H:%M} UTC",
        "Lineage: the button at the lower right. 血缘图：右下角按钮。",
        "## Metrics 指标",
        *_metric_tables(metrics),
        "## Data dictionary 数据字典",
        _dictionary(told),
        "## Owners 负责人",
        _table(
            ("group", "owner", "e-mail", "what"),
            [
                (g["name"], g["owner"]["name"], g["owner"]["email"], g.get("description") or "")
                for g in told["groups"].values()
            ],
        ),
    ]
    return "\n\n".join(parts)


def _metric_tables(metrics: Catalogue) -> list[str]:
    parts = []
    for owner in sorted({metric.owner for metric in metrics.metrics.values()}):
        rows = [
            (
                f"[{one.name}](#!/metric/metric.fourflow.{one.name})",
                one.label_en,
                one.label_zh,
                one.unit,
                one.definition_en,
                one.definition_zh,
            )
            for one in metrics.metrics.values()
            if one.owner == owner
        ]
        header = ("metric", "label", "名称", "unit", "definition", "定义")
        parts += [f"### {owner}", _table(header, rows)]
    return parts


def _dictionary(told: Mapping[str, Any]) -> str:
    rows = []
    for key, node in sorted(told["nodes"].items()):
        if node["resource_type"] == "model" and node["fqn"][1] in _PUBLISHED_LAYERS:
            freshness = node["config"]["meta"]["freshness"]
            grain = node["description"].split(". ")[0].split("\n")[0].rstrip(".")
            hours = f"{freshness['warn_after_hours']} / {freshness['error_after_hours']} h"
            link = f"[{node['name']}](#!/model/{key})"
            rows.append((link, grain, node["group"] or "", hours))
    return _table(("table", "grain", "owner", "late / stale after"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)])


def _catalog(told: Mapping[str, Any], lake: PublishedLake, now: datetime) -> dict[str, Any]:
    """What dbt's `docs generate` would find out, asked of the publication, without its lock."""
    columns: dict[tuple[str, str], dict[str, Any]] = {}
    for row in lake.rows(
        "select schema_name, table_name, column_name, column_index, data_type "
        "from duckdb_columns() where database_name = $lake order by all",
        {"lake": LAKE_NAME},
    ):
        name = row["column_name"]
        columns.setdefault((row["schema_name"], row["table_name"]), {})[name] = {
            "type": row["data_type"],
            "index": row["column_index"],
            "name": name,
            "comment": None,
        }
    sizes = {
        (row["schema_name"], row["table_name"]): row["estimated_size"]
        for row in lake.rows(
            "select schema_name, table_name, estimated_size from duckdb_tables() "
            "where database_name = $lake",
            {"lake": LAKE_NAME},
        )
    }

    def entry(key: str, node: Mapping[str, Any]) -> dict[str, Any] | None:
        place = (node["schema"], node.get("alias") or node.get("identifier") or node["name"])
        if place not in columns:
            return None
        owner = (node["config"].get("meta") or {}).get("owner")
        return {
            "unique_id": key,
            "metadata": {
                "type": "BASE TABLE" if place in sizes else "VIEW",
                "schema": place[0],
                "name": place[1],
                "database": LAKE_NAME,
                "comment": None,
                "owner": owner,
            },
            "columns": columns[place],
            "stats": _stats(sizes.get(place)),
        }

    def entries(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        found = {key: entry(key, node) for key, node in nodes.items() if node.get("schema")}
        return {key: value for key, value in found.items() if value}

    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json",
            "dbt_version": told["metadata"]["dbt_version"],
            "generated_at": now.isoformat(),
            "env": {},
        },
        "nodes": entries(told["nodes"]),
        "sources": entries(told["sources"]),
        "errors": None,
    }


def _stats(rows: int | None) -> dict[str, Any]:
    def one(name: str, label: str, value: object, told: str, shown: bool) -> dict[str, Any]:
        return {
            "id": name,
            "label": label,
            "value": value,
            "description": told,
            "include": shown,
        }

    has = rows is not None
    stats = {
        "has_stats": one(
            "has_stats", "Has Stats?", has, "Whether there are statistics for this table", False
        )
    }
    if has:
        stats["num_rows"] = one("num_rows", "Rows", rows, "Rows in this publication", True)
    return stats

"""Records as received, read with the rules by which the lake's staging reads them.

The rules are the macros of the dbt project itself, rendered here without dbt: what a check outside
of a build takes for an order's amount is what staging takes for it.
"""

import json
import re
from functools import lru_cache
from typing import Any

from jinja2 import Environment

from connectors.errors import InputError
from connectors.settings import Settings
from connectors.sources.mapping import DeclaredEntity, DeclaredSource

_MACROS = ("time.sql", "text.sql", "parsing.sql", "personal_data.sql", "stage_records.sql")
_CALL = "\x00".join(
    (
        "{{ column_path(column) }}",
        "{{ raw_value(column, raw) }}",
        "{{ typed_value(column, text, zone) }}",
    )
)


def typed_query(
    settings: Settings,
    source: DeclaredSource,
    entity: DeclaredEntity,
    relation: str,
    names: tuple[str, ...],
) -> str:
    """SQL of typed columns over a relation in bronze's shape; one row a record that could be read.

    Args:
        settings: whose dbt project has the rules.
        source: whose time zone local times are in.
        entity: whose mapping says where a column stands.
        relation: table or view with at least `payload` and `read_error`.
        names: which columns of the mapping.

    Returns:
        A query of the relation's columns without `payload`, and of these.
    """
    zone = entity.mapping.time_zone or source.mapping.time_zone
    read = ", ".join(
        f"{_typed(settings, entity, name, zone)} as {name}" for name in names if name != "account"
    )
    return (
        f"select * exclude (payload, read_error), {read} from {relation} where read_error is null"  # noqa: S608 - the mapping's own names
    )


def columns_of(entity: DeclaredEntity, expression: str | None) -> tuple[str, ...]:
    """The columns of the mapping that an SQL expression of it names, such as that of its amount."""
    words = re.findall(r"\w+", expression or "")
    return tuple(dict.fromkeys(word for word in words if word in entity.mapping.columns))


def is_of_record(entity: DeclaredEntity, name: str) -> bool:
    """Whether the mapping has a column that the record alone tells, not its parent or its list."""
    column = entity.mapping.columns.get(name)
    return bool(column and column.of != "parent" and column.path != "#" and not column.key)


def _typed(settings: Settings, entity: DeclaredEntity, name: str, zone: str) -> str:
    column = entity.mapping.columns[name]
    if not is_of_record(entity, name):
        raise InputError(
            f"Column {name} of {entity.name} in {entity.declared_in.name} is not of the record "
            "itself; a check of the source can read only those that are."
        )
    return _expression(_rules(settings), column.model_dump_json(), zone)


def _rules(settings: Settings) -> str:
    folder = settings.dbt_project_path / "macros"
    return "".join((folder / name).read_text(encoding="utf-8") for name in _MACROS)


@lru_cache(maxsize=1024)
def _expression(rules: str, described: str, zone: str) -> str:
    """SQL of a column; what it is made of is its key, so an edited rule or mapping is seen."""
    column = json.loads(described)
    path, _, _ = _rendered(rules, column, "", "", zone)
    received = f"json_extract_string(payload, '{path.strip()}')"
    _, raw, _ = _rendered(rules, column, received, "", zone)
    return _rendered(rules, column, "", f"({raw})", zone)[2]


def _rendered(
    rules: str, column: dict[str, Any], raw: str, text: str, zone: str
) -> tuple[str, str, str]:
    path, value, typed = (
        _template(rules).render(column=column, raw=raw, text=text, zone=zone).split("\x00")
    )
    return path, value, typed


@lru_cache(maxsize=4)
def _template(rules: str) -> Any:
    # SQL, not HTML: nothing is to be escaped. Only files of the project itself are rendered.
    environment = Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701
    return environment.from_string(rules + _CALL)

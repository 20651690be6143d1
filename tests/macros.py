"""Renders macros of the dbt project without dbt, for tests and benchmarks of what they compute."""

from types import SimpleNamespace
from typing import Any

from jinja2 import Environment

from connectors.settings import PROJECT_ROOT

_MACROS = PROJECT_ROOT / "dbt_project" / "macros"


def load_macros(*names: str, variables: dict[str, Any] | None = None) -> Any:
    """The macros of these files (names without `.sql`), as functions that give SQL for DuckDB."""
    found = SimpleNamespace(module=None)

    def dispatch(name: str, *_: str) -> Any:
        return next(
            getattr(found.module, f"{prefix}__{name}")
            for prefix in ("duckdb", "default")
            if hasattr(found.module, f"{prefix}__{name}")
        )

    # Jinja makes SQL here, never a page.
    environment = Environment(extensions=["jinja2.ext.do"])
    environment.globals.update(
        {
            "adapter": SimpleNamespace(dispatch=dispatch),
            "return": lambda value: value,
            "var": lambda name, default=None: (variables or {}).get(name, default),
            "env_var": lambda _, default="": default,
        }
    )
    text = "\n".join((_MACROS / f"{name}.sql").read_text(encoding="utf-8") for name in names)
    found.module = environment.from_string(text).module
    return found.module

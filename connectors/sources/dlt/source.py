"""Reads any dlt source into bronze: its records become payloads, its own cursors stay its own.

Here: finding the function that fourflow.yml names; `bronze` turns each of its resources into rows.
What the records mean is said by the source's mapping YAML, as for every other source.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import dlt
from pydantic import Field

from connectors.declarations import suggest
from connectors.errors import InputError
from connectors.sources.api.connector import AccountConfig, Connector
from connectors.sources.api.reading import Reading
from connectors.sources.dlt.bronze import to_bronze


class DltAccount(AccountConfig):
    """One use of a dlt source."""

    base_url: str = Field(default="", description="Not used: the source has its own arguments.")
    source: str = Field(
        pattern=r"^.+:\w+$",
        description="The function that makes the dlt source: `package.module:function`, or "
        "`folder/file.py:function`.",
    )
    arguments: dict[str, Any] = Field(
        default={}, description="What the function is called with; secrets as {env: NAME}."
    )
    entities: dict[str, str] = Field(
        min_length=1, description="Our entity: the dlt source's resource that holds its records."
    )


def _dlt_source(account: DltAccount, reading: Reading) -> Any:
    """The same source with its resources as rows of bronze, named after our entities."""
    theirs = _function(account.source)(**account.arguments)
    resources = getattr(theirs, "resources", {getattr(theirs, "name", ""): theirs})

    @dlt.source(name=reading.source)
    def rows() -> Iterator[Any]:
        for entity, name in account.entities.items():
            if name not in resources:
                raise InputError(
                    f"The dlt source {account.source} has no resource {name!r}; "
                    f"{suggest(name, resources)}."
                )
            yield resources[name] | to_bronze(entity, reading)

    return rows()


def _function(name: str) -> Callable[..., Any]:
    place, _, function = name.rpartition(":")
    module = _module_in(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    found = getattr(module, function, None)
    if not callable(found):
        raise InputError(f"{place} has no function {function!r}; correct `source`.")
    made: Callable[..., Any] = found
    return made


def _module_in(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"There is no file {path} to take a dlt source from; correct `source`.")
    name = f"fourflow_source_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file; correct `source`.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dlt looks the module of a source up by its name
    spec.loader.exec_module(module)
    return module


def _check(account: DltAccount, reading: Reading) -> str:
    source = _dlt_source(account, reading)
    names = ", ".join(sorted(source.resources))
    return f"{account.source} makes a dlt source with {names}; whether it answers is seen in a run."


CONNECTOR: Final = Connector(
    name="dlt",
    title="Any dlt source",
    config=DltAccount,
    entities=(),
    source=_dlt_source,
    check=_check,
)

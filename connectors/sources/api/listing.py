"""What a platform itself says was created in a span: read again, without landing anything."""

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa

from connectors.errors import ContractError, FourflowError
from connectors.settings import Settings
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import BRONZE_SCHEMA
from connectors.sources.api.landing import only_reading
from connectors.sources.api.reading import Reading, Window


def list_created(
    settings: Settings,
    connector: Connector,
    config: Any,
    reading: Reading,
    span: Window,
) -> pa.Table:
    """The records of an entity that were created in a span, as bronze would hold them.

    No other reading of the account goes on meanwhile, so that its limit of calls is kept. Bronze
    and cursors are left alone.

    Args:
        settings: whose account it is.
        connector: of which platform.
        config: the account's configuration.
        reading: which source, account and entity; its span is not looked at.
        span: when they were created.

    Raises:
        FourflowError: the platform can't be asked, or did not tell all of them.
    """
    entity = str(reading.entity)
    place = f"{reading.source} ({reading.account})"
    problems: list[str] = []
    parts: list[pa.Table] = []
    with (
        only_reading(settings, f"{reading.source}_{reading.account}"),
        contextlib.ExitStack() as clients,
    ):
        asked = replace(
            reading,
            since=span.start,
            # A reading stays this long behind its present.
            now=span.end + timedelta(seconds=config.behind_seconds),
            on_problem=lambda _entity, problem: problems.append(problem),
            clients=clients,
        )
        try:
            parts += list(connector.source(config, asked).with_resources(entity))
        except Exception as error:
            raise _cause(error, place, entity) from error
    if problems:
        raise ContractError(" ".join(problems))
    return pa.concat_tables(parts) if parts else BRONZE_SCHEMA.empty_table()


def _cause(error: BaseException, place: str, entity: str) -> FourflowError:
    """The error of ours that is behind what the extraction raised, or one that says what it was."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, FourflowError):
            return cause
        cause = cause.__cause__ or cause.__context__
    reason = " ".join(str(error).split())[:200]
    return ContractError(
        f"{place} sent {entity} in a shape that its connector does not know "
        f"({type(error).__name__}: {reason}); nothing of it was compared."
    )

"""What a connector makes of a platform's answers: its pages, without network, lake or dlt loads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import httpx

from connectors.sources.api.connector import Connector
from connectors.sources.api.reading import Page, Reading, Window

Answer = Callable[[httpx.Request], httpx.Response]
EPOCH = datetime(2026, 6, 30, tzinfo=UTC)


@dataclass(frozen=True)
class _SpannedReading(Reading):
    """A reading of one given span, wherever the cursor stands."""

    span: Window = field(default_factory=lambda: Window(EPOCH, EPOCH))

    def window(self, cursor: str | None, config: Any) -> Window:
        """The span."""
        del cursor, config
        return self.span


def read_pages(
    connector: Connector, keys: dict[str, Any], entity: str, span: Window, answer: Answer
) -> list[Page]:
    """The pages that a connector reads of an entity in a span, from answers made here."""
    pages: list[Page] = []
    reading = _SpannedReading(
        source=connector.name,
        account="shop",
        now=span.end,
        on_page=lambda _entity, page: pages.append(page),
        transport=httpx.MockTransport(answer),
        span=span,
    )
    config = connector.config.model_validate(_quick(keys))
    resource = connector.source(config, reading).resources[entity]
    # dlt's own iteration keeps contexts open behind an error; nothing of it is under test here.
    with patch("dlt.current.resource_state", return_value={}):
        for _ in resource._pipe.gen():
            pass
    return pages


def check_account(connector: Connector, keys: dict[str, Any], answer: Answer) -> str:
    """The verdict of `fourflow connector check` about answers made here."""
    reading = Reading(
        source=connector.name, account="shop", now=EPOCH, transport=httpx.MockTransport(answer)
    )
    return connector.check(connector.config.model_validate(_quick(keys)), reading)


def _quick(keys: dict[str, Any]) -> dict[str, Any]:
    return {"requests_per_second": 1e6, "attempts": 3, **keys}

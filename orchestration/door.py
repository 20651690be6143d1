"""`python -m orchestration.door`: pushes, approvals, tracking, reports and the API."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from connectors.inbox.__main__ import main
from connectors.settings import Settings
from orchestration.api.service import api_routes
from orchestration.decisions.approvals.pages import approval_routes
from orchestration.reports.unsubscribing import unsubscribe_routes
from orchestration.tracking.pages import tracking_routes


def _routes(settings: Settings) -> Sequence[BaseRoute]:
    return [
        *approval_routes(settings),
        *tracking_routes(settings),
        *unsubscribe_routes(settings),
        *api_routes(settings),
    ]


if __name__ == "__main__":
    main(_routes)

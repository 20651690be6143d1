"""The signed address that ends a report: a page with one button, and one request for mail programs.

Opening it changes nothing (mail scanners do that); a POST does, as RFC 8058 asks.
"""

import html
from collections.abc import Sequence

from itsdangerous import BadSignature
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from connectors.database.engine import open_database
from connectors.database.report_subscriptions import Subscription, find_subscription
from connectors.errors import InputError
from connectors.settings import Settings
from orchestration.reports.due import end_subscription
from orchestration.reports.words import Words
from orchestration.run_state import utc_now
from orchestration.signed_links import TokenSigner, key_for

_PURPOSE = "fourflow report unsubscription"
_LONGEST_TOKEN = 300
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}
_STYLE = (
    "body{font:18px/1.5 sans-serif;margin:2em auto;max-width:32em;padding:0 1em}"
    "button{font:inherit;padding:.7em 1.2em;border:0;border-radius:.4em;color:#fff;"
    "background:#1d4ed8}"
)


def unsubscribe_url(settings: Settings, subscription_id: str) -> str:
    """The address that ends a subscription."""
    token = _signer(settings).sign(subscription_id)
    return f"{settings.public_url.rstrip('/')}/reports/unsubscribe/{token}"


def unsubscribe_routes(settings: Settings) -> Sequence[Route]:
    """The routes of this installation."""
    pages = _Pages(settings)
    path = "/reports/unsubscribe/{token}"
    return (
        Route(path, pages.show, methods=["GET"]),
        Route(path, pages.end, methods=["POST"]),
    )


class _Pages:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = open_database(settings)

    async def show(self, request: Request) -> HTMLResponse:
        """Ask; a HEAD or GET changes nothing."""
        found = await run_in_threadpool(self._find, request.path_params["token"])
        if found is None:
            return _page("en", "link_forged", 403)
        if found.ended_at is not None:
            return _page(found.language, "link_ended")
        return _page(found.language, "link_question", button=True)

    async def end(self, request: Request) -> HTMLResponse:
        """End it; a second time says the same."""
        found = await run_in_threadpool(self._find, request.path_params["token"])
        if found is None:
            return _page("en", "link_forged", 403)
        await run_in_threadpool(self._end, found)
        return _page(found.language, "link_ended")

    def _find(self, token: str) -> Subscription | None:
        if len(token) > _LONGEST_TOKEN:
            return None
        try:
            return find_subscription(self._engine, str(_signer(self._settings).read(token)))
        except (BadSignature, InputError):
            return None

    def _end(self, found: Subscription) -> None:
        end_subscription(self._engine, found.subscription_id, by="unsubscribe link", now=utc_now())


def _signer(settings: Settings) -> TokenSigner:
    return TokenSigner(key_for(_PURPOSE, settings), _PURPOSE)


def _page(language: str, key: str, status: int = 200, *, button: bool = False) -> HTMLResponse:
    words = Words("zh" if language == "zh" else "en")
    form = (
        f"<form method='post'><button>{html.escape(words('link_button'))}</button></form>"
        if button
        else ""
    )
    content = (
        f"<!doctype html><html lang='{words.language}'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Fourflow</title><style>{_STYLE}</style></head>"
        f"<body><p>{html.escape(words(key))}</p>{form}</body></html>"
    )
    return HTMLResponse(content, status, headers=_HEADERS)

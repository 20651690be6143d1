"""The page behind an approval link: what is asked, and a form with two buttons.

One small page without scripts, for a phone: nothing on it is fetched from anywhere, nobody may
frame it, and its address (which is the key) is not told to anybody else.
"""

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.settings import Settings
from orchestration.decisions.approvals.links import (
    ApprovalLinks,
    Invitation,
    Refusal,
    RefusedLinkError,
    links_from_settings,
)

_LARGEST_FORM = 16_384
_LOCAL = frozenset({"127.0.0.1", "::1"})
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}
_STATUS = {Refusal.FORGED: 403, Refusal.EXPIRED: 410, Refusal.USED: 410, Refusal.TOO_MANY: 429}
_REFUSED = {
    Refusal.FORGED: "This link is not one of ours. 此链接无效。",
    Refusal.EXPIRED: "This link has expired; ask for a new one. 此链接已过期，请重新获取。",
    Refusal.USED: "This link has been used. 此链接已使用。",
    Refusal.TOO_MANY: "Too many attempts; wait ten minutes. 尝试过于频繁，请十分钟后再试。",
}
_ANSWERED = {"approved": "Approved. 已批准。", "rejected": "Rejected. 已驳回。"}
_ANOTHER = "Recorded; another person must approve, too. 已记录，还需另一人审批。"
_STYLE = (
    "body{font:18px/1.5 sans-serif;margin:1.2em auto;max-width:34em;padding:0 1em}"
    "dt{color:#666}dd{margin:0 0 .6em}textarea{width:100%;font:inherit;box-sizing:border-box}"
    "button{font:inherit;width:100%;padding:.8em;margin:.4em 0;border:0;border-radius:.4em;"
    "color:#fff;background:#1a7f37}button[value=reject]{background:#b42318}"
)


class ApprovalPages:
    """Shows links and takes answers."""

    def __init__(self, links: ApprovalLinks, zone: ZoneInfo) -> None:
        self._links = links
        self._zone = zone

    async def show(self, request: Request) -> HTMLResponse:
        """The question and the form; a HEAD or GET changes nothing."""
        token, visitor = request.path_params["token"], self._visitor(request)
        try:
            found = await run_in_threadpool(self._links.open, token, visitor, now=_now())
        except RefusedLinkError as error:
            return _refused(error.refusal)
        return _page(self._question(found))

    async def answer(self, request: Request) -> HTMLResponse:
        """Take the answer of the form."""
        announced = request.headers.get("content-length", "")
        if not announced.isdigit() or int(announced) > _LARGEST_FORM:
            return _page("<p>The form is too large. 表单过大。</p>", 413)
        async with request.form(max_files=0, max_fields=4) as form:
            given, reason = str(form.get("answer", "")), str(form.get("reason", ""))
        if given not in ("approve", "reject"):
            return _page("<p>Choose one of the two buttons. 请选择批准或驳回。</p>", 400)
        answer: Literal["approve", "reject"] = "approve" if given == "approve" else "reject"
        token, visitor = request.path_params["token"], self._visitor(request)
        try:
            state = await run_in_threadpool(
                self._links.answer, token, visitor, answer, reason, now=_now()
            )
        except RefusedLinkError as error:
            return _refused(error.refusal)
        except InputError as error:
            return _page(f"<p>{html.escape(str(error))}</p><p><a href=''>Back 返回</a></p>", 422)
        return _page(f"<h1>{_ANSWERED.get(state.state, _ANOTHER)}</h1>")

    def _visitor(self, request: Request) -> str:
        """The caller's address; behind our own proxy the one that the proxy saw."""
        address = request.client.host if request.client else ""
        forwarded = request.headers.get("x-forwarded-for", "")
        if address in _LOCAL and forwarded:
            address = forwarded.rpartition(",")[2].strip()
        return self._links.visitor(address)

    def _question(self, found: Invitation) -> str:
        decision, approval = found.decision, found.approval
        due = approval.due_at.astimezone(self._zone)
        facts = {
            "For 审批人": f"{found.approver} ({approval.role})",
            "Amount 金额": f"{decision.amount or ''} {decision.currency_code or ''}".strip(),
            "Rule 规则": f"{decision.rule_id} v{decision.rule_version}",
            "Until 截止": f"{due:%Y-%m-%d %H:%M}",
            "Recommended 建议": str(approval.recommended or ""),
            **{str(name): str(value) for name, value in decision.explanation.items()},
        }
        rows = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
            for name, value in facts.items()
            if value
        )
        texts = "".join(f"<p>{html.escape(text)}</p>" for text in decision.message.values())
        return (
            f"{texts}<dl>{rows}</dl><form method='post'>"
            "<label>Reason 理由<textarea name='reason' rows='2' maxlength='1000'></textarea>"
            "</label>"
            "<button name='answer' value='approve'>Approve 批准</button>"
            "<button name='answer' value='reject'>Reject 驳回</button></form>"
        )


def approval_routes(settings: Settings) -> Sequence[Route]:
    """The routes of this installation."""
    links = links_from_settings(settings, open_database(settings))
    return page_routes(ApprovalPages(links, ZoneInfo(settings.business_time_zone)))


def page_routes(pages: ApprovalPages) -> Sequence[Route]:
    """The routes of these pages."""
    return (
        Route("/approvals/{token}", pages.show, methods=["GET"]),
        Route("/approvals/{token}", pages.answer, methods=["POST"]),
    )


def _refused(refusal: Refusal) -> HTMLResponse:
    return _page(f"<p>{_REFUSED[refusal]}</p>", _STATUS[refusal])


def _page(body: str, status: int = 200) -> HTMLResponse:
    content = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Fourflow</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    return HTMLResponse(content, status, headers=_HEADERS)


def _now() -> datetime:
    return datetime.now(UTC)

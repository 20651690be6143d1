"""The page behind a tracking link: small, without scripts, for a phone, in two languages."""

import html
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from connectors.database.engine import open_database
from connectors.errors import FourflowError
from connectors.lake.sight import EVERYTHING
from connectors.settings import Settings
from orchestration.api.editions import Editions
from orchestration.api.throttle import Throttle, TooManyRequestsError
from orchestration.tracking.links import (
    ExpiredLinkError,
    ForgedLinkError,
    TrackingLinks,
    links_from_settings,
)
from orchestration.tracking.parcels import Parcel, Rows, parcels_of

Language = Literal["en", "zh"]
VISITS_A_MINUTE = 30
_LOCAL = frozenset({"127.0.0.1", "::1"})
_HEADERS = {
    "cache-control": "private, no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Your parcel",
        "parcel": "Parcel ending in {ending} · {carrier}",
        "created": "Ready to be sent",
        "in_transit": "On its way",
        "out_for_delivery": "Out for delivery",
        "delivered": "Delivered",
        "exception": "Held up on the way",
        "returned": "Sent back",
        "unknown": "Being checked",
        "promised": "Expected by {time}",
        "since": "Since {time}",
        "none": "Nothing has been sent yet. Look again later: this page shows each step.",
        "as_of": "As of {time}",
        "ends": "The link ends by itself.",
        "forged": "This link is not one of ours.",
        "expired": "This link has expired; ask the shop for a new one.",
        "too_many": "Too many visits; wait a minute.",
        "not_now": "The state of the parcel can't be told right now; try again in a few minutes.",
        "other": "中文",
    },
    "zh": {
        "title": "您的包裹",
        "parcel": "尾号 {ending} · {carrier}",
        "created": "等待发出",
        "in_transit": "运输中",
        "out_for_delivery": "派送中",
        "delivered": "已签收",
        "exception": "途中异常",
        "returned": "已退回",
        "unknown": "核实中",
        "promised": "预计 {time} 前送达",
        "since": "{time}",
        "none": "包裹尚未发出，请稍后再看；每一步都会显示在这里。",
        "as_of": "截至 {time}",
        "ends": "此链接到期自动失效。",
        "forged": "此链接无效。",
        "expired": "此链接已过期，请向店铺重新索取。",
        "too_many": "访问过于频繁，请一分钟后再试。",
        "not_now": "暂时无法查询，请几分钟后再试。",
        "other": "English",
    },
}
_ICONS = {"delivered": "✓", "exception": "!", "returned": "↩", "out_for_delivery": "➜"}
_STYLE = (
    ":root{color-scheme:light dark;--text:#23292e;--soft:#5b6670;--line:#d5dbe0;--card:#fff;"
    "--back:#f4f5f3;--mark:#2f6f9f}"
    "@media(prefers-color-scheme:dark){:root{--text:#e4e7e9;--soft:#a9b3ba;--line:#3a444c;"
    "--card:#1f262b;--back:#161b1f;--mark:#7fb2d6}}"
    "body{font:17px/1.5 system-ui,'PingFang SC','Noto Sans CJK SC',sans-serif;margin:0;"
    "background:var(--back);color:var(--text)}"
    "main{max-width:32em;margin:0 auto;padding:1.2em}"
    "header{display:flex;justify-content:space-between;align-items:baseline}"
    "h1{font-size:1.3em;margin:.2em 0 .8em}a{color:var(--mark)}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:.7em;"
    "padding:1em 1.2em;margin-bottom:1em}"
    "h2{font-size:1.45em;margin:0}p{margin:.2em 0}.soft{color:var(--soft);font-size:.9em}"
    "ol{list-style:none;margin:1em 0 0;padding:0 0 0 1.1em;border-left:2px solid var(--line)}"
    "li{position:relative;margin:0 0 .9em}li:last-child{margin-bottom:0}"
    "li::before{content:'';position:absolute;left:-1.5em;top:.42em;width:.7em;height:.7em;"
    "border-radius:50%;background:var(--line)}li:first-child::before{background:var(--mark)}"
)


class TrackingPages:
    """Shows the parcels of a link's order."""

    def __init__(
        self,
        links: TrackingLinks,
        newest: Callable[[], tuple[datetime, Rows]],
        zone: ZoneInfo,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the pages.

        Args:
            links: reads what a link says.
            newest: when the publication in force was published, and how it is asked.
            zone: the zone that times are shown in.
            now: the present time.
            clock: seconds that never go back, for the rate limit.
        """
        self._links = links
        self._newest = newest
        self._zone = zone
        self._now = now
        self._throttle = Throttle(clock)

    async def show(self, request: Request) -> HTMLResponse:
        """The parcels, or why they are not shown."""
        language = _language(request)
        try:
            self._throttle.take(_visitor(request), VISITS_A_MINUTE)
            order_key = self._links.read(request.path_params["token"], now=self._now())
            published_at, parcels = await run_in_threadpool(self._look_up, order_key)
        except TooManyRequestsError as error:
            return _refused("too_many", language, 429, {"retry-after": str(error.seconds)})
        except ForgedLinkError:
            return _refused("forged", language, 403)
        except ExpiredLinkError:
            return _refused("expired", language, 410)
        except FourflowError:  # nothing is published, or it is just being replaced
            return _refused("not_now", language, 503, {"retry-after": "120"})
        words = _WORDS[language]
        cards = "".join(self._card(parcel, language) for parcel in parcels)
        body = cards or f"<section><p>{words['none']}</p></section>"
        as_of = words["as_of"].format(time=self._time(published_at))
        return _page(f"{body}<p class='soft'>{as_of}. {words['ends']}</p>", language)

    def _look_up(self, order_key: str) -> tuple[datetime, list[Parcel]]:
        published_at, rows = self._newest()
        return published_at, parcels_of(rows, order_key)

    def _card(self, parcel: Parcel, language: Language) -> str:
        words = _WORDS[language]
        icon = _ICONS.get(parcel.status, "•")
        carrier = parcel.carrier_zh if language == "zh" else parcel.carrier_en
        which = html.escape(words["parcel"].format(ending=parcel.ending, carrier=carrier))
        state = words.get(parcel.status, words["unknown"])
        lines = [
            f"<p class='soft'>{which}</p>",
            f"<h2><span aria-hidden='true'>{icon}</span> {state}</h2>",
        ]
        reached = parcel.delivered_at or (parcel.scans[0].happened_at if parcel.scans else None)
        if reached is not None:
            lines.append(f"<p>{words['since'].format(time=self._time(reached))}</p>")
        if parcel.promised_at is not None and parcel.delivered_at is None:
            promised = words["promised"].format(time=self._time(parcel.promised_at))
            lines.append(f"<p>{promised}</p>")
        steps = "".join(
            f"<li>{words.get(scan.status, words['unknown'])}"
            f"{' · ' + html.escape(scan.place) if scan.place else ''}"
            f"<p class='soft'>{self._time(scan.happened_at)}</p></li>"
            for scan in parcel.scans
        )
        return f"<section>{''.join(lines)}{f'<ol>{steps}</ol>' if steps else ''}</section>"

    def _time(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M}"


def tracking_routes(settings: Settings) -> Sequence[Route]:
    """The routes of this installation."""
    editions = Editions(settings, open_database(settings), most=2)

    def newest() -> tuple[datetime, Rows]:
        edition = editions.open(editions.find(None), EVERYTHING)
        return edition.publication.published_at, edition.rows

    zone = ZoneInfo(settings.business_time_zone)
    return page_routes(TrackingPages(links_from_settings(settings), newest, zone))


def page_routes(pages: TrackingPages) -> Sequence[Route]:
    """The routes of these pages."""
    return (Route("/track/{token}", pages.show, methods=["GET"]),)


def _visitor(request: Request) -> str:
    """The caller's address; behind our own proxy the one that the proxy saw."""
    address = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "")
    return forwarded.rpartition(",")[2].strip() if address in _LOCAL and forwarded else address


def _language(request: Request) -> Language:
    """What the page's own link says, else what the browser likes best."""
    asked = request.query_params.get("lang")
    if asked not in ("en", "zh"):
        liked = request.headers.get("accept-language", "").lower().strip()
        asked = "zh" if liked.startswith("zh") else "en"
    return "zh" if asked == "zh" else "en"


def _refused(
    why: str, language: Language, status: int, headers: dict[str, str] | None = None
) -> HTMLResponse:
    return _page(f"<section><p>{_WORDS[language][why]}</p></section>", language, status, headers)


def _page(
    body: str, language: Language, status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    words = _WORDS[language]
    other = "en" if language == "zh" else "zh"
    content = (
        f"<!doctype html><html lang='{language}'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{words['title']}</title><style>{_STYLE}</style></head><body><main>"
        f"<header><h1>{words['title']}</h1>"
        f"<a href='?lang={other}' lang='{other}'>{words['other']}</a></header>"
        f"{body}</main></body></html>"
    )
    return HTMLResponse(content, status, headers={**_HEADERS, **(headers or {})})

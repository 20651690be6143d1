"""Orders and refunds of a Taobao or Tmall shop through TOP, the Taobao Open Platform.

Here: which calls, in which order, and what their errors mean. How a request is signed is in
`signing.py`; what the fields mean is in the source's mapping YAML.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import dlt
import httpx
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, RetryLaterError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig, Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.paging import Answer, Listing
from connectors.sources.api.reading import CHINA, Page, Reading, Window
from connectors.sources.taobao.signing import sign

_LONGEST_WINDOW: Final = timedelta(days=1)
_TYPES: Final = (
    "guarantee_trade,auto_delivery,ec,cod,step,fixed,auction,independent_simple_trade,"
    "independent_shop_trade,game_equipment,netcn_trade,external_trade,instant_trade,b2c_cod,"
    "hotel_trade,super_market_trade,super_market_cod_trade,taohua,waimai,nopaid,eticket,tmall_i18n"
)
_TRADE_FIELDS: Final = (
    "tid,status,type,step_trade_status,step_paid_fee,payment,total_fee,post_fee,discount_fee,"
    "adjust_fee,received_payment,commission_fee,coupon_fee,created,pay_time,consign_time,end_time,"
    "modified,alipay_no,buyer_nick,buyer_open_uid,seller_flag,receiver_state,receiver_city,"
    "shipping_type,trade_from,orders"
)
_REFUND_FIELDS: Final = (
    "refund_id,tid,oid,total_fee,refund_fee,payment,status,order_status,good_status,"
    "has_good_return,reason,created,modified,refund_phase,num,outer_id,sku,sid,company_name"
)
_SECONDS_OF_A_BAN = re.compile(r"ban will last for (\d+) more second")
# What a person can do about the refusals that people meet.
_ADVICE: Final = {
    "25": "check app_key and app_secret: the signature was refused",
    "26": "set `session`: it is missing",
    "27": "authorise the shop again and set the new `session`: this one is not valid any more",
    "11": "ask Taobao for the permission package of this call: the app may not use it",
    "12": "ask Taobao for the permission package of this call: the app may not use it",
    "24": "set this machine's clock: TOP allows ten minutes of difference",
    "29": "check app_key: TOP does not know it",
}


class TaobaoAccount(AccountConfig):
    """One Taobao or Tmall shop."""

    base_url: str = Field(
        default="https://eco.taobao.com/router/rest", description="TOP's gateway."
    )
    app_key: str = Field(description="The application's key.")
    app_secret: SecretStr = Field(description="The application's secret; signs every call.")
    session: SecretStr = Field(description="The access token that the shop's owner granted.")
    behind_seconds: int = Field(
        default=60, ge=0, description="How far a reading stays behind the present."
    )
    sign_method: Literal["md5", "hmac", "hmac-sha256"] = Field(
        default="hmac-sha256", description="How calls are signed."
    )


class _Top:
    """The calls of one shop."""

    def __init__(self, account: TaobaoAccount, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def call(self, method: str, parameters: Mapping[str, object]) -> dict[str, Any]:
        """The content of `<method>_response`."""
        key = method.removeprefix("taobao.").replace(".", "_") + "_response"

        def build() -> httpx.Request:
            account = self._account
            form = {
                "method": method,
                "app_key": account.app_key,
                "session": account.session.get_secret_value(),
                "timestamp": f"{datetime.now(CHINA):%Y-%m-%d %H:%M:%S}",
                "format": "json",
                "v": "2.0",
                "sign_method": account.sign_method,
                **{name: str(value) for name, value in parameters.items()},
            }
            form["sign"] = sign(form, account.app_secret.get_secret_value(), account.sign_method)
            return httpx.Request("POST", account.base_url, data=form)

        def judge(response: httpx.Response) -> dict[str, Any]:
            answer = self.client.json(method, response)
            if not isinstance(answer, dict):
                raise TransientError(
                    f"{self.client.place} answered {method} with something that is not an object; "
                    "it will be tried again."
                )
            if "error_response" in answer:
                raise _error(self.client.place, method, answer["error_response"])
            if not isinstance(answer.get(key), dict):
                raise TransientError(
                    f"{self.client.place} answered {method} without `{key}`; "
                    "it will be tried again."
                )
            return dict(answer[key])

        return self.client.call(method, build, judge)


def _error(place: str, method: str, error: Mapping[str, Any]) -> FourflowError:
    """What TOP's error means: whether it passes by itself, and what to do if not."""
    code, sub_code = str(error.get("code", "")), str(error.get("sub_code", ""))
    reason = str(error.get("sub_msg") or error.get("msg") or "no reason given")
    told = f"{place} refused {method} with code {code}{f' ({sub_code})' if sub_code else ''}"
    if code == "7" or "accesscontrol" in sub_code:
        ban = _SECONDS_OF_A_BAN.search(reason)
        if "by-app-access-count" in sub_code:
            return PermanentError(
                f"{told}: the app's calls of today are used up; wait for midnight."
            )
        pause = timedelta(seconds=int(ban.group(1)) + 1 if ban else 1)
        return RetryLaterError(f"{told}: too many calls; it will be tried again.", pause)
    if sub_code.startswith("isp."):
        return TransientError(f"{told}: {reason}; it will be tried again.")
    if "timestamp" in sub_code or "timestamp" in reason.lower():
        return PermanentError(f"{told}: {_ADVICE['24']}.")
    return PermanentError(f"{told}: {_ADVICE.get(code, reason)}.")


@dlt.source(name="taobao")
def taobao_source(account: TaobaoAccount, reading: Reading) -> Any:
    """Trades with their lines, and refunds, each with a cursor of its own."""
    client = reading.client(account)
    top = _Top(account, client)

    def orders(window: Window) -> Iterator[Page]:
        for part in window.split(_LONGEST_WINDOW):
            if window.is_first:
                parameters = _span(part, "start_created", "end_created")
                yield from _pages(top, account, "taobao.trades.sold.get", "trades", parameters)
            else:
                parameters = _span(part, "start_modified", "end_modified")
                yield from _pages(
                    top, account, "taobao.trades.sold.increment.get", "trades", parameters
                )

    def refunds(window: Window) -> Iterator[Page]:
        for part in window.split(_LONGEST_WINDOW):
            parameters = _span(part, "start_modified", "end_modified")
            yield from _pages(top, account, "taobao.refunds.receive.get", "refunds", parameters)

    return [
        entity_resource("orders", account, reading, orders),
        entity_resource("refunds", account, reading, refunds),
    ]


def _span(window: Window, start: str, end: str) -> dict[str, str]:
    """The parameters of a window; to TOP both ends belong to a span, and it counts whole seconds.

    A span must not reach the present: an order that changes while it is read has to leave it. If it
    moved to the front instead, it would push others from pages to come into pages already read.
    """
    last = max(window.end - timedelta(seconds=1), window.start)
    return {
        start: f"{window.start.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
        end: f"{last.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
    }


def _pages(
    top: _Top, account: TaobaoAccount, method: str, group: str, span: Mapping[str, str]
) -> Iterator[Page]:
    """All pages of one window, the last page first: rows come newest first (see `paging`)."""
    item = group.removesuffix("s")
    identity = "tid" if group == "trades" else "refund_id"
    request = " ".join((method, *span.values()))

    def ask(number: int) -> Answer:
        answer = top.call(
            method,
            {
                "fields": _TRADE_FIELDS if group == "trades" else _REFUND_FIELDS,
                "type": _TYPES,
                "page_no": number,
                "page_size": account.page_size,
                "use_has_next": "false",
                **span,
            },
        )
        rows = (answer.get(group) or {}).get(item) or []
        return Answer(rows, int(answer.get("total_results", 0)))

    listing = Listing(
        place=top.client.place,
        what=method,
        ask=ask,
        identity=lambda row: (row.get(identity), row.get("modified")),
        size=account.page_size,
        first_number=1,
        attempts=account.attempts,
    )
    for number, rows in listing.pages(listing.first()):
        yield Page(f"{request} page {number}", rows, cursor=_modified)


def _modified(record: Mapping[str, Any]) -> str:
    return str(record.get("modified", ""))


def _check(account: TaobaoAccount, reading: Reading) -> str:
    now = reading.now
    window = Window(now - timedelta(minutes=30), now)
    with reading.client(account) as client:
        answer = _Top(account, client).call(
            "taobao.trades.sold.increment.get",
            {
                "fields": "tid,modified",
                "page_no": 1,
                "page_size": 1,
                **_span(window, "start_modified", "end_modified"),
            },
        )
    count = int(answer.get("total_results", 0))
    return f"Taobao answers for {reading.account}: {count:,} orders changed in the last 30 minutes."


CONNECTOR: Final = Connector(
    name="taobao",
    title="Taobao / Tmall (TOP)",
    config=TaobaoAccount,
    entities=("orders", "refunds"),
    source=taobao_source,
    check=_check,
)

"""Orders and refunds of a Taobao or Tmall shop through TOP, the Taobao Open Platform.

Here: which calls, in which order. How a call is sent and what its errors mean is in `gateway.py`;
what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import dlt

from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.paging import Answer, Listing
from connectors.sources.api.reading import CHINA, Page, Reading, Window
from connectors.sources.taobao.gateway import TaobaoAccount, Top

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


@dlt.source(name="taobao")
def taobao_source(account: TaobaoAccount, reading: Reading) -> Any:
    """Trades with their lines, and refunds, each with a cursor of its own."""
    client = reading.client(account)
    top = Top(account, client)

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
    top: Top, account: TaobaoAccount, method: str, group: str, span: Mapping[str, str]
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
        answer = Top(account, client).call(
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

"""Orders and refunds of a JD POP shop through JD's open platform.

Here: which calls, in which order. How a call is sent and what its errors mean is in `gateway.py`,
how it is signed in `signing.py`; what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import dlt

from connectors.errors import TransientError
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.paging import Answer, Listing
from connectors.sources.api.reading import CHINA, Page, Reading, Window
from connectors.sources.jd.gateway import Gateway, JdAccount

_APPLICATIONS: Final = "jingdong.pop.afs.soa.refundapply.queryPageList"
_SERVICES: Final = "jingdong.asc.serviceAndRefund.view"
_A_DAY: Final = timedelta(days=1)
_LONGEST_OF_SERVICES: Final = timedelta(days=7)
_MOST_REFUNDS: Final = 50
_DEEPEST_PAGE: Final = 100
_SHORTEST: Final = timedelta(minutes=1)
_FIELDS: Final = (
    "orderId,venderId,orderType,payType,orderTotalPrice,orderSellerPrice,orderPayment,freightPrice,"
    "sellerDiscount,balanceUsed,orderState,orderStateRemark,orderStartTime,paymentConfirmTime,"
    "orderEndTime,modified,logisticsId,waybill,pin,open_id_buyer,consigneeInfo,itemInfoList,"
    "couponDetailList,parentOrderId,directParentOrderId,orderSource,storeOrder"
)


@dataclass(frozen=True)
class _Query:
    """One kind of listing.

    Attributes:
        method: JD's name of it.
        key: of the content in its answer.
        values: parameters besides span and page.
        span: the parameters for the start and the end of the span.
        page: the parameters for the page's number and size.
        numeral: how both are written: the services behind the gateway differ.
        size: records on a full page.
        told: the keys of the records and of their total in the content.
        identity: what tells a record and its version apart.
    """

    method: str
    key: str
    values: Mapping[str, object]
    span: tuple[str, str]
    page: tuple[str, str]
    numeral: type[str] | type[int]
    size: int
    told: tuple[str, str]
    identity: Callable[[Mapping[str, Any]], Hashable]


@dlt.source(name="jd")
def jd_source(account: JdAccount, reading: Reading) -> Any:
    """Orders with their items, refund applications and service orders, each with its cursor."""
    gateway = Gateway(account, reading.client(account))

    def orders(window: Window) -> Iterator[Page]:
        query = _orders(account, by_creation=window.is_first)
        for part in window.split(_A_DAY):
            yield from _pages(gateway, account, query, part, cursor="modified")

    def applications(window: Window) -> Iterator[Page]:
        yield from _refunds(gateway, account, window, _applications, _A_DAY)

    def services(window: Window) -> Iterator[Page]:
        yield from _refunds(gateway, account, window, _services, _LONGEST_OF_SERVICES)

    return [
        entity_resource("orders", account, reading, orders),
        entity_resource("refund_applications", account, reading, applications),
        entity_resource("service_refunds", account, reading, services),
    ]


def _orders(account: JdAccount, *, by_creation: bool) -> _Query:
    fields = ",".join(filter(None, (_FIELDS, account.further_fields.strip(", "))))
    return _Query(
        method=f"jingdong.pop.order.{account.search}",
        key="searchorderinfo_result",
        values={
            "order_state": account.order_states,
            "optional_fields": fields,
            "dateType": 1 if by_creation else 0,
            "sortType": 0,
        },
        span=("start_date", "end_date"),
        page=("page", "page_size"),
        numeral=str,
        size=account.page_size,
        told=("orderInfoList", "orderTotal"),
        identity=lambda row: (str(row.get("orderId")), str(row.get("modified"))),
    )


def _applications(account: JdAccount, *, by_application: bool) -> _Query:
    """Refunds that are asked for to cancel an order."""
    name = "applyTime" if by_application else "checkTime"
    return _Query(
        method=_APPLICATIONS,
        key="queryResult",
        values={},
        span=(f"{name}Start", f"{name}End"),
        page=("pageIndex", "pageSize"),
        numeral=int,
        size=min(account.page_size, _MOST_REFUNDS),
        told=("result", "totalCount"),
        identity=lambda row: (str(row.get("id")), str(row.get("status"))),
    )


def _services(account: JdAccount, *, by_application: bool) -> _Query:
    """Service orders of goods that were delivered, with their refunds."""
    name = "applyTime" if by_application else "approveTime"
    return _Query(
        method=_SERVICES,
        key="pageResult",
        values={},
        span=(f"{name}Begin", f"{name}End"),
        page=("pageNumber", "pageSize"),
        numeral=int,
        size=min(account.page_size, _MOST_REFUNDS),
        told=("data", "totalCount"),
        identity=lambda row: (
            str((row.get("sameOrderServiceBill") or {}).get("serviceId")),
            str(row.get("status")),
        ),
    )


def _refunds(
    gateway: Gateway,
    account: JdAccount,
    window: Window,
    query: Callable[..., _Query],
    longest: timedelta,
) -> Iterator[Page]:
    """Refunds applied for in the window, those answered in it, and now and then all recent ones.

    JD lists refunds by the times of application and of the first answer only; neither says when the
    money went back.
    """
    applied = window
    if not window.is_first and _is_recheck_due(window, timedelta(hours=account.recheck_hours)):
        start = min(window.start, window.end - timedelta(days=account.recheck_days))
        applied = Window(start, window.end)
    for part in applied.split(longest):
        yield from _pages(gateway, account, query(account, by_application=True), part)
    if not window.is_first:
        for part in window.split(longest):
            yield from _pages(gateway, account, query(account, by_application=False), part)


def _is_recheck_due(window: Window, every: timedelta) -> bool:
    """Whether a full hour of the recheck falls into the window: no reading passes over one."""
    return window.end.timestamp() // every.total_seconds() > (
        window.start.timestamp() // every.total_seconds()
    )


def _pages(
    gateway: Gateway,
    account: JdAccount,
    query: _Query,
    window: Window,
    *,
    cursor: str | None = None,
) -> Iterator[Page]:
    """All pages of one span, the last page first; a span with too many of them in two halves."""
    start, end = _local(window.start), _local(window.end)

    def ask(number: int) -> Answer:
        page = dict(zip(query.page, map(query.numeral, (number, query.size)), strict=True))
        span = dict(zip(query.span, (start, end), strict=True))
        content = gateway.call(query.method, query.key, {**query.values, **span, **page})
        rows, total = (content.get(name) for name in query.told)
        return Answer(rows=_records(gateway, query, rows), total=int(total or 0))

    listing = Listing(
        place=gateway.client.place,
        what=query.method,
        ask=ask,
        identity=query.identity,
        size=query.size,
        first_number=1,
        attempts=account.attempts,
    )
    first = listing.first()
    if first.total > query.size * _DEEPEST_PAGE and window.end - window.start > _SHORTEST:
        for half in window.split((window.end - window.start) / 2):
            yield from _pages(gateway, account, query, half, cursor=cursor)
        return
    for number, records in listing.pages(first):
        yield Page(
            f"{query.method} {query.span[0]} {start}..{end} page {number}",
            records,
            cursor=(lambda record: str(record.get(cursor, ""))) if cursor else None,
        )


def _records(gateway: Gateway, query: _Query, rows: Any) -> list[dict[str, Any]]:
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TransientError(
            f"{gateway.client.place} answered {query.method} with `{query.told[0]}` that is no "
            "list of records; it will be tried again."
        )
    return rows


def _local(moment: datetime) -> str:
    """JD counts whole seconds; nothing says whether the last one belongs to a span.

    So spans share the second at which they touch: what is in it may come twice.
    """
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def _check(account: JdAccount, reading: Reading) -> str:
    end = reading.now - timedelta(seconds=account.behind_seconds)
    query = _orders(account, by_creation=False)
    span = dict(zip(query.span, (_local(end - _A_DAY), _local(end)), strict=True))
    with reading.client(account) as client:
        content = Gateway(account, client).call(
            query.method, query.key, {**query.values, **span, "page": "1", "page_size": "1"}
        )
    count = int(content.get("orderTotal") or 0)
    return f"JD answers for {reading.account}: {count:,} orders changed in a day."


CONNECTOR: Final = Connector(
    name="jd",
    title="JD POP",
    config=JdAccount,
    entities=("orders", "refund_applications", "service_refunds"),
    source=jd_source,
    check=_check,
)

"""Orders and after-sales of a WeChat Store shop: listed by number, then asked for one by one.

Here: which calls, in which order. How a call is sent and what its errors mean is in `gateway.py`;
what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import dlt

from connectors.errors import TransientError
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.guards import PageGuard
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.wechat_store.gateway import (
    Gateway,
    MissingRecordError,
    TooManyRecordsError,
    WechatStoreAccount,
)

_A_DAY: Final = timedelta(days=1)
_MOST_PAGES: Final = 1_000
_SHOWN: Final = 3


@dataclass(frozen=True)
class _Kind:
    """One kind of record.

    Attributes:
        entity: its name here.
        listing: the call that lists numbers.
        numbers: the key of the numbers in its answer.
        is_flat: whether the ends of the span are parameters of their own, not an object of two.
        has_page_size: whether the listing lets its page be sized.
        longest: the longest span of one call.
        detail: the call that gives one record.
        number: its parameter.
        content: the key of the record in its answer.
    """

    entity: str
    listing: str
    numbers: str
    is_flat: bool
    has_page_size: bool
    longest: timedelta
    detail: str
    number: str
    content: str

    def span(self, first: int, last: int, *, by_creation: bool) -> dict[str, object]:
        """The parameters that ask for a span of epoch seconds."""
        clock = "create" if by_creation else "update"
        if self.is_flat:
            return {f"begin_{clock}_time": first, f"end_{clock}_time": last}
        return {f"{clock}_time_range": {"start_time": first, "end_time": last}}


_ORDERS: Final = _Kind(
    entity="orders",
    listing="/channels/ec/order/list/get",
    numbers="order_id_list",
    is_flat=False,
    has_page_size=True,
    longest=timedelta(days=7),
    detail="/channels/ec/order/get",
    number="order_id",
    content="order",
)
_AFTER_SALES: Final = _Kind(
    entity="after_sales",
    listing="/channels/ec/aftersale/getaftersalelist",
    numbers="after_sale_order_id_list",
    is_flat=True,
    has_page_size=False,
    longest=_A_DAY,
    detail="/channels/ec/aftersale/getaftersaleorder",
    number="after_sale_order_id",
    content="after_sale_order",
)


@dataclass(frozen=True)
class _Listed:
    """One page of numbers; `next_key` is empty on the last one."""

    numbers: tuple[str, ...]
    next_key: str


@dlt.source(name="wechat_store")
def wechat_store_source(account: WechatStoreAccount, reading: Reading) -> Any:
    """Orders and after-sales, each with a cursor of its own.

    No state is asked for, so that every state comes, also one that nobody knows yet.
    """
    gateway = Gateway(account, reading.client(account))

    def resource(kind: _Kind) -> Any:
        def read(window: Window) -> Iterator[Page]:
            return _records(_Lister(gateway, account, kind), window, reading)

        return entity_resource(kind.entity, account, reading, read)

    return [resource(_ORDERS), resource(_AFTER_SALES)]


@dataclass(frozen=True)
class _Lister:
    """Lists the numbers of a span and asks for their records.

    Nothing says what `next_key` points at: if it is a place in the list, a record that changes
    meanwhile leaves the span, those behind it move up, and the next page lacks one. So a span that
    does not fit on one page is asked for in halves; only what one second holds is paged through.
    """

    gateway: Gateway
    account: WechatStoreAccount
    kind: _Kind

    def pages(self, first: int, last: int, *, by_creation: bool) -> Iterator[tuple[str, _Listed]]:
        """What a span holds, page by page, with a short name of what was asked for.

        Spans share the second at which they touch, because nothing says whether it belongs to both.
        """
        asked = self.kind.span(first, last, by_creation=by_creation)
        name = f"{self.kind.listing} {'created' if by_creation else 'updated'} {first}..{last}"
        can_be_halved = last - first > 1
        try:
            page = self.ask(asked)
        except TooManyRecordsError:
            if not can_be_halved:
                raise
        else:
            if not page.next_key or not can_be_halved:
                yield name, page
                yield from self._further(asked, name, page)
                return
        middle = (first + last) // 2
        yield from self.pages(first, middle, by_creation=by_creation)
        yield from self.pages(middle, last, by_creation=by_creation)

    def _further(
        self, asked: Mapping[str, object], name: str, page: _Listed
    ) -> Iterator[tuple[str, _Listed]]:
        """The pages after the first one of a second that holds several."""
        place = self.gateway.client.place
        guard = PageGuard(place, self.kind.listing)
        used = {""}
        while page.next_key:
            number = len(used) + 1
            if page.next_key in used or number > _MOST_PAGES:
                raise TransientError(
                    f"{place} gives page {number} of {self.kind.listing} a `next_key` that it gave "
                    f"before, or comes to no end in {_MOST_PAGES:,} pages; nothing after it was "
                    "taken and the cursor stays, so try again later."
                )
            used.add(page.next_key)
            guard.accept(page.numbers)
            page = self.ask({**asked, "next_key": page.next_key})
            guard.check(number, page.numbers)
            yield f"{name} page {number}", page

    def ask(self, asked: Mapping[str, object]) -> _Listed:
        """One page of numbers."""
        values = {"next_key": "", **asked}
        if self.kind.has_page_size:
            values["page_size"] = self.account.page_size
        return self.gateway.call(self.kind.listing, values, self._page)

    def _page(self, answer: Mapping[str, Any]) -> _Listed:
        numbers, next_key = answer.get(self.kind.numbers) or [], answer.get("next_key") or ""
        if not isinstance(numbers, list) or (answer.get("has_more") and not next_key):
            raise TransientError(
                f"{self.gateway.client.place} answered {self.kind.listing} without a list in "
                f"`{self.kind.numbers}`, or with more pages and no `next_key`; it will be tried "
                "again."
            )
        return _Listed(
            numbers=tuple(str(number) for number in numbers),
            next_key=str(next_key) if answer.get("has_more") else "",
        )

    def record(self, number: str) -> dict[str, Any] | None:
        """One record; None if it is not there although it was listed."""

        def read(answer: dict[str, Any]) -> dict[str, Any]:
            # The documentation shows the record in an object of its own, or beside `errcode`.
            record = answer.get(self.kind.content, answer)
            if not isinstance(record, dict) or str(record.get(self.kind.number)) != number:
                raise TransientError(
                    f"{self.gateway.client.place} answered {self.kind.detail} without the "
                    f"`{self.kind.content}` that it was asked for; it will be tried again."
                )
            return record

        try:
            return self.gateway.call(self.kind.detail, {self.kind.number: number}, read)
        except MissingRecordError:
            return None


def _records(lister: _Lister, window: Window, reading: Reading) -> Iterator[Page]:
    """The records of a window, a page of numbers at a time."""
    missing: list[str] = []
    before: tuple[str, ...] = ()
    pool = ThreadPoolExecutor(lister.account.workers, thread_name_prefix=lister.kind.entity)
    try:
        for name, listed in _listed(lister, window):
            # What stands on the second between two spans is listed with both.
            numbers = [number for number in listed.numbers if number not in before]
            before = listed.numbers
            found = dict(zip(numbers, pool.map(lister.record, numbers), strict=True))
            missing += [number for number, record in found.items() if record is None]
            records = [record for record in found.values() if record is not None]
            if records:
                yield Page(name, records, cursor=_updated)
    finally:
        pool.shutdown(cancel_futures=True)
    if missing:
        reading.on_problem(lister.kind.entity, _absence(lister, missing))


def _listed(lister: _Lister, window: Window) -> Iterator[tuple[str, _Listed]]:
    for part in window.split(lister.kind.longest):
        first, last = int(part.start.timestamp()), int(part.end.timestamp())
        yield from lister.pages(first, last, by_creation=part.is_first)


def _updated(record: Mapping[str, Any]) -> str:
    return str(record.get("update_time", ""))


def _absence(lister: _Lister, missing: Sequence[str]) -> str:
    examples = ", ".join(missing[:_SHOWN])
    return (
        f"{lister.gateway.client.place} lists {len(missing):,} {lister.kind.entity} that it then "
        f"says are not there ({examples}); look for them in the shop's back office."
    )


def _check(account: WechatStoreAccount, reading: Reading) -> str:
    last = int(reading.now.timestamp()) - account.behind_seconds
    first = last - int(_A_DAY.total_seconds())
    with reading.client(account) as client:
        lister = _Lister(Gateway(account, client), account, _ORDERS)
        listed = lister.ask(_ORDERS.span(first, last, by_creation=False))
    count = f"{len(listed.numbers):,}{' or more' if listed.next_key else ''}"
    return f"WeChat Store answers for {reading.account}: {count} orders changed in a day."


CONNECTOR: Final = Connector(
    name="wechat_store",
    title="WeChat Store (微信小店)",
    config=WechatStoreAccount,
    entities=("orders", "after_sales"),
    source=wechat_store_source,
    check=_check,
)

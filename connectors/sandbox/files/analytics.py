"""Files of the web shop's analytics, in the layout that source `ga4` reads: one Parquet a day.

As the BigQuery export of Google Analytics 4 has them: one row an event, parameters as a list of
keys and values, traffic at the beginning of a session.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.sandbox.files.day_files import DayFiles
from connectors.sandbox.files.records import Records
from connectors.sandbox.files.rendering import buyer_ids, or_null, order_numbers, words
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.visiting import (
    DEVICES,
    EVENTS,
    PURCHASE,
    SESSION_START,
    TRAFFIC,
    VIEW_ITEM,
    Visits,
)
from connectors.sandbox.world import NEVER, Flags, Ints

SOURCE: Final = "ga4"
_TIME_ZONE_SECONDS = 8 * 3_600
_MICROSECONDS = 1_000_000
_FIRST_BROWSER = 1_000_000_000
_PAGE = "https://shop.example/"


def analytics_files(world: World, visits: Visits) -> DayFiles:
    """The analytics files of a world; an event is known on the day on which it happened."""
    happened = visits.step_at != NEVER
    code, visit = np.nonzero(happened)
    time = visits.step_at[code, visit]
    order = np.lexsort((code, visit, time))
    records = Records(
        entity="events",
        index=visit[order],
        time=time[order],
        kind=code[order],
        file_day=world.config.day_numbers(time[order]),
        copied=np.empty(0, dtype=np.int64),
    )
    writer = _AnalyticsWriter(world, visits)
    return DayFiles(
        source=SOURCE,
        entity="events",
        folder=SOURCE,
        records=records,
        file_name=lambda date: f"events_{date.replace('-', '')}.parquet",
        encode=lambda rows: _parquet_bytes(writer.table(rows)),
    )


class _AnalyticsWriter:
    """Renders events as the BigQuery export of Google Analytics 4 has them."""

    def __init__(self, world: World, visits: Visits) -> None:
        self._world = world
        self._visits = visits
        self._order_no = order_numbers(world)
        self._skus = pa.array(world.products.skus)

    def table(self, records: Records) -> pa.Table:
        """The events of some records, one row each."""
        visits, index, code = self._visits, records.index, records.kind
        buys = code == PURCHASE
        day = np.datetime_as_string(records.time[:1].astype("datetime64[s]"), unit="D")[0]
        count = len(index)
        browser = pa.array(_FIRST_BROWSER + visits.visitor[index]).cast(pa.string())
        account = np.where(buys, self._world.orders.account[visits.order[index]], -1)
        microseconds = (records.time - _TIME_ZONE_SECONDS) * _MICROSECONDS + code
        return pa.table(
            {
                "event_date": pa.array([day.replace("-", "")]).take(pa.array([0] * count)),
                "event_timestamp": pa.array(microseconds),
                "event_name": words(EVENTS, code).cast(pa.string()),
                "event_params": self._parameters(records),
                "user_pseudo_id": pc.binary_join_element_wise(browser, "1700000000", "."),
                "user_id": buyer_ids(self._world).take(or_null(account)),
                "device": pa.StructArray.from_arrays(
                    [words(DEVICES, visits.device[index]).cast(pa.string())], ["category"]
                ),
                "geo": pa.StructArray.from_arrays([pa.array(["China"] * count)], ["country"]),
                "collected_traffic_source": self._traffic(index, code == SESSION_START),
                "ecommerce": self._purchases(index, buys),
                "items": self._items(index, code >= VIEW_ITEM),
            }
        )

    def _parameters(self, records: Records) -> Any:
        """Every event names its session and its page, a purchase its currency too."""
        count, buys = len(records), records.kind == PURCHASE
        session = self._visits.started_at[records.index] - _TIME_ZONE_SECONDS
        places = np.concatenate([np.arange(count), np.arange(count), np.flatnonzero(buys)])
        order = np.argsort(places, kind="stable")
        kind = np.repeat([0, 1, 2], [count, count, int(buys.sum())])
        numbers = pa.array(np.resize(session, len(kind)), mask=kind != 0)
        texts = pa.array([None, _PAGE, "CNY"], pa.string()).take(pa.array(kind))
        value = pa.StructArray.from_arrays([texts, numbers], ["string_value", "int_value"])
        keys = pa.array(["ga_session_id", "page_location", "currency"]).take(pa.array(kind))
        pairs = pa.StructArray.from_arrays([keys, value], ["key", "value"])
        return _lists(pairs.take(pa.array(order)), 2 + buys)

    def _traffic(self, index: Ints, begins: Flags) -> Any:
        """What the address told when the visit began; nothing for direct visits."""
        traffic = self._visits.traffic[index]
        direct = np.isin(traffic, [n for n, row in enumerate(TRAFFIC) if row[1] == "(none)"])
        columns = [
            pa.array([row[position] or None for row in TRAFFIC]).take(pa.array(traffic))
            for position in range(3)
        ]
        names = ["manual_source", "manual_medium", "manual_campaign_name"]
        missing = pa.array(direct | ~begins)
        return pa.StructArray.from_arrays(columns, names, mask=missing)

    def _purchases(self, index: Ints, buys: Flags) -> Any:
        order = np.where(buys, self._visits.order[index], 0)
        fen = self._world.orders.total[order]
        columns = [self._order_no.take(pa.array(order)), pa.array(fen / 100)]
        names = ["transaction_id", "purchase_revenue"]
        return pa.StructArray.from_arrays(columns, names, mask=pa.array(~buys))

    def _items(self, index: Ints, shows: Flags) -> Any:
        sku = self._skus.take(pa.array(self._visits.sku[index][shows]))
        return _lists(pa.StructArray.from_arrays([sku], ["item_id"]), shows.astype(np.int64))


def _lists(values: Any, counts: Ints) -> Any:
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data

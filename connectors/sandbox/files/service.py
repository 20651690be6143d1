"""Files of after-sales and of the risk tool: exchanges, and each order's device and address."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.files.day_files import DayFiles, csv_files
from connectors.sandbox.files.records import Records, list_versions, sent_once, with_duplicates
from connectors.sandbox.files.rendering import compact_dates, order_numbers, times, words
from connectors.sandbox.platforms import CARRIER_PREFIXES, CHANNELS, SF
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.exchanging import (
    COMPLETED,
    EXCHANGE_REASONS,
    EXCHANGE_STATES,
    RECEIVED,
    REQUESTED,
    SHIPPED,
)
from connectors.sandbox.stages.identifying import OrderDevices
from connectors.sandbox.world import NEVER, Ints

SERVICE_ENTITIES: Final[dict[str, tuple[str, ...]]] = {
    "exchanges": (
        "exchange_no",
        "order_no",
        "line_no",
        "quantity",
        "status",
        "reason",
        "requested_at",
        "returned_at",
        "shipped_at",
        "tracking_no",
        "delivered_at",
        "modified_at",
    ),
    "order_devices": ("order_no", "channel", "device_id", "address_id", "created_at"),
}
SOURCE: Final = "sandbox"
_FIRST_TRACKING_NUMBER = 7_100_000_000_000
_MIXER = np.uint64(0x9E37_79B9_7F4A_7C15)
_MASK = np.uint64(2**63 - 1)


def exchange_files(world: World) -> DayFiles:
    """The files of exchanges: one is sent again whole whenever it gets on."""
    exchanges = world.exchanges
    records = list_versions(
        world.config,
        "exchanges",
        (
            (REQUESTED, exchanges.requested_at),
            (RECEIVED, exchanges.received_at),
            (SHIPPED, exchanges.shipped_at),
            (COMPLETED, exchanges.delivered_at),
        ),
    )
    order_no = order_numbers(world)
    return _files(world, records, lambda rows: _exchange_columns(world, order_no, rows))


def device_files(world: World, devices: OrderDevices) -> DayFiles:
    """The files of the risk tool, by the day of the order."""
    created_at = world.orders.created_at[devices.order]
    records = sent_once(world.config, "order_devices", np.arange(len(devices)), created_at)
    order_no = order_numbers(world)
    return _files(world, records, lambda rows: _device_columns(world, devices, order_no, rows))


def _files(world: World, records: Records, columns: Callable[[Records], Any]) -> DayFiles:
    names = SERVICE_ENTITIES[records.entity]

    def table(rows: Records) -> pa.Table:
        return pa.table(dict(zip(names, columns(rows), strict=True)))

    return csv_files(SOURCE, with_duplicates(world.config, records), table)


def _exchange_columns(world: World, order_no: Any, records: Records) -> tuple[Any, ...]:
    exchanges, index, time = world.exchanges, records.index, records.time

    def known(events: Ints) -> Ints:
        return np.where(events[index] <= time, events[index], NEVER)

    serial = pc.utf8_lpad(pa.array(index).cast(pa.string()), 8, "0")
    requested = compact_dates(exchanges.requested_at[index])
    tracking = pa.array(_FIRST_TRACKING_NUMBER + index).cast(pa.string())
    tracking = pc.binary_join_element_wise(CARRIER_PREFIXES[SF], tracking, "")
    shipped_at = known(exchanges.shipped_at)
    return (
        pc.binary_join_element_wise("EX", requested, serial, ""),
        order_no.take(pa.array(exchanges.order[index])),
        pa.array(world.lines.line_no[exchanges.line[index]]),
        pa.array(np.ones(len(index), dtype=np.int64)),
        words(EXCHANGE_STATES, records.kind),
        words(EXCHANGE_REASONS, exchanges.reason[index]),
        times(exchanges.requested_at[index]),
        times(known(exchanges.received_at)),
        times(shipped_at),
        pc.if_else(pa.array(shipped_at == NEVER), None, tracking),
        times(known(exchanges.delivered_at)),
        times(time),
    )


def _device_columns(
    world: World, devices: OrderDevices, order_no: Any, records: Records
) -> tuple[Any, ...]:
    order = devices.order[records.index]
    return (
        order_no.take(pa.array(order)),
        words(CHANNELS, world.orders.channel[order]),
        _token("D", devices.device[records.index]),
        _token("A", devices.address[records.index]),
        times(world.orders.created_at[order]),
    )


def _token(prefix: str, numbers: Ints) -> Any:
    """A text that tells nothing of its number; different for different numbers."""
    mixed = (numbers.astype(np.uint64) * _MIXER) & _MASK
    digits = pc.utf8_lpad(pa.array(mixed).cast(pa.string()), 19, "0")
    return pc.binary_join_element_wise(prefix, digits, "")

"""Which record of which entity stands in which day's file: versions and exact duplicates.

A day's file holds what was new or changed that day: an order with three changes on one day is
sent once, as it stood in the evening. Here: row numbers, times and files; no text.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from connectors.sandbox.files.defects import DefectPlan
from connectors.sandbox.parcel_table import list_parcels
from connectors.sandbox.platforms import (
    CANCELLED,
    CHANNELS,
    DELIVERED,
    EXCEPTION,
    IN_TRANSIT,
    LABELLED,
    OUT_FOR_DELIVERY,
    REJECTED,
    REQUESTED,
    RETURNED,
    SUCCESS,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.world import (
    NEVER,
    Flags,
    Ints,
    WorldConfig,
    choose_distinct,
    planted_count,
)

FIRST_SENT, CORRECTED = 0, 1
LISTED, REPRICED = 0, 1
_EDIT = CANCELLED + 1
UNMAPPED = CANCELLED + 2
_TIME_BITS, _KIND_BITS, _INDEX_BITS = 27, 4, 25
_NEVER_DUPLICATED = ("products",)


@dataclass(frozen=True)
class Records:
    """The rows of one entity over all files, in file order.

    `index` is the row in the entity's table of truth, `time` when it became what it is (the
    modified_at of versioned entities), `kind` the state it shows, `copied` the rows of the table of
    truth that were written once more, byte for byte.
    """

    entity: str
    index: Ints
    time: Ints
    kind: Ints
    file_day: Ints
    copied: Ints

    def __len__(self) -> int:
        return len(self.index)

    def where(self, belongs: Flags) -> "Records":
        """The rows whose row of the table of truth `belongs`."""
        kept = belongs[self.index]
        return replace(
            self,
            index=self.index[kept],
            time=self.time[kept],
            kind=self.kind[kept],
            file_day=self.file_day[kept],
            copied=self.copied[belongs[self.copied]],
        )

    def of_day(self, day: int) -> "Records":
        """The rows of one day's file."""
        low, high = np.searchsorted(self.file_day, [day, day + 1])
        return replace(
            self,
            index=self.index[low:high],
            time=self.time[low:high],
            kind=self.kind[low:high],
            file_day=self.file_day[low:high],
        )


def list_records(world: World, plan: DefectPlan) -> dict[str, Records]:
    """The rows of every entity, with late, edited and unmapped orders and exact duplicates."""
    config, journeys, refunds, stock = world.config, world.journeys, world.refunds, world.stock
    orders = _order_versions(world, plan)
    parcels = list_parcels(world)
    decided = config.happened(refunds.decided_at)
    stock_rows = np.flatnonzero(np.broadcast_to(stock.carried, stock.on_hand.shape).ravel())
    stock_day = stock_rows // stock.carried.size
    accounts = np.arange(len(world.accounts))
    paid = np.flatnonzero(journeys.paid_at != NEVER)
    everything = (
        orders,
        _line_versions(world, plan),
        sent_once(config, "payments", paid, journeys.paid_at[paid]),
        list_versions(
            config,
            "refunds",
            (
                (REQUESTED, refunds.requested_at),
                (SUCCESS, np.where(refunds.rejected, NEVER, decided)),
                (REJECTED, np.where(refunds.rejected, decided, NEVER)),
            ),
        ),
        list_versions(
            config,
            "parcels",
            (
                (LABELLED, parcels.labelled_at),
                (IN_TRANSIT, parcels.shipped_at),
                (OUT_FOR_DELIVERY, parcels.out_for_delivery_at),
                (DELIVERED, parcels.delivered_at),
                (EXCEPTION, parcels.stuck_at),
                (RETURNED, parcels.refused_at),
            ),
        ),
        sent_once(config, "stock", stock_rows, config.start_second + (stock_day + 1) * 86_400 - 1),
        list_versions(
            config,
            "products",
            (
                (LISTED, np.full(len(world.products), config.start_second)),
                (REPRICED, world.products.repriced_at),
            ),
        ),
        sent_once(config, "customers", accounts, world.accounts.registered_at),
    )
    edited_lines = np.isin(world.lines.order, plan.edited_orders)
    return {
        records.entity: with_duplicates(
            config,
            records,
            # A repeated old line after its correction would look like a second correction.
            allowed=~edited_lines[records.index] if records.entity == "order_lines" else None,
        )
        for records in everything
    }


def of_channels(
    world: World, records: dict[str, Records], channels: Collection[str]
) -> dict[str, Records]:
    """Only what is of these channels; goods and stock are of none and stay."""
    if set(channels) == set(CHANNELS):
        return records
    wanted = np.isin(np.arange(len(CHANNELS)), [CHANNELS.index(name) for name in channels])
    of_order = wanted[world.orders.channel]
    belongs = {
        "orders": of_order,
        "order_lines": of_order[world.lines.order],
        "payments": of_order,
        "refunds": of_order[world.refunds.order],
        "parcels": of_order[list_parcels(world).order],
        "customers": wanted[world.accounts.channel],
    }
    return {
        entity: rows.where(belongs[entity]) if entity in belongs else rows
        for entity, rows in records.items()
    }


def _order_versions(world: World, plan: DefectPlan) -> Records:
    events = tuple(enumerate(world.state_times))
    records = list_versions(
        world.config, "orders", (*events, (_EDIT, plan.edited_at)), first_day=plan.first_day
    )
    is_unmapped = np.zeros(len(world.orders), dtype=np.bool_)
    is_unmapped[plan.unmapped_orders] = True
    newest = np.full(len(world.orders), -1, dtype=np.int64)
    np.maximum.at(newest, records.index, records.time)
    mystery = is_unmapped[records.index] & (newest[records.index] == records.time)
    return replace(records, kind=np.where(mystery, UNMAPPED, records.kind))


def _line_versions(world: World, plan: DefectPlan) -> Records:
    config, lines = world.config, world.lines
    every = np.arange(len(lines))
    corrected = world.orders.first_line[plan.edited_orders]
    time = np.concatenate(
        [world.orders.created_at[lines.order], plan.edited_at[plan.edited_orders]]
    )
    file_day = np.concatenate(
        [
            plan.first_day[lines.order],
            config.day_numbers(plan.edited_at[plan.edited_orders]),
        ]
    )
    kind = np.concatenate(
        [np.full(len(every), FIRST_SENT), np.full(len(corrected), CORRECTED)]
    ).astype(np.int64)
    return _in_file_order(
        config,
        "order_lines",
        index=np.concatenate([every, corrected]),
        time=time,
        kind=kind,
        file_day=file_day,
    )


def sent_once(config: WorldConfig, entity: str, index: Ints, time: Ints) -> Records:
    """One row per record, on its day; what is older than the window is in the first file."""
    file_day = np.maximum(config.day_numbers(time), 0)
    kind = np.zeros(len(index), dtype=np.int64)
    return _in_file_order(config, entity, index=index, time=time, kind=kind, file_day=file_day)


def list_versions(
    config: WorldConfig,
    entity: str,
    events: tuple[tuple[int, Ints], ...],
    first_day: Ints | None = None,
) -> Records:
    """One row per record and day with a change: its last state of that day.

    Args:
        config: the world.
        entity: whose rows.
        events: code and time of each kind of change; `NEVER` where a record never changed so.
        first_day: day number of the file in which each record can first appear.
    """
    keys = []
    for code, times in events:
        happened = np.flatnonzero(times != NEVER)
        since = times[happened] - config.start_second
        keys.append((happened << (_TIME_BITS + _KIND_BITS)) | (since << _KIND_BITS) | code)
    everything: Ints = np.sort(np.concatenate(keys))
    index = everything >> (_TIME_BITS + _KIND_BITS)
    time = (everything >> _KIND_BITS & ((1 << _TIME_BITS) - 1)) + config.start_second
    kind = everything & ((1 << _KIND_BITS) - 1)
    # An edit shows the state that the record was in: that of the row before it.
    edits = np.flatnonzero(kind == _EDIT) if first_day is not None else np.empty(0, dtype=np.int64)
    kind[edits] = kind[edits - 1]
    file_day = config.day_numbers(time)
    if first_day is not None:
        file_day = np.maximum(file_day, first_day[index])
    last = np.ones(len(index), dtype=np.bool_)
    last[:-1] = (index[1:] != index[:-1]) | (file_day[1:] != file_day[:-1])
    return _in_file_order(
        config,
        entity,
        index=index[last],
        time=time[last],
        kind=kind[last],
        file_day=file_day[last],
    )


def _in_file_order(
    config: WorldConfig, entity: str, *, index: Ints, time: Ints, kind: Ints, file_day: Ints
) -> Records:
    since = np.maximum(time - config.start_second, 0)
    key = (file_day << (_TIME_BITS + _INDEX_BITS)) | (since << _INDEX_BITS)
    order = np.argsort(key | index, kind="stable")
    return Records(
        entity=entity,
        index=index[order],
        time=time[order],
        kind=kind[order],
        file_day=file_day[order],
        copied=np.empty(0, dtype=np.int64),
    )


def with_duplicates(config: WorldConfig, records: Records, allowed: Flags | None = None) -> Records:
    """Repeat some rows: right after the original, or at the top of the next day's file.

    Args:
        config: says how many.
        records: the rows of one entity.
        allowed: which of the rows may be repeated; without it, all.
    """
    rates = config.defects
    if records.entity in _NEVER_DUPLICATED:
        return records
    random = config.random(f"duplicates {records.entity}")
    candidates = np.arange(len(records)) if allowed is None else np.flatnonzero(allowed)
    chosen = choose_distinct(
        random, candidates, planted_count(rates.duplicate_rows, len(candidates))
    )
    moves = random.random(len(chosen)) < rates.duplicate_in_next_file
    day = records.file_day[chosen]
    moves &= day < config.days - 1
    day = day + moves
    tops = np.searchsorted(records.file_day, np.arange(config.days))
    positions = np.where(moves, tops[day], chosen + 1)
    return replace(
        records,
        index=np.insert(records.index, positions, records.index[chosen]),
        time=np.insert(records.time, positions, records.time[chosen]),
        kind=np.insert(records.kind, positions, records.kind[chosen]),
        file_day=np.insert(records.file_day, positions, day),
        copied=records.index[chosen],
    )

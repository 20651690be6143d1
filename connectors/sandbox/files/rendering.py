"""The text of the files: turns rows of truth into the columns that each entity's file has.

Here: ids, status words, exact decimals and local times as Arrow columns. Money never passes
through a float: fen become a decimal by placing the point.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from connectors.sandbox.files.defects import DefectPlan
from connectors.sandbox.files.records import FIRST_SENT, UNMAPPED, Records
from connectors.sandbox.parcel_table import list_parcels
from connectors.sandbox.platforms import (
    BUYER_PREFIXES,
    CANCELLED,
    CARRIER_PREFIXES,
    CARRIERS,
    CHANNELS,
    CLOSED_UNPAID_WORD,
    ENTITY_COLUMNS,
    ORDER_STATES,
    ORDER_TYPES,
    PARCEL_STATES,
    PAYMENT_METHODS,
    PROVINCE_NAMES,
    REFUND_REASONS,
    REFUND_STATES,
    REQUESTED,
    SAMPLE,
    SITES,
    STATUS_WORDS,
    STORE,
    TMALL,
    UNMAPPED_WORD,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.catalogue import CATEGORIES
from connectors.sandbox.stages.contacting import state_contacts
from connectors.sandbox.stages.people import GIVEN_NAMES, SURNAMES
from connectors.sandbox.stages.weighing import weigh_products
from connectors.sandbox.world import NEVER, Flags, Ints

_WORDS = (*(word for words in STATUS_WORDS for word in words), CLOSED_UNPAID_WORD, UNMAPPED_WORD)
_CLOSED_UNPAID_CODE, _UNMAPPED_CODE = len(_WORDS) - 2, len(_WORDS) - 1
_FIRST_TRACKING_NUMBER = 3_100_000_000_000


class Renderer:
    """Renders any slice of records; the ids that several entities share are made once."""

    def __init__(self, world: World, plan: DefectPlan) -> None:
        self._world = world
        self._plan = plan
        self.order_no = order_numbers(world)
        self.buyer_id = buyer_ids(world)
        self._sku = pa.array(world.products.skus)
        self._parcel_table = list_parcels(world)
        told = world.config.scenario.contact_slip_share > 0
        self._contacts = state_contacts(world) if told else None
        self._grams = weigh_products(world.config, world.products)
        # What the order's first version said too much; nothing for orders never edited.
        self._overcharge = plan.overcharge * world.lines.quantity[world.orders.first_line]
        self._render: dict[str, Callable[[Records], Sequence[Any]]] = {
            "orders": self._orders,
            "order_lines": self._order_lines,
            "payments": self._payments,
            "refunds": self._refunds,
            "parcels": self._parcels,
            "stock": self._stock,
            "products": self._products,
            "customers": self._customers,
        }

    def table(self, records: Records) -> pa.Table:
        """The rows as an Arrow table with the entity's columns."""
        columns = self._render[records.entity](records)
        table = pa.table(dict(zip(ENTITY_COLUMNS[records.entity], columns, strict=True)))
        if records.entity == "products" and self._world.config.scenario.weighed_share > 0:
            grams = self._grams[records.index]
            table = table.append_column("weight_grams", pa.array(grams, mask=grams < 0))
        if records.entity == "customers" and self._contacts:
            index = pa.array(records.index)
            for name in ("email", "birth_date", "address"):
                given = pa.array(getattr(self._contacts, name)).take(index)
                table = table.append_column(name, given)
        return table

    def _orders(self, records: Records) -> Sequence[Any]:
        orders, journeys = self._world.orders, self._world.journeys
        index, time = records.index, records.time
        channel = orders.channel[index]
        paid_at = journeys.paid_at[index]
        paid_at = np.where(paid_at <= time, paid_at, NEVER)
        total = orders.total[index]
        uncorrected = time < self._plan.edited_at[index]
        free = (orders.order_type[index] == SAMPLE) | (channel == STORE)
        has_paid = paid_at != NEVER
        return (
            self.order_no.take(pa.array(index)),
            words(CHANNELS, channel),
            self.buyer_id.take(or_null(orders.account[index])),
            words(ORDER_TYPES, orders.order_type[index]),
            words(_WORDS, _status_codes(channel, records.kind, ~has_paid)),
            money(total + np.where(uncorrected, self._overcharge[index], 0)),
            money(np.where(has_paid, total, 0), missing=~has_paid & ~free),
            times(orders.created_at[index]),
            times(paid_at),
            times(time),
            words(PROVINCE_NAMES, orders.province[index]),
        )

    def _order_lines(self, records: Records) -> Sequence[Any]:
        lines = self._world.lines
        index = records.index
        quantity, unit_price = lines.quantity[index], lines.unit_price[index]
        is_first = (lines.line_no[index] == 1) & (records.kind == FIRST_SENT)
        unit_price = unit_price + np.where(is_first, self._plan.overcharge[lines.order[index]], 0)
        return (
            self.order_no.take(pa.array(lines.order[index])),
            pa.array(lines.line_no[index]),
            self._sku.take(pa.array(lines.sku[index])),
            pa.array(quantity),
            money(unit_price),
            money(unit_price * quantity),
        )

    def _payments(self, records: Records) -> Sequence[Any]:
        index = records.index
        return (
            payment_numbers(self._world, index),
            self.order_no.take(pa.array(index)),
            words(PAYMENT_METHODS, self._world.journeys.method[index]),
            money(self._world.orders.total[index]),
            times(self._world.journeys.paid_at[index]),
        )

    def _refunds(self, records: Records) -> Sequence[Any]:
        refunds, lines = self._world.refunds, self._world.lines
        index = records.index
        decided = records.kind != REQUESTED
        return (
            refund_numbers(self._world, index),
            self.order_no.take(pa.array(refunds.order[index])),
            pa.array(lines.line_no[refunds.line[index]]),
            pa.array(refunds.quantity[index]),
            money(refunds.amount[index]),
            words(REFUND_STATES, records.kind),
            words(REFUND_REASONS, refunds.reason[index]),
            times(refunds.requested_at[index]),
            times(np.where(decided & ~refunds.rejected[index], refunds.decided_at[index], NEVER)),
            times(records.time),
        )

    def _parcels(self, records: Records) -> Sequence[Any]:
        parcels = self._parcel_table
        index, time = records.index, records.time

        def known(times: Ints) -> Ints:
            return np.where(times[index] <= time, times[index], NEVER)

        return (
            tracking_numbers(self._world, index),
            self.order_no.take(pa.array(parcels.order[index])),
            words(CARRIERS, parcels.carrier[index]),
            words(PARCEL_STATES, records.kind),
            times(known(parcels.shipped_at)),
            times(known(parcels.delivered_at)),
            times(parcels.promised_at[index]),
            times(time),
        )

    def _stock(self, records: Records) -> Sequence[Any]:
        stock = self._world.stock
        index = records.index
        pair = index % stock.carried.size
        return (
            dates(records.time),
            words(SITES, pair // len(self._world.products)),
            self._sku.take(pa.array(pair % len(self._world.products))),
            pa.array(stock.on_hand.ravel()[index]),
            pa.array(stock.reserved.ravel()[index]),
            pa.array(stock.inbound.ravel()[index]),
        )

    def _products(self, records: Records) -> Sequence[Any]:
        products = self._world.products
        index = records.index
        return (
            self._sku.take(pa.array(index)),
            pa.array(products.names).take(pa.array(index)),
            words(tuple(c.slug for c in CATEGORIES), products.category[index]),
            money(products.unit_cost[index]),
            money(products.prices_at(index, records.time)),
            pa.array(products.lead_time_days[index]),
            pa.array(products.pack_size[index]),
            times(records.time),
        )

    def _customers(self, records: Records) -> Sequence[Any]:
        accounts = self._world.accounts
        index = records.index
        if self._contacts:
            name = pa.array(self._contacts.name).take(pa.array(index))
            phone = pa.array(self._contacts.phone).take(pa.array(index))
        else:
            full_names = tuple(first + given for first in SURNAMES for given in GIVEN_NAMES)
            full_name = accounts.surname[index] * len(GIVEN_NAMES) + accounts.given_name[index]
            name = words(full_names, full_name)
            phone = pa.array(accounts.phone[index]).cast(pa.string())
        return (
            self.buyer_id.take(pa.array(index)),
            words(CHANNELS, accounts.channel[index]),
            name,
            phone,
            words(PROVINCE_NAMES, accounts.province[index]),
            times(accounts.registered_at[index]),
        )


def csv_bytes(table: pa.Table) -> bytes:
    """A table as CSV with a header; no value of this world needs quotes (else Arrow refuses)."""
    columns = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in (column.combine_chunks() for column in table.columns)
    ]
    sink = pa.BufferOutputStream()
    options = pa_csv.WriteOptions(quoting_style="none", quoting_header="none")
    pa_csv.write_csv(pa.table(columns, names=table.column_names), sink, options)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def order_numbers(world: World) -> Any:
    """The order numbers as the channels write them: 18 and 19 digits online, POS... in store."""
    number = pa.array(world.orders.number).cast(pa.string())
    receipt = pc.binary_join_element_wise(
        "POS", compact_dates(world.orders.created_at), pc.utf8_lpad(number, 8, "0"), ""
    )
    return pc.if_else(pa.array(world.orders.channel == STORE), receipt, number)


def buyer_ids(world: World) -> Any:
    """The buyer ids of all accounts, such as T0000123; unique within the channel."""
    accounts = world.accounts
    prefix = pa.array(BUYER_PREFIXES).take(pa.array(accounts.channel))
    number = pc.utf8_lpad(pa.array(accounts.buyer_number).cast(pa.string()), 7, "0")
    return pc.binary_join_element_wise(prefix, number, "")


def payment_numbers(world: World, index: Ints) -> Any:
    """The numbers of the given orders' payments: 28 digits, for Alipay its own 支付宝交易号."""
    serial = pc.utf8_lpad(pa.array(index).cast(pa.string()), 14, "0")
    paid = compact_dates(world.journeys.paid_at[index])
    return pc.binary_join_element_wise(paid, "220014", serial, "")


def refund_numbers(world: World, index: Ints) -> Any:
    """The numbers of the given refunds."""
    serial = pc.utf8_lpad(pa.array(index).cast(pa.string()), 9, "0")
    requested = compact_dates(world.refunds.requested_at[index])
    return pc.binary_join_element_wise("RF", requested, serial, "")


def tracking_numbers(world: World, index: Ints) -> Any:
    """The tracking numbers of the given parcels; parcel n is the first one of order n."""
    count = len(world.orders)
    is_first = index < count
    carrier = np.empty(len(index), dtype=np.int64)
    carrier[is_first] = world.journeys.carrier[index[is_first]]
    carrier[~is_first] = world.second_parcels.carrier[index[~is_first] - count]
    prefix = pa.array(CARRIER_PREFIXES).take(pa.array(carrier))
    number = pa.array(_FIRST_TRACKING_NUMBER + index).cast(pa.string())
    return pc.binary_join_element_wise(prefix, number, "")


def _status_codes(channel: Ints, kind: Ints, unpaid: Flags) -> Ints:
    state = np.minimum(kind, CANCELLED)
    codes = channel * len(ORDER_STATES) + state
    unpaid_close = (channel == TMALL) & (kind == CANCELLED) & unpaid
    codes = np.where(unpaid_close, _CLOSED_UNPAID_CODE, codes)
    return np.where(kind == UNMAPPED, _UNMAPPED_CODE, codes)


def words(values: Sequence[str], codes: Ints) -> Any:
    """The value of each code, as a dictionary column."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values))


def or_null(index: Ints) -> Any:
    """Row numbers to take; nothing for those below 0."""
    return pa.array(index, mask=index < 0)


def money(fen: Ints, missing: Flags | None = None) -> Any:
    """Fen as decimal(18,2): the same integer, read with the point two places to the left."""
    halves = np.empty((len(fen), 2), dtype=np.int64)
    halves[:, 0] = fen
    halves[:, 1] = fen >> 63
    amounts = pa.Array.from_buffers(pa.decimal128(18, 2), len(fen), [None, pa.py_buffer(halves)])
    return amounts if missing is None else pc.if_else(pa.array(missing), None, amounts)


def times(seconds: Ints) -> Any:
    """Local times; nothing where it never happened."""
    return pa.array(seconds, mask=seconds == NEVER).cast(pa.timestamp("s"))


def dates(seconds: Ints) -> Any:
    """Dates of local times."""
    return pa.array((seconds // 86_400).astype(np.int32)).cast(pa.date32())


def compact_dates(seconds: Ints) -> Any:
    """Dates such as 20260131: each day's text is made once."""
    if not len(seconds):
        return pa.array([], pa.string())
    days = seconds // 86_400
    first = int(days.min())
    every = np.arange(first, int(days.max()) + 1).astype("datetime64[D]")
    texts = [str(day).replace("-", "") for day in every]
    return pa.array(texts).take(pa.array(days - first))

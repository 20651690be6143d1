"""Files of the distributors' desk: its orders beside the shop's, and the receivables ledger.

Orders, lines and customers have the shop's layout and stand in files of their own
(`2026-06-30.wholesale.csv`). Invoices, receipts and payment allocations from before the window are
in the first day's file, as when a ledger is taken over.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.files.day_files import DayFiles, csv_files
from connectors.sandbox.files.records import Records, list_versions, sent_once, with_duplicates
from connectors.sandbox.files.rendering import compact_dates, dates, money, times, words
from connectors.sandbox.platforms import ENTITY_COLUMNS, PROVINCE_NAMES
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.distributing import (
    CHANNEL,
    CONFIRMED,
    DELIVERED,
    SHIPPED,
    STATES,
    Receipts,
    Wholesale,
    customer_numbers,
)
from connectors.sandbox.world import DAY, NEVER, Ints

WHOLESALE_ENTITIES: Final[dict[str, tuple[str, ...]]] = {
    "invoices": (
        "invoice_no",
        "customer_no",
        "order_no",
        "issued_on",
        "due_on",
        "amount",
    ),
    "receipts": ("receipt_no", "customer_no", "arrived_at", "method", "amount"),
    "payment_allocations": ("receipt_no", "invoice_no", "amount", "allocated_at"),
}
_CREDIT_COLUMNS: Final = ("credit_limit", "payment_terms_days")
"""What the desk's customers have beside the shop's columns."""
SOURCE: Final = "sandbox"
ORDER_TYPE: Final = "wholesale"


def wholesale_files(world: World, wholesale: Wholesale) -> list[DayFiles]:
    """The files of the distributors' desk."""
    config, orders = world.config, wholesale.orders
    writer = _Writer(world, wholesale)
    in_window = orders.created_at >= config.start_second

    def since_start(events: Ints) -> Ints:
        return np.where(in_window, events, NEVER)

    every = np.arange(len(orders))
    issued = every[orders.shipped_at != NEVER]
    line = np.flatnonzero(in_window[wholesale.lines.order])
    customer = np.arange(len(wholesale.distributors))
    receipt = np.arange(len(wholesale.receipts))
    allocation = np.arange(len(wholesale.allocations))
    beside_the_shop = (
        list_versions(
            config,
            "orders",
            (
                (CONFIRMED, since_start(orders.created_at)),
                (SHIPPED, since_start(orders.shipped_at)),
                (DELIVERED, since_start(orders.delivered_at)),
            ),
        ),
        sent_once(config, "order_lines", line, orders.created_at[wholesale.lines.order[line]]),
        sent_once(config, "customers", customer, wholesale.distributors.registered_at),
    )
    ledger = (
        sent_once(config, "invoices", issued, orders.shipped_at[issued]),
        sent_once(config, "receipts", receipt, wholesale.receipts.arrived_at),
        sent_once(config, "payment_allocations", allocation, wholesale.allocations.allocated_at),
    )
    files = [
        csv_files(SOURCE, records, writer.table, _wholesale_name) for records in beside_the_shop
    ]
    files += [
        csv_files(SOURCE, with_duplicates(config, records), writer.table) for records in ledger
    ]
    return files


def _wholesale_name(date: str) -> str:
    return f"{date}.wholesale.csv"


class _Writer:
    """Renders the rows of any of the desk's entities."""

    def __init__(self, world: World, wholesale: Wholesale) -> None:
        self._wholesale = wholesale
        self._skus = pa.array(world.products.skus)
        count = len(wholesale.orders)
        serial = pc.utf8_lpad(pa.array(np.arange(1, count + 1)).cast(pa.string()), 6, "0")
        created = compact_dates(wholesale.orders.created_at)
        self._order_no = pc.binary_join_element_wise("WS", created, serial, "")
        self._invoice_no = pc.binary_join_element_wise("INV", serial, "")
        self._receipt_no = receipt_numbers(wholesale.receipts)
        self._customer_no = pa.array(customer_numbers(len(wholesale.distributors)))
        self._render = {
            "orders": self._orders,
            "order_lines": self._order_lines,
            "customers": self._customers,
            "invoices": self._invoices,
            "receipts": self._receipts,
            "payment_allocations": self._payment_allocations,
        }

    def table(self, records: Records) -> pa.Table:
        """The rows with the columns of their entity."""
        columns = {**ENTITY_COLUMNS, **WHOLESALE_ENTITIES}[records.entity]
        if records.entity == "customers":
            columns = (*columns, *_CREDIT_COLUMNS)
        rendered = self._render[records.entity](records)
        return pa.table(dict(zip(columns, rendered, strict=True)))

    def _orders(self, records: Records) -> tuple[Any, ...]:
        orders, index = self._wholesale.orders, records.index
        unpaid = np.full(len(index), NEVER)
        owner = orders.distributor[index]
        return (
            self._order_no.take(pa.array(index)),
            _same(CHANNEL, len(index)),
            self._customer_no.take(pa.array(owner)),
            _same(ORDER_TYPE, len(index)),
            words(STATES, records.kind),
            money(orders.total[index]),
            money(orders.total[index], missing=unpaid == NEVER),
            times(orders.created_at[index]),
            times(unpaid),
            times(records.time),
            words(PROVINCE_NAMES, self._wholesale.distributors.province[owner]),
        )

    def _order_lines(self, records: Records) -> tuple[Any, ...]:
        lines, index = self._wholesale.lines, records.index
        return (
            self._order_no.take(pa.array(lines.order[index])),
            pa.array(lines.line_no[index]),
            self._skus.take(pa.array(lines.sku[index])),
            pa.array(lines.quantity[index]),
            money(lines.unit_price[index]),
            money(lines.unit_price[index] * lines.quantity[index]),
        )

    def _customers(self, records: Records) -> tuple[Any, ...]:
        distributors, index = self._wholesale.distributors, records.index
        return (
            self._customer_no.take(pa.array(index)),
            _same(CHANNEL, len(index)),
            pa.array(distributors.names).take(pa.array(index)),
            pa.array(distributors.phone[index]).cast(pa.string()),
            words(PROVINCE_NAMES, distributors.province[index]),
            times(distributors.registered_at[index]),
            money(distributors.credit_limit[index]),
            pa.array(distributors.terms_days[index]),
        )

    def _invoices(self, records: Records) -> tuple[Any, ...]:
        orders, index = self._wholesale.orders, records.index
        return (
            self._invoice_no.take(pa.array(index)),
            self._customer_no.take(pa.array(orders.distributor[index])),
            self._order_no.take(pa.array(index)),
            dates(orders.shipped_at[index]),
            dates(orders.due_day[index] * DAY),
            money(orders.total[index]),
        )

    def _receipts(self, records: Records) -> tuple[Any, ...]:
        receipts, index = self._wholesale.receipts, records.index
        return (
            self._receipt_no.take(pa.array(index)),
            self._customer_no.take(pa.array(receipts.distributor[index])),
            times(receipts.arrived_at[index]),
            _same("bank_transfer", len(index)),
            money(receipts.amount[index]),
        )

    def _payment_allocations(self, records: Records) -> tuple[Any, ...]:
        allocations, index = self._wholesale.allocations, records.index
        return (
            self._receipt_no.take(pa.array(allocations.receipt[index])),
            self._invoice_no.take(pa.array(allocations.invoice[index])),
            money(allocations.amount[index]),
            times(allocations.allocated_at[index]),
        )


def receipt_numbers(receipts: Receipts) -> Any:
    """The numbers of all transfers, such as RC2025091500012."""
    serial = pc.utf8_lpad(pa.array(np.arange(len(receipts))).cast(pa.string()), 5, "0")
    return pc.binary_join_element_wise("RC", compact_dates(receipts.arrived_at), serial, "")


def _same(word: str, count: int) -> Any:
    return words((word,), np.zeros(count, dtype=np.int64))

"""Files of the buyers' desk, in the layout that source `master_data` reads.

Suppliers and what they ask stand in the first day's file. An order and its lines are told on the
day they are placed, and again whole when something has come or was called off.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.files.day_files import DayFiles
from connectors.sandbox.files.records import Records, list_versions, sent_once, with_duplicates
from connectors.sandbox.files.rendering import (
    compact_dates,
    csv_bytes,
    dates,
    money,
    times,
    words,
)
from connectors.sandbox.platforms import SITES
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.purchasing import (
    CANCELLED,
    OPEN_LINE,
    ORDERED,
    PARTIALLY_RECEIVED,
    PURCHASE_STATES,
    RECEIVED,
    RECEIVED_LINE,
    Supply,
    supplier_numbers,
)
from connectors.sandbox.world import DAY, NEVER, WorldConfig

SOURCE: Final = "master_data"
_PLACES = ("苏州", "宁波", "青岛", "佛山", "泉州", "杭州", "东莞", "合肥")
_TRADES = ("乳品", "卫生用品", "塑料制品", "玩具", "服饰", "鞋业", "日化", "童车")
"""One for each category of the catalogue."""


def supply_files(world: World, supply: Supply) -> list[DayFiles]:
    """The files of the buyers' desk."""
    writer = _Writer(world, supply)
    return [
        DayFiles(
            source=SOURCE,
            entity=records.entity,
            folder=SOURCE,
            records=records,
            file_name=_named(records.entity),
            encode=lambda rows: csv_bytes(writer.table(rows)),
        )
        for records in _list_records(world.config, supply)
    ]


def _list_records(config: WorldConfig, supply: Supply) -> tuple[Records, ...]:
    purchases = supply.purchases

    def at_first(entity: str, count: int) -> Records:
        return sent_once(config, entity, np.arange(count), np.full(count, config.start_second))

    orders = list_versions(
        config,
        "purchase_orders",
        (
            (ORDERED, purchases.order_placed_at),
            (PARTIALLY_RECEIVED, purchases.order_first_received_at),
            (RECEIVED, purchases.order_last_received_at),
            (CANCELLED, purchases.order_cancelled_at),
        ),
    )
    lines = list_versions(
        config,
        "purchase_order_lines",
        (
            (OPEN_LINE, purchases.order_placed_at[purchases.order]),
            (RECEIVED_LINE, purchases.received_at),
        ),
    )
    return (
        at_first("suppliers", len(supply.suppliers)),
        at_first("supplier_prices", len(supply.offers)),
        with_duplicates(config, orders),
        with_duplicates(config, lines),
    )


def _named(entity: str) -> Callable[[str], str]:
    return lambda date: f"{entity}_{date}.csv"


class _Writer:
    """Renders the rows of any of the desk's entities."""

    def __init__(self, world: World, supply: Supply) -> None:
        self._config = world.config
        self._products = world.products
        self._supply = supply
        self._skus = pa.array(world.products.skus)
        self._numbers = pa.array(supplier_numbers(len(supply.suppliers)))
        placed_at = supply.purchases.order_placed_at
        serial = pc.utf8_lpad(pa.array(np.arange(1, len(placed_at) + 1)).cast(pa.string()), 6, "0")
        self._order_no = pc.binary_join_element_wise("PO", compact_dates(placed_at), serial, "")
        self._render: dict[str, Callable[[Records], dict[str, Any]]] = {
            "suppliers": self._suppliers,
            "supplier_prices": self._supplier_prices,
            "purchase_orders": self._purchase_orders,
            "purchase_order_lines": self._purchase_order_lines,
        }

    def table(self, records: Records) -> pa.Table:
        """The rows with the columns of their entity."""
        return pa.table(self._render[records.entity](records))

    def _suppliers(self, records: Records) -> dict[str, Any]:
        suppliers, index = self._supply.suppliers, records.index
        places = pa.array(_PLACES).take(pa.array((index * 3 + index // 8) % len(_PLACES)))
        trades = pa.array(_TRADES).take(pa.array(suppliers.category[index]))
        terms = pa.array(suppliers.terms_days[index])
        return {
            "supplier": self._numbers.take(pa.array(index)),
            "name": pc.binary_join_element_wise(places, trades, "有限公司", ""),
            "country": _same("CN", len(index)),
            "lead_time_days": pa.array(suppliers.lead_time_days[index]),
            "payment_terms": pc.binary_join_element_wise("月结", terms.cast(pa.string()), "天", ""),
            "payment_terms_days": terms,
            "minimum_order_amount": money(suppliers.minimum_fen[index]),
            "currency": _same("CNY", len(index)),
        }

    def _supplier_prices(self, records: Records) -> dict[str, Any]:
        offers, index = self._supply.offers, records.index
        return {
            "supplier": self._numbers.take(pa.array(offers.supplier[index])),
            "sku": self._skus.take(pa.array(offers.sku[index])),
            "price": money(offers.unit_price[index]),
            "currency": _same("CNY", len(index)),
            "minimum_order_quantity": pa.array(self._products.pack_size[offers.sku[index]]),
            "pack_size": pa.array(self._products.pack_size[offers.sku[index]]),
            "lead_time_days": pa.array(offers.lead_time_days[index]),
            "valid_from": dates(records.time),
            "priority": pa.array(offers.priority[index]),
        }

    def _purchase_orders(self, records: Records) -> dict[str, Any]:
        purchases, index = self._supply.purchases, records.index
        return {
            "purchase_order": self._order_no.take(pa.array(index)),
            "supplier": self._numbers.take(pa.array(purchases.order_supplier[index])),
            "site": words(SITES, purchases.order_site[index]),
            "status": words(PURCHASE_STATES, records.kind),
            "ordered_at": times(purchases.order_placed_at[index]),
            "currency": _same("CNY", len(index)),
        }

    def _purchase_order_lines(self, records: Records) -> dict[str, Any]:
        purchases, index = self._supply.purchases, records.index
        quantity, sku = purchases.quantity[index], purchases.sku[index]
        has_come = records.kind == RECEIVED_LINE
        promised_at = self._config.start_second + purchases.promised_day[index] * DAY
        return {
            "purchase_order": self._order_no.take(pa.array(purchases.order[index])),
            "line": pa.array(purchases.line_no[index]),
            "sku": self._skus.take(pa.array(sku)),
            "quantity": pa.array(quantity),
            "unit_price": money(self._supply.offers.unit_price[sku]),
            "promised_on": dates(promised_at),
            "received_quantity": pa.array(np.where(has_come, quantity, 0)),
            "received_at": times(np.where(has_come, purchases.received_at[index], NEVER)),
        }


def _same(word: str, count: int) -> Any:
    return words((word,), np.zeros(count, dtype=np.int64))

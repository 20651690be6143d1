"""Files of the warehouses' system: what it booked, and the sites it knows."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.files.day_files import DayFiles, csv_files
from connectors.sandbox.files.records import Records, sent_once, with_duplicates
from connectors.sandbox.files.rendering import compact_dates, order_numbers, times, words
from connectors.sandbox.platforms import PROVINCE_NAMES, SHANGHAI, SITES
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.booking import MOVEMENT_WORDS, NO_LINE, Movements

GOODS_ENTITIES: Final[dict[str, tuple[str, ...]]] = {
    "stock_movements": (
        *("movement_no", "line_no", "site", "sku", "type", "quantity", "order_no", "moved_at"),
    ),
    "sites": ("site", "name", "type", "province", "city", "latitude", "longitude"),
}
SOURCE: Final = "sandbox"
_PREFIXES: Final = ("GR", "GI", "CR", "TR", "TR", "ST")
_SITES: Final = (
    ("上海东部仓", "仓库", SHANGHAI, "上海市", "31.230400", "121.473700"),
    ("天津北方仓", "仓库", PROVINCE_NAMES.index("天津市"), "天津市", "39.084200", "117.200900"),
    ("上海一店", "门店", SHANGHAI, "上海市", "31.222900", "121.458100"),
)


def movement_files(world: World, movements: Movements) -> DayFiles:
    """The files of movements, by the day on which the goods moved."""
    index = np.arange(len(movements))
    records = sent_once(world.config, "stock_movements", index, movements.moved_at)
    order_no = order_numbers(world)

    def table(rows: Records) -> pa.Table:
        columns = _movement_columns(world, movements, order_no, rows)
        return pa.table(dict(zip(GOODS_ENTITIES["stock_movements"], columns, strict=True)))

    return csv_files(SOURCE, with_duplicates(world.config, records), table)


def site_files(world: World) -> DayFiles:
    """One file with all sites, on the first day."""
    index = np.arange(len(SITES))
    since = np.full(len(SITES), world.config.start_second)
    records = sent_once(world.config, "sites", index, since)

    def table(rows: Records) -> pa.Table:
        names, types, provinces, cities, latitudes, longitudes = zip(
            *(_SITES[site] for site in rows.index.tolist()), strict=True
        )
        provinces = tuple(PROVINCE_NAMES[province] for province in provinces)
        columns = (words(SITES, rows.index), names, types, provinces, cities, latitudes, longitudes)
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column) for column in columns
        ]
        return pa.table(dict(zip(GOODS_ENTITIES["sites"], arrays, strict=True)))

    return csv_files(SOURCE, records, table)


def _movement_columns(
    world: World, movements: Movements, order_no: Any, records: Records
) -> Sequence[Any]:
    index, lines = records.index, world.lines
    line = movements.line[index]
    of_order = line != NO_LINE
    row = np.where(of_order, line, 0)
    order = pa.array(lines.order[row], mask=~of_order)
    moved_at = movements.moved_at[index]
    prefix = pa.array(_PREFIXES).take(pa.array(movements.kind[index]))
    serial = pc.utf8_lpad(pa.array(movements.document[index]).cast(pa.string()), 8, "0")
    return (
        pc.binary_join_element_wise(prefix, compact_dates(moved_at), serial, ""),
        pa.array(np.where(of_order, lines.line_no[row], 1)),
        words(SITES, movements.site[index]),
        pa.array(world.products.skus).take(pa.array(movements.sku[index])),
        words(MOVEMENT_WORDS, movements.kind[index]),
        pa.array(movements.quantity[index]),
        order_no.take(order),
        times(moved_at),
    )

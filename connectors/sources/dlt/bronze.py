"""Records that a dlt resource yields, as rows of bronze: JSON that loses no digit of any value."""

import json
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import dlt
import orjson
import pyarrow as pa

from connectors.sources.api.entity import BronzeRows
from connectors.sources.api.reading import Page, Reading


def to_bronze(entity: str, reading: Reading) -> Any:
    """A dlt transformer that makes records of any resource rows of `<source>_<entity>`."""
    parts = BronzeRows(entity, reading)

    @dlt.transformer(
        name=entity, table_name=f"{reading.source}_{entity}", write_disposition="append"
    )
    def rows(items: Any) -> Iterator[pa.Table]:
        page = Page(entity, [payload_of(item) for item in _records(items)])
        yield from parts.add(page)
        yield from parts.rest()
        reading.on_page(entity, page)

    return rows


def payload_of(record: Any) -> str:
    """A record as JSON; decimals are written out in full, times keep their offset and fraction."""
    try:
        return orjson.dumps(record, default=_text, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a whole number of more than 64 bits, which only the slower writer knows
        return json.dumps(record, default=_text, ensure_ascii=False)


def _records(items: Any) -> list[Any]:
    """What a resource yields at once: an object, several, or a table of them."""
    if hasattr(items, "to_pylist"):
        return list(items.to_pylist())
    if hasattr(items, "to_dict") and not isinstance(items, Mapping):
        return list(items.to_dict(orient="records"))
    return items if isinstance(items, list) else [items]


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f") if math.isfinite(value) else str(value)
    if isinstance(value, memoryview | bytearray | bytes):
        return _decoded(bytes(value))
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()

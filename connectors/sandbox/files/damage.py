"""Broken rows: extra records that no reader can use, put among the good ones of a day's file.

Each is a copy of a good row with an own id and one kind of damage, so nothing true is lost with it
and no two of them are alike. Works on the bytes of a written file.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from connectors.sandbox.files.records import Records
from connectors.sandbox.platforms import ENTITY_COLUMNS
from connectors.sandbox.world import WorldConfig, planted_count

AMOUNT: Final = "amount_not_a_number"
TIMESTAMP: Final = "impossible_timestamp"
EMPTY_ID: Final = "empty_order_no"
SCIENTIFIC_ID: Final = "order_no_in_scientific_notation"
TOO_FEW: Final = "too_few_fields"
TOO_MANY: Final = "too_many_fields"

DAMAGES: Final[dict[str, tuple[str, ...]]] = {
    "orders": (AMOUNT, TIMESTAMP, EMPTY_ID, SCIENTIFIC_ID, TOO_FEW, TOO_MANY),
    "order_lines": (AMOUNT, EMPTY_ID, SCIENTIFIC_ID, TOO_FEW),
    "payments": (AMOUNT, TIMESTAMP),
    "refunds": (AMOUNT, TIMESTAMP),
    "parcels": (TIMESTAMP, TOO_MANY),
}
_AMOUNT_COLUMNS = {
    "orders": "total_amount",
    "order_lines": "line_amount",
    "payments": "amount",
    "refunds": "amount",
}
_TIMESTAMP_COLUMNS = {
    "orders": "created_at",
    "payments": "paid_at",
    "refunds": "requested_at",
    "parcels": "modified_at",
}
_KEPT_FIELDS = 3
# 18 digits that no channel of this world ever gives to an order.
_FIRST_FALSE_NUMBER = 999_000_000_000_000_000
_ENTITY_STRIDE = 1_000_000_000_000


@dataclass(frozen=True)
class BrokenRow:
    """One broken row to plant: `serial` makes it unlike every other one of its entity."""

    entity: str
    kind: str
    day: int
    serial: int
    position: float


def plan_broken_rows(
    config: WorldConfig, records: dict[str, Records], order_count: int
) -> dict[tuple[str, int], list[BrokenRow]]:
    """Which broken rows come into which file, by entity and day; only into files with rows."""
    planned: dict[tuple[str, int], list[BrokenRow]] = defaultdict(list)
    for entity, kinds in DAMAGES.items():
        random = config.random(f"broken {entity}")
        days = np.flatnonzero(np.bincount(records[entity].file_day))
        if not len(days):
            continue
        count = planted_count(config.defects.broken_rows, order_count)
        serial = 0
        for kind in kinds:
            chosen = random.choice(days, count).tolist()
            for day, position in zip(chosen, random.random(count).tolist(), strict=True):
                serial += 1
                row = BrokenRow(entity, kind, day, serial, position)
                planned[entity, day].append(row)
    return planned


def plant_broken_rows(
    data: bytes, rows: list[BrokenRow], file_name: str
) -> tuple[bytes, list[dict[str, str]]]:
    """Put the broken rows behind good ones; also returns what was planted, for the truth file."""
    body = data.index(b"\n") + 1
    pieces, listed, done = [], [], 0
    placed = []
    for row in rows:
        # Any byte of the body belongs to a row; the broken one goes right behind that row.
        inside = body + int(row.position * (len(data) - body))
        begin = data.rindex(b"\n", 0, inside) + 1
        end = data.index(b"\n", inside) + 1
        placed.append((end, row.serial, row, data[begin : end - 1].decode()))
    for end, _, row, template in sorted(placed, key=lambda item: item[:2]):
        text = _damaged(row, template.split(","))
        pieces += [data[done:end], text.encode(), b"\n"]
        done = end
        listed.append({**_described(row), "file": file_name, "text": text})
    pieces.append(data[done:])
    return b"".join(pieces), listed


def _described(row: BrokenRow) -> dict[str, str]:
    values = asdict(row)
    return {"entity": values["entity"], "reason": values["kind"]}


def _damaged(row: BrokenRow, values: list[str]) -> str:
    columns = ENTITY_COLUMNS[row.entity]
    position = list(DAMAGES).index(row.entity)
    false_number = str(_FIRST_FALSE_NUMBER + position * _ENTITY_STRIDE + row.serial)
    values[0] = false_number
    values[columns.index("order_no")] = false_number
    if row.kind == AMOUNT:
        values[columns.index(_AMOUNT_COLUMNS[row.entity])] = "abc"
    elif row.kind == TIMESTAMP:
        values[columns.index(_TIMESTAMP_COLUMNS[row.entity])] = "2026-13-45 00:00:00"
    elif row.kind in (EMPTY_ID, SCIENTIFIC_ID):
        values[0] = "" if row.kind == EMPTY_ID else "1.23E+18"
        # Without an own id, the amount tells this row from the others like it.
        amount = "total_amount" if row.entity == "orders" else "line_amount"
        values[columns.index(amount)] = f"{row.serial}.99"
    elif row.kind == TOO_FEW:
        values = values[:_KEPT_FIELDS]
    else:
        values.append("x")
    return ",".join(values)

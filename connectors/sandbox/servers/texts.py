"""Plain values as the platforms write them, for whole columns of a page at once.

Here: amounts in fen as yuan text, times as text or epoch, masked names and phones.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from connectors.sandbox.servers.clock import OFFSET
from connectors.sandbox.world import NEVER, Ints


def plain(values: npt.NDArray[Any]) -> list[Any]:
    """A column as plain Python values."""
    listed: list[Any] = values.tolist()
    return listed


def yuan_texts(fen: Ints) -> list[str]:
    """Exact yuan with two places: 1234 is 12.34."""
    return [
        f"{value // 100}.{value % 100:02d}"
        if value >= 0
        else f"-{-value // 100}.{-value % 100:02d}"
        for value in fen.tolist()
    ]


def time_texts(seconds: Ints) -> list[str | None]:
    """Local times such as `2026-06-30 23:59:59`, None for what has not happened."""
    happened = seconds != NEVER
    texts = np.datetime_as_string(np.where(happened, seconds, 0).astype("datetime64[s]")).tolist()
    return [
        text.replace("T", " ") if known else None
        for text, known in zip(texts, happened.tolist(), strict=True)
    ]


def epochs(seconds: Ints) -> list[int]:
    """True epoch seconds, 0 for what has not happened."""
    return plain(np.where(seconds == NEVER, 0, seconds - OFFSET))


def utc_texts(seconds: Ints) -> list[str | None]:
    """Moments in UTC such as `2026-06-30T15:59:59Z`, None for what has not happened."""
    happened = seconds != NEVER
    moments = np.where(happened, seconds - OFFSET, 0).astype("datetime64[s]")
    return [
        f"{text}Z" if known else None
        for text, known in zip(
            np.datetime_as_string(moments).tolist(), happened.tolist(), strict=True
        )
    ]


def masked_name(surname: str) -> str:
    """A buyer's name as the platforms show it."""
    return f"{surname}**"


def masked_phone(phone: int) -> str:
    """The first and the last digits of a phone number."""
    text = str(phone)
    return f"{text[:3]}****{text[-4:]}"


def records(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The rows of some columns of equal length; a value that is None is left out of its row."""
    names = list(columns)
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns.values(), strict=True)
    ]


def repeated(value: Any, count: int) -> list[Any]:
    """The same value for every row."""
    return [value] * count


def grouped(items: list[Any], counts: Iterable[int]) -> list[list[Any]]:
    """Cut a list into pieces of the given lengths."""
    pieces, begin = [], 0
    for count in counts:
        pieces.append(items[begin : begin + count])
        begin += count
    return pieces

"""Hands documents over as files, one each: to whatever system fetches them from a folder."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from connectors.sinks.base import Receipt
from connectors.sinks.documents import Document
from connectors.sinks.places import PlaceAccount, open_place, put_once
from connectors.sinks.platform import Order, Platform


class FilesAccount(PlaceAccount):
    """A folder, and how the files in it are written."""

    format: Literal["json", "csv"] = Field(
        default="json", description="An object, or a line of columns with a heading; UTF-8."
    )


class FilesTarget:
    """One folder."""

    def __init__(self, name: str, account: FilesAccount) -> None:
        del name
        self._account = account

    def accepts(self, document: Document) -> bool:
        """Every document."""
        return bool(document)

    def find(self, order: Order) -> None:
        """Nothing is asked: `deliver` recognises a repetition by its marker."""
        del order

    def deliver(self, order: Order) -> Receipt:
        """Let the file appear."""
        kind = str(order.payload["data"]["action"]["type"])
        content = rendered(order, self._account.format)
        with open_place(self._account) as files:
            name = f"{kind}_{order.key}.{self._account.format}"
            return put_once(files, name, content, order.key)


def facts_of(order: Order) -> dict[str, Any]:
    """A document with what it is and whose decision it was, as plain values."""
    data: Mapping[str, Any] = order.payload["data"]
    return {
        "key": order.key,
        "document": data["action"]["type"],
        "decision_id": data.get("decision_id"),
        "decided_at": order.payload.get("timestamp"),
        **order.document.model_dump(mode="json", exclude_none=True),
    }


def rendered(order: Order, form: Literal["json", "csv"]) -> bytes:
    """The file's content: the same for every attempt."""
    facts = facts_of(order)
    if form == "json":
        return (json.dumps(facts, ensure_ascii=False, indent=2) + "\n").encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, list(facts), lineterminator="\r\n")
    writer.writeheader()
    writer.writerow(facts)
    return text.getvalue().encode("utf-8-sig")


PLATFORM: Final = Platform("files", FilesAccount, FilesTarget)

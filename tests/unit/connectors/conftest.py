"""Fixtures of the files source: a small source of its own whose mapping a test can write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.settings import Settings
from connectors.sources.mapping import DeclaredEntity, load_source

ORDER_COLUMNS = {
    "order_no": {"header": "order no", "type": "id", "required": True},
    "amount": {"header": "amount", "type": "money", "required": True},
    "note": {"header": "note", "type": "text", "optional": True},
}

WriteMapping = Callable[..., None]


@pytest.fixture
def write_mapping(tmp_path: Path, settings: Settings) -> WriteMapping:
    """Writes the YAML of source `shop`; keyword arguments are its entities' mappings."""
    settings.dbt_project = project = tmp_path / "dbt_project"

    def write(*, source: dict[str, Any] | None = None, **entities: dict[str, Any]) -> None:
        folder = project / "models" / "staging" / "shop"
        folder.mkdir(parents=True, exist_ok=True)
        tables = [
            {
                "name": name,
                "identifier": f"shop_{name}",
                "config": {"meta": {"fourflow": mapping}},
            }
            for name, mapping in entities.items()
        ]
        declared = {"time_zone": "Asia/Shanghai", "currency_code": "CNY", **(source or {})}
        document = {
            "version": 2,
            "sources": [
                {"name": "shop", "config": {"meta": {"fourflow": declared}}, "tables": tables}
            ],
        }
        text = yaml.safe_dump(document, allow_unicode=True)
        (folder / "_shop__sources.yml").write_text(text, encoding="utf-8")

    return write


def order_mapping(**changes: Any) -> dict[str, Any]:
    """The mapping of an entity with `order no`, `amount` and perhaps `note`."""
    return {
        "files": ["*"],
        "record_key": ["order_no"],
        "columns": ORDER_COLUMNS,
        **changes,
    }


@pytest.fixture
def orders_of(write_mapping: WriteMapping, settings: Settings) -> Callable[..., DeclaredEntity]:
    """Makes entity `shop.orders`; keyword arguments change its mapping."""

    def make(**changes: Any) -> DeclaredEntity:
        write_mapping(orders=order_mapping(**changes))
        return load_source(settings, "shop").entity("orders")

    return make

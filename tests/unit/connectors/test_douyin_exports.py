"""Exports of Douyin's back office: files with a mapping, ids and amounts exactly as they stand."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from connectors.sources.files.load import load_files

NOW = datetime(2026, 6, 30, tzinfo=UTC)
ORDERS = {
    "files": ["order_export*.csv"],
    "record_key": ["line_id"],
    "columns": {
        "order_no": {"header": "主订单编号", "type": "id", "required": True},
        "line_id": {"header": "子订单编号", "type": "id", "required": True},
        "product_id": {"header": "商品ID", "type": "id"},
        "sku": {"header": "商家编码", "type": "id"},
        "quantity": {"header": "商品数量", "type": "integer"},
        "payable": {"header": "订单应付金额", "type": "money", "required": True},
        "created_at": {"header": "订单提交时间", "type": "timestamp"},
        "status": {"header": "订单状态", "type": "text"},
    },
}
SETTLEMENTS = {
    "files": ["settlement_export*.csv"],
    "record_key": ["line_id"],
    "columns": {
        "order_no": {"header": "订单号", "type": "id", "required": True},
        "line_id": {"header": "子订单号", "type": "id", "required": True},
        "amount": {"header": "结算金额", "type": "money", "required": True},
    },
}


@pytest.fixture
def exports(write_mapping: Any, settings: Settings, reference: Path) -> Settings:
    """Both exports in bronze."""
    write_mapping(orders=ORDERS, settlements=SETTLEMENTS)
    report = load_files(settings, "shop", reference / "fixtures" / "douyin", now=NOW)
    assert sorted((file.entity, file.status) for file in report.files) == [
        ("orders", "loaded"),
        ("settlements", "loaded"),
    ]
    return settings


def _payloads(settings: Settings, entity: str) -> list[dict[str, str]]:
    connection = connect_snapshot(settings)
    try:
        rows = connection.execute(
            f"select payload, read_error from lake.bronze.shop_{entity} order by record_number"
        ).fetchall()
    finally:
        connection.close()
    assert [error for _, error in rows if error] == []
    return [json.loads(payload) for payload, _ in rows]


def test_the_order_export_keeps_its_digits_and_adds_up(exports: Settings) -> None:
    rows = _payloads(exports, "orders")
    assert [row["子订单编号"].strip() for row in rows] == [
        "6917000000000000001",
        "6917000000000000003",
    ]
    assert rows[0]["商品ID"].strip() == "3500000000000000001"
    assert sum(Decimal(row["订单应付金额"]) for row in rows) == Decimal("104.70")
    assert [row["订单状态"] for row in rows] == ["待发货", "已完成"]


def test_the_settlement_export_has_a_row_that_explains_its_columns(exports: Settings) -> None:
    explanation, settled = _payloads(exports, "settlements")
    # Its amount is no amount: staging refuses the row and says so.
    assert explanation["结算金额"] == "实际入账金额"
    income, costs = Decimal(settled["收入合计"]), Decimal(settled["支出合计"])
    assert income + costs == Decimal(settled["结算金额"])
    # An apostrophe keeps a spreadsheet from rounding the number.
    assert settled["子订单号"].lstrip("'") == "6917000000000000003"

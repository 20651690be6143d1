"""Forms that are filled in here: an order and a stock variance are in the lake after a run."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation
from tests.lean_project import lean_project

pytestmark = [pytest.mark.integration]

FILES = {
    "products.csv": (
        "sku,name,unit_cost,list_price,currency\nTEA,Tea,10,20.50,CNY\nCUP,Cup,3,7,CNY\n"
    ),
    "sites.csv": "site,name,type\nWH1,Kunshan,warehouse\n",
    "stock_on_hand.csv": (
        "counted_on,site,sku,on_hand\n2026-03-01,WH1,TEA,40\n2026-03-01,WH1,CUP,9\n"
    ),
    "customers.csv": (
        "customer,channel,credit_limit,open_amount,currency,payment_terms,payment_terms_days\n"
        "C-1,agents,1000,100,CNY,net 30,30\n"
    ),
}
MARTS = (
    "fct_form_values", "fct_customer_exposures", "fct_stock_availability", "dim_prices",
    "fct_available_to_promise", "rpt_conservation", "quarantined_records",
)  # fmt: skip
ORDER: dict[str, Any] = {
    "customer_key": "master_data:agents:C-1",
    "order_no": "PO-7",
    "currency_code": "CNY",
    "lines": [{"sku": "TEA", "quantity": 3}, {"sku": "CUP", "quantity": "2", "unit_price": "8.25"}],
}
VARIANCE: dict[str, Any] = {
    "site": "WH1",
    "counted_on": "2026-03-02",
    "lines": [
        {"sku": "TEA", "expected": 40, "counted": 38, "reason": "damaged",
         "remark": "wet, ask 13812345678"},
        {"sku": "CUP", "expected": 9, "counted": 10, "reason": "found"},
    ],
}  # fmt: skip
OWN_FORM = """
name: visit_report
title: {en: Visit report, zh: 拜访记录}
owner: commerce-data
target: {kind: document}
fields:
  - {name: spent, label: {en: Spent, zh: 花费}, type: money, currency: CNY, required: true}
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("forms")
    files = folder / "files"
    files.mkdir()
    for name, text in FILES.items():
        (files / name).write_text(text, encoding="utf-8")
    installation = Installation(
        folder / "home", {"FOURFLOW_DBT_PROJECT": str(lean_project(*MARTS))}
    )
    installation.run("run", f"--source=master_data={files}")
    (folder / "home" / "forms").mkdir()
    (folder / "home" / "forms" / "visit_report.yml").write_text(OWN_FORM, encoding="utf-8")
    return installation


def enter(
    installation: Installation, form: str, filled: dict[str, Any], *more: str, expect: int = 0
) -> Any:
    path: Path = installation.home / "entry.json"
    path.write_text(json.dumps(filled), encoding="utf-8")
    arguments = ("forms", "enter", form, "--from", str(path), "--by", "li@example.cn", *more)
    if expect:
        return installation.run(*arguments, expect=expect).stderr
    return installation.json(*arguments)


def test_an_order_and_a_variance_are_in_the_lake_once_after_a_run(installation: Installation):
    refused = enter(installation, "manual_order", {**ORDER, "lines": [{"sku": "TEA"}]}, expect=1)
    assert "line 1, quantity: Fill this in." in refused
    gone = {**VARIANCE, "lines": [{**VARIANCE["lines"][0], "sku": "PEN"}]}
    assert "no article PEN" in enter(installation, "stock_variance", gone, expect=1)

    ordered = enter(installation, "manual_order", ORDER)
    counted = enter(installation, "stock_variance", VARIANCE, "--number", "V-1")
    assert enter(installation, "manual_order", ORDER) == ordered
    assert enter(installation, "stock_variance", VARIANCE, "--number", "V-1") == counted
    other = {**VARIANCE, "counted_on": "2026-03-03"}
    told = enter(installation, "stock_variance", other, "--number", "V-1", expect=1)
    assert "stands for another entry" in told
    visited = enter(installation, "visit_report", {"spent": 12.1})
    assert (ordered["amount"], ordered["key"]) == (78.0, "order_entry:C-1:PO-7")

    installation.run("run")

    orders = installation.tuples(
        "select order_key, order_status, gross_amount, customer_key from fct_orders"
    )
    assert orders == [
        ("order_entry:C-1:PO-7", "allocated", Decimal("78.00"), "master_data:agents:C-1")
    ]
    values = installation.tuples(
        "select line_no, field_name, value, number, form_version, entered_by from fct_form_values "
        "where entry_no = 'stock_variance:V-1' order by line_no, field_name"
    )
    assert [(line, name, value) for line, name, value, *_ in values] == [
        (0, "counted_on", "2026-03-02"), (0, "site", "WH1"),
        (1, "counted", "38"), (1, "expected", "40"), (1, "reason", "damaged"),
        (1, "remark", "wet, ask [phone]"), (1, "sku", "TEA"),
        (2, "counted", "10"), (2, "expected", "9"), (2, "reason", "found"), (2, "sku", "CUP"),
    ]  # fmt: skip
    assert values[2][3:] == (Decimal(38), 1, "li@example.cn")
    spent = installation.tuples(
        "select entry_no, value, number, currency_code from fct_form_values "
        "where form = 'visit_report'"
    )
    assert spent == [(visited["key"], "12.10", Decimal("12.1"), "CNY")]
    assert installation.value("select count(*) from quarantined_records") == 0

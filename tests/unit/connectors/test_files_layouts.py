"""Layouts of back offices: preambles, comments, delimiters at line ends, blanks behind quotes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from connectors.errors import InputError
from connectors.settings import load_settings
from connectors.sources.files.readers import read_records
from connectors.sources.mapping import DeclaredEntity, load_source

HEADING = "order no,amount,note"


def read(path: Path, entity: DeclaredEntity) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        rows = [
            row for table in read_records(path, entity, connection) for row in table.to_pylist()
        ]
    rows.sort(key=lambda row: row["record_number"])
    assert [row["read_error"] for row in rows if row["read_error"]] == []
    return [json.loads(row["payload"]) for row in rows]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "shop.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_preamble_is_passed_over(orders_of: Any, written: Any):
    text = f'Statement\n"unclosed\n,,,\n{HEADING}\n1,2.50,a\n\n2,3.00,"b,c"\n'
    assert read(written(text), orders_of(preamble=True)) == [
        {"order no": "1", "amount": "2.50", "note": "a"},
        {"order no": "2", "amount": "3.00", "note": "b,c"},
    ]


def test_without_a_heading_the_sentence_names_what_is_missing(orders_of: Any, written: Any):
    with pytest.raises(InputError, match="no line with the columns 'amount', 'order no'"):
        read(written("Statement\norder no,note\n1,2\n"), orders_of(preamble=True))


def test_comments_are_passed_over_wherever_they_stand(orders_of: Any, written: Any):
    text = f"#Statement\n{HEADING}\n1,2.50,#a\n#sum: 2.50, 1 line\n2,3.00,\n#end\n"
    rows = read(written(text), orders_of(comment="#"))
    assert [(row["order no"], row["note"]) for row in rows] == [("1", "#a"), ("2", "")]


def test_a_delimiter_at_every_lines_end_is_no_value(orders_of: Any, written: Any):
    text = f"{HEADING}\n1,2.50,a,\n2,3.00,b,\n"
    rows = read(written(text), orders_of(trailing_delimiter=True))
    assert [row["note"] for row in rows] == ["a", "b"]


def test_blanks_behind_a_closing_quote_are_no_damage(orders_of: Any, written: Any):
    text = f'{HEADING}\n"4611686018427387911"\t,2.50,"a\nb" \n"2"  ,"3.00" ,"c"\t\n'
    rows = read(written(text), orders_of())
    assert rows[0]["order no"].strip() == "4611686018427387911"
    assert rows[0]["note"].strip() == "a\nb"


def test_a_sheet_may_have_a_preamble_too(orders_of: Any, tmp_path: Path):
    book = openpyxl.Workbook()
    for line in (["Column1", "Column2"], ["Statement"], [], HEADING.split(","), ["1", "2.50", "a"]):
        book.active.append(line)
    book.save(tmp_path / "shop.xlsx")
    assert read(tmp_path / "shop.xlsx", orders_of(preamble=True)) == [
        {"order no": "1", "amount": "2.50", "note": "a"}
    ]
    with pytest.raises(InputError, match="no line with the columns"):
        read(tmp_path / "shop.xlsx", orders_of(preamble=True, columns=_other_columns()))


def _other_columns() -> dict[str, Any]:
    return {"order_no": {"header": "number", "type": "id"}}


@pytest.mark.parametrize(
    ("entity", "file", "count"),
    [
        ("alipay", "alipay/personal_bill_example.csv", 10),
        ("wechat", "wechatpay/personal_bill_example.csv", 27),
        ("wechat", "wechatpay/personal_bill_example.xlsx", 27),
        ("jd", "jd_finance/jd_personal_bill_example.csv", 26),
    ],
)
def test_recorded_exports_of_wallets_are_read_whole(
    reference: Path, entity: str, file: str, count: int
):
    mapping = load_source(load_settings(), "wallet_exports").entity(entity)
    rows = read(reference / "fixtures" / file, mapping)
    assert len(rows) == count
    assert all(row["交易时间"] for row in rows)


def test_the_sheet_and_the_text_of_one_export_are_the_same_rows(reference: Path):
    mapping = load_source(load_settings(), "wallet_exports").entity("wechat")
    text = read(reference / "fixtures/wechatpay/personal_bill_example.csv", mapping)
    sheet = read(reference / "fixtures/wechatpay/personal_bill_example.xlsx", mapping)
    trimmed = [
        [{name: (cell or "").strip() for name, cell in row.items()} for row in rows]
        for rows in (text, sheet)
    ]
    assert trimmed[0] == trimmed[1]

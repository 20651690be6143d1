"""Payloads hold what the file says, to the digit; what can't be read says why."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.errors import InputError
from connectors.sources.files import text
from connectors.sources.files.readers import read_records
from connectors.sources.files.spreadsheet import cell_text
from connectors.sources.mapping import DeclaredEntity

NASTY = [
    ["9007199254740993", "1.23E+18", "中文，全角"],
    ["00123", "10.10", 'say "hi"'],
    ["1234567890123456789012", " -0.50 ", "two\nlines\r\nthree"],
    ["a,b", "", "back\\slash 😀 \u2028"],
]
HEADERS = ["order no", "amount", "note"]


def read(path: Path, entity: DeclaredEntity) -> list[dict]:
    """All records of a file, by number."""
    with duckdb.connect() as connection:
        rows = [
            row for table in read_records(path, entity, connection) for row in table.to_pylist()
        ]
    rows.sort(key=lambda row: row["record_number"])
    assert [row["record_number"] for row in rows] == list(range(1, len(rows) + 1))
    return rows


def payloads(path: Path, entity: DeclaredEntity) -> list[dict]:
    rows = read(path, entity)
    assert [row["read_error"] for row in rows if row["read_error"]] == []
    return [json.loads(row["payload"]) for row in rows]


def as_csv(rows: list[list[str]], delimiter: str = ",") -> str:
    def quoted(value: str) -> str:
        return '"' + value.replace('"', '""') + '"'

    return "".join(delimiter.join(map(quoted, row)) + "\r\n" for row in rows)


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [
        ("utf-8", ","),
        ("utf-8-sig", ";"),
        ("gb18030", "\t"),
        ("utf-16", "|"),
    ],
)
def test_csv_keeps_every_character(tmp_path, orders_of, encoding, delimiter):
    entity = orders_of(delimiter=delimiter, encodings=["utf-8-sig", "gb18030", "utf-16"])
    path = tmp_path / "orders.csv"
    path.write_bytes(as_csv([HEADERS, *NASTY], delimiter).encode(encoding))
    assert payloads(path, entity) == [dict(zip(HEADERS, row, strict=True)) for row in NASTY]


def test_csv_with_bom_reads_as_plain_utf_8_too(tmp_path, orders_of):
    path = tmp_path / "orders.csv"
    path.write_bytes("order no,amount\n1,中\n".encode("utf-8-sig"))
    assert payloads(path, orders_of(encodings=["utf-8"])) == [{"order no": "1", "amount": "中"}]


def test_csv_headers_are_trimmed_and_values_are_not(tmp_path, orders_of):
    path = tmp_path / "orders.csv"
    path.write_text(" order no ,amount\t,,it's\u3000\n 1 , 2 ,x,\n", encoding="utf-8")
    assert payloads(path, orders_of()) == [
        {"order no": " 1 ", "amount": " 2 ", "(column 3)": "x", "it's": ""}
    ]


def test_csv_headers_that_differ_in_case_are_different(tmp_path, orders_of):
    path = tmp_path / "orders.csv"
    path.write_text("order no,amount,Amount\n1,2,3\n", encoding="utf-8")
    assert payloads(path, orders_of()) == [{"order no": "1", "amount": "2", "Amount": "3"}]


def test_csv_without_a_last_line_end_and_with_blank_lines(tmp_path, orders_of):
    path = tmp_path / "orders.csv"
    path.write_bytes(b"\r\norder no,amount\r\n\r\n1,2\r\n\r\n3,4")
    assert [payload["amount"] for payload in payloads(path, orders_of())] == ["2", "4"]


def test_ragged_csv_records_are_unreadable_and_the_others_load(tmp_path, orders_of):
    path = tmp_path / "orders.csv"
    path.write_text(
        'order no,amount\n1,2\n3\n"multi\nline",5\n6,7,"8\n9"\n"never,closed\n10,11\n',
        encoding="utf-8",
    )
    rows = read(path, orders_of())
    good = {n: json.loads(row["payload"]) for n, row in enumerate(rows) if not row["read_error"]}
    assert [payload["order no"] for payload in good.values()] == ["1", "multi\nline", "10"]
    bad = [(json.loads(row["payload"]), row["read_error"]) for row in rows if row["read_error"]]
    assert bad == [
        ({"raw": "3"}, "The record has 1 values but the header has 2."),
        ({"raw": '6,7,"8\n9"'}, "The record has 3 values but the header has 2."),
        ({"raw": '"never,closed'}, "A quote is opened in this line and never closed properly."),
    ]


def test_csv_larger_than_a_block_keeps_numbers_and_order(tmp_path, orders_of, monkeypatch):
    monkeypatch.setattr(text, "BLOCK_CHARACTERS", 50)
    path = tmp_path / "orders.csv"
    lines = [f'{n},"a\n{n}"\n' if n % 7 else f"{n}\n" for n in range(1, 101)]
    path.write_text("order no,amount\n" + "".join(lines), encoding="utf-8")
    rows = read(path, orders_of())
    assert len(rows) == 100
    for number, row in enumerate(rows, start=1):
        payload = json.loads(row["payload"])
        if number % 7:
            assert payload == {"order no": str(number), "amount": f"a\n{number}"}
        else:
            assert payload == {"raw": str(number)}


def test_damaged_utf_8_costs_its_line_and_is_not_taken_for_gb18030(tmp_path, orders_of):
    path = tmp_path / "orders.csv"
    good = "".join(f"{n},浙江省杭州市\n" for n in range(5)).encode()
    path.write_bytes(b"order no,amount\n" + good + b"9,\xe4\xb8\n" + "10,完\n".encode())
    rows = read(path, orders_of(encodings=["utf-8", "gb18030"]))
    assert [json.loads(row["payload"]).get("amount") for row in rows] == [
        *["浙江省杭州市"] * 5,
        None,
        "完",
    ]
    assert "not text" in rows[5]["read_error"]
    assert json.loads(rows[5]["payload"]) == {"raw": "9,\ufffd\ufffd"}


@pytest.mark.parametrize(
    ("content", "encodings", "sentence"),
    [
        (b"", None, "is empty (0 bytes)"),
        (b"\n\n\r\n", None, "holds nothing but blank lines"),
        (
            "order no,amount\n1,\xa3\n".encode("latin-1"),
            ["utf-8", "ascii"],
            "can't be read as text (utf-8 fails at byte 18; ascii fails at byte 18)",
        ),
        (b"order no,total\n1,2\n", None, "has no column 'amount' (found: 'order no', 'total')"),
        (b"order no;amount\n1;2\n", None, "has no column 'amount', 'order no'"),
        (b"order no,amount, amount\n1,2,3\n", None, "more than one column called 'amount'"),
        (b'order no,"amount\n1,2\n', None, "The header line of orders.csv can't be read"),
    ],
)
def test_unusable_csv_is_refused_in_one_sentence(tmp_path, orders_of, content, encodings, sentence):
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    changes = {"encodings": encodings} if encodings else {}
    with pytest.raises(InputError) as raised:
        read(path, orders_of(**changes))
    assert sentence in str(raised.value)
    assert str(raised.value).startswith(("orders.csv", "The header line of orders.csv"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["orders.csv", "orders.xlsx", "orders.parquet", "orders.jsonl"])
def test_file_with_headers_only_has_no_records(tmp_path, orders_of, name):
    path = tmp_path / name
    if path.suffix == ".csv":
        path.write_text("order no,amount", encoding="utf-8")
    elif path.suffix == ".xlsx":
        save_sheet(path, [["order no", "amount"]])
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"order no": pa.array([], pa.string()), "amount": []}), path)
    else:
        path.write_text("\n", encoding="utf-8")
    assert read(path, orders_of()) == []


def test_unknown_extension_needs_a_format(tmp_path, orders_of):
    path = tmp_path / "orders.dat"
    path.write_text("order no,amount\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="extension that is not known"):
        read(path, orders_of())
    assert len(payloads(path, orders_of(format="csv"))) == 1


def test_json_lines_keep_every_digit(tmp_path, orders_of):
    path = tmp_path / "orders.jsonl"
    lines = [
        '{"order no":"9007199254740993","amount":12.5,"note":null}',
        '{"order no":9007199254740993123456,"amount":1234567890123456.78}',
        '{"order no":1.23E+18,"amount":10.10, "nested":{"a":[1.50,true]}}',
        '{" order no ":"x","amount":"1.230","note":"中\\n\\u4e2d \\"q\\" Finance"}',
        '{"order no":-0,"amount":1e400}',
    ]
    path.write_text("\ufeff" + "\n\n".join(lines) + "\n", encoding="utf-8")
    with duckdb.connect() as connection:
        texts = [
            connection.execute(
                "select $1::json->>'order no', $1::json->>'amount', $1::json->>'note'",
                [row["payload"]],
            ).fetchone()
            for row in read(path, orders_of())
        ]
    assert texts == [
        ("9007199254740993", "12.5", None),
        ("9007199254740993123456", "1234567890123456.78", None),
        ("1.23E+18", "10.10", None),
        ("x", "1.230", '中\n中 "q" Finance'),
        ("-0", "1e400", None),
    ]
    assert json.loads(read(path, orders_of())[2]["payload"])["nested"] == {"a": ["1.50", True]}


def test_json_lines_that_are_not_usable_are_unreadable(tmp_path, orders_of):
    path = tmp_path / "orders.jsonl"
    bad = [
        "{'order no': 1}",
        "[1, 2]",
        '{"amount": NaN}',
        '{"amount": 1,}',
        '{"amount": 1, "amount": 2}',
        '{"amount": "\\ud800"}',
        '{"amount": 1',
    ]
    good = '{"order no":"1","amount":"2"}'
    path.write_text("\n".join([good, *bad, good]), encoding="utf-8")
    rows = read(path, orders_of())
    assert [bool(row["read_error"]) for row in rows] == [False, *[True] * len(bad), False]
    assert [json.loads(row["payload"]) for row in rows[1:-1]] == [{"raw": text} for text in bad]
    assert all(row["read_error"].startswith("The line is not a JSON object") for row in rows[1:-1])


def test_json_lines_across_blocks_are_numbered_through(tmp_path, orders_of, monkeypatch):
    monkeypatch.setattr(text, "BLOCK_CHARACTERS", 100)
    path = tmp_path / "orders.jsonl"
    path.write_text(
        "\n".join(f'{{"order no":"{n}","amount":1}}' for n in range(50)), encoding="utf-8"
    )
    assert [p["order no"] for p in payloads(path, orders_of())] == [str(n) for n in range(50)]


def test_json_lines_without_a_needed_name_are_refused(tmp_path, orders_of):
    path = tmp_path / "orders.jsonl"
    path.write_text('{"order no":"1","total":2}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"has no column 'amount' \(found: 'order no', 'total'\)"):
        read(path, orders_of())


def test_parquet_of_any_type_becomes_exact_text(tmp_path, orders_of):
    path = tmp_path / "orders.parquet"
    table = pa.table(
        {
            " order no": pa.array([2**60 + 1, None], pa.int64()),
            "amount": pa.array([Decimal("1234567890123456.78"), Decimal("0.10")]),
            "ratio": pa.array([17850.0, 1.2345678901234567e18]),
            "single": pa.array([2.55, None], pa.float32()),
            "at": pa.array(
                [dt.datetime.fromisoformat("2024-03-01T12:30"), None], pa.timestamp("ns")
            ),
            "zoned": pa.array([dt.datetime(2024, 3, 1, tzinfo=dt.UTC), None]),
            "day": pa.array([dt.date(2024, 3, 1), None]),
            "bytes": pa.array(["中".encode(), None]),
            "label": pa.array(["x", None]).dictionary_encode(),
            "yes": pa.array([True, None]),
            "many": pa.array([[{"a": 2**60 + 1, "b": Decimal("1234567890123456.78")}], None]),
            "one": pa.array([{"yes": True, 'a "b"': [0.1]}, None]),
        }
    )
    pq.write_table(table, path)
    first, second = payloads(path, orders_of())
    assert first == {
        "order no": "1152921504606846977",
        "amount": "1234567890123456.78",
        "ratio": "17850.0",
        "single": "2.55",
        "at": "2024-03-01 12:30:00",
        "zoned": "2024-03-01 00:00:00+00",
        "day": "2024-03-01",
        "bytes": "中",
        "label": "x",
        "yes": "true",
        "many": [{"a": "1152921504606846977", "b": "1234567890123456.78"}],
        "one": {"yes": True, 'a "b"': ["0.1"]},
    }
    assert second.pop("amount") == "0.10"
    assert second.pop("ratio") == "1.234567890123457E+18"
    assert set(second.values()) == {None}


def save_sheet(path: Path, rows: list[list], title: str = "Sheet") -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = title
    for row in rows:
        workbook.active.append(row)
    workbook.save(path)


def test_xlsx_cells_become_the_meant_text(tmp_path, orders_of):
    path = tmp_path / "orders.xlsx"
    rows = [
        [None, None, None, None],
        [" order no ", "amount", "note", "at"],
        ["1234567890123456789", 178.8, "中", dt.datetime.fromisoformat("2020-02-21T00:00:01")],
        [1234567890123456789, 5.0, None, dt.date(2020, 2, 1)],
        [None, None, None, None],
        [123456789012345, 0.1 + 0.2, "two\nlines", True],
    ]
    save_sheet(path, rows)
    assert payloads(path, orders_of()) == [
        {
            "order no": "1234567890123456789",
            "amount": "178.8",
            "note": "中",
            "at": "2020-02-21 00:00:01",
        },
        {"order no": "1.23456789012346E+18", "amount": "5", "note": None, "at": "2020-02-01"},
        {"order no": "123456789012345", "amount": "0.3", "note": "two\nlines", "at": "true"},
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        (None, None),
        (1e-7, "0.0000001"),
        (-2.50, "-2.5"),
        (10**15, "1.00000000000000E+15"),
        (999_999_999_999_999.0, "999999999999999"),
        (False, "false"),
        (dt.time(9, 5), "09:05:00"),
        (dt.timedelta(hours=30), "1 day, 6:00:00"),
    ],
)
def test_cell_text(value, expected):
    assert cell_text(value) == expected


def test_xlsx_sheet_is_chosen_by_name(tmp_path, orders_of):
    path = tmp_path / "orders.xlsx"
    save_sheet(path, [["order no", "amount"], ["1", "2"]], title="订单")
    assert len(payloads(path, orders_of(sheet="订单"))) == 1
    with pytest.raises(InputError, match=r"has no sheet 'Orders' \(it has '订单'\)"):
        read(path, orders_of(sheet="Orders"))


def test_empty_xlsx_sheet_is_refused(tmp_path, orders_of):
    path = tmp_path / "orders.xlsx"
    save_sheet(path, [])
    with pytest.raises(InputError, match=r"sheet of orders\.xlsx is empty"):
        read(path, orders_of())


@pytest.mark.parametrize("name", ["orders.xlsx", "orders.parquet"])
@pytest.mark.parametrize("damage", ["cut", "text", "middle"])
def test_damaged_binary_file_is_refused_in_one_sentence(tmp_path, orders_of, name, damage):
    path = tmp_path / name
    values = [[str(n * 7919), str(n)] for n in range(5_000)]
    if path.suffix == ".xlsx":
        save_sheet(path, [["order no", "amount"], *values])
    else:
        pq.write_table(
            pa.table(list(zip(*values, strict=True)), names=["order no", "amount"]), path
        )
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "text":
        path.write_bytes(b"order no,amount\n1,2\n")
    else:
        half = len(content) // 2
        path.write_bytes(content[: half - 2_000] + bytes(4_000) + content[half + 2_000 :])
    with pytest.raises(InputError) as raised:
        read(path, orders_of())
    assert str(raised.value).startswith(f"{name} can't be read as {path.suffix[1:]} (")
    assert "\n" not in str(raised.value)


def test_readers_share_no_state(tmp_path, orders_of):
    """Two files read in turns on one connection don't mix."""
    entity = orders_of()
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"order no,amount\n{name},1\n", encoding="utf-8")
    with duckdb.connect() as connection:
        streams = [read_records(tmp_path / name, entity, connection) for name in ("a.csv", "b.csv")]
        found = [json.loads(next(s)["payload"][0].as_py())["order no"] for s in streams]
    assert found == ["a.csv", "b.csv"]

"""What a person sees on bad input: one sentence, good rows loaded, exit code only if all failed."""

from pathlib import Path

import pytest

from tests.installation import Installation
from tests.lean_project import lean_project

pytestmark = [pytest.mark.integration]

HEADER = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额"
GOOD = "{n},10.00,10.00,上海,2020-02-01 10:00:00,2020-02-01 10:01:00,0.00"
BAD = {
    "money": "2001,ten,10.00,上海,2020-02-01 10:00:00,,0.00",
    "date": "2002,10.00,10.00,上海,2020-02-30 10:00:00,,0.00",
    "scientific id": "1.23E+18,10.00,10.00,上海,2020-02-01 10:00:00,,0.00",
    "no id": ",10.00,10.00,上海,2020-02-01 10:00:00,,0.00",
    "ragged": "2003,10.00",
}


def _write(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def _lean(home: Path) -> Installation:
    return Installation(home, {"FOURFLOW_DBT_PROJECT": str(lean_project("quarantined_records"))})


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One home into which a folder with good, bad and unusable files was loaded."""
    inbox = tmp_path_factory.mktemp("inbox")
    good = [GOOD.format(n=number) for number in range(1, 21)]
    _write(inbox / "good.csv", [HEADER, *good])
    _write(inbox / "mixed.csv", [HEADER, GOOD.format(n=1001), *BAD.values(), GOOD.format(n=1002)])
    _write(inbox / "chinese.csv", [HEADER, GOOD.format(n=3001)], encoding="gb18030")
    _write(inbox / "no_column.csv", [HEADER.replace("总金额", "金额"), GOOD.format(n=4001)])
    _write(inbox / "doubled.csv", [HEADER + ",总金额", GOOD.format(n=4002) + ",1"])
    (inbox / "empty.csv").write_bytes(b"")
    (inbox / "binary.csv").write_bytes(bytes(range(128, 256)) * 10)
    installation = _lean(tmp_path_factory.mktemp("bad"))
    installation.environment["INBOX"] = str(inbox)
    installation.report = installation.json("run", f"--source=tmall={inbox}")  # type: ignore[attr-defined]
    return installation


def test_good_rows_load_whatever_stands_beside_them(installation: Installation):
    numbers = {row["order_no"] for row in installation.query("select order_no from fct_orders")}
    assert numbers == {str(n) for n in range(1, 21)} | {"1001", "1002", "3001"}


def test_every_bad_row_is_in_quarantine_with_payload_and_reason(installation: Installation):
    rows = installation.query("select reason, payload from quarantined_records order by source_id")
    assert len(rows) == len(BAD)
    reasons = " | ".join(row["reason"] for row in rows)
    for part in ("ten", "2020-02-30", "1.23E+18", "order_no"):
        assert part in reasons
    assert all(row["payload"] for row in rows)


def test_quarantine_is_shown_on_the_command_line(installation: Installation):
    listed = installation.json("quarantine", "list")
    assert len(listed) == len(BAD)
    (shown,) = installation.json("quarantine", "show", listed[0]["source_id"])
    assert shown["payload"]
    missing = installation.run("quarantine", "show", "nothing", expect=1)
    assert "There is no quarantined record nothing" in " ".join(missing.stderr.split())


def test_files_that_cannot_be_used_are_named_with_the_remedy(installation: Installation):
    problems = " ".join(installation.report["problems"])  # type: ignore[attr-defined]
    for name in ("no_column.csv", "doubled.csv", "empty.csv", "binary.csv"):
        assert name in problems
    assert installation.report["status"] == "published"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--source", "tmal=/x"], "tmall"),
        (["run", "--source", "tmall=/no/such/file.csv"], "/no/such/file.csv"),
        (["run"], "No source is registered"),
        (["query", "select 1"], "Nothing is published"),
        (["status"], "Nothing is published"),
    ],
)
def test_mistakes_get_one_sentence_and_a_failing_exit_code(
    tmp_path: Path, arguments: list[str], sentence: str
):
    result = Installation(tmp_path / "home").run(*arguments, expect=1)
    words = " ".join((result.stdout + result.stderr).split())
    assert sentence in words
    assert "Traceback" not in words


def test_only_unusable_files_fail_the_command(tmp_path: Path):
    (tmp_path / "empty.csv").write_bytes(b"")
    result = _lean(tmp_path / "home").run(
        "run", f"--source=tmall={tmp_path / 'empty.csv'}", expect=1
    )
    assert "empty.csv" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("drop table fct_orders", "only reads"),
        ("select 1; select 2", "exactly one"),
        ("select nothing from fct_orders", "The query failed"),
        ("selekt", "The query failed"),
    ],
)
def test_query_refuses_what_it_cannot_run(installation: Installation, sql: str, sentence: str):
    result = installation.run("query", sql, expect=1)
    assert sentence in " ".join(result.stderr.split())

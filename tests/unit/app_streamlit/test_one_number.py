"""One metric, one number: page, command line, CSV and plain SQL, as of two publications."""

import csv
import io
import json
import random
import shlex
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from published_fixture import LAST_DAY, publish, write_lake
from typer.testing import CliRunner

from app_streamlit.blocks import metric_files
from app_streamlit.queries.edition import edition_of
from app_streamlit.queries.explore import command_of, load_answer
from app_streamlit.queries.operations import load_standing
from app_streamlit.queries.overview import load_figures
from app_streamlit.ui.context import Choices, PageContext
from app_streamlit.ui.i18n import Translator
from connectors.errors import FourflowError
from connectors.settings import Settings, load_settings
from orchestration.access.viewer import OPEN_VIEWER
from orchestration.cli.main import app
from orchestration.metrics.questions import Question
from orchestration.metrics.scopes import Scope

SCOPE = Scope("fourflow_demo", "douyin_live", date(2026, 11, 1), LAST_DAY)
PLAIN = {
    "order_count": "count(*)",
    "net_sales": "sum(net_paid_amount)",
    "payment_rate": "count(paid_at) / count(*)",
    "average_order_value": "round(sum(net_paid_amount) / count(paid_at), 6)",
    "refunded_amount": "sum(refunded_amount)",
    "refund_rate": "sum(refunded_amount)::double / sum(paid_amount)",
    "unit_count": "sum(unit_count)",
}
IN_WORDS = "business = 'fourflow_demo' and channel = 'douyin_live'"


@pytest.fixture(scope="module")
def two_publications(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A home whose second publication has other orders than its first."""
    home = tmp_path_factory.mktemp("two")
    settings = load_settings(home=home)
    published = []
    for seed in (7, 8):
        write_lake(settings, seed)
        published.append(publish(settings, run_id=f"run-{seed}").publication_id)
    return home, published


@pytest.fixture
def fourflow(
    monkeypatch: pytest.MonkeyPatch, two_publications: tuple[Path, list[str]]
) -> Callable[..., str]:
    """Runs the command on that home; its standard output."""
    monkeypatch.setenv("FOURFLOW_HOME", str(two_publications[0]))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def _metric(fourflow: Callable[..., str], as_of: str, how: str) -> str:
    days = f"day between '{SCOPE.start}' and '{SCOPE.end}'"
    return fourflow("metric", *PLAIN, "--where", IN_WORDS, "--where", days, "--as-of", as_of, how)


def test_page_command_csv_and_sql_agree_as_of_two_publications(two_publications, fourflow):
    home, published = two_publications
    answers: list[dict[str, Any]] = []
    for as_of in published:
        page = load_figures(edition_of(load_settings(home=home), as_of), SCOPE)["CNY"]
        [command] = json.loads(_metric(fourflow, as_of, "--json"))
        [exported] = csv.DictReader(io.StringIO(_metric(fourflow, as_of, "--csv")))
        columns = ", ".join(f"{value} as {name}" for name, value in PLAIN.items())
        sql = (
            f"select {columns} from fct_orders where {IN_WORDS} "
            f"and created_on between '{SCOPE.start}' and '{SCOPE.end}'"
        )
        [plain] = json.loads(fourflow("query", sql, "--as-of", as_of, "--json"))
        for name in PLAIN:
            told = {
                "command": Decimal(str(command[name])),
                "csv": Decimal(exported[name]),
                "sql": Decimal(str(plain[name])),
            }
            assert dict.fromkeys(told, Decimal(str(page[name]))) == told, name
        answers.append(dict(page))
    first, second = answers
    assert all(first[name] != second[name] for name in PLAIN)


_KEPT = (
    (),
    (("channel", ("tmall_flagship",)),),
    (("channel", ("douyin_live", "store_pos")),),
    (("order_status", ("completed", "delivered", "shipped", "paid")),),
    (("source", ("taobao", None)),),
)


def test_forty_random_questions_have_one_answer_on_page_in_files_and_on_the_command_line(
    two_publications, fourflow, monkeypatch
):
    """The page's own path, its CSV and its Excel file, and the command that the page prints."""
    home, published = two_publications
    settings = load_settings(home=home)
    chance = random.Random(40)
    several = 0
    for _ in range(40):
        as_of = chance.choice(published)
        edition = edition_of(settings, as_of)
        first = LAST_DAY - timedelta(days=chance.randrange(7, 60))
        question = Question(
            metrics=(chance.choice(sorted(PLAIN)),),
            by=chance.choice(((), ("channel",), ("order_status", "source"))),
            grain=chance.choice((None, None, "week", "month")),
            kept=chance.choice(_KEPT),
            scopes=(Scope("fourflow_demo", None, first, LAST_DAY),),
        )
        page = load_answer(edition, question)
        several += len(page.rows) > 1
        context = _context(settings, as_of)
        [*arguments] = shlex.split(command_of(page.asked, as_of))[1:]
        command = json.loads(fourflow(*arguments, "--json"))
        [name] = question.metrics
        told = [_exact(row[name]) for row in page.rows]
        assert [_exact(row[name]) for row in command] == told, arguments
        text = metric_files.csv_of(page, context).decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text)))[1:]
        assert [_exact(line[-2] or None) for line in lines] == told
        assert {line[-1] for line in lines} <= {as_of}
        book = load_workbook(io.BytesIO(metric_files.workbook_of(page, context)))
        cells = [row[-1].value for row in book.worksheets[0].iter_rows(min_row=4)]
        assert cells == [None if one is None else pytest.approx(float(one)) for one in told]
    assert several > 10


def _exact(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _context(settings: Settings, as_of: str) -> PageContext:
    """What a page knows of one publication, as far as files need it."""
    publication = next(p for p in load_standing(settings.fingerprint()).publications
                       if p.publication_id == as_of)  # fmt: skip
    return PageContext(
        settings=settings,
        t=Translator("en"),
        standing=load_standing(settings.fingerprint()),
        publication=publication,
        edition=edition_of(settings, as_of),
        bounds={},
        channels=[],
        sources=[],
        choices=Choices(None, None, "28d", None),
        viewer=OPEN_VIEWER,
    )


def test_what_was_asked_once_needs_no_metricflow(two_publications, fourflow, monkeypatch):
    _metric(fourflow, two_publications[1][0], "--json")

    def refuse(*_: object) -> None:
        raise AssertionError("MetricFlow was loaded for a question that is known")

    monkeypatch.setattr("orchestration.metrics.layer._load_engine", refuse)
    assert json.loads(_metric(fourflow, two_publications[1][1], "--json"))


def test_amounts_of_two_currencies_stand_apart(fourflow):
    rows = json.loads(fourflow("metric", "refund_rate", "order_count", "--json"))
    assert [row["currency_code"] for row in rows] == ["CNY", "GBP"]
    assert len(json.loads(fourflow("metric", "payment_rate", "--json"))) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paymnt_rate"], "did you mean payment_rate"),
        (["payment_rate", "--by", "chanel"], "did you mean channel"),
        (["payment_rate", "--by", "carrier"], "cannot be grouped or filtered by carrier"),
        (["stock_on_hand"], "is older than the metric"),
        (["payment_rate", "--where", "channel = 1 +"], "could not be computed"),
        (["payment_rate", "--grain", "fortnight"], "is no grain"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(fourflow, arguments, said):
    with pytest.raises(FourflowError, match=said) as caught:
        fourflow("metric", *arguments)
    assert "\n" not in str(caught.value)


def test_list_tells_definition_and_dimensions(fourflow):
    [entry] = json.loads(fourflow("metric", "list", "refund_rate", "--json"))
    assert entry["owner"] == "team:finance-data"
    assert entry["inputs"] == ["refunded_amount", "paid_sales"]
    assert {"channel", "order_document__province"} <= set(entry["dimensions"])
    assert len(json.loads(fourflow("metric", "list", "--json"))) > 100

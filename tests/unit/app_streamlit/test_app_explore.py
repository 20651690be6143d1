"""Explore and the cockpit: questions from links, saved views, files that say what they are."""

import csv
import io

import pytest
from openpyxl import load_workbook
from published_fixture import LAST_DAY
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.blocks import metric_files
from app_streamlit.queries import saved_views
from app_streamlit.queries.explore import asked_of, command_of, load_answer, load_dimensions
from app_streamlit.ui.i18n import catalogue
from app_streamlit.words import explore_words
from connectors.settings import load_settings
from orchestration.metrics.layer import MetricLayer
from orchestration.metrics.questions import Question

PERSON = "test@example.com"  # of AppTest


def explored(monkeypatch, home, language="en", **choices):
    app = open_page(monkeypatch, home, "explore", lang=language)
    app.session_state["_address"] = {"lang": language, "business": "fourflow_demo", **choices}
    return app.run()


@pytest.mark.parametrize(
    ("language", "chart"),
    [("en", "line"), ("zh", "bar"), ("en", "heat"), ("zh", "figure"), ("en", "table")],
)
def test_every_chart_shows_two_metrics(monkeypatch, published_home, language, chart):
    app = explored(
        monkeypatch,
        published_home,
        language,
        metric="net_sales,payment_rate",
        by="channel,order_type",
        grain="week",
        chart=chart,
    )
    assert not app.exception
    assert not app.error
    assert_translated(app, language)
    assert len(app.metric) == 2
    assert len(app.get("plotly_chart")) == (0 if chart in ("figure", "table") else 2)


def test_what_a_link_names_and_nobody_has_is_left_out(monkeypatch, published_home):
    app = explored(
        monkeypatch,
        published_home,
        metric="net_sales,drop_table",
        by="channel,password",
        grain="eon",
        chart="pie",
        filter="order_type=x' or '1'='1&nothing=1",
    )
    assert not app.exception
    assert not app.error
    assert any("Kind of order: x' or '1'='1" in text for text in texts(app))
    assert "drop_table" not in " ".join(texts(app))


def test_a_view_is_saved_pinned_shown_and_removed(monkeypatch, published_home):
    app = explored(monkeypatch, published_home, metric="order_count", by="channel", grain="none")
    app.text_input(key="explore_name").set_value("Orders by channel")
    app.button(key="explore_save").click().run()
    assert not app.exception
    [view] = saved_views.load_views(PERSON)
    assert view.choices == {
        "metric": "order_count", "by": "channel", "grain": "none", "business": "fourflow_demo",
    }  # fmt: skip
    cockpit = open_page(monkeypatch, published_home, "cockpit", lang="zh")
    assert not cockpit.exception
    assert_translated(cockpit, "zh")
    assert [one.value for one in cockpit.subheader] == ["Orders by channel", "邮件报告"]
    assert len(cockpit.get("plotly_chart")) == 1
    cockpit.button(key=f"remove_{view.view_id}").click().run()
    assert not cockpit.exception
    assert saved_views.load_cockpit(PERSON) == []
    saved_views.delete(PERSON, view.view_id)


def test_every_dimension_has_words(published_home, monkeypatch):
    monkeypatch.setenv("FOURFLOW_HOME", str(published_home))
    layer = MetricLayer(load_settings(), may_parse=False)
    words = {one.word for name in layer.catalogue.metrics for one in load_dimensions((name,))}
    missing = set()
    for word in words:
        *owner, last = word.split("__")
        keys = {f"dimensions.{last}"} | (
            {f"dimension_owners.{'__'.join(owner)}"} if owner else set()
        )
        missing |= keys - set(catalogue("en"))
    assert len(words) > 40
    assert not missing, "add them to both locales"


def test_values_are_parameters_and_the_command_quotes_them(published_home, monkeypatch):
    monkeypatch.setenv("FOURFLOW_HOME", str(published_home))
    bad = "'; drop table fct_orders; -- $HOME `id`"
    asked = asked_of(Question(("net_sales",), ("channel",), "day", (("province", (bad, None)),)))
    assert asked.query.where == ("(province in ($value_0) or province is null)",)
    assert asked.params == {"value_0": bad}
    assert "''; drop table fct_orders; -- \\$HOME \\`id\\`'" in command_of(asked, "p-1")


def test_files_say_publication_metric_and_unit(published_home, monkeypatch):
    app = explored(monkeypatch, published_home, metric="net_sales,refund_rate", grain="none")
    context = app.session_state["_page_context"]
    monkeypatch.setenv("FOURFLOW_HOME", str(published_home))
    choices = {"metric": "net_sales,refund_rate", "grain": "none"}
    question = explore_words.question_of(context, choices)
    answer = load_answer(context.edition, question)
    lines = list(
        csv.DictReader(io.StringIO(metric_files.csv_of(answer, context).decode("utf-8-sig")))
    )
    publication = context.publication.publication_id
    assert {line["As of publication"] for line in lines} == {publication}
    sales = "Net sales [net_sales; amount in its currency]"
    assert [line[sales] for line in lines] == [str(row["net_sales"]) for row in answer.rows]
    book = load_workbook(io.BytesIO(metric_files.workbook_of(answer, context)))
    data, about = book.worksheets
    assert publication in data["A1"].value
    header = [cell.value for cell in data[3]]
    assert header[2] == sales
    assert data.cell(4, 3).value == pytest.approx(float(answer.rows[0]["net_sales"]))
    told = {cell.value for row in about.iter_rows() for cell in row}
    assert {"net_sales", "refund_rate", publication, "Finance data"} <= told
    assert LAST_DAY.isoformat() in " ".join(str(one) for one in told)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2", "@x"])
def test_a_value_never_becomes_a_formula(published_home, monkeypatch, text):
    app = explored(monkeypatch, published_home)
    context = app.session_state["_page_context"]
    assert metric_files._group(text, "province", context) == f"'{text}"

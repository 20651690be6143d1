"""Every page, both languages; normal, empty and red; through Streamlit's AppTest."""

import gc
import re
import weakref
from pathlib import Path

import pytest
from published_fixture import make_published_home, publish, write_lake
from streamlit.testing.v1 import AppTest

from app_streamlit.launch import ENTRY_POINT
from app_streamlit.queries.edition import edition_of, open_edition
from app_streamlit.queries.operations import load_standing
from app_streamlit.ui import formats
from app_streamlit.ui.i18n import LANGUAGES, catalogue
from app_streamlit.ui.navigation import ENTRIES
from connectors.settings import load_settings
from orchestration.metrics.manifest import semantic_manifest_path

PAGES = [entry.name for entry in ENTRIES]
VIEWS = {
    "health": [
        "sources", "quality", "lag", "compared", "checks", "conservation", "quarantine", "unmapped",
        "publications",
        "held",
    ]
}  # fmt: skip
SHOWN = ("title", "subheader", "markdown", "caption", "button", "selectbox", "text_input", "error")
SNAKE = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
# Names of the fixture that people know: checks are cited by name, rules quote their channel.
KNOWN = {"assert_nothing_lost", "run_red"}


def open_page(monkeypatch: pytest.MonkeyPatch, home: Path, page: str, **choices: str) -> AppTest:
    """Open a page as a link would."""
    monkeypatch.setenv("FOURFLOW_HOME", str(home))
    app = AppTest.from_file(str(ENTRY_POINT), default_timeout=60)
    for key, value in choices.items():
        app.query_params[key] = value
    if page != "overview":  # it has no address of its own in a session that has just begun
        app.switch_page(f"app_pages/{page}.py")
    return app.run()


def texts(app: AppTest) -> list[str]:
    """All texts that a person sees, table headers included."""
    found: list[str] = []
    for kind in SHOWN:
        for element in getattr(app, kind):
            found += [str(getattr(element, "value", "") or ""), str(getattr(element, "label", ""))]
    found += [metric.label for metric in app.metric]
    for frame in app.dataframe:
        found += [str(column) for column in frame.value.columns]
    return [text for text in found if text and text != "None"]


def assert_translated(app: AppTest, language: str) -> None:
    """No key of the catalogue and no raw column name is shown; Chinese pages speak Chinese."""
    keys = set(catalogue("en"))
    for text in texts(app):
        assert text not in keys, f"untranslated key {text}"
        assert "{" not in text, f"unfilled text {text}"
    for frame in app.dataframe:
        for column in frame.value.columns:
            assert not SNAKE.search(str(column)), f"raw column name {column}"
            if language == "zh":
                assert re.search(r"[\u4e00-\u9fff]", str(column)), f"English header {column}"
    if language == "zh":
        assert re.search(r"[\u4e00-\u9fff]", app.title[0].value)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_page_shows_figures(monkeypatch, published_home, page, language):
    app = open_page(monkeypatch, published_home, page, lang=language)
    assert not app.exception
    assert not app.error
    assert_translated(app, language)
    first = next(m.value for m in app.markdown if m.value.startswith("#####"))
    assert re.search(r"\d", first), "the first line says a figure"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_page_says_that_data_is_red(monkeypatch, red_home, page, language):
    app = open_page(monkeypatch, red_home, page, lang=language)
    assert not app.exception
    assert any("assert_nothing_lost" in error.value for error in app.error)
    assert_translated(app, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_published_says_what_to_run(monkeypatch, empty_home, language):
    app = open_page(monkeypatch, empty_home, "overview", lang=language)
    assert not app.exception
    assert any("fourflow demo" in code.value for code in app.code)
    assert_translated(app, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS["health"])
def test_views_of_data_health(monkeypatch, red_home, view, language):
    app = open_page(monkeypatch, red_home, "health", lang=language)
    app.session_state["_address"] = {"lang": language, "view": view}
    app.run()
    assert not app.exception
    assert len(app.dataframe) >= 1
    assert_translated(app, language)


def test_orders_list_has_as_many_rows_as_the_button_said(monkeypatch, published_home):
    app = open_page(monkeypatch, published_home, "funnel", lang="en")
    button = app.button(key="show_dropped")
    expected = int(re.search(r"the ([\d,]+) order", button.label)[1].replace(",", ""))
    button.click().run()
    assert not app.exception
    assert app.title[0].value == "Orders"
    assert len(app.dataframe[0].value) == expected
    first = next(m.value for m in app.markdown if m.value.startswith("#####"))
    assert f"{expected} orders" in first


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_order_tells_its_life_and_where_its_flows_disagree(
    monkeypatch, published_home, language
):
    app = open_page(monkeypatch, published_home, "orders", lang=language)
    app.session_state["_address"] = {"lang": language, "order": "D2611150000"}
    app.run()
    assert not app.exception
    assert_translated(app, language)
    lines = [m.value for m in app.markdown if m.value.startswith("#####")]
    assert "D2611150000" in lines[1]
    finding, events, stages = (frame.value for frame in app.dataframe[1:])
    assert len(finding) == 1
    assert len(events) >= 2
    assert len(stages) <= 1
    app.toggle[0].set_value(True).run()  # where each value comes from
    assert not app.exception
    assert_translated(app, language)
    changed = app.dataframe[-1].value.iloc[0].to_list()
    assert changed[2] == "DONE"
    assert changed[4:6] == ["orders/2.csv", 9]
    assert "NEW" in changed[6]
    assert "2026" in changed[6]


def test_channel_filter_narrows_every_page(monkeypatch, published_home):
    whole = open_page(monkeypatch, published_home, "overview", lang="en")
    part = open_page(monkeypatch, published_home, "overview", lang="en", channel="douyin_live")
    assert int(part.metric[0].value) < int(whole.metric[0].value)
    assert len(part.subheader) == 1


def test_currencies_are_never_mixed(monkeypatch, published_home):
    app = open_page(monkeypatch, published_home, "overview", lang="en")
    for frame in app.dataframe:
        assert frame.value["Currency"].nunique() == 1
    values = [metric.value for metric in app.metric]
    assert any("¥" in value for value in values)
    assert any("£" in value for value in values)


@pytest.mark.parametrize(("language", "owner"), [("en", "Commerce data"), ("zh", "电商数据组")])
def test_tiles_say_what_they_are_and_whose(monkeypatch, published_home, language, owner):
    app = open_page(monkeypatch, published_home, "overview", lang=language)
    orders = app.metric[0]
    assert orders.value not in ("", formats.EMPTY)
    assert owner in orders.help
    assert "fourflow metric order_count" in orders.help


def test_a_home_without_definitions_shows_pages_without_metrics(monkeypatch, tmp_path):
    settings = load_settings(home=tmp_path / "home")
    make_published_home(settings)
    semantic_manifest_path(settings).unlink()
    assert not open_page(monkeypatch, tmp_path / "home", "funnel", lang="en").exception
    overview = open_page(monkeypatch, tmp_path / "home", "overview", lang="en")
    assert {metric.value for metric in overview.metric} == {formats.EMPTY}


def test_unknown_publication_falls_back_and_says_so(monkeypatch, published_home):
    app = open_page(monkeypatch, published_home, "overview", lang="en", as_of="no-such")
    assert not app.exception
    assert any("no-such" in warning.value for warning in app.warning)


def test_choices_that_make_no_sense_are_ignored(monkeypatch, published_home):
    app = open_page(
        monkeypatch, published_home, "orders",
        lang="xx", business="nobody", channel="nowhere", period="soon", step="99", outcome="lost",
    )  # fmt: skip
    assert not app.exception
    assert not app.error


def test_new_publication_is_shown_and_the_old_one_can_be_opened(monkeypatch, tmp_path):
    settings = load_settings(home=tmp_path / "home")
    first = make_published_home(settings)
    app = open_page(monkeypatch, settings.root, "overview", lang="en", business="fourflow_demo")
    before = [metric.value for metric in app.metric]
    write_lake(settings, seed=11)
    second = publish(settings, "run-2")
    load_standing.clear()
    app.run()
    assert not app.exception
    after = [metric.value for metric in app.metric]
    assert after != before
    assert any(second.publication_id in caption.value for caption in app.caption)
    changed = open_page(monkeypatch, settings.root, "health", lang="en")
    changed.session_state["_address"] = {"lang": "en", "view": "restated"}
    changed.run()
    assert not changed.exception
    assert any("Net sales published" in text for text in texts(changed))
    assert_translated(changed, "en")

    app.sidebar.selectbox(key="as_of_widget_en_").set_value(first.publication_id).run()
    assert [metric.value for metric in app.metric] == before
    assert any("as they were published" in info.value for info in app.info)


def test_dropped_editions_release_their_connection(published_home, monkeypatch):
    monkeypatch.setenv("FOURFLOW_HOME", str(published_home))
    settings = load_settings(home=published_home)
    edition = edition_of(settings, load_standing(settings.fingerprint()).newest.publication_id)
    lake = weakref.ref(open_edition(edition))
    assert lake() is not None
    open_edition.clear()
    gc.collect()
    assert lake() is None

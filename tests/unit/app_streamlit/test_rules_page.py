"""The page of rules: every view, an edit with its mistakes, the lab, switching, who is faster."""

import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.queries.rulebook import forget
from app_streamlit.ui.i18n import LANGUAGES
from connectors.database.engine import open_database
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.decisions.backtesting import backtest_rule
from orchestration.decisions.rulebook import find_rule, rule_history, save_rule

RULE = "alert_large_order"
VIEWS = ["what", "edit", "lab", "shadow", "effect", "versions"]


@pytest.fixture
def own_home(published_home: Path, tmp_path: Path) -> Path:
    """A copy of the published home that a test may change."""
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    forget()
    return home


def open_view(
    monkeypatch, home: Path, view: str, language: str = "en", rule: str = RULE
) -> AppTest:
    app = open_page(monkeypatch, home, "rules", lang=language)
    app.user = {"email": "li@example.com"}
    app.session_state["_address"] = {"lang": language, "rule": rule, "view": view}
    return app.run()


def engine_of(home: Path):
    return open_database(load_settings(home=home))


def element(found, key_part: str):
    """The widget whose key has this part."""
    return next(one for one in found if key_part in str(one.key))


def errors(app: AppTest) -> list[str]:
    """The mistakes that are shown, as people read them."""
    return [error.value.replace("\\", "") for error in app.error]


def labelled(found, label: str):
    """The widget with this label."""
    return next(one for one in found if one.label == label)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_a_rule(monkeypatch, published_home, view, language):
    app = open_view(monkeypatch, published_home, view, language)
    assert not app.exception
    assert not app.error
    assert_translated(app, language)


def test_lab_says_what_the_rule_would_have_done(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "lab", rule="alert_channel_orders_low")
    element(app.button, "lab_run").click().run()
    assert not app.exception
    assert not app.warning
    figure = next(metric for metric in app.metric if metric.label == "Decisions")
    counted = backtest_rule(
        find_rule(engine_of(published_home), "alert_channel_orders_low").definition,
        open_published(load_settings(home=published_home)),
        zone=ZoneInfo("Asia/Shanghai"),
    ).decisions
    assert int(figure.value) == counted
    assert any(f"{counted} decision" in text for text in texts(app))


def test_lab_refuses_what_history_cannot_tell(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "lab", rule="replenish_below_reorder_point")
    element(app.button, "lab_run").click().run()
    assert not app.exception
    assert len(app.warning) == 1
    assert "back-test" in app.warning[0].value or "history" in app.warning[0].value


def test_an_edit_is_checked_compared_and_saved_with_a_reason(monkeypatch, own_home):
    app = open_view(monkeypatch, own_home, "edit")
    before = find_rule(engine_of(own_home), RULE)

    element(app.text_area, "condition").set_value("gross_amount > :minimum_amout").run()
    assert any("declares no parameter minimum_amout" in said for said in errors(app))
    line, mark = app.code[0].value.splitlines()
    assert mark.index("^") == line.index(":minimum_amout")
    assert not any("Save as version" in button.label for button in app.button)

    element(app.text_area, "condition").set_value(before.definition.condition).run()
    assert not app.error
    name = next(iter(before.definition.parameters))
    element(app.text_input, f"value__{name}").set_value("123456").run()
    changes = app.dataframe[0].value
    assert list(changes.iloc[0]) == [
        f"parameters.{name}.value", str(before.definition.parameters[name].value), "123456",
    ]  # fmt: skip

    save = next(button for button in app.button if "Save as version" in button.label)
    save.click().run()
    assert any("needs an author and a reason" in error.value for error in app.error)
    labelled(app.text_input, "Reason (it is kept with the version)").set_value("fewer alerts")
    next(button for button in app.button if "Save as version" in button.label).click().run()
    assert not app.exception
    saved = find_rule(engine_of(own_home), RULE)
    assert (saved.version, saved.author) == (before.version + 1, "li@example.com")
    assert saved.reason == "fewer alerts"
    assert saved.definition.parameters[name].value == 123456
    assert any("is in force" in one.value for one in app.success)


def test_yaml_mistakes_have_line_and_column(monkeypatch, own_home):
    app = open_view(monkeypatch, own_home, "edit")
    app.session_state[f"draft_{RULE}_1_way"] = "yaml"
    app.run()
    text = element(app.text_area, "yaml")
    text.set_value(text.value.replace("owner:", "ownr:")).run()
    error = next(said for said in errors(app) if "ownr" in said)
    assert error.startswith("Line ")
    assert "did you mean owner?" in error
    line, mark = app.code[0].value.splitlines()
    assert (line.strip(), mark) == (line, "^")
    assert line.startswith("ownr:")


def test_whoever_is_slower_is_told_and_loses_nothing(monkeypatch, own_home):
    app = open_view(monkeypatch, own_home, "edit")
    engine = engine_of(own_home)
    present = find_rule(engine, RULE)
    name = next(iter(present.definition.parameters))
    element(app.text_input, f"value__{name}").set_value("777").run()
    theirs = present.definition.model_copy(update={"priority": 3})
    save_rule(engine, theirs, author="Wang", reason="first things first")
    labelled(app.text_input, "Reason (it is kept with the version)").set_value("mine")
    next(button for button in app.button if "Save as version" in button.label).click().run()
    assert any("Wang was faster" in one.value for one in app.warning)
    assert len(rule_history(engine, RULE)) == present.version + 1, "nothing was overwritten"
    changes = {row[0]: row[1:] for row in app.dataframe[0].value.itertuples(index=False)}
    assert changes["priority"] == ("3", str(present.definition.priority)), "it shows what is undone"
    assert changes[f"parameters.{name}.value"][1] == "777", "the draft is still there"

    next(button for button in app.button if button.label.startswith("Keep my draft")).click().run()
    assert not app.warning
    labelled(app.text_input, "Reason (it is kept with the version)").set_value("mine after all")
    next(button for button in app.button if "Save as version" in button.label).click().run()
    newest = find_rule(engine, RULE)
    assert (newest.version, newest.reason) == (present.version + 2, "mine after all")


def test_switching_and_rolling_back_are_versions_with_a_reason(monkeypatch, own_home):
    app = open_view(monkeypatch, own_home, "what")
    app.radio[0].set_value("shadow")
    labelled(app.text_input, "Reason (it is kept with the version)").set_value("watch it")
    next(button for button in app.button if button.label == "Switch").click().run()
    assert find_rule(engine_of(own_home), RULE).definition.mode == "shadow"
    assert any("shadow" in one.value for one in app.success)

    edited = find_rule(engine_of(own_home), RULE).definition.model_copy(update={"priority": 5})
    save_rule(engine_of(own_home), edited, author="Wang", reason="sooner")
    forget()
    app = open_view(monkeypatch, own_home, "versions")
    labelled(app.text_input, "Reason (it is kept with the version)").set_value("too soon")
    next(button for button in app.button if button.label == "Roll back").click().run()
    assert not app.exception
    newest = find_rule(engine_of(own_home), RULE)
    assert newest.version == 4
    assert newest.definition.priority != 5
    assert newest.definition.mode == "shadow", "rolling back does not switch"

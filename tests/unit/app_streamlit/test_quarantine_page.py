"""Correcting, dropping and taking back on the page of data health, and who may not."""

import shutil
from pathlib import Path

import pytest
from guarded import act_as, guard, open_as, refusals
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page

from connectors.database.engine import open_database
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.stewardship.quarantine import RefusedRecord, find_record

RECORD = "bbbb:3"


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    return home


def standing(home: Path) -> RefusedRecord:
    """The record as the command line reads it."""
    settings = load_settings(home=home)
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        return find_record(engine, lake, RECORD)


def show(monkeypatch: pytest.MonkeyPatch, home: Path, language: str = "en") -> AppTest:
    app = open_page(monkeypatch, home, "health", lang=language)
    app.user = {"email": "li@example.com"}
    app.session_state["_address"] = {"lang": language, "view": "quarantine"}
    return app.run()


def press(app: AppTest, words: str) -> AppTest:
    return next(one for one in app.button if one.label == words).click().run()


def say_why(app: AppTest, words: str) -> None:
    next(one for one in app.text_input if one.label == "Reason").set_value(words)


def test_a_record_is_corrected_taken_back_and_dropped(monkeypatch, home):
    app = show(monkeypatch, home)
    fields = next(one for one in app.multiselect if one.label == "Fields to correct")
    assert "InvoiceNo" in fields.options
    app = fields.set_value(["InvoiceNo"]).run()
    next(one for one in app.text_input if one.label == "InvoiceNo").set_value("536365")
    press(app, "Correct and replay")
    assert any("Say why" in one.value for one in app.error)
    say_why(app, "a typo of the till")
    press(app, "Correct and replay")
    assert any("next run reads the corrected record" in one.value for one in app.success)
    found = standing(home)
    assert (found.event, found.decided_by) == ("corrected", "li@example.com")
    assert found.decision_reason == "a typo of the till"
    assert_translated(show(monkeypatch, home, "zh"), "zh")

    app = show(monkeypatch, home)
    say_why(app, "it was right")
    press(app, "Take this back")
    assert standing(home).is_open
    say_why(app, "a test order")
    press(app, "Drop this record")
    assert standing(home).event == "dropped"


def test_who_may_not_decide_sees_no_button_and_a_crafted_call_is_refused(monkeypatch, home):
    guard(home)
    app = open_as(monkeypatch, home, "reader", "health")
    assert not app.exception
    code = f"""
    from app_streamlit.writes import quarantine
    from orchestration.stewardship.quarantine import RefusedRecord
    quarantine.drop(RefusedRecord("online_retail", "order_lines", {RECORD!r}, None, "", "{{}}"),
                    person="boss", reason="fine")
"""
    for who, subject in (("reader", f"replay drop {RECORD}"), ("douyin", f"replay drop {RECORD}")):
        assert "ForbiddenError" in act_as(monkeypatch, home, who, code)
        assert (f"{who}@example.cn", subject) in refusals(home)
    assert standing(home).is_open
    assert not act_as(monkeypatch, home, "clerk", code)
    assert standing(home).decided_by == "clerk@example.cn"

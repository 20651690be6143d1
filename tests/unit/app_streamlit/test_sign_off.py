"""Signing off a day on the page of reconciliation, and who may not."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from guarded import act_as, guard, open_as, refusals
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page

from app_streamlit.queries.reconciliation import forget
from connectors.database.engine import open_database
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.stewardship.sign_offs import DayStanding, find_day

BUSINESS, DAY = "fourflow_demo", date(2026, 11, 15)


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    forget()
    return home


def standing(home: Path) -> DayStanding:
    """The day as the command line reads it."""
    settings = load_settings(home=home)
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        return find_day(engine, lake, BUSINESS, DAY)


def show(monkeypatch: pytest.MonkeyPatch, home: Path, language: str = "en") -> AppTest:
    app = open_page(monkeypatch, home, "reconciliation", lang=language)
    app.user = {"email": "li@example.com"}
    app.session_state["_address"] = {"lang": language, "business": BUSINESS, "day": str(DAY)}
    return app.run()


def press(app: AppTest, words: str) -> AppTest:
    return next(one for one in app.button if one.label == words).click().run()


def write_note(app: AppTest, words: str) -> None:
    next(one for one in app.text_input if one.label == "Note").set_value(words)


def test_a_day_is_signed_with_name_note_and_publication_and_taken_back(monkeypatch, home):
    app = show(monkeypatch, home)
    assert standing(home).unknown_count, "the day has items that nobody can explain"
    press(app, "Sign off")
    assert any("are unknown; say in a note" in one.value for one in app.error)
    write_note(app, "the bank called back")
    press(app, "Sign off")
    assert any("15 Nov 2026 is signed" in one.value for one in app.success)
    [one] = standing(home).sign_offs
    assert (one.person, one.note) == ("li@example.com", "the bank called back")
    publication = one.publication_id
    days = next(f.value for f in app.dataframe if "Signed by" in f.value.columns)
    assert list(days["Signed by"].dropna()) == ["li@example.com"]
    assert list(days["Publication"].dropna()) == [publication]
    assert_translated(show(monkeypatch, home, "zh"), "zh")
    write_note(app, "too early")
    press(app, "Take my signature back")
    assert standing(home).state == "open"


def test_who_may_not_sign_sees_no_button_and_a_crafted_call_is_refused(monkeypatch, home):
    app = open_as(monkeypatch, guard(home), "reader", "reconciliation")
    assert not app.exception
    assert "Sign off" not in [one.label for one in app.button]
    app = open_as(monkeypatch, home, "douyin", "reconciliation")
    assert "Sign off" not in [one.label for one in app.button]
    assert any("a part of these figures only" in one.value for one in app.caption)
    code = f"""
    from datetime import date
    from app_streamlit.writes import sign_offs
    sign_offs.sign({BUSINESS!r}, date({DAY.year}, {DAY.month}, {DAY.day}),
                   person="boss", note_="fine", seen={standing(home).fingerprint!r})
"""
    for who in ("reader", "douyin"):
        assert "ForbiddenError" in act_as(monkeypatch, home, who, code)
        assert (f"{who}@example.cn", f"sign_off {BUSINESS} {DAY}") in refusals(home)
    assert standing(home).sign_offs == ()
    assert not act_as(monkeypatch, home, "clerk", code)
    assert [one.person for one in standing(home).sign_offs] == ["clerk@example.cn"]

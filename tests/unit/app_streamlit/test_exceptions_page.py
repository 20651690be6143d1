"""The page of exceptions: order, filters, the acts on a case, and who may not."""

import shutil
from pathlib import Path

import pytest
from guarded import act_as, guard, open_as, refusals
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page

from app_streamlit.ui.i18n import LANGUAGES
from app_streamlit.writes import exceptions as writes
from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.run_state import utc_now
from orchestration.stewardship import exceptions
from orchestration.stewardship.exception_queue import ExceptionCase, list_exceptions


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    return home


def cases_of(home: Path) -> list[ExceptionCase]:
    """The queue as the command line reads it."""
    settings = load_settings(home=home)
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        return list_exceptions(engine, lake)


def show(monkeypatch: pytest.MonkeyPatch, home: Path, language: str = "en", **more: str) -> AppTest:
    app = open_page(monkeypatch, home, "exceptions", lang=language)
    app.user = {"email": "li@example.com"}
    app.session_state["_address"] = {"lang": language, **more}
    return app.run()


def press(app: AppTest, words: str) -> AppTest:
    return next(one for one in app.button if one.label == words).click().run()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_queue_is_the_commands_queue(monkeypatch, home, language):
    expected = cases_of(home)
    app = show(monkeypatch, home, language)
    assert not app.exception
    assert_translated(app, language)
    table = app.dataframe[0].value
    assert len(table) == len(expected) > 10
    assert [f"{v:.2f}" for v in table.iloc[:, 2]] == [str(c.amount_at_risk) for c in expected]
    late = sum(case.is_breached for case in expected)
    assert app.metric[0].value == str(len(expected))
    assert app.metric[1].value == str(late)


def test_filters_leave_a_kind_or_an_owner(monkeypatch, home):
    expected = [case for case in cases_of(home) if case.owner == "finance"]
    app = show(monkeypatch, home, owner="finance")
    assert len(app.dataframe[0].value) == len(expected)
    app = show(monkeypatch, home, kind="stuck", owner="finance")
    assert any("No case is like that" in one.value for one in app.caption)


def test_the_cheapest_way_out_is_recommended(monkeypatch, home):
    app = show(monkeypatch, home, kind="stuck")
    assert set(app.dataframe[0].value["Recommended"]) == {"Ask the carrier or warehouse"}
    assert set(app.dataframe[0].value["Its cost"]) == {2.0}


def test_resolving_takes_the_case_out_of_the_queue_and_moves_the_figures(monkeypatch, home):
    before = cases_of(home)
    app = show(monkeypatch, home)
    assert app.metric[4].value == "–", "nothing was resolved yet"
    next(one for one in app.text_input if one.label == "Note").set_value("the carrier found it")
    press(app, "Resolved")
    assert not app.error
    assert any("left the queue" in one.value for one in app.success)
    assert app.metric[0].value == str(len(before) - 1)
    assert app.metric[4].value != "–"
    left = cases_of(home)
    assert {c.exception_key for c in before} - {c.exception_key for c in left} == {
        before[0].exception_key
    }
    app = show(monkeypatch, home, view="resolved")
    assert list(app.dataframe[0].value["Note"]) == ["the carrier found it"]
    assert list(app.dataframe[0].value["Resolved by"]) == ["li@example.com"]
    press(app, "Reopen")
    assert cases_of(home)[0].exception_key == before[0].exception_key
    engine = open_database(load_settings(home=home))
    told = exceptions.case_history(engine, before[0].exception_key)
    assert [one["event"] for one in told] == ["resolved", "reopened"]


def test_a_case_is_taken_given_and_handed_back(monkeypatch, home):
    app = press(show(monkeypatch, home), "I take it")
    assert cases_of(home)[0].taken_by == "li@example.com"
    next(one for one in app.text_input if one.label == "Give it to").set_value("Wang")
    press(app, "Give")
    assert cases_of(home)[0].taken_by == "Wang"
    app = show(monkeypatch, home, view="taken", owner="Wang")
    assert len(app.dataframe[0].value) == 1
    press(app, "Hand back")
    assert cases_of(home)[0].state == "open"


def test_whoever_was_slower_is_told_who_was_faster(monkeypatch, home):
    app = show(monkeypatch, home)
    first = cases_of(home)[0]
    settings = load_settings(home=home)
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        exceptions.take(engine, lake, first.exception_key, person="Wang", now=utc_now())
    press(app, "Resolved")
    assert any("Wang has taken" in one.value for one in app.error)
    assert cases_of(home)[0].state == "taken"
    with pytest.raises(InputError, match=r"Wang has taken .* since you opened it"):
        writes.resolve(
            first.exception_key, first.recommended, person="Li", note_="", seen=first.seen
        )


def test_a_role_that_may_not_write_sees_no_button(monkeypatch, home):
    app = open_as(monkeypatch, guard(home), "reader", "exceptions")
    assert not app.exception
    assert "Resolved" not in [one.label for one in app.button]
    assert any("may not change this" in one.value for one in app.caption)
    app = open_as(monkeypatch, home, "clerk", "exceptions")
    assert "Resolved" in [one.label for one in app.button]


@pytest.mark.parametrize("who", ["reader", "douyin"])
def test_a_crafted_call_is_refused_and_logged(monkeypatch, home, who):
    foreign = next(c for c in cases_of(home) if (c.order_key or "").rpartition(":")[2] > "T")
    code = f"""
    from app_streamlit.writes import exceptions
    from orchestration.stewardship.exception_queue import Seen
    exceptions.take({foreign.exception_key!r}, person="boss", seen=Seen("open", None))
"""
    assert "ForbiddenError" in act_as(monkeypatch, guard(home), who, code)
    assert {c.state for c in cases_of(home)} == {"open"}
    assert (f"{who}@example.cn", f"work_exceptions {foreign.exception_key}") in refusals(home)


def test_a_press_for_a_case_that_somebody_resolved_meanwhile_does_nothing_to_the_next(
    monkeypatch, home
):
    app = show(monkeypatch, home)
    first, second = cases_of(home)[:2]
    settings = load_settings(home=home)
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        exceptions.resolve(
            engine, lake, first.exception_key, person="Wang", resolution=first.recommended,
            now=utc_now(),
        )  # fmt: skip
    press(app, "Resolved")
    assert not app.exception
    assert any("somebody was faster" in one.value for one in app.info)
    assert (cases_of(home)[0].exception_key, cases_of(home)[0].state) == (
        second.exception_key, "open",
    )  # fmt: skip

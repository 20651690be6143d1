"""The guided tour: for each kind of work, over pages that exist and open, left at any time."""

import pytest
from test_app_pages import open_page

from app_streamlit.ui import tour
from app_streamlit.ui.i18n import LANGUAGES, catalogue
from app_streamlit.ui.navigation import ENTRIES
from orchestration.access.viewer import OPEN_VIEWER, Viewer


@pytest.mark.parametrize("role", tour.TOURS)
def test_a_tour_is_short_and_every_stop_is_told(role):
    stops = tour.stops_of(role, OPEN_VIEWER)
    assert 4 <= len(stops) <= 6
    assert set(stops) <= {entry.name for entry in ENTRIES}
    for language in LANGUAGES:
        assert {f"tour.stops.{role}.{page}" for page in stops} <= set(catalogue(language))


def test_a_tour_leaves_out_pages_of_others():
    viewer = Viewer("wang", "sales", ("overview", "funnel"), ())
    assert tour.stops_of("manager", viewer) == ("overview", "funnel")


def shown(app):
    keys = ("tour_next", "tour_back", "tour_end", "tour_back_to")
    return {button.key for button in app.button} & set(keys)


def test_a_person_takes_the_tour_leaves_the_path_comes_back_and_ends_it(
    monkeypatch, published_home
):
    app = open_page(monkeypatch, published_home, "overview", lang="en")
    assert not shown(app), "nobody is led who did not ask"
    app.button(key="tour_manager").click().run()
    assert not app.exception
    assert shown(app) == {"tour_next", "tour_end"}
    app.button(key="tour_next").click().run()
    assert app.title[0].value == "Channels"
    assert shown(app) == {"tour_back", "tour_next", "tour_end"}
    app.switch_page("app_pages/health.py").run()
    assert shown(app) == {"tour_back_to", "tour_end"}
    app.button(key="tour_back_to").click().run()
    assert app.title[0].value == "Channels"
    app.button(key="tour_end").click().run()
    assert not app.exception
    assert not shown(app)


@pytest.mark.parametrize("asked", ["manager", "manager-0", "manager-99", "nobody-1", "-"])
def test_a_tour_that_does_not_exist_is_not_shown(monkeypatch, published_home, asked):
    app = open_page(monkeypatch, published_home, "overview", lang="zh", tour=asked)
    assert not app.exception
    assert not shown(app)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_glossary_explains_the_words_of_pages(monkeypatch, published_home, language):
    app = open_page(monkeypatch, published_home, "definitions", lang=language, view="glossary")
    app.session_state["_address"] = {"lang": language, "view": "glossary"}
    app.run()
    assert not app.exception
    terms = app.dataframe[0].value
    assert len(terms) >= 30
    assert terms.iloc[:, 0].is_unique
    assert terms.notna().all(axis=None)

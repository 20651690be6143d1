"""Saved views: a person's own, replaced by name, ordered on a cockpit."""

from datetime import UTC, datetime

import pytest

from connectors.database import saved_views
from connectors.database.engine import open_database
from connectors.errors import InputError

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def engine(settings):
    return open_database(settings)


def save(engine, name, person="an@example.com", **choices):
    return saved_views.save_view(engine, person, name, choices or {"metric": "x"}, now=NOW)


def pinned(engine, person="an@example.com"):
    return [(view.name, view.position) for view in saved_views.list_pinned(engine, person)]


def test_a_view_is_kept_and_replaced_under_its_name(engine):
    first = save(engine, "  Sales  by day ", metric="net_sales")
    again = save(engine, "Sales by day", metric="order_count", by="channel")
    assert again.view_id == first.view_id
    [kept] = saved_views.list_views(engine, "an@example.com")
    assert kept.name == "Sales by day"
    assert kept.choices == {"metric": "order_count", "by": "channel"}


def test_nobody_sees_or_changes_the_views_of_another(engine):
    mine = save(engine, "Mine")
    assert saved_views.list_views(engine, "bo@example.com") == []
    for change in (
        lambda: saved_views.pin_view(engine, "bo@example.com", mine.view_id, now=NOW),
        lambda: saved_views.unpin_view(engine, "bo@example.com", mine.view_id),
        lambda: saved_views.move_view(engine, "bo@example.com", mine.view_id, 1),
    ):
        with pytest.raises(InputError):
            change()
    saved_views.delete_view(engine, "bo@example.com", mine.view_id)
    assert [view.name for view in saved_views.list_views(engine, "an@example.com")] == ["Mine"]
    assert save(engine, "Mine", person="bo@example.com").view_id != mine.view_id


def test_the_cockpit_keeps_an_order_without_gaps(engine):
    views = {name: save(engine, name) for name in ("A", "B", "C")}
    for name in ("C", "A", "B", "C"):
        saved_views.pin_view(engine, "an@example.com", views[name].view_id, now=NOW)
    assert pinned(engine) == [("C", 1), ("A", 2), ("B", 3)]
    saved_views.move_view(engine, "an@example.com", views["B"].view_id, -1)
    saved_views.move_view(engine, "an@example.com", views["C"].view_id, -1)
    assert pinned(engine) == [("C", 1), ("B", 2), ("A", 3)]
    saved_views.move_view(engine, "an@example.com", views["C"].view_id, 99)
    assert pinned(engine) == [("B", 1), ("A", 2), ("C", 3)]
    saved_views.unpin_view(engine, "an@example.com", views["B"].view_id)
    saved_views.delete_view(engine, "an@example.com", views["A"].view_id)
    assert pinned(engine) == [("C", 1)]
    assert [view.name for view in saved_views.list_views(engine, "an@example.com")] == ["B", "C"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_name_says_something_and_fits(engine, name):
    with pytest.raises(InputError, match="1 to 80 characters"):
        save(engine, name)


def test_nobody_fills_the_database(engine, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 2)
    save(engine, "A")
    save(engine, "B")
    save(engine, "B")
    with pytest.raises(InputError, match="delete one"):
        save(engine, "C")

"""Data health: what sources have against the lake, and the values that no mapping knows."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from guarded import guard, open_as
from streamlit.testing.v1 import AppTest
from test_app_pages import open_page

from app_streamlit.queries.overview import SourceName
from app_streamlit.ui.context import business_labels


def show(monkeypatch: pytest.MonkeyPatch, home: Path, view: str) -> AppTest:
    app = open_page(monkeypatch, home, "health", lang="en")
    app.session_state["_address"] = {"lang": "en", "view": view}
    return app.run()


def rows(app: AppTest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.dataframe[0].value.to_dict("records")
    return found


def test_differences_stand_first_with_their_numbers(monkeypatch, red_home):
    app = show(monkeypatch, red_home, "compared")
    said = " ".join(one.value for one in app.markdown)
    assert "2 records differ between sources and the lake, most of them of Taobao" in said
    assert "1 source could not be asked" in said
    table = rows(app)
    assert [row["State"] for row in table] == ["! Differs", "! Not asked", "✓ Equal"]
    first = table[0]
    assert (first["Records there"], first["Records here"], first["Not read yet"]) == (9, 8, 2)
    assert first["Difference"] == -100.25
    assert first["What it found"] == "Missing in the lake: T-1007; Amount differs: T-1009"
    assert table[1]["What it found"] == "The shop is silent."


def test_differences_need_somebody_today(monkeypatch, red_home):
    app = open_page(monkeypatch, red_home, "overview", lang="en")
    assert any(
        "2 records differ between their sources" in one.label for one in app.get("page_link")
    )


def test_who_sees_one_channel_sees_no_whole_account(monkeypatch, red_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(red_home, home)
    guard(home)
    app = open_as(monkeypatch, home, "douyin", "health")
    app.session_state["_address"] = {"lang": "en", "view": "compared"}
    app.run()
    assert not app.exception
    assert not any("T-1007" in str(table.value) for table in app.dataframe)
    said = [one.value for kind in ("caption", "markdown") for one in app.get(kind)]
    assert any("limited to what your role may see" in one for one in said), said


def test_an_unmapped_value_says_where_to_add_it(monkeypatch, published_home):
    app = show(monkeypatch, published_home, "unmapped")
    said = " ".join(one.value for one in app.markdown)
    assert "2 values are in no mapping, in 9 rows; the most frequent is “TRADE\\_MYSTERY”" in said
    first, second = rows(app)
    assert (first["What it is"], first["Value"], first["Rows"]) == (
        "Order state", "TRADE_MYSTERY", 7,
    )  # fmt: skip
    assert first["Add it to"] == "dbt_project/seeds/order_status_map.csv"
    assert second["Add it to"].startswith("the article master")


def test_the_weakest_check_is_the_score_and_is_never_rounded_up(monkeypatch, red_home):
    app = show(monkeypatch, red_home, "quality")
    said = " ".join(one.value for one in app.markdown)
    assert "2 of 2 sources have a fault; the weakest is Taobao" in said
    assert "93.00% of records whose values are all mapped" in said
    assert "The newest run failed its checks and is not in these figures" in said
    taobao, sandbox = rows(app)
    assert (taobao["Quality score"], taobao["Validity"], taobao["Uniqueness"]) == (
        "93.00%", "93.00%", "–",
    )  # fmt: skip
    assert taobao["Timeliness"] == "93.60%"
    # One unreadable record of 2,999 is 99.967 %, and one empty value of 3,000 is 99.9667 %.
    assert (sandbox["Quality score"], sandbox["Completeness"]) == ("99.96%", "99.96%")


def test_status_lag_tells_what_was_late_and_what_is_slowest(monkeypatch, published_home):
    app = show(monkeypatch, published_home, "lag")
    said = " ".join(one.value for one in app.markdown)
    assert "47 of 48 changes of status were visible here within the limit" in said
    assert "Shipped: 95% within 1 d 19 h" in said
    slowest, quickest = rows(app)  # what only history has is not listed
    assert (slowest["Document"], slowest["Status reached"]) == ("Sale", "Shipped")
    assert (slowest["Later than the limit"], slowest["Limit"]) == (1, "1 d 2 h")
    assert quickest["Visible, half within"] == "15 min"


def test_a_business_that_no_seed_names_is_told_in_words():
    named = SourceName("till", "my_shop", "till", "till", "my_shop", "my_shop")
    assert business_labels([named], "zh") == {"my_shop": "My shop"}

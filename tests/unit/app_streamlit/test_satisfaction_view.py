"""After-sales, satisfaction: how sure it is, what late parcels cost, and what is too little."""

import random
import shutil
from math import sqrt
from pathlib import Path

import pytest
from guarded import guard, open_as
from scipy.stats import norm
from streamlit.testing.v1 import AppTest
from test_app_pages import open_page

from app_streamlit.queries import rates


def show(monkeypatch: pytest.MonkeyPatch, home: Path, **choices: str) -> AppTest:
    app = open_page(monkeypatch, home, "aftersales", **choices)
    app.session_state["_address"] = {"view": "satisfaction", "period": "all", **choices}
    return app.run()


def said(app: AppTest) -> str:
    return " ".join(one.value for one in app.markdown)


def test_late_parcels_cost_points_and_few_answers_say_nothing(monkeypatch, published_home):
    app = show(monkeypatch, published_home, lang="en")
    assert not app.exception
    # 180 of 250 customers, 9 of 12 partners; in time 160 of 200, late 20 of 50.
    assert "72.0% of customers are satisfied (66.1% to 77.2%), net promoter score 30" in said(app)
    assert "12 answers of partners are too few to tell" in said(app)
    assert "A late parcel costs 40 points (25 to 53): 40.0% of its customers" in said(app)
    tiles = {one.label: (one.value, one.delta) for one in app.metric}
    assert tiles["NPS · Customers"] == ("30", "15 to 45 · 100 answers")
    partner = next(shown for label, shown in tiles.items() if label.endswith("· Partners"))
    assert partner == ("–", "Only 12 answers")
    table = app.dataframe[0].value
    assert list(table["Delivery"][:2]) == ["Parcels in time", "A parcel late"]
    unmapped = table[table["Question"] == "Question that nobody mapped"].iloc[0]
    assert (unmapped["Result"], unmapped["Without score"]) == ("–", 4)


def test_the_same_in_chinese_and_of_one_channel(monkeypatch, published_home):
    app = show(monkeypatch, published_home, lang="zh", channel="douyin_live")
    assert not app.exception
    assert "包裹迟到使满意率下降 40 个百分点" in said(app)
    assert "合作伙伴" not in said(app)


def test_who_sees_one_channel_sees_its_answers_only(monkeypatch, published_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    guard(home)
    app = open_as(monkeypatch, home, "douyin", "aftersales")
    app.session_state["_address"] = {"lang": "en", "view": "satisfaction", "period": "all"}
    app.run()
    assert not app.exception
    assert "72.0% of customers are satisfied" in said(app)
    assert "partners" not in said(app)


def test_the_returns_stay_the_first_view(monkeypatch, published_home):
    app = open_page(monkeypatch, published_home, "aftersales", lang="en")
    assert not app.exception
    assert "costs most" in said(app)


def test_the_interval_of_a_difference_is_the_published_one():
    # Newcombe 1998, table II, method 10: the first five of its examples.
    for groups, low, high in (
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
    ):
        found = rates.share_difference(*groups)
        assert found == pytest.approx((low, high), abs=5e-5)
    assert rates.share_difference(1, 2, 0, 0) is None


def test_the_net_promoter_interval_is_that_of_a_mean_of_three_values():
    promoters, detractors, whole = 50, 20, 100
    scores = [100] * promoters + [0] * (whole - promoters - detractors) + [-100] * detractors
    mean = sum(scores) / whole
    deviation = sqrt(sum((score - mean) ** 2 for score in scores) / whole)
    half = norm.ppf(0.975) * deviation / sqrt(whole)
    found = rates.net_promoter_interval(promoters, detractors, whole)
    assert found == pytest.approx((mean - half, mean + half))
    assert rates.net_promoter_interval(5, 2, rates.FEWEST - 1) is None
    assert rates.net_promoter_score(0, 0, 0) is None


def test_the_net_promoter_interval_holds_the_truth_as_often_as_it_says():
    draw = random.Random(7)
    hits = 0
    for _ in range(400):
        answers = draw.choices((100, 0, -100), (0.45, 0.35, 0.20), k=60)
        low, high = rates.net_promoter_interval(answers.count(100), answers.count(-100), 60) or (
            1,
            0,
        )
        hits += low <= 25 <= high
    assert hits / 400 == pytest.approx(0.95, abs=0.03)

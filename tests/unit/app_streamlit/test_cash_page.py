"""The page of cash: who moved the days outstanding, and the partners' statement."""

import pytest
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.ui.i18n import LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_movers_make_four_fifths_and_partners_add_up_to_the_accrual(
    monkeypatch, published_home, language
):
    app = open_page(monkeypatch, published_home, "cash", lang=language, business="fourflow_demo")
    assert not app.exception
    assert_translated(app, language)
    told = texts(app)
    # 17 of 22 days are less than four fifths, 21 of 22 are more: the third is left out.
    frames = [frame.value for frame in app.dataframe]
    [movers] = [one for one in frames if len(one) == 2 and 17.0 in set(one.iloc[:, 1])]
    assert list(movers.iloc[:, 0]) == ["B0001", "B0002"]
    assert [round(value, 1) for value in movers.iloc[:, 2]] == [77.3, 95.5]
    assert any("95%" in text and "+17.0" in text for text in told)
    [statement] = [one for one in frames if 600.0 in set(one.iloc[:, -3])]
    assert dict(zip(statement.iloc[:, 0], statement.iloc[:, -3], strict=True)) == {
        "B0001": 2400.0,
        "B0002": 600.0,
    }
    assert any("¥3,000.00" in text for text in told)

"""The page of forms: drawn from its file, refused beside the field, kept once, both languages."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from guarded import act_as, guard, open_as, refusals
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page

from app_streamlit.ui.i18n import LANGUAGES, Translator
from connectors.inbox.segments import read_segment, sealed_segments
from connectors.settings import load_settings

WORDS = {
    "en": {
        "site": "Site", "day": "Counted on", "sku": "Article", "books": "By the books",
        "counted": "Counted", "reason": "Reason", "missing": "Fill this in.",
        "same": "The count is what the books say; leave the article out.",
    },
    "zh": {
        "site": "地点", "day": "盘点日期", "sku": "商品", "books": "账面数量",
        "counted": "实盘数量", "reason": "原因", "missing": "请填写此项。",
        "same": "实盘与账面一致，请删去该商品。",
    },
}  # fmt: skip


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    return home


def kept(home: Path) -> list[dict[str, Any]]:
    folder = load_settings(home=home).inbox_path
    paths = sealed_segments(folder) if folder.exists() else []
    return [json.loads(one.payload) for path in paths for one in read_segment(path).messages]


def show(monkeypatch: pytest.MonkeyPatch, home: Path, form: str, language: str = "en") -> AppTest:
    app = open_page(monkeypatch, home, "forms", lang=language)
    app.user = {"email": "li@example.com"}
    app.session_state["_address"] = {"lang": language, "form": form}
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(one for one in app.button if one.label == label).click()
    app.run()
    assert not app.exception
    return app


def fields(app: AppTest, kind: str, label: str) -> list[Any]:
    return [one for one in app.get(kind) if one.label == label]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_variance_is_refused_beside_its_fields_and_then_kept_once(monkeypatch, home, language):
    t, words = Translator(language), WORDS[language]
    app = show(monkeypatch, home, "stock_variance", language)
    assert_translated(app, language)
    press(app, t("forms.enter"))
    assert [one.value for one in app.error] == [words["missing"]] * 6
    assert kept(home) == []

    press(app, t("forms.add_line"))
    press(app, t("forms.add_line"))
    (site,), (day,) = (
        fields(app, "selectbox", words["site"]),
        fields(app, "date_input", words["day"]),
    )
    site.set_value("wh_east")
    day.set_value("2026-11-20")
    for line, (books, counted) in {0: ("5", "5"), 2: ("4", "2")}.items():
        fields(app, "selectbox", words["sku"])[line].set_value("SKU-0007")
        fields(app, "text_input", words["books"])[line].set_value(books)
        fields(app, "text_input", words["counted"])[line].set_value(counted)
        fields(app, "selectbox", words["reason"])[line].set_value("lost")
    press(app, t("forms.enter"))
    assert [one.value for one in app.error] == [words["same"]]  # the empty line in between is none
    assert_translated(app, language)

    fields(app, "text_input", words["counted"])[0].set_value("3")
    press(app, t("forms.enter"))
    assert not app.error
    (record,) = kept(home)
    (receipt,) = [one.value for one in app.success]
    assert record["entry_no"].removeprefix("stock_variance:") in receipt.replace("\\", "")
    assert record["entered_by"] == "li@example.com"
    values = {(one["line_no"], one["field"]): one["value"] for one in record["values"]}
    assert (values[0, "site"], values[0, "counted_on"]) == ("wh_east", "2026-11-20")
    assert [values[line, "counted"] for line in (1, 2)] == ["3", "2"]
    # The form is empty again, so the next press enters nothing anew.
    assert fields(app, "selectbox", words["site"])[0].value is None
    press(app, t("forms.enter"))
    assert len(kept(home)) == 1


def test_a_second_press_of_the_same_entry_does_not_double_it(monkeypatch, home):
    app = show(monkeypatch, home, "approval_request")
    numbers = dict(app.session_state["_form_numbers"])
    for _ in range(2):  # as when the answer to the first press is lost
        app.session_state["_form_numbers"] = dict(numbers)
        app.run()
        for label, value in {"What for": "Shelf", "Amount": "12.5", "Currency": "CNY"}.items():
            fields(app, "text_input", label)[0].set_value(value)
        fields(app, "text_area", "Reason")[0].set_value("The old one broke")
        press(app, "Enter")
        assert [one.value for one in app.success]
    (record,) = kept(home)
    assert record["entry_no"] == f"approval_request:{numbers['approval_request']}"


def test_an_order_that_cannot_be_placed_says_why_and_keeps_what_was_typed(monkeypatch, home):
    app = show(monkeypatch, home, "manual_order")
    fields(app, "selectbox", "Article")[0].set_value("SKU-0007")
    fields(app, "text_input", "Quantity")[0].set_value("1.5")
    press(app, "Enter")
    assert [one.value for one in app.error] == [
        "Fill this in.", "This must be a whole number such as 12.",
    ]  # fmt: skip
    assert fields(app, "text_input", "Quantity")[0].value == "1.5"
    assert kept(home) == []


def test_who_may_not_fill_in_forms_is_refused(monkeypatch, home):
    guard(home)
    (home / "forms").mkdir()
    (home / "forms" / "visit.yml").write_text(
        "name: visit\nowner: sales\nroles: [clerk]\ntitle: {en: Visit, zh: 拜访}\n"
        "target: {kind: document}\n"
        "fields: [{name: who, type: text, required: true, label: {en: Who, zh: 谁}}]\n"
    )
    app = open_as(monkeypatch, home, "reader", "forms")
    assert not app.exception
    chosen = next(one for one in app.selectbox if one.label == "Form")
    assert "Visit" not in chosen.options
    assert not [one for one in app.button if one.label == "Enter"]
    code = """
    from app_streamlit.writes.forms import enter_form
    enter_form("{form}", "N-1", {{"who": "Wang"}}, person="boss")
"""
    act = code.format(form="visit")
    assert "ForbiddenError" in act_as(monkeypatch, home, "reader", act)
    assert ("reader@example.cn", "form visit") in refusals(home)
    act_as(monkeypatch, home, "reader", code.format(form="stock_variance"))
    assert ("reader@example.cn", "enter_forms stock_variance:N-1") in refusals(home)
    assert kept(home) == []
    assert not act_as(monkeypatch, home, "clerk", act)
    assert [one["entered_by"] for one in kept(home)] == ["clerk@example.cn"]

"""Both languages have the same words, and every word a page asks for exists."""

import re
import string
from pathlib import Path

import pytest

from app_streamlit.ui.i18n import LANGUAGES, Translator, catalogue, pick, readable

ROOM = Path(__file__).resolve().parents[3] / "app_streamlit"


def forms(value):
    return list(value.values()) if isinstance(value, dict) else [value]


def test_languages_have_the_same_keys():
    assert set(catalogue("en")) == set(catalogue("zh"))


@pytest.mark.parametrize("key", sorted(catalogue("en")))
def test_texts_take_the_same_values(key):
    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english = set.union(*(fields(text) for text in forms(catalogue("en")[key])))
    chinese = set.union(*(fields(text) for text in forms(catalogue("zh")[key])))
    assert english == chinese


def test_literal_keys_in_the_code_exist():
    missing = [
        f"{path.name}: {key}"
        for path in ROOM.rglob("*.py")
        for key in re.findall(r'\bt\(\s*"([a-z_.]+)"', path.read_text(encoding="utf-8"))
        if key not in catalogue("en")
    ]
    assert not missing


def test_columns_of_tables_have_headers():
    missing = [
        f"{path.name}: {name}"
        for path in ROOM.rglob("*.py")
        for call in re.findall(r'Column\(("[^)]*)\)', path.read_text(encoding="utf-8"))
        for name in [
            (re.search(r'label="([a-z0-9_]+)"', call) or re.match(r'"([a-z0-9_]+)"', call))[1]
        ]
        if f"columns.{name}" not in catalogue("en")
    ]
    assert not missing


def test_plural_follows_the_count():
    t = Translator("en")
    assert t("units.orders", n=1, count="1") == "1 order"
    assert t("units.orders", n=2, count="2") == "2 orders"
    assert Translator("zh")("units.orders", n=1, count="1") == "1 笔订单"


def test_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        Translator("en")("no.such.key")


def test_labels_of_data_fall_back_to_readable_words():
    assert readable("store_pos") == "Store pos"
    assert Translator("zh").known("sources.shop_x", "shop_x") == "Shop x"
    row = {"label_en": "Paid", "label_zh": "付款"}
    assert [pick(row, "label", language) for language in LANGUAGES] == ["Paid", "付款"]
    assert pick({"label_en": "Paid", "label_zh": None}, "label", "zh") == "Paid"


def test_imports_are_from_the_root():
    for path in ROOM.rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.match(r"(from|import) (ui|queries|charts|app_pages)\b", line), path


def test_pages_hold_no_query_and_no_calculation():
    forbidden = re.compile(
        r"\bselect\b.*\bfrom\b|\.groupby\(|\.merge\(|\.pivot|\.query\(|\.execute\("
    )
    for path in (ROOM / "app_pages").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not forbidden.search(text), path
        assert len(text.splitlines()) <= 160, path

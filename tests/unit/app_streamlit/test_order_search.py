"""Orders found by any number in hand, of all days; nothing that the viewer may not see."""

import duckdb
import pytest
from published_fixture import publish, write_lake
from test_app_pages import assert_translated, open_page

from app_streamlit.queries.edition import Edition, newest_edition
from app_streamlit.queries.order_search import find_orders
from app_streamlit.ui.i18n import LANGUAGES
from connectors.lake.attach import connect_writer
from connectors.lake.sight import Sight
from connectors.lake.tokens import phone_token
from connectors.settings import Settings, load_settings

PHONE = "13800138000"
ORDER = "taobao:T2611200003"
OTHER = "douyin:D2611150000"


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A published home whose orders have parcels, payments, refunds, an invoice and a phone."""
    found = load_settings(home=tmp_path_factory.mktemp("search") / "home", config="none")
    write_lake(found)
    with connect_writer(found, purpose="test") as connection:
        for table, columns in {
            "fct_parcels": f"'{ORDER}' as order_key, 'SF310' as tracking_no",
            "fct_payments": f"'{ORDER}' as order_key, 'taobao:20261120A' as payment_key",
            "fct_refunds": f"'{OTHER}' as order_key, 'douyin:R-77' as refund_key",
            "fct_invoices": f"'{OTHER}' as order_key, 'INV007' as invoice_no",
        }.items():
            connection.execute(f"create table lake.marts.{table} as select {columns}")
        connection.execute(
            "update lake.marts.dim_customers set phone_token = $token where customer_key = "
            f"(select customer_key from lake.marts.fct_orders where order_key = '{OTHER}')",
            {"token": phone_token(found, PHONE)},
        )
    publish(found)
    return found


@pytest.fixture
def edition(settings, monkeypatch) -> Edition:
    monkeypatch.setenv("FOURFLOW_HOME", str(settings.home))
    monkeypatch.setenv("FOURFLOW_CONFIG", "none")
    return newest_edition()


def found(edition: Edition, words: str, token: str | None = None) -> dict[str, str]:
    rows = find_orders(edition, words, token)
    return dict(zip(rows["order_key"], rows["found_by"], strict=True))


@pytest.mark.parametrize(
    ("words", "order", "kind"),
    [
        ("T2611200003", ORDER, "order"),
        (" t2611200003 ", ORDER, "order"),
        ("sf310", ORDER, "parcel"),
        ("20261120a", ORDER, "payment"),
        ("R-77", OTHER, "refund"),
        ("inv007", OTHER, "invoice"),
        ("11200003", ORDER, "part"),
    ],
)
def test_an_order_is_found_by_each_of_its_numbers(edition, words, order, kind):
    assert found(edition, words)[order] == kind


def test_a_customers_number_and_phone_find_all_their_orders(edition, settings):
    everything = find_orders(edition, "D2611150000", None).iloc[0]
    customer = everything["customer_key"]
    by_number = found(edition, customer.rsplit(":", 1)[-1])
    theirs = {
        key for key, kind in by_number.items() if kind == "customer" and key.startswith("douyin:")
    }
    assert OTHER in theirs
    for way in (PHONE, "+86 138-0013-8000", "0086 13800138000"):
        assert set(found(edition, way, phone_token(settings, way))) == theirs
    assert set(found(edition, phone_token(settings, PHONE) or "")) == theirs  # the token itself


def test_nothing_is_found_by_nothing_that_is_there(edition, settings):
    assert found(edition, "no such number") == {}
    assert found(edition, "003") == {}  # too short to be a part
    assert found(edition, "13900139000", phone_token(settings, "13900139000")) == {}


def test_what_a_viewer_may_not_see_is_not_found(edition, settings):
    douyin = newest_edition(Sight.of({"channel": ["douyin_live"]}))
    assert found(douyin, "T2611200003") == {}
    assert found(douyin, "inv007") == {OTHER: "invoice"}
    nobodys = newest_edition(Sight.of({}, ["phone_token"]))
    assert found(nobodys, PHONE, phone_token(settings, PHONE)) == {}
    assert found(nobodys, "inv007") == {OTHER: "invoice"}


def test_tokens_are_those_that_the_dbt_project_makes(settings):
    key = settings.pii_hash_key()
    (token,) = duckdb.execute(
        "select sha256($key || sha256($key || $phone))", {"key": key, "phone": PHONE}
    ).fetchone() or ("",)
    assert phone_token(settings, PHONE) == token
    assert phone_token(settings, "138****8000") is None
    assert phone_token(settings, "12345") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_the_life_of_what_was_found(monkeypatch, settings, language):
    app = open_page(monkeypatch, settings.home, "orders", lang=language)
    app.text_input(key="order_find").set_value("INV007").run()
    assert not app.exception
    assert_translated(app, language)
    lines = [m.value for m in app.markdown if m.value.startswith("#####")]
    assert "INV007" in lines[0]
    assert "D2611150000" in lines[1]
    assert len(app.dataframe[0].value) == 1
    app.text_input(key="order_find").set_value("no such number").run()
    assert not app.exception
    assert_translated(app, language)
    assert not app.dataframe
    app.text_input(key="order_find").set_value("").run()
    assert len(app.dataframe[0].value) > 100  # the list again

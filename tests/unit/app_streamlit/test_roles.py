"""Roles on the real pages: forbidden ones, foreign rows, hidden columns, guessed links, the log."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app_streamlit.launch import ENTRY_POINT, dashboard_command
from app_streamlit.ui import admission
from app_streamlit.ui.navigation import ENTRIES
from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.settings import load_settings
from orchestration.access.log import list_access

LOGIN = """[auth]
redirect_uri = "http://127.0.0.1:8501/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "fourflow"
client_secret = "secret"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""
POLICY = """
roles:
  manager: {pages: ["*"], actions: ["*"]}
  douyin:
    pages: ["*"]
    actions: [download]
    rows: {businesses: [fourflow_demo], channels: [douyin_live]}
  blind:
    pages: [overview, orders, health]
    hidden: ["gross_amount"]
  picker: {pages: [stages, decisions]}
  east:
    pages: ["*"]
    rows: {businesses: [fourflow_demo], regions: [浙江省]}
people:
  - {email: east@example.cn, role: east}
  - {email: manager@example.cn, role: manager}
  - {email: douyin@example.cn, role: douyin}
  - {email: blind@example.cn, role: blind}
  - {group: pickers, role: picker}
"""
FOREIGN = ("Tmall flagship", "Online Retail", "Online shop", "tmall_flagship")
SHOWN = ("title", "markdown", "caption", "selectbox", "error", "warning", "subheader", "button")


@pytest.fixture(scope="module")
def home(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published home with a login and a policy."""
    folder = tmp_path_factory.mktemp("roles") / "home"
    shutil.copytree(published_home, folder)
    (folder / "access.yml").write_text(POLICY, encoding="utf-8")
    login = folder / "login.toml"
    login.write_text(LOGIN, encoding="utf-8")
    login.chmod(0o600)
    return folder


@pytest.fixture
def open_as(monkeypatch, home):
    """Open a page as somebody who signed in; None: nobody did."""

    def go(who: dict[str, object] | None, **address: str) -> AppTest:
        monkeypatch.setenv("FOURFLOW_HOME", str(home))
        monkeypatch.setenv("FOURFLOW_CONFIG", "none")
        monkeypatch.setattr(admission, "signed_in_claims", lambda: who)
        app = AppTest.from_file(str(ENTRY_POINT), default_timeout=60)
        for key, value in {"lang": "en", **address}.items():
            app.query_params[key] = value
        return app.run()

    return go


def turn_to(app: AppTest, page: str) -> AppTest:
    return app.switch_page(f"app_pages/{page}.py").run()


def shown(app: AppTest) -> str:
    parts = [
        str(getattr(element, "value", "")) + str(getattr(element, "options", ""))
        for kind in SHOWN
        for element in getattr(app, kind)
    ]
    return "\n".join([*parts, *(frame.value.to_csv() for frame in app.dataframe)])


def entries(home: Path, event: str) -> list[tuple[str, str]]:
    found = list_access(open_database(load_settings(home=home, config="none")), 500)
    return [(one["person"], one["subject"]) for one in found if one["event"] == event]


def email(name: str) -> dict[str, object]:
    return {"email": f"{name}@example.cn", "sub": name}


def test_a_viewer_of_one_channel_sees_nothing_of_others_on_any_page(open_as, home):
    app = open_as(email("douyin"), channel="tmall_flagship", business="online_retail")
    for entry in ENTRIES:
        turn_to(app, entry.name)
        assert not app.exception, entry.name
        text = shown(app)
        assert not [one for one in FOREIGN if one in text], entry.name
    turn_to(app, "orders")
    assert set(app.dataframe[0].value["Channel"]) == {"Douyin live"}


def test_a_viewer_of_one_region_has_the_days_and_channels_of_their_orders(open_as):
    app = turn_to(open_as(email("east")), "orders")
    assert not app.exception
    assert set(app.dataframe[0].value["Channel"]) > {"Douyin live"}
    for page in ("overview", "funnel", "cash"):
        turn_to(app, page)
        assert not app.exception, page
        told = "kept for whole channels only" in shown(app)
        assert told == (page != "cash"), shown(app)[:1500]


@pytest.mark.parametrize(
    ("who", "mine"),
    [
        (email("manager"), {entry.name for entry in ENTRIES}),
        (email("blind"), {"overview", "orders", "health"}),
        ({"sub": "7", "email": "zhou@example.cn", "groups": ["pickers"]}, {"stages", "decisions"}),
    ],
)
def test_pages_of_others_do_not_open(open_as, home, who, mine):
    app = open_as(who)
    for entry in ENTRIES:
        if entry.name in mine and len(mine) > 3:
            continue  # a manager's pages are every other test's
        turn_to(app, entry.name)
        assert not app.exception, entry.name
        refused = [title.value for title in app.title] == ["This page is not yours"]
        assert refused == (entry.name not in mine), entry.name
        if refused:
            assert not app.dataframe
            assert not app.metric
            assert (who["email"], f"page {entry.name}") in entries(home, "refused")


def test_hidden_columns_are_in_no_table_and_no_sum(open_as, home):
    app = turn_to(open_as(email("blind")), "orders")
    assert not app.exception
    seen = app.dataframe[0].value
    assert "Gross amount" not in seen.columns
    assert not [c for c in seen.columns if "gross" in c.lower()]
    assert "Net sales" in " ".join(seen.columns) or len(seen.columns) > 3
    assert "Order amount" in shown(app), "the sidebar says what is hidden"
    assert not app.get("download_button"), "this role may not take files away"


def test_a_link_to_what_is_not_ours_shows_nothing_of_it(open_as):
    app = open_as(
        email("douyin"), order="T2611200000", business="online_retail", channel="store_pos"
    )
    turn_to(app, "orders")
    assert not app.exception
    text = shown(app)
    assert "T261120" not in text
    assert not [one for one in FOREIGN if one in text]


def test_nobody_and_strangers_get_no_further_than_the_door(open_as, home):
    app = open_as(None)
    assert [button.label for button in app.button if button.key == "login"] == ["Sign in"]
    assert not app.dataframe
    stranger = open_as({"email": "eve@example.cn", "sub": "9"})
    assert stranger.title[0].value == "Signed in, without a role"
    assert not stranger.dataframe
    assert ("eve@example.cn", "sign in") in entries(home, "refused")
    unverified = open_as({"email": "manager@example.cn", "email_verified": False, "sub": "8"})
    assert unverified.title[0].value == "Signed in, without a role"
    assert ("manager@example.cn", "manager") not in entries(home, "signed_in")[:1]


def test_a_broken_policy_lets_nobody_in(open_as, home, monkeypatch):
    path = home / "access.yml"
    kept = path.read_text(encoding="utf-8")
    path.write_text(kept.replace("pages: [stages", "pages: [stagez"), encoding="utf-8")
    try:
        app = open_as(email("manager"))
    finally:
        path.write_text(kept, encoding="utf-8")
    assert "no page stagez" in app.error[0].value
    assert not app.dataframe
    assert not app.metric


def test_open_mode_says_so_and_binds_to_this_machine(monkeypatch, published_home):
    monkeypatch.setenv("FOURFLOW_HOME", str(published_home))
    app = AppTest.from_file(str(ENTRY_POINT), default_timeout=60)
    app.query_params["lang"] = "en"
    app.run()
    assert any("no login is set up" in caption.value for caption in app.caption)
    settings = load_settings(home=published_home, config="none")
    assert "--server.address=127.0.0.1" in dashboard_command(settings, 8501)
    with pytest.raises(InputError, match="Without a login"):
        dashboard_command(settings, 8501, "0.0.0.0")


def test_with_a_login_the_server_is_given_its_secrets(home):
    command = dashboard_command(load_settings(home=home, config="none"), 8501, "0.0.0.0")
    assert f"--secrets.files={home / 'login.toml'}" in command

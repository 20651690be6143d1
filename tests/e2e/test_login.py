"""Signing in through a real OpenID provider, and seeing only what one's role may see."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from oidc_provider_mock import User, run_server_in_thread

from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.access.log import list_access
from tests.e2e.cockpit import settle
from tests.e2e.conftest import Dashboards, free_port, serve_dashboards

pytestmark = [pytest.mark.e2e]
POLICY = {
    "roles": {
        "manager": {"pages": ["*"], "actions": ["*"]},
        "douyin": {"pages": ["orders", "funnel"], "rows": {"channels": ["douyin_live"]}},
    },
    "people": [
        {"email": "wang@example.cn", "name": "Wang", "role": "manager"},
        {"group": "live-room", "role": "douyin"},
    ],
}
PEOPLE = (
    User(sub="wang", claims={"email": "wang@example.cn", "email_verified": True}),
    User(
        sub="li",
        claims={"email": "li@example.cn", "email_verified": True, "groups": ["live-room"]},
    ),
    User(sub="mallory", claims={"email": "wang@example.cn", "email_verified": False}),
)


@pytest.fixture(scope="module")
def guarded(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboards]:
    """The demo's dashboards behind a login; login and policy lie beside fourflow.yml."""
    folder = tmp_path_factory.mktemp("login")
    configuration = folder / "fourflow.yml"
    configuration.write_bytes((demo_home / "fourflow.yml").read_bytes())
    (folder / "access.yml").write_text(yaml.safe_dump(POLICY), encoding="utf-8")
    port = free_port()
    with run_server_in_thread(user_claims=PEOPLE) as provider:
        address = f"http://localhost:{provider.server_port}"
        login = folder / "login.toml"
        login.write_text(
            "[auth]\n"
            f'redirect_uri = "http://localhost:{port}/oauth2callback"\n'
            'cookie_secret = "0123456789abcdef0123456789abcdef"\n'
            'client_id = "fourflow"\n'
            'client_secret = "anything"\n'
            f'server_metadata_url = "{address}/.well-known/openid-configuration"\n',
            encoding="utf-8",
        )
        login.chmod(0o600)
        settings = load_settings(
            home=demo_home,
            config=str(configuration),
            secrets_file=str(demo_home / "demo-secrets.env"),
        )
        with serve_dashboards(settings, port, folder / "dashboards.log") as served:
            yield Dashboards(served.url.replace("127.0.0.1", "localhost"), served.log)


def sign_in(page, dashboards: Dashboards, who: str, path: str = "") -> None:
    """Ask for a page, be sent to the provider, say who one is, and come back."""
    page.goto(f"{dashboards.url}/{path}?lang=en")
    page.get_by_role("button", name="Sign in").click(timeout=90_000)
    page.get_by_role("button", name=who, exact=True).click()
    page.wait_for_url(f"{dashboards.url}/**")
    page.wait_for_selector("h1")
    settle(page)


def menu(page) -> list[str]:
    return page.locator(".st-key-menu a").all_inner_texts()


def test_nothing_is_shown_before_one_signed_in(page, guarded):
    page.goto(f"{guarded.url}/orders?lang=en")
    page.get_by_role("button", name="Sign in").wait_for(timeout=90_000)
    assert not page.get_by_test_id("stDataFrame").count()
    assert not menu(page)


def test_roles_decide_on_pages_and_rows(page, guarded, demo_home):
    sign_in(page, guarded, "li")
    assert len(menu(page)) == 2
    assert "You see only: Douyin live" in page.get_by_test_id("stSidebar").inner_text()
    page.goto(f"{guarded.url}/rules?lang=en")
    page.get_by_role("heading", name="This page is not yours").wait_for(timeout=60_000)
    logged = [
        (one["person"], one["event"], one["subject"])
        for one in list_access(open_database(load_settings(home=demo_home, config="none")), 50)
    ]
    assert ("li@example.cn", "refused", "page rules") in logged
    assert any(person == "li@example.cn" and event == "signed_in" for person, event, _ in logged)

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()  # the provider's own question
    page.get_by_role("button", name="Sign in").wait_for(timeout=60_000)


def test_a_manager_sees_all_pages_under_the_name_of_the_policy(page, guarded):
    sign_in(page, guarded, "wang")
    assert len(menu(page)) > 10
    assert "Wang" in page.get_by_test_id("stSidebar").inner_text()


def test_an_address_nobody_verified_is_nobodys(page, guarded):
    sign_in(page, guarded, "mallory")
    assert not menu(page)
    assert not page.get_by_test_id("stDataFrame").count()

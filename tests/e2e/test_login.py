"""Signing in through a real OpenID provider, and seeing only what one's role may see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from oidc_provider_mock import User, run_server_in_thread
from starlette.testclient import TestClient

from connectors.database.engine import open_database
from connectors.settings import Settings, load_settings
from orchestration.access.log import list_access
from orchestration.api.access import Access
from orchestration.api.keys import KeyRequest, create_key
from orchestration.api.service import make_api
from orchestration.run_state import utc_now
from tests.e2e.cockpit import Cockpit, settle
from tests.e2e.served import Dashboards, free_port, serve_dashboards

pytestmark = [pytest.mark.e2e]
EAST = ("上海市", "江苏省", "浙江省")
POLICY = {
    "roles": {
        "manager": {"pages": ["*"], "actions": ["*"]},
        "douyin": {"pages": ["orders", "funnel"], "rows": {"channels": ["douyin_live"]}},
        "east": {
            "pages": ["orders", "funnel"],
            "actions": ["download"],
            "rows": {"businesses": ["fourflow_demo"], "regions": list(EAST)},
        },
    },
    "people": [
        {"email": "wang@example.cn", "name": "Wang", "role": "manager"},
        {"group": "live-room", "role": "douyin"},
        {"email": "zhou@example.cn", "name": "Zhou", "role": "east"},
    ],
}
PEOPLE = (
    User(sub="wang", claims={"email": "wang@example.cn", "email_verified": True}),
    User(
        sub="li",
        claims={"email": "li@example.cn", "email_verified": True, "groups": ["live-room"]},
    ),
    User(sub="zhou", claims={"email": "zhou@example.cn", "email_verified": True}),
    User(sub="mallory", claims={"email": "wang@example.cn", "email_verified": False}),
)


@dataclass(frozen=True)
class Guarded:
    """The demo's dashboards behind a login, and the settings that name its policy."""

    dashboards: Dashboards
    settings: Settings

    @property
    def url(self) -> str:
        """Where they are."""
        return self.dashboards.url

    def logged(self) -> list[tuple[str, str, str]]:
        """Who did what to what, of late."""
        found = list_access(open_database(self.settings), 100)
        return [(one["person"], one["event"], one["subject"]) for one in found]


@pytest.fixture(scope="module")
def guarded(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
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
            url = served.url.replace("127.0.0.1", "localhost")
            yield Guarded(Dashboards(url, served.log), settings)


def sign_in(page, dashboards: Guarded, who: str, path: str = "") -> None:
    """Ask for a page, be sent to the provider, say who one is, and come back."""
    page.goto(f"{dashboards.url}/{path}?lang=en")
    page.get_by_role("button", name="Sign in").click(timeout=90_000)
    page.get_by_role("button", name=who, exact=True).click()
    page.wait_for_url(f"{dashboards.url}/**")
    page.wait_for_selector("h1", timeout=90_000)
    settle(page)


def menu(page) -> list[str]:
    return page.locator(".st-key-menu a").all_inner_texts()


def test_nothing_is_shown_before_one_signed_in(page, guarded):
    page.goto(f"{guarded.url}/orders?lang=en")
    page.get_by_role("button", name="Sign in").wait_for(timeout=90_000)
    assert not page.get_by_test_id("stDataFrame").count()
    assert not menu(page)


def test_roles_decide_on_pages_and_rows(page, guarded):
    sign_in(page, guarded, "li")
    assert len(menu(page)) == 2
    assert "You see only: Douyin live" in page.get_by_test_id("stSidebar").inner_text()
    page.goto(f"{guarded.url}/rules?lang=en")
    page.get_by_role("heading", name="This page is not yours").wait_for(timeout=60_000)
    logged = guarded.logged()
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


def test_j24_somebody_who_sees_only_the_east(page, guarded, lake, period):
    regions = ", ".join(f"'{region}'" for region in EAST)
    first, last = period
    within = f"created_on between date '{first}' and date '{last}'"
    east = lake.tuples(
        "select order_no, order_key, province from fct_orders where business = 'fourflow_demo' "
        f"and order_type = 'sale' and {within} and province in ({regions})"
    )
    everything = lake.value(
        "select count(*) from fct_orders where business = 'fourflow_demo' "
        f"and order_type = 'sale' and {within}"
    )
    assert 100 < len(east) < everything

    # The page and the file that it gives.
    sign_in(page, guarded, "zhou")
    cockpit = Cockpit(page, guarded.url).visit("orders")
    taken = cockpit.download(cockpit.t("orders.download"))
    assert {row[cockpit.column("order_no")] for row in taken} == {number for number, *_ in east}
    assert re.search(rf"(?<!\d){len(east):,}(?!\d)", cockpit.first_line())

    # A page of somebody else's, and an order of somebody else's, by guessing their addresses.
    ((elsewhere, other_key),) = lake.tuples(
        "select order_no, order_key from fct_orders where order_type = 'sale' "
        f"and created_on = date '{last}' and province not in ({regions}) limit 1"
    )
    page.goto(f"{guarded.url}/orders?lang=en&order={elsewhere}")
    page.wait_for_selector("h1")
    settle(page)
    assert elsewhere not in cockpit.text()
    page.goto(f"{guarded.url}/cash?lang=en")
    page.get_by_role("heading", name="This page is not yours").wait_for()
    logged = guarded.logged()
    assert ("Zhou", "refused", "page cash") in logged
    assert any(entry[:2] == ("Zhou", "downloaded") for entry in logged)

    # The same person's key at the HTTP interface.
    made = create_key(
        open_database(guarded.settings),
        KeyRequest(
            "phone",
            Access("", ("orders:read", "stock:read"), principal="zhou@example.cn"),
            "test",
        ),
        now=utc_now(),
    )
    told: list[str] = []
    headers = {"authorization": f"Bearer {made.key}"}
    following = {"limit": "500", "created_from": str(first), "created_to": str(last)}
    with TestClient(make_api(guarded.settings), headers=headers) as client:
        while True:
            answer = client.get("/orders", params=following).json()
            told += [order["order_key"] for order in answer["rows"]]
            if not answer["next_cursor"]:
                break
            following = {**following, "cursor": answer["next_cursor"]}
        assert client.get(f"/orders/{other_key}").status_code == 404
        assert client.get("/stock").status_code == 403
    expected = lake.tuples(
        "select order_key from fct_orders where business = 'fourflow_demo' "
        f"and {within} and province in ({regions})"
    )
    assert sorted(told) == sorted(key for (key,) in expected)
    assert (made.key_id, "refused", "GET /stock") in guarded.logged()

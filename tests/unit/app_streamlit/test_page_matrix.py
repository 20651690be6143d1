"""Every page × role × {normal, empty, stale, red} × language: whole, translated, in words.

`make test` opens a covering part: every pair of page, role, state and language meets. The whole
product runs with `make test-all`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import pytest
import yaml
from shown_texts import SNAKE, prose, shown_texts
from streamlit.testing.v1 import AppTest

from app_streamlit.launch import ENTRY_POINT
from app_streamlit.ui import admission
from app_streamlit.ui.i18n import LANGUAGES, catalogue
from app_streamlit.ui.navigation import ENTRIES

PAGES = tuple(entry.name for entry in ENTRIES)
STATES = ("normal", "empty", "stale", "red")
ROLES = ("open", "manager", "sales", "branch")
ACCESS = Path(__file__).resolve().parents[3] / "docs" / "access.md"
# Names of data that people know by that name: a check is cited as the run names it.
CITED = {"assert_nothing_lost"}
# Columns of names that are typed in a command or a condition; their headers say so.
TYPED = tuple(
    words[f"columns.{name}"]
    for words in map(catalogue, LANGUAGES)
    for name in ("name_for_command", "name_in_condition", "metric_name")
)
HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    page: str
    role: str
    state: str
    language: str

    def __str__(self) -> str:
        return f"{self.page}-{self.role}-{self.state}-{self.language}"

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """The pairs of values that it shows together."""
        return set(combinations((self.page, self.role, self.state, self.language), 2))


def covering() -> list[Case]:
    """A part of the product in which every pair of values meets."""
    languages = tuple(LANGUAGES)
    return [
        Case(page, role, STATES[(turn + number) % 4], languages[(number + turn // 2) % 2])
        for number, page in enumerate(PAGES)
        for turn, role in enumerate(ROLES)
    ]


def everything() -> list[Case]:
    """The whole product."""
    return [Case(*cell) for cell in product(PAGES, ROLES, STATES, LANGUAGES)]


def test_the_covering_part_shows_every_pair():
    shown = set().union(*(case.pairs for case in covering()))
    assert set().union(*(case.pairs for case in everything())) == shown


@pytest.fixture(scope="module")
def homes(published_home, unfilled_home, stale_home, red_home) -> dict[str, Path]:
    """A home for every state."""
    return dict(zip(STATES, (published_home, unfilled_home, stale_home, red_home), strict=True))


@pytest.fixture(scope="module")
def with_login(tmp_path_factory) -> Path:
    """A configuration whose policy is the one that docs/access.md shows, and a branch's role."""
    folder = tmp_path_factory.mktemp("access")
    example = next(
        text
        for text in re.findall(r"```yaml\n(.*?)```", ACCESS.read_text(encoding="utf-8"), re.DOTALL)
        if "roles:" in text
    )
    policy = yaml.safe_load(example)
    policy["roles"]["branch"] = {
        "pages": ["*"],
        "actions": ["approve"],
        "rows": {"businesses": ["fourflow_demo"], "channels": ["douyin_live"]},
        "hidden": ["*margin*", "*cost*"],
    }
    policy["people"] = [{"email": f"{r}@example.cn", "role": r} for r in policy["roles"]]
    policy.pop("everyone")
    (folder / "access.yml").write_text(yaml.safe_dump(policy, allow_unicode=True), "utf-8")
    (folder / "fourflow.yml").write_text("{}\n", encoding="utf-8")
    login = folder / "login.toml"
    login.write_text(
        '[auth]\nredirect_uri = "http://127.0.0.1:8501/oauth2callback"\n'
        f'cookie_secret = "{"0" * 32}"\nclient_id = "fourflow"\nclient_secret = "secret"\n'
        'server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"\n',
        encoding="utf-8",
    )
    login.chmod(0o600)
    return folder


class Sessions:
    """One session a role, state and language; pages are turned within it, as people do."""

    def __init__(self, homes: dict[str, Path], with_login: Path) -> None:
        self._homes, self._with_login = homes, with_login
        self._open: dict[tuple[str, str, str], AppTest] = {}

    def show(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> AppTest:
        """The page of a case."""
        monkeypatch.setenv("FOURFLOW_HOME", str(self._homes[case.state]))
        configured = "none" if case.role == "open" else str(self._with_login / "fourflow.yml")
        monkeypatch.setenv("FOURFLOW_CONFIG", configured)
        who = {"email": f"{case.role}@example.cn", "sub": case.role}
        monkeypatch.setattr(admission, "signed_in_claims", lambda: who)
        key = (case.role, case.state, case.language)
        app = self._open.get(key)
        if app is None:
            app = AppTest.from_file(str(ENTRY_POINT), default_timeout=120)
            app.query_params["lang"] = case.language
            app = self._open[key] = app.run()
        return app.switch_page(f"app_pages/{case.page}.py").run()


@pytest.fixture(scope="module")
def sessions(homes, with_login) -> Iterator[Sessions]:
    """The sessions of this module."""
    return Sessions(homes, with_login)


def check(app: AppTest, case: Case) -> None:
    """What must hold on any page in any state."""
    assert not app.exception
    faults = [error.value for error in app.error if "assert_nothing_lost" not in error.value]
    assert not faults
    refused = app.title[0].value == catalogue(case.language)["access.refused_title"]
    assert refused == (case.role == "sales" and case.page not in ("overview", "funnel", "orders"))
    first = [m.value for m in app.main.markdown if m.value.startswith("#####")]
    assert first, "the first line says what matters"
    assert first[0].removeprefix("#####").strip()
    if case.state == "normal" and case.role in ("open", "manager"):
        assert re.search(r"\d", first[0]), f"the first line says a figure: {first[0]}"
    told = list(shown_texts(app))
    keys = set(catalogue("en"))
    for place, text in told:
        assert text not in keys, f"untranslated key, {place}: {text}"
        assert not re.search(r"\{[a-z_]*\}", prose(text)), f"unfilled, {place}: {text}"
        if any(typed in place for typed in TYPED):
            continue
        raw = set(SNAKE.findall(prose(text))) - CITED
        assert not raw, f"raw name, {place}: {text}"
        if case.language == "zh" and place in ("title", "subheader", "header", "tile"):
            assert HAN.search(text), f"English, {place}: {text}"
    if case.state == "red":
        assert any("assert_nothing_lost" in error.value for error in app.error)
    if case.state == "stale":
        assert any(catalogue(case.language)["stale.word"] in text for _, text in told)


# Cells that went wrong once and are not in the covering part.
ONCE_WRONG = [Case("exceptions", "branch", "normal", "en")]


@pytest.mark.parametrize(
    "case", [*covering(), *ONCE_WRONG], ids=lambda c: f"{c.page}-{c.role}-{c.state}-{c.language}"
)
def test_page(case, sessions, monkeypatch):
    check(sessions.show(case, monkeypatch), case)


@pytest.mark.heavy
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("role", ROLES)
def test_pages_of_the_whole_matrix(role, state, language, sessions, monkeypatch):
    for page in PAGES:
        case = Case(page, role, state, language)
        check(sessions.show(case, monkeypatch), case)

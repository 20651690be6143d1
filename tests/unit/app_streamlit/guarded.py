"""A home behind a login, whose viewers may do different things; acts tried past the pages."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from test_roles import LOGIN

from app_streamlit.launch import ENTRY_POINT
from app_streamlit.queries.access import keep_viewer
from app_streamlit.ui import admission
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.access.log import list_access
from orchestration.access.policy import load_access_policy

POLICY = """
roles:
  clerk: {pages: ["*"], actions: ["*"]}
  reader: {pages: ["*"], actions: [download]}
  douyin: {pages: ["*"], actions: ["*"], rows: {channels: [douyin_live]}}
people:
  - {email: clerk@example.cn, role: clerk}
  - {email: reader@example.cn, role: reader}
  - {email: douyin@example.cn, role: douyin}
"""


def guard(home: Path) -> Path:
    """Put a login and a policy before a home: a clerk, a reader, and somebody of one channel."""
    (home / "access.yml").write_text(POLICY, encoding="utf-8")
    login = home / "login.toml"
    login.write_text(LOGIN, encoding="utf-8")
    login.chmod(0o600)
    return home


def open_as(monkeypatch: pytest.MonkeyPatch, home: Path, name: str, page: str) -> AppTest:
    """Open a page as one of them."""
    monkeypatch.setenv("FOURFLOW_HOME", str(home))
    monkeypatch.setenv("FOURFLOW_CONFIG", "none")
    email = f"{name}@example.cn"
    monkeypatch.setattr(admission, "signed_in_claims", lambda: {"email": email, "sub": name})
    app = AppTest.from_file(str(ENTRY_POINT), default_timeout=60)
    app.query_params["lang"] = "en"
    return app.switch_page(f"app_pages/{page}.py").run()


def act_as(monkeypatch: pytest.MonkeyPatch, home: Path, name: str, code: str) -> str:
    """Run a call that no button makes in a session of somebody; the refusal, or nothing."""
    monkeypatch.setenv("FOURFLOW_HOME", str(home))
    monkeypatch.setenv("FOURFLOW_CONFIG", "none")
    script = f"""
import streamlit as st
from guarded import admit
from connectors.errors import FourflowError
admit("{name}")
try:
{code}
except FourflowError as error:
    st.error(f"{{type(error).__name__}}: {{error}}")
"""
    app = AppTest.from_string(script, default_timeout=60).run()
    assert not app.exception, app.exception[0].value
    return str(app.error[0].value) if app.error else ""


def admit(name: str) -> None:
    """What the router does for somebody who signed in."""
    policy = load_access_policy(load_settings())
    keep_viewer(policy.viewer({"email": f"{name}@example.cn", "sub": name}))


def refusals(home: Path) -> set[tuple[str, str]]:
    """Who was refused what, by the access log."""
    found = list_access(open_database(load_settings(home=home)), 200)
    return {(one["person"], one["subject"]) for one in found if one["event"] == "refused"}

"""`fourflow connector list` and `check`, and the sources in `fourflow doctor`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from connectors import configuration
from connectors.configuration import load_configuration
from connectors.errors import InputError, PermanentError
from connectors.settings import Settings, load_settings
from connectors.sources.api.connector import AccountConfig, Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.landing import load_account
from connectors.sources.api.reading import Page, Reading
from connectors.sources.files.load import load_files
from orchestration.cli.main import app
from orchestration.connecting import report as connector_report
from orchestration.diagnosis import diagnose_configuration

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class ShopAccount(AccountConfig):
    """An account of a platform that exists only here."""

    base_url: str = "https://api.example"
    app_secret: SecretStr


@dlt.source(name="shop")
def shop_source(config: ShopAccount, reading: Reading) -> Any:
    """One order a reading."""
    return entity_resource("orders", config, reading, lambda window: [Page("orders", [{"n": 1}])])


def check(config: ShopAccount, reading: Reading) -> str:
    if reading.account == "revoked":
        raise PermanentError("Shop refused the token; grant it again.")
    if reading.account == "strange":
        raise KeyError("data")
    return f"Shop answers for {reading.account}."


SHOP = Connector("shop", "Shop (API)", ShopAccount, ("orders",), shop_source, check)
YAML = """
sources:
  shop:
    schedule: "*/15 * * * *"
    accounts:
      good: {app_secret: {env: SHOP_SECRET}}
      revoked: {app_secret: {env: SHOP_SECRET}}
      strange: {app_secret: {env: SHOP_SECRET}}
  tmall: {connector: files, path: exports}
  till: {connector: filess, path: exports}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with one platform, files, and a mistake."""
    for module in (configuration, connector_report):
        monkeypatch.setattr(module, "list_connectors", lambda: ["shop"])
        monkeypatch.setattr(module, "find_connector", _find)
    path = tmp_path / "fourflow.yml"
    path.write_text(YAML, encoding="utf-8")
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FOURFLOW_CONFIG", str(path))
    monkeypatch.setenv("SHOP_SECRET", "s3cr3t")
    return load_settings()


def _find(name: str) -> Connector:
    if name != "shop":
        raise InputError(f"There is no connector {name!r}.")
    return SHOP


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["connector", *arguments], env={"COLUMNS": "200"})
    error = str(result.exception) if isinstance(result.exception, InputError) else ""
    assert "s3cr3t" not in result.output
    return result.exit_code, result.output + error


def test_list_before_anything_was_read(shop: Settings):
    code, output = run("list", "--json")
    assert code == 0
    files, platform, unknown = json.loads(output)
    assert [platform["name"], platform["title"], platform["entities"]] == [
        "shop", "Shop (API)", ["orders"],
    ]  # fmt: skip
    assert [account["account"] for account in platform["accounts"]] == [
        "good", "revoked", "strange",
    ]  # fmt: skip
    assert platform["accounts"][0]["loaded_at"] is None
    assert [account["source"] for account in files["accounts"]] == ["tmall"]
    assert unknown["name"] == "filess"
    assert "did you mean files" in unknown["accounts"][0]["problems"][0]


def test_list_says_how_far_accounts_and_files_were_read(shop: Settings, tmp_path: Path):
    source = load_configuration(shop).source("shop")
    for day in (1, 0):
        reading = Reading(source="shop", account="good", now=NOW - timedelta(days=day))
        load_account(shop, SHOP, source.accounts["good"], reading)
    header = "订单编号,总金额,买家实际支付金额,收货地址 ,订单创建时间,订单付款时间 ,退款金额"
    row = "1,10.00,10.00,上海,2020-02-01 10:00:00,2020-02-01 10:01:00,0.00"
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "a.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    load_files(shop, "tmall", tmp_path / "exports", now=NOW)
    files, platform, _ = json.loads(run("list", "--json")[1])
    good, revoked, _ = platform["accounts"]
    behind = timedelta(seconds=source.accounts["good"].behind_seconds)
    assert good["cursors"] == {"orders": (NOW - behind).isoformat()}
    assert good["loaded_at"]
    assert revoked["loaded_at"] is None
    assert files["accounts"][0]["loaded_at"] == NOW.isoformat()
    code, table = run("list")
    assert code == 0
    assert "shop (good)" in table
    assert "never" in table
    assert good["cursors"]["orders"] in table


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("shop", "--account", "good"), 0, "ok Shop answers for good."),
        (("shop", "--account", "revoked"), 1, "failed Shop refused the token; grant it again."),
        (("shop", "--account", "strange"), 1, "in a shape that its connector does not know"),
        (("shop",), 1, "ok Shop answers for good."),
        (("shop", "--account", "god"), 1, "Source shop has no account 'god'"),
        (("shopp",), 1, "There is no source 'shopp'"),
        (("tmall",), 1, "does not exist"),
        (("till",), 1, "there is no connector 'filess', did you mean files"),
    ],
)
def test_check_is_one_sentence_an_account(shop: Settings, arguments, code: int, sentence: str):
    found, output = run("check", *arguments)
    assert found == code
    assert sentence in output
    assert "Traceback" not in output


def test_check_of_files_counts_what_is_on_offer(shop: Settings, tmp_path: Path):
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "a.csv").write_text("a", encoding="utf-8")
    code, output = run("check", "files")
    assert code == 0
    assert output.endswith("exports: 1.\n")


def test_check_tells_machines_too(shop: Settings):
    code, output = run("check", "shop", "--json")
    assert code == 1
    assert [verdict["ok"] for verdict in json.loads(output)] == [True, False, False]


def test_doctor_says_what_is_wrong_with_each_source(shop: Settings, tmp_path: Path, monkeypatch):
    findings = {f.check: f for f in diagnose_configuration(shop)}
    assert findings["configuration"].ok
    assert not findings["source shop"].ok  # the dbt project has no such source
    assert "no mapping in dbt_project/models/staging/shop" in findings["source shop"].finding
    assert "There is no file or folder" in findings["source tmall"].finding
    assert "did you mean files" in findings["source till"].finding
    (tmp_path / "exports").mkdir()
    monkeypatch.delenv("SHOP_SECRET")
    findings = {f.check: f for f in diagnose_configuration(shop)}
    assert findings["source tmall"].ok
    assert "the environment variable SHOP_SECRET is not set" in findings["source shop"].finding


@pytest.mark.parametrize(
    ("text", "check_name", "ok", "sentence"),
    [
        (
            "sinks: {webhook: {url: 'https://h', secret: {env: HOOK}}}",
            "sink webhook",
            False,
            "HOOK",
        ),
        ("bussiness: {}", "configuration", False, "did you mean business"),
        ("", "configuration", True, "fourflow.yml"),
    ],
)
def test_doctor_looks_at_the_whole_file(tmp_path: Path, text, check_name, ok, sentence):
    path = tmp_path / "fourflow.yml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(home=tmp_path / "home", config=str(path))
    finding = {f.check: f for f in diagnose_configuration(settings)}[check_name]
    assert finding.ok is ok
    assert sentence in finding.finding


def test_doctor_survives_a_file_that_is_no_yaml(tmp_path: Path, monkeypatch):
    path = tmp_path / "fourflow.yml"
    path.write_text("a: [", encoding="utf-8")
    monkeypatch.setenv("FOURFLOW_CONFIG", str(path))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 1
    (finding,) = json.loads(result.output)
    assert finding["check"] == "configuration"
    assert "is not valid YAML" in finding["finding"]

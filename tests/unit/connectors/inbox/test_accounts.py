"""Accounts of fourflow.yml that receive pushes: the names of their secrets are the connectors'."""

from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from connectors.configuration import load_configuration
from connectors.inbox.accounts import inbox_account, inbox_accounts
from connectors.inbox.protocols.registry import PROTOCOLS
from connectors.settings import load_settings
from connectors.sources.api.connector import find_connector, list_connectors

CONFIGURATION = """
sources:
  payments:
    connector: wechat_pay
    accounts:
      main:
        merchant_id: "1900000001"
        merchant_serial: S1
        private_key: {env: WECHAT_KEY}
        platform_serial: PUB_KEY_ID_1
        platform_public_key: PEM
        api_v3_key: {env: WECHAT_V3_KEY}
      without_pushes:
        merchant_id: "1900000002"
        merchant_serial: S2
        private_key: {env: WECHAT_KEY}
        platform_serial: PUB_KEY_ID_1
        platform_public_key: PEM
"""


@pytest.mark.parametrize("kind", sorted(set(PROTOCOLS) & set(list_connectors())))
def test_a_connector_can_be_configured_with_what_its_pushes_need(kind: str):
    fields = find_connector(kind).config.model_fields
    assert set(PROTOCOLS[kind].needs) <= set(fields)


class Shop(BaseModel):
    webhook_secret: SecretStr | None = None
    shop_domain: str = ""


def test_an_account_without_the_secret_receives_nothing():
    assert inbox_account("shopify", "main", "shopify", Shop()) is None
    account = inbox_account("shop", "main", "shopify", Shop(webhook_secret=SecretStr("s")))
    assert account is not None
    assert (account.source, account.kind, dict(account.secrets)) == (
        "shop", "shopify", {"webhook_secret": "s"},
    )  # fmt: skip


def test_the_accounts_of_the_configuration_receive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "fourflow.yml").write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setenv("WECHAT_KEY", "private")
    monkeypatch.setenv("WECHAT_V3_KEY", "v3")
    settings = load_settings(home=tmp_path / "home", config=str(tmp_path / "fourflow.yml"))
    configuration = load_configuration(settings)
    assert configuration.problems == ()
    (account,) = inbox_accounts(configuration)
    assert (account.source, account.account, account.kind) == ("payments", "main", "wechat_pay")
    assert account.secrets["api_v3_key"] == "v3"
    assert account.secrets["merchant_id"] == "1900000001"

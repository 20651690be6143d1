"""`fourflow.yml`: what it may say, and what every kind of mistake in it gets told."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, field_validator

from connectors import configuration
from connectors.configuration import (
    Business,
    Configuration,
    Policies,
    load_configuration,
    remember_files,
    remembered_files,
)
from connectors.errors import InputError
from connectors.settings import Settings, load_settings
from connectors.sources.api.connector import AccountConfig, Connector

SECRET = "s3cr3t-value"


class ShopAccount(AccountConfig):
    """An account of a platform that exists only here."""

    base_url: str = "https://api.example"
    app_key: str
    app_secret: SecretStr
    session: SecretStr | None = None
    shops: dict[str, SecretStr] = {}  # noqa: RUF012 - pydantic copies it

    @field_validator("app_key")
    @classmethod
    def _only_digits(cls, app_key: str) -> str:
        if not app_key.isdigit():
            raise ValueError("an app_key has digits only")
        return app_key


@pytest.fixture(autouse=True)
def _one_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Connector("shop", "Shop", ShopAccount, ("orders",), lambda *_: None, lambda *_: "")
    monkeypatch.setattr(configuration, "list_connectors", lambda: ["shop"])
    monkeypatch.setattr(configuration, "find_connector", lambda name: platform)
    monkeypatch.setenv("SHOP_SECRET", SECRET)


Load = Callable[[str], Configuration]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a text as fourflow.yml."""

    def load_text(text: str) -> Configuration:
        path = tmp_path / "fourflow.yml"
        path.write_text(text, encoding="utf-8")
        return load_configuration(load_settings(home=tmp_path / "home", config=str(path)))

    return load_text


def test_without_a_file_there_are_no_sources(settings: Settings):
    loaded = load_configuration(settings)
    assert loaded.path is None
    assert loaded.sources == {}
    assert loaded.schedules.daily == "0 5 * * *"


def test_an_empty_file_and_empty_parts_are_fine(load: Load):
    assert load("").sources == {}
    assert load("sources:\nbusiness:\nsinks:\npolicies:\nschedules:\n").sources == {}


def test_accounts_of_a_platform_are_read_with_their_secrets(load: Load):
    loaded = load("""
sources:
  main_shop:
    connector: shop
    schedule: "*/15 * * * *"
    accounts:
      flagship:
        app_key: 0012345678901234567890
        app_secret: {env: SHOP_SECRET}
        shops: {one: {env: SHOP_SECRET}}
        start: 2026-01-31
        requests_per_second: 2.5
      outlet: {app_key: 7, app_secret: {env: SHOP_SECRET}}
""")
    source = loaded.source("main_shop")
    assert source.problems == ()
    assert source.connector == "shop"
    assert source.schedule == "*/15 * * * *"
    flagship: Any = source.accounts["flagship"]
    assert flagship.app_key == "0012345678901234567890"
    assert flagship.app_secret.get_secret_value() == SECRET
    assert flagship.shops["one"].get_secret_value() == SECRET
    assert flagship.start == date(2026, 1, 31)
    assert flagship.requests_per_second == 2.5
    assert flagship.session is None
    assert list(source.accounts) == ["flagship", "outlet"]
    assert SECRET not in repr(loaded)


def test_a_value_that_is_no_secret_may_come_from_the_environment_too(load: Load, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "12")
    loaded = load(
        "sources: {shop: {accounts: {a: {app_key: {env: SHOP_KEY}, app_secret: "
        "{env: SHOP_SECRET}}}}}"
    )
    assert loaded.source("shop").accounts["a"].app_key == "12"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bussines: {}", "line 1: unknown key `bussines`, did you mean business."),
        (
            "business:\n  timezone: UTC",
            "line 2: unknown key `timezone` under `business`, did you mean time_zone",
        ),
        ("business: {calendar: china}", "`business.calendar`: string should match pattern"),
        ("schedules: {dayly: x}", "unknown key `dayly` under `schedules`, did you mean daily"),
        ("schedules: {daily: '61 * * * *'}", "`schedules.daily`: '61 * * * *' is not a cron sch"),
        ("schedules: {daily: '0 0 5 * * *'}", "is not a cron schedule"),
        ("sources: [taobao]", "`sources`: input should be a valid dictionary"),
        ("policies: {retention: 5}", "unknown key `retention` under `policies`, known are lock_"),
        ("business: {calendar: china, x: 1}", "(1 more after that)"),
        (
            "sinks: {webhook: {url: 'https://h'}}",
            "key `secret` is missing under `sinks.webhook`",
        ),
        (
            f"sinks: {{webhook: {{url: 'https://h', secret: {SECRET}}}}}",
            "`sinks.webhook.secret`: a secret never stands in this file",
        ),
        (
            "sinks: {webhook: {url: 'https://h', secret: {env: 'a b'}}}",
            "`sinks.webhook.secret.env`: what follows env is not the name",
        ),
    ],
)
def test_mistake_in_the_whole_is_one_sentence(load: Load, text: str, sentence: str):
    with pytest.raises(InputError) as raised:
        load(text)
    message = str(raised.value)
    assert sentence in message
    assert "fourflow.yml" in message
    assert "\n" not in message
    assert SECRET not in message


GOOD = """\
  good:
    connector: shop
    accounts: {a: {app_key: 1, app_secret: {env: SHOP_SECRET}}}
"""


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            "{accounts: {a: {app_key: 1, app_secert: {env: NOT_SET}}}}",
            "unknown key `app_secert` under `sources.shop.accounts.a`, did you mean app_secret",
        ),
        ("{accounts: {a: {app_key: 1}}}", "key `app_secret` is missing under `sources.shop.acc"),
        (
            "{accounts: {a: {app_secret: {env: SHOP_SECRET}}}}",
            "key `app_key` is missing under `sources.shop.accounts.a`",
        ),
        ("{accounts: {a: [1]}}", "`sources.shop.accounts.a`: input should be a valid dictionary"),
        ("{accounts: {}}", "`sources.shop.accounts`: dictionary should have at least 1 item"),
        ("{}", "key `accounts` is missing under `sources.shop`"),
        ("", "key `accounts` is missing under `sources.shop`"),
        ("word", "`sources.shop`: must be a mapping of keys"),
        ("{acounts: {}}", "unknown key `acounts` under `sources.shop`, did you mean accounts"),
        ("{connector: shopp, accounts: {}}", "there is no connector 'shopp', did you mean shop"),
        ("{schedule: often, accounts: {a: {}}}", "`sources.shop.schedule`: 'often' is not a cron"),
        (
            "{accounts: {a: {app_key: one, app_secret: {env: SHOP_SECRET}}}}",
            "`sources.shop.accounts.a.app_key`: an app_key has digits only",
        ),
        (
            "{accounts: {a: {app_key: 1, app_secret: {env: NOT_SET}}}}",
            "`sources.shop.accounts.a.app_secret`: the environment variable NOT_SET is not set",
        ),
        (
            "{accounts: {a: {app_key: 1, app_secret: %s}}}",
            "`sources.shop.accounts.a.app_secret`: a secret never stands in this file",
        ),
        (
            "{accounts: {a: {app_key: 1, app_secret: {evn: %s}}}}",
            "`sources.shop.accounts.a.app_secret`: a secret never stands in this file",
        ),
        (
            "{accounts: {a: {app_key: 1, app_secret: {env: SHOP_SECRET}, shops: {one: %s}}}}",
            "`sources.shop.accounts.a.shops.one`: a secret never stands in this file",
        ),
        (
            "{accounts: {a: {app_key: 1, app_secret: {env: 'no-name'}}}}",
            "`sources.shop.accounts.a.app_secret`: what follows env is not the name",
        ),
        ("{connector: files}", "key `path` is missing under `sources.shop`"),
        ("{connector: files, path: x}", "`sources.shop`: there is no source 'shop'"),
        (
            "{connector: files, path: x, source: tmal}",
            "`sources.shop`: there is no source 'tmal'; did you mean tmall",
        ),
        ("{connector: files, path: x, account: y}", "unknown key `account` under `sources.shop`"),
    ],
)
def test_mistake_in_a_source_stays_its_own(load: Load, entry: str, sentence: str):
    text = entry.replace("%s", SECRET)
    loaded = load(f"sources:\n{GOOD}  shop: {text}\n")
    broken, good = loaded.source("shop"), loaded.source("good")
    assert good.problems == ()
    assert good.is_usable
    assert not broken.is_usable
    (problem,) = broken.problems
    assert loaded.problems == (problem,)
    assert sentence in problem
    assert "fourflow.yml line 5: " in problem
    assert problem.endswith(".")
    assert SECRET not in problem


def test_files_without_a_connector_get_told_so(load: Load):
    (problem,) = load("sources: {sandbox: {path: /x}}").source("sandbox").problems
    assert "there is no connector 'sandbox'" in problem
    assert "files say `connector: files`" in problem


def test_a_name_that_cannot_be_a_table_is_refused(load: Load):
    (problem,) = load("sources: {Main-Shop: {connector: shop}}").source("Main-Shop").problems
    assert "small letters" in problem


def test_one_broken_account_leaves_the_others(load: Load):
    loaded = load("""
sources:
  shop:
    accounts:
      good: {app_key: 1, app_secret: {env: SHOP_SECRET}}
      bad: {app_key: 1, app_secret: {env: NOT_SET}, sesion: {env: SHOP_SECRET}}
      empty:
      worse: {app_key: x, start: yesterday, app_secret: {env: SHOP_SECRET}}
""")
    source = loaded.source("shop")
    assert list(source.accounts) == ["good"]
    assert [problem.split(": ")[0][-6:] for problem in source.problems] == [
        "line 6",
        "line 6",
        "line 7",
        "line 7",
        "line 8",
        "line 8",
    ]


def test_paths_of_files_count_from_the_file(load: Load, tmp_path: Path):
    loaded = load(
        "sources:\n  tmall: {connector: files, path: exports}\n"
        "  pos: {connector: files, source: sandbox, path: /data/pos}\n"
    )
    assert loaded.source("tmall").path == (tmp_path / "exports").resolve()
    assert loaded.source("tmall").mapping == "tmall"
    assert loaded.source("pos").path == Path("/data/pos")
    assert loaded.source("pos").mapping == "sandbox"


def test_unknown_source_suggests_the_nearest(load: Load):
    loaded = load(f"sources:\n{GOOD}")
    with pytest.raises(InputError, match=r"There is no source 'goood' in .*did you mean good\."):
        loaded.source("goood")


def test_remembered_files_are_merged_over_the_file(tmp_path: Path):
    path = tmp_path / "fourflow.yml"
    path.write_text(
        "sources:\n  tmall: {connector: files, path: /old, schedule: '0 * * * *'}\n"
        "  pos: {connector: files, source: sandbox, path: /pos}\n"
        "  shop: {accounts: {a: {app_key: 1, app_secret: {env: SHOP_SECRET}}}}\n",
        encoding="utf-8",
    )
    settings = load_settings(home=tmp_path / "home", config=str(path))
    paths = {name: tmp_path / name for name in ("tmall", "pos", "online_retail")}
    remember_files(settings, paths)
    remember_files(settings, {})
    assert remembered_files(settings) == paths
    loaded = load_configuration(settings)
    assert loaded.source("tmall").path == tmp_path / "tmall"
    assert loaded.source("tmall").schedule == "0 * * * *"
    assert loaded.source("pos").mapping == "sandbox"
    assert loaded.source("online_retail").mapping == "online_retail"
    assert loaded.problems == ()
    remember_files(settings, {"shop": tmp_path, "nothing": tmp_path})
    loaded = load_configuration(settings)
    assert list(loaded.source("shop").accounts) == ["a"]
    assert "is the platform shop" in loaded.source("shop").problems[0]
    assert "no source 'nothing'" in loaded.source("nothing").problems[0]


def test_remembered_files_do_not_hide_a_mistake(tmp_path: Path):
    path = tmp_path / "fourflow.yml"
    path.write_text("sources: {tmall: {connector: files, pth: /old}}\n", encoding="utf-8")
    settings = load_settings(home=tmp_path / "home", config=str(path))
    remember_files(settings, {"tmall": tmp_path})
    source = load_configuration(settings).source("tmall")
    assert "unknown key `pth`" in source.problems[0]
    assert not source.is_usable


def test_a_connector_that_cannot_be_imported_is_its_own_problem(load: Load, monkeypatch):
    def broken(name: str) -> Connector:
        raise ImportError("no module named nothing")

    monkeypatch.setattr(configuration, "find_connector", broken)
    (problem,) = load("sources: {shop: {accounts: {a: {}}}}").source("shop").problems
    assert "connector shop can't be used (no module named nothing)" in problem


def test_a_broken_memory_is_one_sentence(settings: Settings):
    settings.root.mkdir()
    (settings.root / "sources.yml").write_text("tmall: [a]", encoding="utf-8")
    with pytest.raises(InputError, match="must map source names to paths"):
        load_configuration(settings)


@pytest.mark.parametrize("model", [Business, Policies])
def test_defaults_of_the_file_are_those_of_the_settings(model: Any):
    default = Settings(config="none")
    prefix = "business_" if model is Business else ""
    for name, field in model.model_fields.items():
        assert getattr(default, prefix + name) == field.default

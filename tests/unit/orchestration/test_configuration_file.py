"""`fourflow init` and what it writes: commented, valid, never over somebody's file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import Field, SecretStr
from typer.testing import CliRunner

from connectors import configuration
from connectors.configuration import Business, Configuration, load_configuration
from connectors.errors import InputError
from connectors.settings import load_settings
from connectors.sinks.declared import Webhook
from connectors.sources.api.connector import AccountConfig, Connector
from orchestration.cli import init
from orchestration.cli.main import app
from orchestration.connecting.configuration_file import (
    Draft,
    FilesDraft,
    PlatformDraft,
    render_configuration,
    update_accounts,
    write_configuration,
)


class ShopAccount(AccountConfig):
    """An account of a platform that exists only here."""

    base_url: str = Field(default="https://api.example", description="The gateway.")
    app_key: str = Field(description="Key of the app.")
    app_secret: SecretStr = Field(description="Secret of the app.")
    session: SecretStr | None = Field(default=None, description="Session of the seller.")


SHOP = Connector("shop", "Shop (API)", ShopAccount, ("orders",), lambda *_: None, lambda *_: "")


@pytest.fixture(autouse=True)
def _one_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (configuration, init):
        monkeypatch.setattr(module, "list_connectors", lambda: ["shop"])
        monkeypatch.setattr(module, "find_connector", lambda name: SHOP)


def load(path: Path) -> Configuration:
    return load_configuration(load_settings(home=path.parent / "home", config=str(path)))


def keys_without_comment(text: str) -> Iterator[str]:
    """Keys (also commented-out ones) whose line above is no comment of words."""
    lines = text.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        stripped = line.strip().removeprefix("# ").strip()
        key, colon, _ = stripped.partition(":")
        if colon and key.isidentifier() and not above.strip().startswith("#"):
            yield line


DRAFT = Draft(
    Business(time_zone="Europe/Berlin", calendar="de", currency="EUR"),
    (
        FilesDraft("tmall", "/exports/a b: #1"),
        FilesDraft("till", "in", source="sandbox"),
        PlatformDraft("shop", SHOP, {"flagship": {"app_key": "007"}, "outlet": {}}),
    ),
    Webhook.model_validate({"url": "https://host/x", "secret": {"env": "HOOK"}}),
)


@pytest.mark.parametrize("draft", [Draft(), DRAFT])
def test_every_key_carries_a_comment(draft: Draft):
    text = render_configuration(draft)
    assert list(keys_without_comment(text)) == []
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "None" not in text


def test_what_is_written_is_what_was_drafted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("SHOP_APP_KEY", "SHOP_APP_SECRET", "HOOK"):
        monkeypatch.setenv(name, name.lower())
    path = tmp_path / "fourflow.yml"
    write_configuration(path, DRAFT)
    loaded = load(path)
    assert loaded.problems == ()
    assert loaded.sinks.webhook == DRAFT.webhook
    assert loaded.source("tmall").path == Path("/exports/a b: #1")
    assert loaded.source("till").mapping == "sandbox"
    flagship, outlet = loaded.source("shop").accounts.values()
    assert isinstance(flagship, ShopAccount)
    assert isinstance(outlet, ShopAccount)
    assert flagship.app_key == "007"
    assert outlet.app_key == "shop_app_key"
    assert outlet.app_secret.get_secret_value() == "shop_app_secret"
    assert outlet.session is None
    settings = load_settings(config=str(path))
    assert settings.business_time_zone == "Europe/Berlin"
    assert settings.business_currency == "EUR"
    assert settings.webhook_secret == "hook"


def test_the_commented_lines_are_right_when_the_hash_is_taken_away(tmp_path: Path):
    text = render_configuration(DRAFT)
    for line in text.splitlines():
        key = line.strip().removeprefix("# ")
        if line.strip().startswith("# ") and key.endswith(": 20"):
            text = text.replace(line, line.replace("# ", ""))
    assert text.count("        requests_per_second: 20\n") == 2
    hook = "\n".join(
        line.replace("  # ", "  ", 1) if line.startswith("  # ") else line
        for line in render_configuration(Draft()).split("\nsinks:")[1].split("\n\n")[0].split("\n")
    )
    assert yaml.safe_load(hook)["webhook"]["secret"] == {"env": "WEBHOOK_SECRET"}


def test_a_file_that_is_there_stays(tmp_path: Path):
    path = tmp_path / "fourflow.yml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is there already"):
        write_configuration(path, DRAFT)
    assert path.read_text(encoding="utf-8") == "mine"
    write_configuration(path, DRAFT, overwrite=True)
    assert load(path).sources


def test_new_addresses_leave_what_somebody_wrote(tmp_path: Path):
    path = tmp_path / "fourflow.yml"
    given = {"flagship": {"base_url": "http://127.0.0.1:1/shop", "app_key": "007"}, "outlet": {}}
    write_configuration(path, Draft(sources=(PlatformDraft("shop", SHOP, given),)))
    own = "\n  # Ours.\n  own: {connector: files, path: /exports/own, source: tmall}\n\nsinks:"
    mine = path.read_text(encoding="utf-8").replace("\nsinks:", own, 1)
    path.write_text(mine, encoding="utf-8")
    served = {"base_url": "http://127.0.0.1:52/shop", "app_key": "017", "app_secret": {"env": "X"}}
    taken_out = (FilesDraft("till", "x"), PlatformDraft("other", SHOP, {"main": served}))
    accounts = {"flagship": served, "gone": served}
    draft = Draft(Business(currency="EUR"), (*taken_out, PlatformDraft("shop", SHOP, accounts)))
    update_accounts(path, draft)
    told = path.read_text(encoding="utf-8")
    changed = [
        (before.strip(), after.strip())
        for before, after in zip(mine.splitlines(), told.splitlines(), strict=True)
        if before != after
    ]
    assert sorted(changed) == [
        ('app_key: "007"', 'app_key: "017"'),
        ("base_url: http://127.0.0.1:1/shop", "base_url: http://127.0.0.1:52/shop"),
    ]
    assert load(path).source("own").path == Path("/exports/own")
    path.write_text("sources: [", encoding="utf-8")
    update_accounts(path, draft)
    assert path.read_text(encoding="utf-8") == "sources: [", "its reader says what is wrong"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which `fourflow init` is run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOURFLOW_CONFIG")
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path / "home"))
    return tmp_path


def run(*arguments: str, answers: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), input=answers, env={"COLUMNS": "200"})
    error = str(result.exception) if isinstance(result.exception, InputError) else ""
    return result.exit_code, result.output + error


def test_init_with_defaults_writes_a_file_that_loads(here: Path):
    code, output = run("init", "--yes")
    assert code == 0
    assert f"wrote {here / 'fourflow.yml'}" in output
    loaded = load(here / "fourflow.yml")
    assert loaded.sources == {}
    assert loaded.problems == ()


def test_init_never_overwrites_without_force(here: Path):
    (here / "fourflow.yml").write_text("broken: [", encoding="utf-8")
    code, output = run("init", "--yes")
    assert code == 1
    assert "is there already" in output
    assert run("init", "--yes", "--force")[0] == 0
    assert load(here / "fourflow.yml").problems == ()


def test_init_writes_where_the_setting_says(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOURFLOW_CONFIG", str(here / "sub" / "shop.yml"))
    assert run("init", "--yes", "--currency", "EUR", "--time-zone", "Europe/Berlin")[0] == 0
    assert "currency: EUR" in (here / "sub" / "shop.yml").read_text(encoding="utf-8")


def test_init_names_the_secrets_that_are_still_to_do(here: Path):
    code, output = run("init", "--yes", "--platform", "shop")
    assert code == 0
    assert "still to do" in output
    assert "SHOP_APP_SECRET" in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--platform", "shopp"), "There is no platform 'shopp'; did you mean shop"),
        (("--currency", "yuan"), "`currency`: string should match pattern"),
        (("--time-zone", "Asia/Beijing"), "is not a time zone"),
    ],
)
def test_init_refuses_what_the_file_would_refuse(here: Path, arguments, sentence: str):
    code, output = run("init", "--yes", *arguments)
    assert code == 1
    assert sentence in output
    assert not (here / "fourflow.yml").exists()


def test_init_asks_until_the_answers_are_right(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEY_OF_SHOP", "s3cr3t")
    answers = [
        "Berlin", "EUR", "de",  # no such zone: asked again
        "Europe/Berlin", "EUR", "de",
        "shopp", "shop", "flagship", "007", "KEY_OF_SHOP",
        "https://host/x", "HOOK",
    ]  # fmt: skip
    code, output = run("init", answers="\n".join(answers) + "\n")
    assert code == 0, output
    assert "did you mean shop" in output
    text = (here / "fourflow.yml").read_text(encoding="utf-8")
    assert "s3cr3t" not in text
    loaded = load(here / "fourflow.yml")
    assert loaded.problems == ()
    (flagship,) = loaded.source("shop").accounts.values()
    assert isinstance(flagship, ShopAccount)
    assert flagship.app_key == "007"
    assert flagship.app_secret.get_secret_value() == "s3cr3t"
    assert loaded.sinks.webhook is not None
    assert loaded.sinks.webhook.secret.env == "HOOK"

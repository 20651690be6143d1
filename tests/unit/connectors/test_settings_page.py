"""docs/settings.md: its example is a file that loads, and says every key there is."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.configuration import (
    Business,
    ConfigurationFile,
    FilesEntry,
    PlatformEntry,
    Policies,
    Schedules,
    load_configuration,
)
from connectors.settings import CONFIGURABLE, PROJECT_ROOT, load_settings
from connectors.sinks.declared import SecretReference, Sinks, TargetEntry, Webhook
from connectors.sources.api.connector import AccountConfig

PAGE = PROJECT_ROOT / "docs" / "settings.md"
MODELS = (
    ConfigurationFile, Business, Schedules, FilesEntry, PlatformEntry, AccountConfig, Sinks,
    Webhook, TargetEntry, SecretReference, Policies,
)  # fmt: skip


@pytest.fixture(scope="module")
def example() -> str:
    """The example of the page."""
    (found,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def test_the_example_loads(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in re.findall(r"\{env: (\w+)\}", example):
        monkeypatch.setenv(name, "whsec_secret")
    path = tmp_path / "fourflow.yml"
    path.write_text(example, encoding="utf-8")
    settings = load_settings(home=tmp_path / "home", config=str(path))
    loaded = load_configuration(settings)
    assert loaded.problems == loaded.target_problems == ()
    assert {name: list(accounts) for name, accounts in loaded.targets.items()} == {
        "files": ["carrier"]
    }
    assert list(loaded.sources) == ["tmall", "till", "taobao"]
    assert all(source.is_usable for source in loaded.sources.values())
    assert settings.webhook_url == "https://example.com/hook"
    assert settings.webhook_secret == "whsec_secret"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_in_the_example(example: str, model: type[BaseModel]):
    missing = [name for name in model.model_fields if not re.search(rf"(^|[\s{{]){name}:", example)]
    assert missing == [], "add these keys with a comment to the example in docs/settings.md"


def test_every_key_of_the_example_has_a_comment(example: str):
    lines = example.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if re.match(r"\s*(# )?[a-z_]+:( |$)", line):
            assert above.strip().startswith("#"), line


def test_the_table_says_which_key_each_setting_has():
    text = PAGE.read_text(encoding="utf-8")
    for name, keys in CONFIGURABLE.items():
        assert f"| `FOURFLOW_{name.upper()}` | `{'.'.join(keys)}` |" in text

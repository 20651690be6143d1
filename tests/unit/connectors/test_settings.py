"""Where settings and secrets come from, and what a wrong one gets told."""

from pathlib import Path

import pytest

from connectors.errors import InputError
from connectors.settings import CONFIGURABLE, Settings, configuration_to_write, load_settings


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a home of its own, where fourflow.yml is looked for as usual."""
    folder = tmp_path / "shop"
    (folder / "below").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FOURFLOW_CONFIG", raising=False)
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path / "home"))
    return folder


def test_the_file_is_looked_for_upwards_and_then_in_home(shop: Path, tmp_path: Path, monkeypatch):
    assert load_settings().configuration_path is None
    in_home = write(tmp_path / "home" / "fourflow.yml", "business: {currency: USD}\n")
    assert load_settings().configuration_path == in_home
    assert load_settings().business_currency == "USD"
    here = write(shop / "fourflow.yml", "business: {currency: EUR}\n")
    monkeypatch.chdir(shop / "below")
    assert load_settings().configuration_path == here
    assert load_settings().business_currency == "EUR"
    elsewhere = write(tmp_path / "other.yml", "business: {currency: GBP}\n")
    monkeypatch.setenv("FOURFLOW_CONFIG", str(elsewhere))
    assert load_settings().business_currency == "GBP"
    monkeypatch.setenv("FOURFLOW_CONFIG", "none")
    assert load_settings().configuration_path is None


def test_arguments_win_over_the_environment_and_that_over_the_file(shop: Path, monkeypatch):
    write(shop / "fourflow.yml", "policies: {publication_retention_days: 7}\n")
    assert load_settings().publication_retention_days == 7
    monkeypatch.setenv("FOURFLOW_PUBLICATION_RETENTION_DAYS", "8")
    assert load_settings().publication_retention_days == 8
    assert load_settings(publication_retention_days=9).publication_retention_days == 9


def test_every_configurable_setting_is_taken_from_the_file(shop: Path, monkeypatch):
    monkeypatch.setenv("SIGNING", "whsec_abc")
    write(
        shop / "fourflow.yml",
        """
        business: {time_zone: Europe/Berlin, calendar: de, currency: EUR}
        sinks: {webhook: {url: "https://host/x", secret: {env: SIGNING}}}
        policies:
          publication_retention_days: 1
          publication_retention_count: 2
          lock_timeout_seconds: 3
          memory_limit: 4GB
          threads: 1
        """,
    )
    settings, default = load_settings(), Settings(config="none")
    for name in CONFIGURABLE:
        assert getattr(settings, name) != getattr(default, name), name
    assert settings.webhook_secret == "whsec_abc"
    monkeypatch.setenv("FOURFLOW_WEBHOOK_SECRET", "whsec_def")
    assert load_settings().webhook_secret == "whsec_def"


def test_children_read_the_same_file_from_anywhere(shop: Path, tmp_path: Path, monkeypatch):
    path = write(shop / "fourflow.yml", "business: {currency: EUR}\n")
    secrets = write(tmp_path / "secrets.env", "")
    monkeypatch.setenv("FOURFLOW_SECRETS_FILE", "../secrets.env")
    environment = load_settings().child_environment()
    assert environment["FOURFLOW_CONFIG"] == str(path)
    assert environment["FOURFLOW_SECRETS_FILE"] == str(secrets)
    assert environment["FOURFLOW_BUSINESS_CURRENCY"] == "EUR"
    path.unlink()
    assert load_settings().child_environment()["FOURFLOW_CONFIG"] == "none"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("business: [", "fourflow.yml is not valid YAML"),
        ("- a\n- b\n", "fourflow.yml must be a mapping"),
        ("a: &a [*a]\n", "fourflow.yml is not valid YAML"),
        ("business: {}\nsinks: {}\nbusiness: {}\n", "line 3: key `business` is there twice"),
        ("business: {time_zone: Asia/Beijing}", "`business.time_zone` in fourflow.yml can't be"),
        ("policies: {lock_timeout_seconds: soon}", "`policies.lock_timeout_seconds` in fourflow"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(shop: Path, text: str, sentence: str):
    write(shop / "fourflow.yml", text)
    with pytest.raises(InputError) as raised:
        load_settings()
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_wrong_variable_is_named(shop: Path, monkeypatch):
    monkeypatch.setenv("FOURFLOW_LOCK_TIMEOUT_SECONDS", "soon")
    with pytest.raises(InputError, match="FOURFLOW_LOCK_TIMEOUT_SECONDS can't be used: input sho"):
        load_settings()


def test_a_named_file_must_be_there(shop: Path, monkeypatch):
    monkeypatch.setenv("FOURFLOW_CONFIG", "nowhere.yml")
    with pytest.raises(InputError, match=r"FOURFLOW_CONFIG names .*nowhere\.yml, which is not th"):
        load_settings()
    assert configuration_to_write() == shop / "nowhere.yml"


def test_secrets_come_from_the_environment_then_from_the_file(shop: Path, tmp_path, monkeypatch):
    path = write(
        tmp_path / "secrets.env",
        "# comment\n\nPLAIN=a=b\nexport QUOTED='a b'\n KEY = \"line\\nline\" \nEMPTY=\n",
    )
    path.chmod(0o600)
    settings = load_settings(secrets_file=str(path))
    assert settings.secret("PLAIN").get_secret_value() == "a=b"
    assert settings.secret("QUOTED").get_secret_value() == "a b"
    assert settings.secret("KEY").get_secret_value() == "line\nline"
    monkeypatch.setenv("PLAIN", "from the environment")
    assert settings.secret("PLAIN").get_secret_value() == "from the environment"
    for name in ("EMPTY", "ABSENT"):
        with pytest.raises(InputError, match=rf"variable {name} is not set; .*secrets\.env"):
            settings.secret(name)
    assert "a=b" not in repr(settings.secret("PLAIN"))


@pytest.mark.parametrize(
    ("mode", "text", "sentence"),
    [
        (0o644, "A=1\n", "Others can read the secrets"),
        (0o640, "A=1\n", "Others can read the secrets"),
        (0o600, "A=1\nwhat is this\n", r"Line 2 of .* is not NAME=value"),
        (0o600, "9A=1\n", r"Line 1 of .* is not NAME=value"),
        (None, "", "FOURFLOW_SECRETS_FILE names .* not there"),
    ],
)
def test_a_secrets_file_of_no_use_is_refused(shop: Path, tmp_path, mode, text, sentence):
    path = tmp_path / "secrets.env"
    if mode is not None:
        write(path, text).chmod(mode)
    with pytest.raises(InputError, match=sentence) as raised:
        load_settings(secrets_file=str(path)).secret("A")
    assert "what is this" not in str(raised.value)


def test_dbt_refuses_to_compute_in_another_zone(shop: Path, monkeypatch):
    refuse = pytest.importorskip("connectors.lake.dbt_plugin").refuse_another_time_zone
    refuse(load_settings())
    write(shop / "fourflow.yml", "business: {time_zone: Europe/Berlin}\n")
    with pytest.raises(InputError, match="export FOURFLOW_BUSINESS_TIME_ZONE=Europe/Berlin"):
        refuse(load_settings())
    monkeypatch.setenv("FOURFLOW_BUSINESS_TIME_ZONE", "Europe/Berlin")
    refuse(load_settings())

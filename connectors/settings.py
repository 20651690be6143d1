"""Settings: the only module that reads environment variables, and where secrets come from.

Every setting has a default that works on a laptop; each is documented in `docs/settings.md`
(a test checks that). Some can also be said in `fourflow.yml`; the environment wins. What else that
file says is `connectors.configuration`'s. Nothing is read at import.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from connectors.declarations import Document, as_clause, known_time_zone, read_document
from connectors.errors import InputError
from connectors.secrets_file import read_secrets

PROJECT_ROOT = Path(__file__).resolve().parent.parent
LAKE_NAME = "lake"
CONFIGURATION_NAME = "fourflow.yml"
NO_CONFIGURATION = "none"

# The settings that `fourflow.yml` may say as well, and under which keys.
CONFIGURABLE: dict[str, tuple[str, ...]] = {
    "business_time_zone": ("business", "time_zone"),
    "business_calendar": ("business", "calendar"),
    "business_currency": ("business", "currency"),
    "webhook_url": ("sinks", "webhook", "url"),
    "publication_retention_days": ("policies", "publication_retention_days"),
    "publication_retention_count": ("policies", "publication_retention_count"),
    "lock_timeout_seconds": ("policies", "lock_timeout_seconds"),
    "memory_limit": ("policies", "memory_limit"),
    "threads": ("policies", "threads"),
}
_WEBHOOK_SECRET = ("sinks", "webhook", "secret", "env")
_PREFIX = "FOURFLOW_"


class Settings(BaseSettings):
    """What one installation of Fourflow is configured with (environment prefix `FOURFLOW_`)."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore")

    home: Path = Field(
        default=Path(".fourflow"),
        description="Folder of all state: catalogue, data files, operational database, logs.",
    )
    config: str = Field(
        default="",
        description="Path of fourflow.yml; empty means the one in the working directory or above, "
        "else in home; `none` means that there is none.",
    )
    secrets_file: str = Field(
        default="",
        description="File of `NAME=value` lines with the secrets that the environment lacks.",
    )
    environment: Literal["development", "production"] = Field(
        default="development", description="Production refuses demo defaults such as open sinks."
    )
    business_time_zone: str = Field(
        default="Asia/Shanghai", description="Zone of business dates and of times shown to people."
    )
    business_calendar: str = Field(
        default="cn", description="Country whose public holidays count, as ISO 3166 in lower case."
    )
    business_currency: str = Field(
        default="CNY", pattern="^[A-Z]{3}$", description="Currency of the business, as ISO 4217."
    )
    catalog_url: str = Field(
        default="",
        description="PostgreSQL URL of the lake's catalogue for teams; empty means SQLite in home.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL of the operational database; empty means SQLite in home.",
    )
    dbt_project: Path = Field(
        default=PROJECT_ROOT / "dbt_project",
        description="Folder of the dbt project; a team may keep its own copy.",
    )
    dbt_parse_cache: Path | None = Field(
        default=None,
        description="Folder in which homes share what dbt parsed; empty: each parses for itself.",
    )
    lock_timeout_seconds: float = Field(
        default=900.0, ge=0, description="How long a writing step waits for the lake's writer lock."
    )
    publication_retention_days: int = Field(
        default=30,
        ge=1,
        description="For how many days the last publication of each day can be opened again.",
    )
    publication_retention_count: int = Field(
        default=20,
        ge=1,
        description="How many of the newest publications are kept whatever their age.",
    )
    webhook_url: str = Field(
        default="", description="Where decisions are posted; empty means the webhook sink is off."
    )
    webhook_secret: str = Field(
        default="", description="Signing secret of the webhook sink (`whsec_` + base64)."
    )
    email_url: str = Field(
        default="", description="Mail server, smtp:// or smtps://; empty: the e-mail sink is off."
    )
    email_from: str = Field(default="", description="Sender of e-mails.")
    email_to: str = Field(default="", description="Who gets e-mails whose action names nobody.")
    chat_url: str = Field(
        default="", description="Apprise URL of a chat; empty means the chat sink is off."
    )
    public_url: str = Field(
        default="http://127.0.0.1:8787",
        description="Where people reach the inbox's server, for links in messages.",
    )
    live_sinks: Literal["auto", "yes", "no"] = Field(
        default="auto",
        description="Whether decisions leave this machine; auto: only in production.",
    )
    pii_key: str = Field(
        default="",
        description="Key of the hash that tokenises personal data; empty means one made in home.",
    )
    inbox_body_limit_mb: int = Field(
        default=4, ge=1, description="Largest push that the inbox takes, in MiB."
    )
    inbox_capacity_mb: int = Field(
        default=2048,
        ge=1,
        description="How much may wait in the inbox, in MiB; beyond that pushes are put off.",
    )
    memory_limit: str = Field(
        default="",
        description="DuckDB memory limit of writing steps, such as 8GB; empty = default.",
    )
    threads: int = Field(
        default=0, ge=0, description="Processor threads of a query; 0 = one for each core."
    )

    _zone = field_validator("business_time_zone")(known_time_zone)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over `fourflow.yml`."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _ConfigurationFile(settings_cls)

    @cached_property
    def root(self) -> Path:
        """Home as an absolute path; a relative home is looked for upwards, as git does.

        So `dbt build` in `dbt_project/` finds the same `.fourflow/` as `fourflow run` beside it.
        """
        return _find_home(self.home)

    @cached_property
    def configuration_path(self) -> Path | None:
        """The `fourflow.yml` in force; None when there is none."""
        return _find_configuration(self.config, self.home)

    def beside_configuration(self, name: str) -> Path | None:
        """A file beside `fourflow.yml`, else in home; None when there is none."""
        return next((path for path in self._beside(name) if path.is_file()), None)

    def folder_beside_configuration(self, name: str) -> Path | None:
        """A folder beside `fourflow.yml`, else in home; None when there is none."""
        return next((path for path in self._beside(name) if path.is_dir()), None)

    def _beside(self, name: str) -> list[Path]:
        configured = self.configuration_path
        folders = [*([configured.parent] if configured else []), self.root]
        return [folder / name for folder in folders]

    def secret(self, name: str) -> SecretStr:
        """The secret of that name: from the environment, else from the secrets file.

        Raises:
            InputError: it is in neither, or the secrets file can't be used.
        """
        value = _look_up_secret(name, self.secrets_file)
        if value:
            return SecretStr(value)
        place = self.secrets_file or "the file that FOURFLOW_SECRETS_FILE names"
        raise InputError(
            f"The environment variable {name} is not set; set it, or add a line {name}=... to "
            f"{place}."
        )

    @property
    def lake_path(self) -> Path:
        """The SQLite catalogue of the lake."""
        return self.root / "lake.sqlite"

    @property
    def data_path(self) -> Path:
        """The folder of the lake's Parquet files."""
        return self.root / "data"

    @property
    def database_path(self) -> Path:
        """The SQLite file of the operational database."""
        return self.root / "operations.sqlite"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.root / "dagster"

    @property
    def logs_path(self) -> Path:
        """Logs of runs and of dbt."""
        return self.root / "logs"

    @property
    def sandbox_path(self) -> Path:
        """Files of the simulated retailer."""
        return self.root / "sandbox"

    @property
    def inbox_path(self) -> Path:
        """The folder in which accepted pushes wait for the lake."""
        return self.root / "inbox"

    @property
    def outbox_path(self) -> Path:
        """The JSON-lines file that the file sink appends to."""
        return self.root / "outbox" / "decisions.jsonl"

    @property
    def dbt_project_path(self) -> Path:
        """The analysts' dbt project."""
        return self.dbt_project.expanduser().resolve()

    @property
    def dbt_target_path(self) -> Path:
        """Where dbt writes what it compiled and what its runs found."""
        return self.root / "dbt"

    def pii_hash_key(self) -> str:
        """The key for tokens of personal data; made once in home when none is configured.

        Losing the key only means that later tokens no longer match earlier ones.
        """
        if self.pii_key:
            return self.pii_key
        path = self.root / "secrets" / "pii.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o700)
            try:
                with path.open("x", encoding="ascii") as file:
                    file.write(secrets.token_hex(32))
            except FileExistsError:
                pass
            path.chmod(0o600)
        return path.read_text(encoding="ascii").strip()

    @property
    def enabled_sources_path(self) -> Path:
        """Where `orchestration.enabled_sources` remembers which sources' models are built."""
        return self.dbt_target_path / "enabled_sources.txt"

    def enabled_sources(self) -> tuple[str, ...]:
        """The sources whose models are built; none means all of them."""
        path = self.enabled_sources_path
        return tuple(path.read_text(encoding="utf-8").split()) if path.exists() else ()

    def child_environment(self) -> dict[str, str]:
        """Environment for child processes (dbt, Dagster, Streamlit) so that they agree with us."""
        values = {
            f"{_PREFIX}{name.upper()}": str(value)
            for name, value in self.model_dump().items()
            if value not in ("", None)
        }
        values["FOURFLOW_HOME"] = str(self.root)
        values["FOURFLOW_CONFIG"] = str(self.configuration_path or NO_CONFIGURATION)
        if self.secrets_file:
            values["FOURFLOW_SECRETS_FILE"] = str(Path(self.secrets_file).expanduser().resolve())
        values["FOURFLOW_PII_KEY"] = self.pii_hash_key()
        if self.enabled_sources():
            values["FOURFLOW_ENABLED_SOURCES"] = ",".join(self.enabled_sources())
        values["DAGSTER_HOME"] = str(self.dagster_home)
        # The events that belong together, as what a run plans, are stored together.
        values["DAGSTER_EVENT_BATCH_SIZE"] = "1000"
        values["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        values["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
        values["DO_NOT_TRACK"] = "1"
        return {**os.environ, **values}

    def export_to_environment(self, *, run_id: str = "") -> None:
        """Make this process's environment say what these settings say (for dbt and Dagster)."""
        os.environ.update(self.child_environment())
        if run_id:
            os.environ["FOURFLOW_RUN_ID"] = run_id

    @contextlib.contextmanager
    def exported(self) -> Iterator[None]:
        """`export_to_environment` for as long as the block takes."""
        before = dict(os.environ)
        self.export_to_environment()
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def fingerprint(self) -> str:
        """Short hash that changes when the lake or the database these settings name changes."""
        text = f"{self.root}|{self.catalog_url}|{self.database_url}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def business_time_zone_of_dbt() -> str:
    """The zone that the dbt project's macros compute in: they read the environment themselves."""
    default = str(Settings.model_fields["business_time_zone"].default)
    return os.environ.get("FOURFLOW_BUSINESS_TIME_ZONE", default)


def load_settings(**overrides: object) -> Settings:
    """Read the settings; keyword arguments win (tests use them).

    Raises:
        InputError: a setting has a value that it can't have, or `fourflow.yml` can't be read.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        message = as_clause(first["msg"].removeprefix("Value error, "))
        raise InputError(
            f"{_where_it_was_said(name)} can't be used: {message}; "
            "docs/settings.md says what it may be."
        ) from error
    path = settings.configuration_path
    if path is not None and not path.is_file():
        raise InputError(
            f"FOURFLOW_CONFIG names {path}, which is not there; correct it, or write one with "
            "`fourflow init`."
        )
    return settings


def configuration_to_write() -> Path:
    """Where a new `fourflow.yml` belongs: where `FOURFLOW_CONFIG` says, else right here."""
    given = os.environ.get("FOURFLOW_CONFIG", "")
    if given in ("", NO_CONFIGURATION):
        return Path.cwd() / CONFIGURATION_NAME
    return Path(given).expanduser().absolute()


def _find_home(home: Path) -> Path:
    home = home.expanduser()
    if home.is_absolute():
        return home.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / home).is_dir():
            return (folder / home).resolve()
    return (here / home).resolve()


def _find_configuration(config: str, home: Path) -> Path | None:
    if config == NO_CONFIGURATION:
        return None
    if config:
        return Path(config).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents, _find_home(home)):
        if (folder / CONFIGURATION_NAME).is_file():
            return (folder / CONFIGURATION_NAME).resolve()
    return None


class _ConfigurationFile(PydanticBaseSettingsSource):
    """The settings that `fourflow.yml` says; its other keys are not looked at here."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not asked: the file is read as a whole."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Values by the name of their setting."""
        given = self.current_state
        home = Path(given.get("home") or Settings.model_fields["home"].default)
        path = _find_configuration(str(given.get("config") or ""), home)
        if path is None or not path.is_file():
            return {}
        found = path.stat()
        document = _read_once(path, (found.st_ino, found.st_mtime_ns, found.st_size))
        values = {name: _value_at(document, keys) for name, keys in CONFIGURABLE.items()}
        secret_name = _value_at(document, _WEBHOOK_SECRET)
        if secret_name is not None and "webhook_secret" not in given:
            secrets_file = str(given.get("secrets_file") or "")
            values["webhook_secret"] = _look_up_secret(secret_name, secrets_file)
        return {name: value for name, value in values.items() if value is not None}


@lru_cache(maxsize=8)
def _read_once(path: Path, version: tuple[int, ...]) -> Document:
    """The same file is not read again: a page asks for the settings many times."""
    del version
    return read_document(path)


def _value_at(document: Document, keys: tuple[str, ...]) -> str | None:
    """The scalar under these keys; what is not a scalar is told by `load_configuration`."""
    value: Any = document.content
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _where_it_was_said(name: str) -> str:
    variable = f"{_PREFIX}{name.upper()}"
    if variable in os.environ or name not in CONFIGURABLE:
        return variable
    return f"`{'.'.join(CONFIGURABLE[name])}` in {CONFIGURATION_NAME}"


def _look_up_secret(name: str, secrets_file: str) -> str | None:
    """The value in the environment or in the secrets file; None when it has none.

    Raises:
        InputError: the secrets file is missing, malformed or open to others.
    """
    value = os.environ.get(name)
    if value or not secrets_file:
        return value or None
    return read_secrets(Path(secrets_file).expanduser()).get(name) or None

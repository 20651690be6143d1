"""Settings: the only module that reads environment variables.

Every setting has a default that works on a laptop; each is documented in `docs/settings.md`
(a test checks that). Nothing is read at import.
"""

import hashlib
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent
LAKE_NAME = "lake"


class Settings(BaseSettings):
    """What one installation of Fourflow is configured with (environment prefix `FOURFLOW_`)."""

    model_config = SettingsConfigDict(env_prefix="FOURFLOW_", extra="ignore")

    home: Path = Field(
        default=Path(".fourflow"),
        description="Folder of all state: catalogue, data files, operational database, logs.",
    )
    environment: Literal["development", "production"] = Field(
        default="development", description="Production refuses demo defaults such as open sinks."
    )
    business_time_zone: str = Field(
        default="Asia/Shanghai", description="Zone of business dates and of times shown to people."
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
    lock_timeout_seconds: float = Field(
        default=900.0, description="How long a writing step waits for the lake's writer lock."
    )
    publication_retention_days: int = Field(
        default=30,
        description="For how many days the last publication of each day can be opened again.",
    )
    publication_retention_count: int = Field(
        default=20, description="How many of the newest publications are kept whatever their age."
    )
    webhook_url: str = Field(
        default="", description="Where decisions are posted; empty means the webhook sink is off."
    )
    webhook_secret: str = Field(
        default="", description="Signing secret of the webhook sink (`whsec_` + base64)."
    )
    pii_key: str = Field(
        default="",
        description="Key of the hash that tokenises personal data; empty means one made in home.",
    )
    memory_limit: str = Field(
        default="",
        description="DuckDB memory limit of writing steps, such as 8GB; empty = default.",
    )

    @cached_property
    def root(self) -> Path:
        """Home as an absolute path; a relative home is looked for upwards, as git does.

        So `dbt build` in `dbt_project/` finds the same `.fourflow/` as `fourflow run` beside it.
        """
        home = self.home.expanduser()
        if home.is_absolute():
            return home.resolve()
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / home).is_dir():
                return (folder / home).resolve()
        return (here / home).resolve()

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

    def child_environment(self) -> dict[str, str]:
        """Environment for child processes (dbt, Dagster, Streamlit) so that they agree with us."""
        values = {
            f"FOURFLOW_{name.upper()}": str(value)
            for name, value in self.model_dump().items()
            if value not in ("", None)
        }
        values["FOURFLOW_HOME"] = str(self.root)
        values["FOURFLOW_PII_KEY"] = self.pii_hash_key()
        values["DAGSTER_HOME"] = str(self.dagster_home)
        values["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        values["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
        values["DO_NOT_TRACK"] = "1"
        return {**os.environ, **values}

    def export_to_environment(self, *, run_id: str = "") -> None:
        """Make this process's environment say what these settings say (for dbt and Dagster)."""
        os.environ.update(self.child_environment())
        if run_id:
            os.environ["FOURFLOW_RUN_ID"] = run_id

    def fingerprint(self) -> str:
        """Short hash that changes when the lake or the database these settings name changes."""
        text = f"{self.root}|{self.catalog_url}|{self.database_url}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def started_by_a_run() -> bool:
    """Whether this process is the child of a run (which exports its id to its children)."""
    return bool(os.environ.get("FOURFLOW_RUN_ID"))


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; keyword arguments win (tests use them)."""
    return Settings(**overrides)  # type: ignore[arg-type]

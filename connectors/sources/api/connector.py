"""What a platform connector is, what one account is configured with, and which connectors exist.

A connector is a package `connectors.sources.<name>` whose module `source` defines `CONNECTOR`, or
an entry point of the group `fourflow.connectors`. Nothing is imported before it is asked for.
"""

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

import connectors.sources
from connectors.declarations import suggest
from connectors.errors import InputError
from connectors.settings import Settings
from connectors.sources.api.reading import Reading, TrackingNumber

_ENTRY_POINTS = "fourflow.connectors"
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def _is_encrypted(url: str) -> str:
    address = urlsplit(url)
    if address.scheme != "https" and address.hostname not in _LOCAL:
        raise ValueError(
            "must begin with https:// (or be on this machine): secrets and personal data are sent"
        )
    return url


EncryptedUrl = Annotated[str, AfterValidator(_is_encrypted)]
"""The address of somebody's own server: what is sent there may not be read on the way."""


class AccountConfig(BaseModel):
    """What every account of a platform is configured with; a connector adds its own keys.

    Secrets are `pydantic.SecretStr` fields; fourflow.yml names the environment variable that holds
    each of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="Where the platform's gateway is; tests point it elsewhere.")
    start: date | None = Field(
        default=None,
        description="First business date of the first reading; empty: 90 days back.",
    )
    requests_per_second: float = Field(
        default=20.0, gt=0, description="Most calls a second; later calls wait."
    )
    overlap_minutes: int = Field(
        default=10, ge=0, description="How far each reading goes back over the one before."
    )
    behind_seconds: int = Field(
        default=0,
        ge=0,
        description="How far a reading stays behind the present: clocks differ, platforms lag.",
    )
    page_size: int = Field(default=100, ge=1, description="Records asked for in one call.")
    timeout_seconds: float = Field(default=30.0, gt=0, description="Longest wait for an answer.")
    attempts: int = Field(
        default=5, ge=1, description="How often a call that may succeed later is tried in a row."
    )


@dataclass(frozen=True)
class Connector:
    """One platform that Fourflow can read.

    Attributes:
        name: of the platform; also of its dbt source and of its bronze tables unless a source in
            fourflow.yml has another name.
        title: for people, such as "Taobao / Tmall (TOP)".
        config: the model of one account.
        entities: names of what is read; `<source>_<entity>` are the bronze tables.
        source: makes the dlt source of one reading of one account; one resource an entity.
        check: makes the cheapest signed call and says in one sentence what it saw; raises a
            FourflowError that says what is wrong otherwise.
        parcels: of a carrier: which parcels an account is to be asked about in a reading. Such a
            connector is read after the shops, and finds them as `Reading.tracking_numbers`.
    """

    name: str
    title: str
    config: type[AccountConfig]
    entities: tuple[str, ...]
    source: Callable[[Any, Reading], Any]
    check: Callable[[Any, Reading], str]
    parcels: Callable[[Settings, Any, Reading], Iterable[TrackingNumber]] | None = None


def list_connectors() -> list[str]:
    """Names of all connectors that are installed, sorted."""
    own = {
        module.name
        for module in pkgutil.iter_modules(connectors.sources.__path__)
        if module.ispkg and importlib.util.find_spec(_module_of(module.name)) is not None
    }
    return sorted(own | {entry.name for entry in _entry_points()})


def find_connector(name: str) -> Connector:
    """The connector of that name.

    Raises:
        InputError: there is none, or it can't be imported.
    """
    for entry in _entry_points():
        if entry.name == name:
            found = entry.load()
            break
    else:
        known = list_connectors()
        if name not in known:
            raise InputError(f"There is no connector {name!r}; {suggest(name, known)}.")
        found = importlib.import_module(_module_of(name)).CONNECTOR
    if not isinstance(found, Connector):
        raise InputError(
            f"Connector {name} is not a `connectors.sources.api.connector.Connector`; correct the "
            "module or entry point that names it."
        )
    return found


def _module_of(name: str) -> str:
    return f"connectors.sources.{name}.source"


def _entry_points() -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=_ENTRY_POINTS)
